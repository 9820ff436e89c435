//! The first two lines that a person sees.

use super::link::Greeting;
use crate::config::AgentKind;

/// Who answers, and that it is jailed; then what to type. Each fits into a line of 80 characters, whatever the agent's name but the longest.
pub(super) fn words(greeting: &Greeting) -> String {
    let agent = &greeting.agent;
    let (who, hint) = match greeting.kind {
        AgentKind::BuiltIn => ("the built-in demo agent (kiro-cli was not found)", "Type help, run ls, escape or /help."),
        kind @ (AgentKind::Kiro(_) | AgentKind::Acp) => (kind.as_words(), "Type a message, or /help."),
    };
    format!("{agent} answers from its jail: {who}.\n{hint} Ctrl-C stops a turn, Ctrl-D leaves.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newcomer_learns_in_two_lines_who_answers_and_what_to_type() {
        let demo = Greeting { agent: "tg-acp".parse().unwrap(), kind: AgentKind::BuiltIn, note: String::new() };
        let words = words(&demo);
        assert_eq!(words.lines().count(), 2);
        assert!(words.lines().all(|line| line.len() <= 80), "{words}");
        for part in ["tg-acp", "jail", "built-in demo", "kiro-cli was not found", "help", "run ls", "escape", "Ctrl-D"] {
            assert!(words.contains(part), "{part}: {words}");
        }
    }
}

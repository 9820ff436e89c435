//! The bot's own commands. Any other text that begins with `/` is the agent's and goes to it as it is.

pub(super) mod agents_own;

/// Longest name of a model or mode that is taken from a person, in characters.
const NAME: usize = 100;

/// A command of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `/start`
    Start,
    /// `/help`
    Help,
    /// `/new`: leaves this conversation and begins another.
    New,
    /// `/stop`: cancels the turn.
    Stop,
    /// `/retry`: gives the last prompt to the agent again.
    Retry,
    /// `/sessions`, or `/resume` without a number: the conversations of this thread.
    Sessions,
    /// `/resume N`: takes up the conversation of this number in their list, which begins at 1.
    Resume(usize),
    /// `/status`
    Status,
    /// `/model [NAME]`: shows the models, or chooses one for this thread.
    Model(Option<String>),
    /// `/mode [NAME]`: the same for modes.
    Mode(Option<String>),
    /// `/files`: what is in the workspace.
    Files,
    /// `/usage`: what the agent says about its use.
    Usage,
    /// `/settings`
    Settings,
    /// `/hosts`: what agents may reach beyond their policy, for operators.
    Hosts,
}

/// The commands in the order of a client's menu; what each does, the texts of a language tell.
pub const MENU: &[&str] =
    &["new", "stop", "retry", "sessions", "resume", "model", "mode", "files", "usage", "status", "settings", "hosts", "help", "start"];

/// The same as `/help` groups them: about conversations, the agent, the rest. Whoever reads it has started.
pub(super) const GROUPS: [&[&str]; 3] =
    [&["new", "stop", "retry", "sessions", "resume"], &["model", "mode", "status", "usage"], &["files", "settings", "hosts", "help"]];

impl Command {
    /// The command that a text is, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let command = words.next()?;
        let mut name = || words.next().map(|name| name.chars().take(NAME).collect::<String>());
        Some(match command {
            "/start" => Self::Start,
            "/help" => Self::Help,
            "/new" => Self::New,
            "/stop" => Self::Stop,
            "/retry" => Self::Retry,
            "/sessions" => Self::Sessions,
            "/resume" => name().and_then(|number| number.parse().ok()).map_or(Self::Sessions, Self::Resume),
            "/status" => Self::Status,
            "/model" => Self::Model(name()),
            "/mode" => Self::Mode(name()),
            "/files" => Self::Files,
            "/usage" => Self::Usage,
            "/settings" => Self::Settings,
            "/hosts" => Self::Hosts,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_menu_is_understood_and_helped_with() {
        for name in MENU {
            assert!(Command::parse(&format!("/{name}")).is_some(), "{name}");
            assert!(*name == "start" || GROUPS.concat().contains(name), "{name}");
        }
        assert!(GROUPS.concat().iter().all(|name| MENU.contains(name)));
    }

    #[test]
    fn what_is_no_command_of_ours_is_the_agent_s() {
        assert_eq!(Command::parse("/compact now"), None);
        assert_eq!(Command::parse("/newer"), None);
        assert_eq!(Command::parse("please /stop"), None);
        assert_eq!(Command::parse("/model  opus "), Some(Command::Model(Some("opus".to_owned()))));
    }

    #[test]
    fn resume_takes_a_number_and_shows_the_list_without_one() {
        assert_eq!(Command::parse("/resume 2"), Some(Command::Resume(2)));
        for list in ["/resume", "/resume two", "/resume -1", "/resume 99999999999999999999999"] {
            assert_eq!(Command::parse(list), Some(Command::Sessions), "{list}");
        }
    }
}

//! `escape`: what an agent would try that a stranger's web page has talked into it, and honestly what came of each try.
//!
//! Nothing of what is found is shown but that it was found. A try that gets through says so as loudly as it can.

mod tries;

use serde_json::json;

use super::turn::{Halt, ToolCall, Turn};
use crate::model::permission::ToolKind;

/// What came of a try.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The kernel said no, in these words.
    Refused(String),
    /// It got through; what it found there.
    Reached(String),
    /// Neither: nothing is there, or nobody answered. That proves nothing.
    Unclear(String),
}

impl Outcome {
    /// What an error says about a jail: that something was forbidden, or only that it did not work.
    fn of(error: &std::io::Error) -> Self {
        const FORBIDDEN: [rustix::io::Errno; 5] = [
            rustix::io::Errno::ACCESS,
            rustix::io::Errno::PERM,
            rustix::io::Errno::NOSYS,
            rustix::io::Errno::ROFS,
            rustix::io::Errno::AFNOSUPPORT,
        ];
        let is_refusal = error.raw_os_error().is_some_and(|code| FORBIDDEN.iter().any(|errno| errno.raw_os_error() == code));
        if is_refusal { Self::Refused(error.to_string()) } else { Self::Unclear(error.to_string()) }
    }

    fn line(&self, what: &str) -> String {
        match self {
            Self::Refused(why) => format!("✗ refused: {what} — {why}"),
            Self::Reached(found) => format!("⚠ REACHED: {what} — {found}"),
            Self::Unclear(why) => format!("? not reached, but not refused either: {what} — {why}"),
        }
    }
}

/// One try.
pub(super) struct Try {
    /// What is tried, in a few words.
    pub(super) what: String,
    pub(super) kind: ToolKind,
    pub(super) act: Box<dyn FnOnce() -> Outcome>,
}

/// Tries everything, without asking: a hostile agent would not ask either.
pub(super) fn all(turn: &mut Turn<'_>) -> Result<(), Halt> {
    let tries = tries::all(&turn.cwd());
    attempt(turn, tries)
}

fn attempt(turn: &mut Turn<'_>, tries: Vec<Try>) -> Result<(), Halt> {
    turn.say("The demo agent tries to break out. Everything here should be refused.\n\n")?;
    let (mut refused, mut reached, mut unclear) = (0, 0, 0);
    for Try { what, kind, act } in tries {
        turn.pause(std::time::Duration::ZERO)?;
        let call = ToolCall { title: what.clone(), kind, input: json!({"try": what}), content: json!([]) };
        let id = turn.tool(&call, "in_progress")?;
        let outcome = act();
        let line = outcome.line(&what);
        match outcome {
            Outcome::Refused(_) => refused += 1,
            Outcome::Reached(_) => reached += 1,
            Outcome::Unclear(_) => unclear += 1,
        }
        // As a tool call, a try that got through is one that succeeded.
        turn.tool_done(&id, matches!(outcome, Outcome::Reached(_)), &line)?;
        turn.say(&format!("{line}\n"))?;
    }
    let verdict = match (reached, unclear) {
        (0, 0) => "Nothing got through.",
        (0, _) => "Nothing got through, as far as this machine lets one see.",
        _ => "This jail has holes, or there is none: run `kiroclaw doctor`.",
    };
    turn.say(&format!("\n{refused} refused, {reached} reached, {unclear} unclear. {verdict}"))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};

    use super::super::history::History;
    use super::super::turn::Session;
    use super::super::wire::Wire;
    use super::*;
    use crate::jsonrpc::schema::{Judge, Side};

    #[test]
    fn every_try_is_a_tool_call_and_a_line_that_says_what_came_of_it() {
        let (input, _held) = std::io::pipe().unwrap();
        let (output, out) = std::io::pipe().unwrap();
        let mut wire = Wire::start(input, out);
        let history = History { id: "demo-0".to_owned(), prompts: 1, messages: Vec::new() };
        let mut session = Session { history, cwd: "/w".into(), always: Vec::new(), used: 0 };
        let mut turn = Turn::new(&mut wire, &mut session);
        let outcomes = [Outcome::Refused("no".to_owned()), Outcome::Reached("yes".to_owned()), Outcome::Unclear("who knows".to_owned())];
        let tries = outcomes.into_iter().zip(["one", "two", "three"]);
        let tries = tries.map(|(outcome, what)| Try { what: what.to_owned(), kind: ToolKind::Read, act: Box::new(|| outcome) });
        attempt(&mut turn, tries.collect()).unwrap();
        let said = turn.into_said();
        drop(wire);
        for line in [
            "✗ refused: one — no\n",
            "⚠ REACHED: two — yes\n",
            "three — who knows\n",
            "1 refused, 1 reached, 1 unclear. This jail has holes",
        ] {
            assert!(said.contains(line), "{said}");
        }
        let mut judge = Judge::new();
        let lines: Vec<String> = BufReader::new(output).lines().map(Result::unwrap).collect();
        lines.iter().for_each(|line| judge.hear(Side::Agent, line));
        let statuses = ["failed", "completed", "failed"].map(|status| format!(r#""status":"{status}""#));
        let ended: Vec<&String> = lines.iter().filter(|line| line.contains("tool_call_update")).collect();
        assert!(ended.len() == 3 && ended.iter().zip(statuses).all(|(line, status)| line.contains(&status)));
    }
}

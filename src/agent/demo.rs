//! What the demo answers: a handful of words it knows, and an honest echo to all else.

use std::path::{Component, Path};
use std::time::Duration;

use serde_json::{Value, json};

use super::turn::{Halt, ToolCall, Turn};
use super::{escape, shell};
use crate::model::permission::ToolKind;

/// What it calls itself.
pub(super) const NAME: &str = "kiroclaw's demo agent, without a model";

/// Chunks of `slow` at most: a minute.
const SLOW: u64 = 600;

/// Longest text that `write` shows as what was there before, in bytes.
const OLD_TEXT: u64 = 64 * 1024;

/// Its words: name, what follows it, and what it does.
const WORDS: [(&str, &str, &str); 8] = [
    ("help", "", "what this demo can show"),
    ("say", "TEXT", "streams TEXT back"),
    ("run", "COMMAND", "runs a shell command in your workspace; asks you first"),
    ("write", "FILE TEXT", "writes TEXT into FILE in your workspace; asks first"),
    ("send", "PATH", "sends you a file of your workspace; send me files too, and I name them"),
    ("slow", "N", "N words, ten a second; time enough to stop it"),
    ("count", "", "how many messages this conversation has had; it survives restarts"),
    ("escape", "", "tries to break out of its jail, and shows what came of each try"),
];

/// What was asked.
#[derive(Debug, PartialEq, Eq)]
enum Word<'a> {
    Help,
    Say(&'a str),
    Run(&'a str),
    Write { file: &'a str, text: &'a str },
    Send(&'a str),
    Slow(u64),
    Count,
    Escape,
    Other(&'a str),
}

impl<'a> Word<'a> {
    /// A word without what has to follow it is a text like any other.
    fn parse(text: &'a str) -> Self {
        let text = text.trim();
        let (word, rest) = split(text.strip_prefix('/').unwrap_or(text));
        match (word.to_ascii_lowercase().as_str(), rest) {
            ("help" | "start", "") => Self::Help,
            ("say", rest) if !rest.is_empty() => Self::Say(rest),
            ("run", rest) if !rest.is_empty() => Self::Run(rest),
            ("write", rest) if !rest.is_empty() => {
                let (file, text) = split(rest);
                Self::Write { file, text }
            }
            // It stands in quotation marks, on one line.
            ("send", path) if !path.is_empty() && !path.contains(['"', '<', '>', '\n']) => Self::Send(path),
            ("slow", count) => count.parse().map_or(Self::Other(text), |count: u64| Self::Slow(count.min(SLOW))),
            ("count", "") => Self::Count,
            ("escape", "") => Self::Escape,
            _ => Self::Other(text),
        }
    }
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// Its words, as ACP's commands.
pub(super) fn commands() -> Value {
    let command = |(name, hint, description): (&str, &str, &str)| match hint {
        "" => json!({"name": name, "description": format!("Demo: {description}")}),
        hint => json!({"name": name, "description": format!("Demo: {description}"), "input": {"hint": hint}}),
    };
    WORDS.map(command).into()
}

/// Answers a prompt: first to the files that came with it, then to its text.
pub(super) fn answer(turn: &mut Turn<'_>, prompt: &str, files: &[String]) -> Result<(), Halt> {
    if !files.is_empty() {
        turn.say(&received(files))?;
        if prompt.trim().is_empty() {
            return Ok(());
        }
    }
    match Word::parse(prompt) {
        Word::Help => turn.stream(&help()),
        Word::Say(text) => turn.stream(text),
        Word::Run(command) => run(turn, command),
        Word::Write { file, text } => write(turn, file, text),
        Word::Send(path) => send(turn, path),
        Word::Slow(count) => slow(turn, count),
        Word::Count => turn.say(&format!("This is message {} of this conversation (demo agent).", turn.prompts())),
        Word::Escape => escape::all(turn),
        Word::Other(text) => turn.stream(&echo(text)),
    }
}

fn help() -> String {
    let line = |(name, follows, does): (&str, &str, &str)| {
        let gap = if follows.is_empty() { "" } else { " " };
        format!("- `{name}{gap}{follows}` – {does}\n")
    };
    let words: String = WORDS.map(line).concat();
    format!(
        "I am {NAME}: nothing here thinks, but all around me is real – your workspace, the jail, the permissions.\n\n{words}\n\
         For an agent that thinks, install kiro-cli or name another agent in AGENT_COMMAND."
    )
}

fn echo(text: &str) -> String {
    let quoted: String = text.lines().map(|line| format!("> {line}\n")).collect();
    format!("I am {NAME}, so I can only repeat what you wrote:\n\n{quoted}\nWrite `help` to see what I can show.")
}

fn received(files: &[String]) -> String {
    let names: String = files.iter().map(|name| format!("- {}\n", name.replace('\n', " "))).collect();
    format!("Files that you sent (demo agent, which does not look into them):\n\n{names}\n")
}

/// The person's side makes a file of this, or says why not.
fn send(turn: &mut Turn<'_>, path: &str) -> Result<(), Halt> {
    let path = turn.cwd().join(path);
    turn.say("Here it is (demo agent). ")?;
    turn.say(&format!(r#"<send_file path="{}">from the demo agent</send_file>"#, path.display()))
}

fn slow(turn: &mut Turn<'_>, count: u64) -> Result<(), Halt> {
    for number in 1..=count {
        turn.pause(Duration::from_millis(100))?;
        turn.say(&format!("{number} "))?;
    }
    turn.say("– done (demo agent).")
}

fn run(turn: &mut Turn<'_>, command: &str) -> Result<(), Halt> {
    let title = format!("Run: {command}");
    let call = ToolCall { title, kind: ToolKind::Execute, input: json!({"command": command}), content: json!([]) };
    with_permission(turn, &call, |turn| {
        let cwd = turn.cwd();
        let outcome = shell::run(turn, command, &cwd)?;
        Ok((outcome.succeeded, format!("{}\n\n{}", fenced(&outcome.output), outcome.how)))
    })
}

/// A fence that is longer than every run of backticks in the text.
fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    format!("{fence}\n{text}{gap}{fence}")
}

fn write(turn: &mut Turn<'_>, file: &str, text: &str) -> Result<(), Halt> {
    if !is_beneath(Path::new(file)) {
        return turn.say(&format!("`{file}` is not a path below your workspace, so this demo does not write it. (`escape` tries to.)"));
    }
    let path = turn.cwd().join(file);
    let old = path.metadata().ok().filter(|metadata| metadata.len() <= OLD_TEXT).and_then(|_| std::fs::read_to_string(&path).ok());
    let call = ToolCall {
        title: format!("Write {file}"),
        kind: ToolKind::Edit,
        input: json!({"path": file, "content": text}),
        content: json!([{"type": "diff", "path": path, "oldText": old, "newText": text}]),
    };
    with_permission(turn, &call, |_| {
        let written = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(&path, text));
        Ok(match written {
            Ok(()) => (true, format!("Wrote {} bytes into `{file}`.", text.len())),
            Err(error) => (false, format!("`{file}` could not be written: {error}.")),
        })
    })
}

/// Whether a path names something below where it starts, by its own words.
fn is_beneath(path: &Path) -> bool {
    path.file_name().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Announces, asks, acts and reports. Acting gives whether it worked, and what to say of it.
fn with_permission(
    turn: &mut Turn<'_>,
    call: &ToolCall,
    act: impl FnOnce(&mut Turn<'_>) -> Result<(bool, String), Halt>,
) -> Result<(), Halt> {
    let id = turn.tool(call, "pending")?;
    let acted = turn.may(&id, call).and_then(|may| {
        if !may {
            return Ok((false, "You said no, so nothing was done.".to_owned()));
        }
        turn.tool_status(&id, "in_progress")?;
        act(turn)
    });
    match acted {
        Ok((succeeded, what)) => {
            turn.tool_done(&id, succeeded, &what)?;
            turn.say(&what)
        }
        Err(halt) => {
            if halt == Halt::Cancelled {
                turn.tool_done(&id, false, "stopped")?;
            }
            Err(halt)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_understood_with_and_without_a_slash() {
        assert_eq!(Word::parse(" /run ls -l "), Word::Run("ls -l"));
        assert_eq!(Word::parse("Write a.txt two  words"), Word::Write { file: "a.txt", text: "two  words" });
        assert_eq!(Word::parse("send a b.txt"), Word::Send("a b.txt"));
        assert_eq!(Word::parse("slow 99999"), Word::Slow(SLOW));
        for text in ["run", "send", "send a\"b", "slow", "slow x", "help me", "counting", ""] {
            assert_eq!(Word::parse(text), Word::Other(text));
        }
    }

    #[test]
    fn every_word_is_a_command_and_calls_itself_a_demo() {
        for command in commands().as_array().unwrap() {
            assert!(command["description"].as_str().unwrap().starts_with("Demo: "));
            let with_something = format!("{} 1 x", command["name"].as_str().unwrap());
            let alone = command["name"].as_str().unwrap();
            let known = [with_something.as_str(), alone].iter().any(|text| !matches!(Word::parse(text), Word::Other(_)));
            assert!(known || alone == "slow", "{alone}");
        }
        assert!(help().contains("demo") && echo("x").contains("demo"));
    }

    #[test]
    fn only_paths_below_the_workspace_are_written() {
        assert!(is_beneath(Path::new("a/b.txt")));
        for path in ["/etc/passwd", "../a", "a/../../b", "", ".", ".."] {
            assert!(!is_beneath(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn a_fence_holds_whatever_is_in_it() {
        assert_eq!(fenced("a\n"), "```\na\n```");
        assert_eq!(fenced("```"), "````\n```\n````");
    }
}

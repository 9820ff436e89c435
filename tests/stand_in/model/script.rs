//! What the "model" does: the lines of what the person last asked for are its steps, one for each request.

use serde_json::{Map, Value};

/// What it does in answer to one request.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Move {
    Say(String),
    Call {
        tool: String,
        arguments: Map<String, Value>,
    },
    /// Some words, and then nothing until whoever asked gives up.
    Hesitate(String),
    /// Repeats an earlier request of the person that has this word in it.
    Recall(String),
}

/// One entry of a conversation, whichever API it came by.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Entry {
    /// Something that the person, or the agent in their place, said.
    User(String),
    /// What a called tool gave.
    Result(String),
    /// What the model did earlier.
    Model,
}

/// The next step of the last script among what was said. At its end the model repeats what the last tool gave.
pub(super) fn next(conversation: &[Entry], tools: &[String]) -> Move {
    if tools.is_empty() {
        // Asked for beside the conversation: a title, a summary.
        return Move::Say("A title".to_owned());
    }
    let mut scripts = conversation.iter().enumerate().filter_map(|(at, entry)| match entry {
        Entry::User(text) => Some((at, steps(text))).filter(|(_, steps)| !steps.is_empty()),
        _ => None,
    });
    let Some((at, steps)) = scripts.next_back() else { return Move::Say("There is no script in this.".to_owned()) };
    let results: Vec<&String> =
        conversation[at..].iter().filter_map(|entry| if let Entry::Result(text) = entry { Some(text) } else { None }).collect();
    match steps.into_iter().nth(results.len()) {
        Some(Move::Call { tool, .. }) if !tools.contains(&tool) => Move::Say(format!("There is no tool {tool} among {tools:?}.")),
        Some(Move::Recall(word)) => Move::Say(recall(&conversation[..at], &word)),
        Some(step) => step,
        None => Move::Say(format!("It gave: {}", results.last().map_or("nothing", |text| text.as_str()))),
    }
}

fn recall(earlier: &[Entry], word: &str) -> String {
    let said = earlier.iter().filter_map(|entry| if let Entry::User(text) = entry { Some(text.lines()) } else { None }).flatten();
    let found = said.into_iter().find(|line| line.contains(word));
    found.map_or_else(|| "I do not remember that.".to_owned(), |line| format!("I was asked: {}", line.trim()))
}

fn steps(text: &str) -> Vec<Move> {
    text.lines().filter_map(|line| step(line.trim())).collect()
}

fn step(line: &str) -> Option<Move> {
    let (word, rest) = line.split_once(' ')?;
    match word {
        "say" => Some(Move::Say(rest.to_owned())),
        "recall" => Some(Move::Recall(rest.to_owned())),
        "hesitate" => Some(Move::Hesitate(rest.to_owned())),
        "call" => {
            let (tool, arguments) = rest.split_once(' ')?;
            Some(Move::Call { tool: tool.to_owned(), arguments: serde_json::from_str(arguments).ok()? })
        }
        _ => None,
    }
}

/// Words as a stream brings them: a few at a time.
pub(super) fn pieces(text: &str) -> Vec<String> {
    text.split_inclusive(' ').map(str::to_owned).collect()
}

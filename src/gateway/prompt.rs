//! A prompt: what a person gives the agent, in one piece however many messages it took.

use crate::model::bounds;
use crate::model::inbound::{Content, FileIn, Part};
use crate::store::EntryId;

/// Files of one prompt. Telegram's albums have ten.
const FILES: usize = 20;

/// Longest text of one message, in UTF-16 units (Bot API, Message).
const TEXT: usize = 4096;

/// Messages that are put together to one prompt: with full ones, all that [`bounds::PROMPT`] holds.
const PARTS: usize = 64;

/// What a turn is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Prompt {
    /// Its place in the inbox.
    pub(super) entry: EntryId,
    /// The channel's number of its first message.
    pub(super) message: i64,
    /// The text; empty for files without one.
    pub(super) text: String,
    /// What the text is about.
    pub(super) context: Option<String>,
    /// What came with it.
    pub(super) files: Vec<FileIn>,
    /// Of what it may be only a part.
    pub(super) part: Option<Part>,
    /// Where it was several messages: the number of each, and the length of its text in bytes.
    joined: Vec<(i64, usize)>,
}

impl Prompt {
    /// The prompt that an entry of the inbox holds; `None` when it holds something else.
    pub(super) fn of(entry: EntryId, content: Content) -> Option<Self> {
        match content {
            Content::Text { message, text, context, files, part, joined } => {
                Some(Self { entry, message, text, context, files, part, joined })
            }
            _ => None,
        }
    }

    /// As it stands in the inbox.
    pub(super) fn content(&self) -> Content {
        let Self { message, text, context, files, part, joined, .. } = self.clone();
        Content::Text { message, text, context, files, part, joined }
    }

    /// Whether `next` is a further part of this one, and there is room for it.
    pub(super) fn goes_on_in(&self, next: &Self) -> bool {
        if self.joined.len() >= PARTS || self.text.len() + next.text.len() >= bounds::PROMPT {
            return false;
        }
        match (&self.part, &next.part) {
            (Some(Part::Album(album)), Some(Part::Album(next))) => album == next,
            // The last part of a long paste is shorter than the others, and comes right after them.
            (Some(Part::Paste), Some(Part::Paste) | None) => next.files.is_empty() && next.context.is_none(),
            _ => false,
        }
    }

    /// Takes a further part in. What it waits for after that is what the part waits for.
    pub(super) fn join(&mut self, next: Self) {
        if self.joined.is_empty() {
            self.joined.push((self.message, self.text.len()));
        }
        let last = self.joined.iter().rev().map(|(_, length)| *length).find(|length| *length > 0).unwrap_or_default();
        let last = self.text.get(self.text.len().saturating_sub(last)..).unwrap_or_default();
        self.text.push_str(between(last, &next.text));
        self.joined.push((next.message, next.text.len()));
        self.text.push_str(&next.text);
        self.files.extend(next.files);
        self.part = next.part;
    }

    /// Gives up what is beyond the bound of files. Returns whether there was anything.
    pub(super) fn bound_files(&mut self) -> Option<usize> {
        let surplus = self.files.len() > FILES;
        self.files.truncate(FILES);
        surplus.then_some(FILES)
    }

    /// The person changed one of its messages. Returns whether it is one of this prompt's.
    pub(super) fn edit(&mut self, message: i64, text: &str) -> bool {
        if self.joined.is_empty() {
            if self.message != message {
                return false;
            }
            text.clone_into(&mut self.text);
            return true;
        }
        let mut parts = self.parts();
        let Some((_, part)) = parts.iter_mut().find(|(number, _)| *number == message) else { return false };
        text.clone_into(part);
        self.joined = parts.iter().map(|(number, part)| (*number, part.len())).collect();
        let mut last = "";
        self.text.clear();
        for (_, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
            self.text.push_str(between(last, part));
            self.text.push_str(part);
            last = part;
        }
        true
    }

    /// The messages that it was, each with its text.
    fn parts(&self) -> Vec<(i64, String)> {
        let mut rest = self.text.as_str();
        let mut parts = Vec::new();
        for (number, length) in &self.joined {
            if *length > 0 && !parts.is_empty() {
                // No message begins with a line's end: Telegram cuts it off.
                rest = rest.strip_prefix('\n').unwrap_or(rest);
            }
            let (part, after) = rest.split_at_checked(*length).unwrap_or_default();
            rest = after;
            parts.push((*number, part.to_owned()));
        }
        parts
    }
}

/// What stands between two parts of a text. Clients split it at a line's end, which Telegram then cuts off; where none is near they fill a
/// message and split in mid-word.
fn between(last: &str, next: &str) -> &'static str {
    // One unit is left over where a character of two did not fit.
    if last.is_empty() || next.is_empty() || last.encode_utf16().count() + 1 >= TEXT { "" } else { "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prompt(message: i64, text: &str, part: Option<Part>) -> Prompt {
        let content = Content::Text { message, text: text.to_owned(), context: None, files: Vec::new(), part, joined: Vec::new() };
        Prompt::of(EntryId(message.unsigned_abs()), content).unwrap()
    }

    #[test]
    fn the_parts_of_a_paste_become_one_text() {
        let mut first = prompt(1, "one", Some(Part::Paste));
        let second = prompt(2, "two", Some(Part::Paste));
        let last = prompt(3, "three", None);
        assert!(first.goes_on_in(&second));
        first.join(second);
        assert!(first.goes_on_in(&last));
        first.join(last);
        assert_eq!(first.text, "one\ntwo\nthree");
        assert!(!first.goes_on_in(&prompt(4, "four", None)), "the paste is over");
        assert_eq!(Prompt::of(first.entry, first.content()), Some(first));
    }

    #[test]
    fn a_prompt_has_an_end_however_long_the_paste() {
        let short = |message| prompt(message, "x", Some(Part::Paste));
        let mut many = short(0);
        for message in 1..1000 {
            if many.goes_on_in(&short(message)) {
                many.join(short(message));
            }
        }
        assert_eq!(many.joined.len(), PARTS);
        let long = prompt(1, &"x".repeat(bounds::PROMPT - 1), Some(Part::Paste));
        assert!(!long.goes_on_in(&short(2)));
    }

    #[test]
    fn a_line_that_fills_a_message_goes_on_in_the_next() {
        let full = "x".repeat(TEXT);
        let mut whole = prompt(1, &full, Some(Part::Paste));
        whole.join(prompt(2, "y", None));
        assert_eq!(whole.text, format!("{full}y"));
        assert!(whole.edit(2, "z"));
        assert_eq!(whole.text, format!("{full}z"));
        assert!(whole.edit(1, "x"));
        assert_eq!(whole.text, "x\nz");
    }

    #[test]
    fn an_album_takes_what_is_of_it_and_nothing_else() {
        let album = |name: &str| Some(Part::Album(name.to_owned()));
        let first = prompt(1, "", album("a"));
        assert!(first.goes_on_in(&prompt(2, "", album("a"))));
        assert!(!first.goes_on_in(&prompt(2, "", album("b"))));
        assert!(!first.goes_on_in(&prompt(2, "", None)));
    }

    #[test]
    fn an_edit_changes_its_own_part() {
        let mut whole = prompt(1, "one", Some(Part::Paste));
        whole.join(prompt(2, "", Some(Part::Paste)));
        whole.join(prompt(3, "three", None));
        assert!(whole.edit(3, "THREE!") && whole.edit(1, "o"));
        assert_eq!(whole.text, "o\nTHREE!");
        assert!(whole.edit(3, "3"));
        assert_eq!(whole.text, "o\n3");
        assert!(!whole.edit(9, "x"));
    }
}

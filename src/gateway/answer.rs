//! The agent's answer as it grows: bounded, without the tags by which it sends files, in the parts in which the person gets it.

use super::files::tag::{FileTag, Filtered, SendFileFilter, TagError};
use crate::model::bounds;

/// The text of one turn.
#[derive(Debug, Default)]
pub(super) struct Answer {
    filter: SendFileFilter,
    /// What the person has not been sent yet.
    text: String,
    /// Bytes that were sent before it.
    sent: usize,
    truncated: bool,
    after_tool: bool,
    /// What ends a text that was cut off.
    cut: &'static str,
}

/// What a chunk brings.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Added {
    /// What is to be shown of it.
    pub(super) shown: Option<String>,
    /// The files that the agent wants sent.
    pub(super) files: Vec<Result<FileTag, TagError>>,
}

impl Answer {
    /// Nothing yet; `cut` ends a text that goes beyond the bound.
    pub(super) fn new(cut: &'static str) -> Self {
        Self { cut, ..Self::default() }
    }

    /// Adds a chunk. What is beyond [`bounds::ANSWER`] is dropped, and the end says so.
    pub(super) fn add(&mut self, chunk: &str) -> Added {
        let Filtered { text, files, .. } = self.filter.push(chunk);
        Added { shown: self.push(&text), files }
    }

    fn push(&mut self, chunk: &str) -> Option<String> {
        if self.truncated || chunk.is_empty() {
            return None;
        }
        let room = bounds::ANSWER.saturating_sub(self.sent + self.text.len());
        let mut shown = String::new();
        if std::mem::take(&mut self.after_tool) && !self.text.is_empty() && !self.text.ends_with('\n') && !chunk.starts_with('\n') {
            shown.push_str("\n\n");
        }
        shown.push_str(chunk);
        if shown.len() > room {
            self.truncated = true;
            shown.truncate((0..=room).rev().find(|end| shown.is_char_boundary(*end)).unwrap_or(0));
        }
        self.text.push_str(&shown);
        Some(shown)
    }

    /// A tool call stands between what was said and what comes: they are paragraphs of their own.
    pub(super) fn interrupted_by_tool(&mut self) {
        self.after_tool = true;
    }

    /// What was said since the last time, to be sent before something else is shown; `None` where there is nothing.
    pub(super) fn take(&mut self) -> Option<String> {
        let text = self.text.trim();
        if text.is_empty() {
            return None;
        }
        let text = text.to_owned();
        self.sent += std::mem::take(&mut self.text).len();
        self.after_tool = false;
        Some(text)
    }

    /// Whether something was sent before the end.
    pub(super) fn was_sent(&self) -> bool {
        self.sent > 0
    }

    /// What was not sent yet, and what the agent's last words bring.
    pub(super) fn finish(mut self) -> (String, Vec<Result<FileTag, TagError>>) {
        let Filtered { text, files, .. } = std::mem::take(&mut self.filter).finish();
        // Shown or not, it is a part of the text.
        let _ = self.push(&text);
        let mut text = self.text.trim().to_owned();
        if self.truncated {
            text.push_str(self.cut);
        }
        (text, files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_before_and_after_a_tool_are_paragraphs_of_their_own() {
        let mut answer = Answer::default();
        answer.add("Let me");
        answer.add(" look.");
        answer.interrupted_by_tool();
        assert_eq!(answer.add("Here").shown.as_deref(), Some("\n\nHere"));
        assert_eq!(answer.finish().0, "Let me look.\n\nHere");
    }

    #[test]
    fn what_was_taken_is_not_said_again() {
        let mut answer = Answer::default();
        assert_eq!(answer.take(), None);
        answer.add("Let me look.\n");
        assert_eq!(answer.take().as_deref(), Some("Let me look."));
        assert!(answer.was_sent());
        answer.interrupted_by_tool();
        assert_eq!(answer.add("Here").shown.as_deref(), Some("Here"));
        assert_eq!(answer.finish().0, "Here");
    }

    #[test]
    fn a_file_s_tag_is_no_part_of_the_text() {
        let mut answer = Answer::default();
        let mut files = Vec::new();
        for chunk in ["Here: <send_", "file path=\"a.txt\">it</send", "_file> done"] {
            files.extend(answer.add(chunk).files);
        }
        assert_eq!(files, [Ok(FileTag { path: "a.txt".to_owned(), caption: "it".to_owned() })]);
        assert!(!answer.finish().0.contains("send"));
    }

    #[test]
    fn an_answer_is_bounded_and_says_so() {
        let mut answer = Answer::new("cut off");
        for _ in 0..4 {
            answer.add(&"ä".repeat(bounds::ANSWER / 4));
            answer.take();
        }
        answer.add("more");
        let (text, _) = answer.finish();
        assert_eq!(text, "cut off");
    }
}

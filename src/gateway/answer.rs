//! The agent's answer as it grows, bounded.

use crate::model::bounds;

/// The text of one turn.
#[derive(Debug, Default)]
pub(super) struct Answer {
    text: String,
    truncated: bool,
    after_tool: bool,
    /// What ends a text that was cut off.
    cut: &'static str,
}

impl Answer {
    /// Nothing yet; `cut` ends a text that goes beyond the bound.
    pub(super) fn new(cut: &'static str) -> Self {
        Self { cut, ..Self::default() }
    }

    /// Adds a chunk; gives what is to be shown of it. What is beyond [`bounds::ANSWER`] is dropped, and the end says so.
    pub(super) fn add(&mut self, chunk: &str) -> Option<String> {
        if self.truncated || chunk.is_empty() {
            return None;
        }
        let room = bounds::ANSWER.saturating_sub(self.text.len());
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

    /// The whole text.
    pub(super) fn finish(self) -> String {
        let mut text = self.text.trim().to_owned();
        if self.truncated {
            text.push_str(self.cut);
        }
        text
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
        assert_eq!(answer.add("Here").as_deref(), Some("\n\nHere"));
        assert_eq!(answer.finish(), "Let me look.\n\nHere");
    }

    #[test]
    fn an_answer_is_bounded_and_says_so() {
        let mut answer = Answer::new("cut off");
        for _ in 0..4 {
            answer.add(&"ä".repeat(32 * 1024));
        }
        let text = answer.finish();
        assert!(text.len() <= bounds::ANSWER + 7);
        assert!(text.ends_with("cut off"));
    }
}

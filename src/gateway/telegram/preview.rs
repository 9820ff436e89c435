//! The draft of an answer that is still being written.

use std::time::Duration;

use tokio::time::Instant;

use crate::channel::telegram::render::{Piece, render_draft};
use crate::gateway::clock::unix_now;
use crate::model::bounds;

/// Between two drafts: faster ones are not read, and count as floods.
const PAUSE: Duration = Duration::from_millis(500);

/// The draft of one thread. Disposable: what cannot be shown is never tried again.
#[derive(Debug)]
pub(super) struct Preview {
    text: String,
    changed: bool,
    /// Not to be shown before.
    at: Instant,
    /// What is on the screen.
    shown: Option<Piece>,
    id: i64,
    off: bool,
}

impl Preview {
    /// Nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        // Another number than the drafts before a restart had; it has to fit into 32 bits.
        let id = i64::try_from(unix_now() % (1 << 30)).unwrap_or(0) + 1;
        Self { text: String::new(), changed: false, at: now, shown: None, id, off: false }
    }

    /// The agent wrote more.
    pub(super) fn add(&mut self, text: &str) {
        if !self.off && self.text.len() + text.len() <= bounds::ANSWER {
            self.text.push_str(text);
            self.changed = true;
        }
    }

    /// The answer is over, or another begins.
    pub(super) fn clear(&mut self) {
        self.text = String::new();
        self.changed = false;
        self.shown = None;
        self.id += 1;
    }

    /// A message was sent, with which drafts vanish. What there is of the answer is shown again, but not at once: if the message was the
    /// answer itself, its end is on the way.
    pub(super) fn vanished(&mut self, now: Instant) {
        self.id += 1;
        self.shown = None;
        self.changed = !self.text.is_empty();
        self.at = self.at.max(now + PAUSE);
    }

    /// Telegram wants no drafts for a while. It says so of drafts alone: an answer is still tried, and hears for itself.
    pub(super) fn hush(&mut self, until: Instant) {
        self.at = self.at.max(until);
    }

    /// Drafts are not for this chat.
    pub(super) fn turn_off(&mut self) {
        self.off = true;
        self.clear();
    }

    /// When there will be something to show; `None` when nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        self.changed.then_some(self.at)
    }

    /// What is to be shown now, with the draft's number; `None` when it looks like what is on the screen.
    pub(super) fn take(&mut self, now: Instant) -> Option<(i64, Piece)> {
        self.changed = false;
        self.at = now + PAUSE;
        let piece = render_draft(&self.text)?;
        if self.shown.as_ref() == Some(&piece) {
            return None;
        }
        self.shown = Some(piece.clone());
        Some((self.id, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draft_is_shown_on_change_only_and_not_too_often() {
        let now = Instant::now();
        let mut preview = Preview::new(now);
        assert_eq!(preview.due(), None);
        preview.add("Hello");
        assert_eq!(preview.due(), Some(now));
        assert_eq!(preview.take(now).unwrap().1.text, "Hello");
        assert_eq!(preview.due(), None);
        preview.add(" \n");
        assert_eq!(preview.due(), Some(now + PAUSE));
        assert_eq!(preview.take(now + PAUSE), None);
    }

    #[test]
    fn a_message_takes_the_draft_away_and_it_comes_back_with_a_new_number() {
        let now = Instant::now();
        let mut preview = Preview::new(now);
        preview.add("Hello");
        let (first, _) = preview.take(now).unwrap();
        preview.vanished(now);
        assert_eq!(preview.due(), Some(now + PAUSE));
        assert!(preview.take(now).unwrap().0 > first);
        preview.clear();
        preview.vanished(now);
        assert_eq!(preview.due(), None);
    }
}

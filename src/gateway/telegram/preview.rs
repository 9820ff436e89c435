//! The draft of an answer that is still being written: what a private chat shows of it.

use std::time::Duration;

use tokio::time::Instant;

use super::pace::Pace;
use crate::channel::telegram::render::Piece;
use crate::gateway::clock::unix_now;

/// Between two drafts, at first: faster ones are not read, and count as floods.
const FIRST: Duration = Duration::from_secs(1);

/// A draft that does not change is shown again after this time, for it vanishes after about 30 s, and the Stop button with it.
const REFRESH: Duration = Duration::from_secs(25);

/// The draft of one turn. Disposable: what cannot be shown is never tried again.
#[derive(Debug)]
pub(super) struct Preview {
    id: i64,
    changed: bool,
    pace: Pace,
    /// What is on the screen, and since when.
    shown: Option<(Piece, Instant)>,
    off: bool,
}

impl Preview {
    /// Nothing yet. `former` is the number of the last draft in this thread.
    pub(super) fn new(former: i64, now: Instant) -> Self {
        Self { id: former + 1, changed: false, pace: Pace::new(FIRST, now), shown: None, off: false }
    }

    /// A number that no draft has had before a restart; it has to fit into 32 bits.
    pub(super) fn former() -> i64 {
        i64::try_from(unix_now() % (1 << 30)).unwrap_or(0)
    }

    /// The draft's number.
    pub(super) fn id(&self) -> i64 {
        self.id
    }

    /// There is something new to show.
    pub(super) fn change(&mut self) {
        self.changed = !self.off;
    }

    /// What was shown has been sent as a message, and something new begins.
    pub(super) fn clear(&mut self, now: Instant) {
        self.id += 1;
        self.changed = false;
        self.shown = None;
        self.pace.again(now);
    }

    /// A message was sent, with which drafts vanish. If there was one it is shown again, but not at once: if the message was the answer
    /// itself, its end is on the way.
    pub(super) fn vanished(&mut self, now: Instant) {
        self.id += 1;
        if self.shown.take().is_some() {
            self.changed = true;
        }
        self.pace.soon(now);
    }

    /// What was taken last is not on the screen; the next change may be. `never` says that drafts are not for this chat.
    pub(super) fn failed(&mut self, never: bool) {
        self.shown = None;
        self.off |= never;
        self.changed &= !never;
    }

    /// Whether the person sees it: nothing else needs to show that the agent works.
    pub(super) fn is_shown(&self) -> bool {
        self.shown.is_some()
    }

    /// When there will be something to show; `None` when nothing has changed, and nothing fades.
    pub(super) fn due(&self) -> Option<Instant> {
        match &self.shown {
            _ if self.changed => Some(self.pace.at()),
            Some((_, since)) => Some(*since + REFRESH),
            None => None,
        }
    }

    /// Shows this now; `None` when that is just what is on the screen.
    pub(super) fn take(&mut self, piece: Option<Piece>, now: Instant) -> Option<(i64, Piece)> {
        self.changed = false;
        let piece = piece?;
        let fresh = |(shown, since): &(Piece, Instant)| *shown == piece && now < *since + REFRESH;
        if self.shown.as_ref().is_some_and(fresh) {
            return None;
        }
        self.pace.take(now);
        self.shown = Some((piece.clone(), now));
        Some((self.id, piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(text: &str) -> Option<Piece> {
        Some(Piece { text: text.to_owned(), entities: Vec::new() })
    }

    fn preview() -> (Preview, Instant) {
        let now = Instant::now();
        (Preview::new(Preview::former(), now), now)
    }

    #[test]
    fn a_draft_is_shown_on_change_only_and_not_too_often() {
        let (mut preview, now) = preview();
        assert_eq!(preview.due(), None);
        preview.change();
        assert_eq!(preview.due(), Some(now));
        assert_eq!(preview.take(piece("Hello"), now).unwrap().1.text, "Hello");
        assert_eq!(preview.due(), Some(now + REFRESH));
        preview.change();
        assert_eq!(preview.due(), Some(now + FIRST));
        assert_eq!(preview.take(piece("Hello"), now + FIRST), None);
        assert_eq!(preview.take(None, now + FIRST), None);
    }

    #[test]
    fn a_draft_that_does_not_change_is_refreshed_before_it_fades() {
        let (mut preview, now) = preview();
        preview.change();
        let first = preview.take(piece("Hello"), now).unwrap();
        assert_eq!(preview.due(), Some(now + REFRESH));
        assert_eq!(preview.take(piece("Hello"), now + REFRESH), Some(first));
        assert_eq!(preview.due(), Some(now + REFRESH * 2));
    }

    #[test]
    fn a_message_takes_the_draft_away_and_it_comes_back_with_a_new_number() {
        let (mut preview, now) = preview();
        preview.change();
        let (first, _) = preview.take(piece("Hello"), now).unwrap();
        preview.vanished(now);
        assert!(!preview.is_shown());
        assert_eq!(preview.due(), Some(now + FIRST));
        assert!(preview.take(piece("Hello"), now + FIRST).unwrap().0 > first);
        preview.clear(now);
        preview.vanished(now);
        assert_eq!(preview.due(), None);
    }

    #[test]
    fn a_refused_draft_is_the_last_of_its_turn() {
        let (mut preview, _) = preview();
        preview.change();
        preview.failed(true);
        preview.change();
        assert_eq!(preview.due(), None);
    }

    #[test]
    fn a_draft_that_failed_is_not_taken_for_one_that_is_seen() {
        let (mut preview, now) = preview();
        preview.change();
        preview.take(piece("Hello"), now).unwrap();
        preview.failed(false);
        assert_eq!((preview.is_shown(), preview.due()), (false, None));
        preview.change();
        assert!(preview.take(piece("Hello"), now + FIRST).is_some());
    }
}

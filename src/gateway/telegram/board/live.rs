//! Messages that are kept up to date in place while a turn goes on, and what is left to do for them when it is over.

use std::collections::VecDeque;

use tokio::time::Instant;

use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::render::Piece;
use crate::gateway::telegram::pace::Pace;

/// Messages that are left to finish. A turn leaves three; with that many unfinished the chat cannot be reached, and older ones matter least.
const CLOSING: usize = 16;

/// How often a message's last form is tried: for about two minutes.
const TRIES: u8 = 8;

/// Tells one live message of a thread from another, also while its first sending is on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::telegram) struct Key(u64);

/// Gives out keys.
#[derive(Debug, Default)]
pub(super) struct Keys(u64);

impl Keys {
    pub(super) fn next(&mut self) -> Key {
        self.0 += 1;
        Key(self.0)
    }
}

/// What became of a call for a live message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::telegram) enum Shown {
    /// It stands as this message.
    As(i64),
    /// Not, but it may work later.
    NotYet,
    /// It was refused for good.
    Never,
}

/// A message that is kept up to date.
#[derive(Debug)]
pub(super) struct Live {
    key: Key,
    message: Option<i64>,
    shown: Option<Piece>,
    stale: bool,
    /// A call for it is on its way: another could overtake it.
    busy: bool,
    off: bool,
    pace: Pace,
}

impl Live {
    pub(super) fn new(key: Key, pace: Pace) -> Self {
        Self { key, message: None, shown: None, stale: false, busy: false, off: false, pace }
    }

    /// Its content is another.
    pub(super) fn change(&mut self) {
        self.stale = !self.off;
    }

    /// Whether it stands in the chat, or is on its way there.
    pub(super) fn stands(&self) -> bool {
        self.message.is_some() || self.busy
    }

    /// When it is to be shown anew; `None` when nothing has changed.
    pub(super) fn due(&self) -> Option<Instant> {
        (self.stale && !self.busy).then_some(self.pace.at())
    }

    /// Shows this now; `None` when it stands there already.
    pub(super) fn take(&mut self, piece: Option<Piece>, now: Instant) -> Option<(Key, Option<i64>, Piece)> {
        self.stale = false;
        let piece = piece?;
        if self.shown.as_ref() == Some(&piece) {
            return None;
        }
        self.pace.take(now);
        self.busy = true;
        Some((self.key, self.message, piece))
    }

    fn report(&mut self, piece: Piece, shown: Shown) {
        self.busy = false;
        match shown {
            Shown::As(message) => (self.message, self.shown) = (Some(message), Some(piece)),
            // Dropped: the next change brings it up to date.
            Shown::NotYet => {}
            Shown::Never => (self.off, self.stale) = (true, false),
        }
    }

    /// What is left to do: to show its last form, or to remove it.
    fn close(self, fate: Fate, now: Instant) -> Option<Closing> {
        let Self { key, message, shown, busy, off, .. } = self;
        let left = match &fate {
            Fate::Last(piece) => busy || shown.as_ref() != Some(piece),
            Fate::Removed => message.is_some() || busy,
        };
        (left && !off).then(|| Closing { key, message, busy, fate, at: now, tries: TRIES, backoff: Backoff::usual() })
    }
}

/// What becomes of a message when its turn is over.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fate {
    /// It stays, and says this.
    Last(Piece),
    /// It goes.
    Removed,
}

/// A message that is left to finish.
#[derive(Debug)]
struct Closing {
    key: Key,
    message: Option<i64>,
    busy: bool,
    fate: Fate,
    at: Instant,
    tries: u8,
    backoff: Backoff,
}

/// All that are left to finish.
#[derive(Debug, Default)]
pub(super) struct Closings(VecDeque<Closing>);

impl Closings {
    /// One more.
    pub(super) fn add(&mut self, live: Live, fate: Fate, now: Instant) {
        if let Some(closing) = live.close(fate, now) {
            super::push(&mut self.0, closing, CLOSING);
        }
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When the next is to be tried, of those to be removed or of those that stay.
    pub(super) fn due(&self, removed: bool) -> Option<Instant> {
        self.of(removed).map(|closing| closing.at).min()
    }

    /// What is to be done of these now.
    pub(super) fn take(&mut self, removed: bool, now: Instant) -> Option<(Key, Option<i64>, Fate)> {
        let key = self.of(removed).filter(|closing| closing.at <= now).min_by_key(|closing| closing.at)?.key;
        let closing = self.0.iter_mut().find(|closing| closing.key == key)?;
        closing.busy = true;
        Some((closing.key, closing.message, closing.fate.clone()))
    }

    fn of(&self, removed: bool) -> impl Iterator<Item = &Closing> {
        self.0.iter().filter(move |closing| !closing.busy && (closing.fate == Fate::Removed) == removed)
    }

    /// What became of a call: whether `piece`, or the removal where there is none, was shown.
    fn report(&mut self, key: Key, piece: Option<&Piece>, shown: Shown, now: Instant) {
        let Some(place) = self.0.iter().position(|closing| closing.key == key) else { return };
        let Some(closing) = self.0.get_mut(place) else { return };
        closing.busy = false;
        let is_last = match &closing.fate {
            Fate::Last(last) => piece == Some(last),
            Fate::Removed => piece.is_none(),
        };
        let over = match shown {
            Shown::As(message) => {
                closing.message = Some(message);
                is_last
            }
            Shown::Never => true,
            Shown::NotYet if !is_last => closing.message.is_none() && closing.fate == Fate::Removed,
            Shown::NotYet => {
                closing.tries = closing.tries.saturating_sub(1);
                closing.at = now + closing.backoff.pause();
                closing.tries == 0
            }
        };
        if over {
            self.0.remove(place);
        }
    }
}

/// What became of a call for one of these.
pub(super) fn report<'a>(
    mut lives: impl Iterator<Item = &'a mut Live>,
    closings: &mut Closings,
    (key, piece): (Key, Option<Piece>),
    shown: Shown,
    now: Instant,
) {
    match (lives.find(|live| live.key == key), piece) {
        (Some(live), Some(piece)) => live.report(piece, shown),
        (_, piece) => closings.report(key, piece.as_ref(), shown, now),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn piece(text: &str) -> Piece {
        Piece { text: text.to_owned(), entities: Vec::new() }
    }

    fn live() -> (Live, Instant) {
        let now = Instant::now();
        (Live::new(Keys::default().next(), Pace::new(Duration::from_secs(2), now)), now)
    }

    /// As a board does it.
    fn close(live: Live, fate: Fate, now: Instant) -> Closings {
        let mut closings = Closings::default();
        closings.add(live, fate, now);
        closings
    }

    #[test]
    fn it_is_sent_once_and_then_changed_in_place_on_change_only() {
        let (mut live, now) = live();
        assert_eq!(live.due(), None);
        live.change();
        assert_eq!(live.due(), Some(now));
        let (_, message, shown) = live.take(Some(piece("a")), now).unwrap();
        assert_eq!(message, None);
        live.report(shown, Shown::As(9));
        live.change();
        assert_eq!(live.due(), Some(now + Duration::from_secs(2)));
        assert_eq!(live.take(Some(piece("a")), now), None);
        assert_eq!(live.take(Some(piece("b")), now).unwrap().1, Some(9));
    }

    #[test]
    fn a_failed_edit_is_dropped_and_a_refused_one_the_last() {
        let (mut live, now) = live();
        live.change();
        let (_, _, shown) = live.take(Some(piece("a")), now).unwrap();
        live.report(shown.clone(), Shown::NotYet);
        assert_eq!(live.due(), None);
        live.change();
        live.report(shown, Shown::Never);
        live.change();
        assert_eq!(live.due(), None);
        assert!(close(live, Fate::Last(piece("end")), now).is_empty());
    }

    #[test]
    fn its_last_form_is_tried_until_it_stands_but_not_for_ever() {
        let (mut live, now) = live();
        live.change();
        let (key, _, shown) = live.take(Some(piece("a")), now).unwrap();
        live.report(shown, Shown::As(9));
        let mut closings = close(live, Fate::Last(piece("end")), now);
        assert_eq!(closings.take(false, now), Some((key, Some(9), Fate::Last(piece("end")))));
        closings.report(key, Some(&piece("end")), Shown::NotYet, now);
        assert_eq!(closings.take(false, now), None);
        let later = closings.due(false).unwrap();
        assert!(later > now && closings.take(false, later).is_some());
        assert_eq!(closings.due(false), None, "it is on its way");
        for _ in 1..TRIES {
            assert!(!closings.is_empty());
            closings.report(key, Some(&piece("end")), Shown::NotYet, now);
        }
        assert!(closings.is_empty());
    }

    #[test]
    fn a_turn_that_ends_while_it_is_on_its_way_changes_it_when_it_has_arrived() {
        let (mut live, now) = live();
        live.change();
        let (key, _, shown) = live.take(Some(piece("a")), now).unwrap();
        let mut closings = close(live, Fate::Last(piece("end")), now);
        assert_eq!(closings.due(false), None, "the first form could overtake the last");
        closings.report(key, Some(&shown), Shown::As(9), now);
        assert_eq!(closings.take(false, now), Some((key, Some(9), Fate::Last(piece("end")))));
        closings.report(key, Some(&piece("end")), Shown::As(9), now);
        assert!(closings.is_empty());
    }

    #[test]
    fn what_never_stood_is_not_removed() {
        let now = Instant::now();
        assert!(close(live().0, Fate::Removed, now).is_empty());
        let (mut sent, _) = live();
        sent.change();
        let (key, _, shown) = sent.take(Some(piece("a")), now).unwrap();
        let mut closings = close(sent, Fate::Removed, now);
        closings.report(key, Some(&shown), Shown::NotYet, now);
        assert!(closings.is_empty());
    }

    #[test]
    fn what_stands_is_removed() {
        let (mut live, now) = live();
        live.change();
        let (key, _, shown) = live.take(Some(piece("a")), now).unwrap();
        let mut closings = close(live, Fate::Removed, now);
        closings.report(key, Some(&shown), Shown::As(9), now);
        assert_eq!(closings.take(true, now), Some((key, Some(9), Fate::Removed)));
        closings.report(key, None, Shown::As(9), now);
        assert!(closings.is_empty());
    }
}

//! When a chat may be written to.
//!
//! Telegram's rates (about 1/s in a chat, 20/min in a group, 30/s overall) allow bursts of a size that it does not tell. So nothing is
//! slowed down before Telegram says 429; then that chat is silent for as long as Telegram wants, and for a minute the chat, and all chats
//! together, keep to the rates. Only what stands in one row, the pieces of a long text, is spaced out from the start.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a flood is remembered after its silence.
const CAREFUL: Duration = Duration::from_secs(60);

/// Between messages of one private chat that had a flood.
const CHAT: Duration = Duration::from_secs(1);

/// Between messages of one group that had a flood.
const GROUP: Duration = Duration::from_secs(3);

/// Between any two messages while some chat has had a flood: 25/s.
const OVERALL: Duration = Duration::from_millis(40);

/// Chats that are remembered; those that are over are forgotten first.
const CHATS: usize = 1024;

/// The pacer of one bot.
#[derive(Debug, Default)]
pub(super) struct Pacer(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    chats: HashMap<i64, Chat>,
    careful_until: Option<Instant>,
    next: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Chat {
    silent_until: Instant,
    careful_until: Instant,
}

impl Pacer {
    /// From when on a chat may be written to; in the past when it may be now.
    pub(super) fn due(&self, chat: i64, now: Instant) -> Instant {
        let state = self.lock();
        let own = state.chats.get(&chat).map_or(now, |chat| chat.silent_until);
        let careful = state.careful_until.is_some_and(|until| now < until);
        let overall = state.next.filter(|_| careful).unwrap_or(now);
        own.max(overall)
    }

    /// A message is being sent to a chat.
    pub(super) fn sends(&self, chat: i64, now: Instant) {
        let mut state = self.lock();
        if state.careful_until.is_some_and(|until| now < until) {
            state.next = Some(now + OVERALL);
        }
        if let Some(entry) = state.chats.get_mut(&chat).filter(|entry| now < entry.careful_until) {
            entry.silent_until = entry.silent_until.max(now + spacing(chat));
        }
    }

    /// Telegram answered 429.
    pub(super) fn flooded(&self, chat: i64, retry_after: Duration, now: Instant) {
        let silent_until = now + retry_after;
        self.set(chat, Chat { silent_until, careful_until: silent_until + CAREFUL }, now);
        self.lock().careful_until = Some(now + CAREFUL);
    }

    /// More of the same row follows: the chat gets it at Telegram's rate.
    pub(super) fn more_follows(&self, chat: i64, now: Instant) {
        let silent_until = self.due(chat, now).max(now + spacing(chat));
        let careful_until = self.lock().chats.get(&chat).map_or(now, |entry| entry.careful_until);
        self.set(chat, Chat { silent_until, careful_until }, now);
    }

    fn set(&self, chat: i64, entry: Chat, now: Instant) {
        let mut state = self.lock();
        if state.chats.len() >= CHATS {
            state.chats.retain(|_, entry| now < entry.silent_until.max(entry.careful_until));
        }
        state.chats.insert(chat, entry);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Groups have negative numbers.
fn spacing(chat: i64) -> Duration {
    if chat < 0 { GROUP } else { CHAT }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_slowed_down_before_a_flood() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        for _ in 0..100 {
            pacer.sends(1, now);
        }
        assert!(pacer.due(1, now) <= now);
    }

    #[test]
    fn a_flood_silences_its_chat_and_makes_all_careful() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.flooded(1, Duration::from_secs(7), now);
        assert_eq!(pacer.due(1, now), now + Duration::from_secs(7));
        assert!(pacer.due(2, now) <= now);
        pacer.sends(2, now);
        assert_eq!(pacer.due(3, now), now + OVERALL);
        let later = now + Duration::from_secs(8);
        pacer.sends(1, later);
        assert_eq!(pacer.due(1, later), later + CHAT);
        assert!(pacer.due(1, now + Duration::from_secs(200)) <= now + Duration::from_secs(200));
    }

    #[test]
    fn a_row_is_spaced_out_by_itself() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.more_follows(-5, now);
        assert_eq!(pacer.due(-5, now), now + GROUP);
        assert!(pacer.due(5, now) <= now);
    }

    #[test]
    fn chats_that_are_over_are_forgotten() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        let chats = i64::try_from(CHATS).unwrap();
        (0..chats).for_each(|chat| pacer.more_follows(chat, now));
        pacer.more_follows(chats, now + CAREFUL);
        assert_eq!(pacer.lock().chats.len(), 1);
    }
}

//! When a chat may be written to.
//!
//! Telegram's rates (about 1/s in a chat, 20/min in a group, 30/s overall) allow bursts of a size that it does not tell. So nothing that
//! must arrive is slowed down before Telegram says 429; then that chat is silent for as long as Telegram wants, and for a minute the chat,
//! and all chats together, keep to the rates. Only what stands in one row, the pieces of a long text, is spaced out from the start.
//!
//! Previews take what is left: a part of a group's rate, less after a flood, and never a place that something else waits for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How long a flood is remembered after its silence.
const CAREFUL: Duration = Duration::from_secs(60);

/// Between messages of one private chat that had a flood, and between previews in all topics of any.
const CHAT: Duration = Duration::from_secs(1);

/// The same of a group.
const GROUP: Duration = Duration::from_secs(3);

/// Between any two messages while some chat has had a flood: 25/s.
const OVERALL: Duration = Duration::from_millis(40);

/// Between any two previews meanwhile: the other 5/s.
const PREVIEWS: Duration = Duration::from_millis(200);

/// Between previews of one chat that had a flood.
const CAREFUL_PREVIEWS: Duration = Duration::from_secs(5);

/// What a group takes of a bot in all its topics together: in this time …
const MINUTE: Duration = Duration::from_secs(60);

/// … so many messages and edits, …
const GROUP_RATE: usize = 20;

/// … of which so many may be previews, …
const GROUP_PREVIEWS: usize = 10;

/// … and so many are kept for what must arrive.
const GROUP_RESERVE: usize = 5;

/// Chats that are remembered; those that are over are forgotten first.
const CHATS: usize = 1024;

/// The pacer of one bot.
#[derive(Debug, Default)]
pub(super) struct Pacer(Mutex<State>);

/// From when on a chat may be written to; in the past when it may be now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gates {
    /// What must arrive.
    pub(super) send: Instant,
    /// What changes a message but can wait, and what costs nothing.
    pub(super) edit: Instant,
    /// Previews.
    pub(super) preview: Instant,
}

#[derive(Debug, Default)]
struct State {
    chats: HashMap<i64, Chat>,
    careful_until: Option<Instant>,
    next: Option<Instant>,
    next_preview: Option<Instant>,
}

#[derive(Debug)]
struct Chat {
    silent_until: Instant,
    careful_until: Instant,
    /// Telegram wants no edits and previews before.
    hushed_until: Instant,
    /// We want no previews before.
    next_preview: Instant,
    /// A group's latest messages and edits, oldest first, at most [`GROUP_RATE`]: when, and whether it was a preview.
    sent: VecDeque<(Instant, bool)>,
}

impl Pacer {
    /// From when on a chat may be written to.
    pub(super) fn gates(&self, chat: i64, now: Instant) -> Gates {
        let state = self.lock();
        let careful = state.careful_until.is_some_and(|until| now < until);
        let overall = |next: Option<Instant>| next.filter(|_| careful).unwrap_or(now);
        let (sends, previews) = (overall(state.next), overall(state.next_preview));
        let Some(chat) = state.chats.get(&chat) else { return Gates { send: sends, edit: sends, preview: sends.max(previews) } };
        let send = chat.silent_until.max(sends);
        let edit = chat.hushed_until.max(send);
        Gates { send, edit, preview: edit.max(previews).max(chat.next_preview).max(chat.room(now)) }
    }

    /// A message that must arrive is being sent to a chat.
    pub(super) fn sends(&self, chat: i64, now: Instant) {
        let mut state = self.lock();
        if state.careful_until.is_some_and(|until| now < until) {
            state.next = Some(now + OVERALL);
        }
        if chat < 0 {
            state.chat(chat, now).record(now, false);
        }
        if let Some(entry) = state.chats.get_mut(&chat).filter(|entry| now < entry.careful_until) {
            entry.silent_until = entry.silent_until.max(now + spacing(chat));
        }
    }

    /// A preview is being sent to a chat. It holds up nothing but other previews.
    pub(super) fn previews(&self, chat: i64, now: Instant) {
        let mut state = self.lock();
        if state.careful_until.is_some_and(|until| now < until) {
            state.next_preview = Some(now + PREVIEWS);
        }
        let entry = state.chat(chat, now);
        if chat < 0 {
            entry.record(now, true);
        }
        entry.next_preview = now + if now < entry.careful_until { CAREFUL_PREVIEWS } else { spacing(chat) };
    }

    /// Telegram answered 429 to a message.
    pub(super) fn flooded(&self, chat: i64, retry_after: Duration, now: Instant) {
        let mut state = self.lock();
        let entry = state.chat(chat, now);
        entry.silent_until = now + retry_after;
        entry.careful_until = entry.silent_until + CAREFUL;
        state.careful_until = Some(now + CAREFUL);
    }

    /// Telegram answered 429 to something passing. It says so of that alone: a message is still tried, and hears for itself.
    pub(super) fn hushed(&self, chat: i64, retry_after: Duration, now: Instant) {
        let mut state = self.lock();
        let entry = state.chat(chat, now);
        entry.hushed_until = entry.hushed_until.max(now + retry_after);
    }

    /// More of the same row follows: the chat gets it at Telegram's rate.
    pub(super) fn more_follows(&self, chat: i64, now: Instant) {
        let silent_until = self.gates(chat, now).send.max(now + spacing(chat));
        self.lock().chat(chat, now).silent_until = silent_until;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn chat(&mut self, chat: i64, now: Instant) -> &mut Chat {
        if self.chats.len() >= CHATS && !self.chats.contains_key(&chat) {
            self.chats.retain(|_, entry| !entry.is_over(now));
        }
        self.chats.entry(chat).or_insert_with(|| Chat {
            silent_until: now,
            careful_until: now,
            hushed_until: now,
            next_preview: now,
            sent: VecDeque::new(),
        })
    }
}

impl Chat {
    fn is_over(&self, now: Instant) -> bool {
        let times = [self.silent_until, self.careful_until, self.hushed_until, self.next_preview];
        times.iter().all(|until| *until <= now) && self.sent.back().is_none_or(|(at, _)| *at + MINUTE <= now)
    }

    fn record(&mut self, now: Instant, is_preview: bool) {
        while self.sent.len() >= GROUP_RATE {
            self.sent.pop_front();
        }
        self.sent.push_back((now, is_preview));
    }

    /// When the group's rate has room for a preview.
    fn room(&self, now: Instant) -> Instant {
        let all = free_at(self.sent.iter().map(|(at, _)| *at), GROUP_RATE - GROUP_RESERVE);
        let previews = free_at(self.sent.iter().filter(|(_, is_preview)| *is_preview).map(|(at, _)| *at), GROUP_PREVIEWS);
        all.max(previews).unwrap_or(now)
    }
}

/// When one more can come, if at most so many may be within a minute; `None` when there are fewer anyway.
fn free_at(times: impl DoubleEndedIterator<Item = Instant>, most: usize) -> Option<Instant> {
    times.rev().nth(most - 1).map(|at| at + MINUTE)
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
        for chat in [1, -1] {
            for _ in 0..100 {
                pacer.sends(chat, now);
                pacer.previews(chat, now);
            }
            assert!(pacer.gates(chat, now).send <= now);
        }
    }

    #[test]
    fn a_flood_silences_its_chat_and_makes_all_careful() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.flooded(1, Duration::from_secs(7), now);
        assert_eq!(pacer.gates(1, now).send, now + Duration::from_secs(7));
        assert!(pacer.gates(2, now).send <= now);
        pacer.sends(2, now);
        assert_eq!(pacer.gates(3, now).send, now + OVERALL);
        let later = now + Duration::from_secs(8);
        pacer.sends(1, later);
        assert_eq!(pacer.gates(1, later).send, later + CHAT);
        assert!(pacer.gates(1, now + Duration::from_secs(200)).send <= now + Duration::from_secs(200));
    }

    #[test]
    fn a_preview_holds_up_previews_alone_even_after_a_flood() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.flooded(1, Duration::from_secs(1), now);
        let later = now + Duration::from_secs(2);
        pacer.previews(1, later);
        let gates = pacer.gates(1, later);
        assert!(gates.send <= later && gates.edit <= later);
        assert_eq!(gates.preview, later + CAREFUL_PREVIEWS);
        assert_eq!(pacer.gates(2, later).preview, later + PREVIEWS);
    }

    #[test]
    fn a_flood_of_previews_silences_no_message() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.hushed(1, Duration::from_secs(9), now);
        let gates = pacer.gates(1, now);
        assert!(gates.send <= now);
        assert_eq!((gates.edit, gates.preview), (now + Duration::from_secs(9), now + Duration::from_secs(9)));
    }

    #[test]
    fn previews_of_a_group_take_half_of_its_rate_and_leave_room_for_answers() {
        let (pacer, begin) = (Pacer::default(), Instant::now());
        let mut now = begin;
        let mut previews = 0;
        while now < begin + MINUTE {
            pacer.previews(-5, now);
            previews += 1;
            now = pacer.gates(-5, now).preview;
        }
        assert_eq!(previews, GROUP_PREVIEWS);
        assert_eq!(now, begin + MINUTE);
        let busy = Pacer::default();
        (0..GROUP_RATE - GROUP_RESERVE).for_each(|_| busy.sends(-5, begin));
        assert_eq!(busy.gates(-5, begin).preview, begin + MINUTE);
        assert!(busy.gates(-5, begin).send <= begin);
    }

    #[test]
    fn previews_of_a_chat_are_spaced_out_over_all_its_topics() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        for (chat, spacing) in [(-5, GROUP), (5, CHAT)] {
            pacer.previews(chat, now);
            assert_eq!(pacer.gates(chat, now).preview, now + spacing);
            assert!(pacer.gates(chat * 2, now).preview <= now);
        }
    }

    #[test]
    fn a_row_is_spaced_out_by_itself() {
        let (pacer, now) = (Pacer::default(), Instant::now());
        pacer.more_follows(-5, now);
        assert_eq!(pacer.gates(-5, now).send, now + GROUP);
        assert!(pacer.gates(5, now).send <= now);
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

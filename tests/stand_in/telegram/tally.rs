//! How many calls the bot made, for tests of what a turn may cost.

use std::collections::BTreeMap;

use super::state::Call;

/// A place in the record of calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Mark(pub(super) usize);

/// Calls since a mark, counted. Polls are left out: they cost nothing and come whether the bot works or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By method.
    pub methods: BTreeMap<String, usize>,
    /// By the chat that they name.
    pub chats: BTreeMap<i64, usize>,
    /// How many were refused with 429.
    pub floods: usize,
}

impl Tally {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut tally = Self::default();
        for call in calls.iter().filter(|call| call.method != "getUpdates") {
            *tally.methods.entry(call.method.clone()).or_default() += 1;
            call.chat().into_iter().for_each(|chat| *tally.chats.entry(chat).or_default() += 1);
            tally.floods += usize::from(matches!(&call.answer, Some(Err(refusal)) if refusal.code == 429));
        }
        tally
    }

    /// All of them.
    pub fn total(&self) -> usize {
        self.methods.values().sum()
    }

    /// Those of a method.
    pub fn calls_of(&self, method: &str) -> usize {
        self.methods.get(method).copied().unwrap_or_default()
    }

    /// Those that name a chat.
    pub fn in_chat(&self, chat: i64) -> usize {
        self.chats.get(&chat).copied().unwrap_or_default()
    }
}

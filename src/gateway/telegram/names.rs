//! How people are called in a chat, as far as they wrote there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::fold::line;
use crate::channel::telegram::types::Update;
use crate::gateway::texts::texts;
use crate::model::{Language, ThreadId, UserId};

/// People remembered; beyond them all are forgotten and learnt again.
const PEOPLE: usize = 256;

/// Longest name shown, in characters: people choose theirs freely.
const NAME: usize = 40;

/// The names. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<HashMap<i64, String>>>);

impl Names {
    /// Remembers who did something.
    pub(super) fn learn(&self, update: &Update) {
        let writer = update.message.as_ref().and_then(|message| message.from.as_ref());
        let Some(user) = writer.or(update.callback_query.as_ref().map(|press| &press.from)) else { return };
        let name = line(&user.first_name, NAME);
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= PEOPLE && !names.contains_key(&user.id) {
            names.clear();
        }
        if !name.is_empty() {
            names.insert(user.id, name);
        }
    }

    /// How a person is called in a thread, in a language: in a chat with nobody else, "you".
    pub(super) fn of(&self, user: UserId, thread: ThreadId, language: Language) -> String {
        if user.number == thread.chat {
            return texts(language).you().to_owned();
        }
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(&user.number).cloned().unwrap_or_else(|| texts(language).somebody(user.number))
    }
}

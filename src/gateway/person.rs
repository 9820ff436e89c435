//! Whom the bot speaks to: in which language, with how much of a turn, and with which sounds.

use super::commands::agents_own::to_menu;
use super::scrub::scrub;
use super::texts::{Texts, texts};
use crate::model::outbound::{Display, Message, Show};
use crate::model::{ThreadId, UserId};
use crate::store::{EntryId, Notifications, Store, UserRecord, Verbosity};

/// The token of the button that gives an interrupted prompt to the agent again.
pub(super) fn retry_token(id: EntryId) -> String {
    format!("retry:{}", id.0)
}

/// The token of the button that begins a new session and gives the prompt to it.
pub(super) fn anew_token(id: EntryId) -> String {
    format!("anew:{}", id.0)
}

/// A person whom a message is for.
#[derive(Debug, Clone)]
pub(super) struct Person(UserRecord);

impl Person {
    /// With what is stored of them. Where that cannot be read they are spoken to like anybody.
    pub(super) fn of(store: &Store, user: &UserId) -> Self {
        Self(store.user(user).unwrap_or_else(|error| {
            tracing::warn!(%error, %user, "a person's settings cannot be read");
            UserRecord::new(*user)
        }))
    }

    /// What the person chose.
    pub(super) fn settings(&self) -> &UserRecord {
        &self.0
    }

    /// The texts of their language.
    pub(super) fn texts(&self) -> &'static dyn Texts {
        texts(self.0.language())
    }

    /// How a turn is shown to them.
    pub(super) fn display(&self) -> Display {
        Display { language: self.0.language(), quiet: self.0.verbosity == Verbosity::Quiet, thoughts: self.0.thoughts }
    }

    /// Whether a question makes no sound.
    pub(super) fn silent_questions(&self) -> bool {
        self.0.notifications == Notifications::None
    }

    /// The menu of commands for them: the bot's, and these of the agent.
    pub(super) fn menu(&self, commands: &[(String, String)]) -> Show {
        let commands = to_menu(commands).into_iter().map(|entry| (entry.menu, entry.description)).collect();
        Show::Menu { user: self.0.owner, commands, language: self.0.language() }
    }

    /// A word of the bot itself.
    pub(super) fn notice(&self, thread: ThreadId, markdown: String) -> Message {
        self.dress(Message::notice(thread, markdown))
    }

    /// What the agent wrote before it went on.
    pub(super) fn progress(&self, thread: ThreadId, markdown: String) -> Message {
        Message { rich: self.0.rich, ..self.dress(Message::progress(thread, markdown)) }
    }

    /// The agent's answer.
    pub(super) fn answer(&self, thread: ThreadId, markdown: String) -> Message {
        Message { rich: self.0.rich, ..self.dress(Message::answer(thread, markdown)) }
    }

    /// A word of the bot about a prompt that waits.
    pub(super) fn queued(&self, thread: ThreadId, markdown: String) -> Message {
        self.dress(Message::queued(thread, markdown))
    }

    /// The gateway went down in mid-turn.
    pub(super) fn interrupted(&self, thread: ThreadId, id: EntryId) -> Message {
        let texts = self.texts();
        self.end(Message::notice(thread, texts.interrupted())).button(texts.retry_label(), retry_token(id))
    }

    /// A turn that failed: what came of it, then why in one sentence. What explains it is folded up. Both are an agent's words, which stay
    /// in a chat: they are scrubbed. No secret of ours is known to an agent, and Kiro's own is not known to us.
    pub(super) fn failed(&self, thread: ThreadId, id: EntryId, partial: &str, why: &str, details: Option<&str>) -> Message {
        let (texts, why) = (self.texts(), scrub(why, &[]));
        let message = if partial.is_empty() {
            Message::notice(thread, format!("⚠ {why}"))
        } else {
            Message::answer(thread, texts.incomplete(partial, &why))
        };
        let details = details.map(|details| scrub(details, &[]));
        Message { details, ..self.end(message).button(texts.retry_label(), retry_token(id)) }
    }

    /// The conversation cannot be opened again.
    pub(super) fn cannot_restore(&self, thread: ThreadId, id: EntryId, why: &str, details: Option<&str>) -> Message {
        let (texts, why) = (self.texts(), scrub(why, &[]));
        let message = self
            .end(Message::notice(thread, texts.cannot_restore(&why)))
            .button(texts.try_again_label(), retry_token(id))
            .button(texts.anew_label(), anew_token(id));
        Message { details: details.map(|details| scrub(details, &[])), ..message }
    }

    /// A message with which a turn ends: it makes a sound like an answer.
    fn end(&self, message: Message) -> Message {
        self.dress(Message { loud: true, ..message })
    }

    fn dress(&self, message: Message) -> Message {
        let loud = message.loud && self.0.notifications == Notifications::Final;
        Message { loud, language: self.0.language(), ..message }
    }
}

//! Telegram's own notes: what no person did, and changes where or whether the bot can write.

use crate::channel::telegram::types::{Message, Update};

/// The lowest number of a small group; those of supergroups are below (<https://core.telegram.org/api/bots/ids>).
const FIRST_GROUP: i64 = -999_999_999_999;

/// A note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::telegram) enum Note {
    /// A group became a supergroup, which has another number.
    Moved { from: i64, to: i64 },
    /// The bot was removed from a chat, or blocked.
    Left { chat: i64 },
    /// Somebody wrote in this topic, so it is there.
    Lives { chat: i64, topic: i64 },
}

/// The note in an event, if there is one. An event can be a person's doing all the same.
pub(in crate::gateway::telegram) fn note(update: &Update) -> Option<Note> {
    if let Some(membership) = &update.my_chat_member {
        return (!membership.is_member).then_some(Note::Left { chat: membership.chat.id });
    }
    let message = update.message.as_ref()?;
    let Message { chat, migrate_to_chat_id, migrate_from_chat_id, message_thread_id, .. } = message;
    let moved = |from: i64, to: i64| Note::Moved { from, to };
    let moved = migrate_to_chat_id.map(|to| moved(chat.id, to)).or(migrate_from_chat_id.map(|from| moved(from, chat.id)));
    // A private chat is its person's and never moves, and a supergroup is one already.
    if let Some(Note::Moved { from: FIRST_GROUP..0, to: ..FIRST_GROUP }) = moved {
        return moved;
    }
    message_thread_id.map(|topic| Note::Lives { chat: chat.id, topic })
}

//! Changing and removing what was sent.

use serde::Serialize;

use super::LinkPreview;
use crate::channel::telegram::types::{Entity, InlineKeyboard};

/// Changes a text of the bot. Buttons that are not given again go away.
#[derive(Debug, Clone, Serialize)]
pub struct EditMessageText {
    /// The chat.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// The new text, 1 to [`super::TEXT`] units.
    pub text: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// As in [`super::SendMessage`].
    pub link_preview_options: LinkPreview,
    /// Buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_markup: Option<InlineKeyboard>,
}

/// Changes nothing but the buttons of a message of the bot.
#[derive(Debug, Clone, Serialize)]
pub struct EditMessageReplyMarkup {
    /// The chat.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// Its buttons.
    pub reply_markup: InlineKeyboard,
}

/// Removes a message that is younger than 48 hours.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeleteMessage {
    /// The chat.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
}

/// Renames a topic.
#[derive(Debug, Clone, Serialize)]
pub struct EditForumTopic {
    /// The chat.
    pub chat_id: i64,
    /// The topic; not the General one, which has a method of its own.
    pub message_thread_id: i64,
    /// Its name, 1 to [`super::TOPIC`] characters. An empty one changes nothing.
    pub name: String,
}

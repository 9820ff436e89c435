//! The Bot API's objects, as far as the bot reads or sends them (Bot API 10.3).
//!
//! What comes is read by hand, field by field, and leniently: what is missing or of another type is left out, so that one strange field
//! costs no message.

mod event;
mod media;
mod read;

use serde::{Deserialize, Serialize};

pub use event::{CallbackQuery, Chat, Membership, Message, Quote, Stopped, TopicCreated, TopicEdited, Update, User};
pub use media::{Attachment, AttachmentKind, Location, Media};

/// The part of a sent message that the bot wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// Its number in the chat.
    pub message_id: i64,
}

/// Where a file can be fetched from, for at least an hour.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Its path, for [`super::api::Api::download`]; missing when Telegram does not give it out.
    pub file_path: Option<String>,
    /// Its size in bytes, if Telegram knows it.
    pub file_size: Option<u64>,
}

/// A formatted range of a text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entity {
    /// How it is formatted.
    #[serde(flatten)]
    pub kind: EntityKind,
    /// Where it begins, in UTF-16 code units.
    pub offset: usize,
    /// How long it is, in UTF-16 code units; never 0.
    pub length: usize,
}

/// How a range of a text is formatted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(missing_docs, reason = "the Bot API's own words")]
pub enum EntityKind {
    Blockquote,
    ExpandableBlockquote,
    TextLink {
        url: String,
    },
    Bold,
    Italic,
    Strikethrough,
    Code,
    Pre {
        #[serde(skip_serializing_if = "Option::is_none")]
        language: Option<String>,
    },
}

/// Buttons under a message, by rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InlineKeyboard {
    /// The rows, from above.
    pub inline_keyboard: Vec<Vec<InlineButton>>,
}

/// A button that tells the bot when it is pressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InlineButton {
    /// Its label.
    pub text: String,
    /// What the bot is told, 1 to [`super::methods::CALLBACK_DATA`] bytes.
    pub callback_data: String,
}

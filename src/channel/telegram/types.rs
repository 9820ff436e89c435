//! The Bot API's objects, as far as the bot reads or sends them (Bot API 10.3).
//!
//! What is read is lenient: every field that may be missing is optional, and unknown fields are ignored.

use serde::{Deserialize, Serialize};

/// One event from Telegram.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Update {
    /// Its number. Usually ascending, but after a quiet week the next one is random.
    pub update_id: i64,
    /// A new message.
    pub message: Option<Message>,
    /// A button was pressed.
    pub callback_query: Option<CallbackQuery>,
}

/// A message. Of media only the presence matters: an object's fields are not read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Message {
    /// Its number in the chat.
    pub message_id: i64,
    /// The topic, but in groups without topics the message that is replied to; see `is_topic_message`.
    pub message_thread_id: Option<i64>,
    /// Whether `message_thread_id` is a topic.
    pub is_topic_message: Option<bool>,
    /// Who sent it; missing in channels.
    pub from: Option<User>,
    /// The chat in whose name it was sent: a channel, or a group by an anonymous administrator.
    pub sender_chat: Option<Chat>,
    /// When, in Unix seconds; 0 for a message that cannot be read any more.
    #[serde(default)]
    pub date: u64,
    /// Where.
    pub chat: Chat,
    /// Its text.
    pub text: Option<String>,
    /// What it carries besides.
    #[serde(flatten)]
    pub media: Media,
}

/// Whether a message carries what is not text, by Telegram's own field names.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[expect(missing_docs, reason = "the Bot API's own field names")]
pub struct Media {
    pub animation: Option<Present>,
    pub audio: Option<Present>,
    pub checklist: Option<Present>,
    pub contact: Option<Present>,
    pub dice: Option<Present>,
    pub document: Option<Present>,
    pub game: Option<Present>,
    pub location: Option<Present>,
    pub paid_media: Option<Present>,
    pub photo: Option<Present>,
    pub poll: Option<Present>,
    pub rich_message: Option<Present>,
    pub sticker: Option<Present>,
    pub story: Option<Present>,
    pub venue: Option<Present>,
    pub video: Option<Present>,
    pub video_note: Option<Present>,
    pub voice: Option<Present>,
}

/// Something that is there; what it is made of is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Present;

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A person or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct User {
    /// The number, which never changes.
    pub id: i64,
    /// Whether it is a bot.
    #[serde(default)]
    pub is_bot: bool,
    /// The name that the person chose: free text, not to be trusted.
    #[serde(default)]
    pub first_name: String,
    /// The name after `@`, which can change hands.
    pub username: Option<String>,
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
pub struct Chat {
    /// The number: positive for private chats, negative for all others.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    #[serde(rename = "type", default)]
    pub kind: String,
}

impl Chat {
    /// Whether it is a chat of one person with the bot.
    pub fn is_private(&self) -> bool {
        self.kind == "private"
    }
}

/// A press of a button.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CallbackQuery {
    /// The id under which it is answered.
    pub id: String,
    /// Who pressed.
    pub from: User,
    /// The message under which the button stands; of an old one only chat and number are left.
    pub message: Option<Message>,
    /// What the bot put on the button; a client can send anything here.
    pub data: Option<String>,
}

/// The part of a sent message that the bot wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Sent {
    /// Its number in the chat.
    pub message_id: i64,
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

//! The Bot API's methods that the bot uses (Bot API 10.3), each as the type of its request.

mod commands;
mod edit;
mod files;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::types::{Entity, File, InlineKeyboard, Sent, User};

pub use commands::{BotCommand, ChatScope, SetMyCommands};
pub use edit::{DeleteMessage, EditForumTopic, EditMessageReplyMarkup, EditMessageText};
pub use files::{AlbumItem, FileKind, GetFile, SendFile, SendMediaGroup};

/// Longest text of a message, in UTF-16 code units.
pub const TEXT: usize = 4096;

/// Longest text under a file, in UTF-16 code units.
pub const CAPTION: usize = 1024;

/// Most entities of one message: Telegram drops those after the hundredth.
pub const ENTITIES: usize = 100;

/// Longest data of a button, in bytes.
pub const CALLBACK_DATA: usize = 64;

/// Most messages of an album; the least are 2.
pub const ALBUM: usize = 10;

/// Longest name of a topic, in characters.
pub const TOPIC: usize = 128;

/// Largest file that a bot can fetch, in bytes.
pub const DOWNLOAD: u64 = 20 * 1024 * 1024;

/// Largest file that a bot can send, in bytes.
pub const UPLOAD: u64 = 50 * 1024 * 1024;

/// Largest photo that a bot can send as a photo, in bytes.
pub const PHOTO: u64 = 10 * 1024 * 1024;

/// Longest toast after a press, in characters.
pub const TOAST: usize = 200;

/// How long Telegram may hold a poll. It clamps longer ones to this.
pub const POLL: Duration = Duration::from_secs(50);

/// A method of the Bot API: serialised, it is the request's body.
pub trait Method: Serialize {
    /// The method's name.
    const NAME: &'static str;
    /// How long its answer may take, the connection included.
    const TIMEOUT: Duration = Duration::from_secs(20);
    /// What it answers.
    type Reply: DeserializeOwned;
}

/// An answer of which nothing but its being there matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done;

impl<'de> Deserialize<'de> for Done {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        serde::de::IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// Where something is shown: a chat and its topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The chat.
    pub chat_id: i64,
    /// The topic. Left out for a chat without topics, and for a group's General topic, which has number 1 and is refused by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_thread_id: Option<i64>,
}

impl Place {
    /// A topic of a chat.
    pub fn new(chat: i64, topic: Option<i64>) -> Self {
        let general = chat < 0 && topic == Some(1);
        Self { chat_id: chat, message_thread_id: if general { None } else { topic } }
    }

    /// The chat as a whole.
    #[must_use]
    pub fn without_topic(self) -> Self {
        Self { message_thread_id: None, ..self }
    }
}

/// Who the bot is; the cheapest check of a token.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct GetMe {}

/// Waits for events.
#[derive(Debug, Clone, Serialize)]
pub struct GetUpdates {
    /// Confirms all events below it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<i64>,
    /// How many at most, 1 to 100.
    pub limit: usize,
    /// How long to wait for the first, in seconds.
    pub timeout: u64,
    /// Which kinds. Left out, the last poller's choice would go on.
    pub allowed_updates: &'static [&'static str],
}

/// Ends the delivery by webhook, with which polling is refused.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct DeleteWebhook {
    /// Whether waiting events are thrown away.
    pub drop_pending_updates: bool,
}

/// Sends a text.
#[derive(Debug, Clone, Serialize)]
pub struct SendMessage {
    /// Where to.
    #[serde(flatten)]
    pub place: Place,
    /// The text, 1 to [`TEXT`] units.
    pub text: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// Whether links get a preview: the agent's links are not to be fetched by Telegram for everybody.
    pub link_preview_options: LinkPreview,
    /// Whether the phone stays silent.
    pub disable_notification: bool,
    /// Buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_markup: Option<InlineKeyboard>,
}

/// How links in a text are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LinkPreview {
    is_disabled: bool,
}

impl LinkPreview {
    /// No preview.
    pub const OFF: Self = Self { is_disabled: true };
}

/// Shows a text that is still being written, for about 30 s, in a private chat.
#[derive(Debug, Clone, Serialize)]
pub struct SendMessageDraft {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The draft's number, not 0. A changed draft with the same number is animated.
    pub draft_id: i64,
    /// The text, at most [`TEXT`] units; without any, the client shows that the bot thinks.
    pub text: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// Whether there is a Stop button, which comes as [`stopped_message_generation`](super::types::Update::stopped_message_generation).
    pub can_stop: bool,
    /// Whether the draft stays when it is pressed, until its time is over or the next message.
    pub keep_on_stop: bool,
}

/// Sends Markdown that Telegram itself renders, with tables and more. Several clients show that they do not support it.
#[derive(Debug, Clone, Serialize)]
pub struct SendRichMessage {
    /// Where to.
    #[serde(flatten)]
    pub place: Place,
    /// What.
    pub rich_message: RichMessage,
    /// Whether the phone stays silent.
    pub disable_notification: bool,
    /// Buttons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply_markup: Option<InlineKeyboard>,
}

/// The content of a rich message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RichMessage {
    /// As Telegram's own dialect of Markdown.
    pub markdown: String,
    /// Whether addresses, hashtags and the like are left as text.
    pub skip_entity_detection: bool,
}

/// Puts one emoji on a message.
#[derive(Debug, Clone, Serialize)]
pub struct SetMessageReaction {
    /// The chat.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// The emoji, at most one.
    pub reaction: [Reaction; 1],
}

/// A reaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Reaction {
    #[serde(rename = "type")]
    kind: &'static str,
    emoji: &'static str,
}

impl Reaction {
    /// "I have seen it." One of the fixed list of emoji that bots may use.
    pub const EYES: Self = Self { kind: "emoji", emoji: "👀" };
}

/// Shows "typing" for 5 s.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SendChatAction {
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    action: &'static str,
}

impl SendChatAction {
    /// Typing, in that place.
    pub fn typing(place: Place) -> Self {
        Self { place, action: "typing" }
    }
}

/// Answers the press of a button, which the client waits for.
#[derive(Debug, Clone, Serialize)]
pub struct AnswerCallbackQuery {
    /// The press.
    pub callback_query_id: String,
    /// A toast of at most [`TOAST`] characters.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
}

macro_rules! methods {
    ($($request:ident = $name:literal -> $reply:ty $(, $timeout:expr)?;)*) => {$(
        impl Method for $request {
            const NAME: &'static str = $name;
            $(const TIMEOUT: Duration = $timeout;)?
            type Reply = $reply;
        }
    )*};
}

methods! {
    GetMe = "getMe" -> User;
    // Raw, so that one strange event does not spoil the batch. Telegram answers an empty poll a moment after its 50 s.
    GetUpdates = "getUpdates" -> Vec<serde_json::Value>, POLL.saturating_add(Duration::from_secs(15));
    DeleteWebhook = "deleteWebhook" -> Done;
    SendMessage = "sendMessage" -> Sent;
    SendMessageDraft = "sendMessageDraft" -> Done;
    SendRichMessage = "sendRichMessage" -> Sent;
    GetFile = "getFile" -> File;
    SetMessageReaction = "setMessageReaction" -> Done;
    SendChatAction = "sendChatAction" -> Done;
    EditMessageText = "editMessageText" -> Done;
    EditMessageReplyMarkup = "editMessageReplyMarkup" -> Done;
    DeleteMessage = "deleteMessage" -> Done;
    EditForumTopic = "editForumTopic" -> Done;
    AnswerCallbackQuery = "answerCallbackQuery" -> Done;
    SetMyCommands = "setMyCommands" -> Done;
}

#[cfg(test)]
mod tests;

//! The Bot API's methods that the bot uses (Bot API 10.3), each as the type of its request.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::types::{Entity, InlineKeyboard, Sent, User};

/// Longest text of a message, in UTF-16 code units.
pub const TEXT: usize = 4096;

/// Most entities of one message: Telegram drops those after the hundredth.
pub const ENTITIES: usize = 100;

/// Longest data of a button, in bytes.
pub const CALLBACK_DATA: usize = 64;

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
    /// The text, at most [`TEXT`] units.
    pub text: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
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

/// Changes a text of the bot. Buttons that are not given again go away.
#[derive(Debug, Clone, Serialize)]
pub struct EditMessageText {
    /// The chat.
    pub chat_id: i64,
    /// The message.
    pub message_id: i64,
    /// The new text, 1 to [`TEXT`] units.
    pub text: String,
    /// Its formatting.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub entities: Vec<Entity>,
    /// As in [`SendMessage`].
    pub link_preview_options: LinkPreview,
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

/// Sets the commands that clients offer.
#[derive(Debug, Clone, Serialize)]
pub struct SetMyCommands {
    /// At most 100.
    pub commands: Vec<BotCommand>,
}

/// A command that clients offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BotCommand {
    /// 1 to 32 of `a-z 0-9 _`.
    pub command: &'static str,
    /// What it does, 1 to 256 characters.
    pub description: &'static str,
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
    SetMessageReaction = "setMessageReaction" -> Done;
    SendChatAction = "sendChatAction" -> Done;
    EditMessageText = "editMessageText" -> Done;
    AnswerCallbackQuery = "answerCallbackQuery" -> Done;
    SetMyCommands = "setMyCommands" -> Done;
}

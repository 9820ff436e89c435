//! What comes from Telegram: events and the messages in them.

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::Value;

use super::media::Media;
use super::read::{flag, integer, number, part, text};

/// One event from Telegram. At most one of the kinds is there; of a kind that the bot does not know, none.
#[derive(Debug, Clone, PartialEq)]
pub struct Update {
    /// Its number. Usually ascending, but after a quiet week the next one is random.
    pub update_id: i64,
    /// A new message.
    pub message: Option<Message>,
    /// A message as it is after a change.
    pub edited_message: Option<Message>,
    /// A button was pressed.
    pub callback_query: Option<CallbackQuery>,
    /// The bot's own place in a chat changed; in a private chat: it was blocked or unblocked.
    pub my_chat_member: Option<Membership>,
    /// Somebody pressed Stop under a draft.
    pub stopped_message_generation: Option<Stopped>,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    /// Its number in the chat.
    pub message_id: i64,
    /// The topic, but in groups without topics the message that is replied to; see `is_topic_message`.
    pub message_thread_id: Option<i64>,
    /// Whether `message_thread_id` is a topic.
    pub is_topic_message: bool,
    /// Who sent it; missing in channels.
    pub from: Option<User>,
    /// The chat in whose name it was sent: a channel, or a group by an anonymous administrator.
    pub sender_chat: Option<Chat>,
    /// When, in Unix seconds; 0 for a message that cannot be read any more.
    pub date: u64,
    /// When it was last changed, in Unix seconds.
    pub edit_date: Option<u64>,
    /// Where.
    pub chat: Chat,
    /// Its text.
    pub text: Option<String>,
    /// The text under what it carries.
    pub caption: Option<String>,
    /// The album that it is a part of. An album's messages come one by one, and nothing marks the last.
    pub media_group_id: Option<String>,
    /// What it carries besides.
    pub media: Option<Media>,
    /// The message that it answers, without what that one answers. In a topic every message formally answers the note that the topic was
    /// made; that is none.
    pub reply_to_message: Option<Box<Message>>,
    /// The part of that message that it is about.
    pub quote: Option<Quote>,
    /// Whether somebody else wrote it, and it was forwarded.
    pub is_forwarded: bool,
    /// The note that this topic was made.
    pub forum_topic_created: Option<TopicCreated>,
    /// The note that this topic was changed.
    pub forum_topic_edited: Option<TopicEdited>,
    /// The note that this group is a supergroup from here on, with that number.
    pub migrate_to_chat_id: Option<i64>,
    /// The note that this supergroup was a group, with that number.
    pub migrate_from_chat_id: Option<i64>,
}

/// A person or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct User {
    /// The number, which never changes.
    pub id: i64,
    /// Whether it is a bot.
    pub is_bot: bool,
    /// The name that the person chose: free text, not to be trusted.
    pub first_name: String,
    /// The name after `@`, which can change hands.
    pub username: Option<String>,
    /// The language of the person's client, as an IETF tag such as `de` or `pt-br`.
    pub language_code: Option<String>,
}

/// A chat.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chat {
    /// The number: positive for private chats, negative for all others.
    pub id: i64,
    /// `private`, `group`, `supergroup` or `channel`.
    pub kind: String,
}

/// A part of a message that is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The part.
    pub text: String,
    /// Whether a person chose it; else Telegram added it by itself.
    pub is_manual: bool,
}

/// A topic was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicCreated {
    /// Its name.
    pub name: String,
    /// Whether nobody chose the name, so that the bot should.
    pub is_name_implicit: bool,
}

/// A topic was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicEdited {
    /// Its new name, if that changed.
    pub name: Option<String>,
}

/// A press of a button.
#[derive(Debug, Clone, PartialEq)]
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

/// The bot's place in a chat changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// The chat.
    pub chat: Chat,
    /// Who changed it.
    pub from: User,
    /// What the bot is from here on: `creator`, `administrator`, `member`, `restricted`, `left` or `kicked`.
    pub status: String,
    /// Whether that leaves the bot in the chat, or unblocked.
    pub is_member: bool,
}

/// Somebody pressed Stop under a draft. Telegram does not say who; drafts are shown in private chats alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stopped {
    /// The chat.
    pub chat: Chat,
    /// Its topic.
    pub message_thread_id: Option<i64>,
    /// The draft's number.
    pub draft_id: i64,
}

impl Update {
    /// Reads an event. `None` when it has no number, or what is new lacks what it cannot be without: who, where or which. Everything else
    /// that is strange is left out.
    pub fn read(event: &Value) -> Option<Self> {
        Some(Self {
            update_id: integer(event, "update_id")?,
            message: required(event, "message", Message::read)?,
            edited_message: required(event, "edited_message", Message::read)?,
            callback_query: required(event, "callback_query", CallbackQuery::read)?,
            my_chat_member: required(event, "my_chat_member", Membership::read)?,
            stopped_message_generation: required(event, "stopped_message_generation", Stopped::read)?,
        })
    }
}

/// `None` when it is there but cannot be read.
fn required<T>(event: &Value, field: &str, read: fn(&Value) -> Option<T>) -> Option<Option<T>> {
    part(event, field).map_or(Some(None), |object| read(object).map(Some))
}

impl Message {
    fn read(object: &Value) -> Option<Self> {
        let mut message = Self::read_alone(object)?;
        let reply = part(object, "reply_to_message").and_then(Self::read_alone);
        message.reply_to_message = reply.filter(|reply| reply.forum_topic_created.is_none()).map(Box::new);
        Some(message)
    }

    /// Without what it answers, so that nothing nests.
    fn read_alone(object: &Value) -> Option<Self> {
        Some(Self {
            message_id: integer(object, "message_id")?,
            message_thread_id: integer(object, "message_thread_id"),
            is_topic_message: flag(object, "is_topic_message"),
            from: part(object, "from").and_then(User::read),
            sender_chat: part(object, "sender_chat").and_then(Chat::read),
            date: number(object, "date").unwrap_or(0),
            edit_date: number(object, "edit_date"),
            chat: Chat::read(part(object, "chat")?)?,
            text: text(object, "text"),
            caption: text(object, "caption"),
            media_group_id: text(object, "media_group_id"),
            media: Media::read(object),
            reply_to_message: None,
            quote: part(object, "quote").and_then(Quote::read),
            is_forwarded: part(object, "forward_origin").is_some(),
            forum_topic_created: part(object, "forum_topic_created").map(TopicCreated::read),
            forum_topic_edited: part(object, "forum_topic_edited").map(|edited| TopicEdited { name: text(edited, "name") }),
            migrate_to_chat_id: integer(object, "migrate_to_chat_id"),
            migrate_from_chat_id: integer(object, "migrate_from_chat_id"),
        })
    }
}

impl User {
    fn read(object: &Value) -> Option<Self> {
        Some(Self {
            id: integer(object, "id")?,
            is_bot: flag(object, "is_bot"),
            first_name: text(object, "first_name").unwrap_or_default(),
            username: text(object, "username"),
            language_code: text(object, "language_code"),
        })
    }
}

impl<'de> Deserialize<'de> for User {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::read(&Value::deserialize(deserializer)?).ok_or_else(|| D::Error::missing_field("id"))
    }
}

impl Chat {
    fn read(object: &Value) -> Option<Self> {
        Some(Self { id: integer(object, "id")?, kind: text(object, "type").unwrap_or_default() })
    }

    /// Whether it is a chat of one person with the bot.
    pub fn is_private(&self) -> bool {
        self.kind == "private"
    }
}

impl Quote {
    fn read(object: &Value) -> Option<Self> {
        Some(Self { text: text(object, "text")?, is_manual: flag(object, "is_manual") })
    }
}

impl TopicCreated {
    fn read(object: &Value) -> Self {
        Self { name: text(object, "name").unwrap_or_default(), is_name_implicit: flag(object, "is_name_implicit") }
    }
}

impl CallbackQuery {
    fn read(object: &Value) -> Option<Self> {
        Some(Self {
            id: text(object, "id")?,
            from: User::read(part(object, "from")?)?,
            message: part(object, "message").and_then(Message::read),
            data: text(object, "data"),
        })
    }
}

impl Membership {
    fn read(object: &Value) -> Option<Self> {
        let bot = part(object, "new_chat_member")?;
        let status = text(bot, "status")?;
        let is_member = match status.as_str() {
            "restricted" => flag(bot, "is_member"),
            other => !matches!(other, "left" | "kicked"),
        };
        Some(Self { chat: Chat::read(part(object, "chat")?)?, from: User::read(part(object, "from")?)?, status, is_member })
    }
}

impl Stopped {
    fn read(object: &Value) -> Option<Self> {
        let chat = Chat::read(part(object, "chat")?)?;
        Some(Self { chat, message_thread_id: integer(object, "message_thread_id"), draft_id: integer(object, "draft_id")? })
    }
}

#[cfg(test)]
mod tests;

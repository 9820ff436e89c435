//! The menu of commands.

use serde::Serialize;

/// Sets the commands that clients offer. The most special list wins: of the chat before the bot's, of the language before all.
#[derive(Debug, Clone, Serialize)]
pub struct SetMyCommands {
    /// At most 100.
    pub commands: Vec<BotCommand>,
    /// Where they are offered; everywhere when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<ChatScope>,
    /// Whose clients offer them, as two letters (ISO 639-1); everybody's when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language_code: Option<String>,
}

/// A command that clients offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BotCommand {
    /// 1 to 32 of `a-z 0-9 _`.
    pub command: String,
    /// What it does, 1 to 256 characters.
    pub description: String,
}

/// One chat, or one person's view of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ChatScope {
    #[serde(rename = "type")]
    kind: &'static str,
    chat_id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<i64>,
}

impl ChatScope {
    /// That chat for this person: a group's members have a menu each, a private chat is its person's.
    pub fn new(chat: i64, user: i64) -> Self {
        match chat {
            ..0 => Self { kind: "chat_member", chat_id: chat, user_id: Some(user) },
            _ => Self { kind: "chat", chat_id: chat, user_id: None },
        }
    }
}

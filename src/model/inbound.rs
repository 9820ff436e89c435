//! What comes in from a person, in one form for every channel.

use serde::{Deserialize, Serialize};

use super::{ThreadId, UserId};

/// One thing that a person did in a thread. Nothing may act on it before the gate has made it `Authorized<Inbound>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inbound {
    /// Who did it.
    pub user: UserId,
    /// Where.
    pub thread: ThreadId,
    /// The channel's own number of this event (Telegram: `update_id`). One number is taken in once.
    pub event: i64,
    /// When, in Unix seconds by the channel's clock.
    pub at: u64,
    /// What.
    pub content: Content,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Wrote a text: a prompt, or a command when it begins with `/`.
    Text {
        /// The channel's number of the message, for replies and reactions.
        message: i64,
        /// The text, at most [`super::bounds::PROMPT`] bytes.
        text: String,
    },
    /// Pressed a button under one of the bot's messages.
    Button {
        /// The channel's id of the press; Telegram wants each answered.
        press: String,
        /// The message under which the button stands.
        message: i64,
        /// The opaque token that the bot put on the button.
        token: String,
    },
    /// Sent something that the bot cannot take yet.
    Unsupported {
        /// The channel's number of the message.
        message: i64,
        /// What it was, in one or two words ("a photo").
        what: String,
    },
}

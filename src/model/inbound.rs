//! What comes in from a person, in one form for every channel.

use serde::{Deserialize, Serialize};

use super::{Language, ThreadId, UserId};

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
    /// The language of the person's client, where the channel tells it and we speak it.
    #[serde(default)]
    pub language: Option<Language>,
    /// What.
    pub content: Content,
}

/// What a person did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Content {
    /// Wrote a text, or sent files with or without one: a prompt, or a command when the text begins with `/`.
    Text {
        /// The channel's number of the message, for replies, reactions and edits.
        message: i64,
        /// The text or caption, at most [`super::bounds::PROMPT`] bytes; empty for files without one.
        text: String,
        /// What the text is about, for the agent to read before it: what is replied to or quoted, a place, a contact.
        #[serde(default)]
        context: Option<String>,
        /// The files that came with it.
        #[serde(default)]
        files: Vec<FileIn>,
        /// Set where the person's client may have split what was sent, so that more of it follows within a second.
        #[serde(default)]
        part: Option<Part>,
        /// Where it was several messages: the number of each, and the length of its text in bytes.
        #[serde(default)]
        joined: Vec<(i64, usize)>,
    },
    /// Changed the text of an earlier message.
    Edited {
        /// The channel's number of the message.
        message: i64,
        /// The text as it is after the change.
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
    /// Pressed the channel's own Stop on a growing answer.
    Stop,
    /// Made this thread, or gave it a name.
    Topic {
        /// Whether the person chose its name; else the bot may name it, once.
        named: bool,
    },
    /// Sent something that the bot cannot take.
    Unsupported {
        /// The channel's number of the message.
        message: i64,
        /// What it was, in one or two words ("a photo").
        what: String,
    },
}

impl Content {
    /// A text alone.
    pub fn text(message: i64, text: String) -> Self {
        Self::Text { message, text, context: None, files: Vec::new(), part: None, joined: Vec::new() }
    }
}

/// Of what a message may be only a part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Of an album, under the channel's id of it.
    Album(String),
    /// Of a text that was too long for one message.
    Paste,
}

/// A file that a person sent. It is with the channel until the gateway fetches it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIn {
    /// The channel's id of it, by which it is fetched.
    pub id: String,
    /// What it is.
    pub kind: FileKind,
    /// The name that the person's client gave it: not to be trusted.
    #[serde(default)]
    pub name: Option<String>,
    /// Its media type, as the person's client says.
    #[serde(default)]
    pub mime: Option<String>,
    /// Its size in bytes, where the channel says so.
    #[serde(default)]
    pub size: Option<u64>,
}

/// What a file is to the person who sends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "Telegram's own words")]
pub enum FileKind {
    Photo,
    Document,
    Audio,
    Voice,
    Video,
    VideoNote,
    Animation,
    Sticker,
}

impl FileKind {
    /// The word for it, which is also the name of a file that has none.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Photo => "photo",
            Self::Document => "document",
            Self::Audio => "audio",
            Self::Voice => "voice",
            Self::Video => "video",
            Self::VideoNote => "video-note",
            Self::Animation => "animation",
            Self::Sticker => "sticker",
        }
    }
}

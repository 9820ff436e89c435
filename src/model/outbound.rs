//! What a session shows its thread, in one form for every channel.
//!
//! Shows are of two sorts. Previews (everything but [`Show::Deliver`]) are disposable: a channel may coalesce or drop them.
//! A [`Message`] is a durable obligation: it is put into the store's outbox first, and leaves it only when the channel confirmed it.

use serde::{Deserialize, Serialize};

use super::permission::ToolKind;
use super::{ThreadId, UserId};

/// What a session shows while it works. As JSON it is an event of `kiroclaw chat --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Show {
    /// The message was taken up (Telegram: 👀).
    Seen {
        /// The channel's number of the message.
        message: i64,
    },
    /// The agent works: typing is shown until the turn's message is delivered.
    Working,
    /// The agent wrote more of its answer. Only the new part.
    Text {
        /// The new part.
        text: String,
    },
    /// The agent thought. Only the new part.
    Thought {
        /// The new part.
        text: String,
    },
    /// A tool call began or changed.
    Tool(ToolView),
    /// The agent asks for permission and the person has to choose.
    Ask(AskView),
    /// A question was settled: nobody can answer it any more.
    Settled {
        /// The question.
        ask: String,
        /// Who chose; `None` when time ran out or the turn was stopped.
        by: Option<UserId>,
        /// The label chosen, or why nobody chose.
        choice: String,
        /// When, in Unix seconds.
        at: u64,
    },
    /// A button press was dealt with; the text is a short toast, empty for none.
    Pressed {
        /// The channel's id of the press.
        press: String,
        /// What to show for a moment.
        toast: String,
    },
    /// The outbox of this thread holds something to deliver.
    Deliver,
    /// The turn is over; its message, if any, is in the outbox.
    TurnEnded,
}

/// A tool call as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolView {
    /// The agent's id of the call.
    pub id: String,
    /// What it does, in the agent's words, cleaned of control characters, at most 200 characters.
    pub title: String,
    /// Its kind.
    pub kind: ToolKind,
    /// `pending`, `in_progress`, `completed` or `failed`.
    pub status: String,
}

/// A permission request as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskView {
    /// One-time token, 16 of `A-Za-z0-9`. A button's token is this, a colon and the option's index.
    pub ask: String,
    /// Who may answer.
    pub user: UserId,
    /// What the agent wants to do.
    pub title: String,
    /// The command, path or URL in full, cleaned of control characters, at most 3,000 characters; may be empty.
    pub detail: String,
    /// Its kind.
    pub kind: ToolKind,
    /// The agent's own options, in its order.
    pub options: Vec<AskOption>,
}

/// One of the options of a permission request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskOption {
    /// The agent's label.
    pub label: String,
    /// ACP's kind: `allow_once`, `allow_always`, `reject_once`, `reject_always`.
    pub kind: String,
}

/// A message that must arrive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Where to.
    pub thread: ThreadId,
    /// Why it is sent; decides sound and form.
    pub purpose: Purpose,
    /// The text, as Markdown.
    pub markdown: String,
    /// Buttons under it: label and opaque token.
    pub buttons: Vec<(String, String)>,
    /// How many pieces of it the channel has confirmed already (a long text goes out in pieces).
    pub sent: usize,
}

impl Message {
    /// A word of the bot itself.
    pub fn notice(thread: ThreadId, markdown: String) -> Self {
        Self { thread, purpose: Purpose::Notice, markdown, buttons: Vec::new(), sent: 0 }
    }

    /// The agent's answer.
    pub fn answer(thread: ThreadId, markdown: String) -> Self {
        Self { thread, purpose: Purpose::Answer, markdown, buttons: Vec::new(), sent: 0 }
    }

    /// This message with a button under it.
    #[must_use]
    pub fn button(mut self, label: &str, token: String) -> Self {
        self.buttons.push((label.to_owned(), token));
        self
    }
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The agent's answer at the end of a turn.
    Answer,
    /// A word of the bot itself: help, an error.
    Notice,
    /// A word of the bot about a prompt that waits: its answer is yet to come.
    Queued,
}

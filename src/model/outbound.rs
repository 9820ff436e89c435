//! What a session shows its thread, in one form for every channel.
//!
//! Shows are of two sorts. Previews (everything but [`Show::Deliver`]) are disposable: a channel may coalesce or drop them.
//! A [`Message`] is a durable obligation: it is put into the store's outbox first, and leaves it only when the channel confirmed it.

use serde::{Deserialize, Serialize};

use super::permission::ToolKind;
use super::{Language, ThreadId, UserId};

/// What a session shows while it works. As JSON it is an event of `kiroclaw chat --json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Show {
    /// The message was taken up (Telegram: 👀).
    Seen {
        /// The channel's number of the message.
        message: i64,
    },
    /// A turn begins: typing is shown until its message is delivered.
    Working(Display),
    /// The agent wrote more of its answer. Only the new part.
    Text {
        /// The new part.
        text: String,
    },
    /// What was written so far was sent as a message: what comes begins anew.
    Flushed,
    /// The agent thought. Only the new part.
    Thought {
        /// The new part.
        text: String,
    },
    /// A tool call began or changed.
    Tool(ToolView),
    /// The agent's plan as it stands.
    Plan {
        /// Its steps in order, at most [`PLAN`].
        steps: Vec<PlanStep>,
    },
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
    /// The thread is to have this name, 1 to 25 characters.
    Name {
        /// The name.
        name: String,
    },
    /// The agent's own commands are to stand in this person's menu of the chat beside the bot's.
    Menu {
        /// Whose.
        user: UserId,
        /// What the person types without the slash, 1 to 32 of `a-z 0-9 _`, and what it does.
        commands: Vec<(String, String)>,
        /// The language of the bot's own ones.
        language: Language,
    },
    /// The outbox of this thread holds something to deliver.
    Deliver,
    /// The turn is over; its message, if any, is in the outbox.
    TurnEnded,
}

/// Steps of a plan that are shown.
pub const PLAN: usize = 50;

/// How a turn is shown, by the settings of the person whose turn it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Display {
    /// In which language.
    pub language: Language,
    /// Without the trace of its tools and without its plan.
    pub quiet: bool,
    /// With what the agent thinks.
    pub thoughts: bool,
}

/// One step of a plan as a person sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanStep {
    /// What is to be done, cleaned of control characters, at most 200 characters.
    pub text: String,
    /// `pending`, `in_progress` or `completed`.
    pub status: String,
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
    /// Its command, path or URL, else its input, as one cleaned line of at most 200 characters; empty where nothing is told.
    #[serde(default)]
    pub detail: String,
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
    /// The language of what a face adds.
    #[serde(default)]
    pub language: Language,
    /// Whether it is shown without a sound.
    #[serde(default)]
    pub silent: bool,
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
    /// Why it is sent; decides its form.
    pub purpose: Purpose,
    /// The text, as Markdown; may be empty where there is something else.
    pub markdown: String,
    /// Buttons under it: label and opaque token. A face puts short ones side by side.
    pub buttons: Vec<(String, String)>,
    /// How many pieces of it the channel has confirmed already (a long text goes out in pieces, files after it).
    pub sent: usize,
    /// The language of what a face itself adds.
    #[serde(default)]
    pub language: Language,
    /// Whether it makes a sound.
    #[serde(default)]
    pub loud: bool,
    /// Whether the person wants the channel's richer form of formatting, where it has one.
    #[serde(default)]
    pub rich: bool,
    /// What explains it, shown folded up; plain text.
    #[serde(default)]
    pub details: Option<String>,
    /// Texts that are sent as files after it: name and content.
    #[serde(default)]
    pub documents: Vec<(String, String)>,
    /// Files of a workspace that are sent after it.
    #[serde(default)]
    pub files: Vec<FileOut>,
    /// Under this name the message can be rewritten later by [`Edit::Tag`].
    #[serde(default)]
    pub tag: Option<String>,
    /// In place of sending it, an earlier message becomes it. Where that one is gone, nothing is sent.
    #[serde(default)]
    pub edit: Option<Edit>,
}

impl Message {
    fn new(thread: ThreadId, purpose: Purpose, markdown: String) -> Self {
        Self {
            thread,
            purpose,
            markdown,
            buttons: Vec::new(),
            sent: 0,
            language: Language::default(),
            loud: false,
            rich: false,
            details: None,
            documents: Vec::new(),
            files: Vec::new(),
            tag: None,
            edit: None,
        }
    }

    /// A word of the bot itself, without a sound.
    pub fn notice(thread: ThreadId, markdown: String) -> Self {
        Self::new(thread, Purpose::Notice, markdown)
    }

    /// The agent's answer at the end of a turn, with a sound.
    pub fn answer(thread: ThreadId, markdown: String) -> Self {
        Self { loud: true, ..Self::new(thread, Purpose::Answer, markdown) }
    }

    /// What the agent wrote before it went on to do something, without a sound.
    pub fn progress(thread: ThreadId, markdown: String) -> Self {
        Self::new(thread, Purpose::Progress, markdown)
    }

    /// A word of the bot about a prompt that waits, without a sound.
    pub fn queued(thread: ThreadId, markdown: String) -> Self {
        Self::new(thread, Purpose::Queued, markdown)
    }

    /// This message with a button under it.
    #[must_use]
    pub fn button(mut self, label: &str, token: String) -> Self {
        self.buttons.push((label.to_owned(), token));
        self
    }
}

/// Which earlier message becomes another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Edit {
    /// The one of this number, as the press of one of its buttons tells it.
    Number(i64),
    /// The one that was sent under this tag.
    Tag(String),
}

/// A file that an agent sends a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileOut {
    /// Whose workspace it is in, together with the message's thread.
    pub owner: UserId,
    /// Its path as the agent wrote it. It is resolved beneath the workspace when it is sent, following no links.
    pub path: String,
    /// What the agent says about it.
    pub caption: String,
}

/// Why a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The agent's answer at the end of a turn.
    Answer,
    /// A part of the answer before its end.
    Progress,
    /// A word of the bot itself: help, an error.
    Notice,
    /// A word of the bot about a prompt that waits: its answer is yet to come.
    Queued,
}

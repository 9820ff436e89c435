//! What an agent says of itself and its sessions.

use std::path::PathBuf;

use crate::model::AcpSessionId;

/// What the agent said at the handshake.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentInfo {
    /// Its name, at most 200 characters; empty where it gave none.
    pub name: String,
    /// Its version, at most 200 characters; empty where it gave none.
    pub version: String,
    /// Whether it has `session/load`.
    pub can_load: bool,
    /// Whether it has `session/resume`.
    pub can_resume: bool,
    /// Whether it has `session/list`.
    pub can_list: bool,
    /// Whether prompts may hold images.
    pub takes_images: bool,
}

/// A session that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// Its id.
    pub id: AcpSessionId,
    /// The models on offer, where the agent said so.
    pub models: Option<Models>,
    /// The modes on offer, where the agent said so.
    pub modes: Option<Modes>,
}

/// The models that a session can be set to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Models {
    /// The id of the one in use.
    pub current: String,
    /// Those on offer, at most 256.
    pub available: Vec<Model>,
}

/// A model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The agent's id of it, as the agent takes it back.
    pub id: String,
    /// Its name for people, at most 200 characters.
    pub name: String,
}

/// The modes that a session can be set to (Kiro v2: its agents).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Modes {
    /// The id of the one in use.
    pub current: String,
    /// Those on offer, at most 256.
    pub available: Vec<Mode>,
}

/// A mode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mode {
    /// The agent's id of it, as the agent takes it back.
    pub id: String,
    /// Its name for people, at most 200 characters.
    pub name: String,
}

/// One step of an agent's plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanEntry {
    /// What is to be done, at most 200 characters.
    pub content: String,
    /// `pending`, `in_progress` or `completed`.
    pub status: String,
}

/// A command of the agent's own, which is invoked by sending the text `/name …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Its name, without a slash.
    pub name: String,
    /// What it does, at most 200 characters.
    pub description: String,
    /// What is written after it, at most 200 characters; `None` where it takes nothing.
    pub hint: Option<String>,
}

/// How much was used. Agents know different parts of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Tokens in the context.
    pub used: Option<u64>,
    /// Tokens that fit into the context.
    pub size: Option<u64>,
    /// How full the context is, in percent.
    pub percent: Option<f64>,
    /// What it has cost: of the session by ACP, of the turn by Kiro.
    pub cost: Option<Cost>,
    /// How long the turn took by Kiro, in milliseconds.
    pub turn_ms: Option<u64>,
}

impl Usage {
    /// Takes what is newer; what that does not say stays.
    pub fn update(&mut self, newer: &Self) {
        self.used = newer.used.or(self.used);
        self.size = newer.size.or(self.size);
        self.percent = newer.percent.or(self.percent);
        self.turn_ms = newer.turn_ms.or(self.turn_ms);
        if newer.cost.is_some() {
            self.cost.clone_from(&newer.cost);
        }
    }
}

/// What is known of an open session, whether a turn runs or not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The models on offer, where the agent said so.
    pub models: Option<Models>,
    /// The modes on offer, where the agent said so.
    pub modes: Option<Modes>,
    /// The agent's own commands, at most 256.
    pub commands: Vec<Command>,
    /// How much was used, each part as it was told last.
    pub usage: Usage,
    /// The session's title by the agent, at most 200 characters.
    pub title: Option<String>,
}

/// One page of the agent's list of sessions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionPage {
    /// The sessions, the newest first where the agent says when, at most 100.
    pub sessions: Vec<ListedSession>,
    /// How to ask for the next page; `None` where this is the last.
    pub next: Option<String>,
}

/// A session in the agent's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedSession {
    /// Its id.
    pub id: AcpSessionId,
    /// Its title, at most 200 characters.
    pub title: Option<String>,
    /// When it was used last, in Unix seconds.
    pub updated_at: Option<u64>,
    /// Its directory.
    pub cwd: PathBuf,
}

/// An amount of something that is paid for.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// How much.
    pub amount: f64,
    /// Of what: a currency (`USD`), or Kiro's `credit`.
    pub unit: String,
}

/// Why a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// The agent is done.
    EndTurn,
    /// The model's limit of tokens.
    MaxTokens,
    /// The agent's limit of requests in a turn.
    MaxTurnRequests,
    /// The agent will not go on.
    Refusal,
    /// We cancelled it.
    Cancelled,
    /// A reason that ACP does not know, or none.
    Other,
}

impl StopReason {
    /// ACP's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EndTurn => "end_turn",
            Self::MaxTokens => "max_tokens",
            Self::MaxTurnRequests => "max_turn_requests",
            Self::Refusal => "refusal",
            Self::Cancelled => "cancelled",
            Self::Other => "other",
        }
    }

    /// What ACP's word means.
    pub(super) fn read(word: &str) -> Self {
        let known = [Self::EndTurn, Self::MaxTokens, Self::MaxTurnRequests, Self::Refusal, Self::Cancelled];
        known.into_iter().find(|reason| reason.as_str() == word).unwrap_or(Self::Other)
    }
}

//! One agent: what is executed, and what its policy names.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{HostRule, Limits};
use crate::model::permission::PermissionPolicy;
use crate::model::{AgentName, Minimum};

/// One agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentConfig {
    /// Its name.
    pub name: AgentName,
    /// Which dialect it speaks and how its home is made.
    pub kind: AgentKind,
    /// Program and arguments, not empty. A program without a slash is looked up in [`PROGRAM_PATH`] when it starts.
    pub command: Vec<String>,
    /// More paths that its runtimes may read and execute (absolute).
    pub read_only: Vec<PathBuf>,
    /// More paths that its runtimes may do everything with (absolute); all of its users share them.
    pub read_write: Vec<PathBuf>,
    /// The hosts that its runtimes may reach.
    pub egress: Vec<HostRule>,
    /// What it may do unasked.
    pub permissions: PermissionPolicy,
    /// What one of its runtimes may use.
    pub limits: Limits,
    /// What its jail has to hold.
    pub minimum: Minimum,
    /// More variables of its environment, none of them secret and none that its jail sets itself.
    pub environment: BTreeMap<String, String>,
}

/// What sort of agent it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentKind {
    /// `kiro-cli acp`, with a provisioned `.kiro`.
    Kiro(KiroEngine),
    /// The agent in this binary.
    BuiltIn,
    /// Any other agent that speaks ACP.
    Acp,
}

/// Kiro's two engines speak two dialects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KiroEngine {
    /// Rust, `_kiro.dev/*`.
    V2,
    /// Node, `_kiro/*`.
    V3,
}

/// Where programs are looked up: the directories of the system and, last, those of the service's own user.
pub const PROGRAM_PATH: &[&str] = &["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Hosts that kiro-cli needs (Kiro's documentation, "firewalls"; sign-in by identity centre and social login included).
const KIRO_HOSTS: &[&str] = &[
    "app.kiro.dev",
    "assets.app.kiro.dev",
    "prod.us-east-1.auth.desktop.kiro.dev",
    "runtime.us-east-1.kiro.dev",
    "management.us-east-1.kiro.dev",
    "telemetry.us-east-1.kiro.dev",
    "runtime.eu-central-1.kiro.dev",
    "management.eu-central-1.kiro.dev",
    "telemetry.eu-central-1.kiro.dev",
    "q.us-east-1.amazonaws.com",
    "q.eu-central-1.amazonaws.com",
    "oidc.us-east-1.amazonaws.com",
    "oidc.eu-central-1.amazonaws.com",
    "portal.sso.us-east-1.amazonaws.com",
    "portal.sso.eu-central-1.amazonaws.com",
    "cognito-identity.us-east-1.amazonaws.com",
];

impl AgentKind {
    /// What it is, for a person.
    pub fn as_words(self) -> &'static str {
        match self {
            Self::Kiro(_) => "kiro-cli",
            Self::BuiltIn => "the built-in demo agent, without a model",
            Self::Acp => "an ACP agent",
        }
    }

    /// The hosts that an agent of this kind cannot work without.
    pub fn hosts(self) -> Vec<HostRule> {
        match self {
            Self::Kiro(_) => KIRO_HOSTS.iter().filter_map(|host| host.parse().ok()).collect(),
            Self::BuiltIn | Self::Acp => Vec::new(),
        }
    }

    /// The arguments that kiro-cli needs to speak ACP in a known dialect (its default engine changed over time).
    pub fn kiro_arguments(engine: KiroEngine, agent: &AgentName) -> Vec<String> {
        let words: &[&str] = match engine {
            KiroEngine::V2 => &["acp", "--agent-engine", "v2", "--agent", agent.as_str()],
            // Session flags make the v3 engine exit; without the method it asks its client for a token.
            KiroEngine::V3 => &["acp", "--agent-engine", "v3", "--auth-method", "cli"],
        };
        words.iter().map(|&word| word.to_owned()).collect()
    }

    /// Whether a program of this name is kiro-cli.
    pub fn is_kiro(program: &str) -> bool {
        Path::new(program).file_name().is_some_and(|name| name == "kiro-cli")
    }
}

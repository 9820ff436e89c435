//! One checked configuration, from flags, environment, `.env` and `config.json`, with all errors reported at once.
//!
//! A [`Config`] cannot be invalid: [`load`] is its only maker, and the roles receive it whole from the warden.
//! It holds no secret; those are in [`Secrets`] and travel separately, each to the role that needs it.

mod agent;
mod dotenv;
mod file;
mod host;
mod limits;
mod load;
mod portable;
mod settings;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use agent::{AgentConfig, AgentKind, KiroEngine, PROGRAM_PATH};
pub use host::HostRule;
pub use limits::Limits;
pub use load::{ConfigErrors, Problem, Sources, is_bot_token, load, load_to_look, load_to_run};
pub use portable::{env_line, portable_env, portable_file, read_env};
pub use settings::{SETTINGS, Setting};

use crate::model::{AgentName, ChannelKind, Secret, UserId};

/// Directories in the `.kiro` of a workspace that hold words for an agent, which it could as well read from any other file; all else
/// there could give it tools.
pub const KIRO_WORDS: &[&str] = &["skills", "specs", "steering"];

/// The configuration of one appliance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Config {
    /// Who may use the bot, from `ALLOWED_TELEGRAM_IDS`; empty means nobody.
    pub allowed: BTreeSet<UserId>,
    /// Who of them answers for the service (`OPERATOR_TELEGRAM_IDS`): they may grant agents hosts beyond their policy.
    pub operators: BTreeSet<UserId>,
    /// The agents by name; holds at least [`Config::default_agent`].
    pub agents: BTreeMap<AgentName, AgentConfig>,
    /// The agent that serves threads without a binding (`KIRO_AGENT_NAME`).
    pub default_agent: AgentName,
    /// Templates of agents, skills and steering (absolute).
    pub kiro_config: PathBuf,
    /// Where workspaces are (absolute).
    pub workspaces: PathBuf,
    /// Where store, homes and sockets are (absolute).
    pub state: PathBuf,
    /// Where the gateway tells how it is (`HEALTH_SOCKET`; absolute).
    pub health_socket: PathBuf,
    /// Runtimes at most, 1 to 64.
    pub max_processes: usize,
    /// Runtimes of one user at most, 1 to `max_processes`.
    pub max_processes_per_user: usize,
    /// How long an idle runtime is kept, but for one; at least 1 s.
    pub idle_timeout: Duration,
    /// How much is logged.
    pub log_level: LogLevel,
    /// What becomes of system calls that no filter allows.
    pub seccomp: SeccompMode,
    /// Base of the Bot API: `https`, or `http` to loopback only; no trailing slash.
    pub telegram_api: String,
    /// A turn's longest time by the clock.
    pub turn_timeout: Duration,
    /// How long a permission request waits for its answer.
    pub permission_timeout: Duration,
    /// Kiro's login of the service's own user, copied into the homes of Kiro runtimes; `None` where there is none.
    pub kiro_login: Option<PathBuf>,
    /// Files that no runtime may read: where settings and secrets came from (absolute).
    pub private_files: Vec<PathBuf>,
}

impl Config {
    /// The agent of that name; the default agent where there is none of that name any more.
    pub fn agent(&self, name: &AgentName) -> Option<&AgentConfig> {
        self.agents.get(name)
    }

    /// Whether this person answers for the service. The gate lets in at the terminal only those who could change its settings, too.
    pub fn is_operator(&self, user: &UserId) -> bool {
        user.channel == ChannelKind::Local || self.operators.contains(user)
    }

    /// The ports to which the egress may connect: those of every agent's rules, and those that a rule without one means, for grants.
    pub fn egress_ports(&self) -> BTreeSet<u16> {
        let rules = self.agents.values().flat_map(|agent| &agent.egress);
        rules.flat_map(|rule| rule.ports().to_vec()).chain(host::DEFAULT_PORTS).collect()
    }

    /// The port at which the Bot API is reached.
    pub fn telegram_port(&self) -> u16 {
        reqwest::Url::parse(&self.telegram_api).ok().and_then(|url| url.port_or_known_default()).unwrap_or(443)
    }

    /// `STATE_DIR/store`: the gateway's alone.
    pub fn store_dir(&self) -> PathBuf {
        self.state.join("store")
    }

    /// `STATE_DIR/incoming`: files on their way to a workspace, the gateway's alone.
    pub fn incoming_dir(&self) -> PathBuf {
        self.state.join("incoming")
    }

    /// `STATE_DIR/homes`: the private directories of all runtimes.
    pub fn homes_dir(&self) -> PathBuf {
        self.state.join("homes")
    }

    /// `STATE_DIR/restoring`: what a restore has unpacked and not yet put into its place. While it is there, nothing starts.
    pub fn restoring_dir(&self) -> PathBuf {
        self.state.join("restoring")
    }

    /// `STATE_DIR/run`: sockets and lock files.
    pub fn run_dir(&self) -> PathBuf {
        self.state.join("run")
    }

    /// The socket of the local channel.
    pub fn chat_socket(&self) -> PathBuf {
        self.run_dir().join("chat.sock")
    }

    /// The private directory of one (user, agent), in which its HOME and TMPDIR lie.
    pub fn home_dir(&self, user: &UserId, agent: &AgentName) -> PathBuf {
        self.homes_dir().join(user.dir_name()).join(agent.as_str())
    }

    /// The directory above all workspaces of one user.
    pub fn user_workspaces(&self, user: &UserId) -> PathBuf {
        self.workspaces.join(user.dir_name())
    }
}

/// What the configuration holds in secret.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Secrets {
    /// The bot's token; goes to the gateway alone.
    pub bot_token: Option<Secret<String>>,
    /// Kiro's own key, which only kiro-cli itself can use: it goes into the environment of `kiro` runtimes, since it takes it from nowhere else.
    pub kiro_api_key: Option<Secret<String>>,
    /// Variables of agents' environments, by agent and name: each agent's own runtimes see them, and nobody else but the warden.
    pub of_agents: BTreeMap<AgentName, BTreeMap<String, Secret<String>>>,
}

/// What becomes of system calls that no filter allows, ours and the runtimes'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeccompMode {
    /// They fail.
    #[default]
    Enforce,
    /// They work, and the kernel logs them (SECCOMP_RET_LOG, seccomp(2)): for operators who look for what a filter breaks.
    Log,
}

/// How much is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "the usual words")]
pub enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

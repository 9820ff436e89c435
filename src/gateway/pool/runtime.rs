//! One runtime: a jailed agent that has answered `initialize`.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::acp::{AcpError, Client, Dialect, StderrTail};
use crate::config::{AgentConfig, AgentKind, KiroEngine};
use crate::gateway::port::Port;
use crate::gateway::texts::Choice;
use crate::model::{AcpSessionId, Excess, RuntimeId, Target, UserId};

/// How long an agent's end waits for its reason, which comes by way of its keeper and the warden, on a machine that is just being bombed. It
/// is over as soon as the runtime is gone.
const REASON: Duration = Duration::from_secs(5);

/// Why there is no runtime, in a sentence for the person.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum StartError {
    /// The warden or the jail refused; nothing runs.
    #[error("The agent could not be started. {0}")]
    NotStarted(String),
    /// It was started and does not answer as an agent does.
    #[error("The agent was started but is of no use. {error}")]
    Agent {
        /// What went wrong.
        error: AcpError,
        /// Its last words; empty where it said none.
        last_words: String,
    },
    /// It used more than it may before it could answer.
    #[error("{0}")]
    Exceeded(Excess),
    /// Its pipes cannot be used.
    #[error("The agent's pipes cannot be used: {0}.")]
    Pipes(String),
    /// The gateway is ending.
    #[error("The bot is stopping; your message is kept.")]
    Stopping,
}

/// A runtime.
#[derive(Debug)]
pub(crate) struct Runtime {
    /// Its number.
    pub id: RuntimeId,
    /// The protocol's client.
    pub client: Client,
    stderr: StderrTail,
    excess: watch::Receiver<Option<Excess>>,
    /// The sessions that its process holds, and what each was last set to.
    sessions: Mutex<HashMap<AcpSessionId, Settings>>,
}

/// What a session was set to by us.
#[derive(Debug, Clone, Default)]
struct Settings {
    model: Option<String>,
    mode: Option<String>,
}

impl Settings {
    fn of(&mut self, choice: Choice) -> &mut Option<String> {
        match choice {
            Choice::Model => &mut self.model,
            Choice::Mode => &mut self.mode,
        }
    }
}

impl Runtime {
    /// Whether its process holds a session.
    pub(crate) fn holds(&self, session: &AcpSessionId) -> bool {
        self.sessions().contains_key(session)
    }

    /// Whether its process holds any.
    pub(super) fn has_sessions(&self) -> bool {
        !self.sessions().is_empty()
    }

    /// Its process holds this session from now on.
    pub(crate) fn hold(&self, session: AcpSessionId) {
        self.sessions().entry(session).or_default();
    }

    /// The model or mode that a session was last set to by us.
    pub(crate) fn set_in(&self, session: &AcpSessionId, choice: Choice) -> Option<String> {
        self.sessions().get_mut(session).and_then(|settings| settings.of(choice).clone())
    }

    /// A session was set to a model or mode.
    pub(crate) fn was_set(&self, session: &AcpSessionId, choice: Choice, name: String) {
        *self.sessions().entry(session.clone()).or_default().of(choice) = Some(name);
    }

    /// The last lines of the agent's stderr.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.stderr.lines()
    }

    /// What a runtime that has ended used too much of; `None` where it ended for another reason.
    pub(crate) async fn excess(&self) -> Option<Excess> {
        reason(self.excess.clone()).await
    }

    fn sessions(&self) -> MutexGuard<'_, HashMap<AcpSessionId, Settings>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn reason(mut excess: watch::Receiver<Option<Excess>>) -> Option<Excess> {
    // Neither the time-out nor the end of the news is a fault: then there is none.
    let _ = tokio::time::timeout(REASON, excess.wait_for(Option::is_some)).await;
    *excess.borrow()
}

/// Has the warden start a runtime, and shakes hands with its agent.
pub(super) async fn start(
    port: &Port,
    id: RuntimeId,
    user: UserId,
    agent: &AgentConfig,
    granted: Vec<Target>,
    excess: watch::Receiver<Option<Excess>>,
) -> Result<Runtime, StartError> {
    let pipes = port.start(id, agent.name.clone(), user, granted).await.map_err(StartError::NotStarted)?;
    let broken = |error: std::io::Error| StartError::Pipes(error.to_string());
    let stdin = pipe::Sender::from_owned_fd(pipes.stdin).map_err(broken)?;
    let stdout = pipe::Receiver::from_owned_fd(pipes.stdout).map_err(broken)?;
    let stderr = pipe::Receiver::from_owned_fd(pipes.stderr).map_err(broken)?;
    let stderr = crate::acp::stderr_log(stderr, id.to_string());
    let client = Client::start(stdout, stdin, dialect(agent.kind));
    match client.initialize().await {
        Ok(info) => {
            tracing::info!(runtime = %id, %user, agent = %agent.name, name = %info.name, version = %info.version, "a runtime is ready");
            Ok(Runtime { id, client, stderr, excess, sessions: Mutex::default() })
        }
        Err(AcpError::Gone) if let Some(excess) = reason(excess).await => Err(StartError::Exceeded(excess)),
        Err(error) => Err(StartError::Agent { error, last_words: stderr.lines().join("\n") }),
    }
}

fn dialect(kind: AgentKind) -> Dialect {
    match kind {
        AgentKind::Kiro(KiroEngine::V2) => Dialect::KiroV2,
        AgentKind::Kiro(KiroEngine::V3) => Dialect::KiroV3,
        AgentKind::BuiltIn | AgentKind::Acp => Dialect::Plain,
    }
}

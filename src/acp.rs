//! The client's side of the Agent Client Protocol, version 1, with both of Kiro's dialects: lenient in what is accepted, strict in
//! what is sent. Source: <https://agentclientprotocol.com>; its schema is in `tests/schema/acp`.
//!
//! A [`Client`] speaks with one runtime through its pipes by two tasks, a reader and a writer. The reader hands the events of a turn
//! to its [`Turn`] through a short queue and waits when that is full, so a flood stays in the pipe and costs the agent time, not us
//! memory. Whoever holds a [`Turn`] must therefore keep calling [`Turn::next`]: meanwhile nothing else of that runtime is read.
//!
//! The client ends no process. [`Client::close`] closes the agent's stdin, which asks an agent to leave; signals are the warden's.

mod calls;
mod connection;
mod error;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod kiro;
mod lines;
mod listing;
mod opening;
mod prompt;
mod session;
mod settings;
mod stderr;
mod tasks;
mod text;
mod time;
mod turn;
mod types;
mod wire;

#[cfg(test)]
mod tests;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};

pub use error::{AcpError, sentence};
pub use kiro::Dialect;
pub use prompt::Block;
pub use stderr::{StderrTail, stderr_log};
pub use turn::{PermissionOption, PermissionRequest, Turn, TurnEvent};
pub use types::{
    AgentInfo, Command, Cost, Facts, ListedSession, Mode, Model, Models, Modes, Opened, PlanEntry, SessionPage, StopReason, Usage,
};

use connection::{Shared, Stop};
use opening::Opening;
use prompt::PromptLine;

use crate::model::{AcpSessionId, bounds};

/// Longest wait for the end of a replay, for agents that do not answer what they do not know.
const AFTER_REPLAY: Duration = Duration::from_secs(2);

/// A handle on one runtime's agent; cheap to clone. When the last one is dropped, the agent's stdin is closed.
#[derive(Debug, Clone)]
pub struct Client(Arc<Handle>);

#[derive(Debug)]
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.stop(Stop::Stdin);
    }
}

impl Client {
    /// Starts the reader and the writer of a runtime's pipes, as tasks of the current tokio runtime.
    pub fn start<R, W>(stdout: R, stdin: W, dialect: Dialect) -> Self
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Self(Arc::new(Handle(Shared::start(stdout, stdin, dialect))))
    }

    /// Shakes hands. To be called once, first.
    ///
    /// # Errors
    /// No answer within [`bounds::INITIALIZE`], another version, or an error of the agent.
    pub async fn initialize(&self) -> Result<AgentInfo, AcpError> {
        let params = json!({
            "protocolVersion": wire::VERSION,
            // Nothing is offered: the agent works in its own jail, with its own files and processes.
            "clientCapabilities": {},
            "clientInfo": {"name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION")},
        });
        let raw = self.shared().call("initialize", params, bounds::INITIALIZE).await?;
        let info = wire::initialized(&raw)?;
        self.shared().lock().info = info.clone();
        Ok(info)
    }

    /// Opens a new session whose directory is `cwd` (absolute).
    ///
    /// # Errors
    /// No answer within [`bounds::REQUEST`], an error of the agent ([`AcpError::AuthRequired`] where nobody is signed in), or of
    /// Kiro: [`AcpError::AgentNotFound`], [`AcpError::AutopilotOn`].
    pub async fn new_session(&self, cwd: &Path) -> Result<Opened, AcpError> {
        let mut opening = Opening::begin(self.shared(), None)?;
        let raw = self.call("session/new", json!({"cwd": path(cwd), "mcpServers": []})).await?;
        let session = wire::opened(&raw)?;
        let id = session.id.clone().ok_or(AcpError::BadAnswer { method: "session/new", why: "it has no session id".to_owned() })?;
        opening.answered(&id, session)?;
        self.tame(&id).await?;
        opening.done()
    }

    /// Opens an earlier session again: `session/resume` where the agent has it, else `session/load`. What is replayed is not shown,
    /// neither before the answer nor after it.
    ///
    /// # Errors
    /// Those of [`Client::new_session`], and [`AcpError::CannotRestore`], [`AcpError::NotFound`], [`AcpError::Locked`].
    pub async fn restore_session(&self, id: &AcpSessionId, cwd: &Path) -> Result<Opened, AcpError> {
        let info = self.info();
        if !info.can_resume && !info.can_load {
            return Err(AcpError::CannotRestore);
        }
        if self.shared().dialect.invents_sessions() && info.can_list && !self.lists(id).await? {
            return Err(AcpError::NotFound);
        }
        let mut opening = Opening::begin(self.shared(), Some(id))?;
        let method = if info.can_resume { "session/resume" } else { "session/load" };
        let raw = self.call(method, json!({"sessionId": id, "cwd": path(cwd), "mcpServers": []})).await?;
        let session = wire::opened(&raw)?;
        if !info.can_resume {
            self.hear_out().await;
        }
        opening.answered(id, session)?;
        self.tame(id).await?;
        opening.done()
    }

    /// Lets the agent finish its replay: some of it may follow the answer to the load (seen of kiro-cli 1.26), and would be taken for the
    /// answer to the next prompt. It comes before the answer to a further request, and a method that nobody knows is the cheapest one.
    async fn hear_out(&self) {
        // Whatever the answer is, or that there is none: the session is open.
        let _ = self.shared().call("_kiroclaw/after_replay", json!({}), AFTER_REPLAY).await;
    }

    /// Gives the agent a prompt of one block or more. Returns when its line has been written to the agent's stdin whole: from then on it is delivered.
    ///
    /// # Errors
    /// [`AcpError::Busy`], [`AcpError::NotOpen`], [`AcpError::NoImages`], [`AcpError::PromptTooLong`], and what the session failed with meanwhile. When the line cannot be written
    /// within [`bounds::REQUEST`], the connection is closed, so that the prompt cannot arrive later.
    pub async fn prompt(&self, id: &AcpSessionId, blocks: &[Block]) -> Result<Turn, AcpError> {
        if blocks.iter().any(|block| matches!(block, Block::Image { .. })) && !self.info().takes_images {
            return Err(AcpError::NoImages);
        }
        let (turn, written) = Turn::begin(self.shared(), id, PromptLine::new(id, blocks)?).await?;
        match tokio::time::timeout(bounds::REQUEST, written).await {
            Ok(Ok(())) => Ok(turn),
            Ok(Err(_)) => Err(self.shared().why_ended()),
            Err(_) => {
                let error = AcpError::TimedOut { method: "session/prompt", limit: bounds::REQUEST };
                self.shared().stop(Stop::All(error.clone()));
                Err(error)
            }
        }
    }

    /// What the agent said at the handshake; nothing before it.
    pub fn info(&self) -> AgentInfo {
        self.shared().lock().info.clone()
    }

    /// What is known of a session at this moment, whether a turn runs or not; `None` where it is not open in this runtime.
    pub fn session_facts(&self, id: &AcpSessionId) -> Option<Facts> {
        self.shared().lock().sessions.get(id).map(|session| session.facts.clone())
    }

    /// Closes the agent's stdin, without writing what still waits. What the agent says from here on is still read.
    pub fn close(&self) {
        self.shared().stop(Stop::Stdin);
    }

    /// Whether the agent's stdout has ended, or the connection was given up.
    pub fn is_closed(&self) -> bool {
        self.shared().ended.borrow().is_some()
    }

    /// Resolves when the agent's stdout has ended, or the connection was given up; tells why.
    pub fn closed(&self) -> impl Future<Output = AcpError> + Send + use<> {
        let mut ended = self.shared().ended.subscribe();
        async move {
            match ended.wait_for(Option::is_some).await {
                Ok(why) => why.clone().unwrap_or(AcpError::Gone),
                Err(_) => AcpError::Gone,
            }
        }
    }

    /// Makes Kiro v3 ask before it acts, and believes only its answer. Needed after each opening, since loading resets it.
    async fn tame(&self, id: &AcpSessionId) -> Result<(), AcpError> {
        if !self.shared().dialect.has_autopilot() {
            return Ok(());
        }
        let raw = self.set_option(id, kiro::AUTOPILOT, json!("off")).await.map_err(|error| match error {
            AcpError::Agent { .. } => AcpError::AutopilotOn,
            other => other,
        })?;
        let options = wire::config_options(&raw);
        if kiro::autopilot(&options) != Some(false) {
            return Err(AcpError::AutopilotOn);
        }
        if let Some(session) = self.shared().lock().sessions.get_mut(id) {
            session.tamed = true;
            session.set_options(&options);
        }
        Ok(())
    }

    async fn set_option(&self, id: &AcpSessionId, option: &str, value: Value) -> Result<Box<RawValue>, AcpError> {
        self.call("session/set_config_option", json!({"sessionId": id, "configId": option, "value": value})).await
    }

    async fn call(&self, method: &'static str, params: Value) -> Result<Box<RawValue>, AcpError> {
        const LIMIT: Duration = bounds::REQUEST;
        self.shared().call(method, params, LIMIT).await
    }

    fn shared(&self) -> &Arc<Shared> {
        &self.0.0
    }
}

/// Workspaces are named by us, in ASCII.
fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

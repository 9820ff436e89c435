//! The client's side of the Agent Client Protocol, version 1, with both of Kiro's dialects: lenient in what is accepted, strict in
//! what is sent. Source: <https://agentclientprotocol.com>; its schema is in `tests/schema/acp`.
//!
//! A [`Client`] speaks with one runtime through its pipes by two tasks, a reader and a writer. The reader hands the events of a turn
//! to its [`Turn`] through a short queue and waits when that is full, so a flood stays in the pipe and costs the agent time, not us
//! memory. Whoever holds a [`Turn`] must therefore keep calling [`Turn::next`]: meanwhile nothing else of that runtime is read.
//!
//! The client ends no process. [`Client::close`] closes the agent's stdin, which asks an agent to leave; signals are the warden's.

mod connection;
mod error;
mod kiro;
mod lines;
mod opening;
mod session;
mod stderr;
mod tasks;
mod text;
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

pub use error::AcpError;
pub use kiro::Dialect;
pub use stderr::{StderrTail, stderr_log};
pub use turn::{PermissionOption, PermissionRequest, Turn, TurnEvent};
pub use types::{AgentInfo, Command, Cost, Mode, Model, Models, Modes, Opened, PlanEntry, StopReason, Usage};

use connection::{Shared, Stop};
use opening::Opening;
use session::ModelSetting;

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
        let info = self.shared().lock().info.clone();
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

    /// Gives the agent a prompt. Returns when its line has been written to the agent's stdin whole: from then on it is delivered.
    ///
    /// # Errors
    /// [`AcpError::Busy`], [`AcpError::NotOpen`], and what the session failed with meanwhile. When the line cannot be written
    /// within [`bounds::REQUEST`], the connection is closed, so that the prompt cannot arrive later.
    pub async fn prompt(&self, id: &AcpSessionId, text: &str) -> Result<Turn, AcpError> {
        let (turn, written) = Turn::begin(self.shared(), id, text).await?;
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

    /// Sets a session's model, by the way that the agent offers. Between turns, or by the holder of the session's turn in one.
    ///
    /// # Errors
    /// [`AcpError::NoModels`], [`AcpError::NoSuchModel`] when it is not on offer or the agent kept another, or an error of the agent.
    pub async fn set_model(&self, id: &AcpSessionId, model: &str) -> Result<(), AcpError> {
        let (models, setting) = {
            let mut state = self.shared().lock();
            let session = state.sessions.get_mut(id).ok_or(AcpError::NotOpen)?;
            (session.models.clone(), session.model_setting.clone())
        };
        let offered: Vec<String> = models.iter().flat_map(|models| &models.available).map(|model| model.id.clone()).collect();
        let refused = || AcpError::NoSuchModel { model: text::line(model, text::TITLE), offered: offered.clone() };
        // Kiro takes any name here, and then fails the next prompt.
        if !offered.is_empty() && !offered.iter().any(|offered| offered == model) {
            return Err(refused());
        }
        match setting {
            ModelSetting::None if !self.shared().dialect.has_set_model() => return Err(AcpError::NoModels),
            ModelSetting::None | ModelSetting::SetModel => {
                self.call("session/set_model", json!({"sessionId": id, "modelId": model})).await?;
                if let Some(session) = self.shared().lock().sessions.get_mut(id) {
                    session.model_was_set(model);
                }
            }
            ModelSetting::Option(option) => {
                let raw = self.set_option(id, &option, json!(model)).await?;
                let options = wire::config_options(&raw);
                if let Some(session) = self.shared().lock().sessions.get_mut(id) {
                    session.set_options(&options);
                }
                if !options.iter().any(|set| set.id == option && set.is(model)) {
                    return Err(refused());
                }
            }
        }
        Ok(())
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

    /// Whether the agent lists a session. Pages are bounded: an agent that never ends its list is not asked for ever.
    async fn lists(&self, id: &AcpSessionId) -> Result<bool, AcpError> {
        const PAGES: usize = 100;
        let mut cursor = None;
        for _ in 0..PAGES {
            let params = cursor.take().map_or_else(|| json!({}), |cursor: String| json!({"cursor": cursor}));
            let page = wire::session_page(&self.call("session/list", params).await?, id)?;
            if page.found {
                return Ok(true);
            }
            match page.next {
                Some(next) => cursor = Some(next),
                None => return Ok(false),
            }
        }
        Ok(false)
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

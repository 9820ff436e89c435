//! One turn: one prompt, and all that comes back until its stop reason.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::answer::Answer;
use super::permissions::Asks;
use super::pool::{Lease, StartError};
use super::{Deps, clock, texts, workspace};
use crate::acp::{AcpError, Opened, StopReason, Turn, TurnEvent};
use crate::model::inbound::Content;
use crate::model::outbound::{Message, Show};
use crate::model::{AcpSessionId, UserId, bounds};
use crate::store::{EntryId, Phase, SessionKey, SessionRecord, StoreError};

/// What a turn is made of.
#[derive(Debug)]
pub(super) struct Prompt {
    /// Its place in the inbox.
    pub(super) entry: EntryId,
    /// The channel's number of the message.
    pub(super) message: i64,
    /// The text.
    pub(super) text: String,
}

impl Prompt {
    /// The prompt that an entry of the inbox holds; `None` when it holds something else.
    pub(super) fn of(entry: EntryId, content: Content) -> Option<Self> {
        match content {
            Content::Text { message, text } => Some(Self { entry, message, text }),
            Content::Button { .. } | Content::Unsupported { .. } => None,
        }
    }
}

/// A button that was pressed while the turn ran.
#[derive(Debug)]
pub(super) struct Press {
    pub(super) press: String,
    pub(super) token: String,
    pub(super) by: UserId,
}

/// What reaches a turn from outside.
#[derive(Debug)]
pub(super) struct Signals {
    /// Becomes true when the person says stop.
    pub(super) stop: watch::Receiver<bool>,
    pub(super) presses: mpsc::Receiver<Press>,
}

/// How a turn ended.
#[derive(Debug)]
pub(super) enum TurnEnd {
    /// The agent's answer.
    Answered(String),
    /// The person stopped it. `ended` says that the agent did not answer the cancellation and was ended.
    Stopped { partial: String, ended: bool },
    /// It failed; `why` is a sentence for the person.
    Failed { partial: String, why: String },
    /// The conversation could not be opened again; it is kept.
    CannotRestore { why: String },
}

/// Why a turn cannot go on.
#[derive(Debug, thiserror::Error)]
enum TurnError {
    #[error("{0}.")]
    Store(#[from] StoreError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Agent(#[from] AcpError),
    #[error("{0}")]
    Workspace(#[from] workspace::WorkspaceError),
    #[error("{0}")]
    CannotRestore(AcpError),
    #[error("stopped")]
    Stopped,
}

/// Runs a turn from the first 👀 to its stop reason.
pub(super) async fn run(deps: Arc<Deps>, key: SessionKey, prompt: Prompt, mut signals: Signals) -> TurnEnd {
    deps.faces.show(key.thread, Show::Seen { message: prompt.message }).await;
    deps.faces.show(key.thread, Show::Working).await;
    let begun = tokio::select! {
        begun = begin(&deps, &key, &prompt) => begun,
        () = stopped(&mut signals.stop) => Err(TurnError::Stopped),
    };
    match begun {
        Ok(begun) => Running::new(&deps, &key, begun).drive(signals).await,
        Err(TurnError::Stopped) => TurnEnd::Stopped { partial: String::new(), ended: false },
        Err(TurnError::CannotRestore(error)) => TurnEnd::CannotRestore { why: error.to_string() },
        Err(error) => TurnEnd::Failed { partial: String::new(), why: error.to_string() },
    }
}

/// A turn whose prompt the agent has.
struct Begun {
    lease: Lease,
    record: SessionRecord,
    turn: Turn,
}

async fn begin(deps: &Deps, key: &SessionKey, prompt: &Prompt) -> Result<Begun, TurnError> {
    let mut record = deps.store.session(key)?;
    let workspace = workspace::prepare(deps, key)?;
    let (lease, session) = open(deps, key, &mut record, &workspace).await?;
    set_model(deps, key, &lease, &session, &mut record).await?;
    record.last_used = clock::unix_now();
    deps.store.put_session(key, &record)?;
    // From here on a crash must not give the prompt to the agent again.
    deps.store.mark(prompt.entry, Phase::Delivered)?;
    deps.store.flush().await?;
    let turn = lease.runtime().client.prompt(&session, &prompt.text).await.inspect_err(|error| {
        if error.spoils_runtime() {
            lease.end_runtime();
        }
    })?;
    Ok(Begun { lease, record, turn })
}

/// A runtime with the session open in it. One that is spoilt, or that finds the session locked, is ended, and a new one tried, once: a runtime
/// that starts removes the locks that dead processes left. Nothing of the prompt was given to it yet.
async fn open(deps: &Deps, key: &SessionKey, record: &mut SessionRecord, workspace: &Path) -> Result<(Lease, AcpSessionId), TurnError> {
    for last in [false, true] {
        let lease = deps.pool.lease(key.user, key.agent.clone(), record.acp.clone()).await?;
        let error = match open_in(&lease, record, workspace).await {
            Ok(session) => return Ok((lease, session)),
            Err(error) => error,
        };
        let (spoilt, again) = match &error {
            TurnError::Agent(error) | TurnError::CannotRestore(error) => {
                (error.spoils_runtime(), matches!(error, AcpError::Gone | AcpError::Locked { .. }))
            }
            _ => (false, false),
        };
        if spoilt || again {
            lease.end_runtime();
        }
        if last || !again {
            return Err(error);
        }
        tracing::warn!(%error, thread = %key.thread, "a session could not be opened; it is tried in a new runtime");
    }
    Err(TurnError::Agent(AcpError::Gone))
}

async fn open_in(lease: &Lease, record: &mut SessionRecord, workspace: &Path) -> Result<AcpSessionId, TurnError> {
    let runtime = lease.runtime();
    let opened = match &record.acp {
        Some(id) if runtime.holds(id) => return Ok(id.clone()),
        Some(id) => runtime.client.restore_session(id, workspace).await.map_err(TurnError::CannotRestore)?,
        None => runtime.client.new_session(workspace).await?,
    };
    remember(record, &opened);
    runtime.hold(opened.id.clone());
    Ok(opened.id)
}

fn remember(record: &mut SessionRecord, opened: &Opened) {
    record.acp = Some(opened.id.clone());
    if let Some(models) = &opened.models {
        record.models = models.available.iter().map(|model| (model.id.clone(), model.name.clone())).collect();
    }
}

/// Sets the model that the person chose, once per opening of the session. One that the agent refuses is told and forgotten.
async fn set_model(
    deps: &Deps,
    key: &SessionKey,
    lease: &Lease,
    session: &AcpSessionId,
    record: &mut SessionRecord,
) -> Result<(), TurnError> {
    let runtime = lease.runtime();
    let Some(model) = record.model.clone() else { return Ok(()) };
    if runtime.model_of(session).as_ref() == Some(&model) {
        return Ok(());
    }
    match runtime.client.set_model(session, &model).await {
        Ok(()) => runtime.set_model_of(session, model),
        Err(AcpError::Gone) => return Err(TurnError::Agent(AcpError::Gone)),
        Err(error) => {
            record.model = None;
            deps.store.post(&Message::notice(key.thread, texts::model_refused(&model, &error.to_string())))?;
            deps.faces.show(key.thread, Show::Deliver).await;
        }
    }
    Ok(())
}

/// Why a turn is being cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancelled {
    ByPerson,
    ByTime,
}

/// A turn that the agent works on.
struct Running<'a> {
    deps: &'a Deps,
    key: &'a SessionKey,
    lease: Lease,
    record: SessionRecord,
    turn: Turn,
    answer: Answer,
    asks: Asks,
    /// When the turn has taken too long.
    deadline: Instant,
    /// Since when, and why, it is being cancelled.
    cancelled: Option<(Instant, Cancelled)>,
}

impl<'a> Running<'a> {
    fn new(deps: &'a Deps, key: &'a SessionKey, begun: Begun) -> Self {
        let Begun { lease, record, turn } = begun;
        let deadline = Instant::now() + deps.config.turn_timeout;
        Self { deps, key, lease, record, turn, answer: Answer::default(), asks: Asks::default(), deadline, cancelled: None }
    }

    async fn drive(mut self, mut signals: Signals) -> TurnEnd {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                event = self.turn.next() => match event {
                    Some(TurnEvent::Ended(result)) => return self.end(result),
                    Some(event) => self.on_event(event).await,
                    None => return self.end(Err(AcpError::Gone)),
                },
                () = stopped(&mut signals.stop), if self.cancelled.is_none() => self.cancel(Cancelled::ByPerson).await,
                Some(press) = signals.presses.recv() => self.on_press(press).await,
                () = tokio::time::sleep_until(wake.into()) => {
                    if let Some(end) = self.on_time(Instant::now()).await {
                        return end;
                    }
                }
            }
        }
    }

    fn next_wake(&self) -> Instant {
        let turn = match self.cancelled {
            Some((since, _)) => since + bounds::CANCEL_GRACE,
            None => self.deadline,
        };
        self.asks.next_deadline().map_or(turn, |ask| ask.min(turn))
    }

    async fn show(&self, show: Show) {
        self.deps.faces.show(self.key.thread, show).await;
    }

    async fn on_event(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Text(text) => {
                if let Some(text) = self.answer.add(&text) {
                    self.show(Show::Text { text }).await;
                }
            }
            TurnEvent::Thought(text) => self.show(Show::Thought { text }).await,
            TurnEvent::Tool(tool) => {
                self.answer.interrupted_by_tool();
                self.show(Show::Tool(tool)).await;
            }
            TurnEvent::Permission(request) => {
                let deadline = Instant::now() + self.deps.config.permission_timeout;
                let policy = &self.deps.agent(self.key).permissions;
                if let Some(show) = self.asks.take(request, self.key.user, policy, &self.record.always, deadline) {
                    self.show(show).await;
                }
            }
            TurnEvent::Models(models) => {
                self.record.models = models.available.into_iter().map(|model| (model.id, model.name)).collect();
            }
            _ => {}
        }
    }

    async fn on_press(&mut self, press: Press) {
        let settled = self.asks.answer(&press.token, press.by, &mut self.record.always);
        let toast = match &settled {
            Some(Show::Settled { choice, .. }) => choice.clone(),
            _ => texts::not_yours(),
        };
        self.show(Show::Pressed { press: press.press, toast }).await;
        if let Some(settled) = settled {
            self.show(settled).await;
        }
    }

    async fn cancel(&mut self, why: Cancelled) {
        self.cancelled = Some((Instant::now(), why));
        for settled in self.asks.cancel_all() {
            self.show(settled).await;
        }
        self.turn.cancel().await;
    }

    /// A time has come: for questions, for the turn, or for an agent that does not answer its cancellation.
    async fn on_time(&mut self, now: Instant) -> Option<TurnEnd> {
        for settled in self.asks.expire(now) {
            self.show(settled).await;
        }
        match self.cancelled {
            None if now >= self.deadline => self.cancel(Cancelled::ByTime).await,
            Some((since, why)) if now >= since + bounds::CANCEL_GRACE => {
                self.lease.end_runtime();
                self.keep_record();
                return Some(self.cancelled_end(why, true));
            }
            _ => {}
        }
        None
    }

    fn end(mut self, result: Result<StopReason, AcpError>) -> TurnEnd {
        self.keep_record();
        if let Some((_, why)) = self.cancelled {
            return self.cancelled_end(why, result.is_err());
        }
        let text = std::mem::take(&mut self.answer).finish();
        match result {
            Ok(StopReason::EndTurn) => TurnEnd::Answered(if text.is_empty() { texts::wordless() } else { text }),
            Ok(reason) => TurnEnd::Answered(texts::stopped_by_agent(&text, reason.as_str())),
            Err(error) => {
                let why = self.explain(&error);
                if error.spoils_runtime() {
                    self.lease.end_runtime();
                }
                TurnEnd::Failed { partial: text, why }
            }
        }
    }

    fn cancelled_end(&mut self, why: Cancelled, ended: bool) -> TurnEnd {
        let partial = std::mem::take(&mut self.answer).finish();
        match why {
            Cancelled::ByPerson => TurnEnd::Stopped { partial, ended },
            Cancelled::ByTime => TurnEnd::Failed { partial, why: texts::turn_timeout(minutes(self.deps.config.turn_timeout)) },
        }
    }

    fn explain(&self, error: &AcpError) -> String {
        match (error, self.lease.runtime().last_words().last()) {
            (AcpError::Gone, Some(line)) => format!("{error} Its last words: `{}`", line.replace('`', "'")),
            _ => error.to_string(),
        }
    }

    /// What this turn learnt about its session; `/new` may have changed the record meanwhile, then it is the newer one that counts.
    fn keep_record(&self) {
        let kept = self.deps.store.session(self.key).and_then(|mut now| {
            if now.acp == self.record.acp {
                now.models.clone_from(&self.record.models);
                now.always.clone_from(&self.record.always);
                self.deps.store.put_session(self.key, &now)?;
            }
            Ok(())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "what a turn learnt about its session was not stored");
        }
    }
}

/// Resolves when the person says stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The session is gone, and this future with it.
        std::future::pending::<()>().await;
    }
}

fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

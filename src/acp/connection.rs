//! What the handles and the tasks of a connection share: who waits for which answer, the sessions, and where each message goes.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::Value;
use serde_json::value::RawValue;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};

use super::calls::Merged;
use super::error::AcpError;
use super::kiro::{self, Dialect};
use super::session::{Asker, Delivery, PIECE, Running, Session};
use super::tasks;
use super::turn::{PermissionRequest, Slot, TurnEvent, cancelled, denial};
use super::types::AgentInfo;
use super::wire::{self, Incoming};
use crate::jsonrpc::{self, Id, Message, RpcError};
use crate::model::AcpSessionId;

/// Lines that wait for the agent to read its stdin, and places kept for answers and cancellations. Beyond it, whoever has
/// something to say waits: the reader too, so an agent that asks and does not read is not read either.
const QUEUE: usize = 128;

/// Messages about a session whose opening is not answered yet. Agents send their commands and servers then; long ones are not kept.
const EARLY: usize = 64;

/// A place in the writer's queue.
pub(super) type Place = mpsc::OwnedPermit<Outgoing>;

/// A line for the agent.
pub(super) struct Outgoing {
    pub(super) line: String,
    /// For a prompt: the turn that becomes live with it, and who waits for its delivery.
    pub(super) prompt: Option<(AcpSessionId, i64, oneshot::Sender<()>)>,
}

impl Outgoing {
    /// A line with no more to it.
    pub(super) fn line(line: String) -> Self {
        Self { line, prompt: None }
    }

    /// A prompt's line.
    pub(super) fn prompt(line: String, session: AcpSessionId, request: i64, written: oneshot::Sender<()>) -> Self {
        Self { line, prompt: Some((session, request, written)) }
    }
}

/// How much of the connection is to end.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Stop {
    /// Nothing.
    No,
    /// The agent's stdin.
    Stdin,
    /// All of it, for this reason.
    All(AcpError),
}

/// What the handles and both tasks share.
pub(super) struct Shared {
    pub(super) dialect: Dialect,
    /// Why the connection has ended; `None` while it has not.
    pub(super) ended: watch::Sender<Option<AcpError>>,
    /// Bytes that the agent said since its last prompt.
    pub(super) said: AtomicUsize,
    queue: mpsc::Sender<Outgoing>,
    pub(super) stop: watch::Sender<Stop>,
    state: Mutex<State>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

/// What changes.
#[derive(Default)]
pub(super) struct State {
    pub(super) info: AgentInfo,
    pub(super) sessions: HashMap<AcpSessionId, Session>,
    last_id: i64,
    waiting: HashMap<i64, Waiting>,
    /// Openings that are not answered yet, and what came meanwhile about sessions that are not known yet.
    pub(super) opening: usize,
    pub(super) early: Vec<(Option<String>, Incoming)>,
}

/// Who waits for an answer.
enum Waiting {
    Caller(oneshot::Sender<Result<Box<RawValue>, RpcError>>),
    Turn(AcpSessionId),
}

impl State {
    fn next_id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }
}

impl Shared {
    /// Starts both tasks.
    pub(super) fn start<R, W>(stdout: R, stdin: W, dialect: Dialect) -> Arc<Self>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (queue, lines) = mpsc::channel(QUEUE);
        let (ended, stop) = (watch::channel(None).0, watch::channel(Stop::No).0);
        let shared = Self { dialect, ended, said: AtomicUsize::new(0), queue, stop, state: Mutex::default() };
        let shared = Arc::new(shared);
        tokio::spawn(tasks::read(Arc::clone(&shared), stdout));
        tokio::spawn(tasks::write(Arc::clone(&shared), stdin, lines));
        shared
    }

    /// Never held across an await.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends (a part of) the connection; what was ended before stays so.
    pub(super) fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|now| {
            let is_more = matches!((&*now, &stop), (Stop::No, Stop::Stdin | Stop::All(_)) | (Stop::Stdin, Stop::All(_)));
            if is_more {
                *now = stop;
            }
            is_more
        });
    }

    /// Why nothing goes any more.
    pub(super) fn why_ended(&self) -> AcpError {
        self.ended.borrow().clone().unwrap_or(AcpError::Gone)
    }

    /// A place in the queue; waits for one.
    pub(super) async fn place(&self) -> Result<Place, AcpError> {
        self.queue.clone().reserve_owned().await.map_err(|_| self.why_ended())
    }

    /// Asks the agent and waits for its answer, `limit` long. A later answer is dropped, as is that to a dropped call.
    pub(super) async fn call(&self, method: &'static str, params: Value, limit: Duration) -> Result<Box<RawValue>, AcpError> {
        let (sender, answer) = oneshot::channel();
        let call = Call::begin(self, sender)?;
        let exchange = async {
            self.place().await?.send(Outgoing::line(jsonrpc::request(call.id, method, params)));
            answer.await.map_err(|_| self.why_ended())?.map_err(AcpError::from)
        };
        tokio::time::timeout(limit, exchange).await.unwrap_or(Err(AcpError::TimedOut { method, limit }))
    }

    /// Begins a turn: the id of its request, and what happened to the session before.
    pub(super) fn begin_turn(&self, id: &AcpSessionId, running: impl FnOnce(i64) -> Running) -> Result<(i64, Vec<TurnEvent>), AcpError> {
        let mut state = self.lock();
        if let Some(why) = self.ended.borrow().clone() {
            return Err(why);
        }
        let request = state.next_id();
        let session = state.sessions.get_mut(id).ok_or(AcpError::NotOpen)?;
        match (&session.fault, &session.turn) {
            (Some(fault), _) => return Err(fault.clone()),
            (None, Some(_)) => return Err(AcpError::Busy),
            (None, None) => {}
        }
        let head = session.begin(running(request));
        state.waiting.insert(request, Waiting::Turn(id.clone()));
        Ok((request, head))
    }

    /// Ends everything that waits.
    pub(super) async fn finish(&self, why: AcpError) {
        let turns: Vec<Running> = {
            let mut state = self.lock();
            self.ended.send_replace(Some(why.clone()));
            state.waiting.clear();
            state.sessions.drain().filter_map(|(_, session)| session.turn).collect()
        };
        self.stop(Stop::All(why.clone()));
        for mut turn in turns {
            turn.settle();
            let _ = turn.events.send(TurnEvent::Ended(Err(why.clone()))).await;
        }
    }

    pub(super) async fn take(&self, message: Message<'_>) {
        match message {
            Message::Request { id, method, params } => self.on_request(id, &method, params).await,
            Message::Notification { method, params: Some(params) } => self.on_notification(&method, params).await,
            Message::Notification { params: None, .. } => {}
            Message::Response { id: Id::Number(id), result } => self.on_response(id, result).await,
            Message::Response { .. } => tracing::debug!("an answer to nothing we asked was dropped"),
        }
    }

    async fn on_request(&self, id: Id, method: &str, params: Option<&RawValue>) {
        let Ok(place) = self.place().await else { return };
        let refuse = |error| jsonrpc::response(&id, Err(error));
        // Also `_kiro/auth/getAccessToken`: nothing in this process could be a token for it.
        if method != "session/request_permission" {
            place.send(Outgoing::line(refuse(RpcError::unknown(method))));
            return;
        }
        match params.and_then(wire::permission) {
            Some((session, patch, options)) => self.ask(&session, patch, options, Slot::new(id, place)).await,
            None => {
                place.send(Outgoing::line(refuse(RpcError::new(jsonrpc::INVALID_PARAMS, "session/request_permission: Invalid params"))));
            }
        }
    }

    /// Hands a permission request to the turn it belongs to. Where nobody can decide, the answer is no.
    async fn ask(&self, session: &str, patch: wire::ToolPatch, options: Vec<super::PermissionOption>, slot: Slot) {
        let asked = {
            let mut state = self.lock();
            let session = session.parse::<AcpSessionId>().ok().and_then(|id| state.sessions.get_mut(&id));
            let Some(session) = session.filter(|_| !options.is_empty()) else {
                slot.answer(denial(&options));
                return;
            };
            let Merged { view: tool, detail, diffs } = session.tool(patch);
            match session.may_ask() {
                Asker::Turn(turn) => {
                    turn.asks(slot.clone());
                    (turn.events.clone(), diffs, PermissionRequest { tool, detail, options, slot })
                }
                Asker::Cancelled => {
                    slot.answer(cancelled());
                    return;
                }
                Asker::Nobody => {
                    slot.answer(denial(&options));
                    return;
                }
            }
        };
        let (events, diffs, request) = asked;
        for diff in diffs {
            let _ = events.send(diff).await;
        }
        let _ = events.send(TurnEvent::Permission(request)).await;
    }

    async fn on_notification(&self, method: &str, params: &RawValue) {
        match method {
            "session/update" | "session/notification" => {
                if let Some((session, incoming)) = wire::update(params) {
                    self.route(Some(session), incoming).await;
                }
            }
            "$/cancel_request" => {
                if let Some(id) = wire::withdrawn(params) {
                    self.lock().sessions.values_mut().filter_map(|session| session.turn.as_mut()).any(|turn| turn.withdraw(&id));
                }
            }
            _ => {
                if let Some((session, incoming)) = kiro::notification(method, params) {
                    self.route(session, incoming).await;
                }
            }
        }
    }

    /// Gives a message to its session; one without a session's id to whom it may concern.
    async fn route(&self, id: Option<String>, incoming: Incoming) {
        let deliveries: Vec<Delivery> = {
            let mut state = self.lock();
            let known = id.as_deref().and_then(|id| id.parse::<AcpSessionId>().ok()).filter(|id| state.sessions.contains_key(id));
            if let Some(session) = known.and_then(|id| state.sessions.get_mut(&id)) {
                vec![session.take_in(incoming)]
            } else {
                let deliveries = match (&id, &incoming) {
                    (None, Incoming::Fault(error)) => {
                        state.sessions.values_mut().map(|session| session.take_in(Incoming::Fault(error.clone()))).collect()
                    }
                    _ => Vec::new(),
                };
                if state.opening > 0 && state.early.len() < EARLY && incoming.length() <= PIECE {
                    state.early.push((id, incoming));
                }
                deliveries
            }
        };
        for (events, all) in deliveries.into_iter().flatten() {
            for event in all {
                // A holder that is gone has cancelled; its turn is read to its end all the same.
                let _ = events.send(event).await;
            }
        }
    }

    async fn on_response(&self, id: i64, result: Result<&RawValue, RpcError>) {
        let turn = {
            let mut state = self.lock();
            match state.waiting.remove(&id) {
                None => {
                    tracing::debug!(id, "an answer that nobody waits for was dropped");
                    return;
                }
                Some(Waiting::Caller(caller)) => {
                    let _ = caller.send(result.map(ToOwned::to_owned));
                    return;
                }
                Some(Waiting::Turn(session)) => {
                    state.sessions.get_mut(&session).and_then(|session| session.turn.take_if(|turn| turn.request == id))
                }
            }
        };
        if let Some(mut turn) = turn {
            turn.settle();
            let end = result.map(wire::stop_reason).map_err(AcpError::from);
            let _ = turn.events.send(TurnEvent::Ended(end)).await;
        }
    }

    /// The prompt is about to be whole: what the agent says from here on may be its answer.
    pub(super) fn go_live(&self, session: &AcpSessionId, request: i64) {
        self.said.store(0, Ordering::Relaxed);
        let mut state = self.lock();
        if let Some(turn) = state.sessions.get_mut(session).and_then(|session| session.turn.as_mut())
            && turn.request == request
        {
            turn.is_live = true;
        }
    }
}

/// A request that waits for its answer; when it is dropped, nobody does any more.
struct Call<'a> {
    shared: &'a Shared,
    id: i64,
}

impl<'a> Call<'a> {
    fn begin(shared: &'a Shared, caller: oneshot::Sender<Result<Box<RawValue>, RpcError>>) -> Result<Self, AcpError> {
        let mut state = shared.lock();
        if let Some(why) = shared.ended.borrow().clone() {
            return Err(why);
        }
        let id = state.next_id();
        state.waiting.insert(id, Waiting::Caller(caller));
        Ok(Self { shared, id })
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.shared.lock().waiting.remove(&self.id);
    }
}

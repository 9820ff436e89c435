//! One turn as its holder sees it: events until [`TurnEvent::Ended`], and permission requests that are answered once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Outgoing, Place, Shared};
use super::error::AcpError;
use super::prompt::PromptLine;
use super::session::Running;
use super::types::{Command, Models, PlanEntry, StopReason, Usage};
use crate::jsonrpc::{self, Id};
use crate::model::outbound::ToolView;
use crate::model::{AcpSessionId, bounds};

/// Events that wait for the holder of a turn; when they wait, the agent waits. One holds at most [`super::session::PIECE`] bytes of text,
/// or the two texts of a change.
const EVENTS: usize = 16;

/// What happens in a turn.
#[derive(Debug)]
pub enum TurnEvent {
    /// The agent wrote more of its answer; at most 64 KiB at once.
    Text(String),
    /// The agent thought; at most 64 KiB at once.
    Thought(String),
    /// A tool call as it stands now, after it began or changed.
    Tool(ToolView),
    /// What a tool call changes in a file: each change once, before the person is asked about it.
    Diff {
        /// The agent's id of the call.
        tool: String,
        /// The file, as the agent names it, cleaned, at most 3,000 characters.
        path: String,
        /// What was there before, as it is; `None` for a new file. At most 256 KiB; a cut text ends in a line that says so.
        old: Option<String>,
        /// What is to be there, as it is; bounded in the same way.
        new: String,
    },
    /// The agent's plan as it stands now.
    Plan(Vec<PlanEntry>),
    /// The agent asks for permission.
    Permission(PermissionRequest),
    /// How much was used: what is new of it.
    Usage(Usage),
    /// The agent's own commands, all of them.
    Commands(Vec<Command>),
    /// The session's models changed.
    Models(Models),
    /// The session's mode changed; its id.
    Mode(String),
    /// The session's title by the agent, at most 200 characters.
    Title(String),
    /// Kiro answers with another model than the one chosen.
    ModelFallback {
        /// The model that was to answer.
        from: String,
        /// The model that answers.
        to: String,
        /// Why.
        cause: Option<String>,
    },
    /// Something that the person should know; at most 3,000 characters.
    Notice(String),
    /// The turn is over. Always the last event.
    Ended(Result<StopReason, AcpError>),
}

/// A prompt that the agent works on. Dropping it before it ended cancels it.
#[derive(Debug)]
pub struct Turn {
    shared: Arc<Shared>,
    session: AcpSessionId,
    request: i64,
    /// What happened to the session before the prompt.
    head: VecDeque<TurnEvent>,
    events: mpsc::Receiver<TurnEvent>,
    has_ended: bool,
}

impl Turn {
    /// Puts the prompt's line into the queue; the receiver resolves when it has been written.
    pub(super) async fn begin(
        shared: &Arc<Shared>,
        session: &AcpSessionId,
        line: PromptLine,
    ) -> Result<(Self, oneshot::Receiver<()>), AcpError> {
        let waited = AcpError::TimedOut { method: "session/prompt", limit: bounds::REQUEST };
        // Both places first: from the turn's beginning to its line in the queue nothing is awaited, so it cannot be left half begun.
        let places = async { Ok::<_, AcpError>((shared.place().await?, shared.place().await?)) };
        let (prompt, cancel) = tokio::time::timeout(bounds::REQUEST, places).await.map_err(|_| waited)??;
        let (sender, events) = mpsc::channel(EVENTS);
        let (request, head) = shared.begin_turn(session, |request| Running::new(session.clone(), request, sender, cancel))?;
        let (done, written) = oneshot::channel();
        let turn = Self { shared: Arc::clone(shared), session: session.clone(), request, head: head.into(), events, has_ended: false };
        prompt.send(Outgoing::prompt(line.with_id(request), session.clone(), request, done));
        Ok((turn, written))
    }

    /// The next event; `None` after [`TurnEvent::Ended`]. Dropping the future loses nothing.
    ///
    /// To be called until the end without long pauses: meanwhile nothing that the runtime says is read.
    pub async fn next(&mut self) -> Option<TurnEvent> {
        if self.has_ended {
            return None;
        }
        if let Some(event) = self.head.pop_front() {
            return Some(event);
        }
        loop {
            match self.events.recv().await {
                // Taken back, or answered by a cancellation, before anybody saw it.
                Some(TurnEvent::Permission(request)) if !request.is_open() => {}
                Some(TurnEvent::Ended(result)) => {
                    self.has_ended = true;
                    return Some(TurnEvent::Ended(result));
                }
                Some(event) => return Some(event),
                None => {
                    self.has_ended = true;
                    return Some(TurnEvent::Ended(Err(self.shared.why_ended())));
                }
            }
        }
    }

    /// Asks the agent to stop, and answers every permission request of this turn, open or yet to come, with `cancelled`.
    /// The events go on until the prompt's own answer, [`StopReason::Cancelled`] as a rule. Returns at once; a second call does nothing.
    pub async fn cancel(&mut self) {
        self.cancel_now();
    }

    fn cancel_now(&self) {
        if let Some(session) = self.shared.lock().sessions.get_mut(&self.session)
            && let Some(running) = session.turn.as_mut().filter(|running| running.request == self.request)
        {
            running.cancel();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.has_ended {
            self.cancel_now();
        }
    }
}

/// One of the agent's own options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionOption {
    /// The agent's id of it.
    pub id: String,
    /// The agent's label, at most 200 characters.
    pub name: String,
    /// `allow_once`, `allow_always`, `reject_once`, `reject_always`, or what else the agent wrote.
    pub kind: String,
}

/// A permission request. It is answered once; dropped unanswered, it is answered with `cancelled`.
#[derive(Debug)]
pub struct PermissionRequest {
    /// The tool call, with what earlier updates told of it.
    pub tool: ToolView,
    /// The command, path or URL, or the tool's whole input; control characters made visible, at most 3,000 characters; may be empty.
    pub detail: String,
    /// The agent's options in its order: 1 to 16.
    pub options: Vec<PermissionOption>,
    pub(super) slot: Slot,
}

impl PermissionRequest {
    /// Whether the agent still waits for the answer.
    pub fn is_open(&self) -> bool {
        self.slot.is_open()
    }

    /// Answers with the option of this index; an index that is none cancels. Returns whether the agent still waited for it.
    pub fn select(self, index: usize) -> bool {
        let outcome = self.options.get(index).map_or_else(cancelled, |option| selected(&option.id));
        self.slot.answer(outcome)
    }

    /// Says no and lets the turn go on: with `reject_once`, else `reject_always`, else `cancelled`.
    pub fn deny(self) -> bool {
        self.slot.answer(denial(&self.options))
    }

    /// Answers with `cancelled`, upon which some agents end the turn. Returns whether the agent still waited for it.
    pub fn cancel(self) -> bool {
        self.slot.answer(cancelled())
    }
}

impl Drop for PermissionRequest {
    fn drop(&mut self) {
        self.slot.answer(cancelled());
    }
}

/// The result that says no and lets the turn go on.
pub(super) fn denial(options: &[PermissionOption]) -> Value {
    let of_kind = |kind| options.iter().find(|option| option.kind == kind);
    of_kind("reject_once").or_else(|| of_kind("reject_always")).map_or_else(cancelled, |option| selected(&option.id))
}

fn selected(option: &str) -> Value {
    json!({"outcome": {"outcome": "selected", "optionId": option}})
}

/// The result of a request that was not decided.
pub(super) fn cancelled() -> Value {
    json!({"outcome": {"outcome": "cancelled"}})
}

/// An answer that is owed. Its place in the writer's queue is kept free from the start, so that giving it never waits.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// The agent's id of the request.
    pub(super) id: Id,
    place: Arc<Mutex<Option<Place>>>,
}

impl Slot {
    pub(super) fn new(id: Id, place: Place) -> Self {
        Self { id, place: Arc::new(Mutex::new(Some(place))) }
    }

    /// Gives the answer, if none was given. Returns whether this one was.
    pub(super) fn answer(&self, result: Value) -> bool {
        let place = self.place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(place) = place else { return false };
        place.send(Outgoing::line(jsonrpc::response(&self.id, Ok(result))));
        true
    }

    pub(super) fn is_open(&self) -> bool {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

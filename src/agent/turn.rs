//! One turn: what the demo can say, show and ask while it works, and how it learns that it was cancelled.

use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::history::History;
use super::wire::{Event, Gone, Said, Wire};
use crate::jsonrpc::RpcError;
use crate::model::permission::ToolKind;

/// An hour: the client gives up on a question long before.
const ANSWER: Duration = Duration::from_secs(3600);

/// A session that is open.
pub(super) struct Session {
    pub(super) history: History,
    pub(super) cwd: PathBuf,
    /// The kinds of tools that were allowed for good.
    pub(super) always: Vec<ToolKind>,
    /// When it was used last, by the server's count.
    pub(super) used: u64,
}

/// Why a turn does not go on.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Halt {
    /// The client cancelled it.
    Cancelled,
    /// The client is gone.
    Gone,
}

impl From<Gone> for Halt {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// A tool call as it is announced.
pub(super) struct ToolCall {
    pub(super) title: String,
    pub(super) kind: ToolKind,
    pub(super) input: Value,
    pub(super) content: Value,
}

/// A turn in progress.
pub(super) struct Turn<'a> {
    wire: &'a mut Wire,
    session: &'a mut Session,
    said: String,
    calls: u64,
}

impl<'a> Turn<'a> {
    pub(super) fn new(wire: &'a mut Wire, session: &'a mut Session) -> Self {
        Self { wire, session, said: String::new(), calls: 0 }
    }

    /// All that was said.
    pub(super) fn into_said(self) -> String {
        self.said
    }

    pub(super) fn cwd(&self) -> PathBuf {
        self.session.cwd.clone()
    }

    /// Prompts of this session so far, this one included.
    pub(super) fn prompts(&self) -> u64 {
        self.session.history.prompts
    }

    pub(super) fn sender(&self) -> SyncSender<Event> {
        self.wire.sender()
    }

    /// A piece of the answer.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Halt> {
        self.said.push_str(text);
        self.update(json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}}))
    }

    /// An answer in pieces of some words, as models write.
    pub(super) fn stream(&mut self, text: &str) -> Result<(), Halt> {
        const WORDS: usize = 8;
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        for piece in words.chunks(WORDS) {
            self.say(&piece.concat())?;
        }
        Ok(())
    }

    /// Announces a tool call; gives its id.
    pub(super) fn tool(&mut self, call: &ToolCall, status: &str) -> Result<String, Halt> {
        self.calls += 1;
        let id = format!("demo-call-{}-{}", self.session.history.prompts, self.calls);
        self.update(json!({
            "sessionUpdate": "tool_call", "toolCallId": id, "title": call.title, "kind": call.kind, "status": status,
            "rawInput": call.input, "content": call.content,
        }))?;
        Ok(id)
    }

    /// A tool call goes on.
    pub(super) fn tool_status(&mut self, id: &str, status: &str) -> Result<(), Halt> {
        self.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": status}))
    }

    /// A tool call is over, with this to show.
    pub(super) fn tool_done(&mut self, id: &str, succeeded: bool, output: &str) -> Result<(), Halt> {
        let status = if succeeded { "completed" } else { "failed" };
        let content = json!([{"type": "content", "content": {"type": "text", "text": output}}]);
        self.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "status": status, "content": content}))
    }

    fn update(&mut self, update: Value) -> Result<(), Halt> {
        Ok(self.wire.notify("session/update", json!({"sessionId": self.session.history.id, "update": update}))?)
    }

    /// Asks whether a tool call may be done, unless that was answered for good.
    pub(super) fn may(&mut self, id: &str, call: &ToolCall) -> Result<bool, Halt> {
        if self.session.always.contains(&call.kind) {
            return Ok(true);
        }
        let option = |id: &str, name: &str, kind: &str| json!({"optionId": id, "name": name, "kind": kind});
        let asked = self.wire.ask(
            "session/request_permission",
            json!({
                "sessionId": self.session.history.id,
                "toolCall": {"toolCallId": id, "title": call.title, "kind": call.kind, "status": "pending", "rawInput": call.input},
                "options": [
                    option("once", "Allow once", "allow_once"),
                    option("always", "Always allow in this session", "allow_always"),
                    option("no", "Reject", "reject_once"),
                ],
            }),
        )?;
        let answer = loop {
            match self.wait(Instant::now() + ANSWER)? {
                Some(Event::Said(Said::Response { id, result })) if id == asked => break result,
                Some(_) => {}
                None => return Ok(false),
            }
        };
        match chosen(answer).as_deref() {
            Some("once") => Ok(true),
            Some("always") => {
                self.session.always.push(call.kind);
                Ok(true)
            }
            Some(_) => Ok(false),
            None => Err(Halt::Cancelled),
        }
    }

    /// Waits that long, or until the turn is cancelled.
    pub(super) fn pause(&mut self, time: Duration) -> Result<(), Halt> {
        let until = Instant::now() + time;
        while self.wait(until)?.is_some() {}
        Ok(())
    }

    /// The next event that may concern the turn; `None` when the time has come. Requests wait for the turn's end.
    pub(super) fn wait(&mut self, until: Instant) -> Result<Option<Event>, Halt> {
        loop {
            match self.wire.wait(until)? {
                Some(Event::Said(Said::Notification { method, params })) => {
                    if method == "session/cancel" {
                        self.cancelled(params.as_deref())?;
                    }
                }
                Some(Event::Said(said @ (Said::Request { .. } | Said::Garbage))) => self.wire.put_aside(said)?,
                other => return Ok(other),
            }
        }
    }

    /// This turn is cancelled, or one that still waits for it.
    fn cancelled(&mut self, params: Option<&RawValue>) -> Result<(), Halt> {
        let Some(session) = params.and_then(session_of) else { return Ok(()) };
        if session == self.session.history.id {
            return Err(Halt::Cancelled);
        }
        let is_its_prompt =
            |method: &str, params: Option<&RawValue>| method == "session/prompt" && params.and_then(session_of).as_ref() == Some(&session);
        for id in self.wire.take_aside(is_its_prompt) {
            self.wire.answer(&id, Ok(json!({"stopReason": "cancelled"})))?;
        }
        Ok(())
    }
}

/// The option that was chosen; `None` where the request was cancelled, or not answered as it should be.
fn chosen(answer: Result<Box<RawValue>, RpcError>) -> Option<String> {
    #[derive(Deserialize)]
    struct Answer {
        outcome: Outcome,
    }
    #[derive(Deserialize)]
    #[serde(tag = "outcome", rename_all = "snake_case")]
    enum Outcome {
        Cancelled,
        #[serde(rename_all = "camelCase")]
        Selected {
            option_id: String,
        },
    }
    // An answer that cannot be read is no permission, and no cancellation either.
    let Ok(answer) = answer else { return Some(String::new()) };
    match serde_json::from_str::<Answer>(answer.get()).map(|answer| answer.outcome) {
        Ok(Outcome::Selected { option_id }) => Some(option_id),
        Ok(Outcome::Cancelled) => None,
        Err(_) => Some(String::new()),
    }
}

fn session_of(params: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        session_id: String,
    }
    serde_json::from_str::<Params>(params.get()).ok().map(|params| params.session_id)
}

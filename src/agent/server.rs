//! What a client can ask of the agent, outside of turns.

use std::collections::HashMap;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::demo;
use super::history::{Histories, History, HistoryError};
use super::turn::{Halt, Session, Turn};
use super::wire::{Gone, Said, Wire};
use crate::jsonrpc::{self, Id, RpcError};

/// ACP's "not found".
const NOT_FOUND: i64 = -32002;

/// Sessions open at once. The client's pool has a few; the longest unused are closed, and can be loaded again.
const OPEN: usize = 64;

/// The agent.
pub(super) struct Server {
    wire: Wire,
    histories: Histories,
    sessions: HashMap<String, Session>,
    /// Counts the uses of sessions.
    clock: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    #[serde(default)]
    session_id: String,
    cwd: PathBuf,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Prompt {
    session_id: String,
    prompt: Vec<Block>,
}

/// A content block: a text, or a link to a file.
#[derive(Deserialize)]
struct Block {
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    uri: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

impl Server {
    pub(super) fn new(wire: Wire, histories: Histories) -> Self {
        Self { wire, histories, sessions: HashMap::new(), clock: 0 }
    }

    /// Serves until the client is gone.
    pub(super) fn serve(mut self) {
        while let Some(said) = self.wire.next() {
            let done = match said {
                Said::Request { id, method, params } => self.request(&id, &method, params.as_deref().unwrap_or(RawValue::NULL)),
                Said::Garbage => {
                    self.wire.answer(&Id::Null, Err(RpcError::new(jsonrpc::PARSE_ERROR, "Parse error: not a JSON-RPC message")))
                }
                // Of a turn that is over, or meant for agents that can do more.
                Said::Notification { .. } | Said::Response { .. } => Ok(()),
            };
            if done.is_err() {
                return;
            }
        }
    }

    fn request(&mut self, id: &Id, method: &str, params: &RawValue) -> Result<(), Gone> {
        let result = match method {
            "initialize" => Ok(initialized()),
            "session/new" => match self.create(params) {
                Ok(session) => {
                    self.wire.answer(id, Ok(json!({"sessionId": session})))?;
                    let update = json!({"sessionUpdate": "available_commands_update", "availableCommands": demo::commands()});
                    return self.wire.notify("session/update", json!({"sessionId": session, "update": update}));
                }
                Err(error) => Err(error),
            },
            "session/resume" => self.restore(params).map(|_| json!({})),
            "session/load" => match self.restore(params) {
                Ok(session) => {
                    self.replay(&session)?;
                    Ok(json!({}))
                }
                Err(error) => Err(error),
            },
            "session/prompt" => match self.prompt(id, params) {
                Ok(result) => result,
                Err(Gone) => return Err(Gone),
            },
            _ => Err(RpcError::unknown(method)),
        };
        self.wire.answer(id, result)
    }

    fn create(&mut self, params: &RawValue) -> Result<String, RpcError> {
        let place = place(params)?;
        let history = self.histories.create().map_err(failed)?;
        Ok(self.open(history, place.cwd))
    }

    fn restore(&mut self, params: &RawValue) -> Result<String, RpcError> {
        let place = place(params)?;
        let history = self.histories.load(&place.session_id).map_err(failed)?;
        Ok(self.open(history, place.cwd))
    }

    fn open(&mut self, history: History, cwd: PathBuf) -> String {
        if self.sessions.len() >= OPEN
            && let Some(oldest) = self.sessions.iter().min_by_key(|(_, session)| session.used).map(|(id, _)| id.clone())
        {
            self.sessions.remove(&oldest);
        }
        self.clock += 1;
        let id = history.id.clone();
        self.sessions.insert(id.clone(), Session { history, cwd, always: Vec::new(), used: self.clock });
        id
    }

    fn replay(&mut self, id: &str) -> Result<(), Gone> {
        let Some(session) = self.sessions.get(id) else { return Ok(()) };
        for message in &session.history.messages {
            let kind = if message.by_person { "user_message_chunk" } else { "agent_message_chunk" };
            let update = json!({"sessionUpdate": kind, "content": {"type": "text", "text": message.text}});
            self.wire.notify("session/update", json!({"sessionId": id, "update": update}))?;
        }
        Ok(())
    }

    fn prompt(&mut self, id: &Id, params: &RawValue) -> Result<Result<Value, RpcError>, Gone> {
        let Prompt { session_id, prompt } = match read(params) {
            Ok(prompt) => prompt,
            Err(error) => return Ok(Err(error)),
        };
        let Some(session) = self.sessions.get_mut(&session_id) else {
            return Ok(Err(RpcError::new(NOT_FOUND, "this session is not open here; load it, or begin a new one")));
        };
        self.clock += 1;
        session.used = self.clock;
        let links: Vec<String> = prompt.iter().filter_map(|block| block.name.clone().or_else(|| block.uri.clone())).collect();
        let text = prompt.into_iter().filter_map(|block| block.text).collect::<Vec<_>>().join("\n");
        session.history.prompts += 1;
        session.history.remember(true, &text);
        let mut turn = Turn::new(&mut self.wire, session);
        let stop = match demo::answer(&mut turn, &text, &links) {
            Ok(()) => "end_turn",
            Err(Halt::Cancelled) => "cancelled",
            Err(Halt::Gone) => return Err(Gone),
        };
        let said = turn.into_said();
        session.history.remember(false, &said);
        tracing::debug!(?id, stop, "a turn of the demo agent ended");
        Ok(self.histories.save(&session.history).map_err(failed).map(|()| json!({"stopReason": stop})))
    }
}

fn initialized() -> Value {
    json!({
        "protocolVersion": 1,
        "agentInfo": {"name": "kiroclaw-demo", "title": demo::NAME, "version": env!("CARGO_PKG_VERSION")},
        "agentCapabilities": {
            "loadSession": true,
            "promptCapabilities": {"image": false, "audio": false, "embeddedContext": false},
            "mcpCapabilities": {"http": false, "sse": false},
            "sessionCapabilities": {"resume": {}},
        },
        "authMethods": [],
    })
}

fn place(params: &RawValue) -> Result<Place, RpcError> {
    let place: Place = read(params)?;
    if !place.cwd.is_absolute() {
        return Err(RpcError::new(jsonrpc::INVALID_PARAMS, "`cwd` must be an absolute path"));
    }
    Ok(place)
}

fn read<T: DeserializeOwned>(params: &RawValue) -> Result<T, RpcError> {
    serde_json::from_str(params.get()).map_err(|error| RpcError::new(jsonrpc::INVALID_PARAMS, format!("Invalid params: {error}")))
}

fn failed(error: HistoryError) -> RpcError {
    let code = if matches!(error, HistoryError::Unknown) { NOT_FOUND } else { jsonrpc::INTERNAL_ERROR };
    RpcError::new(code, error.to_string())
}

//! The least of an ACP agent: it answers every prompt at once, with the prompt's text and the time at which it read it.

use std::io::{self, BufRead, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Between the prompt's text and the time in an answer.
const AT: &str = " read at ";

/// What an answer of the agent says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Echo {
    /// The prompt's text.
    pub(crate) prompt: String,
    /// When the agent read it, in nanoseconds since 1970.
    pub(crate) read_at: u128,
}

impl Echo {
    /// Reads an answer as a person got it; `None` for any other message.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (prompt, read_at) = text.rsplit_once(AT)?;
        Some(Self { prompt: prompt.to_owned(), read_at: read_at.trim().parse().ok()? })
    }
}

/// Nanoseconds since 1970.
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).map(|since| since.as_nanos()).unwrap_or_default()
}

/// Serves stdin until it is closed.
///
/// # Errors
/// The client is gone.
pub(crate) fn run() -> io::Result<()> {
    let mut lines = io::stdin().lock();
    let mut line = String::new();
    let mut sessions = 0;
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let read_at = now();
        let Ok(message) = serde_json::from_str::<Value>(&line) else { continue };
        let (Some(method), Some(id)) = (message["method"].as_str(), message.get("id")) else { continue };
        let params = &message["params"];
        let mut answer = json!({"jsonrpc": "2.0", "id": id});
        match method {
            "initialize" => {
                answer["result"] = json!({
                    "protocolVersion": 1,
                    "agentInfo": {"name": "instant", "version": "1"},
                    "agentCapabilities": {"loadSession": true, "sessionCapabilities": {"resume": {}}},
                    "authMethods": [],
                });
            }
            "session/new" => {
                sessions += 1;
                answer["result"] = json!({"sessionId": format!("{}-{sessions}-{read_at}", std::process::id())});
            }
            "session/load" | "session/resume" => answer["result"] = json!({}),
            "session/prompt" => {
                let text =
                    params["prompt"].as_array().and_then(|blocks| blocks.last()).map(|block| block["text"].as_str().unwrap_or_default());
                let text = format!("{}{AT}{read_at}", text.unwrap_or_default());
                let update = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}});
                say(
                    &json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": params["sessionId"], "update": update}}),
                )?;
                answer["result"] = json!({"stopReason": "end_turn"});
            }
            _ => answer["error"] = json!({"code": -32601, "message": "Method not found"}),
        }
        say(&answer)?;
    }
}

fn say(message: &Value) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{message}")?;
    out.flush()
}

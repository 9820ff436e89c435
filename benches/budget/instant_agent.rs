//! The least of an ACP agent: it answers every prompt at once, with the prompt's text and the time at which it read it.

use std::io::{self, BufRead, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

/// Between the prompt's text and the time in an answer.
const AT: &str = " read at ";

/// A prompt for so many small chunks in front of the answer.
pub(crate) const CHUNKS: &str = "chunks ";

/// Between two of them: as fast as a quick model writes.
const BETWEEN: Duration = Duration::from_millis(10);

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
/// One chunk of the answer.
fn write_more(session: &Value, text: &str) -> io::Result<()> {
    let update = json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}});
    say(&json!({"jsonrpc": "2.0", "method": "session/update", "params": {"sessionId": session, "update": update}}))
}

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
                // What the bot itself has to tell stands in paragraphs before it.
                let prompt = text.unwrap_or_default().rsplit("\n\n").next().unwrap_or_default();
                let chunks = prompt.strip_prefix(CHUNKS).and_then(|count| count.trim().parse().ok()).unwrap_or(0);
                for chunk in 0..chunks {
                    write_more(&params["sessionId"], &format!("chunk {chunk} "))?;
                    std::thread::park_timeout(BETWEEN);
                }
                write_more(&params["sessionId"], &format!("{prompt}{AT}{read_at}"))?;
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

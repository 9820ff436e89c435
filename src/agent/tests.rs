//! The agent as its client sees it, line by line. Every line of both sides is held against the schema.

mod sessions;
mod tools;

use std::io::{BufRead as _, BufReader, PipeReader, PipeWriter, Write as _};
use std::path::Path;
use std::thread::JoinHandle;

use serde_json::{Value, json};

use super::history::Histories;
use super::server::Server;
use super::wire::Wire;
use crate::jsonrpc::schema::{Judge, Side};

/// A client that the tests play by hand.
struct Client {
    to_agent: Option<PipeWriter>,
    from_agent: BufReader<PipeReader>,
    agent: Option<JoinHandle<()>>,
    judge: Judge,
    last_id: i64,
}

impl Client {
    /// An agent that keeps its sessions in `home`.
    fn start(home: &Path) -> Self {
        let (agent_in, to_agent) = std::io::pipe().unwrap();
        let (from_agent, agent_out) = std::io::pipe().unwrap();
        let histories = Histories::open(home).unwrap();
        let agent = std::thread::spawn(move || Server::new(Wire::start(agent_in, agent_out), histories).serve());
        let (to_agent, from_agent) = (Some(to_agent), BufReader::new(from_agent));
        Self { to_agent, from_agent, agent: Some(agent), judge: Judge::new(), last_id: 0 }
    }

    fn say_raw(&mut self, line: &str) {
        self.to_agent.as_mut().unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
    }

    fn say(&mut self, message: &Value) {
        let line = message.to_string();
        self.judge.hear(Side::Client, &line);
        self.say_raw(&line);
    }

    fn ask(&mut self, method: &str, params: Value) -> i64 {
        self.last_id += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": self.last_id, "method": method, "params": params}));
        self.last_id
    }

    fn hear_raw(&mut self) -> String {
        let mut line = String::new();
        self.from_agent.read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the agent is gone: {line}");
        line
    }

    fn hear(&mut self) -> Value {
        let line = self.hear_raw();
        self.judge.hear(Side::Agent, &line);
        serde_json::from_str(&line).unwrap()
    }

    /// What the agent says up to the answer to this request, and the answer.
    fn hear_answer(&mut self, id: i64) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let message = self.hear();
            if message["id"] == id && message.get("method").is_none() {
                return (before, message);
            }
            before.push(message);
        }
    }

    fn new_session(&mut self, cwd: &Path) -> String {
        let id = self.ask("session/new", json!({"cwd": cwd, "mcpServers": []}));
        let answer = self.hear_answer(id).1;
        assert_eq!(self.hear()["params"]["update"]["sessionUpdate"], "available_commands_update");
        answer["result"]["sessionId"].as_str().unwrap().to_owned()
    }

    fn prompt(&mut self, session: &str, text: &str) -> i64 {
        self.ask("session/prompt", json!({"sessionId": session, "prompt": [{"type": "text", "text": text}]}))
    }

    /// A whole turn without permissions: its text and its stop reason.
    fn turn(&mut self, session: &str, text: &str) -> (String, String) {
        let id = self.prompt(session, text);
        let (before, answer) = self.hear_answer(id);
        (said(&before), answer["result"]["stopReason"].as_str().unwrap().to_owned())
    }

    /// The agent's next permission request, and what it said before it.
    fn asked(&mut self) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let message = self.hear();
            if message["method"] == "session/request_permission" {
                return (before, message);
            }
            before.push(message);
        }
    }

    fn choose(&mut self, request: &Value, option: &str) {
        let outcome = json!({"outcome": {"outcome": "selected", "optionId": option}});
        self.say(&json!({"jsonrpc": "2.0", "id": request["id"], "result": outcome}));
    }

    fn cancel(&mut self, session: &str) {
        self.say(&json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}}));
    }

    /// Hangs up, and waits for the agent to end.
    fn leave(mut self) {
        self.to_agent = None;
        self.agent.take().unwrap().join().unwrap();
    }
}

/// The text of the answer in these messages.
fn said(messages: &[Value]) -> String {
    let updates = messages.iter().map(|message| &message["params"]["update"]);
    updates
        .filter(|update| update["sessionUpdate"] == "agent_message_chunk")
        .filter_map(|update| update["content"]["text"].as_str())
        .collect()
}

/// A home and a workspace.
fn places() -> (tempfile::TempDir, tempfile::TempDir) {
    (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap())
}

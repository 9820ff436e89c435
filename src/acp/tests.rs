//! The client against agents that the tests play by hand, line by line. Every line of the client is held against the schema.

mod choices;
mod facts;
mod faults;
mod kiro;
mod opening;
mod permissions;
mod turns;

use std::path::Path;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines};

use super::{Block, Client, Dialect, Opened, StopReason, Turn, TurnEvent};
use crate::jsonrpc::Message;
use crate::jsonrpc::schema::{Judge, Side};
use crate::model::AcpSessionId;

/// Bytes that fit into each pipe, as on Linux.
const PIPE: usize = 64 * 1024;

/// The agent's end of the pipes.
struct Agent {
    stdin: Lines<BufReader<DuplexStream>>,
    stdout: DuplexStream,
    judge: Judge,
}

fn connect(dialect: Dialect) -> (Client, Agent) {
    let (client_out, agent_in) = tokio::io::duplex(PIPE);
    let (agent_out, client_in) = tokio::io::duplex(PIPE);
    let client = Client::start(client_in, client_out, dialect);
    (client, Agent { stdin: BufReader::new(agent_in).lines(), stdout: agent_out, judge: Judge::new() })
}

impl Agent {
    /// The client's next line.
    async fn hear(&mut self) -> Value {
        let line = self.stdin.next_line().await.unwrap().expect("the client closed the agent's stdin");
        self.judge.hear(Side::Client, &line);
        serde_json::from_str(&line).unwrap()
    }

    /// The client's next line, which is a request for or a notification of `method`.
    async fn hear_method(&mut self, method: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["method"], method, "{message}");
        message
    }

    /// Says a line that need not be valid.
    async fn say_raw(&mut self, line: &[u8]) {
        self.stdout.write_all(line).await.unwrap();
        self.stdout.write_all(b"\n").await.unwrap();
    }

    async fn say(&mut self, message: Value) {
        if let Ok(Message::Request { id, method, .. }) = Message::parse(message.to_string().as_bytes()) {
            self.judge.overhear(Side::Agent, id, &method);
        }
        self.say_raw(message.to_string().as_bytes()).await;
    }

    async fn answer(&mut self, request: &Value, result: Value) {
        self.say_raw(json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string().as_bytes()).await;
    }

    /// Answers the request that follows a load, as an agent answers what it does not know: after all that it replays.
    async fn knows_no_more(&mut self) {
        let request = self.hear_method("_kiroclaw/after_replay").await;
        self.refuse(&request, json!({"code": -32601, "message": "Method not found"})).await;
    }

    /// Waits until the client has taken in all that was said: what it does not know it refuses.
    async fn caught_up(&mut self) {
        self.say(json!({"jsonrpc": "2.0", "id": "caught up", "method": "no/such", "params": {}})).await;
        self.hear().await;
    }

    async fn refuse(&mut self, request: &Value, error: Value) {
        self.say_raw(json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string().as_bytes()).await;
    }

    async fn notify(&mut self, method: &str, params: Value) {
        self.say(json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    async fn update(&mut self, update: Value) {
        self.notify("session/update", json!({"sessionId": "s1", "update": update})).await;
    }

    async fn text(&mut self, text: &str) {
        self.update(chunk(text)).await;
    }

    /// Asks for permission to run `ls`, with these kinds of options, whose ids are the kinds with dashes.
    async fn ask(&mut self, id: Value, kinds: &[&str]) {
        let options: Vec<Value> =
            kinds.iter().map(|kind| json!({"optionId": kind.replace('_', "-"), "name": kind, "kind": kind})).collect();
        let tool = json!({"toolCallId": "call_001", "title": "Running: ls", "kind": "execute", "rawInput": {"command": "ls"}});
        let params = json!({"sessionId": "s1", "toolCall": tool, "options": options});
        self.say(json!({"jsonrpc": "2.0", "id": id, "method": "session/request_permission", "params": params})).await;
    }
}

fn chunk(text: &str) -> Value {
    json!({"sessionUpdate": "agent_message_chunk", "content": {"type": "text", "text": text}})
}

fn session() -> AcpSessionId {
    "s1".parse().unwrap()
}

/// A prompt of one text.
fn says(text: &str) -> [Block; 1] {
    [Block::text(text)]
}

fn cwd() -> &'static Path {
    Path::new("/w")
}

/// Shakes hands with these capabilities.
async fn handshake(client: &Client, agent: &mut Agent, capabilities: Value) {
    let act = async {
        let request = agent.hear_method("initialize").await;
        agent.answer(&request, json!({"protocolVersion": 1, "agentCapabilities": capabilities})).await;
    };
    tokio::join!(client.initialize(), act).0.unwrap();
}

/// Opens the session `s1`, whose answer holds this besides.
async fn open(client: &Client, agent: &mut Agent, mut extra: Value) -> Opened {
    let act = async {
        let request = agent.hear_method("session/new").await;
        extra["sessionId"] = json!("s1");
        agent.answer(&request, extra).await;
    };
    tokio::join!(client.new_session(cwd()), act).0.unwrap()
}

/// A client with the session `s1` open.
async fn opened(dialect: Dialect) -> (Client, Agent) {
    let (client, mut agent) = connect(dialect);
    open(&client, &mut agent, json!({})).await;
    (client, agent)
}

/// A turn, and the request that the agent has to answer.
async fn prompted(client: &Client, agent: &mut Agent) -> (Turn, Value) {
    let (session, hello) = (session(), says("hello"));
    let (turn, request) = tokio::join!(client.prompt(&session, &hello), agent.hear_method("session/prompt"));
    (turn.unwrap(), request)
}

/// The texts of a turn, up to its end.
async fn texts(turn: &mut Turn) -> (String, Result<StopReason, super::AcpError>) {
    let mut all = String::new();
    loop {
        match turn.next().await.unwrap() {
            TurnEvent::Text(text) => all.push_str(&text),
            TurnEvent::Ended(end) => return (all, end),
            _ => {}
        }
    }
}

/// Ends the turn as agents do.
async fn end(agent: &mut Agent, request: &Value) {
    agent.answer(request, json!({"stopReason": "end_turn"})).await;
}

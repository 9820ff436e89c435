//! The client against an agent built on somebody else's implementation of ACP: the Python SDK. Run by `tests/conformance/run`,
//! which installs it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the failure of the test")]

use std::path::{Path, PathBuf};
use std::process::Stdio;

use kiroclaw::acp::{Block, Client, Dialect, StopReason, Turn, TurnEvent};
use tokio::net::unix::pipe;

/// An agent that runs, ended when dropped.
struct Agent {
    child: std::process::Child,
    client: Client,
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn start(home: &Path) -> Agent {
    let python = std::env::var("CONFORMANCE_PYTHON").expect("CONFORMANCE_PYTHON is not set: use tests/conformance/run");
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/agent.py");
    let (agent_in, stdin) = std::io::pipe().unwrap();
    let (stdout, agent_out) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new(python);
    let child = command.arg(script).env("HOME", home).stdin(agent_in).stdout(agent_out).stderr(Stdio::inherit()).spawn().unwrap();
    let stdout = pipe::Receiver::from_owned_fd(stdout.into()).unwrap();
    let stdin = pipe::Sender::from_owned_fd(stdin.into()).unwrap();
    Agent { child, client: Client::start(stdout, stdin, Dialect::Plain) }
}

/// The turn's text and end. Permissions are answered with the option of this index.
async fn finish(mut turn: Turn, choice: usize) -> (String, StopReason) {
    let mut said = String::new();
    loop {
        match turn.next().await.unwrap() {
            TurnEvent::Text(text) => said.push_str(&text),
            TurnEvent::Permission(request) => {
                assert_eq!((request.detail.as_str(), request.tool.kind.as_str()), ("ls", "execute"));
                assert!(request.select(choice));
            }
            TurnEvent::Ended(end) => return (said, end.unwrap()),
            _ => {}
        }
    }
}

#[tokio::test]
async fn whole_turns_with_the_python_sdk() {
    let home = tempfile::tempdir().unwrap();
    let agent = start(home.path());
    let info = agent.client.initialize().await.unwrap();
    assert_eq!((info.name.as_str(), info.can_load), ("conformance", true));
    let session = agent.client.new_session(home.path()).await.unwrap().id;

    let turn = agent.client.prompt(&session, &[Block::text("hello")]).await.unwrap();
    assert_eq!(finish(turn, 0).await, ("You said hello.".to_owned(), StopReason::EndTurn));

    for (choice, said) in [(0, "chosen: yes"), (1, "chosen: no"), (9, "not chosen")] {
        let turn = agent.client.prompt(&session, &[Block::text("ask")]).await.unwrap();
        assert_eq!(finish(turn, choice).await, (said.to_owned(), StopReason::EndTurn));
    }

    let mut turn = agent.client.prompt(&session, &[Block::text("wait")]).await.unwrap();
    assert!(matches!(turn.next().await, Some(TurnEvent::Text(text)) if text == "waiting"));
    turn.cancel().await;
    assert_eq!(finish(turn, 0).await.1, StopReason::Cancelled);

    // The stop of stdin is the agent's end.
    agent.client.close();
    agent.client.closed().await;
}

#[tokio::test]
async fn a_replay_of_the_python_sdk_is_not_shown() {
    let home = tempfile::tempdir().unwrap();
    let agent = start(home.path());
    agent.client.initialize().await.unwrap();
    let id = "earlier".parse().unwrap();
    assert_eq!(agent.client.restore_session(&id, home.path()).await.unwrap().id, id);
    let turn = agent.client.prompt(&id, &[Block::text("hello")]).await.unwrap();
    assert_eq!(finish(turn, 0).await.0, "You said hello.");
}

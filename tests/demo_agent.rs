//! The product's own client and its built-in agent, as two processes with pipes between them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the failure of the test")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use kiroclaw::acp::{AcpError, Block, Client, Dialect, StopReason, Turn, TurnEvent};
use tokio::net::unix::pipe;

fn start(home: &Path) -> (Child, Client) {
    let (agent_in, stdin) = std::io::pipe().unwrap();
    let (stdout, agent_out) = std::io::pipe().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_kiroclaw"));
    command.args(["agent", "--provider", "demo"]).env("HOME", home).stdin(agent_in).stdout(agent_out).stderr(Stdio::inherit());
    let child = command.spawn().unwrap();
    let stdout = pipe::Receiver::from_owned_fd(stdout.into()).unwrap();
    let stdin = pipe::Sender::from_owned_fd(stdin.into()).unwrap();
    (child, Client::start(stdout, stdin, Dialect::Plain))
}

async fn finish(mut turn: Turn) -> (String, Result<StopReason, AcpError>) {
    let mut said = String::new();
    loop {
        match turn.next().await.unwrap() {
            TurnEvent::Text(text) => said.push_str(&text),
            TurnEvent::Permission(request) => {
                assert!(request.select(0));
            }
            TurnEvent::Ended(end) => return (said, end),
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_conversation_goes_on_after_the_agent_was_killed() {
    let (home, work) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut child, client) = start(home.path());
    let info = client.initialize().await.unwrap();
    assert!(info.name.contains("demo") && info.can_resume);
    let session = client.new_session(work.path()).await.unwrap().id;
    let (said, end) = finish(client.prompt(&session, &[Block::text("run pwd")]).await.unwrap()).await;
    assert!(said.contains(work.path().to_str().unwrap()) && end == Ok(StopReason::EndTurn), "{said}");

    let mut turn = client.prompt(&session, &[Block::text("slow 600")]).await.unwrap();
    while !matches!(turn.next().await, Some(TurnEvent::Text(_))) {}
    turn.cancel().await;
    assert_eq!(finish(turn).await.1, Ok(StopReason::Cancelled));

    let mut turn = client.prompt(&session, &[Block::text("slow 600")]).await.unwrap();
    while !matches!(turn.next().await, Some(TurnEvent::Text(_))) {}
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(finish(turn).await.1, Err(AcpError::Gone));

    let (mut child, client) = start(home.path());
    client.initialize().await.unwrap();
    client.restore_session(&session, work.path()).await.unwrap();
    let (said, _) = finish(client.prompt(&session, &[Block::text("count")]).await.unwrap()).await;
    assert!(said.contains("message 3 "), "the killed turn was not written, so it does not count: {said}");
    // The end of its stdin is its own.
    client.close();
    assert_eq!(client.closed().await, AcpError::Gone);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_provider_that_does_not_exist_is_refused() {
    let run = Command::new(env!("CARGO_BIN_EXE_kiroclaw")).args(["agent", "--provider", "oracle"]).output().unwrap();
    assert_eq!(run.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&run.stderr).contains("`demo`"));
}

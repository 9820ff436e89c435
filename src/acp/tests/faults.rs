use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::acp::AcpError;
use crate::model::bounds;

#[tokio::test]
async fn an_agent_that_ends_in_a_turn_ends_everything_that_waits() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    agent.text("dying…").await;
    let waiting = client.clone();
    let waiting = async move { waiting.new_session(cwd()).await };
    let act = async {
        agent.hear_method("session/new").await;
        drop(agent);
    };
    assert_eq!(tokio::join!(waiting, act).0, Err(AcpError::Gone));
    assert_eq!(texts(&mut turn).await, ("dying…".to_owned(), Err(AcpError::Gone)));
    assert!(turn.next().await.is_none());
    assert_eq!(client.closed().await, AcpError::Gone);
    assert_eq!(client.prompt(&session(), &says("x")).await.map(drop), Err(AcpError::Gone));
    assert_eq!(client.new_session(cwd()).await, Err(AcpError::Gone));
}

#[tokio::test]
async fn a_line_over_the_limit_closes_the_connection() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let flood = async {
        let piece = vec![b'x'; PIPE];
        // Until the client hangs up; never ends the line.
        while agent.stdout.write_all(&piece).await.is_ok() {}
    };
    let too_long = AcpError::LineTooLong { limit: bounds::ACP_LINE };
    let ((), (_, end)) = tokio::join!(flood, texts(&mut turn));
    assert_eq!(end, Err(too_long.clone()));
    assert_eq!(client.closed().await, too_long);
    assert_eq!(agent.stdin.next_line().await.unwrap(), None, "the agent's stdin is closed too");
}

#[tokio::test]
async fn who_says_too_much_between_two_prompts_is_not_read_any_more() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let flood = async {
        // No messages, but too few to be told by that.
        let mut line = vec![b'x'; bounds::ACP_LINE - 1];
        line.push(b'\n');
        while agent.stdout.write_all(&line).await.is_ok() {}
    };
    let ((), (_, end)) = tokio::join!(flood, texts(&mut turn));
    assert_eq!(end, Err(AcpError::Flood { limit: bounds::ACP_TURN }));
}

#[tokio::test]
async fn a_line_just_within_the_limit_arrives_in_pieces() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    let long = "x".repeat(bounds::ACP_LINE - 200);
    let act = async {
        agent.text(&long).await;
        end(&mut agent, &request).await;
    };
    let ((), (text, _)) = tokio::join!(act, texts(&mut turn));
    assert_eq!(text.len(), long.len());
}

#[tokio::test]
async fn a_program_that_is_no_agent_is_given_up() {
    let (client, mut agent) = connect(Dialect::Plain);
    for _ in 0..100 {
        agent.say_raw(b"hello, this is a shell").await;
    }
    assert_eq!(client.closed().await, AcpError::Garbage { lines: 100 });
}

#[tokio::test(start_paused = true)]
async fn a_flood_stays_in_the_pipe_when_nobody_takes_its_events() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    let chunk = "x".repeat(32 * 1024);
    let mut sent = 0;
    // Time stands still while anything moves: the timeout comes when the agent can write no more.
    while tokio::time::timeout(Duration::from_secs(1), agent.text(&chunk)).await.is_ok() {
        sent += 1;
        assert!(sent < 100, "the flood is being taken in");
    }
    // What was held up goes on as soon as somebody takes events; the chunk at hand was cut off and is no message.
    let act = async {
        agent.say_raw(b"").await;
        end(&mut agent, &request).await;
    };
    let ((), (text, end)) = tokio::join!(act, texts(&mut turn));
    assert_eq!((text.len(), end), (sent * chunk.len(), Ok(StopReason::EndTurn)));
    drop(client);
}

#[tokio::test(start_paused = true)]
async fn an_agent_that_asks_and_never_reads_is_not_read_either() {
    let (_client, mut agent) = opened(Dialect::Plain).await;
    let ask = json!({"jsonrpc": "2.0", "id": "x".repeat(1000), "method": "no/such", "params": {}}).to_string();
    let mut sent = 0;
    while tokio::time::timeout(Duration::from_secs(1), agent.say_raw(ask.as_bytes())).await.is_ok() {
        sent += 1;
        assert!(sent < 2000, "answers pile up without an end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_prompt_that_cannot_be_written_closes_the_connection() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let long = "x".repeat(2 * PIPE);
    let timed_out = AcpError::TimedOut { method: "session/prompt", limit: bounds::REQUEST };
    assert_eq!(client.prompt(&session(), &says(&long)).await.map(drop), Err(timed_out.clone()));
    assert_eq!(client.closed().await, timed_out);
    // What reached the agent has no end: it is no prompt.
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(agent.stdin.get_mut(), &mut rest).await.unwrap();
    assert!(!rest.is_empty() && !rest.contains(&b'\n'));
}

#[tokio::test]
async fn closing_ends_the_agent_s_stdin_and_still_reads_its_last_words() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    client.close();
    assert_eq!(agent.stdin.next_line().await.unwrap(), None);
    agent.text("bye").await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await, ("bye".to_owned(), Ok(StopReason::EndTurn)));
    assert_eq!(client.prompt(&session(), &says("x")).await.map(drop), Err(AcpError::Gone));
}

#[tokio::test]
async fn the_last_handle_closes_the_agent_s_stdin() {
    let (client, mut agent) = connect(Dialect::Plain);
    drop(client.clone());
    drop(client);
    assert_eq!(agent.stdin.next_line().await.unwrap(), None);
}

/// Everything that the client does while an agent says these bytes and leaves.
fn survives(bytes: &[u8], dialect: Dialect) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (client, mut agent) = opened_untamed(dialect).await;
        let (mut turn, _request) = prompted(&client, &mut agent).await;
        let act = async {
            let _ = agent.stdout.write_all(bytes).await;
            drop(agent);
        };
        tokio::join!(act, async { while turn.next().await.is_some() {} });
        client.closed().await;
    });
}

/// As [`opened`], with autopilot switched off where there is one.
async fn opened_untamed(dialect: Dialect) -> (Client, Agent) {
    let (client, mut agent) = connect(dialect);
    let act = async {
        let request = agent.hear_method("session/new").await;
        agent.answer(&request, json!({"sessionId": "s1"})).await;
        if dialect == Dialect::KiroV3 {
            let request = agent.hear_method("session/set_config_option").await;
            let off = json!([{"id": "autopilot", "name": "A", "type": "select", "currentValue": "off", "options": []}]);
            agent.answer(&request, json!({"configOptions": off})).await;
        }
    };
    tokio::join!(client.new_session(cwd()), act).0.unwrap();
    (client, agent)
}

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let lines: Vec<Vec<u8>> = [
        r#"{"jsonrpc":"2.0","id":2,"result":{"stopReason":"end_turn"}}"#,
        r#"{"jsonrpc":"2.0","id":2,"error":{"code":-32603,"message":"m"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        r#"{"jsonrpc":"2.0","id":0,"method":"session/request_permission","params":{"sessionId":"s1","toolCall":{"toolCallId":"c"},"options":[{"optionId":"a","name":"A","kind":"allow_once"}]}}"#,
        r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"tool_call","toolCallId":"c"}}}"#,
        r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"agent_message_chunk","content":{"type":"text","text":"x"}}}}"#,
        r#"{"jsonrpc":"2.0","method":"_kiro.dev/agent/not_found","params":{"sessionId":"s1"}}"#,
        r#"{"jsonrpc":"2.0","method":"session/update","params":{"sessionId":"s1","update":{"sessionUpdate":"config_option_update","configOptions":[{"id":"autopilot","currentValue":"on"}]}}}"#,
        r#"{"jsonrpc":"2.0","method":"$/cancel_request","params":{"requestId":0}}"#,
        "{", "null", "\u{0}",
    ]
    .map(|line| line.as_bytes().to_vec())
    .to_vec();
    let line = prop_oneof![4 => proptest::sample::select(lines), 1 => proptest::collection::vec(any::<u8>(), 0..60)];
    // With newlines between most of them.
    proptest::collection::vec((line, prop::bool::weighted(0.9)), 0..30).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(mut line, ends)| {
                line.extend(ends.then_some(b'\n'));
                line
            })
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]
    #[test]
    fn no_bytes_of_an_agent_make_the_client_panic_or_hang(bytes in pieces(), v3: bool) {
        survives(&bytes, if v3 { Dialect::KiroV3 } else { Dialect::Plain });
    }
}

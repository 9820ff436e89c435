use super::*;
use crate::acp::AcpError;

#[tokio::test]
async fn a_turn_gives_its_events_in_order_and_ends_once() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    assert_eq!(request["params"]["prompt"], json!([{"type": "text", "text": "hello"}]));
    agent.update(json!({"sessionUpdate": "agent_thought_chunk", "content": {"type": "text", "text": "hm"}, "_meta": {"x": 1}})).await;
    agent.update(json!({"sessionUpdate": "plan", "entries": [{"content": "one", "priority": "high", "status": "pending"}]})).await;
    agent.update(json!({"sessionUpdate": "usage_update", "used": 5, "size": 10, "cost": {"amount": 0.5, "currency": "USD"}})).await;
    agent.text("Hi.").await;
    end(&mut agent, &request).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Thought(text)) if text == "hm"));
    assert!(matches!(turn.next().await, Some(TurnEvent::Plan(plan)) if plan[0].content == "one"));
    assert!(matches!(turn.next().await, Some(TurnEvent::Usage(usage)) if usage.used == Some(5) && usage.cost.is_some()));
    assert!(matches!(turn.next().await, Some(TurnEvent::Text(text)) if text == "Hi."));
    assert!(matches!(turn.next().await, Some(TurnEvent::Ended(Ok(StopReason::EndTurn)))));
    assert!(turn.next().await.is_none());
}

#[tokio::test]
async fn tool_updates_add_to_what_was_told_before() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    // As kiro-cli 1.26 sends it: no status at first, the whole file in the diff.
    let diff = json!([{"type": "diff", "path": "hello.txt", "oldText": null, "newText": "hello world"}]);
    agent
        .update(json!({"sessionUpdate": "tool_call", "toolCallId": "t", "title": "Creating hello.txt", "kind": "edit", "content": diff}))
        .await;
    agent
        .update(
            json!({"sessionUpdate": "tool_call_update", "toolCallId": "t", "status": "completed", "rawOutput": {"items": [{"Text": ""}]}}),
        )
        .await;
    let mut seen = Vec::new();
    while seen.len() < 2 {
        match turn.next().await.unwrap() {
            TurnEvent::Tool(tool) => seen.push((tool.title, tool.kind.as_str(), tool.status)),
            TurnEvent::Diff { tool, path, old, new } => {
                assert_eq!((tool.as_str(), path.as_str(), old, new.as_str()), ("t", "hello.txt", None, "hello world"));
            }
            other => panic!("{other:?}"),
        }
    }
    let title = "Creating hello.txt".to_owned();
    assert_eq!(seen, [(title.clone(), "edit", "pending".to_owned()), (title, "edit", "completed".to_owned())]);
}

#[tokio::test]
async fn what_is_unknown_is_refused_or_ignored_and_the_turn_goes_on() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    // The agent's ids begin where ours did: they have nothing to do with each other.
    let ids = [request["id"].clone(), json!(0), json!("1e1d9423-uuid"), Value::Null];
    for (id, method) in ids.iter().zip(["fs/read_text_file", "terminal/create", "_kiro/auth/getAccessToken", "no/such"]) {
        agent.say(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": {"sessionId": "s1"}})).await;
        let answer = agent.hear().await;
        assert_eq!((&answer["id"], &answer["error"]["code"]), (id, &json!(-32601)), "{method}");
        assert!(answer.get("result").is_none());
    }
    agent.notify("no/such", json!({})).await;
    agent.notify("_any/thing", json!([1])).await;
    agent.say(json!({"jsonrpc": "2.0", "method": "session/update"})).await;
    agent.update(json!({"sessionUpdate": "no_such_kind", "content": {}})).await;
    agent.notify("session/update", json!({"sessionId": "other", "update": chunk("not yours")})).await;
    for line in [&b"not JSON"[..], b"\xff\xfe", b"[1,2]", b"42", b"", b"{\"jsonrpc\":\"2.0\"}"] {
        agent.say_raw(line).await;
    }
    agent.say(json!({"jsonrpc": "2.0", "id": 98765, "result": {"stopReason": "end_turn"}})).await;
    agent.text("still here").await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await, ("still here".to_owned(), Ok(StopReason::EndTurn)));
}

#[tokio::test]
async fn both_spellings_of_an_update_reach_the_turn() {
    let (client, mut agent) = opened(Dialect::KiroV2).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    let update = json!({"sessionUpdate": "AgentMessageChunk", "content": {"type": "text", "text": "by the page"}});
    agent.notify("session/notification", json!({"sessionId": "s1", "update": update})).await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.0, "by the page");
}

#[tokio::test]
async fn after_a_cancellation_updates_go_on_until_the_prompt_s_own_answer() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    turn.cancel().await;
    turn.cancel().await;
    assert_eq!(agent.hear_method("session/cancel").await["params"], json!({"sessionId": "s1"}));
    agent.text("one more thing").await;
    agent.answer(&request, json!({"stopReason": "cancelled"})).await;
    assert_eq!(texts(&mut turn).await, ("one more thing".to_owned(), Ok(StopReason::Cancelled)));
    // The second cancellation said nothing: the next line is the next prompt.
    prompted(&client, &mut agent).await;
}

#[tokio::test]
async fn what_comes_after_the_answer_is_not_part_of_the_next_turn() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
    agent.text("late").await;
    // A request and its refusal: after them the reader has taken the late text.
    agent.caught_up().await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.text("new").await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.0, "new");
}

#[tokio::test]
async fn a_session_has_one_turn_at_a_time() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (turn, request) = prompted(&client, &mut agent).await;
    assert_eq!(client.prompt(&session(), &says("again")).await.map(drop), Err(AcpError::Busy));
    // Dropped, it is cancelled, and stays the session's turn until the agent has answered.
    drop(turn);
    agent.hear_method("session/cancel").await;
    assert_eq!(client.prompt(&session(), &says("again")).await.map(drop), Err(AcpError::Busy));
    agent.text("for nobody").await;
    agent.answer(&request, json!({"stopReason": "cancelled"})).await;
    agent.caught_up().await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await, (String::new(), Ok(StopReason::EndTurn)));
}

#[tokio::test]
async fn an_error_to_a_prompt_ends_its_turn_only() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.refuse(&request, json!({"code": -32603, "message": "Internal error", "data": {"why": "model"}})).await;
    let error = AcpError::Agent { code: -32603, message: "Internal error".to_owned(), data: Some(r#"{"why":"model"}"#.to_owned()) };
    assert_eq!(texts(&mut turn).await.1, Err(error));
    prompted(&client, &mut agent).await;
}

#[tokio::test]
async fn a_prompt_is_delivered_when_the_agent_can_read_it_whole() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (id, long) = (session(), says(&"x".repeat(3 * PIPE)));
    let mut prompt = std::pin::pin!(client.prompt(&id, &long));
    // The pipe is full and the agent does not read: not delivered.
    assert!(tokio::time::timeout(std::time::Duration::from_millis(50), &mut prompt).await.is_err());
    let (turn, request) = tokio::join!(prompt, agent.hear());
    assert!(turn.is_ok());
    assert_eq!(request["params"]["prompt"][0]["text"].as_str().map(str::len), Some(3 * PIPE));
}

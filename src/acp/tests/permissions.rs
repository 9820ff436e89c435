use super::*;
use crate::acp::PermissionRequest;
use crate::model::permission::ToolKind;

const USUAL: [&str; 3] = ["allow_once", "allow_always", "reject_once"];

async fn permission(turn: &mut Turn) -> PermissionRequest {
    match turn.next().await {
        Some(TurnEvent::Permission(request)) => request,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_answer_names_the_agent_s_own_option_and_id() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    // Ids of all sorts, one of them that of our own prompt.
    for id in [json!("1e1d9423-7c1b"), request["id"].clone(), json!(0), Value::Null] {
        agent.ask(id.clone(), &USUAL).await;
        let asked = permission(&mut turn).await;
        assert_eq!((asked.tool.title.as_str(), asked.tool.kind, asked.detail.as_str()), ("Running: ls", ToolKind::Execute, "ls"));
        assert!(asked.select(1));
        let answer = agent.hear().await;
        assert_eq!(answer["id"], id);
        assert_eq!(answer["result"], json!({"outcome": {"outcome": "selected", "optionId": "allow-always"}}));
    }
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
}

#[tokio::test]
async fn a_request_that_names_only_the_call_is_shown_with_what_was_told_of_it() {
    let (client, mut agent) = opened(Dialect::KiroV2).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let input = json!({"command": "rm -rf build"});
    agent
        .update(json!({"sessionUpdate": "tool_call", "toolCallId": "call_001", "title": "Running", "kind": "execute", "rawInput": input}))
        .await;
    // As kiro-cli 1.26 asks.
    let options = json!([{"optionId": "allow-once", "name": "Allow once", "kind": "allow_once"}]);
    let params = json!({"sessionId": "s1", "toolCall": {"toolCallId": "call_001"}, "options": options});
    agent.say(json!({"jsonrpc": "2.0", "id": "u", "method": "session/request_permission", "params": params})).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Tool(_))));
    let asked = permission(&mut turn).await;
    assert_eq!((asked.tool.title.as_str(), asked.tool.kind, asked.detail.as_str()), ("Running", ToolKind::Execute, "rm -rf build"));
}

#[tokio::test]
async fn to_deny_is_to_select_a_rejection_and_never_anything_else() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let selected = |id: &str| json!({"outcome": {"outcome": "selected", "optionId": id}});
    let cancelled = json!({"outcome": {"outcome": "cancelled"}});
    for (number, (kinds, wanted)) in [
        (&["allow_once", "reject_always", "reject_once"][..], selected("reject-once")),
        (&["allow_once", "reject_always"][..], selected("reject-always")),
        (&["allow_once", "something_new"][..], cancelled.clone()),
    ]
    .into_iter()
    .enumerate()
    {
        agent.ask(json!(number), kinds).await;
        assert!(permission(&mut turn).await.deny());
        assert_eq!(agent.hear().await["result"], wanted, "{kinds:?}");
    }
    agent.ask(json!(9), &USUAL).await;
    assert!(permission(&mut turn).await.select(7));
    assert_eq!(agent.hear().await["result"], cancelled, "an index that is no option");
}

#[tokio::test]
async fn a_request_that_is_dropped_is_answered_with_cancelled() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    agent.ask(json!(5), &USUAL).await;
    drop(permission(&mut turn).await);
    assert_eq!(agent.hear().await["result"], json!({"outcome": {"outcome": "cancelled"}}));
}

#[tokio::test]
async fn a_cancellation_answers_every_request_open_unseen_and_yet_to_come() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.ask(json!("open"), &USUAL).await;
    let open = permission(&mut turn).await;
    agent.ask(json!("unseen"), &USUAL).await;
    // Refused at once: after it the reader has taken the request before.
    agent.say(json!({"jsonrpc": "2.0", "id": "fence", "method": "no/such", "params": {}})).await;
    assert_eq!(agent.hear().await["id"], "fence");
    turn.cancel().await;
    agent.hear_method("session/cancel").await;
    agent.ask(json!("to come"), &USUAL).await;
    for id in ["open", "unseen", "to come"] {
        let answer = agent.hear().await;
        assert_eq!((&answer["id"], &answer["result"]["outcome"]["outcome"]), (&json!(id), &json!("cancelled")));
    }
    assert!(!open.is_open() && !open.select(0), "a button that was pressed too late");
    agent.answer(&request, json!({"stopReason": "cancelled"})).await;
    // The unseen one is not shown any more.
    assert!(matches!(turn.next().await, Some(TurnEvent::Ended(Ok(StopReason::Cancelled)))));
}

#[tokio::test]
async fn where_nobody_can_decide_the_answer_is_no() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    agent.ask(json!(1), &USUAL).await;
    assert_eq!(agent.hear().await["result"]["outcome"]["optionId"], "reject-once", "no turn runs");
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.ask(json!(2), &[]).await;
    assert_eq!(agent.hear().await["result"]["outcome"]["outcome"], "cancelled", "no options");
    agent.say(json!({"jsonrpc": "2.0", "id": 3, "method": "_broken", "params": {}})).await;
    agent.hear().await;
    let params =
        json!({"sessionId": "other", "toolCall": {"toolCallId": "c"}, "options": [{"optionId": "y", "name": "Y", "kind": "allow_once"}]});
    agent.say(json!({"jsonrpc": "2.0", "id": 4, "method": "session/request_permission", "params": params})).await;
    assert_eq!(agent.hear().await["result"]["outcome"]["outcome"], "cancelled", "an unknown session");
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
}

#[tokio::test]
async fn a_flood_of_requests_is_answered_without_asking_the_person() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let mut held = Vec::new();
    for id in 0..16 {
        agent.ask(json!(id), &USUAL).await;
        held.push(permission(&mut turn).await);
    }
    agent.ask(json!("one too many"), &USUAL).await;
    let answer = agent.hear().await;
    assert_eq!((&answer["id"], &answer["result"]["outcome"]["optionId"]), (&json!("one too many"), &json!("reject-once")));
    assert!(held.iter().all(PermissionRequest::is_open));
}

#[tokio::test]
async fn a_request_that_the_agent_takes_back_is_answered_and_closed() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    agent.ask(json!("a"), &USUAL).await;
    let asked = permission(&mut turn).await;
    agent.notify("$/cancel_request", json!({"requestId": "a"})).await;
    assert_eq!(agent.hear().await["result"]["outcome"]["outcome"], "cancelled");
    assert!(!asked.is_open());
}

#[tokio::test]
async fn the_end_of_a_turn_closes_its_requests() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.ask(json!("a"), &USUAL).await;
    let asked = permission(&mut turn).await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
    assert!(!asked.is_open());
    assert_eq!(agent.hear().await["result"]["outcome"]["outcome"], "cancelled");
}

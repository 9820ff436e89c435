use super::*;
use crate::acp::AcpError;

fn not_found() -> AcpError {
    AcpError::AgentNotFound { requested: "tg-acp".to_owned(), fallback: "kiro_default".to_owned() }
}

fn not_found_params() -> Value {
    json!({"sessionId": "s1", "requestedAgent": "tg-acp", "fallbackAgent": "kiro_default"})
}

#[tokio::test]
async fn v2_with_another_agent_than_the_one_asked_for_opens_no_session() {
    let (client, mut agent) = connect(Dialect::KiroV2);
    let act = async {
        let request = agent.hear_method("session/new").await;
        agent.notify("_kiro.dev/agent/not_found", not_found_params()).await;
        agent.answer(&request, json!({"sessionId": "s1"})).await;
    };
    assert_eq!(tokio::join!(client.new_session(cwd()), act).0, Err(not_found()));
    assert_eq!(client.prompt(&session(), &says("x")).await.map(drop), Err(AcpError::NotOpen));
}

#[tokio::test]
async fn v2_that_says_so_later_ends_the_turn_and_takes_no_other() {
    for is_about_the_session in [true, false] {
        let (client, mut agent) = opened(Dialect::KiroV2).await;
        let (mut turn, _request) = prompted(&client, &mut agent).await;
        let mut params = not_found_params();
        if !is_about_the_session {
            params.as_object_mut().unwrap().remove("sessionId");
        }
        agent.notify("_kiro.dev/agent/not_found", params).await;
        assert_eq!(texts(&mut turn).await.1, Err(not_found()));
        agent.hear_method("session/cancel").await;
        assert_eq!(client.prompt(&session(), &says("x")).await.map(drop), Err(not_found()));
    }
}

#[tokio::test]
async fn v2_notifications_come_at_any_time() {
    let (client, mut agent) = opened(Dialect::KiroV2).await;
    let metadata = json!({"sessionId": "s1", "contextUsagePercentage": 1.5, "meteringUsage": [{"value": 0.02, "unit": "credit"}], "turnDurationMs": 12});
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.notify("_kiro.dev/mcp/server_initialized", json!({"sessionId": "s1", "serverName": "x"})).await;
    agent.notify("_kiro.dev/error/rate_limit", json!({"sessionId": "s1", "message": "slow\ndown"})).await;
    agent.notify("_kiro.dev/commands/available", json!({"sessionId": "s1", "commands": [{"name": "/compact", "description": "d"}]})).await;
    agent.notify("_kiro.dev/metadata", metadata.clone()).await;
    agent.update(json!({"sessionUpdate": "model_fallback", "from": "a", "to": "b", "cause": "busy"})).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Notice(text)) if text.contains("(slow down)")));
    assert!(matches!(turn.next().await, Some(TurnEvent::Commands(commands)) if commands[0].name == "compact"));
    assert!(matches!(turn.next().await, Some(TurnEvent::Usage(usage)) if usage.percent == Some(1.5)));
    assert!(matches!(turn.next().await, Some(TurnEvent::ModelFallback { to, .. }) if to == "b"));
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
    agent.notify("_kiro.dev/metadata", metadata).await;
    agent.caught_up().await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Usage(_))), "what came between the turns is told in the next");
}

#[tokio::test]
async fn a_stale_lock_names_its_holder() {
    let (client, mut agent) = connect(Dialect::KiroV2);
    handshake(&client, &mut agent, json!({"loadSession": true})).await;
    let act = async {
        let request = agent.hear_method("session/load").await;
        let data = "Failed to start session: Session is active in another process (PID 12345)";
        agent.refuse(&request, json!({"code": -32603, "message": "Internal error", "data": data})).await;
    };
    let id = session();
    assert_eq!(tokio::join!(client.restore_session(&id, cwd()), act).0, Err(AcpError::Locked { pid: 12345 }));
}

#[tokio::test]
async fn v2_sets_models_by_its_own_method_even_when_a_load_answered_null() {
    let (client, mut agent) = opened(Dialect::KiroV2).await;
    let act = async {
        let request = agent.hear_method("session/set_model").await;
        agent.answer(&request, json!({})).await;
    };
    let id = session();
    assert_eq!(tokio::join!(client.set_model(&id, "claude-sonnet-4"), act).0, Ok(()));
}

fn autopilot(value: &str) -> Value {
    let values = json!([{"value": "on", "name": "On"}, {"value": "off", "name": "Off"}]);
    json!({"configOptions": [{"id": "autopilot", "name": "Autopilot", "type": "select", "currentValue": value, "options": values}]})
}

/// Opens a session of v3, whose answer about autopilot is this.
async fn open_v3(answer: Result<Value, Value>) -> (Client, Agent, Result<Opened, AcpError>) {
    let (client, mut agent) = connect(Dialect::KiroV3);
    let act = async {
        let request = agent.hear_method("session/new").await;
        let mut result = autopilot("on");
        result["sessionId"] = json!("s1");
        agent.answer(&request, result).await;
        let request = agent.hear_method("session/set_config_option").await;
        assert_eq!(request["params"], json!({"sessionId": "s1", "configId": "autopilot", "value": "off"}));
        match answer {
            Ok(result) => agent.answer(&request, result).await,
            Err(error) => agent.refuse(&request, error).await,
        }
    };
    let opened = tokio::join!(client.new_session(cwd()), act).0;
    (client, agent, opened)
}

#[tokio::test]
async fn v3_is_told_to_ask_and_believed_only_when_its_answer_says_so() {
    let (_, _, opened) = open_v3(Ok(autopilot("off"))).await;
    assert!(opened.is_ok());
    let refusal = json!({"code": -32601, "message": "Method not found"});
    for answer in [Ok(autopilot("on")), Ok(autopilot("supervised")), Ok(json!({})), Ok(Value::Null), Err(refusal)] {
        let (client, _, opened) = open_v3(answer.clone()).await;
        assert_eq!(opened, Err(AcpError::AutopilotOn), "{answer:?}");
        assert_eq!(client.prompt(&session(), &says("x")).await.map(drop), Err(AcpError::NotOpen));
    }
}

#[tokio::test]
async fn v3_that_switches_autopilot_on_again_ends_the_turn() {
    let (client, mut agent, opened) = open_v3(Ok(autopilot("off"))).await;
    assert!(opened.is_ok());
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let mut update = autopilot("on");
    update["sessionUpdate"] = json!("config_option_update");
    agent.update(update).await;
    assert_eq!(texts(&mut turn).await.1, Err(AcpError::AutopilotOn));
    agent.hear_method("session/cancel").await;
}

#[tokio::test]
async fn v3_marks_in_the_metadata_neither_end_a_turn_nor_say_anything() {
    let (client, mut agent, _) = open_v3(Ok(autopilot("off"))).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    for kind in ["turn_start", "turn_completion", "turn_end", "context_usage"] {
        agent.update(json!({"sessionUpdate": "session_info_update", "_meta": {"kiro": {"kind": kind}}})).await;
    }
    agent.text("after the mark").await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await, ("after the mark".to_owned(), Ok(StopReason::EndTurn)));
}

#[tokio::test]
async fn v3_is_not_asked_to_load_a_session_that_it_would_invent() {
    let (client, mut agent) = connect(Dialect::KiroV3);
    handshake(&client, &mut agent, json!({"loadSession": true, "sessionCapabilities": {"list": {}}})).await;
    let act = async {
        let request = agent.hear_method("session/list").await;
        agent.answer(&request, json!({"sessions": [{"sessionId": "s0", "cwd": "/w"}], "nextCursor": "2"})).await;
        let request = agent.hear_method("session/list").await;
        assert_eq!(request["params"]["cursor"], "2");
        agent.answer(&request, json!({"sessions": []})).await;
    };
    let id = session();
    assert_eq!(tokio::join!(client.restore_session(&id, cwd()), act).0, Err(AcpError::NotFound));
    let act = async {
        let request = agent.hear_method("session/list").await;
        agent.answer(&request, json!({"sessions": [{"sessionId": "s1", "cwd": "/w"}]})).await;
        let request = agent.hear_method("session/load").await;
        agent.answer(&request, Value::Null).await;
        agent.knows_no_more().await;
        let request = agent.hear_method("session/set_config_option").await;
        agent.answer(&request, autopilot("off")).await;
    };
    assert!(tokio::join!(client.restore_session(&id, cwd()), act).0.is_ok());
}

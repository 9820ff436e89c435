use super::*;
use crate::acp::AcpError;
use crate::model::bounds;

#[tokio::test]
async fn the_handshake_offers_nothing_and_speaks_version_1() {
    let (client, mut agent) = connect(Dialect::Plain);
    let act = async {
        let request = agent.hear_method("initialize").await;
        assert_eq!((&request["params"]["protocolVersion"], &request["params"]["clientCapabilities"]), (&json!(1), &json!({})));
        let info = json!({"name": "Kiro CLI Agent", "version": "1.26.0"});
        agent.answer(&request, json!({"protocolVersion": 1, "agentInfo": info, "agentCapabilities": {"loadSession": true}})).await;
    };
    let info = tokio::join!(client.initialize(), act).0.unwrap();
    assert_eq!((info.name.as_str(), info.can_load, info.can_resume), ("Kiro CLI Agent", true, false));
}

#[tokio::test(start_paused = true)]
async fn every_request_has_an_end_and_a_late_answer_is_dropped() {
    let (client, mut agent) = connect(Dialect::Plain);
    assert_eq!(client.initialize().await, Err(AcpError::TimedOut { method: "initialize", limit: bounds::INITIALIZE }));
    let late = agent.hear().await;
    let timed_out = client.new_session(cwd()).await;
    assert_eq!(timed_out, Err(AcpError::TimedOut { method: "session/new", limit: bounds::REQUEST }));
    let later = agent.hear().await;
    agent.answer(&late, json!({"protocolVersion": 1})).await;
    agent.answer(&later, json!({"sessionId": "s0"})).await;
    assert_eq!(open(&client, &mut agent, json!({})).await.id, session());
}

#[tokio::test]
async fn what_an_agent_says_before_the_answer_to_a_new_session_is_not_lost() {
    let (client, mut agent) = connect(Dialect::Plain);
    let act = async {
        let request = agent.hear_method("session/new").await;
        agent.text("Welcome. ").await;
        agent.text(&"too long to wait".repeat(10_000)).await;
        agent.notify("session/update", json!({"sessionId": "other", "update": chunk("not yours")})).await;
        let commands = json!([{"name": "compact", "description": "d", "input": {"hint": "h"}}]);
        agent.update(json!({"sessionUpdate": "available_commands_update", "availableCommands": commands})).await;
        agent.answer(&request, json!({"sessionId": "s1"})).await;
        agent.text("Really. ").await;
    };
    tokio::join!(client.new_session(cwd()), act).0.unwrap();
    let (mut turn, request) = prompted(&client, &mut agent).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Text(text)) if text == "Welcome. "));
    let Some(TurnEvent::Commands(commands)) = turn.next().await else { panic!("no commands") };
    assert_eq!((commands[0].name.as_str(), commands[0].hint.as_deref()), ("compact", Some("h")));
    agent.text("Hi.").await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await, ("Really. Hi.".to_owned(), Ok(StopReason::EndTurn)));
}

/// Restores `s1`; before the answer and after it comes what was.
async fn restored(capabilities: Value, method: &str, result: Value) -> (Client, Agent, Opened) {
    let (client, mut agent) = connect(Dialect::Plain);
    handshake(&client, &mut agent, capabilities).await;
    let act = async {
        let request = agent.hear_method(method).await;
        assert_eq!(request["params"], json!({"sessionId": "s1", "cwd": "/w", "mcpServers": []}));
        agent.update(json!({"sessionUpdate": "user_message_chunk", "content": {"type": "text", "text": "old question"}})).await;
        agent.text("old answer").await;
        agent.answer(&request, result).await;
        agent.text("old straggler").await;
        agent.update(json!({"sessionUpdate": "tool_call", "toolCallId": "old", "title": "old"})).await;
        agent.update(json!({"sessionUpdate": "current_mode_update", "currentModeId": "planner"})).await;
        if method == "session/load" {
            agent.knows_no_more().await;
        }
    };
    let session = session();
    let opened = tokio::join!(client.restore_session(&session, cwd()), act).0.unwrap();
    (client, agent, opened)
}

#[tokio::test]
async fn a_replay_is_not_shown_neither_before_the_answer_nor_after_it() {
    for (capabilities, method) in [
        (json!({"loadSession": true}), "session/load"),
        (json!({"loadSession": true, "sessionCapabilities": {"resume": {}}}), "session/resume"),
    ] {
        let (client, mut agent, opened) = restored(capabilities, method, Value::Null).await;
        assert_eq!(opened, Opened { id: session(), models: None, modes: None });
        let (mut turn, request) = prompted(&client, &mut agent).await;
        agent.text("new answer").await;
        end(&mut agent, &request).await;
        assert!(matches!(turn.next().await, Some(TurnEvent::Mode(mode)) if mode == "planner"));
        assert!(matches!(turn.next().await, Some(TurnEvent::Text(text)) if text == "new answer"));
        assert_eq!(texts(&mut turn).await, (String::new(), Ok(StopReason::EndTurn)));
    }
}

#[tokio::test]
async fn a_session_that_cannot_be_restored_says_why() {
    let (client, mut agent) = connect(Dialect::Plain);
    handshake(&client, &mut agent, json!({})).await;
    let id = session();
    assert_eq!(client.restore_session(&id, cwd()).await, Err(AcpError::CannotRestore));

    for (error, wanted) in [
        (json!({"code": -32002, "message": "Resource not found"}), AcpError::NotFound),
        (json!({"code": -32000, "message": "Authentication required"}), AcpError::AuthRequired),
    ] {
        let (client, mut agent) = connect(Dialect::Plain);
        handshake(&client, &mut agent, json!({"loadSession": true})).await;
        let act = async {
            let request = agent.hear_method("session/load").await;
            agent.refuse(&request, error).await;
        };
        assert_eq!(tokio::join!(client.restore_session(&id, cwd()), act).0, Err(wanted));
        assert_eq!(client.prompt(&id, &says("x")).await.map(drop), Err(AcpError::NotOpen));
    }
}

#[tokio::test]
async fn a_new_session_without_an_id_is_an_error() {
    let (client, mut agent) = connect(Dialect::Plain);
    let act = async {
        let request = agent.hear().await;
        agent.answer(&request, json!({"sessionId": ""})).await;
    };
    let result = tokio::join!(client.new_session(cwd()), act).0;
    assert!(matches!(result, Err(AcpError::BadAnswer { method: "session/new", .. })), "{result:?}");
}

#[tokio::test]
async fn a_model_is_set_by_the_option_and_believed_only_when_the_answer_has_it() {
    let (client, mut agent) = connect(Dialect::Plain);
    let option = |current: &str| {
        let values = json!([{"value": "a", "name": "A"}, {"value": "b", "name": "B"}]);
        json!({"configOptions": [{"id": "m", "name": "Model", "category": "model", "type": "select", "currentValue": current, "options": values}]})
    };
    let models = open(&client, &mut agent, option("a")).await.models.unwrap();
    assert_eq!((models.current.as_str(), models.available[1].name.as_str()), ("a", "B"));
    let id = session();
    for (answer, is_taken) in [("b", true), ("a", false)] {
        let act = async {
            let request = agent.hear_method("session/set_config_option").await;
            assert_eq!(request["params"], json!({"sessionId": "s1", "configId": "m", "value": "b"}));
            agent.answer(&request, option(answer)).await;
        };
        let set = tokio::join!(client.set_model(&id, "b"), act).0;
        assert_eq!(set.is_ok(), is_taken, "{set:?}");
    }
    // What is not on offer is not even asked for: the next line that the agent hears would be it.
    assert!(matches!(client.set_model(&id, "z").await, Err(AcpError::NoSuchModel { offered, .. }) if offered == ["a", "b"]));
}

#[tokio::test]
async fn a_model_is_set_by_the_legacy_method_where_the_agent_has_the_legacy_block() {
    let (client, mut agent) = connect(Dialect::Plain);
    let block = json!({"models": {"currentModelId": "a", "availableModels": [{"modelId": "a", "name": "A"}, {"modelId": "b"}]}});
    open(&client, &mut agent, block).await;
    let act = async {
        let request = agent.hear_method("session/set_model").await;
        assert_eq!(request["params"], json!({"sessionId": "s1", "modelId": "b"}));
        agent.answer(&request, json!({})).await;
    };
    let id = session();
    assert_eq!(tokio::join!(client.set_model(&id, "b"), act).0, Ok(()));
}

#[tokio::test]
async fn an_agent_without_models_says_so() {
    let (client, _agent) = opened(Dialect::Plain).await;
    assert_eq!(client.set_model(&session(), "b").await, Err(AcpError::NoModels));
}

//! Modes and the agent's list of sessions.

use super::*;
use crate::acp::{AcpError, ListedSession, SessionPage};

fn modes() -> Value {
    let all = json!([{"id": "kiro_default", "name": "Default"}, {"id": "kiro_planner", "name": "Planner"}, {"id": "tg-acp", "name": "tg"}]);
    json!({"modes": {"currentModeId": "tg-acp", "availableModes": all}})
}

fn current(client: &Client) -> String {
    client.session_facts(&session()).unwrap().modes.unwrap().current
}

#[tokio::test]
async fn a_mode_is_set_by_its_method_and_known_at_once() {
    let (client, mut agent) = connect(Dialect::KiroV2);
    assert_eq!(open(&client, &mut agent, modes()).await.modes.unwrap().available.len(), 3);
    let act = async {
        let request = agent.hear_method("session/set_mode").await;
        assert_eq!(request["params"], json!({"sessionId": "s1", "modeId": "kiro_planner"}));
        agent.answer(&request, json!({})).await;
    };
    let id = session();
    assert_eq!(tokio::join!(client.set_mode(&id, "kiro_planner"), act).0, Ok(()));
    assert_eq!(current(&client), "kiro_planner");
    // The agent itself changes it back.
    agent.update(json!({"sessionUpdate": "current_mode_update", "currentModeId": "kiro_default"})).await;
    agent.caught_up().await;
    assert_eq!(current(&client), "kiro_default");
}

#[tokio::test]
async fn a_mode_that_is_not_on_offer_is_refused_with_what_is() {
    let (client, mut agent) = connect(Dialect::KiroV2);
    open(&client, &mut agent, modes()).await;
    let refused = client.set_mode(&session(), "bogus\u{1b}").await.unwrap_err();
    assert_eq!(refused.to_string(), "The agent does not offer the mode `bogus\\u{1b}`; it offers: kiro_default, kiro_planner, tg-acp.");
    assert!(!refused.spoils_runtime());
    let (client, _agent) = opened(Dialect::Plain).await;
    assert_eq!(client.set_mode(&session(), "x").await, Err(AcpError::NoModes));
    assert_eq!(client.set_mode(&"s2".parse().unwrap(), "x").await, Err(AcpError::NotOpen));
}

#[tokio::test]
async fn an_agent_that_answers_and_takes_another_mode_is_not_believed() {
    let (client, mut agent) = connect(Dialect::Plain);
    open(&client, &mut agent, modes()).await;
    let act = async {
        let request = agent.hear_method("session/set_mode").await;
        agent.update(json!({"sessionUpdate": "current_mode_update", "currentModeId": "kiro_default"})).await;
        agent.answer(&request, json!({})).await;
    };
    let id = session();
    let set = tokio::join!(client.set_mode(&id, "kiro_planner"), act).0;
    assert!(matches!(set, Err(AcpError::NoSuchMode { mode, .. }) if mode == "kiro_planner"));
    assert_eq!(current(&client), "kiro_default");
}

#[tokio::test]
async fn a_mode_that_is_an_option_is_set_as_one() {
    let (client, mut agent) = connect(Dialect::Plain);
    let option = |current: &str| {
        let values = json!([{"value": "ask", "name": "Ask"}, {"value": "code", "name": "Code"}]);
        json!({"configOptions": [{"id": "mode", "name": "Mode", "category": "mode", "type": "select", "currentValue": current, "options": values}]})
    };
    open(&client, &mut agent, option("ask")).await;
    let id = session();
    for (answer, is_taken) in [("code", true), ("ask", false)] {
        let act = async {
            let request = agent.hear_method("session/set_config_option").await;
            assert_eq!(request["params"], json!({"sessionId": "s1", "configId": "mode", "value": "code"}));
            agent.answer(&request, option(answer)).await;
        };
        let set = tokio::join!(client.set_mode(&id, "code"), act).0;
        assert_eq!((set.is_ok(), current(&client).as_str()), (is_taken, answer));
    }
}

/// A client whose agent lists sessions.
async fn lister() -> (Client, Agent) {
    let (client, mut agent) = connect(Dialect::KiroV3);
    handshake(&client, &mut agent, json!({"sessionCapabilities": {"list": {}}})).await;
    (client, agent)
}

#[tokio::test]
async fn the_list_has_the_sessions_of_one_directory_the_newest_first() {
    let (client, mut agent) = lister().await;
    let act = async {
        let request = agent.hear_method("session/list").await;
        assert_eq!(request["params"], json!({"cwd": "/w", "cursor": "c1"}));
        let sessions = json!([
            {"sessionId": "old", "cwd": "/w", "title": "Old\none", "updatedAt": "2026-01-01T00:00:00Z"},
            {"sessionId": "else", "cwd": "/w/else", "title": "of another"},
            {"sessionId": "bare", "cwd": "/w/", "title": null},
            {"sessionId": 7, "cwd": "/w"},
            {"sessionId": "new", "cwd": "/w", "title": " ", "updatedAt": "2026-01-01T01:00:00+00:00"},
        ]);
        agent.answer(&request, json!({"sessions": sessions, "nextCursor": "c2"})).await;
    };
    let page = tokio::join!(client.list_sessions(cwd(), Some("c1")), act).0.unwrap();
    let listed = |id: &str, title: Option<&str>, updated_at| ListedSession {
        id: id.parse().unwrap(),
        title: title.map(str::to_owned),
        updated_at,
        cwd: cwd().to_owned(),
    };
    let wanted =
        [listed("new", None, Some(1_767_229_200)), listed("old", Some("Old one"), Some(1_767_225_600)), listed("bare", None, None)];
    assert_eq!((page.sessions.as_slice(), page.next.as_deref()), (&wanted[..], Some("c2")));
}

#[tokio::test]
async fn pages_of_other_directories_are_passed_over_and_a_long_one_is_cut() {
    let (client, mut agent) = lister().await;
    let act = async {
        let request = agent.hear_method("session/list").await;
        agent.answer(&request, json!({"sessions": [{"sessionId": "x", "cwd": "/x"}], "nextCursor": "c2"})).await;
        let request = agent.hear_method("session/list").await;
        assert_eq!(request["params"]["cursor"], "c2");
        let all: Vec<Value> = (0..1000).map(|n| json!({"sessionId": n.to_string(), "cwd": "/w"})).collect();
        agent.answer(&request, json!({"sessions": all})).await;
    };
    let page = tokio::join!(client.list_sessions(cwd(), None), act).0.unwrap();
    assert_eq!((page.sessions.len(), page.next), (100, None));
}

#[tokio::test]
async fn an_endless_list_has_an_end_and_an_agent_without_one_says_so() {
    let (client, mut agent) = lister().await;
    let act = async {
        for _ in 0..10 {
            let request = agent.hear_method("session/list").await;
            agent.answer(&request, json!({"sessions": [], "nextCursor": "again"})).await;
        }
    };
    let page = tokio::join!(client.list_sessions(cwd(), None), act).0.unwrap();
    assert_eq!(page, SessionPage { sessions: Vec::new(), next: Some("again".to_owned()) });
    let (client, _agent) = connect(Dialect::KiroV2);
    assert_eq!(client.list_sessions(cwd(), None).await, Err(AcpError::NoList));
}

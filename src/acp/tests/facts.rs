//! What a prompt holds, what changes a tool call shows, and what is known of a session at any time.

use super::*;
use crate::acp::{AcpError, Facts};

#[tokio::test]
async fn a_prompt_holds_texts_pictures_and_links() {
    let (client, mut agent) = connect(Dialect::Plain);
    handshake(&client, &mut agent, json!({"promptCapabilities": {"image": true}})).await;
    assert!(client.info().takes_images);
    open(&client, &mut agent, json!({})).await;
    let link = |mime: Option<&str>, size| Block::Link {
        uri: "file:///w/a%20b.pdf".to_owned(),
        name: "a b.pdf".to_owned(),
        mime: mime.map(str::to_owned),
        size,
    };
    let image = Block::Image { mime: "image/png".to_owned(), data: b"\x89PNG\r\n".to_vec() };
    let (id, blocks) = (session(), [Block::text("look"), image, link(Some("application/pdf"), Some(7)), link(None, None)]);
    // Each line that the agent hears is held against the schema.
    let (turn, request) = tokio::join!(client.prompt(&id, &blocks), agent.hear_method("session/prompt"));
    assert!(turn.is_ok());
    let prompt = &request["params"]["prompt"];
    assert_eq!(prompt[1], json!({"type": "image", "mimeType": "image/png", "data": "iVBORw0K"}));
    assert_eq!(
        (&prompt[2]["type"], &prompt[2]["uri"], &prompt[2]["size"]),
        (&json!("resource_link"), &json!("file:///w/a%20b.pdf"), &json!(7))
    );
    assert_eq!((prompt.as_array().unwrap().len(), &request["params"]["sessionId"]), (4, &json!("s1")));
}

#[tokio::test]
async fn a_prompt_that_is_not_to_be_sent_leaves_the_session_free() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let image = [Block::Image { mime: "image/png".to_owned(), data: vec![1] }];
    assert_eq!(client.prompt(&session(), &image).await.map(drop), Err(AcpError::NoImages));
    let long = says(&"x".repeat(crate::model::bounds::ACP_LINE));
    let too_long = client.prompt(&session(), &long).await.map(drop).unwrap_err();
    assert!(matches!(too_long, AcpError::PromptTooLong { .. }) && !too_long.spoils_runtime());
    assert_eq!(too_long.to_string(), "The message with its files is longer than 8 MiB; send smaller pictures, or fewer at once.");
    prompted(&client, &mut agent).await;
}

fn edit(id: &str, content: Value) -> Value {
    json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": "Edit", "kind": "edit", "content": content, "rawInput": {"path": "a\u{1b}.txt"}})
}

fn diff(old: Option<&str>, new: &str) -> Value {
    json!({"type": "diff", "path": "a\u{1b}.txt", "oldText": old, "newText": new})
}

#[tokio::test]
async fn a_change_is_told_once_and_before_the_question_about_it() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    let text = json!({"type": "content", "content": {"type": "text", "text": "x"}});
    agent.update(edit("t", json!([text, diff(Some("one"), "two")]))).await;
    agent.update(edit("t", json!([diff(Some("one"), "two")]))).await;
    let tool = json!({"toolCallId": "t", "content": [diff(Some("one"), "two"), diff(None, "three")]});
    let options = json!([{"optionId": "a", "name": "Allow", "kind": "allow_once"}]);
    let params = json!({"sessionId": "s1", "toolCall": tool, "options": options});
    agent.say(json!({"jsonrpc": "2.0", "id": 1, "method": "session/request_permission", "params": params})).await;
    let mut seen = Vec::new();
    loop {
        match turn.next().await.unwrap() {
            TurnEvent::Tool(tool) => seen.push(format!("tool {}", tool.detail)),
            TurnEvent::Diff { tool, path, old, new } => seen.push(format!("{tool} {path} {old:?} {new}")),
            TurnEvent::Permission(request) => {
                assert!(request.select(0));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    let path = "a\\u{1b}.txt";
    assert_eq!(
        seen,
        [format!("tool {path}"), format!("t {path} Some(\"one\") two"), format!("tool {path}"), format!("t {path} None three")]
    );
    agent.hear().await;
    end(&mut agent, &request).await;
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
}

#[tokio::test]
async fn a_long_change_is_cut_and_says_so() {
    const MOST: usize = 256 * 1024;
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, _request) = prompted(&client, &mut agent).await;
    let act = agent.update(edit("t", json!([diff(Some(&"o".repeat(MOST)), &"n".repeat(MOST + 5))])));
    let read = async {
        assert!(matches!(turn.next().await, Some(TurnEvent::Tool(_))));
        turn.next().await
    };
    let Some(TurnEvent::Diff { old: Some(old), new, .. }) = tokio::join!(act, read).1 else { panic!("no change") };
    assert_eq!(old.len(), MOST);
    assert!(new.ends_with("n\n… (5 more bytes)") && new.len() < MOST + 50);
}

#[tokio::test]
async fn facts_are_known_without_a_turn_and_open_the_next_one() {
    let (client, mut agent) = opened(Dialect::KiroV2).await;
    assert_eq!(client.session_facts(&session()), Some(Facts::default()));
    assert_eq!(client.session_facts(&"s2".parse().unwrap()), None);
    let commands = json!([{"name": "web-search", "description": "d"}, {"name": "/compact", "description": "d"}]);
    agent.update(json!({"sessionUpdate": "available_commands_update", "availableCommands": commands})).await;
    agent.update(json!({"sessionUpdate": "session_info_update", "title": "Old"})).await;
    agent
        .update(json!({"sessionUpdate": "session_info_update", "title": " A\ntitle ", "_meta": {"kiro": {"contextUsagePercentage": 7.5}}}))
        .await;
    agent.update(json!({"sessionUpdate": "session_info_update", "title": null})).await;
    agent.update(json!({"sessionUpdate": "usage_update", "used": 5, "size": 10})).await;
    let metadata = json!({"sessionId": "s1", "meteringUsage": [{"value": 0.5, "unit": "credit"}], "turnDurationMs": 1200});
    agent.notify("_kiro.dev/metadata", metadata).await;
    agent.notify("_kiro.dev/compaction/status", json!({"sessionId": "s1", "status": {"type": "started"}})).await;
    agent.caught_up().await;

    let facts = client.session_facts(&session()).unwrap();
    let names: Vec<&str> = facts.commands.iter().map(|command| command.name.as_str()).collect();
    assert_eq!((names, facts.title.as_deref()), (vec!["web-search", "compact"], Some("A title")));
    let usage = facts.usage;
    assert_eq!((usage.used, usage.size, usage.percent, usage.turn_ms), (Some(5), Some(10), Some(7.5), Some(1200)));
    assert_eq!(usage.cost.as_ref().map(|cost| (cost.amount, cost.unit.as_str())), Some((0.5, "credit")));

    let (mut turn, request) = prompted(&client, &mut agent).await;
    end(&mut agent, &request).await;
    let mut seen = Vec::new();
    loop {
        match turn.next().await.unwrap() {
            TurnEvent::Commands(commands) => seen.push(format!("{} commands", commands.len())),
            TurnEvent::Title(title) => seen.push(title),
            TurnEvent::Usage(newer) => seen.push(format!("{}", newer == usage)),
            TurnEvent::Notice(text) => seen.push(text),
            TurnEvent::Ended(_) => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(seen, ["2 commands", "A title", "true", "The agent shortens the conversation's history: started."]);
}

#[tokio::test]
async fn facts_follow_what_a_turn_tells() {
    let (client, mut agent) = opened(Dialect::Plain).await;
    let (mut turn, request) = prompted(&client, &mut agent).await;
    agent.update(json!({"sessionUpdate": "session_info_update", "title": "In the turn"})).await;
    agent.update(json!({"sessionUpdate": "usage_update", "used": 6, "size": 10, "cost": {"amount": 0.5, "currency": "USD"}})).await;
    let option = json!([{"id": "mode", "name": "Mode", "type": "select", "currentValue": "b", "options": [{"value": "b", "name": "B"}]}]);
    agent.update(json!({"sessionUpdate": "config_option_update", "configOptions": option})).await;
    end(&mut agent, &request).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Title(title)) if title == "In the turn"));
    assert!(matches!(turn.next().await, Some(TurnEvent::Usage(usage)) if usage.used == Some(6)));
    assert!(matches!(turn.next().await, Some(TurnEvent::Mode(mode)) if mode == "b"));
    assert_eq!(texts(&mut turn).await.1, Ok(StopReason::EndTurn));
    let facts = client.session_facts(&session()).unwrap();
    assert_eq!((facts.title.as_deref(), facts.usage.used, facts.modes.unwrap().current.as_str()), (Some("In the turn"), Some(6), "b"));
    let (mut turn, request) = prompted(&client, &mut agent).await;
    end(&mut agent, &request).await;
    assert!(matches!(turn.next().await, Some(TurnEvent::Ended(_))), "what a turn told is not told again");
}

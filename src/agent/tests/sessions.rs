use super::*;

#[test]
fn it_calls_itself_a_demo_everywhere() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let id = client.ask("initialize", json!({"protocolVersion": 1, "clientCapabilities": {}}));
    let answer = client.hear_answer(id).1;
    assert!(answer["result"]["agentInfo"]["name"].as_str().unwrap().contains("demo"));
    let session = client.new_session(work.path());
    for text in ["help", "hello there", "count", "slow 1"] {
        let (answer, stop) = client.turn(&session, text);
        assert!(answer.contains("demo") && stop == "end_turn", "{text}: {answer}");
    }
    client.leave();
}

#[test]
fn an_answer_comes_in_chunks_and_is_the_text_that_was_asked_for() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let text = "one two three four five six seven eight nine ten";
    let id = client.prompt(&session, &format!("say {text}"));
    let (chunks, _) = client.hear_answer(id);
    assert!(chunks.len() > 1);
    assert_eq!(said(&chunks), text);
}

#[test]
fn a_session_comes_back_after_a_restart_with_its_memory() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    client.turn(&session, "say hello");
    client.leave();
    for (method, is_replayed) in [("session/load", true), ("session/resume", false)] {
        let mut client = Client::start(home.path());
        let id = client.ask(method, json!({"sessionId": session, "cwd": work.path(), "mcpServers": []}));
        let (replay, answer) = client.hear_answer(id);
        assert!(answer.get("error").is_none());
        let kinds: Vec<&str> = replay.iter().filter_map(|message| message["params"]["update"]["sessionUpdate"].as_str()).collect();
        let wanted: &[&str] = if is_replayed { &["user_message_chunk", "agent_message_chunk"] } else { &[] };
        assert_eq!(kinds, wanted, "{method}");
        client.leave();
    }
    let mut client = Client::start(home.path());
    let id = client.ask("session/resume", json!({"sessionId": session, "cwd": work.path(), "mcpServers": []}));
    client.hear_answer(id);
    assert!(client.turn(&session, "count").0.contains("message 2 "));
}

#[test]
fn what_cannot_be_done_is_refused_with_the_protocol_s_numbers() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let prompt = json!([{"type": "text", "text": "x"}]);
    for (method, params, code) in [
        ("session/load", json!({"sessionId": "demo-0123456789abcdef", "cwd": work.path(), "mcpServers": []}), -32002),
        ("session/load", json!({"sessionId": "../../../x", "cwd": work.path(), "mcpServers": []}), -32002),
        ("session/prompt", json!({"sessionId": "demo-0123456789abcdef", "prompt": prompt}), -32002),
        ("session/new", json!({"cwd": "not/absolute", "mcpServers": []}), -32602),
        ("session/set_mode", json!({"sessionId": "s", "modeId": "m"}), -32601),
        ("_any/extension", json!({}), -32601),
    ] {
        let id = client.ask(method, params);
        assert_eq!(client.hear_answer(id).1["error"]["code"], code, "{method}");
    }
    for garbage in ["not JSON", "[1,2]", "{}"] {
        client.say_raw(garbage);
        let answer: Value = serde_json::from_str(&client.hear_raw()).unwrap();
        assert_eq!((&answer["id"], &answer["error"]["code"]), (&Value::Null, &json!(-32700)), "{garbage}");
    }
    client.say_raw("");
    client.say(&json!({"jsonrpc": "2.0", "method": "_any/notification", "params": {}}));
    let session = client.new_session(work.path());
    assert_eq!(client.turn(&session, "say still here").0, "still here");
}

#[test]
fn a_cancellation_ends_the_turn_and_a_prompt_that_waits_for_it() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let (one, two) = (client.new_session(work.path()), client.new_session(work.path()));
    let slow = client.prompt(&one, "slow 600");
    assert_eq!(said(&[client.hear()]), "1 ");
    let waiting = client.prompt(&two, "say hello");
    client.cancel(&two);
    assert_eq!(client.hear_answer(waiting).1["result"]["stopReason"], "cancelled");
    client.cancel(&one);
    assert_eq!(client.hear_answer(slow).1["result"]["stopReason"], "cancelled");
    // One that comes too late is nobody's.
    client.cancel(&one);
    assert_eq!(client.turn(&one, "say again"), ("again".to_owned(), "end_turn".to_owned()));
}

#[test]
fn requests_during_a_turn_are_answered_after_it_and_bounded() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let slow = client.prompt(&session, "slow 600");
    let extensions: Vec<i64> = (0..70).map(|_| client.ask("_any/extension", json!({}))).collect();
    // The last six find no room any more, and are refused at once.
    for id in &extensions[64..] {
        assert_eq!(client.hear_answer(*id).1["error"]["code"], -32603);
    }
    client.cancel(&session);
    client.hear_answer(slow);
    for id in &extensions[..64] {
        assert_eq!(client.hear_answer(*id).1["error"]["code"], -32601);
    }
}

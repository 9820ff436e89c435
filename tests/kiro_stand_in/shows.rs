//! What the scripted kiro-cli shows, makes and is given, beyond words and questions.

use super::*;

/// Panics where an update is none by ACP's schema.
fn judge(updates: &[Value]) {
    let schema: Value = serde_json::from_str(include_str!("../schema/acp/schema.json")).unwrap();
    let schema =
        json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": schema["$defs"], "$ref": "#/$defs/SessionUpdate"});
    let validator = jsonschema::validator_for(&schema).unwrap();
    for update in updates {
        assert!(validator.is_valid(update), "{update}");
    }
}

fn all_updates(client: &Client) -> Vec<Value> {
    let updates = client.seen.iter().filter(|message| message["method"] == "session/update");
    updates.map(|message| message["params"]["update"].clone()).collect()
}

#[test]
fn it_shows_plans_steps_changes_usage_titles_and_modes_by_the_schema() {
    let place = Place::new("{}");
    for mut client in [place.v2(), place.v3()] {
        let session = client.new_session(&place);
        let script = "think hm\nplan look; do\necho one\nstep execute ls -l\necho two \nedit a.txt 2\nusage 5 10\nmetadata 7.5 0.25 1200\n\
                      title A title\nswitch mode kiro_planner\necho three";
        let (said, response) = client.turn(&session, script);
        assert_eq!((said.as_str(), response.unwrap()["stopReason"].as_str()), ("onetwothree", Some("end_turn")));
        judge(&all_updates(&client));
        let statuses: Vec<Vec<String>> = client
            .updates("plan")
            .iter()
            .map(|plan| plan["entries"].as_array().unwrap().iter().map(|entry| entry["status"].as_str().unwrap().to_owned()).collect())
            .collect();
        assert_eq!(
            statuses,
            [["pending", "pending"], ["in_progress", "pending"], ["completed", "in_progress"], ["completed", "completed"]]
        );
        let calls = client.updates("tool_call");
        assert_eq!((calls[0]["title"].as_str(), calls[0]["kind"].as_str()), (Some("ls -l"), Some("execute")));
        assert_eq!(calls[1]["content"][0]["newText"].as_str().map(|new| new.lines().count()), Some(2));
        assert_eq!(client.updates("usage_update")[0]["used"], 5);
        assert_eq!(client.updates("current_mode_update")[0]["currentModeId"], "kiro_planner");
        assert!(client.updates("session_info_update").iter().any(|update| update["title"] == "A title"));
    }
    let mut client = place.v2();
    let session = client.new_session(&place);
    client.call("session/set_mode", json!({"sessionId": session, "modeId": "kiro_planner"})).unwrap();
    assert_eq!(client.turn(&session, "mode").0, "kiro_planner");
    client.turn(&session, "metadata 7.5 0.25 1200").1.unwrap();
    let metadata = client.seen.iter().find(|message| message["method"] == "_kiro.dev/metadata").unwrap();
    assert_eq!((&metadata["params"]["contextUsagePercentage"], &metadata["params"]["turnDurationMs"]), (&json!(7.5), &json!(1200)));
    client.turn(&session, "edit a.txt 20000").1.unwrap();
    let change = &client.updates("tool_call")[0]["content"][0];
    assert_eq!(change["oldText"].as_str().map(|old| old.lines().count()), Some(2));
    assert!(change["newText"].as_str().unwrap().len() > 200_000);
}

#[test]
fn it_says_an_answer_in_just_the_chunks_that_are_asked_for() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    assert_eq!(client.turn(&session, r#"chunks 3 <send_file path="ä">\nx"#).0, "<send_file path=\"ä\">\nx");
    let lengths: Vec<usize> =
        client.updates("agent_message_chunk").iter().map(|update| update["content"]["text"].as_str().unwrap().chars().count()).collect();
    assert_eq!(lengths, [3, 3, 3, 3, 3, 3, 3, 1]);
    assert_eq!(client.turn(&session, "long 50000").0.len(), 50_000);
    client.turn(&session, "stream 2000").1.unwrap();
    assert_eq!(client.updates("agent_message_chunk").len(), 2000);
}

#[test]
fn it_offers_commands_and_runs_those_that_it_offers() {
    let place = Place::new("{}");
    for mut client in [place.v2(), place.v3()] {
        let session = client.new_session(&place);
        let offered = client.seen.iter().any(|message| message.to_string().contains("Web-Search"));
        assert!(offered, "{:?}", client.seen);
        assert_eq!(client.turn(&session, "/Web-Search what is it").0, "ran Web-Search what is it");
        assert_eq!(client.turn(&session, "/web_search what is it").0, "You said: /web_search what is it");
        client.turn(&session, "commands plan-it").1.unwrap();
        judge(&all_updates(&client));
        assert!(client.seen.iter().any(|message| message.to_string().contains("plan-it")));
        assert_eq!(
            (client.turn(&session, "/plan-it").0, client.turn(&session, "/compact").0),
            ("ran plan-it".into(), "You said: /compact".into())
        );
    }
}

/// A turn whose prompt has these blocks behind its text.
fn turn_with(client: &mut Client, session: &str, text: &str, blocks: &[Value]) -> String {
    client.seen.clear();
    let prompt = [&[json!({"type": "text", "text": text})], blocks].concat();
    client.call("session/prompt", json!({"sessionId": session, "prompt": prompt})).unwrap();
    client.said()
}

#[test]
fn it_tells_what_was_attached_and_takes_nothing_that_it_does_not_offer_to() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    let image = json!({"type": "image", "mimeType": "image/png", "data": "iVBORw0K"});
    let link = json!({"type": "resource_link", "uri": "file:///w/a.pdf", "name": "a.pdf", "size": 7});
    let told = turn_with(&mut client, &session, "attached", &[image.clone(), link]);
    assert_eq!(told, "image image/png 6 bytes\nlink a.pdf file:///w/a.pdf 7 bytes -");
    assert_eq!(turn_with(&mut client, &session, "whole prompt", &[image]), "whole prompt\nimage image/png 6 bytes");
    for refused in [
        json!({"type": "image", "mimeType": "image/png", "data": "not base64!"}),
        json!({"type": "audio", "mimeType": "audio/ogg", "data": "iVBORw0K"}),
        json!({"type": "resource", "resource": {"uri": "file:///w/a", "text": "x"}}),
        json!({"type": "resource_link", "uri": "a b.pdf", "name": "a"}),
    ] {
        let mut client = place.v2();
        let session = client.new_session(&place);
        client.request("session/prompt", json!({"sessionId": session, "prompt": [refused]}));
        client.request("session/new", place.open());
        assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout));
    }
}

#[test]
fn it_makes_files_of_every_kind() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    let script =
        "make bytes 60000000 out/big.bin\nmake png 300 200 p.png\nmake hex 4f67675300 v.ogg\nmake link /etc/passwd l\nmake hex 00 l/x";
    let said = client.turn(&session, script).0;
    assert!(said.starts_with("mademademademadeerror: "), "{said}");
    assert_eq!(std::fs::metadata(place.path("work/out/big.bin")).unwrap().len(), 60_000_000);
    let png = std::fs::read(place.path("work/p.png")).unwrap();
    assert_eq!((&png[..8], &png[16..24]), (&b"\x89PNG\r\n\x1a\n"[..], &[0, 0, 1, 44, 0, 0, 0, 200][..]));
    assert_eq!(std::fs::read(place.path("work/v.ogg")).unwrap(), b"OggS\0");
    let link = std::fs::symlink_metadata(place.path("work/l")).unwrap().file_type();
    assert!(link.is_symlink());
}

#[test]
fn v3_lists_its_sessions_by_directory_and_pages_with_titles_and_times() {
    let place = Place::new(r#"{"list_page":2}"#);
    let mut client = place.v3();
    let sessions: Vec<String> = (0..3).map(|_| client.new_session(&place)).collect();
    for (number, session) in sessions.iter().enumerate() {
        client.turn(session, &format!("echo number {number}")).1.unwrap();
    }
    client.turn(&sessions[2], "title The last").1.unwrap();
    let mut list = |params: Value| client.call("session/list", params);
    let first = list(json!({"cwd": place.path("work")})).unwrap();
    let titles = |page: &Value| {
        let all = page["sessions"].as_array().unwrap().iter();
        all.map(|session| session["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(titles(&first).len(), 2);
    let time = first["sessions"][0]["updatedAt"].as_str().unwrap();
    assert!(time.len() == 24 && time.starts_with("20") && time.ends_with('Z'), "{time}");
    let rest = list(json!({"cwd": place.path("work"), "cursor": first["nextCursor"]})).unwrap();
    let all: BTreeSet<String> = [titles(&first), titles(&rest)].concat().into_iter().collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), ["The last", "echo number 0", "echo number 1"]);
    assert_eq!(rest["nextCursor"], Value::Null);
    assert_eq!(list(json!({"cwd": "/"})).unwrap()["sessions"], json!([]));
    assert_eq!(list(json!({"cursor": "bogus"})).unwrap_err()["code"], -32602);
}

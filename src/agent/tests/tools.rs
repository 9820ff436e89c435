use std::io::Read as _;
use std::process::Command;

use super::*;

/// The statuses of tool calls in these messages.
fn statuses(messages: &[Value]) -> Vec<String> {
    let updates = messages.iter().map(|message| &message["params"]["update"]);
    updates.filter_map(|update| update["status"].as_str()).map(str::to_owned).collect()
}

#[test]
fn a_command_runs_only_when_it_was_allowed() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let id = client.prompt(&session, "run echo out; echo err >&2; touch done");
    let (before, request) = client.asked();
    assert_eq!(statuses(&before), ["pending"]);
    let call = &request["params"]["toolCall"];
    assert_eq!((&call["kind"], &call["rawInput"]["command"]), (&json!("execute"), &json!("echo out; echo err >&2; touch done")));
    assert!(!work.path().join("done").exists());
    client.choose(&request, "once");
    let (after, answer) = client.hear_answer(id);
    assert_eq!(statuses(&after), ["in_progress", "completed"]);
    assert_eq!(said(&after), "```\nout\nerr\n```\n\nExit status 0.");
    assert_eq!(answer["result"]["stopReason"], "end_turn");
    assert!(work.path().join("done").exists());
}

#[test]
fn a_rejection_is_heeded_and_the_turn_goes_on() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    for (answer, stop) in [
        (json!({"result": {"outcome": {"outcome": "selected", "optionId": "no"}}}), "end_turn"),
        (json!({"error": {"code": -32603, "message": "no"}}), "end_turn"),
        (json!({"result": {"outcome": {"outcome": "cancelled"}}}), "cancelled"),
    ] {
        let id = client.prompt(&session, "run touch done");
        let request = client.asked().1;
        let mut answer = answer.clone();
        answer["jsonrpc"] = json!("2.0");
        answer["id"] = request["id"].clone();
        client.say(&answer);
        let (after, end) = client.hear_answer(id);
        assert_eq!((statuses(&after), end["result"]["stopReason"].as_str()), (vec!["failed".to_owned()], Some(stop)));
    }
    assert!(!work.path().join("done").exists());
}

#[test]
fn always_is_not_asked_again_in_the_session_and_holds_for_that_kind_alone() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let (session, other) = (client.new_session(work.path()), client.new_session(work.path()));
    let id = client.prompt(&session, "run true");
    let request = client.asked().1;
    client.choose(&request, "always");
    client.hear_answer(id);
    assert!(client.turn(&session, "run exit 3").0.contains("Exit status 3."));
    for (session, text) in [(&session, "write a.txt x"), (&other, "run true")] {
        let id = client.prompt(session, text);
        let request = client.asked().1;
        client.choose(&request, "no");
        client.hear_answer(id);
    }
}

#[test]
fn a_flood_of_output_is_cut_and_the_command_still_ends() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let id = client.prompt(&session, "run head -c 1000000 /dev/zero | tr '\\0' x");
    let request = client.asked().1;
    client.choose(&request, "once");
    let text = said(&client.hear_answer(id).0);
    assert!(text.len() < 70_000, "{}", text.len());
    assert!(text.ends_with("Exit status 0. 934464 more bytes of its output are not shown."));
}

/// A command that says `started` into a pipe, and the pipe: it ends when every process of the command has ended.
fn endless(work: &Path) -> (String, impl FnOnce() -> std::fs::File) {
    let fifo = work.join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let command = "run exec 9>fifo; echo started >&9; sleep 1000 & sleep 1000".to_owned();
    (command, move || {
        let mut pipe = std::fs::File::open(fifo).unwrap();
        let mut started = [0; 8];
        pipe.read_exact(&mut started).unwrap();
        assert_eq!(&started, b"started\n");
        pipe
    })
}

#[test]
fn a_cancellation_ends_a_command_with_all_its_processes() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let (command, started) = endless(work.path());
    let id = client.prompt(&session, &command);
    let request = client.asked().1;
    client.choose(&request, "once");
    let mut pipe = started();
    client.cancel(&session);
    let (after, answer) = client.hear_answer(id);
    assert_eq!(statuses(&after), ["in_progress", "failed"]);
    assert_eq!(answer["result"]["stopReason"], "cancelled");
    assert_eq!(pipe.read(&mut [0]).unwrap(), 0, "somebody still runs");
}

#[test]
fn a_client_that_leaves_takes_the_command_with_it() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let (command, started) = endless(work.path());
    client.prompt(&session, &command);
    let request = client.asked().1;
    client.choose(&request, "once");
    let mut pipe = started();
    client.leave();
    assert_eq!(pipe.read(&mut [0]).unwrap(), 0, "somebody still runs");
}

#[test]
fn a_file_is_written_with_its_diff_and_never_outside() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    for (old, text) in [(Value::Null, "one two"), (json!("one two"), "three")] {
        let id = client.prompt(&session, &format!("write notes/a.txt {text}"));
        let (before, request) = client.asked();
        let diff = &before[0]["params"]["update"]["content"][0];
        assert_eq!((&diff["oldText"], &diff["newText"]), (&old, &json!(text)));
        client.choose(&request, "once");
        client.hear_answer(id);
        assert_eq!(std::fs::read_to_string(work.path().join("notes/a.txt")).unwrap(), text);
    }
    assert!(client.turn(&session, "write ../outside.txt x").0.contains("not a path below your workspace"));
    assert!(!work.path().parent().unwrap().join("outside.txt").exists());
}

#[test]
fn files_that_come_are_named_and_files_are_sent_on_request() {
    let (home, work) = places();
    let mut client = Client::start(home.path());
    let session = client.new_session(work.path());
    let link = json!({"type": "resource_link", "uri": "file:///w/a.pdf", "name": "a.pdf"});
    let mut turn = |prompt: Value| {
        let id = client.ask("session/prompt", json!({"sessionId": session, "prompt": prompt}));
        said(&client.hear_answer(id).0)
    };
    let alone = turn(json!([link]));
    assert!(alone.contains("- a.pdf\n") && !alone.contains("repeat"), "{alone}");
    let both = turn(json!([{"type": "text", "text": "count"}, link]));
    assert!(both.contains("- a.pdf\n") && both.contains("message 2 "), "{both}");
    let sent = turn(json!([{"type": "text", "text": "/send notes/a.txt"}]));
    assert!(
        sent.ends_with(&format!("<send_file path=\"{}/notes/a.txt\">from the demo agent</send_file>", work.path().display())),
        "{sent}"
    );
    client.leave();
}

//! Tool calls: announced, asked for, done, reported.

use std::sync::mpsc::Receiver;

use serde_json::{Value, json};

use crate::args::Engine;
use crate::deeds;
use crate::switches::Switches;
use crate::turn::{Done, End, Turn};
use crate::wire::{lock, uuid};

/// What the client decided.
enum Verdict {
    Allowed,
    Rejected,
}

/// A call as it is announced.
struct Call {
    id: String,
    kind: String,
    title: String,
    input: Value,
    content: Value,
}

pub(crate) fn tool(turn: &mut Turn<'_>, kind: &str, what: &str) -> Done {
    let (title, input) = match kind {
        "read" => (format!("Reading {what}"), json!({"path": what})),
        "execute" => (format!("Running: {what}"), json!({"command": what})),
        "delete" => (format!("Deleting {what}"), json!({"path": what})),
        _ => (format!("Using {kind}: {what}"), json!({"input": what})),
    };
    let call = Call { id: call_id(), kind: kind.to_owned(), title, input, content: json!([]) };
    let path = turn.path(what);
    let cwd = turn.live.cwd.clone();
    perform(turn, &call, || match kind {
        "read" => (true, deeds::cat(&path)),
        "execute" => deeds::run(what, &cwd),
        "delete" => match std::fs::remove_file(&path) {
            Ok(()) => (true, "deleted".into()),
            Err(error) => (false, error.to_string()),
        },
        _ => (true, format!("did {what}")),
    })
}

pub(crate) fn write(turn: &mut Turn<'_>, file: &str, text: &str) -> Done {
    let path = turn.path(file);
    let old = std::fs::read_to_string(&path).ok();
    let call = Call {
        id: call_id(),
        kind: "edit".into(),
        title: format!("Creating {file}"),
        input: json!({"command": "create", "path": file, "content": text}),
        content: json!([{"type": "diff", "path": file, "oldText": old, "newText": text}]),
    };
    perform(turn, &call, || match std::fs::write(&path, text) {
        Ok(()) => (true, String::new()),
        Err(error) => (false, error.to_string()),
    })
}

pub(crate) fn call_id() -> String {
    format!("tooluse_{}", &uuid()[..8])
}

/// Announces, asks, acts and reports.
fn perform(turn: &mut Turn<'_>, call: &Call, act: impl FnOnce() -> (bool, String)) -> Done {
    let announce = |turn: &Turn<'_>| {
        turn.update(json!({
            "sessionUpdate": "tool_call", "toolCallId": call.id, "title": call.title, "kind": call.kind,
            "content": call.content, "rawInput": call.input,
        }));
    };
    let permission_first = Switches::read().permission_first;
    if !permission_first {
        announce(turn);
    }
    let verdict = if runs_unasked(turn, &call.kind) { Verdict::Allowed } else { permission(turn, call)? };
    if permission_first {
        announce(turn);
    }
    let (ok, output) = match verdict {
        Verdict::Allowed => act(),
        Verdict::Rejected => (false, "the person rejected it".to_owned()),
    };
    let status = if ok { "completed" } else { "failed" };
    turn.update(json!({
        "sessionUpdate": "tool_call_update", "toolCallId": call.id, "kind": call.kind, "status": status,
        "title": call.title, "rawOutput": {"items": [{"Text": output}]},
    }));
    if Switches::read().tells {
        turn.say(&format!("{status}: {output}"));
    }
    Ok(())
}

fn runs_unasked(turn: &Turn<'_>, kind: &str) -> bool {
    let launch = &turn.shared.launch;
    launch.trust_all
        || launch.engine == Engine::V3 && lock(&turn.live.settings).autopilot
        || lock(&turn.live.agent).allows(kind)
        || lock(&turn.live.always).iter().any(|always| always == kind)
}

fn permission(turn: &Turn<'_>, call: &Call) -> Result<Verdict, End> {
    let answer = request(turn, call, &["allow_once", "allow_always", "reject_once"]);
    match chosen(turn, &answer)?.as_deref() {
        Some("allow-once") => Ok(Verdict::Allowed),
        Some("allow-always") => {
            lock(&turn.live.always).push(call.kind.clone());
            Ok(Verdict::Allowed)
        }
        _ => Ok(Verdict::Rejected),
    }
}

/// Asks with options of the given kinds. The option's id is its kind with dashes, as the real one's is.
fn request(turn: &Turn<'_>, call: &Call, kinds: &[&str]) -> Receiver<Value> {
    let name = |kind: &str| match kind {
        "allow_once" => "Allow once".to_owned(),
        "allow_always" => "Always allow".to_owned(),
        "reject_once" => "Reject".to_owned(),
        other => other.to_owned(),
    };
    let options: Vec<Value> =
        kinds.iter().map(|kind| json!({"optionId": kind.replace('_', "-"), "name": name(kind), "kind": kind})).collect();
    // v2 names the call and nothing of it; what it is stands in the update.
    let tool_call = match turn.shared.launch.engine {
        Engine::V2 => json!({"toolCallId": call.id}),
        Engine::V3 => json!({"toolCallId": call.id, "title": call.title, "kind": call.kind, "rawInput": call.input}),
    };
    let params = json!({"sessionId": turn.live.id, "toolCall": tool_call, "options": options});
    turn.shared.wire.request("session/request_permission", params)
}

/// Waits for the answer, for ever, and takes it: the chosen option; `None` for whatever is not of the schema's form,
/// which counts as a rejection. `cancelled` ends the turn, as does a cancellation that came meanwhile.
fn chosen(turn: &Turn<'_>, answer: &Receiver<Value>) -> Result<Option<String>, End> {
    let answer = answer.recv().unwrap_or_default();
    turn.go_on()?;
    let outcome = &answer["result"]["outcome"];
    match outcome["outcome"].as_str() {
        Some("cancelled") => Err(End::Stop("cancelled".into())),
        Some("selected") => Ok(outcome["optionId"].as_str().map(str::to_owned)),
        _ => Ok(None),
    }
}

fn other_call(title: &str) -> Call {
    Call { id: call_id(), kind: "other".into(), title: title.into(), input: json!({}), content: json!([]) }
}

pub(crate) fn ask(turn: &mut Turn<'_>, kinds: &[String]) -> Done {
    let call = other_call("Asking");
    turn.update(json!({"sessionUpdate": "tool_call", "toolCallId": call.id, "title": call.title, "kind": call.kind}));
    let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
    let answer = request(turn, &call, &kinds);
    let chosen = chosen(turn, &answer)?.unwrap_or_else(|| "no outcome".into());
    turn.say(&format!("answer: {chosen}"));
    Ok(())
}

pub(crate) fn ask_both(turn: &mut Turn<'_>) -> Done {
    let calls = [other_call("Asking one"), other_call("Asking two")];
    let kinds = ["allow_once", "allow_always", "reject_once"];
    for call in &calls {
        turn.update(json!({"sessionUpdate": "tool_call", "toolCallId": call.id, "title": call.title, "kind": call.kind}));
    }
    let answers = calls.each_ref().map(|call| request(turn, call, &kinds));
    // Both are awaited before either counts: a turn whose second request stays open must not end.
    let answers = answers.map(|answer| answer.recv().unwrap_or_default());
    turn.go_on()?;
    let outcomes = answers.map(|answer| answer["result"]["outcome"].clone());
    if outcomes.iter().any(|outcome| outcome["outcome"] == "cancelled") {
        return Err(End::Stop("cancelled".into()));
    }
    let chosen = outcomes.map(|outcome| outcome["optionId"].as_str().unwrap_or("no outcome").to_owned());
    turn.say(&format!("answers: {}", chosen.join(" ")));
    Ok(())
}

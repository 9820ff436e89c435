//! What an agent shows besides its words: plans, steps, changes, what it used, what it is called and can be told to do.

use serde_json::{Value, json};

use crate::args::Engine;
use crate::deeds;
use crate::dialect;
use crate::tools::call_id;
use crate::turn::{Done, Turn};
use crate::wire::lock;

/// Something to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Show {
    /// A plan of these entries, from its beginning to its end.
    Plan(Vec<String>),
    /// A tool call that needs nobody's permission and does nothing.
    Step { kind: String, title: String },
    /// A change of a file that needs nobody's permission.
    Edit { file: String, lines: usize },
    /// ACP's usage: tokens in the context, and its size.
    Usage { used: u64, size: u64 },
    /// Kiro's usage: percent of the context, credits, and the turn's milliseconds, as JSON numbers.
    Metadata { percent: String, credits: String, ms: u64 },
    /// The agent's commands from now on.
    Commands(Vec<String>),
    /// The session's title.
    Title(String),
    /// The agent goes over to another mode by itself.
    Mode(String),
}

pub(crate) fn show(turn: &mut Turn<'_>, show: Show) -> Done {
    match show {
        Show::Plan(entries) => plan(turn, &entries)?,
        Show::Step { kind, title } => step(turn, &kind, &title),
        Show::Edit { file, lines } => edit(turn, &file, lines),
        Show::Usage { used, size } => turn.update(json!({"sessionUpdate": "usage_update", "used": used, "size": size})),
        Show::Metadata { percent, credits, ms } => metadata(turn, &percent, &credits, ms),
        Show::Commands(names) => {
            let (method, params) = dialect::commands(turn.shared.launch.engine, &turn.live.id, &names);
            lock(&turn.live.settings).commands = names;
            turn.shared.wire.notify(method, params);
        }
        Show::Title(title) => {
            turn.update(json!({"sessionUpdate": "session_info_update", "title": title}));
            turn.shared.sessions.set_title(&turn.live.id, &title);
        }
        Show::Mode(mode) => {
            if crate::server::choose_agent(turn.shared, turn.live, &mode) {
                turn.update(json!({"sessionUpdate": "current_mode_update", "currentModeId": mode}));
            }
        }
    }
    Ok(())
}

/// Once as it is made, then once as each entry begins, and once when all are done.
fn plan(turn: &Turn<'_>, entries: &[String]) -> Done {
    let at = |now: Option<usize>| {
        let status = |number| match now {
            Some(now) if number < now => "completed",
            Some(now) if number == now => "in_progress",
            _ => "pending",
        };
        let entry = |(number, text): (usize, &String)| json!({"content": text, "priority": "medium", "status": status(number)});
        json!({"sessionUpdate": "plan", "entries": entries.iter().enumerate().map(entry).collect::<Vec<_>>()})
    };
    turn.update(at(None));
    for now in 0..=entries.len() {
        turn.go_on()?;
        turn.update(at(Some(now)));
    }
    Ok(())
}

fn step(turn: &Turn<'_>, kind: &str, title: &str) {
    let id = call_id();
    let input = json!({"command": title, "path": title});
    turn.update(json!({"sessionUpdate": "tool_call", "toolCallId": id, "title": title, "kind": kind, "rawInput": input}));
    for status in ["in_progress", "completed"] {
        turn.update(json!({"sessionUpdate": "tool_call_update", "toolCallId": id, "kind": kind, "status": status, "title": title}));
    }
}

/// The file gets this many lines, which count on from those that it had.
fn edit(turn: &Turn<'_>, file: &str, lines: usize) {
    let (id, path, title) = (call_id(), turn.path(file), format!("Editing {file}"));
    let old = std::fs::read_to_string(&path).ok();
    let from = old.as_deref().map_or(0, |old| old.lines().count());
    let new: String = (from + 1..=from + lines).map(|number| format!("line {number}\n")).collect();
    let outcome = deeds::put(&path, &new);
    let status = if outcome == "written" { "completed" } else { "failed" };
    turn.update(json!({
        "sessionUpdate": "tool_call", "toolCallId": id, "title": title, "kind": "edit",
        "content": [{"type": "diff", "path": file, "oldText": old, "newText": new}],
        "rawInput": {"command": "create", "path": file, "content": new},
    }));
    turn.update(json!({
        "sessionUpdate": "tool_call_update", "toolCallId": id, "kind": "edit", "status": status, "title": title,
        "rawOutput": {"items": [{"Text": outcome}]},
    }));
}

fn metadata(turn: &Turn<'_>, percent: &str, credits: &str, ms: u64) {
    let number = |text: &str| serde_json::from_str::<Value>(text).ok().filter(Value::is_number).unwrap_or_else(|| json!(0));
    match turn.shared.launch.engine {
        Engine::V2 => {
            let usage = json!([{"value": number(credits), "unit": "credit"}]);
            let params =
                json!({"sessionId": turn.live.id, "contextUsagePercentage": number(percent), "meteringUsage": usage, "turnDurationMs": ms});
            turn.shared.wire.notify("_kiro.dev/metadata", params);
        }
        Engine::V3 => {
            let kiro = json!({"kind": "context_usage", "contextUsagePercentage": number(percent)});
            turn.update(json!({"sessionUpdate": "session_info_update", "_meta": {"kiro": kiro}}));
        }
    }
}

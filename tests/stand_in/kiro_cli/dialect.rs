//! The JSON in which the two engines differ.

use serde_json::{Value, json};

use crate::args::Engine;
use crate::server::Settings;
use crate::switches::Switches;

/// The models that both engines offer.
pub(crate) const MODELS: [&str; 4] = ["auto", "claude-sonnet-4", "claude-opus-4.5", "claude-haiku-4.5"];

/// The commands that both engines offer: one plain, one that no menu takes as it is.
pub(crate) const COMMANDS: [&str; 2] = ["compact", "Web-Search"];

pub(crate) fn initialized(engine: Engine, version: &str) -> Value {
    let mut result = json!({
        "protocolVersion": 1,
        "agentCapabilities": {
            "loadSession": true,
            "promptCapabilities": {"image": true, "audio": false, "embeddedContext": false},
            "mcpCapabilities": {"http": true, "sse": false},
        },
        "authMethods": [],
        "agentInfo": {"name": "Kiro CLI Agent", "version": version},
    });
    if engine == Engine::V3 {
        result["agentCapabilities"]["sessionCapabilities"] = json!({"list": {}});
        result["agentInfo"]["name"] = json!("Kiro");
    }
    result
}

/// What `session/new` and `session/load` add of the session's settings.
pub(crate) fn session_blocks(engine: Engine, settings: &Settings, agents: &[String]) -> Value {
    match engine {
        Engine::V2 => json!({
            "modes": {
                "currentModeId": settings.mode,
                "availableModes": agents.iter().map(|name| json!({"id": name, "name": name})).collect::<Vec<_>>(),
            },
            "models": {
                "currentModelId": settings.model,
                "availableModels": MODELS.map(|model| json!({"modelId": model, "name": model})),
            },
        }),
        Engine::V3 => json!({"configOptions": config_options(settings, agents)}),
    }
}

pub(crate) fn config_options(settings: &Settings, agents: &[String]) -> Value {
    let select = |id: &str, name: &str, category: Value, current: &str, values: Vec<&str>| {
        let options: Vec<Value> = values.iter().map(|value| json!({"value": value, "name": value})).collect();
        json!({"id": id, "name": name, "category": category, "type": "select", "currentValue": current, "options": options})
    };
    let autopilot = if settings.autopilot { "on" } else { "off" };
    json!([
        select("mode", "Mode", json!("mode"), &settings.mode, agents.iter().map(String::as_str).collect()),
        select("model", "Model", json!("model"), &settings.model, MODELS.to_vec()),
        select("autopilot", "Autopilot", Value::Null, autopilot, vec!["on", "off"]),
    ])
}

/// Takes a v3 option. What is not offered is silently coerced: to the default for `autopilot`, else to what was.
pub(crate) fn set_config_option(settings: &mut Settings, agents: &[String], id: &str, value: &str) {
    match id {
        "mode" if agents.iter().any(|name| name == value) => settings.mode = value.to_owned(),
        "model" if MODELS.contains(&value) => settings.model = value.to_owned(),
        "autopilot" => settings.autopilot = value != "off" || Switches::read().autopilot_sticks,
        _ => {}
    }
}

/// The notifications that come at any time, about a session's servers and commands.
pub(crate) fn servers_started(engine: Engine, session: &str) -> Vec<(&'static str, Value)> {
    match engine {
        Engine::V2 => vec![
            ("_kiro.dev/mcp/server_initialized", json!({"sessionId": session, "serverName": "builtin"})),
            commands(engine, session, &COMMANDS),
        ],
        Engine::V3 => vec![("_kiro/mcp/status", json!({"sessionId": session, "servers": []})), commands(engine, session, &COMMANDS)],
    }
}

/// The notification of the agent's own commands. v2 writes a slash before their names.
pub(crate) fn commands(engine: Engine, session: &str, names: &[impl AsRef<str>]) -> (&'static str, Value) {
    let described = |name: &str| format!("What {name} does");
    let names = names.iter().map(AsRef::as_ref);
    match engine {
        Engine::V2 => {
            let all: Vec<Value> = names.map(|name| json!({"name": format!("/{name}"), "description": described(name)})).collect();
            ("_kiro.dev/commands/available", json!({"sessionId": session, "commands": all}))
        }
        Engine::V3 => {
            let one = |name: &str| json!({"name": name, "description": described(name), "input": {"hint": "more"}});
            let update = json!({"sessionUpdate": "available_commands_update", "availableCommands": names.map(one).collect::<Vec<_>>()});
            ("session/update", json!({"sessionId": session, "update": update}))
        }
    }
}

/// The notification of use, which comes at any time too.
pub(crate) fn metadata(engine: Engine, session: &str) -> (&'static str, Value) {
    match engine {
        Engine::V2 => (
            "_kiro.dev/metadata",
            json!({
                "sessionId": session,
                "contextUsagePercentage": 1.5,
                "meteringUsage": [{"value": 0.02, "unit": "credit"}],
                "turnDurationMs": 12,
            }),
        ),
        Engine::V3 => ("session/update", json!({"sessionId": session, "update": turn_mark("context_usage")})),
    }
}

/// v3 marks its turns in the metadata of an update that says nothing else.
pub(crate) fn turn_mark(kind: &str) -> Value {
    json!({"sessionUpdate": "session_info_update", "_meta": {"kiro": {"kind": kind}}})
}

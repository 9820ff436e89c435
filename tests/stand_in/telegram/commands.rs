//! The bot's commands, by scope and language.

use serde_json::{Map, Value, json};

use super::answer::{Answer, ours, refused};
use super::chat::{Chat, Kind};
use super::state::State;

/// Most commands of one list.
const COMMANDS: usize = 100;

/// `setMyCommands`, `deleteMyCommands`, `getMyCommands`.
pub fn carry_out(state: &mut State, method: &str, params: &Map<String, Value>) -> Answer {
    let scope = params.get("scope").cloned().unwrap_or_else(|| json!({"type": "default"}));
    if scope.get("chat_id").is_some_and(|chat| chat.as_i64().is_none_or(|chat| !state.chats.contains_key(&chat))) {
        return Err(refused(400, "Bad Request: chat not found"));
    }
    let language = params.get("language_code").and_then(Value::as_str).unwrap_or_default();
    if !(language.is_empty() || language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase())) {
        return Err(ours("Bad Request: invalid language code specified"));
    }
    let key = key(&scope, language);
    match method {
        "getMyCommands" => return Ok(state.commands.get(&key).cloned().unwrap_or_else(|| json!([]))),
        "deleteMyCommands" => drop(state.commands.remove(&key)),
        _ => {
            let commands = params["commands"].as_array().cloned().unwrap_or_default();
            if commands.len() > COMMANDS {
                return Err(ours("Bad Request: BOT_COMMANDS_TOO_MUCH"));
            }
            for command in &commands {
                check(command).map_err(|description| ours(format!("Bad Request: {description}")))?;
            }
            state.commands.insert(key, Value::Array(commands));
        }
    }
    Ok(json!(true))
}

/// What a person sees in the menu: the list of the narrowest scope that has one, in their language if there is such a one. The scopes of
/// administrators are left out.
pub fn seen(state: &State, chat: &Chat, user: i64, language: &str) -> Vec<(String, String)> {
    let broad = if chat.kind == Kind::Private { "all_private_chats" } else { "all_group_chats" };
    let scopes = [
        json!({"type": "chat_member", "chat_id": chat.id, "user_id": user}),
        json!({"type": "chat", "chat_id": chat.id}),
        json!({"type": broad}),
        json!({"type": "default"}),
    ];
    let mut keys = scopes.iter().flat_map(|scope| [key(scope, language), key(scope, "")]);
    let found = keys.find_map(|key| state.commands.get(&key)).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |command: &Value, name: &str| command[name].as_str().unwrap_or_default().to_owned();
    found.iter().map(|command| (text(command, "command"), text(command, "description"))).collect()
}

fn key(scope: &Value, language: &str) -> String {
    format!("{scope}{language}")
}

fn check(command: &Value) -> Result<(), &'static str> {
    let name = command["command"].as_str().unwrap_or_default();
    let right = (1..=32).contains(&name.len()) && name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
    let description = command["description"].as_str().unwrap_or_default();
    match description.chars().count() {
        _ if !right => Err("BOT_COMMAND_INVALID"),
        0 => Err("command description must be non-empty"),
        1..=256 => Ok(()),
        _ => Err("command description length must not exceed 256"),
    }
}

//! What the methods do.

use serde_json::{Map, Value, json};

use super::answer::{Answer, ours, refused};
use super::chat::BOT;
use super::params::Params;
use super::state::State;
use super::{messages, topics, updates};

const ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

/// Telegram's largest download, in bytes.
const DOWNLOAD: u64 = 20 * 1024 * 1024;

/// Carries out a method other than `getUpdates`.
pub fn carry_out(state: &mut State, method: &str, params: &Params) -> Answer {
    let values = &params.values;
    match method {
        "getMe" => Ok(me(state)),
        "setWebhook" | "deleteWebhook" | "getWebhookInfo" => updates::webhook(state, method, values),
        "sendMessage" => messages::send(state, values),
        "sendDocument" => messages::send_document(state, params),
        "sendMessageDraft" => messages::draft(state, values),
        "editMessageText" => messages::edit(state, values),
        "editMessageReplyMarkup" => messages::edit_markup(state, values),
        "deleteMessage" => messages::delete(state, values),
        "setMessageReaction" => messages::react(state, values),
        "sendChatAction" => chat_action(state, values),
        "answerCallbackQuery" => answer_press(state, values),
        "setMyCommands" | "deleteMyCommands" | "getMyCommands" => commands(state, method, values),
        "createForumTopic" | "editForumTopic" | "deleteForumTopic" => topics::carry_out(state, method, values),
        "getChat" => state.chat(values).map(|chat| chat.json()),
        "getFile" => file(state, values),
        _ => Err(ours(format!("the stand-in does not know what {method} does: teach it in methods.rs"))),
    }
}

/// The bot as `getMe` tells it.
pub fn me(state: &State) -> Value {
    json!({
        "id": BOT, "is_bot": true, "first_name": "Stand-in", "username": "stand_in_bot", "can_join_groups": true,
        "can_read_all_group_messages": false, "supports_inline_queries": false, "can_connect_to_business": false,
        "has_main_web_app": false, "has_topics_enabled": state.topics, "allows_users_to_create_topics": state.topics,
    })
}

fn chat_action(state: &mut State, params: &Map<String, Value>) -> Answer {
    let action = params["action"].as_str().unwrap_or_default().to_owned();
    if !ACTIONS.contains(&action.as_str()) {
        return Err(ours("Bad Request: wrong parameter action in request"));
    }
    let topic = topics::named(state, params)?;
    state.chat(params)?.actions.push((std::time::SystemTime::now(), topic, action));
    Ok(json!(true))
}

fn answer_press(state: &mut State, params: &Map<String, Value>) -> Answer {
    let press = params["callback_query_id"].as_str().unwrap_or_default();
    match state.presses.get_mut(press) {
        Some(open) if *open => *open = false,
        _ => return Err(refused(400, "Bad Request: query is too old and response timeout expired or query ID is invalid")),
    }
    let text = params.get("text").and_then(Value::as_str).unwrap_or_default();
    state.toasts.push((press.to_owned(), text.to_owned()));
    Ok(json!(true))
}

fn commands(state: &mut State, method: &str, params: &Map<String, Value>) -> Answer {
    let scope = params.get("scope").map_or("{\"type\":\"default\"}".to_owned(), Value::to_string);
    let language = params.get("language_code").and_then(Value::as_str).unwrap_or_default();
    if !(language.is_empty() || language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase())) {
        return Err(ours("Bad Request: invalid language code specified"));
    }
    let key = format!("{scope}{language}");
    match method {
        "getMyCommands" => return Ok(state.commands.get(&key).cloned().unwrap_or_else(|| json!([]))),
        "deleteMyCommands" => drop(state.commands.remove(&key)),
        _ => {
            let commands = params["commands"].as_array().cloned().unwrap_or_default();
            if commands.len() > 100 {
                return Err(ours("Bad Request: BOT_COMMANDS_TOO_MUCH"));
            }
            for command in &commands {
                check_command(command).map_err(|description| ours(format!("Bad Request: {description}")))?;
            }
            state.commands.insert(key, Value::Array(commands));
        }
    }
    Ok(json!(true))
}

fn check_command(command: &Value) -> Result<(), &'static str> {
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

fn file(state: &State, params: &Map<String, Value>) -> Answer {
    let id = params["file_id"].as_str().unwrap_or_default();
    let file = state.files.get(id).ok_or_else(|| ours("Bad Request: wrong file_id or the file is temporarily unavailable"))?;
    if file.size > DOWNLOAD {
        return Err(ours("Bad Request: file is too big"));
    }
    Ok(json!({"file_id": id, "file_unique_id": format!("u{id}"), "file_size": file.size, "file_path": format!("documents/{id}")}))
}

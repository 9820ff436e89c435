//! Topics of groups and of private chats.

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, ours, refused};
use super::chat::{Kind, Topic};
use super::state::State;

/// The topic that a call names, checked against the chat. In groups General is left out, not named 1.
pub fn named(state: &mut State, params: &Map<String, Value>) -> Result<Option<i64>, Refusal> {
    let chat = state.chat(params)?;
    let Some(topic) = params.get("message_thread_id").and_then(Value::as_i64) else { return Ok(None) };
    match chat.kind {
        Kind::Group(true) if topic == 1 => Err(ours("Bad Request: message thread not found")),
        _ if chat.topics.contains_key(&topic) => Ok(Some(topic)),
        _ => Err(refused(400, "Bad Request: message thread not found")),
    }
}

/// Makes, renames and deletes topics.
pub fn carry_out(state: &mut State, method: &str, params: &Map<String, Value>) -> Answer {
    let enabled = state.topics;
    let number = state.number();
    let chat = state.chat(params)?;
    if !(chat.kind == Kind::Group(true) || chat.kind == Kind::Private && enabled) {
        return Err(refused(400, "Bad Request: the chat is not a forum"));
    }
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if method == "createForumTopic" {
        if name.trim().is_empty() {
            return Err(ours("Bad Request: title must be non-empty"));
        }
        chat.topics.insert(number, Topic { name: name.clone(), implicit: false, made: None });
        return Ok(json!({"message_thread_id": number, "name": name, "icon_color": 7_322_096}));
    }
    let topic = params["message_thread_id"].as_i64().unwrap_or_default();
    let Some(present) = chat.topics.get_mut(&topic) else { return Err(refused(400, "Bad Request: TOPIC_ID_INVALID")) };
    if method == "deleteForumTopic" {
        chat.topics.remove(&topic);
        chat.drafts.remove(&Some(topic));
        chat.messages.iter_mut().filter(|message| message.topic == Some(topic)).for_each(|message| message.deleted = true);
        return Ok(json!(true));
    }
    if present.name == name && !params.contains_key("icon_custom_emoji_id") {
        return Err(ours("Bad Request: TOPIC_NOT_MODIFIED"));
    }
    if !name.is_empty() {
        *present = Topic { name, implicit: false, made: present.made.take() };
    }
    Ok(json!(true))
}

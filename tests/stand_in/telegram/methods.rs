//! What the methods do.

use serde_json::{Map, Value, json};

use super::answer::{Answer, ours, refused};
use super::chat::BOT;
use super::params::Params;
use super::state::State;
use super::{commands, files, media, messages, rich, topics, updates};

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

/// Carries out a method other than `getUpdates`.
pub fn carry_out(state: &mut State, method: &str, params: &Params) -> Answer {
    let values = &params.values;
    match method {
        "getMe" => Ok(me(state)),
        "setWebhook" | "deleteWebhook" | "getWebhookInfo" => updates::webhook(state, method, values),
        "sendMessage" => messages::send(state, values),
        "sendDocument" => media::send(state, params, "document"),
        "sendPhoto" => media::send(state, params, "photo"),
        "sendVideo" => media::send(state, params, "video"),
        "sendVoice" => media::send(state, params, "voice"),
        "sendAudio" => media::send(state, params, "audio"),
        "sendAnimation" => media::send(state, params, "animation"),
        "sendMediaGroup" => media::send_group(state, params),
        "sendRichMessage" => rich::send(state, values),
        "sendMessageDraft" | "sendRichMessageDraft" => messages::draft(state, values),
        "editMessageText" => messages::edit(state, values),
        "editMessageCaption" => messages::edit_caption(state, values),
        "editMessageReplyMarkup" => messages::edit_markup(state, values),
        "deleteMessage" => messages::delete(state, values),
        "setMessageReaction" => messages::react(state, values),
        "sendChatAction" => chat_action(state, values),
        "answerCallbackQuery" => answer_press(state, values),
        "setMyCommands" | "deleteMyCommands" | "getMyCommands" => commands::carry_out(state, method, values),
        "createForumTopic" | "editForumTopic" | "deleteForumTopic" => topics::carry_out(state, method, values),
        "getChat" => state.chat(values).map(|chat| chat.json()),
        "getFile" => files::get(state, values),
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

//! Sending, editing, deleting, reacting.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, ours, refused};
use super::chat::{BOT, Chat, Draft, Kind, Message};
use super::params::Params;
use super::state::{State, unix};
use super::text::{self, CAPTION, TEXT};
use super::{methods, topics};

/// Largest file that a bot may upload, in bytes.
const UPLOAD: usize = 50 * 1024 * 1024;

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";

/// `sendMessage`.
pub fn send(state: &mut State, params: &Map<String, Value>) -> Answer {
    let topic = topics::named(state, params)?;
    let content = Content::read(state, params, "text", "entities", TEXT)?;
    if content.text.trim().is_empty() {
        return Err(ours("Bad Request: message text is empty"));
    }
    add(state, params, topic, content, None)
}

/// `sendDocument`.
pub fn send_document(state: &mut State, params: &Params) -> Answer {
    let topic = topics::named(state, &params.values)?;
    let content = Content::read(state, &params.values, "caption", "caption_entities", CAPTION)?;
    let upload = params.uploads.iter().find(|upload| upload.field == "document");
    let upload = upload.ok_or_else(|| ours("Bad Request: wrong remote file identifier specified: the stand-in takes uploads only"))?;
    if upload.bytes.is_empty() {
        return Err(ours("Bad Request: file must be non-empty"));
    }
    if upload.bytes.len() > UPLOAD {
        return Err(refused(413, "Request Entity Too Large"));
    }
    add(state, &params.values, topic, content, Some((upload.name.clone(), upload.bytes.clone())))
}

/// `sendMessageDraft`.
pub fn draft(state: &mut State, params: &Map<String, Value>) -> Answer {
    let id = params["draft_id"].as_i64().unwrap_or_default();
    if id == 0 {
        return Err(ours("Bad Request: invalid draft_id specified"));
    }
    let topic = topics::named(state, params)?;
    let content = Content::read(state, params, "text", "entities", TEXT)?;
    let can_stop = params.get("can_stop") == Some(&Value::Bool(true));
    let chat = state.chat(params)?;
    if chat.kind != Kind::Private {
        return Err(ours("Bad Request: TEXTDRAFT_PEER_INVALID"));
    }
    let draft = Draft { id, topic, text: content.text, entities: content.entities, can_stop, at: SystemTime::now() };
    chat.all_drafts.push(draft.clone());
    chat.drafts.insert(topic, draft);
    Ok(json!(true))
}

/// `editMessageText`. Without a keyboard in the call, the message has none afterwards.
pub fn edit(state: &mut State, params: &Map<String, Value>) -> Answer {
    state.chat(params)?;
    let content = Content::read(state, params, "text", "entities", TEXT)?;
    if content.text.trim().is_empty() {
        return Err(ours("Bad Request: message text is empty"));
    }
    change(state, params, |message| {
        if message.text == content.text && message.entities == content.entities && message.markup == content.markup {
            return false;
        }
        let before = std::mem::replace(&mut message.text, content.text.clone());
        message.earlier.push(before);
        message.entities = content.entities.clone();
        message.markup = content.markup.clone();
        true
    })
}

/// `editMessageReplyMarkup`.
pub fn edit_markup(state: &mut State, params: &Map<String, Value>) -> Answer {
    let markup = keyboard(params)?;
    change(state, params, |message| std::mem::replace(&mut message.markup, markup.clone()) != markup)
}

/// `deleteMessage`.
pub fn delete(state: &mut State, params: &Map<String, Value>) -> Answer {
    let id = params["message_id"].as_i64().unwrap_or_default();
    let message = state.chat(params)?.message(id);
    message.ok_or_else(|| refused(400, "Bad Request: message to delete not found"))?.deleted = true;
    Ok(json!(true))
}

/// `setMessageReaction`.
pub fn react(state: &mut State, params: &Map<String, Value>) -> Answer {
    let reactions = params.get("reaction").and_then(Value::as_array).cloned().unwrap_or_default();
    let reactions = text::check_reactions(&reactions)?;
    let id = params["message_id"].as_i64().unwrap_or_default();
    let message = state.chat(params)?.message(id);
    message.ok_or_else(|| refused(400, "Bad Request: message to react not found"))?.reactions = reactions;
    Ok(json!(true))
}

/// A message as it stands in answers and updates.
pub fn json(chat: &Chat, from: &Value, message: &Message) -> Value {
    let mut json = json!({"message_id": message.id, "date": unix(message.at), "chat": chat.json(), "from": from});
    let mut put = |name: &str, value: Option<Value>| value.into_iter().for_each(|value| json[name] = value);
    put("message_thread_id", message.topic.map(Value::from));
    put("is_topic_message", message.topic.map(|_| json!(true)));
    put("reply_markup", message.markup.clone());
    let (body, formatting) = if message.document.is_some() { ("caption", "caption_entities") } else { ("text", "entities") };
    put(body, (!message.text.is_empty()).then(|| json!(message.text)));
    put(formatting, (!message.entities.is_empty()).then(|| json!(message.entities)));
    put(
        "document",
        message.document.as_ref().map(|(name, bytes)| {
            json!({"file_id": format!("d{}", message.id), "file_unique_id": format!("ud{}", message.id), "file_name": name,
                   "mime_type": "application/octet-stream", "file_size": bytes.len()})
        }),
    );
    json
}

/// What a message says.
struct Content {
    text: String,
    entities: Vec<Value>,
    markup: Option<Value>,
}

impl Content {
    fn read(state: &mut State, params: &Map<String, Value>, text: &str, entities: &str, max: usize) -> Result<Self, Refusal> {
        if params.get("parse_mode").is_some_and(|mode| mode != "") {
            state.violations.push("parse_mode: the bot sends entities, and the stand-in parses no markup".to_owned());
        }
        let text = params.get(text).and_then(Value::as_str).unwrap_or_default().to_owned();
        let entities = params.get(entities).and_then(Value::as_array).cloned().unwrap_or_default();
        let lost = text::check(&text, &entities, max)?;
        state.violations.extend(lost);
        Ok(Self { text, entities, markup: keyboard(params)? })
    }
}

fn keyboard(params: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    let markup = params.get("reply_markup").filter(|markup| markup["inline_keyboard"].as_array().is_none_or(|rows| !rows.is_empty()));
    markup.map(|markup| text::check_keyboard(markup).map(|()| markup.clone())).transpose()
}

/// Adds a message of the bot. It takes the place of the draft there.
fn add(
    state: &mut State,
    params: &Map<String, Value>,
    topic: Option<i64>,
    content: Content,
    document: Option<(String, Vec<u8>)>,
) -> Answer {
    let (id, me) = (state.number(), methods::me(state));
    let chat = state.chat(params)?;
    let reply = params.get("reply_parameters");
    let reply_to = reply.and_then(|reply| reply["message_id"].as_i64());
    let optional = reply.is_some_and(|reply| reply["allow_sending_without_reply"] == json!(true));
    let reply_to = reply_to.filter(|id| chat.message(*id).is_some() || !optional);
    if reply_to.is_some_and(|id| chat.message(id).is_none()) {
        return Err(refused(400, "Bad Request: message to be replied not found"));
    }
    let message = Message {
        id,
        from: BOT,
        topic,
        text: content.text,
        entities: content.entities,
        markup: content.markup,
        silent: params.get("disable_notification") == Some(&Value::Bool(true)),
        reply_to,
        document,
        earlier: Vec::new(),
        reactions: Vec::new(),
        deleted: false,
        at: SystemTime::now(),
        read: false,
    };
    let answer = json(chat, &me, &message);
    chat.drafts.remove(&topic);
    chat.messages.push(message);
    Ok(answer)
}

/// Changes a message of the bot; `apply` says whether that changed anything. An edit that changes nothing wastes the chat's rate, unless
/// the answer to the edit before it was lost.
fn change(state: &mut State, params: &Map<String, Value>, apply: impl FnOnce(&mut Message) -> bool) -> Answer {
    let me = methods::me(state);
    let uncertain = state.faulted.iter().any(|method| method.starts_with("edit"));
    let id = params.get("message_id").and_then(Value::as_i64);
    let id = id.ok_or_else(|| ours("Bad Request: message identifier is not specified"))?;
    let chat = state.chat(params)?;
    let message = chat.message(id).ok_or_else(|| refused(400, "Bad Request: message to edit not found"))?;
    if message.from != BOT {
        return Err(ours("Bad Request: message can't be edited"));
    }
    if !apply(message) {
        return Err(Refusal { violation: !uncertain, ..refused(400, NOT_MODIFIED) });
    }
    message.read = false;
    let message = message.clone();
    let mut answer = json(chat, &me, &message);
    answer["edit_date"] = json!(unix(SystemTime::now()));
    Ok(answer)
}

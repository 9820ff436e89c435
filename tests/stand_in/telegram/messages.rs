//! Sending, editing, deleting, reacting.

use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, ours, refused};
use super::chat::{BOT, Chat, Draft, Kind, Media, Message};
use super::state::{State, unix};
use super::text::{self, CAPTION, TEXT};
use super::{methods, rich, topics};

const NOT_MODIFIED: &str = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message";

/// `sendMessage`.
pub fn send(state: &mut State, params: &Map<String, Value>) -> Answer {
    let topic = topics::named(state, params)?;
    let content = Content::read(state, params, "text", "entities", TEXT)?;
    if content.text.trim().is_empty() {
        return Err(ours("Bad Request: message text is empty"));
    }
    add(state, params, topic, content)
}

/// `sendMessageDraft`, `sendRichMessageDraft`. An empty text stands for a placeholder.
pub fn draft(state: &mut State, params: &Map<String, Value>) -> Answer {
    let id = params["draft_id"].as_i64().unwrap_or_default();
    if id == 0 {
        return Err(ours("Bad Request: invalid draft_id specified"));
    }
    let topic = topics::named(state, params)?;
    let content =
        if params.contains_key("rich_message") { rich::read(params)? } else { Content::read(state, params, "text", "entities", TEXT)? };
    let yes = |name: &str| params.get(name) == Some(&Value::Bool(true));
    let chat = state.chat(params)?;
    if chat.kind != Kind::Private {
        return Err(ours("Bad Request: TEXTDRAFT_PEER_INVALID"));
    }
    let (can_stop, keep_on_stop, at) = (yes("can_stop"), yes("keep_on_stop"), SystemTime::now());
    let draft = Draft { id, topic, text: content.text, entities: content.entities, rich: content.rich, can_stop, keep_on_stop, at };
    chat.all_drafts.push(draft.clone());
    chat.drafts.insert(topic, draft);
    Ok(json!(true))
}

/// `editMessageText`. Without a keyboard in the call, the message has none afterwards.
pub fn edit(state: &mut State, params: &Map<String, Value>) -> Answer {
    state.chat(params)?;
    let content =
        if params.contains_key("rich_message") { rich::read(params)? } else { Content::read(state, params, "text", "entities", TEXT)? };
    if content.text.trim().is_empty() && content.rich.is_none() {
        return Err(ours("Bad Request: message text is empty"));
    }
    if target(state, params)?.media.is_some() {
        return Err(ours("Bad Request: there is no text in the message to edit"));
    }
    change(state, params, |message| content.replaces(message))
}

/// `editMessageCaption`.
pub fn edit_caption(state: &mut State, params: &Map<String, Value>) -> Answer {
    state.chat(params)?;
    let content = Content::read(state, params, "caption", "caption_entities", CAPTION)?;
    let message = target(state, params)?;
    if message.media.is_none() {
        return Err(ours("Bad Request: there is no caption in the message to edit"));
    }
    let content = Content { fields: message.fields.clone(), ..content };
    change(state, params, |message| content.replaces(message))
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
    put("media_group_id", message.album.clone().map(Value::from));
    let (body, formatting) = if message.media.is_some() { ("caption", "caption_entities") } else { ("text", "entities") };
    let plain = message.rich.is_none();
    put(body, (plain && !message.text.is_empty()).then(|| json!(message.text)));
    put(formatting, (plain && !message.entities.is_empty()).then(|| json!(message.entities)));
    message.fields.iter().for_each(|(name, value)| put(name, Some(value.clone())));
    json
}

/// What a message says.
#[derive(Debug, Default)]
pub struct Content {
    /// Its text or caption.
    pub text: String,
    /// Its formatting.
    pub entities: Vec<Value>,
    /// The keyboard under it.
    pub markup: Option<Value>,
    /// Its file.
    pub media: Option<Media>,
    /// The album that it belongs to.
    pub album: Option<String>,
    /// What it was sent as, if that was a rich message.
    pub rich: Option<Value>,
    /// Further fields, as they stand in answers.
    pub fields: Map<String, Value>,
}

impl Content {
    /// Reads text, entities and keyboard from parameters, and checks them.
    pub fn read(state: &mut State, params: &Map<String, Value>, text: &str, entities: &str, max: usize) -> Result<Self, Refusal> {
        if params.get("parse_mode").is_some_and(|mode| mode != "") {
            state.violations.push("parse_mode: the bot sends entities, and the stand-in parses no markup".to_owned());
        }
        let text = params.get(text).and_then(Value::as_str).unwrap_or_default().to_owned();
        let entities = params.get(entities).and_then(Value::as_array).cloned().unwrap_or_default();
        let lost = text::check(&text, &entities, max)?;
        state.violations.extend(lost);
        Ok(Self { text, entities, ..Self::keyboard_of(params)? })
    }

    /// A content without words, with the keyboard that the parameters give.
    pub fn keyboard_of(params: &Map<String, Value>) -> Result<Self, Refusal> {
        Ok(Self { markup: keyboard(params)?, ..Self::default() })
    }

    /// Puts it in the place of what a message says; says whether that changed anything.
    fn replaces(&self, message: &mut Message) -> bool {
        let same =
            (&message.text, &message.entities, &message.markup, &message.rich) == (&self.text, &self.entities, &self.markup, &self.rich);
        if same {
            return false;
        }
        let before = std::mem::replace(&mut message.text, self.text.clone());
        message.earlier.push(before);
        message.entities.clone_from(&self.entities);
        message.markup.clone_from(&self.markup);
        message.rich.clone_from(&self.rich);
        message.fields.clone_from(&self.fields);
        true
    }
}

fn keyboard(params: &Map<String, Value>) -> Result<Option<Value>, Refusal> {
    let markup = params.get("reply_markup").filter(|markup| markup["inline_keyboard"].as_array().is_none_or(|rows| !rows.is_empty()));
    markup.map(|markup| text::check_keyboard(markup).map(|()| markup.clone())).transpose()
}

/// Adds a message of the bot. It takes the place of the draft there.
pub fn add(state: &mut State, params: &Map<String, Value>, topic: Option<i64>, content: Content) -> Answer {
    let (id, me) = (state.number(), methods::me(state));
    let chat = state.chat(params)?;
    let reply = params.get("reply_parameters");
    let reply_to = reply.and_then(|reply| reply["message_id"].as_i64());
    let optional = reply.is_some_and(|reply| reply["allow_sending_without_reply"] == json!(true));
    let reply_to = reply_to.filter(|id| chat.message(*id).is_some() || !optional);
    if reply_to.is_some_and(|id| chat.message(id).is_none()) {
        return Err(refused(400, "Bad Request: message to be replied not found"));
    }
    let mut message = Message {
        text: content.text,
        entities: content.entities,
        markup: content.markup,
        silent: params.get("disable_notification") == Some(&Value::Bool(true)),
        reply_to,
        album: content.album,
        rich: content.rich,
        fields: content.fields,
        ..Message::new(id, BOT, topic)
    };
    content.media.into_iter().for_each(|media| message.attach(media));
    let answer = json(chat, &me, &message);
    chat.drafts.remove(&topic);
    chat.messages.push(message);
    Ok(answer)
}

/// The message of the bot that a call names.
fn target<'a>(state: &'a mut State, params: &Map<String, Value>) -> Result<&'a mut Message, Refusal> {
    let id = params.get("message_id").and_then(Value::as_i64);
    let id = id.ok_or_else(|| ours("Bad Request: message identifier is not specified"))?;
    let message = state.chat(params)?.message(id).ok_or_else(|| refused(400, "Bad Request: message to edit not found"))?;
    if message.from == BOT { Ok(message) } else { Err(ours("Bad Request: message can't be edited")) }
}

/// Changes a message of the bot; `apply` says whether that changed anything. An edit that changes nothing wastes the chat's rate, unless
/// the answer to the edit before it was lost, or the bot was killed after it.
fn change(state: &mut State, params: &Map<String, Value>, apply: impl FnOnce(&mut Message) -> bool) -> Answer {
    let me = methods::me(state);
    let uncertain = state.faulted.iter().any(|method| method.starts_with("edit")) || state.repeats_after_a_kill();
    let message = target(state, params)?;
    if !apply(message) {
        return Err(Refusal { violation: !uncertain, ..refused(400, NOT_MODIFIED) });
    }
    message.read = false;
    let message = message.clone();
    let chat = state.chat(params)?;
    let mut answer = json(chat, &me, &message);
    answer["edit_date"] = json!(unix(SystemTime::now()));
    Ok(answer)
}

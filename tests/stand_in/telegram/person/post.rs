//! Messages that a person writes, and the files in them.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::super::chat::{BOT, Chat, Kind, Media, Message, Topic};
use super::super::state::State;
use super::super::{files, image, messages, methods};
use super::Person;

/// A file as a client sends it.
#[derive(Debug, Clone)]
pub struct File {
    kind: &'static str,
    name: String,
    mime: Option<&'static str>,
    bytes: Arc<Vec<u8>>,
    size: u64,
    told: Option<u64>,
}

impl File {
    /// A document.
    pub fn document(name: &str, bytes: &[u8]) -> Self {
        Self::new("document", name, Some("application/octet-stream"), bytes)
    }

    /// A photo. Telegram makes several sizes of it; the largest, which comes last, has these bytes.
    pub fn photo(bytes: &[u8]) -> Self {
        Self::new("photo", "photo.jpg", None, bytes)
    }

    /// A piece of music.
    pub fn audio(name: &str, bytes: &[u8]) -> Self {
        Self::new("audio", name, Some("audio/mpeg"), bytes)
    }

    /// A recorded voice.
    pub fn voice(bytes: &[u8]) -> Self {
        Self::new("voice", "voice.oga", Some("audio/ogg"), bytes)
    }

    /// A video.
    pub fn video(name: &str, bytes: &[u8]) -> Self {
        Self::new("video", name, Some("video/mp4"), bytes)
    }

    /// A round video.
    pub fn video_note(bytes: &[u8]) -> Self {
        Self::new("video_note", "note.mp4", None, bytes)
    }

    /// A video without sound. Its message has the field `document` too.
    pub fn animation(name: &str, bytes: &[u8]) -> Self {
        Self::new("animation", name, Some("video/mp4"), bytes)
    }

    /// A sticker.
    pub fn sticker(bytes: &[u8]) -> Self {
        Self::new("sticker", "sticker.webp", None, bytes)
    }

    fn new(kind: &'static str, name: &str, mime: Option<&'static str>, bytes: &[u8]) -> Self {
        let size = bytes.len() as u64;
        Self { kind, name: name.to_owned(), mime, bytes: Arc::new(bytes.to_vec()), size, told: Some(size) }
    }

    /// With this type instead of the usual one.
    pub fn mime(self, mime: Option<&'static str>) -> Self {
        Self { mime, ..self }
    }

    /// As if it had this size in bytes, also as messages tell it; above 20 MB it cannot be fetched.
    pub fn of_size(self, size: u64) -> Self {
        Self { size, told: Some(size), ..self }
    }

    /// With a message and a `getFile` that tell this size in bytes, or none, whatever the true one is.
    pub fn telling(self, told: Option<u64>) -> Self {
        Self { told, ..self }
    }

    /// Stores it; gives it as a message shows it, and the fields that tell of it.
    fn store(&self, state: &mut State) -> (Media, Map<String, Value>) {
        let mut smaller = Vec::new();
        if self.kind == "photo" {
            for side in [90, 320] {
                let bytes = Arc::new(image::png(side, side));
                let size = bytes.len() as u64;
                let id = files::store(state, "photo", &self.name, bytes, (size, Some(size)));
                smaller.extend(files::fields(state, "photo", &id, None)["photo"].as_array().cloned().unwrap_or_default());
            }
        }
        let id = files::store(state, self.kind, &self.name, Arc::clone(&self.bytes), (self.size, self.told));
        let mut fields = files::fields(state, self.kind, &id, self.mime);
        if let Some(Value::Array(sizes)) = fields.get_mut("photo") {
            sizes.splice(0..0, smaller);
        }
        let media = Media { kind: self.kind.to_owned(), name: self.name.clone(), bytes: Arc::clone(&self.bytes), id };
        (media, fields)
    }
}

/// A message that a person writes.
#[derive(Debug, Clone, Default)]
pub struct Post {
    pub(super) text: String,
    pub(super) topic: Option<i64>,
    /// The name of the topic that it makes, and whether nobody chose it.
    pub(super) makes: Option<(String, bool)>,
    pub(super) file: Option<File>,
    pub(super) album: Option<String>,
    pub(super) reply_to: Option<i64>,
    pub(super) quote: Option<String>,
    pub(super) fields: Map<String, Value>,
}

impl Post {
    /// Words.
    pub fn text(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// A file.
    pub fn file(file: File) -> Self {
        Self { file: Some(file), ..Self::default() }
    }

    /// These fields of `Message`, an object.
    pub fn other(fields: Value) -> Self {
        Self { fields: fields.as_object().cloned().unwrap_or_default(), ..Self::default() }
    }

    /// With these words under its file.
    pub fn caption(self, text: &str) -> Self {
        Self { text: text.to_owned(), ..self }
    }

    /// In this topic, which is made at first mention, without a word to the bot.
    pub fn topic(self, topic: i64) -> Self {
        Self { topic: Some(topic), ..self }
    }

    /// In answer to a message of the same chat, and in its topic.
    pub fn reply_to(self, message: i64) -> Self {
        Self { reply_to: Some(message), ..self }
    }

    /// In answer to this part of that message only.
    pub fn quote(self, part: &str) -> Self {
        Self { quote: Some(part.to_owned()), ..self }
    }

    /// As a part of this album.
    pub fn album(self, album: &str) -> Self {
        Self { album: Some(album.to_owned()), ..self }
    }

    /// With these fields of `Message` besides.
    pub fn with(mut self, fields: Value) -> Self {
        self.fields.extend(fields.as_object().cloned().unwrap_or_default());
        self
    }
}

impl Person {
    /// Sends a message; gives its number.
    #[track_caller]
    pub fn posts(&self, post: Post) -> i64 {
        let entities = match post.text.split_whitespace().next() {
            Some(word) if word.starts_with('/') => vec![json!({"type": "bot_command", "offset": 0, "length": word.encode_utf16().count()})],
            _ => Vec::new(),
        };
        self.shared.change(|state| {
            let id = state.number();
            let answered = post.reply_to.map(|to| self.message_of(state, to));
            let answered_topic = answered.as_ref().and_then(|answered| answered.topic);
            let topic = if post.makes.is_some() { Some(id) } else { post.topic.or(answered_topic) };
            let mut message = Message { text: post.text, entities, album: post.album, read: true, ..Message::new(id, self.user, topic) };
            message.reply_to = post.reply_to;
            message.fields = post.fields;
            if let Some(file) = &post.file {
                let (media, fields) = file.store(state);
                message.attach(media);
                message.fields.extend(fields);
            }
            if let Some(answered) = answered {
                message.fields.extend(self.reply(state, &answered, post.quote.as_deref()));
            }
            self.hands_in(state, message, post.makes);
            id
        })
    }

    /// The fields of a message that answers another.
    #[track_caller]
    fn reply(&self, state: &State, answered: &Message, quote: Option<&str>) -> Map<String, Value> {
        let from = if answered.from == BOT { methods::me(state) } else { state.people[&answered.from].clone() };
        let chat = &state.chats[&self.chat];
        let mut shown = messages::json(chat, &from, answered);
        // What it answers itself is left out, as Telegram does.
        shown.as_object_mut().into_iter().for_each(|fields| drop(fields.remove("reply_to_message")));
        let mut fields = Map::new();
        if chat.kind == Kind::Group(false) {
            // Without topics this is the message with which the exchange began.
            let first = shown.get("message_thread_id").cloned().unwrap_or_else(|| json!(answered.id));
            fields.insert("message_thread_id".to_owned(), first);
        }
        if let Some(part) = quote {
            let at = answered.text.find(part).unwrap_or_else(|| panic!("{part:?} does not stand in {:?}", answered.text));
            let position = answered.text[..at].encode_utf16().count();
            fields.insert("quote".to_owned(), json!({"text": part, "position": position, "is_manual": true}));
        }
        fields.insert("reply_to_message".to_owned(), shown);
        fields
    }

    /// Puts a message into the chat and tells the bot.
    fn hands_in(&self, state: &mut State, message: Message, makes: Option<(String, bool)>) {
        let from = state.people[&self.user].clone();
        let chat = state.chats.get_mut(&self.chat).expect("the chat");
        let mut json = messages::json(chat, &from, &message);
        if let (Some(id), Some((name, implicit))) = (message.topic, makes) {
            chat.topics.insert(id, Topic { name, implicit, made: Some(json.clone()) });
        } else if let Some(made) = in_topic(chat, message.topic).filter(|_| json.get("reply_to_message").is_none()) {
            json["reply_to_message"] = made;
        }
        chat.messages.push(message);
        state.update("message", json);
    }
}

/// The message that made the topic, which is made silently where there is none of that number.
fn in_topic(chat: &mut Chat, topic: Option<i64>) -> Option<Value> {
    let number = topic?;
    let silently = || Topic { name: format!("Topic {number}"), implicit: false, made: None };
    chat.topics.entry(number).or_insert_with(silently).made.clone()
}

//! Chats: what stands in them, as people see it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Map, Value, json};

use super::text;

/// The bot's number.
pub const BOT: i64 = 110_201_543;

/// A message in a chat, as a person sees it.
#[derive(Debug, Clone)]
pub struct Message {
    /// Its number.
    pub id: i64,
    /// Who wrote it; the bot has [`BOT`].
    pub from: i64,
    /// The topic it stands in.
    pub topic: Option<i64>,
    /// Its text, or its caption.
    pub text: String,
    /// Its formatting.
    pub entities: Vec<Value>,
    /// The keyboard under it.
    pub markup: Option<Value>,
    /// Whether it came without a sound.
    pub silent: bool,
    /// The message that it answers.
    pub reply_to: Option<i64>,
    /// The document that came with it: name and content.
    pub document: Option<(String, Vec<u8>)>,
    /// The file that came with it, a document or another.
    pub media: Option<Media>,
    /// The album that it belongs to.
    pub album: Option<String>,
    /// What the bot sent as a rich message.
    pub rich: Option<Value>,
    /// Further fields, as they stand in updates and answers.
    pub fields: Map<String, Value>,
    /// What it said before it was edited, oldest first.
    pub earlier: Vec<String>,
    /// The bot's reactions on it.
    pub reactions: Vec<String>,
    /// Whether it was deleted.
    pub deleted: bool,
    /// When it was sent.
    pub at: SystemTime,
    /// Whether a waiting person has been given it in its present form.
    pub read: bool,
}

/// A file that came with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Media {
    /// What it is shown as, by the name of its field: `document`, `photo`, `video`, `voice`, `audio`, `animation`, …
    pub kind: String,
    /// Its name, empty for none.
    pub name: String,
    /// What is in it.
    pub bytes: Arc<Vec<u8>>,
    /// `file_id`; of a photo that of its largest size.
    pub id: String,
}

impl Message {
    /// An empty message.
    pub fn new(id: i64, from: i64, topic: Option<i64>) -> Self {
        Self {
            id,
            from,
            topic,
            text: String::new(),
            entities: Vec::new(),
            markup: None,
            silent: false,
            reply_to: None,
            document: None,
            media: None,
            album: None,
            rich: None,
            fields: Map::new(),
            earlier: Vec::new(),
            reactions: Vec::new(),
            deleted: false,
            at: SystemTime::now(),
            read: false,
        }
    }

    /// Gives it a file.
    pub fn attach(&mut self, media: Media) {
        self.document = (media.kind == "document").then(|| (media.name.clone(), media.bytes.to_vec()));
        self.media = Some(media);
    }

    /// Name and content of the file that came with it, if it is shown as this kind (`photo`, `voice`, …).
    pub fn file(&self, kind: &str) -> Option<(&str, &[u8])> {
        self.media.as_ref().filter(|media| media.kind == kind).map(|media| (media.name.as_str(), media.bytes.as_slice()))
    }

    /// The labels of its buttons, row by row.
    pub fn buttons(&self) -> Vec<String> {
        self.keys().filter_map(|key| key["text"].as_str().map(str::to_owned)).collect()
    }

    /// What the button with this label sends.
    pub fn button_data(&self, label: &str) -> Option<String> {
        self.keys().find(|key| key["text"] == label).and_then(|key| key["callback_data"].as_str().map(str::to_owned))
    }

    /// The parts of the text with this formatting (`pre`, `bold`, …).
    pub fn formatted(&self, kind: &str) -> Vec<String> {
        let entities = self.entities.iter().filter(|entity| entity["type"] == kind);
        entities.map(|entity| text::covered(&self.text, entity)).collect()
    }

    fn keys(&self) -> impl Iterator<Item = &Value> {
        let rows = self.markup.iter().filter_map(|markup| markup["inline_keyboard"].as_array()).flatten();
        rows.filter_map(Value::as_array).flatten()
    }
}

/// A draft, as a person sees it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its number.
    pub id: i64,
    /// The topic it stands in.
    pub topic: Option<i64>,
    /// Its text.
    pub text: String,
    /// Its formatting.
    pub entities: Vec<Value>,
    /// What the bot sent as a rich message.
    pub rich: Option<Value>,
    /// Whether it has a Stop button.
    pub can_stop: bool,
    /// Whether it stays when the button is pressed.
    pub keep_on_stop: bool,
    /// When it came.
    pub at: SystemTime,
}

/// What sort of chat it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// One person and the bot.
    Private,
    /// A small group, which becomes a supergroup one day.
    Basic,
    /// A supergroup; `true` with topics.
    Group(bool),
}

/// A topic of a chat.
#[derive(Debug, Clone)]
pub struct Topic {
    /// Its name.
    pub name: String,
    /// Whether nobody chose that name.
    pub implicit: bool,
    /// The service message that made it, as it stands in updates: the messages in the topic count as replies to it.
    pub made: Option<Value>,
}

/// A chat.
#[derive(Debug)]
pub struct Chat {
    /// Its number.
    pub id: i64,
    /// Its sort.
    pub kind: Kind,
    /// Whether the person has blocked the bot, or the group has removed it.
    pub blocked: bool,
    /// The supergroup that it has become.
    pub migrated: Option<i64>,
    /// Its topics by number.
    pub topics: BTreeMap<i64, Topic>,
    /// Its messages, oldest first.
    pub messages: Vec<Message>,
    /// Its present drafts by topic.
    pub drafts: BTreeMap<Option<i64>, Draft>,
    /// Every draft that there was, oldest first.
    pub all_drafts: Vec<Draft>,
    /// Chat actions: when, in which topic, what.
    pub actions: Vec<(SystemTime, Option<i64>, String)>,
}

impl Chat {
    /// A chat in which nothing was said.
    pub fn new(id: i64, kind: Kind) -> Self {
        Self {
            id,
            kind,
            blocked: false,
            migrated: None,
            topics: BTreeMap::new(),
            messages: Vec::new(),
            drafts: BTreeMap::new(),
            all_drafts: Vec::new(),
            actions: Vec::new(),
        }
    }

    /// As it stands in messages.
    pub fn json(&self) -> Value {
        match self.kind {
            Kind::Private => json!({"id": self.id, "type": "private", "first_name": format!("Person {}", self.id)}),
            Kind::Basic => json!({"id": self.id, "type": "group", "title": "A group"}),
            Kind::Group(false) => json!({"id": self.id, "type": "supergroup", "title": "A group"}),
            Kind::Group(true) => json!({"id": self.id, "type": "supergroup", "title": "A group", "is_forum": true}),
        }
    }

    /// A message that is still there.
    pub fn message(&mut self, id: i64) -> Option<&mut Message> {
        self.messages.iter_mut().rev().find(|message| message.id == id && !message.deleted)
    }

    /// What a person can read here, for the text of a failed test.
    pub fn transcript(&self) -> String {
        let mut lines = vec![format!("--- chat {} ---", self.id)];
        for message in &self.messages {
            let who = if message.from == BOT { "bot".to_owned() } else { message.from.to_string() };
            let topic = message.topic.map(|topic| format!(" topic {topic}")).unwrap_or_default();
            let deleted = if message.deleted { " (deleted)" } else { "" };
            lines.push(format!("#{}{topic} {who}{deleted}: {}", message.id, message.text));
            lines.extend(message.media.iter().map(|media| format!("    {} {}, {} bytes", media.kind, media.name, media.bytes.len())));
            lines.extend(message.earlier.iter().map(|text| format!("    before: {text}")));
            if !message.buttons().is_empty() {
                lines.push(format!("    [{}]", message.buttons().join("] [")));
            }
            if !message.reactions.is_empty() {
                lines.push(format!("    {}", message.reactions.join(" ")));
            }
        }
        lines.extend(self.drafts.values().map(|draft| format!("draft {}: {}", draft.id, draft.text)));
        lines.join("\n")
    }
}

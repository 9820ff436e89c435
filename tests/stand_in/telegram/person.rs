//! People: what they do, and what they see.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};

use super::chat::{BOT, Chat, Draft, Kind, Message};
use super::state::{State, UserFile, unix};
use super::{Shared, messages, methods, report};

/// A person in a chat.
#[derive(Clone)]
pub struct Person {
    shared: Arc<Shared>,
    chat: i64,
    user: i64,
}

/// What a person does.
impl Person {
    pub(super) fn new(shared: Arc<Shared>, chat: i64, user: i64, language: &str) -> Self {
        let about = json!({"id": user, "is_bot": false, "first_name": format!("Person {user}"), "language_code": language});
        shared.change(|state| state.people.insert(user, about));
        Self { shared, chat, user }
    }

    /// The person's number.
    pub fn user(&self) -> i64 {
        self.user
    }

    /// The chat's number.
    pub fn chat(&self) -> i64 {
        self.chat
    }

    /// Writes a text; gives the message's number.
    pub fn sends(&self, text: &str) -> i64 {
        self.writes(None, text, None, json!({}))
    }

    /// Writes a text in a topic, which is made at first mention.
    pub fn sends_in_topic(&self, topic: i64, text: &str) -> i64 {
        self.writes(Some(topic), text, None, json!({}))
    }

    /// Answers a message of this chat.
    pub fn replies(&self, to: i64, text: &str) -> i64 {
        let answered = self.shared.change(|state| {
            let me = methods::me(state);
            let message = self.message_of(state, to);
            let from = if message.from == BOT { me } else { state.people[&message.from].clone() };
            messages::json(&state.chats[&self.chat], &from, &message)
        });
        let topic = answered["message_thread_id"].as_i64();
        self.writes(topic, text, None, json!({"reply_to_message": answered}))
    }

    /// Sends a message with the given fields besides its own (`photo`, `sticker`, `media_group_id`, …).
    pub fn sends_with(&self, topic: Option<i64>, fields: Value) -> i64 {
        self.writes(topic, "", None, fields)
    }

    /// Sends a photo without words.
    pub fn sends_photo(&self) -> i64 {
        let id = self.shared.change(|state| state.number());
        let photo = json!({"file_id": format!("p{id}"), "file_unique_id": format!("up{id}"), "width": 90, "height": 67, "file_size": 1213});
        self.sends_with(None, json!({"photo": [photo]}))
    }

    /// Sends a document.
    pub fn sends_document(&self, name: &str, bytes: &[u8], caption: &str) -> i64 {
        self.writes(None, caption, Some((name.to_owned(), bytes.to_vec())), json!({}))
    }

    /// Presses the button with this label under the latest message that has one; gives the press's id.
    #[track_caller]
    pub fn presses(&self, label: &str) -> String {
        let found = self.look(|chat| {
            let mut latest = chat.messages.iter().rev().filter(|message| !message.deleted);
            latest.find_map(|message| Some((message.id, message.button_data(label)?)))
        });
        match found {
            Some((message, data)) => self.presses_on(message, &data),
            None => panic!("no button `{label}` to press\n{}", self.transcript()),
        }
    }

    /// Presses a button under a message of this chat with whatever data, as a forged client can.
    #[track_caller]
    pub fn presses_on(&self, message: i64, data: &str) -> String {
        self.shared.change(|state| {
            let (press, me, from) = (format!("press{}", state.number()), methods::me(state), state.people[&self.user].clone());
            let message = self.message_of(state, message);
            let message = messages::json(&state.chats[&self.chat], &me, &message);
            let query = json!({"id": press, "from": from, "message": message, "chat_instance": self.chat.to_string(), "data": data});
            state.presses.insert(press.clone(), true);
            state.update("callback_query", query);
            press
        })
    }

    /// Presses the draft's Stop button.
    #[track_caller]
    pub fn stops_generation(&self) {
        let Some(draft) = self.draft().filter(|draft| draft.can_stop) else { panic!("no draft to stop\n{}", self.transcript()) };
        self.shared.change(|state| {
            let mut stopped = json!({"chat": state.chats[&self.chat].json(), "draft_id": draft.id});
            draft.topic.into_iter().for_each(|topic| stopped["message_thread_id"] = json!(topic));
            state.update("stopped_message_generation", stopped);
        });
    }

    /// Edits a message of one's own.
    pub fn edits(&self, message: i64, text: &str) {
        self.shared.change(|state| {
            let from = state.people[&self.user].clone();
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            let edited = chat.message(message).expect("a message to edit");
            edited.earlier.push(std::mem::replace(&mut edited.text, text.to_owned()));
            let edited = edited.clone();
            let mut json = messages::json(chat, &from, &edited);
            json["edit_date"] = json!(unix(SystemTime::now()));
            state.update("edited_message", json);
        });
    }

    /// Makes a topic; without a name, Telegram gives it one and says so. Gives the topic's number.
    pub fn makes_topic(&self, name: Option<&str>) -> i64 {
        let topic = self.shared.change(|state| state.number());
        let shown = name.unwrap_or("New Chat");
        let mut created = json!({"name": shown, "icon_color": 7_322_096});
        if name.is_none() {
            created["is_name_implicit"] = json!(true);
        }
        self.sends_with(Some(topic), json!({"forum_topic_created": created}));
        self.shared.change(|state| state.chats.get_mut(&self.chat).map(|chat| chat.topics.insert(topic, shown.to_owned())));
        topic
    }

    /// Deletes a topic with all that is in it; the bot is not told.
    pub fn deletes_topic(&self, topic: i64) {
        self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            chat.topics.remove(&topic);
            chat.messages.iter_mut().filter(|message| message.topic == Some(topic)).for_each(|message| message.deleted = true);
        });
    }

    /// Blocks the bot (a group: removes it), or takes it back.
    pub fn blocks(&self, blocked: bool) {
        self.shared.change(|state| {
            let (me, from) = (methods::me(state), state.people[&self.user].clone());
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            chat.blocked = blocked;
            let (member, banned) = (json!({"status": "member", "user": me}), json!({"status": "kicked", "user": me, "until_date": 0}));
            let (old, new) = if blocked { (member, banned) } else { (banned, member) };
            let update =
                json!({"chat": chat.json(), "from": from, "date": unix(SystemTime::now()), "old_chat_member": old, "new_chat_member": new});
            state.update("my_chat_member", update);
        });
    }

    #[track_caller]
    fn message_of(&self, state: &mut State, id: i64) -> Message {
        let message = state.chats.get_mut(&self.chat).and_then(|chat| chat.message(id).cloned());
        message.unwrap_or_else(|| panic!("no message {id} in chat {}", self.chat))
    }

    fn writes(&self, topic: Option<i64>, text: &str, document: Option<(String, Vec<u8>)>, fields: Value) -> i64 {
        let entities = match text.split_whitespace().next() {
            Some(word) if word.starts_with('/') => vec![json!({"type": "bot_command", "offset": 0, "length": word.encode_utf16().count()})],
            _ => Vec::new(),
        };
        self.shared.change(|state| {
            let (id, from) = (state.number(), state.people[&self.user].clone());
            if let Some((_, bytes)) = &document {
                let file = UserFile { size: bytes.len() as u64, bytes: bytes.clone() };
                state.files.insert(format!("d{id}"), file);
            }
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            if let Some(topic) = topic {
                chat.topics.entry(topic).or_insert_with(|| format!("Topic {topic}"));
            }
            let message = Message {
                id,
                from: self.user,
                topic,
                text: text.to_owned(),
                entities,
                markup: None,
                silent: false,
                reply_to: None,
                document,
                earlier: Vec::new(),
                reactions: Vec::new(),
                deleted: false,
                at: SystemTime::now(),
                read: true,
            };
            let mut json = messages::json(chat, &from, &message);
            json.as_object_mut().expect("an object").extend(fields.as_object().cloned().unwrap_or_default());
            chat.messages.push(message);
            state.update("message", json);
            id
        })
    }
}

/// What a person sees.
impl Person {
    /// Waits for a message of the bot in this chat and gives it. A message given once is not given again, unless it was edited since.
    #[track_caller]
    pub fn waits_for_message(&self, wanted: impl Fn(&Message) -> bool) -> Message {
        self.waits("a message", |chat| {
            let mut messages = chat.messages.iter_mut().filter(|message| message.from == BOT && !message.deleted && !message.read);
            let found = messages.find(|message| wanted(message))?;
            found.read = true;
            Some(found.clone())
        })
    }

    /// Waits until the bot shows such a draft.
    #[track_caller]
    pub fn waits_for_draft(&self, wanted: impl Fn(&Draft) -> bool) -> Draft {
        self.waits("a draft", |chat| chat.drafts.values().find(|draft| wanted(draft)).cloned())
    }

    /// Waits until the bot's reaction on a message is this emoji.
    #[track_caller]
    pub fn waits_for_reaction(&self, message: i64, emoji: &str) {
        self.waits(&format!("{emoji} on {message}"), |chat| {
            chat.message(message)?.reactions.iter().any(|reaction| reaction == emoji).then_some(())
        });
    }

    /// Waits until a press is answered; gives the toast, empty for none.
    #[track_caller]
    pub fn waits_for_toast(&self, press: &str) -> String {
        let find = |state: &mut State| state.toasts.iter().find(|(id, _)| id == press).map(|(_, text)| text.clone());
        self.shared.wait("an answer to a press", find, report)
    }

    /// Waits for anything in the chat.
    #[track_caller]
    pub fn waits<T>(&self, what: &str, mut find: impl FnMut(&mut Chat) -> Option<T>) -> T {
        let what = format!("{what} in chat {}", self.chat);
        self.shared.wait(&what, |state| find(state.chats.get_mut(&self.chat)?), report)
    }

    /// Fails the test if the bot says something new here within this time. For what must not happen; anything else can be waited for.
    #[track_caller]
    pub fn hears_nothing_for(&self, time: Duration) {
        let until = Instant::now() + time;
        let seen = self.messages().len();
        let mut state = self.shared.lock();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let said = state.chats[&self.chat].messages.iter().filter(|message| message.from == BOT && !message.deleted).count();
            if left.is_zero() || said > seen {
                drop(state);
                assert!(said <= seen, "the bot was to say nothing\n{}", self.transcript());
                return;
            }
            state = self.shared.pause(state, left);
        }
    }

    /// The bot's messages that are there now, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.look(|chat| chat.messages.iter().filter(|message| message.from == BOT && !message.deleted).cloned().collect())
    }

    /// A message as it is now.
    pub fn message(&self, id: i64) -> Option<Message> {
        self.look(|chat| chat.messages.iter().find(|message| message.id == id && !message.deleted).cloned())
    }

    /// The draft that the person sees now: the newest, for Telegram shows one for about 30 seconds.
    pub fn draft(&self) -> Option<Draft> {
        let shown = |draft: &&Draft| draft.at.elapsed().is_ok_and(|age| age < Duration::from_secs(30));
        self.look(|chat| chat.drafts.values().filter(shown).max_by_key(|draft| draft.at).cloned())
    }

    /// Every draft that there was, oldest first.
    pub fn all_drafts(&self) -> Vec<Draft> {
        self.look(|chat| chat.all_drafts.clone())
    }

    /// The bot's reactions on a message.
    pub fn reactions(&self, message: i64) -> Vec<String> {
        self.message(message).map(|message| message.reactions).unwrap_or_default()
    }

    /// The chat actions so far: when, in which topic, what.
    pub fn actions(&self) -> Vec<(SystemTime, Option<i64>, String)> {
        self.look(|chat| chat.actions.clone())
    }

    /// The name of a topic.
    pub fn topic_name(&self, topic: i64) -> Option<String> {
        self.look(|chat| chat.topics.get(&topic).cloned())
    }

    /// Whether this is a private chat.
    pub fn is_private(&self) -> bool {
        self.look(|chat| chat.kind == Kind::Private)
    }

    /// What can be read in the chat.
    pub fn transcript(&self) -> String {
        self.look(Chat::transcript)
    }

    fn look<T>(&self, look: impl FnOnce(&Chat) -> T) -> T {
        look(&self.shared.lock().chats[&self.chat])
    }
}

//! People: what they do, and what they see.

mod groups;
mod post;
mod sees;
mod topics;

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::chat::Message;
use super::state::{State, unix};
use super::text::TEXT;
use super::{Shared, image, messages, methods};

pub use post::{File, Post};

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
        self.posts(Post::text(text))
    }

    /// Writes a text in a topic, which is made at first mention.
    pub fn sends_in_topic(&self, topic: i64, text: &str) -> i64 {
        self.posts(Post::text(text).topic(topic))
    }

    /// Answers a message of this chat.
    pub fn replies(&self, to: i64, text: &str) -> i64 {
        self.posts(Post::text(text).reply_to(to))
    }

    /// Answers a part of a message of this chat, which the client shows as a quotation.
    pub fn quotes(&self, to: i64, part: &str, text: &str) -> i64 {
        self.posts(Post::text(text).reply_to(to).quote(part))
    }

    /// Sends a text of any length, which the client splits as texts longer than 4096 UTF-16 units are: at the last line break that fits,
    /// without one in mid-word. Telegram cuts white space off both ends of each message. Gives the messages' numbers.
    pub fn pastes(&self, topic: Option<i64>, text: &str) -> Vec<i64> {
        let pieces = pieces(text);
        pieces.into_iter().map(|piece| self.posts(Post { topic, ..Post::text(piece.trim()) })).collect()
    }

    /// Sends a message with the given fields besides its own (`dice`, `poll`, …).
    pub fn sends_with(&self, topic: Option<i64>, fields: Value) -> i64 {
        self.posts(Post { topic, ..Post::other(fields) })
    }

    /// Sends a file without words.
    pub fn sends_file(&self, file: File) -> i64 {
        self.posts(Post::file(file))
    }

    /// Sends a small photo without words.
    pub fn sends_photo(&self) -> i64 {
        self.sends_file(File::photo(&image::png(90, 67)))
    }

    /// Sends a document.
    pub fn sends_document(&self, name: &str, bytes: &[u8], caption: &str) -> i64 {
        self.posts(Post::file(File::document(name, bytes)).caption(caption))
    }

    /// Sends files as an album: each in a message of its own, the words under the first. Gives the messages' numbers.
    pub fn sends_album(&self, topic: Option<i64>, files: Vec<File>, caption: &str) -> Vec<i64> {
        let album = self.shared.change(|state| state.number()).to_string();
        let posts = files.into_iter().enumerate().map(|(index, file)| Post {
            topic,
            text: if index == 0 { caption.to_owned() } else { String::new() },
            ..Post::file(file).album(&album)
        });
        posts.map(|post| self.posts(post)).collect()
    }

    /// Sends a place on the map.
    pub fn sends_location(&self, latitude: f64, longitude: f64) -> i64 {
        self.posts(Post::other(json!({"location": {"latitude": latitude, "longitude": longitude}})))
    }

    /// Sends a place that has a name.
    pub fn sends_venue(&self, title: &str, address: &str, latitude: f64, longitude: f64) -> i64 {
        let location = json!({"latitude": latitude, "longitude": longitude});
        self.posts(Post::other(json!({"location": location, "venue": {"location": location, "title": title, "address": address}})))
    }

    /// Sends somebody's name and telephone number.
    pub fn sends_contact(&self, name: &str, phone: &str) -> i64 {
        self.posts(Post::other(json!({"contact": {"first_name": name, "phone_number": phone}})))
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

    /// Presses the draft's Stop button. The draft disappears, unless it was sent with `keep_on_stop`.
    #[track_caller]
    pub fn stops_generation(&self) {
        let Some(draft) = self.draft().filter(|draft| draft.can_stop) else { panic!("no draft to stop\n{}", self.transcript()) };
        self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            if !draft.keep_on_stop {
                chat.drafts.remove(&draft.topic);
            }
            let mut stopped = json!({"chat": chat.json(), "draft_id": draft.id});
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

    /// Deletes a message, one's own or the bot's; the bot is not told.
    pub fn deletes(&self, message: i64) {
        self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            chat.message(message).expect("a message to delete").deleted = true;
        });
    }

    #[track_caller]
    fn message_of(&self, state: &mut State, id: i64) -> Message {
        let message = state.chats.get_mut(&self.chat).and_then(|chat| chat.message(id).cloned());
        message.unwrap_or_else(|| panic!("no message {id} in chat {}", self.chat))
    }
}

/// Splits a text as clients do.
fn pieces(text: &str) -> Vec<&str> {
    let (mut pieces, mut rest) = (Vec::new(), text);
    loop {
        let mut units = 0;
        let fits = rest.char_indices().find(|(_, character)| {
            units += character.len_utf16();
            units > TEXT
        });
        let Some((end, _)) = fits else { break };
        let end = rest[..end].rfind('\n').filter(|at| *at > 0).unwrap_or(end);
        pieces.push(&rest[..end]);
        rest = &rest[end..];
    }
    pieces.push(rest);
    pieces.retain(|piece| !piece.trim().is_empty());
    pieces
}

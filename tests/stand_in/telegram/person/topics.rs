//! What a person does with topics.

use serde_json::json;

use super::{Person, Post};

/// The colour of a topic's icon that clients take first.
const BLUE: u32 = 7_322_096;

impl Person {
    /// Makes a topic; without a name, Telegram gives it one and says so. Gives the topic's number, which is that of the message about it.
    pub fn makes_topic(&self, name: Option<&str>) -> i64 {
        let shown = name.unwrap_or("New Chat").to_owned();
        let mut created = json!({"name": shown, "icon_color": BLUE});
        if name.is_none() {
            created["is_name_implicit"] = json!(true);
        }
        self.posts(Post { makes: Some((shown, name.is_none())), ..Post::other(json!({"forum_topic_created": created})) })
    }

    /// Gives a topic another name.
    pub fn renames_topic(&self, topic: i64, name: &str) {
        self.posts(Post::other(json!({"forum_topic_edited": {"name": name}})).topic(topic));
        self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            let topic = chat.topics.get_mut(&topic).expect("a topic to rename");
            name.clone_into(&mut topic.name);
            topic.implicit = false;
        });
    }

    /// Deletes a topic with all that is in it; the bot is not told.
    pub fn deletes_topic(&self, topic: i64) {
        self.shared.change(|state| {
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            chat.topics.remove(&topic);
            chat.drafts.remove(&Some(topic));
            chat.messages.iter_mut().filter(|message| message.topic == Some(topic)).for_each(|message| message.deleted = true);
        });
    }
}

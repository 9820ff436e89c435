//! What people do with the bot's place in a chat: block it, remove it, add it, and make a supergroup of a group.

use std::sync::Arc;
use std::time::SystemTime;

use serde_json::{Value, json};

use super::super::chat::{Chat, Kind};
use super::super::methods;
use super::super::state::unix;
use super::{Person, Post};

impl Person {
    /// Blocks the bot (a group: removes it), or takes it back.
    pub fn blocks(&self, blocked: bool) {
        let private = self.is_private();
        self.shared.change(|state| {
            let (me, from) = (methods::me(state), state.people[&self.user].clone());
            let chat = state.chats.get_mut(&self.chat).expect("the chat");
            chat.blocked = blocked;
            let (member, banned) = (json!({"status": "member", "user": me}), json!({"status": "kicked", "user": me, "until_date": 0}));
            let out = if private || blocked { banned } else { json!({"status": "left", "user": me}) };
            let (old, new) = if blocked { (member, out) } else { (out, member) };
            let date = unix(SystemTime::now());
            let change: Value = json!({"chat": chat.json(), "from": from, "date": date, "old_chat_member": old, "new_chat_member": new});
            state.update("my_chat_member", change);
        });
    }

    /// Removes the bot from the group.
    pub fn removes_bot(&self) {
        self.blocks(true);
    }

    /// Adds the bot to the group again.
    pub fn adds_bot(&self) {
        self.blocks(false);
        let me = self.shared.change(|state| methods::me(state));
        self.posts(Post::other(json!({"new_chat_members": [me]})));
    }

    /// The small group becomes a supergroup of this number, with or without topics; gives the person there. The old group takes nothing
    /// any more and names the new one.
    pub fn upgrades_group(&self, to: i64, forum: bool) -> Self {
        let here = self.look(|chat| chat.kind);
        assert_eq!(here, Kind::Basic, "only a small group becomes a supergroup");
        self.shared.change(|state| state.chats.insert(to, Chat::new(to, Kind::Group(forum))));
        self.posts(Post::other(json!({"migrate_to_chat_id": to})));
        self.shared.change(|state| state.chats.get_mut(&self.chat).expect("the chat").migrated = Some(to));
        let there = self.in_chat(to);
        there.posts(Post::other(json!({"migrate_from_chat_id": self.chat})));
        there
    }

    /// The same person in another chat, which is there.
    pub fn in_chat(&self, chat: i64) -> Self {
        Self { shared: Arc::clone(&self.shared), chat, user: self.user }
    }
}

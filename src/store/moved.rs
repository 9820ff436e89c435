//! A chat that goes on under another number, as a Telegram group that becomes a supergroup. Also: a chat that is given up.
//!
//! Each tree is changed at once or not at all, and what has moved is not there to be moved again: so the whole can be repeated after a crash.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::record::{channel_byte, decode, encode, number, thread_key};
use super::{Entry, SessionRecord, Store, StoreError, WorkspaceRecord};
use crate::model::outbound::{Edit, Message};
use crate::model::{ChannelKind, ThreadId};

/// Bytes of a user in a key.
const USER: usize = 9;

/// Bytes of a thread in a key.
const THREAD: usize = 17;

/// From which chat to which.
#[derive(Clone, Copy)]
struct Move {
    channel: ChannelKind,
    from: i64,
    to: i64,
}

impl Move {
    /// Where the thread in a key moves to; `None` when it stays.
    fn of_key(self, bytes: &[u8]) -> Option<ThreadId> {
        let bytes = bytes.first_chunk::<THREAD>()?;
        let [channel, numbers @ ..] = bytes;
        let (chat, topic) = (number(numbers.get(..8)?).cast_signed(), number(numbers.get(8..)?).cast_signed());
        let is_it = *channel == channel_byte(self.channel) && chat == self.from;
        is_it.then_some(ThreadId { channel: self.channel, chat: self.to, topic })
    }

    fn of_thread(self, thread: ThreadId) -> Option<ThreadId> {
        let is_it = thread.channel == self.channel && thread.chat == self.from;
        is_it.then_some(ThreadId { chat: self.to, ..thread })
    }
}

impl Store {
    /// Everything of chat `from` is of chat `to` from here on: sessions, workspaces (which stay where they are on the disk), the outbox and
    /// the inbox. Where both have a session or a workspace, the one used last stays. The messages that stand in the old chat are forgotten,
    /// and messages that were to rewrite one of those by its number are dropped: numbers mean others in the new chat. Says whether there was
    /// anything. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read. What has moved by then stays moved.
    pub fn move_chat(&self, channel: ChannelKind, from: i64, to: i64) -> Result<bool, StoreError> {
        if from == to {
            return Ok(false);
        }
        let order = Move { channel, from, to };
        let mut moved = self.move_owned(&self.sessions, order, |_: &mut SessionRecord, _| {}, |record| record.last_used)?;
        let enter = |record: &mut WorkspaceRecord, thread| record.thread = thread;
        moved |= self.move_owned(&self.workspaces, order, enter, |record| record.last_used)?;
        moved |= self.move_outbox(order)?;
        moved |= self.move_inbox(order)?;
        moved |= forget(&self.shown, order)?;
        Ok(moved)
    }

    /// Throws away what waits for a chat that the bot cannot write to any more. Says how many messages that were. Durable after the next
    /// flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn give_up_chat(&self, channel: ChannelKind, chat: i64) -> Result<usize, StoreError> {
        let order = Move { channel, from: chat, to: chat };
        let before = self.outbox.len();
        forget(&self.outbox, order)?;
        Ok(before.saturating_sub(self.outbox.len()))
    }

    /// Moves records whose keys begin with their owner and thread.
    fn move_owned<T: Serialize + DeserializeOwned>(
        &self,
        tree: &sled::Tree,
        order: Move,
        enter: impl Fn(&mut T, ThreadId),
        last_used: impl Fn(&T) -> u64,
    ) -> Result<bool, StoreError> {
        let mut batch = sled::Batch::default();
        let mut moved = false;
        for pair in tree {
            let (key, value) = pair?;
            let Some((user, rest)) = key.split_first_chunk::<USER>() else { continue };
            let Some(thread) = order.of_key(rest) else { continue };
            let mut record: T = decode(&value)?;
            enter(&mut record, thread);
            let new = [user.as_slice(), &thread_key(&thread), rest.get(THREAD..).unwrap_or_default()].concat();
            let there: Option<T> = tree.get(&new)?.map(|value| decode(&value)).transpose()?;
            if there.is_none_or(|there| last_used(&there) < last_used(&record)) {
                batch.insert(new, encode(&record)?);
            }
            batch.remove(key);
            moved = true;
        }
        tree.apply_batch(batch)?;
        Ok(moved)
    }

    fn move_outbox(&self, order: Move) -> Result<bool, StoreError> {
        let mut batch = sled::Batch::default();
        let mut moved = false;
        for pair in &self.outbox {
            let (key, value) = pair?;
            let Some(thread) = order.of_key(&key) else { continue };
            let message = Message { thread, ..decode(&value)? };
            if !matches!(message.edit, Some(Edit::Number(_))) {
                batch.insert([thread_key(&thread).as_slice(), key.get(THREAD..).unwrap_or_default()].concat(), encode(&message)?);
            }
            batch.remove(key);
            moved = true;
        }
        self.outbox.apply_batch(batch)?;
        Ok(moved)
    }

    fn move_inbox(&self, order: Move) -> Result<bool, StoreError> {
        let mut batch = sled::Batch::default();
        let mut moved = false;
        for pair in &self.inbox {
            let (key, value) = pair?;
            let mut entry: Entry = decode(&value)?;
            let Some(thread) = order.of_thread(entry.inbound.thread) else { continue };
            entry.inbound.thread = thread;
            batch.insert(key, encode(&entry)?);
            moved = true;
        }
        self.inbox.apply_batch(batch)?;
        Ok(moved)
    }
}

/// Forgets the records whose keys begin with a thread of that chat.
fn forget(tree: &sled::Tree, order: Move) -> Result<bool, StoreError> {
    let mut batch = sled::Batch::default();
    let mut found = false;
    for key in tree.iter().keys() {
        let key = key?;
        if order.of_key(&key).is_some() {
            batch.remove(key);
            found = true;
        }
    }
    tree.apply_batch(batch)?;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::inbound::{Content, Inbound};
    use crate::model::{AgentName, UserId};
    use crate::store::{SessionKey, Shown};

    const ANA: UserId = UserId { channel: ChannelKind::Telegram, number: 7 };

    fn group(chat: i64) -> ThreadId {
        ThreadId::telegram(chat, None)
    }

    fn key(chat: i64) -> SessionKey {
        SessionKey { user: ANA, thread: group(chat), agent: "kiro".parse::<AgentName>().unwrap() }
    }

    fn session(title: &str, last_used: u64) -> SessionRecord {
        SessionRecord { title: title.to_owned(), last_used, ..SessionRecord::new(ANA) }
    }

    fn workspace(chat: i64) -> WorkspaceRecord {
        WorkspaceRecord { owner: ANA, thread: group(chat), path: format!("ana/{chat}"), last_used: 5, size: 1 }
    }

    fn move_it(store: &Store) -> bool {
        store.move_chat(ChannelKind::Telegram, -5, -1005).unwrap()
    }

    #[test]
    fn all_that_a_group_had_is_the_supergroup_s_and_moving_again_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.put_session(&key(-5), &session("talk", 9)).unwrap();
        store.put_workspace(&workspace(-5)).unwrap();
        for text in ["one", "two"] {
            store.post(&Message::notice(group(-5), text.to_owned())).unwrap();
        }
        store.post(&Message { edit: Some(Edit::Number(3)), ..Message::notice(group(-5), "edit".to_owned()) }).unwrap();
        let content = Content::text(1, "hi".to_owned());
        let inbound = Inbound { user: ANA, thread: group(-5), event: 1, at: 0, language: None, content };
        let entry = store.take_in(&inbound).unwrap().unwrap();
        store.put_shown(&group(-5), "queue:1", &Shown { message: 4, text: String::new(), at: 0 }).unwrap();
        assert!(move_it(&store));
        for _ in 0..2 {
            assert_eq!(store.session(&key(-1005)).unwrap().title, "talk");
            assert_eq!(store.session(&key(-5)).unwrap(), SessionRecord::new(ANA));
            let moved = store.workspace(&ANA, &group(-1005)).unwrap().unwrap();
            assert_eq!((moved.thread, moved.path.as_str()), (group(-1005), "ana/-5"));
            assert_eq!(store.outbox_threads(ChannelKind::Telegram).unwrap(), [group(-1005)]);
            let (first, message) = store.outbox_next(&group(-1005)).unwrap().unwrap();
            assert_eq!((message.markdown.as_str(), message.thread), ("one", group(-1005)));
            let (second, message) = store.outbox_after(&group(-1005), Some(&first)).unwrap().unwrap();
            assert_eq!(message.markdown, "two");
            assert_eq!(store.outbox_after(&group(-1005), Some(&second)).unwrap(), None, "its number means another message there");
            assert_eq!(store.entry(entry).unwrap().unwrap().inbound.thread, group(-1005));
            assert_eq!(store.shown(&group(-5), "queue:1").unwrap(), None);
            assert!(!move_it(&store));
        }
    }

    #[test]
    fn other_chats_stay_and_of_two_the_one_used_last_is_kept() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.put_session(&key(-6), &session("other", 1)).unwrap();
        store.put_session(&key(-5), &session("old", 3)).unwrap();
        store.put_session(&key(-1005), &session("new", 4)).unwrap();
        assert!(move_it(&store));
        assert_eq!(store.session(&key(-1005)).unwrap().title, "new");
        store.put_session(&key(-5), &session("later", 5)).unwrap();
        assert!(move_it(&store));
        assert_eq!(store.session(&key(-1005)).unwrap().title, "later");
        assert_eq!(store.session(&key(-6)).unwrap().title, "other");
        assert!(!store.move_chat(ChannelKind::Telegram, -6, -6).unwrap());
        assert_eq!(store.session(&key(-6)).unwrap().title, "other");
    }

    #[test]
    fn a_chat_that_is_given_up_gets_nothing_and_others_do() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        for thread in [group(-5), ThreadId::telegram(-5, Some(3)), group(-6)] {
            store.post(&Message::notice(thread, "hi".to_owned())).unwrap();
        }
        assert_eq!(store.give_up_chat(ChannelKind::Telegram, -5).unwrap(), 2);
        assert_eq!(store.outbox_threads(ChannelKind::Telegram).unwrap(), [group(-6)]);
    }
}

//! Sessions and workspaces, each under its owner's name: a key that lacks the owner cannot be written, so no access goes without one.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::record::{decode, encode, thread_key, user_key};
use super::{Store, StoreError};
use crate::model::inbound::Content;
use crate::model::permission::ToolKind;
use crate::model::{AcpSessionId, AgentName, ThreadId, UserId};

/// Former sessions kept per thread, so that one that could not be loaded, or was left by `/new`, can be taken up again: some 8 KB of a
/// record, and six pages of a phone.
const FORMER: usize = 50;

/// Notes kept for the agent: a turn has at most twenty files that could fail.
const NOTES: usize = 20;

/// Whose session, where, with which agent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// The owner.
    pub user: UserId,
    /// The thread.
    pub thread: ThreadId,
    /// The agent.
    pub agent: AgentName,
}

/// What a thread of a person has with an agent: the present conversation, the former ones, and what was chosen for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The owner; compared with the key's at every reading.
    pub owner: UserId,
    /// The agent's id of the conversation; `None` before the first prompt and after `/new`.
    pub acp: Option<AcpSessionId>,
    /// What it is about: the agent's title of it, else its first prompt's beginning.
    #[serde(default)]
    pub title: String,
    /// The model that the person chose, applied whenever the session is opened.
    pub model: Option<String>,
    /// The models that the agent last offered: id and name.
    #[serde(default)]
    pub models: Vec<(String, String)>,
    /// The mode that the person chose, applied like the model.
    #[serde(default)]
    pub mode: Option<String>,
    /// The modes that the agent last offered: id and name.
    #[serde(default)]
    pub modes: Vec<(String, String)>,
    /// The agent's own commands, when it last told them: name and description.
    #[serde(default)]
    pub commands: Vec<(String, String)>,
    /// Kinds of tool for which the person said "always" in this session.
    #[serde(default)]
    pub always: BTreeSet<ToolKind>,
    /// Former conversations of this thread, latest last.
    #[serde(default)]
    pub former: Vec<Conversation>,
    /// What the agent last said about its use.
    #[serde(default)]
    pub usage: LastUsage,
    /// What the bot has to tell the agent with the next prompt, such as a file that could not be sent; at most [`NOTES`].
    #[serde(default)]
    pub notes: Vec<String>,
    /// The last prompt, for `/retry`.
    #[serde(default)]
    pub last: Option<Content>,
    /// Whether the bot is still to name this thread.
    #[serde(default)]
    pub unnamed: bool,
    /// Unix seconds of the last turn.
    pub last_used: u64,
}

/// A conversation that the thread has left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// The agent's id of it.
    pub id: AcpSessionId,
    /// What it was about; may be empty.
    #[serde(default)]
    pub title: String,
    /// Unix seconds of its last turn.
    #[serde(default)]
    pub last_used: u64,
}

/// What an agent said about its use, whatever of it it knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastUsage {
    /// Tokens in the context.
    #[serde(default)]
    pub used: Option<u64>,
    /// Tokens that fit into it.
    #[serde(default)]
    pub size: Option<u64>,
    /// How full the context is, in tenths of a percent.
    #[serde(default)]
    pub permille: Option<u32>,
    /// What it has cost, as text with its unit (`0.25 USD`).
    #[serde(default)]
    pub cost: Option<String>,
}

impl SessionRecord {
    /// A session that has not begun.
    pub fn new(owner: UserId) -> Self {
        Self {
            owner,
            acp: None,
            title: String::new(),
            model: None,
            models: Vec::new(),
            mode: None,
            modes: Vec::new(),
            commands: Vec::new(),
            always: BTreeSet::new(),
            former: Vec::new(),
            usage: LastUsage::default(),
            notes: Vec::new(),
            last: None,
            unnamed: false,
            last_used: 0,
        }
    }

    /// Leaves the present conversation for a new one; the old one is kept among the former ones, what was chosen stays.
    pub fn leave(&mut self) {
        if let Some(id) = self.acp.take() {
            self.former.retain(|former| former.id != id);
            self.former.push(Conversation { id, title: std::mem::take(&mut self.title), last_used: self.last_used });
        }
        self.bound_former();
        self.title.clear();
        self.always.clear();
        self.usage = LastUsage::default();
        self.last = None;
    }

    /// Takes up another conversation; the present one is left for it.
    pub fn take_up(&mut self, conversation: Conversation) {
        self.leave();
        self.former.retain(|former| former.id != conversation.id);
        self.acp = Some(conversation.id);
        self.title = conversation.title;
        self.last_used = conversation.last_used;
    }

    /// Takes in the conversations that the agent lists: new ones are former ones, of known ones it knows better. Of too many the oldest
    /// are let go of.
    pub fn recall(&mut self, listed: impl IntoIterator<Item = Conversation>) {
        for conversation in listed {
            let known = if self.acp.as_ref() == Some(&conversation.id) {
                Some((&mut self.title, &mut self.last_used))
            } else {
                let former = self.former.iter_mut().find(|former| former.id == conversation.id);
                former.map(|former| (&mut former.title, &mut former.last_used))
            };
            match known {
                Some((title, last_used)) => {
                    *last_used = conversation.last_used.max(*last_used);
                    if !conversation.title.is_empty() {
                        *title = conversation.title;
                    }
                }
                None => self.former.push(conversation),
            }
        }
        self.former.sort_by_key(|former| former.last_used);
        self.bound_former();
    }

    fn bound_former(&mut self) {
        let surplus = self.former.len().saturating_sub(FORMER);
        self.former.drain(..surplus);
    }

    /// Has something told to the agent with the next prompt. Of too many the oldest are left out.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
        let surplus = self.notes.len().saturating_sub(NOTES);
        self.notes.drain(..surplus);
    }
}

/// One workspace: the directory of one thread of one user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceRecord {
    /// The owner; compared with the key's at every reading.
    pub owner: UserId,
    /// The thread.
    pub thread: ThreadId,
    /// Where it is, below `WORKSPACE_BASE_PATH`.
    pub path: String,
    /// Unix seconds of the last turn.
    pub last_used: u64,
    /// Bytes in it when it was last measured.
    pub size: u64,
}

impl Store {
    /// The session of a key; a new one where there is none.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`], sled failed, or the record cannot be read.
    pub fn session(&self, key: &SessionKey) -> Result<SessionRecord, StoreError> {
        let Some(value) = self.sessions.get(key_bytes(key))? else { return Ok(SessionRecord::new(key.user)) };
        owned(decode(&value)?, key.user, |record: &SessionRecord| record.owner)
    }

    /// Writes the session of a key. Durable after the next flush.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`] or sled failed.
    pub fn put_session(&self, key: &SessionKey, record: &SessionRecord) -> Result<(), StoreError> {
        if record.owner != key.user {
            return Err(StoreError::NotOwner);
        }
        self.sessions.insert(key_bytes(key), encode(record)?)?;
        Ok(())
    }

    /// The workspace of a user's thread.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`], sled failed, or the record cannot be read.
    pub fn workspace(&self, user: &UserId, thread: &ThreadId) -> Result<Option<WorkspaceRecord>, StoreError> {
        let Some(value) = self.workspaces.get(workspace_key(user, thread))? else { return Ok(None) };
        owned(decode(&value)?, *user, |record: &WorkspaceRecord| record.owner).map(Some)
    }

    /// Registers a workspace, or writes it anew. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn put_workspace(&self, record: &WorkspaceRecord) -> Result<(), StoreError> {
        self.workspaces.insert(workspace_key(&record.owner, &record.thread), encode(record)?)?;
        Ok(())
    }
}

/// A record whose owner is not the one in its key was not written by this code: it is refused.
pub(super) fn owned<T>(record: T, user: UserId, owner: impl Fn(&T) -> UserId) -> Result<T, StoreError> {
    if owner(&record) == user { Ok(record) } else { Err(StoreError::NotOwner) }
}

fn workspace_key(user: &UserId, thread: &ThreadId) -> Vec<u8> {
    [user_key(user).as_slice(), thread_key(thread).as_slice()].concat()
}

fn key_bytes(key: &SessionKey) -> Vec<u8> {
    [user_key(&key.user).as_slice(), thread_key(&key.thread).as_slice(), key.agent.as_str().as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conversation(id: &str, title: &str, last_used: u64) -> Conversation {
        Conversation { id: id.parse().unwrap(), title: title.to_owned(), last_used }
    }

    fn record() -> SessionRecord {
        let mut record = SessionRecord::new(UserId::telegram(1));
        record.take_up(conversation("a", "about a", 10));
        record.take_up(conversation("b", "about b", 30));
        record
    }

    #[test]
    fn a_conversation_that_is_taken_up_keeps_its_title_and_its_age() {
        let mut record = record();
        assert_eq!(record.former, [conversation("a", "about a", 10)]);
        record.take_up(conversation("a", "about a", 10));
        assert_eq!((record.title.as_str(), record.last_used), ("about a", 10));
        assert_eq!(record.former, [conversation("b", "about b", 30)]);
    }

    #[test]
    fn what_the_agent_lists_is_merged_by_id_with_the_latest_last() {
        let mut record = record();
        record.recall([conversation("b", "the agent's b", 40), conversation("a", "", 5), conversation("c", "about c", 7)]);
        assert_eq!((record.title.as_str(), record.last_used), ("the agent's b", 40));
        assert_eq!(record.former, [conversation("c", "about c", 7), conversation("a", "about a", 10)]);
    }

    #[test]
    fn of_too_many_conversations_the_oldest_are_let_go_of() {
        let mut record = record();
        record.recall((0..200).map(|number| conversation(&format!("c{number}"), "", 100 + number)));
        assert_eq!(record.former.len(), FORMER);
        assert_eq!(record.former.last(), Some(&conversation("c199", "", 299)));
        assert_eq!(record.former.first(), Some(&conversation("c150", "", 250)));
    }
}

//! The inbox: what was taken in and is not yet done with, each event once.

use serde::{Deserialize, Serialize};

use super::record::{channel_byte, decode, encode, number};
use super::{Store, StoreError};
use crate::model::inbound::{Content, Inbound};
use crate::model::outbound::Message;
use crate::model::{ChannelKind, UserId};

/// Events remembered per channel to know a repeated one. Telegram repeats only what was not confirmed, 100 at a time; and after a week
/// without updates its numbers start anew at random, so that a mere "greater than the last" would lose some.
const SEEN: u64 = 4096;

/// Entries of one person that wait for a tap on Retry; of more the oldest is let go. Nobody scrolls back further to try something again.
const INTERRUPTED: usize = 50;

/// An entry's number; grows with arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not yet given to the agent: after a crash it is given.
    Waiting,
    /// Given to the agent, or about to be: after a crash it is not given again by itself.
    Delivered,
    /// Its turn did not end well, and the person was told so: given again only when they ask.
    Interrupted,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// What the person did.
    pub inbound: Inbound,
    /// How far it has come.
    pub phase: Phase,
}

impl Store {
    /// Takes an event in, unless it was taken in before: then `None`. Durable after the next flush.
    ///
    /// # Errors
    /// The disk is full, or sled failed.
    pub fn take_in(&self, inbound: &Inbound) -> Result<Option<EntryId>, StoreError> {
        // An event that is refused is remembered too: who was told to send it again is not answered twice.
        if !self.first_time(inbound.thread.channel, inbound.event)? {
            return Ok(None);
        }
        self.check_space()?;
        let id = EntryId(self.next_id()?);
        self.inbox.insert(id.0.to_be_bytes(), encode(&Entry { inbound: inbound.clone(), phase: Phase::Waiting })?)?;
        Ok(Some(id))
    }

    /// Remembers an event and forgets the one that was [`SEEN`] before it.
    fn first_time(&self, channel: ChannelKind, event: i64) -> Result<bool, StoreError> {
        let channel = channel_byte(channel);
        let key = seen_key(channel, event.to_be_bytes());
        if self.seen.insert(key, &[])?.is_some() {
            return Ok(false);
        }
        let arrival = self.count(&format!("seen-{}", char::from(channel)))?;
        let slot = seen_key(channel, (arrival % SEEN).to_be_bytes());
        if let Some(oldest) = self.seen_ring.insert(slot, &event.to_be_bytes())?
            && let Ok(oldest) = <[u8; 8]>::try_from(oldest.as_ref())
        {
            self.seen.remove(seen_key(channel, oldest))?;
        }
        Ok(true)
    }

    /// Everything in the inbox, oldest first.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn inbox(&self) -> Result<Vec<(EntryId, Entry)>, StoreError> {
        self.inbox.iter().map(|pair| pair.map_err(StoreError::from).and_then(|(k, v)| Ok((EntryId(number(&k)), decode(&v)?)))).collect()
    }

    /// How many entries there are.
    pub fn inbox_len(&self) -> usize {
        self.inbox.len()
    }

    /// One entry; `None` when it is done with.
    ///
    /// # Errors
    /// sled failed, or the record cannot be read.
    pub fn entry(&self, id: EntryId) -> Result<Option<Entry>, StoreError> {
        self.inbox.get(id.0.to_be_bytes())?.map(|value| decode(&value)).transpose()
    }

    /// Moves an entry to another phase; nothing happens when it is done with. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn mark(&self, id: EntryId, phase: Phase) -> Result<(), StoreError> {
        let Some(entry) = self.entry(id)? else { return Ok(()) };
        self.inbox.insert(id.0.to_be_bytes(), encode(&Entry { phase, ..entry })?)?;
        Ok(())
    }

    /// An entry holds something else from here on: a prompt that was edited while it waited. Nothing happens when it is done with.
    /// Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn rewrite(&self, id: EntryId, content: Content) -> Result<(), StoreError> {
        let Some(entry) = self.entry(id)? else { return Ok(()) };
        let inbound = Inbound { content, ..entry.inbound };
        self.inbox.insert(id.0.to_be_bytes(), encode(&Entry { inbound, ..entry })?)?;
        Ok(())
    }

    /// Several entries were parts of one prompt: the first holds all of it, the others are done with, both or neither after a crash.
    /// Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn join(&self, first: EntryId, content: Content, others: &[EntryId]) -> Result<(), StoreError> {
        let Some(entry) = self.entry(first)? else { return Ok(()) };
        let inbound = Inbound { content, ..entry.inbound };
        let mut batch = sled::Batch::default();
        batch.insert(&first.0.to_be_bytes(), encode(&Entry { inbound, ..entry })?);
        others.iter().for_each(|other| batch.remove(&other.0.to_be_bytes()));
        Ok(self.inbox.apply_batch(batch)?)
    }

    /// Done with an entry, and this is what came of it: both or neither survive a crash. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn settle(&self, id: EntryId, answer: Option<&Message>) -> Result<(), StoreError> {
        let Some(answer) = answer else {
            self.inbox.remove(id.0.to_be_bytes())?;
            return Ok(());
        };
        let (key, value) = self.outbox_record(answer)?;
        self.both_trees(|inbox, outbox| {
            inbox.remove(&id.0.to_be_bytes())?;
            outbox.insert(key.as_slice(), value.as_slice())?;
            Ok(())
        })
    }

    /// An entry's turn ended badly and this tells the person: both or neither survive a crash. Durable after the next flush. Gives the entry
    /// of the person that was let go for it, where they have [`INTERRUPTED`] already.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn interrupt(&self, id: EntryId, notice: &Message) -> Result<Option<EntryId>, StoreError> {
        let Some(entry) = self.entry(id)? else { return self.post(notice).map(|()| None) };
        let given_up = self.oldest_surplus(id, &entry.inbound.user)?;
        let entry = encode(&Entry { phase: Phase::Interrupted, ..entry })?;
        let (key, value) = self.outbox_record(notice)?;
        self.both_trees(|inbox, outbox| {
            inbox.insert(&id.0.to_be_bytes(), entry.as_slice())?;
            if let Some(EntryId(oldest)) = given_up {
                inbox.remove(&oldest.to_be_bytes())?;
            }
            outbox.insert(key.as_slice(), value.as_slice())?;
            Ok(())
        })?;
        Ok(given_up)
    }

    /// The oldest of a person's other interrupted entries, where there is no room for one more.
    fn oldest_surplus(&self, id: EntryId, user: &UserId) -> Result<Option<EntryId>, StoreError> {
        let (mut oldest, mut count) = (None, 0);
        for pair in &self.inbox {
            let (key, value) = pair?;
            let (other, entry) = (EntryId(number(&key)), decode::<Entry>(&value)?);
            if other != id && entry.phase == Phase::Interrupted && entry.inbound.user == *user {
                oldest = oldest.or(Some(other));
                count += 1;
            }
        }
        Ok(oldest.filter(|_| count >= INTERRUPTED))
    }

    fn both_trees(
        &self,
        act: impl Fn(
            &sled::transaction::TransactionalTree,
            &sled::transaction::TransactionalTree,
        ) -> sled::transaction::ConflictableTransactionResult<(), std::convert::Infallible>,
    ) -> Result<(), StoreError> {
        use sled::Transactional;
        use sled::transaction::TransactionError;
        (&self.inbox, &self.outbox).transaction(|(inbox, outbox)| act(inbox, outbox)).map_err(|error| match error {
            TransactionError::Storage(error) => StoreError::from(error),
            TransactionError::Abort(never) => match never {},
        })
    }
}

fn seen_key(channel: u8, number: [u8; 8]) -> [u8; 9] {
    let mut key = [channel; 9];
    key[1..].copy_from_slice(&number);
    key
}

//! The outbox: messages that must arrive, in order per thread.

use super::record::{decode, encode, number, thread_key};
use super::{Store, StoreError};
use crate::model::outbound::Message;
use crate::model::{ChannelKind, ThreadId};

/// Messages that wait for one thread at most. A chat that cannot be reached for longer than that many turns loses the oldest.
const WAITING: usize = 200;

/// A message's place in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct OutboxId(Vec<u8>);

impl Store {
    /// Puts a message into the outbox. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn post(&self, message: &Message) -> Result<(), StoreError> {
        let (key, value) = self.outbox_record(message)?;
        self.outbox.insert(key, value)?;
        Ok(())
    }

    pub(super) fn outbox_record(&self, message: &Message) -> Result<(Vec<u8>, Vec<u8>), StoreError> {
        let prefix = thread_key(&message.thread);
        if self.outbox.scan_prefix(prefix).count() >= WAITING
            && let Some(oldest) = self.outbox.scan_prefix(prefix).keys().next()
        {
            tracing::warn!(thread = %message.thread, "the outbox of this thread is full; its oldest message is dropped");
            self.outbox.remove(oldest?)?;
        }
        let mut key = prefix.to_vec();
        key.extend_from_slice(&self.next_id()?.to_be_bytes());
        Ok((key, encode(message)?))
    }

    /// The next message for a thread, oldest first. It stays until [`Store::outbox_done`].
    ///
    /// # Errors
    /// sled failed, or the record cannot be read.
    pub fn outbox_next(&self, thread: &ThreadId) -> Result<Option<(OutboxId, Message)>, StoreError> {
        let first = self.outbox.scan_prefix(thread_key(thread)).next().transpose()?;
        first.map(|(key, value)| Ok((OutboxId(key.to_vec()), decode(&value)?))).transpose()
    }

    /// The message for a thread that follows `last`, or the first one. For a channel that sends several before the first is confirmed.
    ///
    /// # Errors
    /// sled failed, or the record cannot be read.
    pub fn outbox_after(&self, thread: &ThreadId, last: Option<&OutboxId>) -> Result<Option<(OutboxId, Message)>, StoreError> {
        for pair in self.outbox.scan_prefix(thread_key(thread)) {
            let (key, value) = pair?;
            if last.is_none_or(|last| key.as_ref() > last.0.as_slice()) {
                return Ok(Some((OutboxId(key.to_vec()), decode(&value)?)));
            }
        }
        Ok(None)
    }

    /// The channel has confirmed the first `sent` pieces of a message.
    ///
    /// # Errors
    /// sled failed.
    pub fn outbox_progress(&self, id: &OutboxId, sent: usize) -> Result<(), StoreError> {
        let Some(value) = self.outbox.get(&id.0)? else { return Ok(()) };
        let message = Message { sent, ..decode(&value)? };
        self.outbox.insert(id.0.as_slice(), encode(&message)?)?;
        Ok(())
    }

    /// The channel has confirmed all of a message, or it can never arrive.
    ///
    /// # Errors
    /// sled failed.
    pub fn outbox_done(&self, id: &OutboxId) -> Result<(), StoreError> {
        self.outbox.remove(&id.0)?;
        Ok(())
    }

    /// Whether everything has been delivered.
    pub fn outbox_is_empty(&self) -> bool {
        self.outbox.is_empty()
    }

    /// How many messages wait to be delivered.
    pub fn outbox_len(&self) -> usize {
        self.outbox.len()
    }

    /// The threads of a channel that have something to be delivered.
    ///
    /// # Errors
    /// sled failed.
    pub fn outbox_threads(&self, channel: ChannelKind) -> Result<Vec<ThreadId>, StoreError> {
        let mut threads = Vec::new();
        for key in self.outbox.iter().keys() {
            let thread = thread_of(&key?, channel);
            if let Some(thread) = thread
                && threads.last() != Some(&thread)
            {
                threads.push(thread);
            }
        }
        Ok(threads)
    }
}

fn thread_of(key: &[u8], channel: ChannelKind) -> Option<ThreadId> {
    let thread = ThreadId { channel, chat: number(key.get(..9)?).cast_signed(), topic: number(key.get(..17)?).cast_signed() };
    (key.starts_with(&thread_key(&thread))).then_some(thread)
}

//! Messages that stand in a chat and may be rewritten later, by a tag that the gateway gave them.

use serde::{Deserialize, Serialize};

use super::record::{decode, encode, number, thread_key};
use super::{Store, StoreError};
use crate::model::{ChannelKind, ThreadId};

/// Messages remembered per thread. A queue has at most twenty notices and a turn sixteen questions; beyond them the oldest keep their buttons.
const SHOWN: usize = 64;

/// A message that stands in a chat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shown {
    /// The channel's number of it.
    pub message: i64,
    /// Its text as it stands, for a channel that can only rewrite the whole.
    #[serde(default)]
    pub text: String,
    /// When it was sent, in Unix seconds.
    pub at: u64,
}

impl Store {
    /// Remembers the message of a tag. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn put_shown(&self, thread: &ThreadId, tag: &str, shown: &Shown) -> Result<(), StoreError> {
        let prefix = thread_key(thread);
        if self.shown.scan_prefix(prefix).count() >= SHOWN {
            let mut oldest: Option<(u64, sled::IVec)> = None;
            for pair in self.shown.scan_prefix(prefix) {
                let (key, value) = pair?;
                let at = decode::<Shown>(&value)?.at;
                if oldest.as_ref().is_none_or(|(least, _)| at < *least) {
                    oldest = Some((at, key));
                }
            }
            if let Some((_, key)) = oldest {
                self.shown.remove(key)?;
            }
        }
        self.shown.insert(shown_key(thread, tag), encode(shown)?)?;
        Ok(())
    }

    /// The message of a tag.
    ///
    /// # Errors
    /// sled failed, or the record cannot be read.
    pub fn shown(&self, thread: &ThreadId, tag: &str) -> Result<Option<Shown>, StoreError> {
        self.shown.get(shown_key(thread, tag))?.map(|value| decode(&value)).transpose()
    }

    /// Forgets the message of a tag. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn forget_shown(&self, thread: &ThreadId, tag: &str) -> Result<(), StoreError> {
        self.shown.remove(shown_key(thread, tag))?;
        Ok(())
    }

    /// All messages of a channel whose tags begin with `prefix`: thread, tag and message.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn all_shown(&self, channel: ChannelKind, prefix: &str) -> Result<Vec<(ThreadId, String, Shown)>, StoreError> {
        let mut all = Vec::new();
        for pair in &self.shown {
            let (key, value) = pair?;
            let Some((thread, tag)) = key.split_first_chunk::<17>() else { continue };
            let thread = ThreadId { channel, chat: number(&thread[1..9]).cast_signed(), topic: number(&thread[9..]).cast_signed() };
            let tag = String::from_utf8_lossy(tag).into_owned();
            if key.starts_with(&thread_key(&thread)) && tag.starts_with(prefix) {
                all.push((thread, tag, decode(&value)?));
            }
        }
        Ok(all)
    }
}

fn shown_key(thread: &ThreadId, tag: &str) -> Vec<u8> {
    [thread_key(thread).as_slice(), tag.as_bytes()].concat()
}

//! Keys that sort, and values that carry their version.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;
use crate::model::{ChannelKind, ThreadId, UserId};

/// The version of the values' JSON, as their first byte; a reader of a later version migrates by it.
const VERSION: u8 = 1;

/// A value as it is stored.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![VERSION];
    serde_json::to_writer(&mut bytes, value)?;
    Ok(bytes)
}

/// A stored value.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    match bytes.split_first() {
        Some((&VERSION, json)) => Ok(serde_json::from_slice(json)?),
        Some((version, _)) => Err(StoreError::Failed(format!("a record has version {version}, this kiroclaw knows version {VERSION}"))),
        None => Err(StoreError::Failed("a record is empty".to_owned())),
    }
}

/// The number in the last eight bytes, big-endian; 0 when there are fewer.
pub(super) fn number(bytes: &[u8]) -> u64 {
    bytes.last_chunk().map_or(0, |last| u64::from_be_bytes(*last))
}

/// A thread as a key's beginning: fixed length, so that no thread's keys begin another's.
pub(super) fn thread_key(thread: &ThreadId) -> [u8; 17] {
    let mut key = [0; 17];
    key[0] = channel_byte(thread.channel);
    key[1..9].copy_from_slice(&thread.chat.to_be_bytes());
    key[9..].copy_from_slice(&thread.topic.to_be_bytes());
    key
}

/// A user as a key's beginning.
pub(super) fn user_key(user: &UserId) -> [u8; 9] {
    let mut key = [0; 9];
    key[0] = channel_byte(user.channel);
    key[1..].copy_from_slice(&user.number.to_be_bytes());
    key
}

/// A channel's byte in keys; never changes.
pub(super) fn channel_byte(channel: ChannelKind) -> u8 {
    match channel {
        ChannelKind::Telegram => b't',
        ChannelKind::Local => b'l',
    }
}

//! X25519 keys, public and private, as age writes them.

use std::str::FromStr;

use x25519_dalek::{X25519_BASEPOINT_BYTES, x25519};

use super::{AgeError, FILE_KEY, KEY, bech32, derive, random, unwrap, wrap};
use crate::model::Secret;

/// What a key of a stanza is for, so that it can be used for nothing else.
const INFO: &[u8] = b"age-encryption.org/v1/X25519";

/// A public key: `age1…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient([u8; KEY]);

/// A private key: `AGE-SECRET-KEY-1…`.
#[derive(Debug, Clone)]
pub struct Identity(Secret<[u8; KEY]>);

/// A text is no key. It is not repeated, since it may be a private one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is not {0}")]
pub struct BadKey(&'static str);

impl FromStr for Recipient {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let key = bech32::decode("age", text).and_then(|bytes| bytes.try_into().ok());
        key.map(Self).ok_or(BadKey("a public key of X25519 (age1…, 62 characters; no plugin's, no ssh key, no age1pq…)"))
    }
}

impl FromStr for Identity {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let key = bech32::decode("age-secret-key-", text).and_then(|bytes| bytes.try_into().ok());
        key.map(|key| Self(Secret::new(key))).ok_or(BadKey("a private key of X25519 (AGE-SECRET-KEY-1…, 74 characters)"))
    }
}

impl Recipient {
    /// A file key for this recipient alone: the ephemeral share and the wrapped key.
    pub(super) fn wrap(&self, file_key: &Secret<[u8; FILE_KEY]>) -> Result<([u8; KEY], Vec<u8>), AgeError> {
        let ephemeral = Secret::new(random::<KEY>()?);
        let share = x25519(*ephemeral.expose(), X25519_BASEPOINT_BYTES);
        let shared = shared_secret(&ephemeral, &self.0).ok_or(AgeError::Crypto("a recipient's key is not usable"))?;
        let key = stanza_key(&shared, &share, &self.0);
        let body = wrap(&key, file_key).ok_or(AgeError::Crypto("a file key cannot be wrapped"))?;
        Ok((share, body))
    }
}

impl Identity {
    /// The file key of a stanza; `None` when it is another's.
    pub(super) fn unwrap(&self, share: &[u8; KEY], body: &[u8]) -> Result<Option<Secret<[u8; FILE_KEY]>>, AgeError> {
        let shared = shared_secret(&self.0, share).ok_or(AgeError::Header("a share of it holds no secret"))?;
        let own = x25519(*self.0.expose(), X25519_BASEPOINT_BYTES);
        Ok(unwrap(&stanza_key(&shared, share, &own), body))
    }
}

/// `None` where the other's key is one of the few that give zero to everybody.
fn shared_secret(private: &Secret<[u8; KEY]>, public: &[u8; KEY]) -> Option<Secret<[u8; KEY]>> {
    let shared = x25519(*private.expose(), *public);
    (shared != [0; KEY]).then(|| Secret::new(shared))
}

fn stanza_key(shared: &Secret<[u8; KEY]>, share: &[u8; KEY], recipient: &[u8; KEY]) -> Secret<[u8; KEY]> {
    derive(shared.expose(), &[share.as_slice(), recipient].concat(), INFO)
}

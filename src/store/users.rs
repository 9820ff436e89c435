//! What is known of a person beyond the configuration: how they want the bot to behave towards them.

use serde::{Deserialize, Serialize};

use super::record::{decode, encode, user_key};
use super::sessions::owned;
use super::{Store, StoreError};
use crate::model::{Language, UserId};

/// How much of a turn is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verbosity {
    /// Answers and questions alone.
    Quiet,
    /// With a trace of the tools and the agent's plan.
    #[default]
    Normal,
    /// With what changed in files, too.
    Verbose,
}

/// What makes a sound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notifications {
    /// Final answers, failures, questions and permissions.
    #[default]
    Final,
    /// Questions and permissions alone: a turn waits for them.
    Questions,
    /// Nothing.
    None,
}

/// One person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// Who; compared with the key's at every reading.
    pub owner: UserId,
    /// The language of their client, when they wrote last.
    #[serde(default)]
    pub client: Option<Language>,
    /// The language that they chose, which comes before their client's.
    #[serde(default)]
    pub chosen: Option<Language>,
    /// How much they see of a turn.
    #[serde(default)]
    pub verbosity: Verbosity,
    /// What makes a sound.
    #[serde(default)]
    pub notifications: Notifications,
    /// Whether they see what the agent thinks.
    #[serde(default)]
    pub thoughts: bool,
    /// Whether answers use the channel's richer formatting.
    #[serde(default)]
    pub rich: bool,
    /// Whether what a turn used stands at the foot of its answer.
    #[serde(default)]
    pub usage: bool,
}

impl UserRecord {
    /// Somebody of whom nothing is known.
    pub fn new(owner: UserId) -> Self {
        Self {
            owner,
            client: None,
            chosen: None,
            verbosity: Verbosity::default(),
            notifications: Notifications::default(),
            thoughts: false,
            rich: false,
            usage: false,
        }
    }

    /// The language in which they are spoken to.
    pub fn language(&self) -> Language {
        self.chosen.or(self.client).unwrap_or_default()
    }
}

impl Store {
    /// A person's record; a new one where there is none.
    ///
    /// # Errors
    /// [`StoreError::NotOwner`], sled failed, or the record cannot be read.
    pub fn user(&self, user: &UserId) -> Result<UserRecord, StoreError> {
        let Some(value) = self.users.get(user_key(user))? else { return Ok(UserRecord::new(*user)) };
        owned(decode(&value)?, *user, |record: &UserRecord| record.owner)
    }

    /// Writes a person's record. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn put_user(&self, record: &UserRecord) -> Result<(), StoreError> {
        self.users.insert(user_key(&record.owner), encode(record)?)?;
        Ok(())
    }
}

//! What operators said of hosts that an agent's policy does not name.

use serde::{Deserialize, Serialize};

use super::record::{decode, encode};
use super::{Store, StoreError};
use crate::model::{AgentName, Target, UserId};

/// Hosts that are remembered, of all agents together; the oldest that is not allowed makes room for a new one.
const HOSTS: usize = 256;

/// Hosts of one agent that are allowed for good, below [`crate::model::bounds::GRANTS`]: some are allowed for a runtime's life.
pub const ALWAYS: usize = 48;

/// What is known of one agent's wish for one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRecord {
    /// The agent.
    pub agent: AgentName,
    /// The host and port.
    pub target: Target,
    /// What was said.
    pub answer: HostAnswer,
    /// Who said it; `None` as long as nobody did.
    pub by: Option<UserId>,
    /// When it was asked or answered, in Unix seconds.
    pub at: u64,
}

/// What an operator said of a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostAnswer {
    /// Nothing yet.
    Asked,
    /// It is allowed, until that is taken back.
    Always,
    /// It is not allowed, and not to be asked again for a while.
    No,
}

impl HostRecord {
    /// What it is kept under, and found again by.
    pub fn key(&self) -> Vec<u8> {
        key(&self.agent, &self.target)
    }
}

/// No agent's name holds a space.
fn key(agent: &AgentName, target: &Target) -> Vec<u8> {
    format!("{agent} {target}").into_bytes()
}

impl Store {
    /// All hosts that are remembered, at most 256, by agent and name.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn hosts(&self) -> Result<Vec<HostRecord>, StoreError> {
        self.hosts.iter().values().map(|value| decode(&value?)).collect()
    }

    /// What is known of a host.
    ///
    /// # Errors
    /// sled failed, or the record cannot be read.
    pub fn host(&self, agent: &AgentName, target: &Target) -> Result<Option<HostRecord>, StoreError> {
        self.hosts.get(key(agent, target))?.map(|value| decode(&value)).transpose()
    }

    /// The hosts that an agent may reach for good beyond its policy, at most [`ALWAYS`].
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn granted(&self, agent: &AgentName) -> Result<Vec<Target>, StoreError> {
        let granted = |record: HostRecord| (record.agent == *agent && record.answer == HostAnswer::Always).then_some(record.target);
        Ok(self.hosts()?.into_iter().filter_map(granted).take(ALWAYS).collect())
    }

    /// Remembers a host. Returns false, and changes nothing, when it would be allowed and there are [`ALWAYS`] of its agent already. Durable
    /// after the next flush.
    ///
    /// # Errors
    /// sled failed, or a record cannot be read.
    pub fn put_host(&self, record: &HostRecord) -> Result<bool, StoreError> {
        let mut others = self.hosts()?;
        others.retain(|other| other.key() != record.key());
        let allowed = |other: &&HostRecord| other.agent == record.agent && other.answer == HostAnswer::Always;
        if record.answer == HostAnswer::Always && others.iter().filter(allowed).count() >= ALWAYS {
            return Ok(false);
        }
        if others.len() >= HOSTS {
            let oldest = others.iter().filter(|other| other.answer != HostAnswer::Always).min_by_key(|other| other.at);
            let Some(oldest) = oldest else { return Ok(false) };
            self.hosts.remove(oldest.key())?;
        }
        self.hosts.insert(record.key(), encode(record)?)?;
        Ok(true)
    }

    /// Forgets a host. Durable after the next flush.
    ///
    /// # Errors
    /// sled failed.
    pub fn forget_host(&self, record: &HostRecord) -> Result<(), StoreError> {
        self.hosts.remove(record.key())?;
        Ok(())
    }
}

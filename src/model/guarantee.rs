//! What a jail holds an agent to, by name, and what a policy says about the names that a machine cannot hold.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One thing that a jail keeps an agent from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Guarantee {
    /// Files that its policy does not grant: what is in them, and making, moving and removing them.
    Files,
    /// Hosts that its policy does not name.
    Network,
    /// The same at every single port: where jails share the machine's network, Landlock leaves one open.
    Ports,
    /// The memory of processes outside: reading, writing, tracing.
    Memory,
    /// Signals to processes outside.
    Signals,
    /// Abstract Unix sockets outside.
    AbstractSockets,
    /// Unix sockets outside, by their path.
    UnixSockets,
    /// Shared memory, queues and semaphores of others.
    Ipc,
    /// Settings for agents in its own workspace, written while it runs.
    Planting,
    /// Names, modes and times of files outside.
    Metadata,
    /// The names of processes outside.
    Processes,
}

/// When an agent may go without a guarantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Demand {
    /// Never: what is left would be no jail.
    Always,
    /// Where its policy accepts that by name: without it an agent could harm the gateway, or have somebody outside act for it.
    UnlessAccepted,
    /// Where its policy does not require it: without it an agent learns or disturbs a little.
    IfRequired,
}

/// What a policy says about a guarantee that is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Rule {
    /// The agent does not start.
    Needed,
    /// It starts: the policy says so.
    AcceptedByName,
    /// It starts: nothing was said, and this one is small.
    AcceptedByDefault,
}

impl Guarantee {
    /// All of them, the weightiest first.
    pub const ALL: [Self; 11] = [
        Self::Files,
        Self::Network,
        Self::Ports,
        Self::Memory,
        Self::Signals,
        Self::AbstractSockets,
        Self::UnixSockets,
        Self::Ipc,
        Self::Planting,
        Self::Metadata,
        Self::Processes,
    ];

    /// Its name in settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Network => "network",
            Self::Ports => "ports",
            Self::Memory => "memory",
            Self::Signals => "signals",
            Self::AbstractSockets => "abstract-sockets",
            Self::UnixSockets => "unix-sockets",
            Self::Ipc => "ipc",
            Self::Planting => "planting",
            Self::Metadata => "metadata",
            Self::Processes => "processes",
        }
    }

    /// Whether a policy may accept that it is missing.
    pub fn may_be_missing(self) -> bool {
        self.demand() != Demand::Always
    }

    fn demand(self) -> Demand {
        match self {
            Self::Files | Self::Network | Self::Memory | Self::Ipc => Demand::Always,
            Self::Ports | Self::Signals | Self::AbstractSockets | Self::UnixSockets => Demand::UnlessAccepted,
            Self::Planting | Self::Metadata | Self::Processes => Demand::IfRequired,
        }
    }
}

impl fmt::Display for Guarantee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is none of [`Guarantee::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is none of {}", names(&Guarantee::ALL))]
pub struct UnknownGuarantee;

impl FromStr for Guarantee {
    type Err = UnknownGuarantee;

    fn from_str(text: &str) -> Result<Self, UnknownGuarantee> {
        Self::ALL.into_iter().find(|guarantee| guarantee.as_str() == text).ok_or(UnknownGuarantee)
    }
}

/// Their names, as settings have them.
pub fn names(guarantees: &[Guarantee]) -> String {
    guarantees.iter().map(|guarantee| guarantee.as_str()).collect::<Vec<_>>().join(",")
}

/// The least that has to hold for an agent to start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Minimum {
    /// What may be missing beside what may by default.
    pub accept: BTreeSet<Guarantee>,
    /// What may not be missing, although it may by default; goes before `accept`.
    pub require: BTreeSet<Guarantee>,
}

impl Minimum {
    /// For who looks what holds: all is accepted that can be.
    pub fn nothing() -> Self {
        Self { accept: Guarantee::ALL.into(), require: BTreeSet::new() }
    }

    /// What is said about a guarantee that is missing.
    pub fn rule(&self, guarantee: Guarantee) -> Rule {
        match guarantee.demand() {
            Demand::Always => Rule::Needed,
            _ if self.require.contains(&guarantee) => Rule::Needed,
            _ if self.accept.contains(&guarantee) => Rule::AcceptedByName,
            Demand::UnlessAccepted => Rule::Needed,
            Demand::IfRequired => Rule::AcceptedByDefault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_network_are_needed_whatever_a_policy_says() {
        for guarantee in Guarantee::ALL {
            let rule = Minimum::nothing().rule(guarantee);
            assert_eq!(rule == Rule::Needed, !guarantee.may_be_missing(), "{guarantee}");
        }
        assert!(!Guarantee::Files.may_be_missing() && !Guarantee::Network.may_be_missing());
    }

    #[test]
    fn what_could_harm_the_gateway_is_needed_until_it_is_accepted_and_small_things_are_not_until_required() {
        let minimum = Minimum::default();
        assert_eq!([Guarantee::Signals, Guarantee::UnixSockets].map(|one| minimum.rule(one)), [Rule::Needed; 2]);
        assert_eq!(minimum.rule(Guarantee::Processes), Rule::AcceptedByDefault);
        let minimum = Minimum { accept: [Guarantee::Signals].into(), require: [Guarantee::Processes].into() };
        assert_eq!((minimum.rule(Guarantee::Signals), minimum.rule(Guarantee::Processes)), (Rule::AcceptedByName, Rule::Needed));
    }

    #[test]
    fn names_read_back_and_are_those_of_the_file() {
        for guarantee in Guarantee::ALL {
            assert_eq!(guarantee.as_str().parse(), Ok(guarantee));
            assert_eq!(serde_json::to_string(&guarantee).unwrap(), format!("\"{guarantee}\""));
        }
        assert!("Files".parse::<Guarantee>().is_err());
    }
}

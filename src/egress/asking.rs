//! What people hear of hosts that were refused, so that an operator can grant them.
//!
//! The agent chooses what it asks for and how often: each host is told once in a while, only a few of them, and what does not fit into
//! the channel is dropped. All of it is in the log.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::address::Place;
use crate::model::control::FromEgress;
use crate::model::{RuntimeId, Target};

/// Hosts of one runtime that are told within [`SPAN`]. The gateway shows fewer.
const TOLD: usize = 8;

/// After this time hosts are told anew.
const SPAN: Duration = Duration::from_secs(600);

/// Tells of one runtime's refused hosts.
#[derive(Debug)]
pub(super) struct Asking {
    runtime: RuntimeId,
    /// The ports to which this process can connect at all.
    ports: Arc<BTreeSet<u16>>,
    words: mpsc::Sender<FromEgress>,
    told: Mutex<Told>,
}

#[derive(Debug)]
struct Told {
    since: Instant,
    targets: BTreeSet<Target>,
}

impl Asking {
    /// Nothing was told yet.
    pub(super) fn new(runtime: RuntimeId, ports: Arc<BTreeSet<u16>>, words: mpsc::Sender<FromEgress>) -> Self {
        Self { runtime, ports, words, told: Mutex::new(Told { since: Instant::now(), targets: BTreeSet::new() }) }
    }

    /// Tells that the runtime was refused what no rule names.
    pub(super) fn refused(&self, target: &Target) {
        if self.told.lock().unwrap_or_else(PoisonError::into_inner).take(target, Instant::now()) {
            let grantable = self.is_grantable(target);
            // A channel that is full has enough to tell.
            let _ = self.words.try_send(FromEgress::Refused { runtime: self.runtime, target: target.clone(), grantable });
        }
    }

    fn is_grantable(&self, target: &Target) -> bool {
        self.ports.contains(&target.port()) && target.address().is_none_or(|address| Place::of(address) == Place::Public)
    }
}

impl Told {
    /// Whether a target is to be told of at `now`.
    fn take(&mut self, target: &Target, now: Instant) -> bool {
        if now.duration_since(self.since) >= SPAN {
            *self = Self { since: now, targets: BTreeSet::new() };
        }
        self.targets.len() < TOLD && self.targets.insert(target.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(text: &str) -> Target {
        text.parse().unwrap()
    }

    #[test]
    fn a_host_is_told_once_and_ten_thousand_are_told_as_a_few() {
        let start = Instant::now();
        let mut told = Told { since: start, targets: BTreeSet::new() };
        assert_eq!([1, 2].map(|_| told.take(&target("a.example:443"), start)), [true, false]);
        let more = (0..10_000).filter(|number| told.take(&target(&format!("h{number}.example:443")), start)).count();
        assert_eq!((more, told.targets.len()), (TOLD - 1, TOLD));
        assert!(told.take(&target("a.example:443"), start + SPAN));
    }

    #[test]
    fn what_cannot_be_granted_is_told_as_such() {
        let (words, mut heard) = mpsc::channel(8);
        let asking = Asking::new(RuntimeId(1), Arc::new(BTreeSet::from([80, 443])), words);
        for (text, may) in [("a.example:443", true), ("1.1.1.1:80", true), ("a.example:22", false), ("10.0.0.1:443", false)] {
            asking.refused(&target(text));
            let expected = FromEgress::Refused { runtime: RuntimeId(1), target: target(text), grantable: may };
            assert_eq!(heard.try_recv().unwrap(), expected);
        }
    }
}

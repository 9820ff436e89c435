//! How a running kiroclaw is: what its gateway tells `kiroclaw health` and scripts. Scripts depend on these names.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The whole report; the body of `GET /health`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// Whether every check holds.
    pub healthy: bool,
    /// Of the program that runs.
    pub version: String,
    /// How long this gateway has served.
    pub uptime_seconds: u64,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// How long ago something last succeeded, in seconds, by what it is: `poll`, `send`, `turn`, `store`. What never did is not there.
    pub last_success_seconds: BTreeMap<String, u64>,
    /// How many there are, by what they are; see [`COUNTS`].
    pub counts: BTreeMap<String, u64>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// `poller`, `store`, `warden` or `egress`.
    pub name: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, a part of a sentence.
    pub detail: String,
    /// How to mend it; empty where nothing is to be mended.
    pub remedy: String,
}

/// A number in [`Health::counts`].
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// Its key; `kiroclaw_` and this is its name for Prometheus.
    pub name: &'static str,
    /// Whether it only grows while the appliance runs.
    pub grows: bool,
    /// What it counts.
    pub help: &'static str,
}

const fn gauge(name: &'static str, help: &'static str) -> Count {
    Count { name, grows: false, help }
}

/// All that is counted.
pub const COUNTS: &[Count] = &[
    gauge("runtimes", "Agents that run."),
    gauge("runtimes_busy", "Agents that are in a turn."),
    gauge("runtimes_max", "Agents that may run (MAX_PROCESSES)."),
    gauge("queued", "Sessions that wait for an agent."),
    gauge("inbox", "Messages that were taken in and are not yet done with."),
    gauge("outbox", "Messages that are not yet delivered."),
    gauge("warden_memory_bytes", "Resident memory of the warden."),
    gauge("gateway_memory_bytes", "Resident memory of the gateway."),
    gauge("egress_memory_bytes", "Resident memory of the egress."),
    Count { name: "gateway_restarts_total", grows: true, help: "Restarts of the gateway." },
    Count { name: "egress_restarts_total", grows: true, help: "Restarts of the egress." },
];

//! What this kernel enforces, and what each missing piece leaves open.

use super::inside;
use super::report::{Area, Finding, State};
use crate::config::Config;
use crate::jail::Apart;
use crate::jail::probe::{self, Mechanism, probe};

/// The mechanism without which only agents with hosts do not start.
const NETWORK: &str = "Landlock: TCP";

/// For the agents of this configuration.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let hosts = config.agents.values().any(|agent| !agent.egress.is_empty());
    all(hosts)
}

/// Where the configuration is not known.
pub(super) fn without_configuration() -> Vec<Finding> {
    all(true)
}

fn all(hosts: bool) -> Vec<Finding> {
    let seen = inside::look();
    // What is not known is not relied on.
    let way = seen.as_ref().map_or(Apart::Not, |seen| seen.way);
    let mechanisms = probe(way);
    mechanisms.iter().map(|mechanism| judge(mechanism, hosts)).chain(inside::findings(&seen)).chain([durability()]).collect()
}

/// `hosts`: some agent's policy names hosts.
fn judge(mechanism: &Mechanism, hosts: bool) -> Finding {
    let state = match mechanism.state {
        probe::State::Holds => State::Ok,
        probe::State::Open => State::Warn,
        probe::State::Fails if mechanism.name == NETWORK && !hosts => State::Warn,
        probe::State::Fails => State::Fail,
    };
    Finding::new(Area::Kernel, state, &format!("{} – {}", mechanism.name, mechanism.meaning), "")
}

/// Not looked at but known: the gateway's filter makes it so, on every kernel.
fn durability() -> Finding {
    Finding::ok(Area::Kernel, "durability – the store fsyncs, because the gateway's filter refuses sync_file_range")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mechanism(name: &'static str, state: probe::State) -> Mechanism {
        Mechanism { name, state, meaning: "m".to_owned() }
    }

    #[test]
    fn a_kernel_without_network_rules_fails_only_where_an_agent_has_hosts() {
        let network = probe(Apart::Not).into_iter().find(|mechanism| mechanism.name == NETWORK).unwrap();
        let missing = mechanism(network.name, probe::State::Fails);
        assert_eq!(judge(&missing, true).state, State::Fail);
        assert_eq!(judge(&missing, false).state, State::Warn);
        assert_eq!(judge(&mechanism("Landlock: files", probe::State::Fails), false).state, State::Fail);
        assert_eq!(judge(&mechanism("x", probe::State::Open), true).state, State::Warn);
    }
}

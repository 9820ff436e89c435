//! What this machine makes jails with, and what they hold each agent to, tried from inside.

use std::collections::BTreeMap;

use crate::config::{Config, SeccompMode};
use crate::jail::probe::mechanisms;
use crate::model::guarantee::Minimum;
use crate::subcommands::inside::{LookError, Seen, Standing, Verdict, judge, look};

use super::report::{Area, Finding, State};

/// For the agents of this configuration.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let looks: Vec<_> = config.agents.values().map(|agent| (agent, look(Some((config, agent))))).collect();
    let logged = std::fs::read_to_string("/proc/sys/kernel/seccomp/actions_logged").unwrap_or_default();
    let mut findings = machine(looks.iter().find_map(|(_, seen)| seen.as_ref().ok()));
    findings.extend(filters(config.seccomp, &logged));
    let mut told: BTreeMap<String, &str> = BTreeMap::new();
    for (agent, seen) in &looks {
        let (name, verdicts) = (agent.name.as_str(), judged(&agent.minimum, seen));
        let key = format!("{verdicts:?}");
        if let Some(first) = told.get(&key) {
            findings.push(Finding::ok(Area::Jail, format!("{name}: the same as {first}")));
            continue;
        }
        findings.extend(verdicts.into_iter().map(|finding| Finding { what: format!("{name}: {}", finding.what), ..finding }));
        told.insert(key, name);
    }
    findings
}

/// The filters, where they are not what they are for. `logged` is the kernel's list of actions that it logs.
fn filters(mode: SeccompMode, logged: &str) -> Option<Finding> {
    let open = "SECCOMP=log – NO FILTER REFUSES ANYTHING: every system call is let through, of agents too";
    let found = if logged.split_whitespace().any(|action| action == "log") {
        open.to_owned()
    } else {
        format!("{open}, and the kernel does not log it (/proc/sys/kernel/seccomp/actions_logged lacks `log`)")
    };
    let mend = "read what was logged (`journalctl -k -g type=1326`, or dmesg), then take SECCOMP away and start again";
    (mode == SeccompMode::Log).then(|| Finding::warn(Area::Kernel, found, mend))
}

/// Where the configuration is not known.
pub(super) fn without_configuration() -> Vec<Finding> {
    let seen = look(None);
    let mut findings = machine(seen.as_ref().ok());
    findings.extend(judged(&Minimum::default(), &seen));
    findings
}

fn machine(seen: Option<&Seen>) -> Vec<Finding> {
    // Known without a look, on every kernel: the gateway's filter makes it so.
    let durability = "durability – the store fsyncs, because the gateway's filter refuses sync_file_range";
    let mut findings = vec![Finding::ok(Area::Kernel, durability)];
    let Some(seen) = seen else { return findings };
    for mechanism in mechanisms(&seen.means) {
        let state = if mechanism.whole { State::Ok } else { State::Warn };
        findings.push(Finding::new(Area::Kernel, state, &format!("{} – {}", mechanism.name, mechanism.meaning), ""));
    }
    findings.push(if seen.servers {
        Finding::ok(Area::Kernel, "tried: servers of an agent's own – work")
    } else {
        Finding::warn(Area::Kernel, "tried: servers of an agent's own – refused, without a network of its own", "")
    });
    findings
}

fn judged(minimum: &Minimum, seen: &Result<Seen, LookError>) -> Vec<Finding> {
    match seen {
        Ok(seen) => judge(minimum, seen).iter().map(finding).collect(),
        Err(error @ LookError::NotTried(_)) => vec![Finding::warn(Area::Jail, error.to_string(), "see that TMPDIR can be written to")],
        Err(error @ LookError::NoJail(_)) => vec![Finding::fail(Area::Jail, error.to_string(), "")],
        // What is said of the agent itself says it.
        Err(LookError::Plan(_)) => Vec::new(),
    }
}

fn finding(verdict: &Verdict) -> Finding {
    let state = match verdict.standing {
        Standing::Holds => State::Ok,
        Standing::Open => State::Warn,
        Standing::Missing | Standing::Broken => State::Fail,
    };
    Finding::new(Area::Jail, state, &verdict.what, &verdict.mend)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_that_only_log_are_warned_about() {
        assert!(filters(SeccompMode::Enforce, "log").is_none());
        let finding = filters(SeccompMode::Log, "kill_process errno log").unwrap();
        assert!(finding.state == State::Warn && !format!("{finding:?}").contains("actions_logged"), "{finding:?}");
        assert!(format!("{:?}", filters(SeccompMode::Log, "kill_process")).contains("actions_logged lacks"));
    }
}

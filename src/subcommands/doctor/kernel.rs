//! What this machine makes jails with, and what they hold each agent to, tried from inside.

use std::collections::BTreeMap;

use crate::config::Config;
use crate::jail::probe::mechanisms;
use crate::model::guarantee::Minimum;
use crate::subcommands::inside::{LookError, Seen, Standing, Verdict, judge, look};

use super::report::{Area, Finding, State};

/// For the agents of this configuration.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let looks: Vec<_> = config.agents.values().map(|agent| (agent, look(Some((config, agent))))).collect();
    let mut findings = machine(looks.iter().find_map(|(_, seen)| seen.as_ref().ok()));
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

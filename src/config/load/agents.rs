//! The agents: what was given for each, completed by what its kind needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Loader, list, shown};
use crate::config::agent::PROGRAM_PATH;
use crate::config::file::{FileAgent, FileConfig};
use crate::config::{AgentConfig, AgentKind, HostRule, KiroEngine};
use crate::model::permission::PermissionPolicy;
use crate::model::{AgentName, Guarantee, Minimum};

/// What the environment says about every agent.
struct Shared {
    command: Option<Vec<String>>,
    read_only: Vec<PathBuf>,
    hosts: Vec<HostRule>,
    accept: Vec<Guarantee>,
}

impl Loader<'_> {
    pub(super) fn agents(&mut self, default: &AgentName, file: FileConfig) -> BTreeMap<AgentName, AgentConfig> {
        let mut settings = BTreeMap::new();
        for (name, agent) in file.agents {
            match name.parse::<AgentName>() {
                Ok(name) => {
                    settings.insert(name, agent);
                }
                Err(error) => self.problem("config.json agents", error.to_string()),
            }
        }
        settings.entry(default.clone()).or_default();
        let shared = Shared {
            command: self.agent_command(),
            read_only: self.absolute_paths("AGENT_READ_ONLY_PATHS", list(&self.text("AGENT_READ_ONLY_PATHS"), ':')),
            hosts: self.hosts("EGRESS_ALLOW", list(&self.text("EGRESS_ALLOW"), ',')),
            accept: self.accept_missing(),
        };
        settings
            .into_iter()
            .map(|(name, settings)| {
                let agent = self.agent(&name, settings, &shared);
                (name, agent)
            })
            .collect()
    }

    fn agent(&mut self, name: &AgentName, settings: FileAgent, shared: &Shared) -> AgentConfig {
        let place = format!("config.json agents.{name}");
        let engine = settings.engine.unwrap_or(KiroEngine::V2);
        let given = settings.command.or_else(|| shared.command.clone());
        if given.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
            self.problem(format!("{place}.command"), "names no program");
        }
        let (kind, command) = agent_command(name, engine, given, self.sources.environment.get("HOME"));
        let mut egress = kind.hosts();
        egress.extend_from_slice(&shared.hosts);
        egress.extend(self.hosts(&format!("{place}.egress"), settings.egress));
        let mut read_only = shared.read_only.clone();
        read_only.extend(self.absolute_paths(&format!("{place}.readOnlyPaths"), settings.read_only_paths));
        let permissions = settings.permissions.into_iter().fold(PermissionPolicy::default(), PermissionPolicy::with_pair);
        let limits = settings.limits.checked(|key, why| self.problem(format!("{place}.limits.{key}"), why));
        let read_write = self.absolute_paths(&format!("{place}.readWritePaths"), settings.read_write_paths);
        self.check_accepted(&format!("{place}.accept"), &settings.accept);
        if let Some(both) = settings.accept.iter().find(|one| settings.require.contains(one)) {
            self.problem(format!("{place}.require"), format!("names `{both}`, which `accept` names too"));
        }
        let accept = shared.accept.iter().copied().chain(settings.accept).collect();
        let minimum = Minimum { accept, require: settings.require.into_iter().collect() };
        let environment = self.variables(&place, name, settings.environment, settings.secrets);
        AgentConfig { name: name.clone(), kind, command, read_only, read_write, egress, permissions, limits, minimum, environment }
    }

    fn accept_missing(&mut self) -> Vec<Guarantee> {
        let mut accepted = Vec::new();
        for word in list(&self.text("ACCEPT_MISSING"), ',') {
            match word.parse::<Guarantee>() {
                Ok(guarantee) => accepted.push(guarantee),
                Err(error) => self.problem("ACCEPT_MISSING", format!("`{}` {error}", shown(&word))),
            }
        }
        self.check_accepted("ACCEPT_MISSING", &accepted);
        accepted
    }

    fn check_accepted(&mut self, place: &str, accepted: &[Guarantee]) {
        for guarantee in accepted.iter().filter(|guarantee| !guarantee.may_be_missing()) {
            self.problem(place, format!("`{guarantee}` cannot be accepted as missing: without it there is no jail"));
        }
    }

    fn agent_command(&mut self) -> Option<Vec<String>> {
        let text = self.given("AGENT_COMMAND")?;
        if text.starts_with('[') {
            return match serde_json::from_str(&text) {
                Ok(words) => Some(words),
                Err(error) => {
                    self.problem("AGENT_COMMAND", format!("is not a JSON array of strings: {error}"));
                    None
                }
            };
        }
        if text.contains(['"', '\'', '\\', '$', '`', '|', ';', '<', '>']) {
            self.problem(
                "AGENT_COMMAND",
                "is split at spaces, by no shell; write words that need quotes as a JSON array: [\"my agent\", \"--acp\"]",
            );
            return None;
        }
        Some(text.split_whitespace().map(str::to_owned).collect())
    }

    fn absolute_paths(&mut self, place: &str, words: Vec<String>) -> Vec<PathBuf> {
        let (right, wrong): (Vec<_>, Vec<_>) = words.into_iter().partition(|word| word.starts_with('/') && word.len() > 1);
        for word in wrong {
            self.problem(place, format!("`{}` is not an absolute path below /", shown(&word)));
        }
        right.into_iter().map(PathBuf::from).collect()
    }

    fn hosts(&mut self, place: &str, words: Vec<String>) -> Vec<HostRule> {
        let mut rules = Vec::new();
        for word in words {
            match word.parse::<HostRule>() {
                Ok(rule) => rules.push(rule),
                Err(error) => self.problem(place, error.to_string()),
            }
        }
        rules
    }
}

/// What is executed: what was given, else kiro-cli where it is installed, else the agent in this binary.
fn agent_command(name: &AgentName, engine: KiroEngine, given: Option<Vec<String>>, home: Option<&String>) -> (AgentKind, Vec<String>) {
    let kiro = |program: String| {
        let mut command = vec![program];
        command.extend(AgentKind::kiro_arguments(engine, name));
        (AgentKind::Kiro(engine), command)
    };
    match given {
        Some(words) if words.len() == 1 && AgentKind::is_kiro(&words[0]) => kiro(words[0].clone()),
        Some(words) if words.first().is_some_and(|program| AgentKind::is_kiro(program)) => (AgentKind::Kiro(engine), words),
        Some(words) => (AgentKind::Acp, words),
        None => match installed_kiro(home) {
            Some(program) => kiro(program),
            None => (AgentKind::BuiltIn, ["kiroclaw", "agent", "--provider", "demo"].map(str::to_owned).to_vec()),
        },
    }
}

fn installed_kiro(home: Option<&String>) -> Option<String> {
    let own = home.map(|home| Path::new(home).join(".local/bin"));
    let directories = PROGRAM_PATH.iter().map(PathBuf::from).chain(own);
    let program = directories.map(|directory| directory.join("kiro-cli")).find(|program| program.is_file())?;
    program.into_os_string().into_string().ok()
}

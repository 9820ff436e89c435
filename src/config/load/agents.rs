//! The agents: what was given for each, completed by what its kind needs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Loader, list, shown};
use crate::config::agent::PROGRAM_PATH;
use crate::config::file::{FileAgent, FileConfig};
use crate::config::{AgentConfig, AgentKind, HostRule, KiroEngine};
use crate::model::AgentName;
use crate::model::permission::PermissionPolicy;

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
        let shared_paths = self.absolute_paths("AGENT_READ_ONLY_PATHS", list(&self.text("AGENT_READ_ONLY_PATHS"), ':'));
        let shared_hosts = self.hosts("EGRESS_ALLOW", list(&self.text("EGRESS_ALLOW"), ','));
        let from_environment = self.agent_command();
        settings
            .into_iter()
            .map(|(name, settings)| {
                let agent = self.agent(&name, settings, from_environment.as_deref(), &shared_paths, &shared_hosts);
                (name, agent)
            })
            .collect()
    }

    fn agent(
        &mut self,
        name: &AgentName,
        settings: FileAgent,
        from_environment: Option<&[String]>,
        shared_paths: &[PathBuf],
        shared_hosts: &[HostRule],
    ) -> AgentConfig {
        let place = format!("config.json agents.{name}");
        let engine = settings.engine.unwrap_or(KiroEngine::V2);
        let given = settings.command.or_else(|| from_environment.map(<[String]>::to_vec));
        if given.as_ref().is_some_and(|words| words.first().is_none_or(String::is_empty)) {
            self.problem(format!("{place}.command"), "names no program");
        }
        let (kind, command) = agent_command(name, engine, given, self.sources.environment.get("HOME"));
        let mut egress = kind.hosts();
        egress.extend_from_slice(shared_hosts);
        egress.extend(self.hosts(&format!("{place}.egress"), settings.egress));
        let mut read_only = shared_paths.to_vec();
        read_only.extend(self.absolute_paths(&format!("{place}.readOnlyPaths"), settings.read_only_paths));
        let permissions = settings.permissions.into_iter().fold(PermissionPolicy::default(), PermissionPolicy::with_pair);
        let limits = settings.limits.checked(|key, why| self.problem(format!("{place}.limits.{key}"), why));
        AgentConfig { name: name.clone(), kind, command, read_only, egress, permissions, limits }
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

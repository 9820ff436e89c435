//! What an agent's environment gets beside what every jail has: plain values, and secrets that lie in files.

use std::collections::BTreeMap;

use super::{Loader, Secrecy, read_bounded, shown};
use crate::model::{AgentName, Secret};

/// Names and values of one agent together, in bytes. An order to a jail is one message of 64 KiB, in which a character may take two bytes,
/// and which holds the agent's paths too.
const BYTES: usize = 16 * 1024;

/// Longest name, in bytes.
const NAME: usize = 64;

/// What the jail sets itself, and what has a setting of its own.
const OURS: &[&str] = &["HOME", "TMPDIR", "PATH", "SHELL", "USER", "LOGNAME", "KIRO_HOME", "KIRO_API_KEY"];

impl Loader<'_> {
    /// The plain values of `agent`, checked; the secrets are kept for [`super::Secrets`]. `place` is where both stand.
    pub(super) fn variables(
        &mut self,
        place: &str,
        agent: &AgentName,
        plain: BTreeMap<String, String>,
        files: BTreeMap<String, String>,
    ) -> BTreeMap<String, String> {
        let mut secrets = BTreeMap::new();
        for (name, file) in files {
            if plain.contains_key(&name) {
                self.problem(format!("{place}.secrets.{}", shown(&name)), "stands in `environment` too: keep one of the two");
            } else if self.secrecy == Secrecy::PassOver {
                secrets.insert(name, Secret::new(String::new()));
            } else if let Some(value) = self.secret_of_file(&format!("{place}.secrets.{}", shown(&name)), &file) {
                secrets.insert(name, value);
            }
        }
        let secret = |value: &Secret<String>| value.expose().clone();
        let all = plain.iter().map(|(name, value)| (name, value.clone(), "environment"));
        let all: Vec<_> = all.chain(secrets.iter().map(|(name, value)| (name, secret(value), "secrets"))).collect();
        for (name, value, key) in &all {
            if let Some(wrong) = wrong_name(name).or_else(|| wrong_value(value)) {
                self.problem(format!("{place}.{key}.{}", shown(name)), wrong);
            }
        }
        let bytes: usize = all.iter().map(|(name, value, _)| name.len() + value.len()).sum();
        if bytes > BYTES {
            self.problem(place, format!("`environment` and `secrets` have {bytes} bytes together; at most {BYTES} will do"));
        }
        self.agent_secrets.insert(agent.clone(), secrets);
        plain
    }

    fn secret_of_file(&mut self, place: &str, file: &str) -> Option<Secret<String>> {
        let path = self.sources.directory.join(file);
        self.private.push(path.clone());
        match read_bounded(&path) {
            Ok(text) if !text.trim().is_empty() => Some(Secret::new(text.trim().to_owned())),
            Ok(_) => {
                self.problem(place, format!("{} is empty", path.display()));
                None
            }
            Err(error) => {
                self.problem(place, format!("{} cannot be read: {error}", path.display()));
                None
            }
        }
    }
}

/// What the loader of programs heeds is refused too: it would decide what runs, which `command` is for.
fn wrong_name(name: &str) -> Option<&'static str> {
    let shaped =
        name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.starts_with(|first: char| first.is_ascii_digit());
    if !shaped || name.is_empty() || name.len() > NAME {
        return Some("is no name of a variable (1 to 64 of A-Z a-z 0-9 _, no digit first)");
    }
    let upper = name.to_ascii_uppercase();
    let loader = upper.starts_with("LD_") || upper == "GLIBC_TUNABLES";
    let ours = OURS.contains(&upper.as_str()) || upper.ends_with("_PROXY");
    (loader || ours).then_some("is set by kiroclaw itself, or decides which code is loaded: leave it out")
}

/// The value itself is not repeated: it may be a secret.
fn wrong_value(value: &str) -> Option<&'static str> {
    let control = value.chars().any(|c| c.is_control() && c != '\n' && c != '\t');
    control.then_some("has a control character in its value")
}

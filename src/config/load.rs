//! From texts to a [`Config`], or to the list of everything that is wrong with them.

mod agents;
mod values;
mod variables;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::file::FileConfig;
use super::{Config, SETTINGS, Secrets, dotenv};
use crate::model::{AgentName, Secret};

/// Largest file of settings or secret that is read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Where the texts come from.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The working directory: relative paths and `.env` are looked up here.
    pub directory: PathBuf,
}

impl Sources {
    /// This process's own environment and directory.
    ///
    /// # Errors
    /// The working directory is gone.
    pub fn of_process() -> std::io::Result<Self> {
        Ok(Self {
            // What is no UTF-8 cannot be one of our settings; a variable of another program must not stop us.
            environment: std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?))).collect(),
            directory: std::env::current_dir()?,
        })
    }
}

/// One thing that is wrong, with the place and the way to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The setting, or the file with line and column.
    pub place: String,
    /// What is wrong and what would be right.
    pub what: String,
}

/// Everything that is wrong, in the order of reading; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub Vec<Problem>);

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration has {} problem{}:", self.0.len(), if self.0.len() == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|Problem { place, what }| write!(f, "\n  {place}: {what}"))
    }
}

/// Reads and checks everything.
///
/// # Errors
/// All problems at once.
pub fn load(sources: &Sources) -> Result<(Config, Secrets), ConfigErrors> {
    load_for(sources, Secrecy::Read)
}

/// Like [`load`], for the service itself: without a bot token it has nothing to serve.
///
/// # Errors
/// All problems at once, a missing token among them.
pub fn load_to_run(sources: &Sources) -> Result<(Config, Secrets), ConfigErrors> {
    load_for(sources, Secrecy::NeedToken)
}

/// Like [`load`], but secrets are neither read nor judged: whoever asks how a running service is need not be able to read them.
///
/// # Errors
/// All problems at once.
pub fn load_to_look(sources: &Sources) -> Result<Config, ConfigErrors> {
    load_for(sources, Secrecy::PassOver).map(|(config, _)| config)
}

/// What becomes of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secrecy {
    PassOver,
    Read,
    /// And without a bot token there is nothing to serve.
    NeedToken,
}

fn load_for(sources: &Sources, secrecy: Secrecy) -> Result<(Config, Secrets), ConfigErrors> {
    let mut loader =
        Loader { sources, secrecy, env_file: BTreeMap::new(), private: Vec::new(), agent_secrets: BTreeMap::new(), problems: Vec::new() };
    loader.read_env_file();
    if secrecy == Secrecy::NeedToken && loader.given("BOT_TOKEN").or_else(|| loader.given("BOT_TOKEN_FILE")).is_none() {
        loader.problem("BOT_TOKEN", "is missing: get one from @BotFather, or try `kiroclaw chat`, which needs none");
    }
    let (bot_token, kiro_api_key) = (loader.bot_token(), loader.secret("KIRO_API_KEY"));
    let config = loader.config();
    let secrets = Secrets { bot_token, kiro_api_key, of_agents: std::mem::take(&mut loader.agent_secrets) };
    match config {
        Some(config) if loader.problems.is_empty() => Ok((config, secrets)),
        _ => Err(ConfigErrors(loader.problems)),
    }
}

struct Loader<'a> {
    sources: &'a Sources,
    secrecy: Secrecy,
    env_file: BTreeMap<String, String>,
    private: Vec<PathBuf>,
    agent_secrets: BTreeMap<AgentName, BTreeMap<String, Secret<String>>>,
    problems: Vec<Problem>,
}

impl Loader<'_> {
    fn problem(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), what: what.into() });
    }

    fn read_env_file(&mut self) {
        let path = self.sources.directory.join(".env");
        let Some(text) = self.read_optional(&path, ".env") else { return };
        self.private.push(path);
        let (pairs, bad) = dotenv::parse(&text);
        for (line, why) in bad {
            self.problem(format!(".env line {line}"), why);
        }
        for (name, value) in pairs {
            self.env_file.insert(name, value);
        }
    }

    /// A file that need not exist.
    fn read_optional(&mut self, path: &Path, place: &str) -> Option<String> {
        match read_bounded(path) {
            Ok(text) => Some(text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => {
                self.problem(place, format!("cannot be read: {error}"));
                None
            }
        }
    }

    /// The value as given, environment before file; an empty value is as good as none.
    fn given(&self, name: &str) -> Option<String> {
        let value = self.sources.environment.get(name).or_else(|| self.env_file.get(name))?;
        let value = value.trim();
        (!value.is_empty()).then(|| value.to_owned())
    }

    fn text(&self, name: &str) -> String {
        let default = SETTINGS.iter().find(|setting| setting.name == name).map_or("", |setting| setting.default);
        self.given(name).unwrap_or_else(|| default.to_owned())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sources.directory.join(self.text(name)).components().collect()
    }

    /// A secret: the value, or the content of the file that `NAME_FILE` names.
    fn secret(&mut self, name: &str) -> Option<Secret<String>> {
        if self.secrecy == Secrecy::PassOver {
            return None;
        }
        let file_name = format!("{name}_FILE");
        let value = match (self.given(name), self.given(&file_name)) {
            (Some(_), Some(_)) => {
                self.problem(name, format!("give either {name} or {file_name}, not both"));
                return None;
            }
            (Some(value), None) => value,
            (None, Some(file)) => {
                let path = self.sources.directory.join(file);
                self.private.push(path.clone());
                match read_bounded(&path) {
                    Ok(text) => text.trim().to_owned(),
                    Err(error) => {
                        self.problem(file_name, format!("{} cannot be read: {error}", path.display()));
                        return None;
                    }
                }
            }
            (None, None) => return None,
        };
        Some(Secret::new(value))
    }

    fn bot_token(&mut self) -> Option<Secret<String>> {
        let token = self.secret("BOT_TOKEN")?;
        if !is_bot_token(token.expose()) {
            // The text itself may be a mistyped secret: it is not repeated.
            self.problem("BOT_TOKEN", "is not a bot token (digits, a colon, 30 or more of A-Za-z0-9_-): copy it again from @BotFather");
            return None;
        }
        Some(token)
    }

    fn config(&mut self) -> Option<Config> {
        let file = self.config_file();
        let default_agent = self.parsed::<AgentName>("KIRO_AGENT_NAME", "an agent's name (1 to 32 of a-z 0-9 - _)");
        let allowed = self.people("ALLOWED_TELEGRAM_IDS");
        let operators = self.operators(&allowed);
        let max_processes = self.number("MAX_PROCESSES", 1, 64);
        let per_user = self.number("MAX_PROCESSES_PER_USER", 1, 64);
        let idle = self.number("IDLE_TIMEOUT_SECONDS", 1, 86_400);
        let log_level = self.log_level();
        let seccomp = self.seccomp();
        let telegram_api = self.telegram_api();
        let turn = self.minutes("turnTimeoutMinutes", file.turn_timeout_minutes, 60);
        let permission = self.minutes("permissionTimeoutMinutes", file.permission_timeout_minutes, 10);
        let default_agent = default_agent?;
        let agents = self.agents(&default_agent, file);
        let max_processes = usize::try_from(max_processes?).ok()?;
        let state = self.path("STATE_DIR");
        Some(Config {
            allowed,
            operators,
            agents,
            default_agent,
            kiro_config: self.path("KIRO_CONFIG_PATH"),
            workspaces: self.path("WORKSPACE_BASE_PATH"),
            health_socket: self.given("HEALTH_SOCKET").map_or_else(|| state.join("run/health.sock"), |_| self.path("HEALTH_SOCKET")),
            state,
            max_processes,
            max_processes_per_user: usize::try_from(per_user?).ok()?.min(max_processes),
            idle_timeout: Duration::from_secs(idle?),
            log_level: log_level?,
            seccomp: seccomp?,
            telegram_api: telegram_api?,
            turn_timeout: turn?,
            permission_timeout: permission?,
            kiro_login: self.kiro_login(),
            private_files: std::mem::take(&mut self.private),
        })
    }

    fn kiro_login(&self) -> Option<PathBuf> {
        let home = self.sources.environment.get("HOME")?;
        let login = Path::new(home).join(".local/share/kiro-cli/data.sqlite3");
        login.is_file().then_some(login)
    }

    fn config_file(&mut self) -> FileConfig {
        let path = self.path("CONFIG_FILE");
        let text = match (self.read_optional(&path, "CONFIG_FILE"), self.given("CONFIG_FILE")) {
            (Some(text), _) => text,
            (None, Some(_)) if !path.exists() => {
                self.problem("CONFIG_FILE", format!("{} does not exist", path.display()));
                return FileConfig::default();
            }
            (None, _) => return FileConfig::default(),
        };
        self.private.push(path.clone());
        serde_json::from_str(&text).unwrap_or_else(|error| {
            self.problem(format!("{} line {} column {}", path.display(), error.line(), error.column()), plain(&error));
            FileConfig::default()
        })
    }
}

pub(super) fn read_bounded(path: &Path) -> std::io::Result<String> {
    use std::io::Read;
    let mut text = String::new();
    std::fs::File::open(path)?.take(MAX_FILE + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_FILE {
        return Err(std::io::Error::other("it is larger than 1 MiB"));
    }
    Ok(text)
}

fn list(text: &str, separator: char) -> Vec<String> {
    text.split(separator).map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// Whether a text has the form of a bot's token: digits, a colon, and 30 to 100 of `A-Za-z0-9_-`.
pub fn is_bot_token(text: &str) -> bool {
    text.split_once(':').is_some_and(|(id, key)| {
        (1..=20).contains(&id.len())
            && id.bytes().all(|b| b.is_ascii_digit())
            && (30..=100).contains(&key.len())
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    })
}

/// serde_json ends its texts with the place, which stands elsewhere in ours.
fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.clone(), |(what, _)| what.to_owned())
}

fn shown(text: &str) -> String {
    text.chars().take(60).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests;

//! The home of one (user, agent), made ready before a runtime starts.
//!
//! It runs outside the jail, as trusted code, on directories that an agent could write to earlier; so all of it goes
//! through [`Beneath`]. What an agent did to its own home may cost it that home's comfort, never anybody else's, and as
//! little as possible keeps a runtime from starting.
//!
//! ```text
//! HOME_DIR/home    HOME. For Kiro agents read-only to the agent but for `writable_dirs`
//! HOME_DIR/tmp     TMPDIR
//! HOME_DIR/login   which login was copied last; the agent cannot see it
//! HOME_DIR/lives   locked by whoever lives here: the runtimes' keepers
//! ```

mod lock;
mod login;
mod mirror;
mod planted;
mod template;

use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use serde::{Deserialize, Serialize};

use crate::beneath::{Beneath, BeneathError};
use crate::config::{AgentKind, KiroEngine};
use crate::model::AgentName;

pub use planted::set_aside_planted;

use template::Template;

/// Everything of a home that the agent may write to. Exists after [`prepare`], so that a jail can grant exactly these.
///
/// Kiro's own: its sessions, and below `.local` the login and what its v3 engine unpacks. The rest are where tools that
/// an agent runs keep their caches and settings. `.kiro` itself is not among them: who can write to it can give itself tools.
const KIRO_WRITABLE: &[&str] =
    &[".kiro/sessions", ".aws", ".cache", ".cargo", ".config", ".gradle", ".local", ".m2", ".npm", ".rustup", "go"];

/// What is to be prepared. Made by the warden from its own configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Homestead {
    /// `STATE_DIR/homes/<user>/<agent>`. Trusted: no agent can write to it or above it.
    pub home_dir: PathBuf,
    /// `WORKSPACE_BASE_PATH/<user>`: what the runtime's workspaces lie in. The runtime can write to it, not above it.
    pub user_workspaces: PathBuf,
    /// How its home is made.
    pub kind: AgentKind,
    /// The agent's name; for Kiro agents also its file in the template.
    pub agent: AgentName,
    /// The template, `KIRO_CONFIG_PATH`. Trusted, read for Kiro agents only.
    pub kiro_config: PathBuf,
    /// Kiro's login of the service's own user (`~/.local/share/kiro-cli/data.sqlite3`); `None` where a key is used.
    pub login: Option<PathBuf>,
}

impl Homestead {
    /// The runtime's HOME.
    pub fn home(&self) -> PathBuf {
        self.home_dir.join("home")
    }

    /// The runtime's TMPDIR.
    pub fn tmp(&self) -> PathBuf {
        self.home_dir.join("tmp")
    }

    /// The runtime's KIRO_HOME.
    pub fn kiro_home(&self) -> PathBuf {
        self.home().join(".kiro")
    }

    /// The directories of HOME that the runtime may write to (absolute).
    pub fn writable_dirs(&self) -> Vec<PathBuf> {
        match self.kind {
            AgentKind::Kiro(_) => KIRO_WRITABLE.iter().map(|dir| self.home().join(dir)).collect(),
            AgentKind::BuiltIn | AgentKind::Acp => vec![self.home()],
        }
    }
}

/// Why a home could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// A directory of the service's own could not be made or opened.
    #[error("cannot {what} {path:?}: {source}")]
    Directory {
        /// What was to be done: a verb.
        what: &'static str,
        /// The directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Something in a home, a workspace or the template.
    #[error(transparent)]
    Beneath(#[from] BeneathError),
    /// There is no template.
    #[error(
        "there is no directory {path:?}: set KIRO_CONFIG_PATH to a directory with agents/, skills/ and steering/ (a default one comes with kiroclaw)"
    )]
    NoTemplate {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The template holds something that is not provisioned.
    #[error(
        "{path:?} {why}: the template may hold regular files and directories only, {} files at most, {} bytes in all, {} levels deep",
        template::FILES,
        template::BYTES,
        template::DEPTH
    )]
    BadTemplate {
        /// What it is about.
        path: PathBuf,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The agent's own file is missing.
    #[error("there is no {path:?}: the agent `{agent}` (KIRO_AGENT_NAME) needs a file of its name there")]
    NoAgent {
        /// The file that should be there.
        path: PathBuf,
        /// Whose it is.
        agent: AgentName,
    },
    /// The agent's own file is not what kiro-cli takes; it would silently use another agent.
    #[error("{path:?}: {why}")]
    BadAgent {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and column where there are some.
        why: String,
    },
}

/// Makes a home ready. Does nothing twice: what is already right is left alone. Two at once wait for each other.
///
/// What an agent can do in its own writable directories (a spoilt login, odd lock files) is logged and does not fail.
/// The result is to be held for as long as the runtime lives.
///
/// # Errors
/// [`ProvisionError`]; then the runtime must not start.
pub fn prepare(order: &Homestead) -> Result<Inhabited, ProvisionError> {
    make_private(&order.home_dir)?;
    make_private(&order.user_workspaces)?;
    let _turn = wait_for_turn(&order.home_dir)?;
    let dir = Beneath::open(&order.home_dir)?;
    dir.make_dirs(Path::new("home"))?;
    dir.make_dirs(Path::new("tmp"))?;
    let (inhabited, alone) = inhabit(&order.home_dir)?;
    let AgentKind::Kiro(engine) = order.kind else {
        return Ok(inhabited);
    };
    let template = Template::read(&order.kiro_config, |text, is_json| fill(order, text, is_json))?;
    template.check(engine, &order.agent)?;
    let home = dir.descend(Path::new("home"))?;
    for writable in KIRO_WRITABLE {
        home.make_dirs(Path::new(writable))?;
    }
    mirror::mirror(&template, &home)?;
    if let Some(source) = &order.login {
        note(order, "copy the login", login::copy(source, &dir, &home));
    }
    note(order, "look for stale locks", lock::remove_stale_locks(&home, alone));
    planted::set_aside_everywhere(&order.user_workspaces)?;
    Ok(inhabited)
}

/// Checks that the template has what the agent needs, without preparing anything.
///
/// # Errors
/// As [`prepare`] would.
pub fn check_template(kiro_config: &Path, engine: KiroEngine, agent: &AgentName) -> Result<(), ProvisionError> {
    Template::read(kiro_config, |text, _| text)?.check(engine, agent)
}

fn note(order: &Homestead, what: &str, result: Result<(), ProvisionError>) {
    if let Err(error) = result {
        tracing::warn!(agent = %order.agent, "could not {what}: {error}");
    }
}

fn make_private(dir: &Path) -> Result<(), ProvisionError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    made.map_err(|source| ProvisionError::Directory { what: "make the directory", path: dir.to_owned(), source })
}

/// Holds the home for this process. Agents cannot open this directory, so only other preparations hold it, and those end.
fn wait_for_turn(home_dir: &Path) -> Result<File, ProvisionError> {
    let failed = |source| ProvisionError::Directory { what: "lock", path: home_dir.to_owned(), source };
    let held = File::open(home_dir).map_err(failed)?;
    rustix::fs::flock(&held, FlockOperation::LockExclusive).map_err(|errno| failed(errno.into()))?;
    Ok(held)
}

/// That a runtime lives in a home, until this is dropped or its process ends, however it ends.
#[derive(Debug)]
#[must_use]
pub struct Inhabited(#[expect(dead_code, reason = "it is held open for its lock (flock(2))")] File);

/// Also whether nobody else lives there. To be called by whoever has the turn.
fn inhabit(home_dir: &Path) -> Result<(Inhabited, bool), ProvisionError> {
    let path = home_dir.join("lives");
    let failed = |source| ProvisionError::Directory { what: "lock", path: path.clone(), source };
    let held = File::options().write(true).create(true).truncate(false).open(&path).map_err(failed)?;
    let alone = rustix::fs::flock(&held, FlockOperation::NonBlockingLockExclusive).is_ok();
    // From here on, with whoever else does. An exclusive lock is held by nobody but him who has the turn.
    rustix::fs::flock(&held, FlockOperation::LockShared).map_err(|errno| failed(errno.into()))?;
    Ok((Inhabited(held), alone))
}

/// The template's values, which are absolute paths because kiro-cli resolves relative ones against a session's directory.
fn fill(order: &Homestead, text: String, is_json: bool) -> String {
    if !text.contains("{{") {
        return text;
    }
    let values = [
        ("{{KIRO_AGENT_NAME}}", order.agent.to_string()),
        ("{{HOME}}", order.home().display().to_string()),
        ("{{KIRO_HOME}}", order.kiro_home().display().to_string()),
        ("{{TMPDIR}}", order.tmp().display().to_string()),
        ("{{WORKSPACES}}", order.user_workspaces.display().to_string()),
    ];
    values.into_iter().fold(text, |text, (name, value)| {
        // In JSON the names stand within strings.
        let escaped = serde_json::Value::String(value.clone()).to_string();
        text.replace(name, if is_json { escaped.trim_matches('"') } else { &value })
    })
}

#[cfg(test)]
mod tests;

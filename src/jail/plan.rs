//! What a command may see and reach: decided here, acted on in [`super::confine`].

mod grants;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::grants::{Place, check_not_replaceable, check_read_write, private};

use crate::config::{AgentConfig, AgentKind, Config, Limits, PROGRAM_PATH, SeccompMode};
use crate::model::{Minimum, UserId};

/// System directories that every program needs; those that do not exist are left out.
const SYSTEM: &[&str] = &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/// What programs read in `/etc`. The rest may hold secrets, and is readable where the service runs as root.
const ETC: &[&str] = &[
    "alternatives",
    "bash.bashrc",
    "ca-certificates",
    "ca-certificates.conf",
    "debian_version",
    "fonts",
    "gai.conf",
    "gitconfig",
    "group",
    "host.conf",
    "hostname",
    "hosts",
    "inputrc",
    "issue",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "magic",
    "mime.types",
    "nsswitch.conf",
    "os-release",
    "passwd",
    "pki/ca-trust",
    "pki/tls/certs",
    "profile",
    "profile.d",
    "protocols",
    "resolv.conf",
    "services",
    "shells",
    "ssl/cert.pem",
    "ssl/certs",
    "ssl/openssl.cnf",
    "terminfo",
    "timezone",
    "vim",
];

/// What else is read: one's own processes, and how many processors there are.
const READ: &[&str] = &["/proc", "/sys/devices/system/cpu"];

/// Beside [`SYSTEM`], what nobody inside may write to, whatever a policy says.
const TRUSTED: &[&str] = &["/boot", "/dev", "/etc", "/proc", "/sys"];

/// Devices without any power.
const DEVICES: &[&str] = &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// Why a command cannot be jailed as it should.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// There is no such program.
    #[error("The program `{0}` was not found. Install it, or name another one in AGENT_COMMAND.")]
    NoProgram(String),
    /// A path that was named is not there.
    #[error("{} is to be there for agents, but is not: {why}.", path.display())]
    Missing {
        /// The path.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A path that is to be granted is itself a part of what nobody inside may see.
    #[error("Agents may not use {}, since it lies in {}: name a path elsewhere.", granted.display(), private.display())]
    Within {
        /// What is to be granted.
        granted: PathBuf,
        /// In what it lies.
        private: PathBuf,
    },
    /// A path that is to be granted holds what nobody inside may see.
    #[error("Agents may use {}, and {} lies in it: move one of the two.", granted.display(), private.display())]
    Exposes {
        /// What is to be granted.
        granted: PathBuf,
        /// What lies in it.
        private: PathBuf,
    },
}

/// The directories of a command's own, made before the jail is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Home {
    /// HOME.
    pub home: PathBuf,
    /// TMPDIR.
    pub tmp: PathBuf,
    /// KIRO_HOME, for Kiro.
    pub kiro: PathBuf,
    /// What of it may be written to.
    pub writable: Vec<PathBuf>,
}

/// All that a jail is made from. Holds no secret: those come beside it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The program to execute (absolute).
    pub program: PathBuf,
    /// Its name for itself and its arguments.
    pub words: Vec<String>,
    /// Where it starts.
    pub directory: PathBuf,
    /// Its whole environment, but for the proxy's and a secret of its own.
    pub environment: BTreeMap<String, String>,
    /// To read.
    pub read: Vec<PathBuf>,
    /// To read and execute.
    pub execute: Vec<PathBuf>,
    /// To do everything with.
    pub write: Vec<PathBuf>,
    /// HOME; what of it may be written to is among `write`.
    pub home: Option<PathBuf>,
    /// TMPDIR, and /tmp in a view of its own.
    pub tmp: Option<PathBuf>,
    /// What is read-only in a view of its own, although it lies in HOME: Kiro's settings.
    pub sealed: Option<PathBuf>,
    /// Whether it has hosts, and so a listener of the egress.
    pub egress: bool,
    /// Whether it gets one all the same where it has a network of its own: an operator is asked for what it is refused there. Elsewhere
    /// the listener would cost it the filter that keeps it offline.
    pub may_ask: bool,
    /// What its processes may use.
    pub limits: Limits,
    /// The directories whose files are counted against its limits.
    pub counted: Vec<PathBuf>,
    /// What has to hold, else it does not start.
    pub minimum: Minimum,
    /// Directories whose sockets are ours: who connects to one needs a key besides.
    pub own_sockets: Vec<PathBuf>,
    /// Whether its filter refuses, or logs.
    pub seccomp: SeccompMode,
    /// Its cgroup, which its first process enters by itself; the keeper stays out of it, so that it is not throttled with what it watches.
    pub cgroup: Option<PathBuf>,
}

impl Plan {
    /// The jail of a runtime of `agent` for `user`.
    ///
    /// # Errors
    /// [`PlanError`]; then the runtime must not start.
    pub fn for_runtime(config: &Config, agent: &AgentConfig, user: &UserId, home: &Home) -> Result<Self, PlanError> {
        let workspaces = config.user_workspaces(user);
        let counted = vec![workspaces.clone(), home.home.clone(), home.tmp.clone()];
        Ok(Self { counted, may_ask: true, ..Self::new(config, agent, &agent.command, workspaces, home)? })
    }

    /// The same jail for a command given by hand, with `workspace` in place of a user's; what is in it is its giver's, and not counted unless
    /// it is one of the workspaces.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn for_command(config: &Config, workspace: &Path, command: &[String], home: &Home) -> Result<Self, PlanError> {
        // The configuration holds its default agent; its maker sees to that.
        let agent = &config.agents[&config.default_agent];
        // Unlike a user's own, it was named by hand. One of the workspaces will do.
        let granted = Place::of(workspace);
        granted.check_holds_none(&private(config))?;
        granted.check_is_not_in(&Place::of(&config.state))?;
        let counted = if granted.is_in(&Place::of(&config.workspaces)) { vec![workspace.to_owned()] } else { Vec::new() };
        Ok(Self { counted, ..Self::new(config, agent, command, workspace.to_owned(), home)? })
    }

    /// The jail of `agent` on `workspace`, for a process of ours that looks at it from inside, whatever holds.
    ///
    /// # Errors
    /// [`PlanError`].
    pub fn for_looking_as(config: &Config, agent: &AgentConfig, workspace: &Path, home: &Home) -> Result<Self, PlanError> {
        let plan = Self::new(config, agent, &agent.command, workspace.to_owned(), home)?;
        Ok(Self { minimum: Minimum::nothing(), ..plan })
    }

    /// A jail with hosts and nothing of its own, likewise.
    pub fn for_looking() -> Self {
        Self {
            program: PathBuf::new(),
            words: Vec::new(),
            directory: PathBuf::from("/"),
            environment: BTreeMap::new(),
            read: existing(READ),
            execute: system(),
            write: Vec::new(),
            home: None,
            tmp: None,
            sealed: None,
            egress: true,
            may_ask: false,
            limits: Limits::default(),
            counted: Vec::new(),
            minimum: Minimum::nothing(),
            own_sockets: Vec::new(),
            seccomp: SeccompMode::Enforce,
            cgroup: None,
        }
    }

    fn new(config: &Config, agent: &AgentConfig, command: &[String], workspace: PathBuf, home: &Home) -> Result<Self, PlanError> {
        let name = command.first().map_or("", String::as_str);
        let own = agent.kind == AgentKind::BuiltIn && *command == agent.command;
        let program = if own { PathBuf::from("/proc/self/exe") } else { find_program(name)? };
        let mut execute = system();
        // A program that was made in the workspace is granted with it.
        let inside = real(&workspace);
        execute.extend(program_paths(&program).into_iter().filter(|path| !real(path).starts_with(&inside)));
        execute.extend(agent.read_only.iter().cloned());
        let (private, state, workspaces) = (private(config), Place::of(&config.state), Place::of(&config.workspaces));
        for path in &execute {
            path.metadata().map_err(|error| PlanError::Missing { path: path.clone(), why: error.to_string() })?;
            let granted = Place::of(path);
            granted.check_holds_none(&private)?;
            granted.check_is_not_in(&state)?;
            granted.check_is_not_in(&workspaces)?;
        }
        check_read_write(config, agent)?;
        for path in &execute {
            check_not_replaceable(config, path)?;
        }
        let mut read: Vec<PathBuf> = ETC.iter().map(|name| Path::new("/etc").join(name)).filter(|path| path.exists()).collect();
        read.extend(existing(READ));
        read.push(home.home.clone());
        let mut write = vec![workspace.clone(), home.tmp.clone()];
        write.extend(home.writable.iter().chain(&agent.read_write).cloned());
        Ok(Self {
            environment: environment(&program, agent, home),
            program,
            words: command.to_vec(),
            directory: workspace,
            read,
            execute,
            write,
            home: Some(home.home.clone()),
            tmp: Some(home.tmp.clone()),
            sealed: matches!(agent.kind, AgentKind::Kiro(_)).then(|| home.kiro.clone()),
            egress: !agent.egress.is_empty(),
            may_ask: false,
            limits: agent.limits.clone(),
            counted: Vec::new(),
            minimum: agent.minimum.clone(),
            own_sockets: vec![config.state.clone()],
            seccomp: config.seccomp,
            cgroup: None,
        })
    }

    /// The devices that every jail has.
    pub(crate) fn devices() -> Vec<PathBuf> {
        existing(DEVICES)
    }
}

/// What the warden has to be able to grant to those below it: every agent's programs and paths, and the system's.
pub(crate) fn executable_for_any(config: &Config) -> Vec<PathBuf> {
    let mut paths = system();
    for agent in config.agents.values() {
        if let Some(program) = agent.command.first().and_then(|name| find_program(name).ok()) {
            paths.extend(program_paths(&program));
        }
        paths.extend(agent.read_only.iter().filter(|path| path.exists()).cloned());
    }
    paths
}

/// What the warden has to be able to grant for writing.
pub(crate) fn writable_for_any(config: &Config) -> Vec<PathBuf> {
    let of_agents = config.agents.values().flat_map(|agent| &agent.read_write).filter(|path| path.exists());
    [&config.state, &config.workspaces].into_iter().chain(of_agents).cloned().collect()
}

fn system() -> Vec<PathBuf> {
    existing(SYSTEM)
}

fn existing(paths: &[&str]) -> Vec<PathBuf> {
    paths.iter().map(PathBuf::from).filter(|path| path.exists()).collect()
}

/// By its path, or by name in the system's directories and then in the service's own.
fn find_program(name: &str) -> Result<PathBuf, PlanError> {
    let found = if name.contains('/') {
        std::path::absolute(name).ok().filter(|path| path.is_file())
    } else {
        PROGRAM_PATH.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file())
    };
    found.ok_or_else(|| PlanError::NoProgram(name.to_owned()))
}

/// The program's file, and its directory where that is one of programs: kiro-cli starts `kiro-cli-chat` from beside it.
fn program_paths(program: &Path) -> Vec<PathBuf> {
    let real = real(program);
    let mut paths = Vec::new();
    for path in [program, &real] {
        let beside = path.parent().filter(|directory| directory.file_name().is_some_and(|name| name == "bin"));
        paths.push(beside.map_or_else(|| path.to_owned(), Path::to_owned));
    }
    paths.dedup();
    paths
}

/// Where a path leads; itself while it does not exist.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn environment(program: &Path, agent: &AgentConfig, home: &Home) -> BTreeMap<String, String> {
    let text = |path: &Path| path.display().to_string();
    let beside = program.parent().filter(|directory| directory.is_absolute() && directory.file_name().is_some_and(|name| name == "bin"));
    let path: Vec<String> = beside.map(text).into_iter().chain(PROGRAM_PATH.iter().map(|&directory| directory.to_owned())).collect();
    let mut environment: BTreeMap<String, String> = [
        ("HOME", text(&home.home)),
        ("TMPDIR", text(&home.tmp)),
        ("PATH", path.join(":")),
        ("SHELL", "/bin/sh".to_owned()),
        ("USER", "agent".to_owned()),
        ("LOGNAME", "agent".to_owned()),
        ("LANG", "C.UTF-8".to_owned()),
        ("TERM", "dumb".to_owned()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect();
    if matches!(agent.kind, AgentKind::Kiro(_)) {
        environment.insert("KIRO_HOME".to_owned(), text(&home.kiro));
    }
    environment.extend(agent.environment.clone());
    environment
}

#[cfg(test)]
mod tests;

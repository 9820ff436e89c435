//! What holds here for an agent, tried by a process in its very jail, against things that are made for it and against what is private.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ask::ask;
use crate::config::{AgentConfig, AgentKind, Config};
use crate::ipc::bundle;
use crate::jail::guarantees::TABLE;
use crate::jail::{Means, Outside, Plan, PlanError, Tried, began};
use crate::model::guarantee::{Guarantee, Minimum, Rule};
use crate::provision::Homestead;
use crate::warden::home_of;

/// Time for a jail to be made and some twenty attempts; both take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the process in the jail is to do; it finds this as its standard input.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Look {
    /// The jail.
    pub(super) plan: Plan,
    /// What is made ready before it; `None` where nothing is granted for writing.
    pub(super) homestead: Option<Homestead>,
    /// What is tried to be reached.
    pub(super) outside: Outside,
}

/// What it answers, or why there is no jail.
pub(super) type Answer = Result<Seen, String>;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What the jail is made with.
    pub(super) means: Means,
    /// The attempts.
    pub(super) tried: Vec<Tried>,
    /// Whether servers of its own work.
    pub(super) servers: bool,
}

/// Why nothing is known.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    /// Nothing could be tried: something is missing for it, which agents do not need.
    #[error("Nothing could be tried from inside a jail: {0}.")]
    NotTried(#[from] io::Error),
    /// There is no jail here, and so no agent.
    #[error("No jail can be made: {0}")]
    NoJail(String),
    /// The agent's policy grants what cannot be granted, or its program is not there.
    #[error(transparent)]
    Plan(#[from] PlanError),
}

/// Looks from inside the jail of `agent`, or of any with hosts where there is no configuration.
///
/// # Errors
/// [`LookError`].
pub(super) fn look(agent: Option<(&Config, &AgentConfig)>) -> Result<Seen, LookError> {
    let site = Site::make()?;
    let (plan, homestead) = match agent {
        Some((config, agent)) => {
            let homestead = site.homestead(config, agent);
            (Plan::for_looking_as(config, agent, &homestead.user_workspaces, &home_of(&homestead))?, Some(homestead))
        }
        None => (Plan::for_looking(), None),
    };
    let plan = Plan { own_sockets: plan.own_sockets.iter().chain([&site.directory]).cloned().collect(), ..plan };
    let private = agent.map(|(config, _)| private(config)).unwrap_or_default();
    let outside = Outside { private, ..site.outside()? };
    let order = bundle::seal(&Look { plan, homestead, outside }).map_err(io::Error::other)?;
    let answer = ask(Path::new("/proc/self/exe"), &["jail", "--probe"], None, Stdio::from(order), PATIENCE).map_err(io::Error::other)?;
    let answer: Answer = serde_json::from_str(&answer.text).map_err(io::Error::other)?;
    answer.map_err(LookError::NoJail)
}

/// What holds secrets, as far as it is there.
fn private(config: &Config) -> Vec<PathBuf> {
    let all = [&config.state, &config.workspaces].into_iter().chain(&config.private_files);
    all.filter(|path| path.exists()).cloned().collect()
}

/// Things to be reached for, and a place to reach from; gone with this value.
struct Site {
    directory: PathBuf,
    shared: Option<PathBuf>,
    abstract_socket: String,
    tcp: TcpListener,
    _sockets: [UnixListener; 2],
}

impl Site {
    fn make() -> io::Result<Self> {
        let name = format!("kiroclaw-look-{}-{:08x}", std::process::id(), random()?);
        let directory = std::env::temp_dir().join(&name);
        // Fails for a name that is there already: nobody else's directory is used.
        DirBuilder::new().mode(0o700).create(&directory)?;
        let made = Self::fill(&directory, &name);
        if made.is_err() {
            // What matters is said by the first error.
            let _ = fs::remove_dir_all(&directory);
        }
        made
    }

    fn fill(directory: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir(directory.join("outside"))?;
        fs::create_dir(directory.join("work"))?;
        fs::write(directory.join("outside/file"), "kept\n")?;
        let shared = Path::new("/dev/shm").join(name);
        let sockets =
            [UnixListener::bind(directory.join("outside/socket"))?, UnixListener::bind_addr(&SocketAddr::from_abstract_name(name)?)?];
        Ok(Self {
            directory: directory.to_owned(),
            // A machine without it has nothing to share there.
            shared: File::create_new(&shared).ok().map(|_| shared),
            abstract_socket: name.to_owned(),
            tcp: TcpListener::bind("127.0.0.1:0")?,
            _sockets: sockets,
        })
    }

    fn outside(&self) -> io::Result<Outside> {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        Ok(Outside {
            process: (process, began(process)?),
            port: self.tcp.local_addr()?.port(),
            abstract_socket: self.abstract_socket.clone(),
            socket: self.directory.join("outside/socket"),
            file: self.directory.join("outside/file"),
            shared: self.shared.clone(),
            private: Vec::new(),
        })
    }

    /// Never Kiro's: its templates and login are not what is looked at.
    fn homestead(&self, config: &Config, agent: &AgentConfig) -> Homestead {
        Homestead {
            home_dir: self.directory.join("home"),
            user_workspaces: self.directory.join("work"),
            kind: AgentKind::Acp,
            agent: agent.name.clone(),
            kiro_config: config.kiro_config.clone(),
            login: None,
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Nothing depends on its being gone.
        let _ = fs::remove_dir_all(&self.directory);
        let _ = self.shared.as_ref().map(fs::remove_file);
    }
}

fn random() -> io::Result<u32> {
    let mut bytes = [0; 4];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(u32::from_ne_bytes(bytes))
}

/// How a guarantee stands for an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Standing {
    /// It holds.
    Holds,
    /// It is missing, and accepted.
    Open,
    /// It is missing, and the agent does not start.
    Missing,
    /// It should hold, but what was tried went through.
    Broken,
}

/// One guarantee, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Verdict {
    /// Which.
    pub(super) guarantee: Guarantee,
    /// How it stands.
    pub(super) standing: Standing,
    /// What an agent does or can do, by what mechanism, and what was tried; one line.
    pub(super) what: String,
    /// How to mend it; empty where it holds.
    pub(super) mend: String,
}

/// What every guarantee comes to, by the jail's own table and by what was tried.
pub(super) fn judge(minimum: &Minimum, seen: &Seen) -> Vec<Verdict> {
    let one = |entry: &crate::jail::guarantees::Entry| {
        let tried: Vec<&Tried> = seen.tried.iter().filter(|tried| tried.guarantee == entry.guarantee).collect();
        let through: Vec<&str> = tried.iter().filter(|tried| tried.errno == 0).map(|tried| tried.what.as_str()).collect();
        let guarantee = entry.guarantee;
        let (standing, what, mend) = match (entry.supplied(&seen.means), minimum.rule(guarantee)) {
            (Some(by), _) if through.is_empty() => {
                (Standing::Holds, format!("{guarantee}: it {} – {by}{}", entry.holds, attempts(tried.len())), String::new())
            }
            (Some(by), _) => (
                Standing::Broken,
                format!("{guarantee}: {by} should hold, but these went through: {}", through.join(", ")),
                "report this, with what `uname -a` says; until then use another machine".to_owned(),
            ),
            (None, Rule::Needed) => {
                let accept = if guarantee.may_be_missing() {
                    format!("; or accept the hole by name: ACCEPT_MISSING={guarantee}, or `accept` of the agent in config.json")
                } else {
                    String::new()
                };
                (Standing::Missing, lacking(entry.open, guarantee, "", seen), format!("{}{accept}", entry.mend))
            }
            (None, rule) => {
                let how = if rule == Rule::AcceptedByName { " (accepted by name)" } else { " (accepted by default)" };
                (Standing::Open, lacking(entry.open, guarantee, how, seen), entry.mend.to_owned())
            }
        };
        Verdict { guarantee, standing, what, mend }
    };
    TABLE.iter().map(one).collect()
}

fn attempts(count: usize) -> String {
    match count {
        0 => String::new(),
        1 => " (tried: refused)".to_owned(),
        count => format!(" (tried {count} ways: refused)"),
    }
}

fn lacking(open: &str, guarantee: Guarantee, how: &str, seen: &Seen) -> String {
    let socket = seen.means.socket.as_ref().filter(|_| guarantee == Guarantee::UnixSockets);
    let such = socket.map(|path| format!(", such as {}", path.display())).unwrap_or_default();
    format!("{guarantee}: open{how}: it {open}{such}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::Apart;

    fn seen(way: Apart, abi: i32, through: &[Guarantee]) -> Seen {
        let tried = Guarantee::ALL.map(|guarantee| Tried {
            guarantee,
            what: format!("{guarantee} one"),
            errno: if through.contains(&guarantee) { 0 } else { 13 },
        });
        Seen {
            means: Means { way, abi, hosts: true, filtered: true, socket: Some("/run/bus".into()) },
            tried: tried.to_vec(),
            servers: true,
        }
    }

    fn standing(minimum: &Minimum, seen: &Seen, guarantee: Guarantee) -> Verdict {
        judge(minimum, seen).into_iter().find(|verdict| verdict.guarantee == guarantee).unwrap()
    }

    #[test]
    fn where_all_is_there_all_holds_and_says_by_what() {
        let verdicts = judge(&Minimum::default(), &seen(Apart::Wholly, 2, &[]));
        assert_eq!(verdicts.len(), Guarantee::ALL.len());
        assert!(verdicts.iter().all(|verdict| verdict.standing == Standing::Holds && verdict.what.contains("tried: refused")));
    }

    #[test]
    fn what_went_through_is_never_said_to_hold() {
        let verdict = standing(&Minimum::nothing(), &seen(Apart::Wholly, 7, &[Guarantee::Signals]), Guarantee::Signals);
        assert!(verdict.standing == Standing::Broken && verdict.what.contains("signals one"), "{verdict:?}");
    }

    #[test]
    fn what_is_missing_says_what_is_open_what_mends_it_and_how_it_is_accepted() {
        let seen = seen(Apart::Not, 4, &[Guarantee::Signals, Guarantee::UnixSockets]);
        let needed = standing(&Minimum::default(), &seen, Guarantee::Signals);
        assert!(needed.standing == Standing::Missing && needed.what.contains("the gateway too"), "{needed:?}");
        assert!(needed.mend.contains("6.12") && needed.mend.contains("ACCEPT_MISSING=signals"), "{needed:?}");
        let sockets = standing(&Minimum::default(), &seen, Guarantee::UnixSockets);
        assert!(sockets.what.contains("/run/bus"), "{sockets:?}");
        let accepted = standing(&Minimum::nothing(), &seen, Guarantee::Signals);
        assert!(accepted.standing == Standing::Open && accepted.what.contains("by name"), "{accepted:?}");
        let small = standing(&Minimum::default(), &seen, Guarantee::Processes);
        assert!(small.standing == Standing::Open && small.what.contains("by default"), "{small:?}");
    }
}

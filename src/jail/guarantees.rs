//! Who supplies what a jail holds to: one table for the jail, which refuses to start without, and for those who tell of it.
//!
//! | guarantee | namespaces | Landlock | seccomp |
//! |---|---|---|---|
//! | files, memory | | ABI 1 | truncate(2) before ABI 3 |
//! | network | network | ABI 4, with seccomp | an agent without hosts |
//! | ports | network | | an agent without hosts |
//! | signals | processes | ABI 6 | |
//! | abstract-sockets | network | ABI 6 | |
//! | unix-sockets | mounts; else that there are none | | |
//! | ipc | IPC | | refuses the calls |
//! | planting, metadata | mounts | | |
//! | processes | processes, with a /proc of their own | | |

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Apart, JailError};
use crate::model::guarantee::{Guarantee, Minimum, Rule};

/// What a jail is made with, as it turned out when it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Means {
    /// How far it is set apart.
    pub way: Apart,
    /// The kernel's Landlock ABI.
    pub abi: i32,
    /// Whether it has a way to hosts.
    pub hosts: bool,
    /// Whether its filter refuses, or only logs.
    pub filtered: bool,
    /// Somebody's Unix socket that is within its reach; looked for only where it shares the machine's files.
    pub socket: Option<PathBuf>,
}

/// A mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Landlock(i32),
    /// The same, with seccomp for what its TCP rules do not see.
    LandlockAndSeccomp(i32),
    NetworkNamespace,
    IpcNamespace,
    MountNamespace,
    ProcessNamespace,
    /// A process namespace that /proc shows.
    OwnProc,
    Seccomp,
    /// seccomp refuses every internet socket to who has no hosts.
    Offline,
    /// Nobody is there who could be reached.
    NoSockets,
}

impl By {
    fn is_there(self, means: &Means) -> bool {
        match self {
            Self::Landlock(least) => means.abi >= least,
            Self::LandlockAndSeccomp(least) => means.abi >= least && means.filtered,
            Self::NetworkNamespace => means.way.has_network(),
            Self::IpcNamespace => means.way != Apart::Not,
            Self::MountNamespace => means.way.has_files(),
            Self::ProcessNamespace => means.way.has_processes(means.abi),
            Self::OwnProc => means.way == Apart::Wholly,
            // Both refuse in so many words, whether the rest of the filter does or only logs.
            Self::Seccomp => true,
            Self::Offline => !means.hosts,
            Self::NoSockets => means.socket.is_none(),
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Landlock(_) => "Landlock",
            Self::LandlockAndSeccomp(_) => "Landlock's TCP rules and seccomp",
            Self::NetworkNamespace => "a network namespace",
            Self::IpcNamespace => "an IPC namespace",
            Self::MountNamespace => "a mount namespace",
            Self::ProcessNamespace | Self::OwnProc => "a process namespace",
            Self::Seccomp => "seccomp",
            Self::Offline => "seccomp: it has no hosts, and no internet sockets",
            Self::NoSockets => "there is no Unix socket of others here that its user may open",
        }
    }
}

/// A guarantee, who can supply it, and what its lack means.
#[derive(Debug)]
pub struct Entry {
    /// Which.
    pub guarantee: Guarantee,
    /// What an agent does then; a sentence without its subject.
    pub holds: &'static str,
    /// What an agent can do without it; likewise.
    pub open: &'static str,
    /// What would supply it.
    pub mend: &'static str,
    by: &'static [By],
}

/// All guarantees, in the order of [`Guarantee::ALL`].
pub const TABLE: &[Entry] = &[
    Entry {
        guarantee: Guarantee::Files,
        holds: "reads, writes and executes what its policy grants, and nothing else",
        open: "could read the store and every user's files",
        mend: "use Linux 5.13 or newer with `landlock` in the boot parameter lsm=",
        by: &[By::Landlock(1)],
    },
    Entry {
        guarantee: Guarantee::Network,
        holds: "reaches the hosts of its policy through the egress, and nothing else",
        open: "could reach every host",
        mend: "allow user namespaces, use Linux 6.7 or newer, or name no hosts",
        by: &[By::NetworkNamespace, By::LandlockAndSeccomp(4), By::Offline],
    },
    Entry {
        guarantee: Guarantee::Ports,
        holds: "goes past the egress at no port either",
        open: "can reach every host at one port, a random one, past the rules and the log of the egress: Landlock names ports and no hosts",
        mend: "allow user namespaces, or name no hosts",
        by: &[By::NetworkNamespace, By::Offline],
    },
    Entry {
        guarantee: Guarantee::Memory,
        holds: "reads and traces the memory of no process outside",
        open: "could read the bot's token in the gateway",
        mend: "use Linux 5.13 or newer with `landlock` in the boot parameter lsm=",
        by: &[By::Landlock(1)],
    },
    Entry {
        guarantee: Guarantee::Signals,
        holds: "signals no process outside",
        open: "can end every process of the same user, the gateway too",
        mend: "allow user namespaces, or use Linux 6.12 or newer",
        by: &[By::ProcessNamespace, By::Landlock(6)],
    },
    Entry {
        guarantee: Guarantee::AbstractSockets,
        holds: "reaches no abstract Unix socket outside",
        open: "can talk to whoever listens on an abstract Unix socket, a desktop session for one",
        mend: "allow user namespaces, or use Linux 6.12 or newer",
        by: &[By::NetworkNamespace, By::Landlock(6)],
    },
    Entry {
        guarantee: Guarantee::UnixSockets,
        holds: "reaches no Unix socket outside its directories",
        open: "can have a session bus or a container engine act for it where its user may open their Unix sockets",
        mend: "allow user and mount namespaces, or run where its user may open no such socket, as in a container",
        by: &[By::MountNamespace, By::NoSockets],
    },
    Entry {
        guarantee: Guarantee::Ipc,
        holds: "shares no memory, queues or semaphores with others",
        open: "could write into the memory that others share",
        mend: "allow user namespaces",
        by: &[By::IpcNamespace, By::Seccomp],
    },
    Entry {
        guarantee: Guarantee::Planting,
        holds: "plants no settings for agents in its workspace",
        open: "can plant a .kiro in its workspace while it runs; it is set aside before the next session",
        mend: "allow user and mount namespaces",
        by: &[By::MountNamespace],
    },
    Entry {
        guarantee: Guarantee::Metadata,
        holds: "sees and changes no names, modes and times of files outside",
        open: "can see names, modes and times of files outside, and change those of its own user's, though not what is in them",
        mend: "allow user and mount namespaces",
        by: &[By::MountNamespace],
    },
    Entry {
        guarantee: Guarantee::Processes,
        holds: "sees no process outside",
        open: "can see the names and arguments of processes outside in /proc",
        mend: "allow user, process and mount namespaces and a /proc of its own, which most containers do not",
        by: &[By::OwnProc],
    },
];

impl Entry {
    /// By what it holds with these means, in words; `None` where it does not.
    pub fn supplied(&self, means: &Means) -> Option<&'static str> {
        self.by.iter().find(|by| by.is_there(means)).map(|by| by.in_words())
    }
}

/// Whether a command may start with these means.
///
/// # Errors
/// It lacks what its policy needs.
pub(crate) fn check(minimum: &Minimum, means: &Means) -> Result<(), JailError> {
    let needed = |entry: &&Entry| minimum.rule(entry.guarantee) == Rule::Needed && entry.supplied(means).is_none();
    let missing: Vec<&Entry> = TABLE.iter().filter(needed).collect();
    let guarantees: Vec<Guarantee> = missing.iter().map(|entry| entry.guarantee).collect();
    match missing.first() {
        None => Ok(()),
        Some(_) if guarantees.contains(&Guarantee::Network) => Err(JailError::NoNetworkRules(means.abi)),
        Some(first) => Err(JailError::Missing { guarantees, mend: first.mend }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn means(way: Apart, abi: i32) -> Means {
        Means { way, abi, hosts: true, filtered: true, socket: Some("/run/bus".into()) }
    }

    fn missing(minimum: &Minimum, means: &Means) -> String {
        match check(minimum, means) {
            Ok(()) => String::new(),
            Err(JailError::Missing { guarantees, .. }) => crate::model::guarantee::names(&guarantees),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn the_table_has_every_guarantee_once_and_in_order() {
        assert_eq!(TABLE.iter().map(|entry| entry.guarantee).collect::<Vec<_>>(), Guarantee::ALL);
    }

    #[test]
    fn common_machines_start_out_of_the_box_or_say_what_they_lack() {
        let container = |abi| Means { socket: None, ..means(Apart::Not, abi) };
        for (machine, means, expected) in [
            ("Debian 12", means(Apart::Wholly, 2), ""),
            ("a container that allows user namespaces", means(Apart::SharingProc, 2), ""),
            ("a hardened container on Linux 6.12, an agent without hosts", Means { hosts: false, ..container(6) }, ""),
            ("the same with hosts", container(6), "ports"),
            ("a hardened container on Linux 6.8", container(4), "ports,signals,abstract-sockets"),
            ("Ubuntu 24.04, user namespaces restricted", means(Apart::Not, 4), "ports,signals,abstract-sockets,unix-sockets"),
            ("Debian 13, user namespaces switched off", means(Apart::Not, 6), "ports,unix-sockets"),
            ("Linux 6.12, mounting refused by AppArmor", means(Apart::SharingFiles, 6), "unix-sockets"),
        ] {
            assert_eq!(missing(&Minimum::default(), &means), expected, "{machine}");
        }
    }

    #[test]
    fn a_hole_is_accepted_by_its_name_and_no_other() {
        let means = means(Apart::Not, 4);
        let accept = |accept: &[Guarantee]| Minimum { accept: accept.iter().copied().collect(), ..Minimum::default() };
        assert_eq!(missing(&accept(&[Guarantee::Signals]), &means), "ports,abstract-sockets,unix-sockets");
        assert_eq!(missing(&Minimum::nothing(), &means), "");
        let strict = Minimum { require: [Guarantee::Processes].into(), ..Minimum::nothing() };
        assert_eq!(missing(&strict, &means), "processes");
    }

    #[test]
    fn an_agent_with_hosts_never_starts_where_nothing_restricts_the_network() {
        let bare = means(Apart::Not, 3);
        assert!(matches!(check(&Minimum::nothing(), &bare), Err(JailError::NoNetworkRules(3))));
        let offline = Means { hosts: false, ..bare };
        assert!(check(&Minimum::nothing(), &offline).is_ok(), "without hosts seccomp does");
        let logged = Means { filtered: false, ..means(Apart::Not, 6) };
        assert!(check(&Minimum::nothing(), &logged).is_err(), "a filter that only logs leaves Landlock's TCP rules alone");
    }

    #[test]
    fn what_is_missing_is_said_in_one_sentence_that_fits_on_a_phone() {
        let why = check(&Minimum::default(), &means(Apart::Not, 4)).unwrap_err().to_string();
        assert!(why.contains("ACCEPT_MISSING=ports,signals,abstract-sockets,unix-sockets") && why.contains("user namespaces"), "{why}");
        assert!(why.chars().count() <= 250, "the warden passes on as many: {why}");
    }
}

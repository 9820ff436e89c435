//! What a jail is made with on this machine, for a person. What it holds an agent to stands in [`super::guarantees`].

use super::{Apart, Means};

/// One mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mechanism {
    /// What it is.
    pub name: &'static str,
    /// Whether it is all that it could be.
    pub whole: bool,
    /// How far it goes, and what would mend it.
    pub meaning: String,
}

/// What there is.
pub fn mechanisms(means: &Means) -> Vec<Mechanism> {
    let calls = "about 150 system calls are refused to agents; raw sockets, MPTCP and TCP fast open among them".to_owned();
    vec![landlock(means.abi), Mechanism { name: "seccomp", whole: true, meaning: calls }, namespaces(means.way), user()]
}

fn landlock(abi: i32) -> Mechanism {
    let moving = if abi >= 2 { "" } else { "; git and npm fail at moving files between directories (Linux 5.19)" };
    Mechanism { name: "Landlock", whole: abi >= 2, meaning: format!("ABI {abi}{moving}") }
}

/// How far jails are set apart, and what of it is not allowed.
fn namespaces(way: Apart) -> Mechanism {
    const ALLOW: &str = "not allowed here: allow unprivileged user namespaces (sysctl user.max_user_namespaces, \
                         kernel.apparmor_restrict_unprivileged_userns; a container's seccomp and AppArmor profiles)";
    let meaning = match way {
        Apart::Wholly => "an agent has users, network, IPC, files and processes of its own",
        Apart::SharingProc => "an agent has users, network, IPC and files of its own; no other /proc may be mounted here (containers)",
        Apart::SharingFiles => "an agent has users, network and IPC of its own; mounting is refused here",
        Apart::Not => ALLOW,
    };
    Mechanism { name: "namespaces", whole: way == Apart::Wholly, meaning: meaning.to_owned() }
}

fn user() -> Mechanism {
    let root = rustix::process::geteuid().is_root();
    let meaning = if root {
        "runs as root: the limit on processes does not hold, and whatever Landlock does not cover is root's. Use an ordinary user"
    } else {
        "an ordinary user"
    };
    Mechanism { name: "user", whole: !root, meaning: meaning.to_owned() }
}

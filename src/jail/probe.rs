//! What this kernel can enforce, and what each missing piece leaves open.

use super::{Apart, sys};

/// One mechanism.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mechanism {
    /// What it is.
    pub name: &'static str,
    /// How far this kernel has it.
    pub state: State,
    /// What holds by it, or what its lack leaves open, and what would mend it.
    pub meaning: String,
}

/// How far this kernel has a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is there and used.
    Holds,
    /// It is missing; agents run all the same, with this left open.
    Open,
    /// It is missing, and without it no agent runs, or none with network.
    Fails,
}

/// Looks at this kernel and this process; `way` is how far jails are set apart here. What Landlock lacks, namespaces may supply.
pub fn probe(way: Apart) -> Vec<Mechanism> {
    let mut mechanisms = judge(sys::landlock_abi().unwrap_or(0), way);
    let seccomp = "about 150 system calls are refused to agents; raw sockets, MPTCP and TCP fast open among them".to_owned();
    mechanisms.extend([Mechanism { name: "seccomp", state: State::Holds, meaning: seccomp }, namespaces(way), user()]);
    mechanisms
}

/// What Landlock of this version has, and who has the rest.
fn judge(abi: i32, way: Apart) -> Vec<Mechanism> {
    let one = |name, state, meaning: &str| Mechanism { name, state, meaning: meaning.to_owned() };
    let from = |least: i32, name, holds: &str, lacks: &str, without| {
        if abi >= least { one(name, State::Holds, holds) } else { one(name, without, lacks) }
    };
    let or = |supplied: bool, mechanism: Mechanism, by: &str| {
        let lacks = mechanism.state != State::Holds;
        if lacks && supplied { one(mechanism.name, State::Holds, &format!("missing; {by} supplies it")) } else { mechanism }
    };
    vec![
        from(
            1,
            "Landlock: files",
            "an agent sees its user's workspaces, its home and system directories, and nothing else",
            "no agent runs: use Linux 6.7 or newer with `landlock` in the boot parameter lsm=",
            State::Fails,
        ),
        from(
            2,
            "Landlock: moving files",
            "git and npm can move files between directories",
            "git and npm fail at moving files between directories (Linux 5.19)",
            State::Open,
        ),
        from(
            3,
            "Landlock: truncating",
            "truncate(2) is restricted like writing",
            "closed by seccomp: truncate(2) is refused to agents altogether (Linux 6.2)",
            State::Holds,
        ),
        or(
            way.has_network(),
            from(
                4,
                "Landlock: TCP",
                if way.has_network() {
                    "not needed: an agent has a network of its own, which leads to its listener of the egress and nowhere else"
                } else {
                    "an agent connects only to the port of its own listener of the egress; where it has hosts it may still wait for connections on a \
                 random port, so let a firewall close what is not served"
                },
                "agents whose policy names hosts do not start, since nothing would keep them from all others (Linux 6.7)",
                State::Fails,
            ),
            "a network namespace",
        ),
        from(
            5,
            "Landlock: devices",
            "ioctl on devices is restricted",
            "only five harmless devices are visible in the first place (Linux 6.10)",
            State::Holds,
        ),
        or(
            way.has_processes(abi),
            from(
                6,
                "Landlock: signals and abstract sockets",
                "an agent can signal and reach nobody outside its jail",
                "an agent can end other processes of the same user, the gateway too, which is then restarted; and reach abstract Unix sockets (Linux 6.12)",
                State::Open,
            ),
            "a process and a network namespace",
        ),
        or(
            way.has_files(),
            from(
                9,
                "Landlock: Unix sockets by path",
                "an agent connects to no Unix socket outside its directories",
                "an agent may connect to Unix sockets that its user may open, as those of a container engine: run the service as a user of its own (Linux 7.1)",
                State::Open,
            ),
            "a mount namespace, in which those sockets are not,",
        ),
    ]
}

/// How far jails are set apart, and what of it is not allowed.
fn namespaces(way: Apart) -> Mechanism {
    const ALLOW: &str = "allow unprivileged user namespaces (sysctl user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns; \
                         a container's seccomp and AppArmor profiles)";
    let (state, meaning) = match way {
        Apart::Wholly => (State::Holds, "an agent has users, network, IPC, files and processes of its own".to_owned()),
        Apart::SharingProc => (
            State::Open,
            "an agent has users, network, IPC and files of its own; /proc is this machine's, where processes are visible by name, since no \
             other may be mounted here (containers)"
                .to_owned(),
        ),
        Apart::SharingFiles => (
            State::Open,
            "an agent has users, network and IPC of its own; mounting is refused here, so Landlock alone guards the files, a running agent can \
             plant a .kiro in its workspace, and modes and times of the user's files can be changed"
                .to_owned(),
        ),
        Apart::Not => (
            State::Open,
            format!(
                "not allowed here: names of processes and modes and times of the user's files are open, an agent can have no servers of its \
                 own, and can plant a .kiro in its workspace while it runs; {ALLOW}"
            ),
        ),
    };
    Mechanism { name: "namespaces", state, meaning }
}

fn user() -> Mechanism {
    if rustix::process::geteuid().is_root() {
        let meaning =
            "runs as root: the limit on processes does not hold, and whatever Landlock does not cover is root's. Use an ordinary user";
        Mechanism { name: "user", state: State::Open, meaning: meaning.to_owned() }
    } else {
        Mechanism { name: "user", state: State::Holds, meaning: "an ordinary user".to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(abi: i32, way: Apart, name: &str) -> State {
        judge(abi, way).into_iter().find(|mechanism| mechanism.name.starts_with(name)).map(|mechanism| mechanism.state).unwrap()
    }

    #[test]
    fn what_landlock_lacks_namespaces_supply_where_they_are_allowed() {
        for (abi, name, without) in
            [(2, "Landlock: TCP", State::Fails), (5, "Landlock: signals", State::Open), (8, "Landlock: Unix sockets", State::Open)]
        {
            assert_eq!(state(abi, Apart::Wholly, name), State::Holds, "{name}");
            assert_eq!(state(abi, Apart::Not, name), without, "{name}");
        }
        assert_eq!(state(8, Apart::SharingFiles, "Landlock: Unix sockets"), State::Open, "only a view of files hides them");
        assert_eq!(state(0, Apart::Wholly, "Landlock: files"), State::Fails, "nothing supplies this one");
    }
}

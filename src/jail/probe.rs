//! What this kernel can enforce, and what each missing piece leaves open.

use super::sys;

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

/// Looks at this kernel and this process.
pub fn probe() -> Vec<Mechanism> {
    let abi = sys::landlock_abi().unwrap_or(0);
    let one = |name, state, meaning: &str| Mechanism { name, state, meaning: meaning.to_owned() };
    let from = |least: i32, name, holds: &str, lacks: &str, without| {
        if abi >= least { one(name, State::Holds, holds) } else { one(name, without, lacks) }
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
        from(
            4,
            "Landlock: TCP",
            "an agent connects only to the port of its own listener of the egress; where it has hosts it may still wait for connections on a \
             random port, so let a firewall close what is not served",
            "agents whose policy names hosts do not start, since nothing would keep them from all others (Linux 6.7)",
            State::Fails,
        ),
        from(
            5,
            "Landlock: devices",
            "ioctl on devices is restricted",
            "only five harmless devices are visible in the first place (Linux 6.10)",
            State::Holds,
        ),
        from(
            6,
            "Landlock: signals and abstract sockets",
            "an agent can signal and reach nobody outside its jail",
            "an agent can end other processes of the same user, the gateway too, which is then restarted; and reach abstract Unix sockets (Linux 6.12)",
            State::Open,
        ),
        from(
            9,
            "Landlock: Unix sockets by path",
            "an agent connects to no Unix socket outside its directories",
            "an agent may connect to Unix sockets that its user may open, as those of a container engine: run the service as a user of its own (Linux 7.1)",
            State::Open,
        ),
        one("seccomp", State::Holds, "about 150 system calls are refused to agents; UDP, raw sockets, MPTCP and TCP fast open among them"),
        namespaces(),
        user(),
    ]
}

/// Namespaces are not used yet; whether they could be is worth knowing.
fn namespaces() -> Mechanism {
    let most: u64 =
        std::fs::read_to_string("/proc/sys/user/max_user_namespaces").ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
    let restricted = std::fs::read_to_string("/proc/sys/kernel/apparmor_restrict_unprivileged_userns").is_ok_and(|text| text.trim() == "1");
    let meaning = match (most, restricted) {
        (0, _) => "not allowed here; not used by this version",
        (_, true) => "restricted here by AppArmor; not used by this version",
        _ => "allowed here; not used by this version, so processes of others are visible by name in /proc",
    };
    Mechanism { name: "namespaces", state: State::Open, meaning: meaning.to_owned() }
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

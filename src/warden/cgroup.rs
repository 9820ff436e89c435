//! A cgroup for each runtime, where this process' own cgroup is its to divide (cgroups(7), the kernel's "Control Group v2"): the kernel
//! itself then bounds memory, processes and processor time of all of a runtime together, and ends all of it at once. Needs Linux 5.14.
//!
//! What is needed: cgroup v2 with the controllers `memory` and `pids`, a cgroup that this user may write to, and nobody else in it; systemd
//! gives that by `Delegate=memory pids cpu`, a container by a writable /sys/fs/cgroup. Where it is not so, the keepers' watch does alone what
//! it does here as well. Since processes may only be in leaves, our own go into a leaf `roles`, the keepers among them: a runtime's first
//! process enters its cgroup by itself.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::Pid;

use crate::config::Limits;
use crate::model::{Excess, RuntimeId};

/// Where our own processes are.
const ROLES: &str = "roles";

/// What a runtime's cgroup is called before its number.
const RUNTIME: &str = "runtime-";

/// Without these a cgroup is of no use.
const NEEDED: [&str; 2] = ["memory", "pids"];

/// The period of `cpu.max`, in microseconds: the kernel's default.
const PERIOD: u64 = 100_000;

/// A runtime's share of a busy processor, where others have 100: whoever answers people comes first.
const WEIGHT: &str = "30";

/// Why there are no cgroups. No fault: the watch bounds the runtimes all the same.
#[derive(Debug, thiserror::Error)]
pub enum Unclaimed {
    /// Only the older kind, or none at all.
    #[error("there is no cgroup v2")]
    None,
    /// One of those that are needed.
    #[error("the cgroup lacks the controller `{0}`")]
    Controller(&'static str),
    /// Nobody asked them.
    #[error("other processes are in the same cgroup")]
    NotAlone,
    /// By the system's answer.
    #[error("the cgroup is not ours to divide: {0}")]
    Refused(#[from] io::Error),
}

/// This process' own cgroup, divided.
#[derive(Debug)]
pub(super) struct Cgroups {
    directory: PathBuf,
    has_cpu: bool,
}

/// One runtime's cgroup.
#[derive(Debug)]
pub(super) struct Cgroup {
    directory: PathBuf,
    memory: u64,
}

impl Cgroups {
    /// Divides this process' own cgroup, and moves it into a leaf. To be called before it has children.
    ///
    /// # Errors
    /// Why it is not to be; everything is as it was then.
    pub(super) fn claim() -> Result<Self, Unclaimed> {
        Self::divide(own_place()?, rustix::process::getpid())
    }

    fn divide(directory: PathBuf, own: Pid) -> Result<Self, Unclaimed> {
        check(&directory, own)?;
        let roles = directory.join(ROLES);
        make(&roles)?;
        let divided = write(&roles, "cgroup.procs", &own.as_raw_pid().to_string())
            .and_then(|()| write(&directory, "cgroup.subtree_control", "+memory +pids"));
        if let Err(error) = divided {
            // As it was: nobody may be in it while it is removed.
            let _ = write(&directory, "cgroup.procs", &own.as_raw_pid().to_string());
            let _ = fs::remove_dir(&roles);
            return Err(error.into());
        }
        let has_cpu = write(&directory, "cgroup.subtree_control", "+cpu").is_ok();
        Ok(Self { directory, has_cpu })
    }

    /// The cgroup that this process divides.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A cgroup for a runtime, empty as yet. What a warden of before left under its name is ended.
    ///
    /// # Errors
    /// The system's refusal; the runtime must not start.
    pub(super) fn make(&self, id: RuntimeId, limits: &Limits) -> io::Result<Cgroup> {
        let cgroup = Cgroup { directory: self.directory.join(format!("{RUNTIME}{}", id.0)), memory: limits.memory };
        if cgroup.directory.exists() {
            cgroup.kill();
            fs::remove_dir(&cgroup.directory)?;
        }
        fs::create_dir(&cgroup.directory)?;
        let set = settings(limits, self.has_cpu).into_iter().try_for_each(|(name, value)| write(&cgroup.directory, name, &value));
        // A kernel without swap accounting has no such file, and is as good as without swap.
        let _ = write(&cgroup.directory, "memory.swap.max", "0");
        set.map(|()| cgroup)
    }
}

impl Cgroup {
    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// SIGKILL to all in it at once; none can fork away.
    pub(super) fn kill(&self) {
        if let Err(error) = write(&self.directory, "cgroup.kill", "1") {
            tracing::warn!(%error, cgroup = %self.directory.display(), "a cgroup could not be killed");
        }
    }

    /// Why the kernel ended it, if it did.
    pub(super) fn starved(&self) -> Option<Excess> {
        let events = fs::read_to_string(self.directory.join("memory.events")).ok()?;
        was_killed(&events).then_some(Excess::Memory { most: self.memory })
    }

    /// Removes it, when all that were in it are reaped.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_dir(&self.directory) {
            tracing::warn!(%error, cgroup = %self.directory.display(), "a cgroup could not be removed");
        }
    }
}

/// Whether this process could give each runtime a cgroup, if it were the warden. It looks, and changes nothing.
///
/// # Errors
/// Why not.
pub fn look() -> Result<(), Unclaimed> {
    let directory = own_place()?;
    check(&directory, rustix::process::getpid())?;
    let writable = |name| rustix::fs::access(directory.join(name), Access::WRITE_OK);
    ["", "cgroup.procs", "cgroup.subtree_control"].into_iter().try_for_each(writable).map_err(|error| Unclaimed::Refused(error.into()))
}

/// Whether that process is a warden that gives each of its runtimes a cgroup.
pub fn is_divided_by(warden: Pid) -> bool {
    let cgroup = fs::read_to_string(format!("/proc/{}/cgroup", warden.as_raw_pid())).unwrap_or_default();
    is_of_roles(&cgroup)
}

fn is_of_roles(cgroup: &str) -> bool {
    cgroup.lines().any(|line| line.strip_prefix("0::").is_some_and(|own| Path::new(own).ends_with(ROLES)))
}

fn own_place() -> Result<PathBuf, Unclaimed> {
    place(&fs::read_to_string("/proc/self/cgroup")?, &fs::read_to_string("/proc/self/mountinfo")?).ok_or(Unclaimed::None)
}

/// What can be known without trying.
fn check(directory: &Path, own: Pid) -> Result<(), Unclaimed> {
    let controllers = fs::read_to_string(directory.join("cgroup.controllers"))?;
    let has = |name: &str| controllers.split_whitespace().any(|controller| controller == name);
    if let Some(missing) = NEEDED.into_iter().find(|name| !has(name)) {
        return Err(Unclaimed::Controller(missing));
    }
    if is_alone(&fs::read_to_string(directory.join("cgroup.procs"))?, own) { Ok(()) } else { Err(Unclaimed::NotAlone) }
}

/// The directory of our own cgroup, from `/proc/self/cgroup` and `/proc/self/mountinfo` (proc(5)).
fn place(cgroup: &str, mounts: &str) -> Option<PathBuf> {
    let own = Path::new(cgroup.lines().find_map(|line| line.strip_prefix("0::"))?);
    mounts.lines().find_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(3);
        let (root, point) = (fields.next()?, fields.next()?);
        let below = own.strip_prefix(root).ok().filter(|_| kind.starts_with("cgroup2 "))?;
        // Outside of what is mounted, and so of what we were given.
        (!below.starts_with("..")).then(|| Path::new(point).join(below))
    })
}

/// Whether nobody else is in a cgroup: whoever shares it with us was not asked, and could not be limited apart from us.
fn is_alone(members: &str, own: Pid) -> bool {
    let members: HashSet<&str> = members.lines().collect();
    members == HashSet::from([own.as_raw_pid().to_string().as_str()])
}

/// The files of a runtime's cgroup. Twice the processes, as with `RLIMIT_NPROC`: before they are there, the watch has ended it with a word.
fn settings(limits: &Limits, has_cpu: bool) -> Vec<(&'static str, String)> {
    let mut settings = vec![
        ("memory.max", limits.memory.to_string()),
        ("memory.oom.group", "1".to_owned()),
        ("pids.max", limits.processes.saturating_mul(2).to_string()),
    ];
    if has_cpu {
        settings.push(("cpu.weight", WEIGHT.to_owned()));
        settings.push(("cpu.max", format!("{} {PERIOD}", limits.cpu_percent.saturating_mul(PERIOD) / 100)));
    }
    settings
}

/// Whether `memory.events` tells of anybody whom the kernel killed for want of memory.
fn was_killed(events: &str) -> bool {
    events.lines().filter_map(|line| line.split_once(' ')).any(|(name, count)| name == "oom_kill" && count.trim() != "0")
}

/// Makes a directory that may be there from before.
fn make(directory: &Path) -> io::Result<()> {
    match fs::create_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Writes at once, as the kernel wants it; making and truncating have no meaning here.
fn write(directory: &Path, name: &str, value: &str) -> io::Result<()> {
    fs::File::options().write(true).open(directory.join(name))?.write_all(value.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "24 1 0:22 / /proc rw - proc proc rw\n\
        25 1 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
        29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn our_own_cgroup_is_found_below_its_mount() {
        let own = "1:name=systemd:/x\n0::/system.slice/kiroclaw.service\n";
        assert_eq!(place(own, MOUNTS), Some("/sys/fs/cgroup/system.slice/kiroclaw.service".into()));
        assert_eq!(place("0::/\n", MOUNTS), Some("/sys/fs/cgroup/".into()));
        assert_eq!(place("0::/../other\n", MOUNTS), None);
        assert_eq!(place("9:memory:/x\n", MOUNTS), None);
        assert_eq!(place("0::/docker/abc\n", "29 23 0:26 /docker/abc /cg ro - cgroup2 c rw\n"), Some("/cg".into()));
    }

    #[test]
    fn a_warden_with_cgroups_is_known_by_its_own() {
        assert!(is_of_roles("1:name=systemd:/x\n0::/system.slice/kiroclaw.service/roles\n"));
        assert!(!is_of_roles("0::/system.slice/kiroclaw.service\n") && !is_of_roles("5:memory:/roles\n"));
        assert!(!is_divided_by(rustix::process::getpid()));
    }

    #[test]
    fn what_is_shared_with_others_or_lacks_a_controller_is_left_as_it_is() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let own = rustix::process::getpid();
        let divide = || Cgroups::divide(directory.path().to_owned(), own);
        fs::write(at("cgroup.controllers"), "cpu memory\n").unwrap();
        assert!(matches!(divide(), Err(Unclaimed::Controller("pids"))));
        fs::write(at("cgroup.controllers"), "cpu memory pids\n").unwrap();
        fs::write(at("cgroup.procs"), format!("1\n{}\n", own.as_raw_pid())).unwrap();
        assert!(matches!(divide(), Err(Unclaimed::NotAlone)));
        fs::write(at("cgroup.procs"), format!("{}\n", own.as_raw_pid())).unwrap();
        assert!(matches!(divide(), Err(Unclaimed::Refused(_))), "a plain directory has no cgroup.procs of its own");
        assert!(!at(ROLES).exists());
    }

    #[test]
    fn a_runtime_has_its_limits_as_the_kernel_wants_them() {
        let limits = Limits { memory: 4096, processes: 20, cpu_percent: 150, ..Limits::default() };
        let all = settings(&limits, true);
        for wanted in
            [("memory.max", "4096"), ("memory.oom.group", "1"), ("pids.max", "40"), ("cpu.max", "150000 100000"), ("cpu.weight", "30")]
        {
            assert!(all.iter().any(|(name, value)| (*name, value.as_str()) == wanted), "{wanted:?} in {all:?}");
        }
        assert_eq!(settings(&limits, false).len(), 3);
    }

    #[test]
    fn only_who_was_killed_for_memory_has_starved() {
        assert!(!was_killed("low 0\nhigh 3\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n"));
        assert!(was_killed("oom 1\noom_kill 2\n"));
    }
}

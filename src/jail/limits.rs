//! Limits that the kernel keeps of each of a runtime's processes (getrlimit(2)). What all of them use together is watched by
//! [`super::watch`], and bounded by a cgroup where the warden has one.

use std::io::Write;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::JailError;
use crate::config::Limits;

/// Bytes of memory that may be locked: some secrets of some programs.
const LOCKED: u64 = 64 * 1024;

/// Bytes of private memory that one process may ask for at least: node, cargo and gcc ask for far more than they use.
const DATA: u64 = 2 * 1024 * 1024 * 1024;

/// Signals that may wait, and timers: one and the other for each process of a large build. The kernel's own is half of all processes that the
/// machine's memory would hold.
const WAITING: u64 = 1024;

/// How much likelier than others a runtime's processes are killed when memory runs out (proc(5), `oom_score_adj`); the bot is at 0.
const OOM_SCORE: &[u8] = b"500";

/// Lower priority than the bot's own processes and others' (setpriority(2)): whoever answers people comes first.
const NICE: i32 = 5;

/// Bytes of private memory that gateway and egress may ask for, each: many times what either has, with the longest lines of 64 agents at
/// once, so that one that was taken over does not fill a large machine. Their filters refuse shared memory, which this does not count.
const ROLE_DATA: u64 = 2 * 1024 * 1024 * 1024;

/// Bounds a role that starts nobody. Processes and threads are not bounded: the kernel counts them per user, and runtimes are the same.
pub(crate) fn apply_to_role() -> Result<(), JailError> {
    limit(Resource::Data, ROLE_DATA)
}

/// Applies the limits to this process, each as the hard limit too, and makes it the kernel's choice when memory runs out.
pub(crate) fn apply(limits: &Limits) -> Result<(), JailError> {
    for (resource, wanted) in rlimits(limits) {
        limit(resource, wanted)?;
    }
    let nice = rustix::process::getpriority_process(None).map_err(JailError::step("getpriority"))?;
    match rustix::process::setpriority_process(None, nice.max(NICE)) {
        // A supervisor refuses it (systemd's `SystemCallFilter=~@resources`). Where it gives a cgroup, `cpu.weight` does the same.
        Ok(()) | Err(Errno::PERM) => {}
        Err(errno) => return Err(JailError::step("setpriority")(errno)),
    }
    // Only opened for writing: making and truncating are not among the rights that the warden passes on.
    let score = std::fs::File::options().write(true).open("/proc/self/oom_score_adj");
    score.and_then(|mut score| score.write_all(OOM_SCORE)).map_err(JailError::step("raising oom_score_adj"))
}

/// For good, and never above what this process may have.
fn limit(resource: Resource, wanted: u64) -> Result<(), JailError> {
    let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX).min(wanted);
    setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(JailError::step("setrlimit"))
}

/// Moves this process into a cgroup, and with it all that come from it (cgroups(7)).
pub(crate) fn enter(cgroup: &Path) -> Result<(), JailError> {
    let members = std::fs::File::options().write(true).open(cgroup.join("cgroup.procs"));
    // Whoever writes it is 0.
    members.and_then(|mut members| members.write_all(b"0")).map_err(JailError::step("entering the cgroup"))
}

/// Walls behind the watch, so that it can look and end the runtime with a word before they are met.
fn rlimits(limits: &Limits) -> [(Resource, u64); 10] {
    [
        (Resource::Nofile, limits.open_files),
        (Resource::Fsize, limits.file_size),
        // Counts what is asked for, about twice of what is used at most; RLIMIT_AS would count what node only reserves.
        (Resource::Data, limits.memory.saturating_mul(2).max(DATA)),
        // Counts the user's, within a user namespace the runtime's alone (user_namespaces(7), since Linux 5.14). Root is exempt.
        (Resource::Nproc, limits.processes.saturating_mul(2)),
        (Resource::Core, 0),
        (Resource::Memlock, LOCKED),
        // Counted as processes are. Timers of timer_create(2) count too.
        (Resource::Sigpending, WAITING),
        // System calls for POSIX queues are refused anyway.
        (Resource::Msgqueue, 0),
        // Not before others, even where the service's user may: neither by the real-time schedulers, nor by less niceness than is given.
        (Resource::Rtprio, 0),
        (Resource::Nice, 0),
    ]
}

//! Session locks whose holder is gone.
//!
//! kiro-cli locks a session for the life of its process and never looks whether the holder lives. After SIGKILL every
//! load fails with "Session is active in another process (PID n)", for ever. Only the lock is removed, never the history.
//!
//! Where no runtime lives in the home, every lock is stale. Where one does, the numbers of processes tell, which mean
//! something only in the PID namespace in which this runs; of runtimes with one of their own, what looks alive stays
//! locked until none lives.

use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::time::ClockId;
use serde_json::Value;

use super::ProvisionError;
use crate::beneath::{Beneath, Kind};

/// Where kiro-cli keeps sessions, below HOME.
const SESSIONS: &str = ".kiro/sessions/cli";

/// Longest lock file that is looked into, in bytes: it holds a number and little else.
const LENGTH: u64 = 4096;

/// Entries of the sessions' directory that are looked at: three files a session.
const ENTRIES: usize = 30_000;

/// Clock ticks in a second, as the kernel counts for programs (`USER_HZ`, proc(5); 100 on all architectures we build for).
const TICKS: i64 = 100;

/// How much later than its lock a process may seem to have started, in seconds: ticks and file times are coarse.
const SLACK: i64 = 2;

/// Removes all locks that name a holder that is gone; where nobody lives here, all of them.
pub(super) fn remove_stale_locks(home: &Beneath, nobody_lives_here: bool) -> Result<(), ProvisionError> {
    let sessions = Path::new(SESSIONS);
    for name in home.list(sessions, ENTRIES)?.unwrap_or_default() {
        let name = PathBuf::from(name);
        if name.extension().is_some_and(|suffix| suffix == "lock") && remove_if_stale(home, &sessions.join(&name), nobody_lives_here)? {
            tracing::info!(lock = ?name, "a stale session lock was removed");
        }
    }
    Ok(())
}

/// A lock that names nobody is left alone while somebody lives here.
fn remove_if_stale(home: &Beneath, path: &Path, nobody_lives_here: bool) -> Result<bool, ProvisionError> {
    let Some(entry) = home.look(path)?.filter(|entry| entry.kind == Kind::File) else {
        return Ok(false);
    };
    if nobody_lives_here {
        return Ok(home.remove_file(path)?);
    }
    let Some(content) = home.read(path, LENGTH)? else {
        return Ok(false);
    };
    if named(&content).is_some_and(|pid| is_gone(pid, entry.modified)) { Ok(home.remove_file(path)?) } else { Ok(false) }
}

/// The process that a lock names: a number, or the `pid` of a JSON object.
fn named(content: &[u8]) -> Option<i32> {
    let value: Value = serde_json::from_slice(content).ok()?;
    let pid = value.get("pid").unwrap_or(&value).as_i64()?;
    i32::try_from(pid).ok()
}

/// Whether the process that made a lock at `locked` (seconds since 1970) is gone.
fn is_gone(pid: i32, locked: i64) -> bool {
    // Zero and less name groups, not a process.
    let Some(pid) = (pid > 0).then(|| Pid::from_raw(pid)).flatten() else {
        return false;
    };
    if rustix::process::test_kill_process(pid) == Err(Errno::SRCH) {
        return true;
    }
    // The number may have been given again, which small numbers in a container are at every restart of it.
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok();
    stat.and_then(|stat| started(&stat)).is_some_and(|after_boot| booted() + after_boot > locked + SLACK)
}

/// When a process started, in seconds after the boot: field 22 of `/proc/pid/stat` (proc(5)), counted after the name.
fn started(stat: &str) -> Option<i64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let ticks: i64 = after_name.split_whitespace().nth(19)?.parse().ok()?;
    Some(ticks / TICKS)
}

/// When the machine booted, in seconds since 1970.
fn booted() -> i64 {
    let now = |clock| rustix::time::clock_gettime(clock).tv_sec;
    now(ClockId::Realtime) - now(ClockId::Boottime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_names_its_holder_by_number_or_object() {
        assert_eq!(named(b"{\"pid\":12,\"x\":1}"), Some(12));
        assert_eq!(named(b"12\n"), Some(12));
        assert_eq!(named(b"PID 12"), None);
        assert_eq!(named(b""), None);
        assert_eq!(named(b"{\"pid\":99999999999}"), None);
    }

    #[test]
    fn the_start_is_found_behind_any_name() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 12345 1 1";
        assert_eq!(started(stat), Some(123));
        assert_eq!(started("7 (a"), None);
    }

    #[test]
    fn a_living_process_is_gone_only_for_locks_older_than_itself() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let now = rustix::time::clock_gettime(ClockId::Realtime).tv_sec;
        assert!(!is_gone(own, now));
        assert!(is_gone(own, 1_000_000), "a process cannot hold what was locked before it started");
        for nonsense in [0, -1, i32::MIN] {
            assert!(!is_gone(nonsense, 1_000_000));
        }
    }
}

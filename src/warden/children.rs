//! Starting, ending and reaping processes.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::jail::sys;

/// This very binary, even after its file was replaced by a newer one.
const OURSELVES: &str = "/proc/self/exe";

/// Starts this binary again with `arguments`, an empty environment, and `stdin` as its only way to us. It is the first of a process group.
///
/// # Errors
/// No memory, processes or descriptors left.
pub(super) fn spawn(arguments: &[&str], stdin: OwnedFd) -> io::Result<Pid> {
    let child =
        Command::new(OURSELVES).arg0("kiroclaw").args(arguments).env_clear().process_group(0).stdin(stdin).stdout(Stdio::null()).spawn()?;
    i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or_else(|| io::Error::other("a process id that is none"))
}

/// Sends `signal`; a process that is already gone is left alone. `pid` must be a child of ours that was not reaped yet, so that it cannot be another's.
pub(super) fn signal(pid: Pid, signal: Signal) {
    match rustix::process::kill_process(pid, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => {}
        Err(errno) => tracing::warn!(pid = pid.as_raw_pid(), error = %io::Error::from(errno), "a process could not be signalled"),
    }
}

/// One child that has ended, with its exit code or 128 + signal; `None` when no more have.
pub(super) fn reap_one() -> Option<(Pid, i32)> {
    loop {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) => return Some((pid, code(status))),
            Err(rustix::io::Errno::INTR) => {}
            Ok(None) | Err(_) => return None,
        }
    }
}

/// Resident memory of a process (`/proc/PID/statm`, proc(5)). Opened when it begins: once it cannot be traced, a /proc that hides others'
/// processes (`ProtectProc=invisible`) hides it too.
#[derive(Debug)]
pub(super) struct Memory(Option<File>);

impl Memory {
    /// Of that process.
    pub(super) fn of(pid: Pid) -> Self {
        Self(File::open(format!("/proc/{}/statm", pid.as_raw_pid())).ok())
    }

    /// In bytes; 0 where it cannot be read.
    pub(super) fn resident(&self) -> u64 {
        let mut text = [0; 128];
        let length = self.0.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or_default();
        let text = std::str::from_utf8(text.get(..length).unwrap_or_default()).unwrap_or_default();
        let pages: u64 = text.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
        pages.saturating_mul(sys::page_size())
    }
}

fn code(status: WaitStatus) -> i32 {
    status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(-1)
}

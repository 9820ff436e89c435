//! The keeper: the process that made the jail, and stays outside of it to end all that is inside.
//!
//! It is the child subreaper of its command (prctl(2), PR_SET_CHILD_SUBREAPER): whatever detaches itself from its parents becomes the keeper's
//! child. It ends when the command ends, on SIGTERM, or when the warden dies, and never leaves anything behind.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use super::watch::Watch;
use super::{JailError, sys};
use crate::model::{Excess, bounds};

/// Strangers that are reaped before signals are looked at again: whoever forks for ever must not hold the keeper's attention.
const REAP_AT_ONCE: usize = 256;

/// The exit code of what SIGKILL ended.
const KILLED: u8 = 128 + 9;

/// How a keeper serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// For the warden: ends with it, and lets go of the command's pipes.
    ForWarden,
    /// For a person at a terminal: keeps stderr for a last word.
    ByHand,
}

/// What the keeper listens to. To be made before the fork, so that no signal is lost.
pub(crate) fn listen(manner: Manner) -> Result<OwnedFd, JailError> {
    if manner == Manner::ForWarden {
        rustix::process::set_parent_process_death_signal(Some(Signal::TERM)).map_err(JailError::step("PR_SET_PDEATHSIG"))?;
    }
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(JailError::step("PR_SET_CHILD_SUBREAPER"))?;
    sys::signal_fd(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP]).map_err(JailError::step("signalfd"))
}

/// The like for whoever stays inside a jail, and dies with the keeper: process 1, whose child every orphan becomes anyway, or another.
pub(crate) fn listen_inside() -> Result<OwnedFd, JailError> {
    rustix::process::set_child_subreaper(Some(rustix::process::getpid())).map_err(JailError::step("PR_SET_CHILD_SUBREAPER"))?;
    sys::signal_fd(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP]).map_err(JailError::step("signalfd"))
}

/// [`keep`] for whoever stays inside a jail and lets go of all that the command has. When process 1 ends, the kernel ends whoever is left
/// (pid_namespaces(7)). Nothing that this process owned is to be used again.
pub(crate) fn keep_inside(command: Pid, signals: &OwnedFd, contained: bool) -> Result<u8, JailError> {
    super::privileges::make_undumpable()?;
    let null = File::options().read(true).write(true).open("/dev/null").map_err(JailError::step("opening /dev/null"))?;
    rustix::stdio::dup2_stdin(&null).and_then(|()| rustix::stdio::dup2_stdout(&null)).map_err(JailError::step("dup2"))?;
    sys::close_all_but(signals.as_fd()).map_err(JailError::step("close_range"))?;
    // A second owner of a closed number.
    std::mem::forget(null);
    keep(command, signals, contained, bounds::END_GRACE, None)
}

/// A watch over what is kept, and who is told what it found before all is ended for it.
pub(crate) type Guard<'a> = (Watch, &'a mut dyn FnMut(Excess));

/// Keeps the command until its end, or until it uses more than it may, and ends all that is left; `contained` says that our signals reach
/// nobody else. Asked to end it, it waits for `grace`. Gives its exit code, or 128 + the signal that ended it.
pub(crate) fn keep(
    command: Pid,
    signals: &OwnedFd,
    contained: bool,
    grace: Duration,
    mut guard: Option<Guard<'_>>,
) -> Result<u8, JailError> {
    let mut kill_at: Option<Instant> = None;
    let mut reaped = Reaped::All;
    let status = loop {
        if reaped == Reaped::All {
            let look = guard.as_ref().map(|(watch, _)| watch.next());
            wait_for_signal(signals, [kill_at, look].into_iter().flatten().min())?;
        }
        if kill_at.is_some_and(|at| Instant::now() >= at) {
            break None;
        }
        if let Some((watch, tell)) = &mut guard
            && let Some(excess) = watch.look(Instant::now())
        {
            tell(excess);
            break None;
        }
        while let Some(signal) = sys::next_signal(signals).map_err(JailError::step("reading a signal"))? {
            if signal != Signal::CHILD {
                // The command leads its own session, and is not reaped yet: the number is its own.
                let _ = rustix::process::kill_process_group(command, signal);
                kill_at.get_or_insert(Instant::now() + grace);
            }
        }
        reaped = reap(command);
        if let Reaped::Command(code) = reaped {
            break Some(code);
        }
    };
    let killed = end_all(command, contained)?;
    Ok(status.or(killed).unwrap_or(KILLED))
}

fn wait_for_signal(signals: &OwnedFd, until: Option<Instant>) -> Result<(), JailError> {
    let left = until.map(|until| until.saturating_duration_since(Instant::now()) + Duration::from_millis(1));
    let timeout = left.and_then(|left| rustix::time::Timespec::try_from(left).ok());
    match poll(&mut [PollFd::new(&signals.as_fd(), PollFlags::IN)], timeout.as_ref()) {
        Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
        Err(error) => Err(JailError::step("poll")(error)),
    }
}

/// Who was reaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaped {
    /// The command, with this exit code.
    Command(u8),
    /// All who had ended; the command was not among them.
    All,
    /// As many as are reaped at once; there may be more.
    Some,
}

/// Reaps whoever has ended, until the command is among them: not one more, who could bear its number, which is free again.
fn reap(command: Pid) -> Reaped {
    for _ in 0..REAP_AT_ONCE {
        match rustix::process::wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == command => return Reaped::Command(exit_code(status)),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => return Reaped::All,
        }
    }
    Reaped::Some
}

/// Kills every descendant until there is none: all at once where our signals reach only them, so that whoever forks for ever cannot
/// escape; besides, every child, and theirs as they become ours. Without a child there is no descendant, and nobody to look for.
fn end_all(command: Pid, contained: bool) -> Result<Option<u8>, JailError> {
    let mut code = None;
    let mut first = WaitOptions::NOHANG;
    while any_left(command, first, &mut code)? {
        if contained {
            sys::kill_all_within_reach();
        }
        let mut reached = false;
        for child in sys::children().map_err(JailError::step("looking for children"))? {
            // It may have ended meanwhile. An egress by hand was there before the border of our signals: it ends with this process.
            reached |= rustix::process::kill_process(child, Signal::KILL) != Err(rustix::io::Errno::PERM);
        }
        if !reached {
            return Ok(code);
        }
        // The next is waited for.
        first = WaitOptions::empty();
    }
    Ok(code)
}

/// Reaps who has ended, the first by `options`, and says whether there are more; not all at once, since to kill again for each of thousands
/// would take for ever.
fn any_left(command: Pid, mut options: WaitOptions, code: &mut Option<u8>) -> Result<bool, JailError> {
    for _ in 0..REAP_AT_ONCE {
        match rustix::process::wait(options) {
            Ok(Some((pid, status))) if pid == command && code.is_none() => *code = Some(exit_code(status)),
            Ok(Some(_)) => {}
            Ok(None) => break,
            Err(rustix::io::Errno::INTR) => continue,
            Err(rustix::io::Errno::CHILD) => return Ok(false),
            Err(error) => return Err(JailError::step("wait")(error)),
        }
        options = WaitOptions::NOHANG;
    }
    Ok(true)
}

/// As shells count: the code, or 128 + the signal.
fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal)).unwrap_or(1);
    u8::try_from(code).unwrap_or(u8::MAX)
}

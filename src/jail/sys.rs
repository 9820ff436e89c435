//! The few system calls that neither the standard library nor rustix offers as safe functions. The only file with unsafe code.

#![allow(unsafe_code, reason = "each site says why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::{Pid, Signal};

/// On which side of a fork one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fork {
    /// The old process, and the new one's pid.
    Parent(Pid),
    /// The new process.
    Child,
}

/// fork(2). Refused while there is a second thread, whose locks the child would inherit locked.
///
/// # Errors
/// More than one thread, or no room for another process.
pub fn fork() -> io::Result<Fork> {
    if thread_count()? != 1 {
        return Err(io::Error::other("a process with threads does not fork"));
    }
    // SAFETY: this process has one thread, so the child is a whole copy of it in which every function may be called.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid).map(Fork::Parent).ok_or_else(|| io::Error::other("fork gave no pid")),
    }
}

/// How many threads this process has.
///
/// # Errors
/// /proc cannot be read.
pub fn thread_count() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}

/// Closes every descriptor from `first` on (close_range(2), Linux 5.9).
///
/// Call it before anything in this process owns a descriptor in that range.
///
/// # Errors
/// The kernel is older.
pub fn close_from(first: u32) -> io::Result<()> {
    // SAFETY: no memory is involved; the callers call it where nothing above the standard descriptors is owned yet.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Marks every descriptor from `first` on to be closed at `exec` (close_range(2), `CLOSE_RANGE_CLOEXEC`, Linux 5.11).
///
/// # Errors
/// The kernel is older.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    // SAFETY: no memory is involved, and no descriptor is closed before this program is replaced.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Unblocks every signal. What is blocked stays blocked through `exec`, so each of our programs, and each command, begins with this.
///
/// # Errors
/// sigprocmask(2) refuses, which it does not for a good set.
pub fn unblock_signals() -> io::Result<()> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set before sigprocmask reads it; the old mask is not asked for.
    let result = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, set.as_ptr(), std::ptr::null_mut())
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Blocks these signals and gives a descriptor, close-on-exec and non-blocking, from which they are read (signalfd(2)).
///
/// # Errors
/// No descriptors left.
pub fn signal_fd(wanted: &[Signal]) -> io::Result<OwnedFd> {
    let mut set = MaybeUninit::uninit();
    // SAFETY: sigemptyset initialises the set that it is given.
    let mut set: libc::sigset_t = unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        set.assume_init()
    };
    for signal in wanted {
        // SAFETY: the set is initialised, and a `Signal` is a valid number.
        unsafe { libc::sigaddset(&raw mut set, signal.as_raw()) };
    }
    // SAFETY: the set is initialised, and the old mask is not asked for.
    if unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the set is initialised; -1 asks for a new descriptor.
    let fd = unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor, and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The next signal that was received, if there is one.
///
/// # Errors
/// The descriptor is none of [`signal_fd`].
pub fn next_signal(signals: impl AsFd) -> io::Result<Option<Signal>> {
    let mut info = [0_u8; size_of::<libc::signalfd_siginfo>()];
    match rustix::io::read(signals, &mut info) {
        Err(rustix::io::Errno::AGAIN) => Ok(None),
        Err(error) => Err(error.into()),
        // `ssi_signo` is the first field, in native order.
        Ok(read) if read == info.len() => {
            let number = info.first_chunk().map_or(0, |first| i32::from_ne_bytes(*first));
            Ok(Signal::from_named_raw(number))
        }
        Ok(_) => Err(io::Error::other("a short read from a signalfd")),
    }
}

/// The version of the kernel's Landlock ABI (landlock(7)); `None` where there is none or it is switched off.
pub fn landlock_abi() -> Option<i32> {
    const CREATE_RULESET_VERSION: u32 = 1;
    // SAFETY: without attributes and with this flag the call reads no memory and only answers the version.
    let version =
        unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0_usize, CREATE_RULESET_VERSION) };
    i32::try_from(version).ok().filter(|version| *version > 0)
}

/// Takes a descriptor that this process was started with.
///
/// # Errors
/// It is not open.
pub fn inherited(fd: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: only asks for the flags of a number, whatever it is.
    if unsafe { libc::fcntl(fd, libc::F_GETFD) } == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the copy is a new descriptor that nobody else owns.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// SIGKILL to every process that this one may signal, but itself and process 1 (kill(2) with pid -1); none can fork away meanwhile.
///
/// Only for a process whose signals stay among its descendants by Landlock: anybody else would end all that its user runs.
pub fn kill_all_within_reach() {
    // SAFETY: no memory is involved.
    unsafe { libc::kill(-1, libc::SIGKILL) };
}

/// The children of this process: from `/proc/self/task/TID/children`, or where the kernel lacks that file, by every process' parent.
///
/// # Errors
/// /proc cannot be read.
pub fn children() -> io::Result<Vec<Pid>> {
    let me = rustix::process::getpid().as_raw_nonzero();
    let pids = |text: &str| text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect();
    match std::fs::read_to_string(format!("/proc/self/task/{me}/children")) {
        Ok(text) => Ok(pids(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => children_by_parent(me.get()),
        Err(error) => Err(error),
    }
}

fn children_by_parent(me: i32) -> io::Result<Vec<Pid>> {
    let parent = |pid: i32| -> Option<i32> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let pids = std::fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    Ok(pids.filter(|pid| parent(*pid) == Some(me)).filter_map(Pid::from_raw).collect())
}

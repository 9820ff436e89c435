//! The few system calls that neither the standard library nor rustix offers as safe functions. The only file with unsafe code.

#![allow(unsafe_code, reason = "each site says why it is sound")]

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use rustix::process::{Pid, Signal};
use rustix::thread::UnshareFlags;

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

/// [`fork`] into new namespaces (clone(2)), in which the new process has every capability; without any, a plain fork.
///
/// # Errors
/// As [`fork`], or the namespaces are not allowed.
pub fn fork_into(namespaces: UnshareFlags) -> io::Result<Fork> {
    if namespaces.is_empty() {
        return fork();
    }
    if thread_count()? != 1 {
        return Err(io::Error::other("a process with threads does not fork"));
    }
    let flags = libc::c_long::from(namespaces.bits()) | libc::c_long::from(libc::SIGCHLD);
    // SAFETY: without CLONE_VM and with no stack given, the child goes on here on a copy of everything, as after fork(2), and no pointer is
    // read or written. This process has one thread, so the child may call every function. The C library's note of its own thread's number
    // is the parent's, which only `raise` and `abort` would read: both would find no such thread and end the child by other means.
    match unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => i32::try_from(pid).ok().and_then(Pid::from_raw).map(Fork::Parent).ok_or_else(|| io::Error::other("clone gave no pid")),
    }
}

/// Sets attributes of a mount, and of all below it if `recursive` (mount_setattr(2), Linux 5.12). None is taken away.
///
/// # Errors
/// The kernel's; none of them is set then.
pub fn set_mount_attributes(mount: BorrowedFd<'_>, attributes: u64, recursive: bool) -> io::Result<()> {
    /// `struct mount_attr`: set, clear, propagation, user namespace.
    const WORDS: usize = 4;
    let wanted: [u64; WORDS] = [attributes, 0, 0, 0];
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is an empty string, and the kernel reads as many bytes of `wanted` as it is told.
    let result =
        unsafe { libc::syscall(libc::SYS_mount_setattr, mount.as_raw_fd(), c"".as_ptr(), flags, wanted.as_ptr(), size_of_val(&wanted)) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Switches the loopback interface of this network namespace on (netdevice(7)).
///
/// # Errors
/// The namespace is not ours.
pub fn loopback_up() -> io::Result<()> {
    /// linux/sockios.h; the libc crate has it in the type of one C library only.
    const SIOCSIFFLAGS: libc::Ioctl = 0x8914;
    let socket = rustix::net::socket(rustix::net::AddressFamily::INET, rustix::net::SocketType::DGRAM, None)?;
    // SAFETY: all of its members are numbers and arrays of such.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo".iter()) {
        *to = libc::c_char::from_ne_bytes([*from]);
    }
    request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP).unwrap_or_default();
    // SAFETY: the kernel reads one `ifreq`, and writes none.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), SIOCSIFFLAGS, &raw const request) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Bytes of a page of memory (sysconf(3)).
pub fn page_size() -> u64 {
    // SAFETY: no memory is involved.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u64::try_from(size).unwrap_or(4096)
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

/// Closes every descriptor but the standard ones and `kept`. Only for a process that never again looks at another one, and ends by `exit`.
///
/// # Errors
/// The kernel is older.
pub fn close_all_but(kept: BorrowedFd<'_>) -> io::Result<()> {
    let kept = u32::try_from(kept.as_raw_fd()).map_err(io::Error::other)?;
    if kept > 3 {
        // SAFETY: no memory is involved, and whoever owns one of these descriptors never uses or drops it: the caller sees to that.
        let result = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, kept - 1, 0) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    close_from(kept + 1)
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

/// What the standard library takes of an unwinder (the base of the Itanium C++ ABI), for the program as it is shipped: there nothing is ever
/// unwound, and the tables for it are left out (.cargo/no-unwind.ld). Whoever calls one of these, a panic that was asked for its backtrace,
/// ends there, as it would anyway. The compiler sees it, and leaves out the reader of debug information too, 170 kB.
#[cfg(all(panic = "abort", target_env = "musl"))]
mod no_unwinder {
    use libc::{c_int, c_void};

    type Told = extern "C" fn(*mut c_void, *mut c_void) -> c_int;

    macro_rules! abort {
        ($($name:ident($($argument:ty),*) -> $result:ty;)*) => {$(
            // SAFETY: the name and the signature are the unwinder's, which is not linked beside it; nothing is done with what is given.
            #[unsafe(no_mangle)]
            extern "C" fn $name($(_: $argument),*) -> $result {
                std::process::abort()
            }
        )*};
    }

    abort! {
        _Unwind_Backtrace(Told, *mut c_void) -> c_int;
        _Unwind_GetDataRelBase(*mut c_void) -> usize;
        _Unwind_GetIP(*mut c_void) -> usize;
        _Unwind_GetIPInfo(*mut c_void, *mut c_int) -> usize;
        _Unwind_GetLanguageSpecificData(*mut c_void) -> usize;
        _Unwind_GetRegionStart(*mut c_void) -> usize;
        _Unwind_GetTextRelBase(*mut c_void) -> usize;
        _Unwind_Resume(*mut c_void) -> !;
        _Unwind_SetGR(*mut c_void, c_int, usize) -> ();
        _Unwind_SetIP(*mut c_void, usize) -> ();
    }
}

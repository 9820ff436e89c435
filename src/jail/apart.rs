//! Namespaces: how far a runtime is set apart from the machine (namespaces(7), user_namespaces(7)).
//!
//! What a kernel, a container or an administrator allows is found out by trying: the widest way first, then the next. Where none is
//! allowed, Landlock and seccomp carry all of it, and what they cannot is refused or told by `doctor`.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use rustix::io::Errno;
use rustix::process::{Gid, Uid, WaitOptions};
use rustix::thread::UnshareFlags;
use serde::{Deserialize, Serialize};

use super::view::{self, Left};
use super::{JailError, privileges, sys};

/// The first Landlock that keeps signals and abstract sockets inside; before it, a process namespace has to.
const SCOPES: i32 = 6;

/// One way of being apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Apart {
    /// With users, network, IPC, host name, files and processes of its own.
    Wholly,
    /// The same, but /proc is the machine's: most containers let nobody mount another one.
    SharingProc,
    /// Without files of its own: mounting is refused, as by AppArmor in containers.
    SharingFiles,
    /// Not at all.
    Not,
}

impl Apart {
    /// From the widest on.
    pub(crate) const WAYS: [Self; 4] = [Self::Wholly, Self::SharingProc, Self::SharingFiles, Self::Not];

    /// Whether it has a network of its own, in which nobody else is.
    pub fn has_network(self) -> bool {
        self != Self::Not
    }

    /// Whether it has a view of the files of its own.
    pub fn has_files(self) -> bool {
        matches!(self, Self::Wholly | Self::SharingProc)
    }

    /// Whether it sees its own processes only. Beside a /proc of the machine its numbers of processes would mean others there, so it does
    /// without where Landlock (`abi`) keeps its signals inside.
    pub(crate) fn has_processes(self, abi: i32) -> bool {
        match self {
            Self::Wholly => true,
            Self::SharingProc | Self::SharingFiles => abi < SCOPES,
            Self::Not => false,
        }
    }

    /// The namespaces that a process of this way begins in.
    pub(crate) fn namespaces(self, abi: i32) -> UnshareFlags {
        if self == Self::Not {
            return UnshareFlags::empty();
        }
        let mut all = UnshareFlags::NEWUSER | UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS;
        all.set(UnshareFlags::NEWNS, self.has_files());
        all.set(UnshareFlags::NEWPID, self.has_processes(abi));
        all
    }
}

/// Whether the kernel says by `error` that a way is not allowed or not there, rather than that something went wrong in it.
pub(crate) fn is_refusal(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw_os_error);
    // ENOSPC, and EUSERS on older kernels: the limits in /proc/sys/user/max_*_namespaces. EINVAL: a kernel built without one of them.
    errno.is_some_and(|errno| {
        [Errno::PERM, Errno::ACCESS, Errno::NOSYS, Errno::NOSPC, Errno::USERS, Errno::INVAL, Errno::NODEV].contains(&errno)
    })
}

/// Who one is, asked before one is in a user namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity(Uid, Gid);

impl Identity {
    /// Of this process.
    pub(crate) fn own() -> Self {
        Self(rustix::process::geteuid(), rustix::process::getegid())
    }
}

/// The first steps of a process that was forked in the namespaces of `way`: it is who it was, and has a loopback interface.
/// Its own files in /proc have to be its own (`make_dumpable`).
pub(crate) fn settle(way: Apart, identity: Identity) -> Result<(), JailError> {
    if way == Apart::Not {
        return Ok(());
    }
    let Identity(uid, gid) = identity;
    let (uid, gid) = (uid.as_raw(), gid.as_raw());
    // Without it, groups that deny something could be left (user_namespaces(7)).
    write("setgroups", "deny").map_err(JailError::step("/proc/self/setgroups"))?;
    write("uid_map", &format!("{uid} {uid} 1")).map_err(JailError::step("/proc/self/uid_map"))?;
    write("gid_map", &format!("{gid} {gid} 1")).map_err(JailError::step("/proc/self/gid_map"))?;
    sys::loopback_up().map_err(JailError::step("switching the loopback interface on"))
}

/// Opened for writing only: making and truncating are not among the rights that a warden with rules for files passes on.
fn write(name: &str, text: &str) -> io::Result<()> {
    File::options().write(true).open(Path::new("/proc/self").join(name))?.write_all(text.as_bytes())
}

/// Whether a jail of this process may have a view of the files of its own: tried, by a child that does just that.
///
/// # Errors
/// There is a second thread, or no room for another process.
pub(crate) fn may_have_files() -> Result<bool, JailError> {
    let (abi, identity) = (super::domain::kernel_abi()?.0, Identity::own());
    for way in [Apart::Wholly, Apart::SharingProc] {
        match sys::fork_into(way.namespaces(abi)) {
            Ok(sys::Fork::Child) => {
                let laid = privileges::make_dumpable()
                    .and_then(|()| settle(way, identity))
                    .and_then(|()| view::lay(way, &[], None))
                    .and_then(Left::let_go);
                std::process::exit(i32::from(laid.is_err()));
            }
            Ok(sys::Fork::Parent(child)) => {
                let ended = rustix::process::waitpid(Some(child), WaitOptions::empty()).map_err(JailError::step("wait"))?;
                if ended.is_some_and(|(_, status)| status.exit_status() == Some(0)) {
                    return Ok(true);
                }
            }
            Err(error) if is_refusal(&error) => {}
            Err(error) => return Err(JailError::step("fork")(error)),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_landlock_s_scopes_every_way_but_none_has_processes_of_its_own() {
        for way in Apart::WAYS {
            assert_eq!(way.namespaces(5).contains(UnshareFlags::NEWPID), way != Apart::Not, "{way:?}");
        }
        assert!(!Apart::SharingProc.namespaces(6).contains(UnshareFlags::NEWPID), "its numbers would mean others in that /proc");
        assert!(Apart::Wholly.namespaces(7).contains(UnshareFlags::NEWPID | UnshareFlags::NEWNS | UnshareFlags::NEWNET));
        assert!(Apart::Not.namespaces(7).is_empty());
    }

    #[test]
    fn only_what_says_not_allowed_leads_to_the_next_way() {
        for (errno, expected) in
            [(Errno::PERM, true), (Errno::NOSPC, true), (Errno::NOMEM, false), (Errno::AGAIN, false), (Errno::IO, false)]
        {
            assert_eq!(is_refusal(&errno.into()), expected, "{errno:?}");
        }
    }
}

//! Opening beneath a directory where openat2(2) is refused.
//!
//! systemd answers ENOSYS to it under `RestrictSUIDSGID=`, which `DynamicUser=` implies: what it would have to look at, a filter cannot see.

use std::os::fd::OwnedFd;
use std::path::{Component, Path};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// As openat2(2) with all that is asked of it, one name after the other: each in a directory that is open already, none through a link, none upwards.
pub(super) fn walk(root: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    let directory = OFlags::PATH | OFlags::DIRECTORY;
    let open = |at: &OwnedFd, name: &Path, flags: OFlags| {
        match rustix::fs::openat(at, name, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC, mode) {
            // What openat2(2) says of a link.
            Err(Errno::NOTDIR) if is_link(at, name) => Err(Errno::LOOP),
            opened => opened,
        }
    };
    let mut names = path.components().filter(|component| *component != Component::CurDir).peekable();
    let own = if names.peek().is_some() { directory } else { flags };
    let mut at = open(root, Path::new("."), own)?;
    while let Some(name) = names.next() {
        let Component::Normal(name) = name else { return Err(Errno::XDEV) };
        at = open(&at, Path::new(name), if names.peek().is_some() { directory } else { flags })?;
    }
    Ok(at)
}

/// Asked by fstat(2), which a gateway's filter allows anyway.
fn is_link(at: &OwnedFd, name: &Path) -> bool {
    let opened = rustix::fs::openat(at, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    let stat = opened.and_then(rustix::fs::fstat);
    stat.is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
}

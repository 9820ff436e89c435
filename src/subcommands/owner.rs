//! Root as whoever the service's files belong to: what it makes is then theirs, and what an agent planted among them can do no more to it.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};

/// This thread acts as the owner until this is dropped, if it was root's. Threads that it starts meanwhile stay the owner's.
#[derive(Debug)]
pub(crate) struct AsOwner {
    root: bool,
}

/// Becomes the owner of `path`, or of the closest directory above it that exists. Does nothing for anybody but root.
///
/// # Errors
/// Nothing above exists, or the kernel refuses (a root without CAP_SETUID).
pub(crate) fn become_owner(path: &Path) -> io::Result<AsOwner> {
    if !rustix::process::geteuid().is_root() {
        return Ok(AsOwner { root: false });
    }
    let found = path.ancestors().find_map(|path| path.metadata().ok()).ok_or(io::ErrorKind::NotFound)?;
    if found.uid() == 0 {
        return Ok(AsOwner { root: false });
    }
    let (root, uid, gid) = (Uid::ROOT, Uid::from_raw(found.uid()), Gid::from_raw(found.gid()));
    set_thread_groups(&[gid])?;
    set_thread_res_gid(Gid::ROOT, gid, Gid::ROOT)?;
    set_thread_res_uid(root, uid, root)?;
    Ok(AsOwner { root: true })
}

impl Drop for AsOwner {
    fn drop(&mut self) {
        if self.root {
            // Where that fails, what comes next is refused to the owner, and says so.
            let _ = set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT);
            let _ = set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT);
            let _ = set_thread_groups(&[Gid::ROOT]);
        }
    }
}

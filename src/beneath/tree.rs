//! Removing a tree that somebody hostile may have built: deeper than a path can name, or wider than memory.

use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, RenameFlags};
use rustix::io::Errno;

use super::{Beneath, BeneathError, above, fresh_name, last, names, usable_dir};

/// Entries taken from a directory at a time, so that a wide one does not fill memory.
const BATCH: usize = 256;

impl Beneath {
    /// Removes whatever stands there: a file, a link itself, or a directory with all in it. `false` where there was
    /// nothing. Takes at most `limit` entries; after that the rest stays, and a further call goes on with it.
    ///
    /// Directories inside are moved up to the top before they are emptied, so depth costs neither stack nor
    /// descriptors nor path length.
    ///
    /// # Errors
    /// [`BeneathError::TooMany`] when the tree has more entries, or the system's refusal.
    pub fn remove_tree(&self, path: &Path, limit: usize) -> Result<bool, BeneathError> {
        let name = last(path)?;
        let failed = |errno| self.refused("remove", path)(errno);
        let dir = match self.open_dir(above(path)) {
            Ok(dir) => dir,
            Err(Errno::NOENT) => return Ok(false),
            Err(errno) => return Err(failed(errno)),
        };
        let mut left = limit;
        loop {
            match remove_one(&dir, name) {
                Ok(()) => return Ok(true),
                Err(Errno::NOENT) => return Ok(false),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let top = usable_dir(&dir, name).map_err(failed)?;
            if !empty(&top, &mut left).map_err(failed)? {
                return Err(BeneathError::TooMany { path: self.name.join(path), limit });
            }
        }
    }
}

/// Empties the top directory. `false` when `left` ran out.
fn empty(top: &OwnedFd, left: &mut usize) -> rustix::io::Result<bool> {
    loop {
        let batch = names(top, BATCH)?;
        if batch.is_empty() {
            return Ok(true);
        }
        for name in batch {
            if !take(left) {
                return Ok(false);
            }
            while let Err(errno) = remove_one(top, &name) {
                match errno {
                    Errno::NOENT => break,
                    Errno::NOTEMPTY | Errno::EXIST => {}
                    errno => return Err(errno),
                }
                let child = usable_dir(top, &name)?;
                if !lift(&child, top, left)? {
                    return Ok(false);
                }
            }
        }
    }
}

/// Empties a directory: its files and empty directories go, the other directories move up to the top.
fn lift(child: &OwnedFd, top: &OwnedFd, left: &mut usize) -> rustix::io::Result<bool> {
    loop {
        let batch = names(child, BATCH)?;
        if batch.is_empty() {
            return Ok(true);
        }
        for name in batch {
            if !take(left) {
                return Ok(false);
            }
            match remove_one(child, &name) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(Errno::NOTEMPTY | Errno::EXIST) => {
                    // Moving a directory changes its own `..`, so it must be writable.
                    drop(usable_dir(child, &name)?);
                    rustix::fs::renameat_with(child, &name, top, fresh_name(".old-")?, RenameFlags::NOREPLACE)?;
                }
                Err(errno) => return Err(errno),
            }
        }
    }
}

fn take(left: &mut usize) -> bool {
    let had = *left > 0;
    *left = left.saturating_sub(1);
    had
}

/// Removes a file, a link or an empty directory.
fn remove_one(dir: &OwnedFd, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        // EISDIR on Linux; POSIX has EPERM.
        Err(Errno::ISDIR | Errno::PERM) => rustix::fs::unlinkat(dir, name, AtFlags::REMOVEDIR),
        done => done,
    }
}

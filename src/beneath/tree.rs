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
    /// nothing. Takes at most `limit` entries, each of which may count three times; after that the rest stays, and a
    /// further call goes on with it.
    ///
    /// Directories inside are moved up to the top before they are emptied, so depth costs neither stack nor
    /// descriptors nor path length. Whoever moves, fills or replaces things meanwhile is followed until `limit`.
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
        let mut left = limit.saturating_add(1);
        loop {
            match remove_one(&dir, name) {
                Ok(()) => return Ok(true),
                Err(Errno::NOENT) => return Ok(false),
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(errno) => return Err(failed(errno)),
            }
            let emptied = take(&mut left)
                && match still_there(usable_dir(&dir, name)).map_err(failed)? {
                    Some(top) => empty(&top, &mut left).map_err(failed)?,
                    None => true,
                };
            if !emptied {
                return Err(BeneathError::TooMany { path: self.name.join(path), limit });
            }
        }
    }
}

/// Empties the top directory. `false` when `left` ran out.
fn empty(top: &OwnedFd, left: &mut usize) -> rustix::io::Result<bool> {
    loop {
        let batch = still_there(names(top, BATCH))?.unwrap_or_default();
        if batch.is_empty() {
            return Ok(true);
        }
        for name in batch {
            loop {
                if !take(left) {
                    return Ok(false);
                }
                match remove_one(top, &name) {
                    Ok(()) | Err(Errno::NOENT) => break,
                    Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                    Err(errno) => return Err(errno),
                }
                if let Some(child) = still_there(usable_dir(top, &name))?
                    && !lift(&child, top, left)?
                {
                    return Ok(false);
                }
            }
        }
    }
}

/// Empties a directory: its files and empty directories go, the other directories move up to the top.
fn lift(child: &OwnedFd, top: &OwnedFd, left: &mut usize) -> rustix::io::Result<bool> {
    loop {
        let batch = still_there(names(child, BATCH))?.unwrap_or_default();
        if batch.is_empty() {
            return Ok(true);
        }
        for name in batch {
            if !take(left) {
                return Ok(false);
            }
            match remove_one(child, &name) {
                Ok(()) | Err(Errno::NOENT) => {}
                // Moving a directory changes its own `..`, so it must be writable.
                Err(Errno::NOTEMPTY | Errno::EXIST) if still_there(usable_dir(child, &name))?.is_some() => {
                    let fresh = fresh_name(".old-")?;
                    still_there(rustix::fs::renameat_with(child, &name, top, fresh, RenameFlags::NOREPLACE))?;
                }
                Err(Errno::NOTEMPTY | Errno::EXIST) => {}
                Err(errno) => return Err(errno),
            }
        }
    }
}

/// `None` where something else has taken the place of what was there, or nothing: it is looked at again.
fn still_there<T>(done: rustix::io::Result<T>) -> rustix::io::Result<Option<T>> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
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

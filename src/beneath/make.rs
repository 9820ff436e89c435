//! What is made beneath a directory when a whole tree is: files, links, and further names of files, each where nothing is yet.

use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::{Beneath, BeneathError, PRIVATE_DIR, open_beneath};

impl Beneath {
    /// Where a symbolic link leads; `None` where there is nothing, or something else.
    ///
    /// # Errors
    /// [`BeneathError::Refused`].
    pub fn read_link(&self, path: &Path) -> Result<Option<PathBuf>, BeneathError> {
        let (parent, name) = match self.parent(path, "read the link") {
            Err(error) if error.is_missing() => return Ok(None),
            parent => parent?,
        };
        match rustix::fs::readlinkat(parent, name, Vec::new()) {
            Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
            Err(Errno::NOENT | Errno::INVAL) => Ok(None),
            Err(errno) => Err(self.refused("read the link", path)(errno)),
        }
    }

    /// Makes a file where nothing is, in a directory that is there.
    ///
    /// # Errors
    /// [`BeneathError::is_taken`] where something is; else the system's refusal.
    pub fn create_new(&self, path: &Path, mode: u32) -> Result<File, BeneathError> {
        let (parent, name) = self.parent(path, "make")?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
        open_beneath(&parent, Path::new(name), flags, Mode::from_raw_mode(mode)).map(File::from).map_err(self.refused("make", path))
    }

    /// Makes a directory where nothing is, mode 0700, in one that is there.
    ///
    /// # Errors
    /// As [`Beneath::create_new`].
    pub fn create_dir(&self, path: &Path) -> Result<(), BeneathError> {
        let (parent, name) = self.parent(path, "make")?;
        rustix::fs::mkdirat(parent, name, PRIVATE_DIR).map_err(self.refused("make", path))
    }

    /// Makes a symbolic link where nothing is. Where it leads is not looked at: nothing here follows it.
    ///
    /// # Errors
    /// As [`Beneath::create_new`].
    pub fn create_link(&self, path: &Path, target: &Path) -> Result<(), BeneathError> {
        let (parent, name) = self.parent(path, "make")?;
        rustix::fs::symlinkat(target, parent, name).map_err(self.refused("make", path))
    }

    /// Gives a file a further name, where nothing is.
    ///
    /// # Errors
    /// As [`Beneath::create_new`]; or there is no such file.
    pub fn create_same(&self, path: &Path, earlier: &Path) -> Result<(), BeneathError> {
        let (from, old) = self.parent(earlier, "make")?;
        let (to, new) = self.parent(path, "make")?;
        rustix::fs::linkat(from, old, to, new, AtFlags::empty()).map_err(self.refused("make", path))
    }

    /// What was written below it is on the disk when this returns (syncfs(2)).
    ///
    /// # Errors
    /// The disk failed.
    pub fn sync(&self) -> Result<(), BeneathError> {
        let root = open_beneath(&self.root, Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty());
        root.and_then(rustix::fs::syncfs).map_err(self.refused("sync", Path::new("")))
    }
}

//! Work under a directory that an agent may have written to, without being led out of it.
//!
//! Every path is resolved by `openat2(2)` with `RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS`
//! (kernel 5.6), or name by name where that call is refused; and what acts on a name acts on the last component in a directory that is already open. So no symbolic
//! link, no `..` and no rename in between leads anywhere else, and a FIFO in the place of a file blocks nobody.

mod error;
mod make;
mod tree;
mod walk;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, RenameFlags, ResolveFlags, Stat};
use rustix::io::Errno;

pub use error::BeneathError;

/// Mode of the directories made here: the service's user alone.
const PRIVATE_DIR: Mode = Mode::RWXU;

/// How often a resolution is tried again that met a concurrent rename (`EAGAIN`, openat2(2)).
const RACES: usize = 16;

/// A directory, and only what lies beneath it. Paths given to its methods are relative and have no `..`.
#[derive(Debug)]
pub struct Beneath {
    root: OwnedFd,
    name: PathBuf,
}

/// What stands under a name, links not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// What it is.
    pub kind: Kind,
    /// Its permission bits.
    pub mode: u32,
    /// What it takes on the disk, in bytes.
    pub size: u64,
    /// How long its content is, in bytes; more than `size` where it has holes.
    pub length: u64,
    /// When its content changed last: whole seconds since 1970 (an agent can set this as it likes).
    pub modified: i64,
}

/// The kinds of entries that matter here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, socket or device.
    Other,
}

impl From<Stat> for Entry {
    fn from(stat: Stat) -> Self {
        let mode = Mode::from_raw_mode(stat.st_mode);
        Self {
            kind: FileType::from_raw_mode(stat.st_mode).into(),
            mode: mode.as_raw_mode(),
            size: u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512),
            length: u64::try_from(stat.st_size).unwrap_or(0),
            modified: stat.st_mtime,
        }
    }
}

impl From<FileType> for Kind {
    fn from(kind: FileType) -> Self {
        match kind {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Directory,
            FileType::Symlink => Self::Link,
            _ => Self::Other,
        }
    }
}

impl Beneath {
    /// Opens the directory. The path to it is trusted and may have links above; the directory itself may not be one.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when it is no directory or cannot be opened.
    pub fn open(root: &Path) -> Result<Self, BeneathError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = rustix::fs::open(root, flags, Mode::empty());
        let root_fd = fd.map_err(|errno| BeneathError::Refused { what: "open", path: root.to_owned(), source: errno.into() })?;
        Ok(Self { root: root_fd, name: root.to_owned() })
    }

    /// Opens a directory beneath as a root of its own.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when it is no directory, cannot be opened, or a link leads to it.
    pub fn descend(&self, path: &Path) -> Result<Self, BeneathError> {
        let root = self.open_dir(path).map_err(self.refused("open", path))?;
        Ok(Self { root, name: self.name.join(path) })
    }

    /// Makes the directory and those above it, mode 0700. Those that exist stay as they are, but for one that its
    /// owner cannot use: it gets that mode too, since an agent can change the mode of what it cannot write to.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when something that is no directory stands in the way.
    pub fn make_dirs(&self, path: &Path) -> Result<(), BeneathError> {
        let mut at = PathBuf::new();
        for name in components(path)? {
            let parent = self.open_dir(&at).map_err(self.refused("open", &at))?;
            at.push(name);
            match rustix::fs::mkdirat(&parent, name, PRIVATE_DIR) {
                Ok(()) => {}
                Err(Errno::EXIST) => drop(usable_dir(&parent, name).map_err(self.refused("make the directory", &at))?),
                Err(errno) => return Err(self.refused("make the directory", &at)(errno)),
            }
        }
        Ok(())
    }

    /// Opens a regular file for reading; `None` where there is nothing. What is read comes from the file that was
    /// checked, whatever happens to its name after that; its length may change.
    ///
    /// # Errors
    /// [`BeneathError::NotAFile`], or the system's refusal: [`BeneathError::is_link`] where a link stands in the way.
    pub fn open_file(&self, path: &Path) -> Result<Option<File>, BeneathError> {
        components(path)?;
        let no_file = || BeneathError::NotAFile { path: self.name.join(path) };
        // Without O_NONBLOCK the opening of a FIFO waits for its writer.
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW;
        let file = match self.resolve(path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            // A socket (open(2)).
            Err(Errno::NXIO) => return Err(no_file()),
            Err(errno) => return Err(self.refused("read", path)(errno)),
        };
        let metadata = file.metadata().map_err(|source| BeneathError::Refused { what: "read", path: self.name.join(path), source })?;
        if metadata.is_file() { Ok(Some(file)) } else { Err(no_file()) }
    }

    /// The content of a regular file of at most `limit` bytes; `None` where there is nothing.
    ///
    /// # Errors
    /// [`BeneathError::NotAFile`], [`BeneathError::TooLong`], or the system's refusal.
    pub fn read(&self, path: &Path, limit: u64) -> Result<Option<Vec<u8>>, BeneathError> {
        let Some(file) = self.open_file(path)? else { return Ok(None) };
        let failed = |source| BeneathError::Refused { what: "read", path: self.name.join(path), source };
        let mut content = Vec::new();
        file.take(limit.saturating_add(1)).read_to_end(&mut content).map_err(failed)?;
        if u64::try_from(content.len()).is_ok_and(|length| length <= limit) {
            Ok(Some(content))
        } else {
            Err(BeneathError::TooLong { path: self.name.join(path), limit })
        }
    }

    /// Makes an empty file with a name that nobody can have guessed, hidden by the dot that it begins with, open for
    /// writing. Gives its path beneath the root too; [`Beneath::rename`] makes it what it is to be.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when the directory is missing or full, or a link leads to it.
    pub fn create_fresh(&self, directory: &Path, mode: u32) -> Result<(PathBuf, File), BeneathError> {
        let failed = |errno| self.refused("write in", directory)(errno);
        let (name, file) = self.open_dir(directory).and_then(|dir| fresh_file(&dir, mode)).map_err(failed)?;
        Ok((directory.join(name), file))
    }

    /// Writes a file whole: a new one in the same directory, renamed to its name. Whoever reads sees the old content
    /// or the new. What stood there is replaced, a link itself and not what it leads to.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when the directory is missing or full, or a directory has the name.
    pub fn write_atomically(&self, path: &Path, content: &[u8], mode: u32) -> Result<(), BeneathError> {
        let (parent, name) = self.parent(path, "write")?;
        let failed = |errno| self.refused("write", path)(errno);
        let (fresh, mut file) = fresh_file(&parent, mode).map_err(failed)?;
        let written = file.write_all(content).map_err(|source| BeneathError::Refused { what: "write", path: self.name.join(path), source });
        let done = written.and_then(|()| rustix::fs::renameat_with(&parent, &fresh, &parent, name, RenameFlags::empty()).map_err(failed));
        if done.is_err() {
            // The error that matters is the first one.
            let _ = rustix::fs::unlinkat(&parent, &fresh, AtFlags::empty());
        }
        done
    }

    /// Renames; fails where the new name is taken.
    ///
    /// # Errors
    /// [`BeneathError::Refused`]; with `EEXIST` where the new name is taken ([`BeneathError::is_taken`]).
    pub fn rename(&self, from: &Path, to: &Path) -> Result<(), BeneathError> {
        let (from_dir, from_name) = self.parent(from, "rename")?;
        let (to_dir, to_name) = self.parent(to, "rename")?;
        rustix::fs::renameat_with(from_dir, from_name, to_dir, to_name, RenameFlags::NOREPLACE).map_err(self.refused("rename", from))
    }

    /// What stands under the name, links not followed; `None` where there is nothing.
    ///
    /// # Errors
    /// [`BeneathError::Refused`] when a link or something else that is no directory stands in the way.
    pub fn look(&self, path: &Path) -> Result<Option<Entry>, BeneathError> {
        components(path)?;
        let found = self.resolve(path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty());
        match found.and_then(rustix::fs::fstat) {
            Ok(stat) => Ok(Some(Entry::from(stat))),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.refused("look at", path)(errno)),
        }
    }

    /// Removes a file, or a link itself. `false` where there was nothing.
    ///
    /// # Errors
    /// [`BeneathError::Refused`], for directories too.
    pub fn remove_file(&self, path: &Path) -> Result<bool, BeneathError> {
        let name = last(path)?;
        match self.open_dir(above(path)).and_then(|dir| rustix::fs::unlinkat(dir, name, AtFlags::empty())) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(self.refused("remove", path)(errno)),
        }
    }

    /// The names in a directory, at most `limit`, sorted; the empty path is the root. `None` where there is nothing.
    ///
    /// # Errors
    /// [`BeneathError::TooMany`], or the system's refusal.
    pub fn list(&self, path: &Path, limit: usize) -> Result<Option<Vec<OsString>>, BeneathError> {
        let names = self.names(path, limit.saturating_add(1))?;
        if names.as_ref().is_some_and(|names| names.len() > limit) {
            return Err(BeneathError::TooMany { path: self.name.join(path), limit });
        }
        Ok(names.map(in_order))
    }

    /// Like [`Beneath::list`], but of a directory with more than `limit` names it gives that many, whichever they are.
    ///
    /// # Errors
    /// The system's refusal.
    pub fn list_some(&self, path: &Path, limit: usize) -> Result<Option<Vec<OsString>>, BeneathError> {
        Ok(self.names(path, limit)?.map(in_order))
    }

    fn names(&self, path: &Path, limit: usize) -> Result<Option<Vec<OsString>>, BeneathError> {
        match self.open_dir(path).and_then(|dir| names(&dir, limit)) {
            Ok(names) => Ok(Some(names)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.refused("list", path)(errno)),
        }
    }

    /// Opens beneath the root. The empty path is the root itself.
    fn resolve(&self, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
        open_beneath(&self.root, if path.as_os_str().is_empty() { Path::new(".") } else { path }, flags, mode)
    }

    fn open_dir(&self, path: &Path) -> rustix::io::Result<OwnedFd> {
        self.resolve(path, OFlags::PATH | OFlags::DIRECTORY, Mode::empty())
    }

    /// The open directory above a path, and its last name.
    fn parent<'a>(&self, path: &'a Path, what: &'static str) -> Result<(OwnedFd, &'a OsStr), BeneathError> {
        let name = last(path)?;
        Ok((self.open_dir(above(path)).map_err(self.refused(what, path))?, name))
    }

    fn refused<'a>(&'a self, what: &'static str, path: &'a Path) -> impl Fn(Errno) -> BeneathError + 'a {
        move |errno| BeneathError::Refused { what, path: self.name.join(path), source: errno.into() }
    }
}

/// The components of a path that is relative, not empty and has no `..`.
fn components(path: &Path) -> Result<Vec<&OsStr>, BeneathError> {
    let names = path.components().map(|component| match component {
        Component::Normal(name) => Some(name),
        _ => None,
    });
    let names: Option<Vec<&OsStr>> = names.collect();
    names.filter(|names| !names.is_empty()).ok_or_else(|| BeneathError::NotBeneath { path: path.to_owned() })
}

fn last(path: &Path) -> Result<&OsStr, BeneathError> {
    components(path)?.pop().ok_or_else(|| BeneathError::NotBeneath { path: path.to_owned() })
}

fn above(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

/// Opens what lies beneath a directory, following no link. Every opening here goes this way: one system call to allow.
fn open_beneath(dir: &OwnedFd, path: &Path, flags: OFlags, mode: Mode) -> rustix::io::Result<OwnedFd> {
    let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(Errno::AGAIN);
    for _ in 0..RACES {
        result = rustix::fs::openat2(dir, path, flags | OFlags::CLOEXEC, mode, how);
        if !matches!(result, Err(Errno::AGAIN)) {
            break;
        }
    }
    if matches!(result, Err(Errno::NOSYS)) { walk::walk(dir, path, flags, mode) } else { result }
}

/// Opens a directory by its name in another, and makes it usable to its owner where its mode forbids that.
fn usable_dir(dir: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let fd = open_beneath(dir, Path::new(name), OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
    if !Mode::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode).contains(Mode::RWXU) {
        // fchmod refuses O_PATH descriptors, and a chmod by name could be led astray: the magic link is exactly this directory.
        rustix::fs::chmodat(CWD, format!("/proc/self/fd/{}", fd.as_raw_fd()), PRIVATE_DIR, AtFlags::empty())?;
    }
    Ok(fd)
}

/// A name that nobody can have guessed.
fn fresh_name(prefix: &str) -> rustix::io::Result<OsString> {
    let mut bytes = [0; 8];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
    Ok(format!("{prefix}{:016x}", u64::from_ne_bytes(bytes)).into())
}

/// A new file with a name that nobody can have guessed.
fn fresh_file(dir: &OwnedFd, mode: u32) -> rustix::io::Result<(OsString, File)> {
    let name = fresh_name(".new-")?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = open_beneath(dir, Path::new(&name), flags, Mode::from_raw_mode(mode))?;
    Ok((name, file.into()))
}

/// At most `limit` names of an open directory.
fn names(dir: &OwnedFd, limit: usize) -> rustix::io::Result<Vec<OsString>> {
    // A descriptor of O_PATH cannot be read from.
    let opened = open_beneath(dir, Path::new("."), OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())?;
    let mut names = Vec::new();
    for entry in Dir::new(opened)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name != b"." && name != b".." {
            names.push(OsStr::from_bytes(name).to_owned());
        }
        if names.len() >= limit {
            break;
        }
    }
    Ok(names)
}

/// Sorted, each once: where names come and go meanwhile, a file system may tell one twice (tmpfs does, and whoever has it twice in a backup
/// cannot restore it).
fn in_order(mut names: Vec<OsString>) -> Vec<OsString> {
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;

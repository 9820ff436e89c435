//! Downloads that go on after a crash: one file for each part of a prompt, in a directory that only the gateway sees.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::IncomingError;

/// The directory of the parts. A part belongs to an entry of the inbox and lives as long as that.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
}

/// One download, as far as it has come.
#[derive(Debug)]
pub(crate) struct Part {
    file: File,
    path: PathBuf,
    length: u64,
}

impl Spool {
    /// Opens the directory, or makes it, mode 0700. Nobody but the gateway may write to it.
    pub(crate) fn open(dir: &Path) -> Result<Self, IncomingError> {
        match rustix::fs::mkdir(dir, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => Ok(Self { dir: dir.to_owned() }),
            Err(errno) => Err(failed("make", dir)(errno.into())),
        }
    }

    /// Opens a part, or makes it. The index counts the files of the entry.
    pub(crate) fn part(&self, entry: u64, index: usize) -> Result<Part, IncomingError> {
        let path = self.dir.join(format!("{entry}-{index}.part"));
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(&path).map_err(failed("open", &path))?;
        let length = file.metadata().map_err(failed("look at", &path))?.len();
        Ok(Part { file, path, length })
    }

    /// Removes the parts of an entry that is done with.
    pub(crate) fn forget(&self, entry: u64) -> Result<(), IncomingError> {
        self.sweep(|other| other != entry)
    }

    /// Removes the parts of all entries that are not to be kept: at start-up of those that were done with just before a crash.
    pub(crate) fn sweep(&self, keep: impl Fn(u64) -> bool) -> Result<(), IncomingError> {
        for found in fs::read_dir(&self.dir).map_err(failed("list", &self.dir))? {
            let path = found.map_err(failed("list", &self.dir))?.path();
            if entry_of(&path).is_some_and(|entry| !keep(entry)) {
                fs::remove_file(&path).map_err(failed("remove", &path))?;
            }
        }
        Ok(())
    }
}

impl Part {
    /// The bytes that are there: where a further request goes on (RFC 9110, section 14.2).
    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// Appends what came. Nothing of a piece is kept with which there would be more than `limit` bytes.
    pub(crate) fn append(&mut self, piece: &[u8], limit: u64) -> Result<(), IncomingError> {
        let length = self.length.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if length > limit {
            return Err(IncomingError::TooLarge { limit });
        }
        let written = self.file.write_all(piece);
        // A full disk may have taken a half of it, which is good for going on.
        self.length = if written.is_ok() { length } else { self.file.metadata().map_or(self.length, |metadata| metadata.len()) };
        written.map_err(failed("write to", &self.path))
    }

    /// Begins anew: what came is not what is asked for, or the other side cannot go on in the middle.
    pub(crate) fn reset(&mut self) -> Result<(), IncomingError> {
        self.file.set_len(0).map_err(failed("empty", &self.path))?;
        self.length = 0;
        Ok(())
    }

    /// The file, at its beginning, for reading.
    pub(crate) fn into_reader(mut self) -> Result<File, IncomingError> {
        self.file.rewind().map_err(failed("read", &self.path))?;
        Ok(self.file)
    }
}

/// Whose part that is; `None` for what is none.
fn entry_of(path: &Path) -> Option<u64> {
    let (entry, index) = path.file_name()?.to_str()?.strip_suffix(".part")?.split_once('-')?;
    index.parse::<usize>().ok()?;
    entry.parse().ok()
}

fn failed<'a>(what: &'static str, path: &'a Path) -> impl Fn(io::Error) -> IncomingError + 'a {
    move |source| IncomingError::File { what, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn content(part: Part) -> String {
        io::read_to_string(part.into_reader().unwrap()).unwrap()
    }

    #[test]
    fn a_download_goes_on_where_it_was_after_a_crash() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("incoming");
        let mut part = Spool::open(&path).unwrap().part(7, 0).unwrap();
        part.append(b"abc", 6).unwrap();
        drop(part);
        let mut part = Spool::open(&path).unwrap().part(7, 0).unwrap();
        assert_eq!(part.length(), 3);
        part.append(b"def", 6).unwrap();
        assert!(matches!(part.append(b"g", 6), Err(IncomingError::TooLarge { limit: 6 })));
        assert_eq!(part.length(), 6);
        assert_eq!(content(part), "abcdef");
    }

    #[test]
    fn a_download_can_begin_anew() {
        let dir = TempDir::new().unwrap();
        let mut part = Spool::open(dir.path()).unwrap().part(7, 0).unwrap();
        part.append(b"wrong", 9).unwrap();
        part.reset().unwrap();
        assert_eq!(part.length(), 0);
        part.append(b"ok", 9).unwrap();
        assert_eq!(content(part), "ok");
    }

    #[test]
    fn parts_live_as_long_as_their_entries() {
        let dir = TempDir::new().unwrap();
        let spool = Spool::open(dir.path()).unwrap();
        for (entry, index) in [(1, 0), (1, 1), (11, 0), (2, 0), (3, 0)] {
            spool.part(entry, index).unwrap().append(b"x", 9).unwrap();
        }
        fs::write(dir.path().join("other"), "").unwrap();
        spool.forget(1).unwrap();
        spool.forget(1).unwrap();
        spool.sweep(|entry| entry != 2).unwrap();
        let mut left: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["11-0.part", "3-0.part", "other"]);
    }
}

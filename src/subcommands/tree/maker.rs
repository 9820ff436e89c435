//! A tree made anew, where nobody else has hands yet.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::Sink;
use crate::archive::{ArchiveError, Kind, Member, Segments};
use crate::beneath::{Beneath, BeneathError};

/// Bytes that are copied at a time.
const PIECE: usize = 64 * 1024;

/// Makes what it is given beneath a directory: files 0600 or 0700, directories 0700, nothing through a link and nothing over what is there.
pub(crate) struct Maker<'a> {
    root: &'a Beneath,
    /// A directory that is there, with all above it. Whoever made the tree chose its depth: looking at each of two thousand directories
    /// again for each of 200,000 files would take hours.
    made: PathBuf,
}

impl<'a> Maker<'a> {
    /// Makes it there.
    pub(crate) fn new(root: &'a Beneath) -> Self {
        Self { root, made: PathBuf::new() }
    }

    /// A new file for a member, empty.
    ///
    /// # Errors
    /// There is something already, or the system refuses.
    pub(crate) fn create(&mut self, member: &Member) -> io::Result<File> {
        self.parents(&member.path)?;
        self.root.create_new(&member.path, if member.executable { 0o700 } else { 0o600 }).map_err(io::Error::other)
    }

    /// A file's length and time, when all of it was written.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn close(file: &File, member: &Member) -> io::Result<()> {
        if let Kind::File(length) = member.kind {
            file.set_len(length)?;
        }
        let modified = UNIX_EPOCH.checked_add(Duration::from_secs(member.modified)).unwrap_or(UNIX_EPOCH);
        file.set_modified(modified)
    }

    fn parents(&mut self, path: &Path) -> io::Result<()> {
        match path.parent().filter(|parent| !self.made.starts_with(parent)) {
            Some(parent) => {
                self.root.make_dirs(parent).map_err(io::Error::other)?;
                self.made = parent.to_owned();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// A directory in one that is there, unless it is there itself.
    fn directory(&mut self, path: &Path) -> Result<(), BeneathError> {
        match self.root.create_dir(path) {
            Err(error) if error.is_taken() => self.root.make_dirs(path)?,
            done => done?,
        }
        self.made = path.to_owned();
        Ok(())
    }
}

impl Sink for Maker<'_> {
    fn member(&mut self, member: &Member) -> Result<(), ArchiveError> {
        self.parents(&member.path)?;
        let made = match &member.kind {
            Kind::Directory => self.directory(&member.path),
            Kind::Link(target) => self.root.create_link(&member.path, target),
            Kind::Same(earlier) => self.root.create_same(&member.path, earlier),
            Kind::File(_) => return Err(ArchiveError::Damaged("a file came without its content")),
        };
        made.map_err(|error| io::Error::other(error).into())
    }

    fn bytes(&mut self, member: &Member, content: &[u8]) -> Result<(), ArchiveError> {
        let mut file = self.create(member)?;
        file.write_all(content)?;
        let kind = Kind::File(u64::try_from(content.len()).unwrap_or_default());
        Ok(Self::close(&file, &Member { kind, ..member.clone() })?)
    }

    fn file(&mut self, member: &Member, segments: &Segments, from: &File) -> Result<u64, ArchiveError> {
        let file = self.create(member)?;
        let mut buffer = vec![0; PIECE];
        for (offset, length) in segments.pieces() {
            let (mut at, end) = (*offset, offset.saturating_add(*length));
            while at < end {
                let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
                let count = from.read_at(buffer.get_mut(..most).unwrap_or_default(), at)?;
                if count == 0 {
                    break;
                }
                file.write_all_at(buffer.get(..count).unwrap_or_default(), at)?;
                at = at.saturating_add(u64::try_from(count).unwrap_or_default());
            }
        }
        Self::close(&file, member)?;
        Ok(0)
    }
}

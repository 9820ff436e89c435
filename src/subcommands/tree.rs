//! A tree that an agent writes to, gone through once: everything in it is given on, or named as left out.
//!
//! No link is followed. What is read is the file that was opened, whatever becomes of its name; a small one is read again when it changed
//! meanwhile, a large one is as it was while it was read. Work and memory are bounded by what lies on the disk, not by what it looks like:
//! holes stay holes, and a file of many names is read once.

mod links;
mod maker;

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::archive::{ArchiveError, Kind, Member, NAME, Segments, Writer};
use crate::beneath::{self, Beneath, BeneathError};

use links::{Known, Links};
pub(crate) use maker::Maker;

/// Names of one directory at most. A workspace may have 200,000 files (`workspaceFiles`), and a quarter more before its agent is ended.
const WIDE: usize = 262_144;

/// Longest file that is read again when it changed meanwhile, in bytes: it is held in memory.
const SMALL: u64 = 1024 * 1024;

/// How often.
const TRIES: usize = 3;

/// Characters of a name that a report has: all that stand in it are part of a backup's last member, which is short (`manifest::LENGTH`).
const NAMED: usize = 1000;

/// Who takes what is found.
pub(crate) trait Sink {
    /// A directory, a link, or a further name of an earlier file.
    ///
    /// # Errors
    /// It cannot be taken.
    fn member(&mut self, member: &Member) -> Result<(), ArchiveError>;

    /// A file of these bytes.
    ///
    /// # Errors
    /// It cannot be taken.
    fn bytes(&mut self, member: &Member, content: &[u8]) -> Result<(), ArchiveError>;

    /// A file whose content lies there; gives how many bytes of it were missing.
    ///
    /// # Errors
    /// It cannot be taken, or read.
    fn file(&mut self, member: &Member, segments: &Segments, file: &File) -> Result<u64, ArchiveError>;
}

impl<W: Write> Sink for Writer<W> {
    fn member(&mut self, member: &Member) -> Result<(), ArchiveError> {
        Self::member(self, member)
    }

    fn bytes(&mut self, member: &Member, content: &[u8]) -> Result<(), ArchiveError> {
        Self::bytes(self, &member.path, member.modified, member.executable, content)
    }

    fn file(&mut self, member: &Member, segments: &Segments, file: &File) -> Result<u64, ArchiveError> {
        Self::file(self, member, segments, file)
    }
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Report {
    /// Everything that was given on.
    pub(crate) members: u64,
    /// Bytes of content.
    pub(crate) bytes: u64,
    /// Files that changed while they were read.
    pub(crate) changed: Named,
    /// What was not given on, each with the reason.
    pub(crate) left_out: Named,
}

/// So many, the first of them by name.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// How many.
    pub(crate) count: u64,
    /// The first hundred.
    pub(crate) names: Vec<String>,
}

impl Named {
    fn add(&mut self, name: &str) {
        self.count += 1;
        // A person looks at some; their number says how bad it is.
        if self.names.len() < 100 {
            self.names.push(name.chars().take(NAMED).collect());
        }
    }
}

/// One user's trees, gone through one after the other.
pub(crate) struct Walk<'a> {
    root: &'a Beneath,
    sink: &'a mut dyn Sink,
    report: &'a mut Report,
    links: Links,
    /// How many entries it still looks at.
    left: u64,
}

/// A directory that is gone through. What is still to come is held by its names: by its paths, a wide directory at the end of a long path
/// would fill a small server's memory.
struct Level {
    from: PathBuf,
    to: PathBuf,
    /// The last one first.
    below: Vec<OsString>,
}

impl<'a> Walk<'a> {
    /// Goes through trees beneath `root`.
    pub(crate) fn new(root: &'a Beneath, sink: &'a mut dyn Sink, report: &'a mut Report) -> Self {
        Self { root, sink, report, links: Links::default(), left: u64::MAX }
    }

    /// Looks at no more entries than that: who moves directories on, ahead of it, would never let it come to an end.
    pub(crate) fn at_most(self, entries: u64) -> Self {
        Self { left: entries, ..self }
    }

    /// Gives on the directory `from` and all in it, by the name `to`, in the order of names.
    ///
    /// # Errors
    /// The sink failed. What cannot be read is left out instead.
    pub(crate) fn tree(&mut self, from: &Path, to: &Path) -> Result<(), ArchiveError> {
        let mut levels: Vec<Level> = self.directory(from.to_owned(), to.to_owned())?.into_iter().collect();
        while let Some(level) = levels.last_mut() {
            let Some(name) = level.below.pop() else {
                levels.pop();
                continue;
            };
            let (from, to) = (level.from.join(&name), level.to.join(&name));
            levels.extend(self.directory(from, to)?);
        }
        Ok(())
    }

    /// Gives on a directory and all in it but the directories, which are still to come. `None` where it is gone or cannot be read.
    fn directory(&mut self, from: PathBuf, to: PathBuf) -> Result<Option<Level>, ArchiveError> {
        let names = match self.root.list(&from, WIDE) {
            Ok(Some(names)) => names,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.leave_out(&to, &reason(&error));
                return Ok(None);
            }
        };
        self.member(&to, Kind::Directory)?;
        let mut below = Vec::new();
        for name in names {
            if self.entry(&from.join(&name), &to.join(&name))? {
                below.push(name);
            }
        }
        below.reverse();
        Ok(Some(Level { from, to, below }))
    }

    /// Gives on what is there, a directory with all in it.
    ///
    /// # Errors
    /// The sink failed.
    pub(crate) fn one(&mut self, from: &Path, to: &Path) -> Result<(), ArchiveError> {
        if self.entry(from, to)? { self.tree(from, to) } else { Ok(()) }
    }

    /// Gives on one entry, unless it is a directory: then says so.
    fn entry(&mut self, path: &Path, to: &Path) -> Result<bool, ArchiveError> {
        if to.as_os_str().len() >= NAME {
            self.leave_out(to, "its path is too long");
            return Ok(false);
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.leave_out(to, "there are too many files before it");
            return Ok(false);
        };
        self.left = left;
        let kind = match self.root.look(path) {
            Ok(Some(entry)) => entry.kind,
            Ok(None) => return Ok(false),
            Err(error) => {
                self.leave_out(to, &reason(&error));
                return Ok(false);
            }
        };
        match kind {
            beneath::Kind::Directory => return Ok(true),
            beneath::Kind::File => self.file(path, to)?,
            beneath::Kind::Link => match self.root.read_link(path) {
                Ok(Some(target)) if !target.as_os_str().is_empty() => self.member(to, Kind::Link(target))?,
                Ok(_) => {}
                Err(error) => self.leave_out(to, &reason(&error)),
            },
            beneath::Kind::Other => self.leave_out(to, "it is a socket, a FIFO or a device"),
        }
        Ok(false)
    }

    fn member(&mut self, to: &Path, kind: Kind) -> Result<(), ArchiveError> {
        self.report.members += 1;
        self.sink.member(&Member { path: to.to_owned(), kind, executable: false, modified: 0 })
    }

    fn file(&mut self, path: &Path, to: &Path) -> Result<(), ArchiveError> {
        let opened = self.root.open_file(path).map_err(|error| reason(&error));
        let found = opened
            .and_then(|file| file.map(|file| file.metadata().map(|metadata| (file, metadata))).transpose().map_err(|e| e.to_string()));
        let (file, metadata) = match found {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(()),
            Err(why) => {
                self.leave_out(to, &why);
                return Ok(());
            }
        };
        match self.links.find(&metadata) {
            Known::Same(earlier) => return self.member(to, Kind::Same(earlier)),
            Known::NoRoom => {
                self.leave_out(to, "there are too many files with several names");
                return Ok(());
            }
            Known::New => {}
        }
        if self.content(&file, &metadata, to)? {
            self.links.remember(&metadata, to);
        }
        Ok(())
    }

    /// Gives on a file's content. `false` where it was left out.
    fn content(&mut self, file: &File, metadata: &Metadata, to: &Path) -> Result<bool, ArchiveError> {
        let length = metadata.len();
        let may_have_holes = metadata.blocks().saturating_mul(512) < length;
        if length <= SMALL && !may_have_holes {
            return self.small(file, to);
        }
        let segments = if may_have_holes { Segments::of(file, length) } else { Ok(Some(Segments::dense(length))) };
        let segments = match segments {
            Ok(Some(segments)) => segments,
            Ok(None) => {
                self.leave_out(to, "it has too many holes");
                return Ok(false);
            }
            Err(error) => {
                self.leave_out(to, &error.to_string());
                return Ok(false);
            }
        };
        let missing = self.sink.file(&member(to, metadata), &segments, file)?;
        if missing > 0 || file.metadata().map_or(true, |after| differs(metadata, &after)) {
            self.changed(to);
        }
        self.count(segments.content());
        Ok(true)
    }

    /// A small file, as it was at one moment where that can be had.
    fn small(&mut self, file: &File, to: &Path) -> Result<bool, ArchiveError> {
        let (mut content, mut last) = (Vec::new(), None);
        for attempt in 1..=TRIES {
            match read_whole(file) {
                Ok((metadata, read, quiet)) => {
                    content = read;
                    last = Some(metadata);
                    if quiet {
                        break;
                    }
                    if attempt == TRIES {
                        self.changed(to);
                    }
                }
                Err(error) => {
                    self.leave_out(to, &error.to_string());
                    return Ok(false);
                }
            }
        }
        let Some(metadata) = last else { return Ok(false) };
        self.sink.bytes(&member(to, &metadata), &content)?;
        self.count(u64::try_from(content.len()).unwrap_or_default());
        Ok(true)
    }

    fn count(&mut self, bytes: u64) {
        self.report.members += 1;
        self.report.bytes = self.report.bytes.saturating_add(bytes);
    }

    fn changed(&mut self, to: &Path) {
        self.report.changed.add(&shown(to));
    }

    fn leave_out(&mut self, to: &Path, why: &str) {
        self.report.left_out.add(&format!("{}: {why}", shown(to)));
    }
}

/// The system's own words, without the path, which stands there already.
fn reason(error: &BeneathError) -> String {
    match error {
        BeneathError::Refused { source, .. } => source.to_string(),
        BeneathError::NotAFile { .. } => "it is a socket, a FIFO or a device".to_owned(),
        BeneathError::TooMany { limit, .. } => format!("it has more than {limit} entries"),
        other => other.to_string(),
    }
}

fn shown(path: &Path) -> String {
    path.as_os_str().as_bytes().escape_ascii().to_string()
}

fn member(to: &Path, metadata: &Metadata) -> Member {
    let modified = u64::try_from(metadata.mtime()).unwrap_or_default();
    Member { path: to.to_owned(), kind: Kind::File(metadata.len()), executable: metadata.mode() & 0o100 != 0, modified }
}

/// At most so much of it as a small file has, and whether nobody wrote to it meanwhile.
fn read_whole(file: &File) -> io::Result<(Metadata, Vec<u8>, bool)> {
    let before = file.metadata()?;
    let mut content = Vec::new();
    rustix::fs::seek(file, rustix::fs::SeekFrom::Start(0))?;
    file.take(SMALL + 1).read_to_end(&mut content)?;
    let after = file.metadata()?;
    let whole = u64::try_from(content.len()) == Ok(after.len());
    Ok((before.clone(), content, whole && !differs(&before, &after)))
}

fn differs(before: &Metadata, after: &Metadata) -> bool {
    let state = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec(), metadata.ctime(), metadata.ctime_nsec());
    state(before) != state(after)
}

#[cfg(test)]
mod tests;

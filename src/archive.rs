//! A plain tar archive (pax, POSIX.1-2001, tar(5)), written and read as a stream, with a sum of all that came before its last member.
//!
//! What is written here every tar reads. What is read here is what is written here and nothing else: files, directories, links, and files
//! with holes in GNU tar's form for them (`GNU.sparse` 1.0). Whoever made the archive may be hostile, so each name is checked to lie beneath.

mod read;
mod segments;
mod write;

use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};

pub use read::Reader;
pub use segments::Segments;
pub use write::Writer;

/// Bytes of a header, and what content is filled up to.
const BLOCK: usize = 512;

/// Longest name and longest target of a link, in bytes (PATH_MAX, limits.h).
pub const NAME: usize = 4096;

/// Longest extended header, in bytes: two longest names and what is around them.
const EXTENDED: u64 = 4 * NAME as u64;

/// Bytes that are copied at a time.
const PIECE: usize = 64 * 1024;

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Its name: relative, without `..`.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Whether its owner may execute it.
    pub executable: bool,
    /// When it was changed last, in Unix seconds.
    pub modified: u64,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory,
    /// A file of that many bytes, its holes among them.
    File(u64),
    /// A symbolic link to there.
    Link(PathBuf),
    /// The same file as an earlier member.
    Same(PathBuf),
}

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is not what is written here.
    #[error("the archive is damaged, or was not made by kiroclaw: {0}")]
    Damaged(&'static str),
}

/// A path that leads beneath, in bytes that fit.
fn is_beneath(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    (1..NAME).contains(&bytes.len()) && !bytes.contains(&0) && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Zero bytes up to the next block.
fn padding(size: u64) -> u64 {
    size.wrapping_neg() % BLOCK as u64
}

#[cfg(test)]
mod tests;

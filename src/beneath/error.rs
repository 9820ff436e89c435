//! What can go wrong beneath a directory.

use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

/// Why something beneath a directory could not be done. Paths are shown escaped, since an agent may have named them.
#[derive(Debug, thiserror::Error)]
pub enum BeneathError {
    /// The system refused.
    #[error("cannot {what} {path:?}: {source}{}", hint(.source))]
    Refused {
        /// What was to be done: a verb.
        what: &'static str,
        /// To what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The path is empty, absolute or has `..`.
    #[error("{path:?} is not a path beneath a directory")]
    NotBeneath {
        /// The path as given.
        path: PathBuf,
    },
    /// A file was expected.
    #[error("{path:?} is not a regular file")]
    NotAFile {
        /// What is none.
        path: PathBuf,
    },
    /// The file is longer than the reader takes.
    #[error("{path:?} is longer than {limit} bytes")]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The bound, in bytes.
        limit: u64,
    },
    /// There are more entries than the caller takes.
    #[error("{path:?} holds more than {limit} entries")]
    TooMany {
        /// The directory.
        path: PathBuf,
        /// The bound.
        limit: usize,
    },
}

impl BeneathError {
    /// Whether a symbolic link stands in the way.
    pub fn is_link(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.raw_os_error() == Some(Errno::LOOP.raw_os_error()))
    }

    /// Whether there is nothing of that name.
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// Whether the name was taken already.
    pub fn is_taken(&self) -> bool {
        matches!(self, Self::Refused { source, .. } if source.kind() == io::ErrorKind::AlreadyExists)
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::LOOP) => " (a symbolic link stands in the way)",
        Some(Errno::NOSYS) => " (the kernel must be 5.6 or newer)",
        _ => "",
    }
}

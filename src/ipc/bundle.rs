//! What a role is given at its start: configuration and secrets in a sealed memory file (memfd_create(2)).
//!
//! It has no name in any file system, appears neither in argv nor in environ, and nobody can change it any more;
//! whoever keeps its descriptor can hand it on to a restarted role without ever reading it again.

use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{MemfdFlags, SealFlags};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::config::{Config, Secrets};

/// Largest bundle, in bytes: a configuration file may have 1 MiB, and only a fraction of it survives as configuration.
pub const MAX_BUNDLE: usize = 1024 * 1024;

/// Configuration and the secrets of one role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bundle {
    /// The whole configuration.
    pub config: Config,
    /// The secrets that this role needs; the others are absent.
    pub secrets: Secrets,
}

/// Why a bundle cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The system refused.
    #[error("{operation} for the configuration that a process is given at its start: {source}")]
    Io {
        /// The system call.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
    /// It is larger than [`MAX_BUNDLE`].
    #[error("the configuration is larger than {MAX_BUNDLE} bytes; shorten config.json")]
    TooLarge,
    /// It is not what was expected.
    #[error("the configuration that a process was given at its start cannot be read; this process is started by `kiroclaw run` alone")]
    Malformed,
}

/// Writes `value` into a memory file that nobody can change any more.
///
/// # Errors
/// It is too large, or the system has no memory or descriptors left.
pub fn seal<T: Serialize>(value: &T) -> Result<OwnedFd, BundleError> {
    let failed = |operation| move |source| BundleError::Io { operation, source };
    let text = serde_json::to_vec(value).map_err(|_| BundleError::Malformed)?;
    if text.len() > MAX_BUNDLE {
        return Err(BundleError::TooLarge);
    }
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let fd = rustix::fs::memfd_create(c"kiroclaw-bundle", flags).map_err(|errno| failed("memfd_create")(errno.into()))?;
    let mut file = std::fs::File::from(fd);
    file.write_all(&text).map_err(failed("write"))?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals).map_err(|errno| failed("fcntl(F_ADD_SEALS)")(errno.into()))?;
    Ok(file.into())
}

/// Reads what [`seal`] wrote, from its beginning, wherever the shared file offset stands.
///
/// # Errors
/// It is too large or not a `T`; the text of it stays out of the error, since it holds secrets.
pub fn open<T: DeserializeOwned>(fd: impl AsFd) -> Result<T, BundleError> {
    let mut text = vec![0; MAX_BUNDLE + 1];
    let mut length = 0;
    loop {
        let rest = text.get_mut(length..).unwrap_or_default();
        let offset = u64::try_from(length).map_err(|_| BundleError::TooLarge)?;
        match rustix::io::pread(&fd, rest, offset) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(BundleError::Io { operation: "pread", source: errno.into() }),
        }
    }
    if length > MAX_BUNDLE {
        return Err(BundleError::TooLarge);
    }
    serde_json::from_slice(&text[..length]).map_err(|_| BundleError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_reads_back_any_number_of_times_and_cannot_be_changed() {
        let fd = seal(&vec!["a", "b"]).unwrap();
        for _ in 0..2 {
            assert_eq!(open::<Vec<String>>(&fd).unwrap(), ["a", "b"]);
        }
        assert!(rustix::io::write(&fd, b"x").is_err());
        assert!(rustix::fs::ftruncate(&fd, 0).is_err());
    }

    #[test]
    fn an_unreadable_bundle_does_not_show_its_text() {
        let fd = seal(&"123:hidden").unwrap();
        let error = open::<u64>(&fd).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hidden"));
    }

    #[test]
    fn a_bundle_that_is_too_large_is_refused() {
        assert!(matches!(seal(&"x".repeat(MAX_BUNDLE)), Err(BundleError::TooLarge)));
    }
}

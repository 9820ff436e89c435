//! A copy of the store for a backup, beside the socket for as long as its client is connected.
//!
//! It is written in one go, while this process does nothing else: so it is the store of one moment. A store has a few megabytes at most, and
//! memory is not needed for it.

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::gateway::random_token;
use crate::store::{Store, StoreError};

/// What the names of copies begin with.
const PREFIX: &str = "snapshot-";

/// A copy; it is removed with this value.
#[derive(Debug)]
pub(super) struct Snapshot {
    path: PathBuf,
    name: String,
    records: u64,
}

impl Snapshot {
    /// Writes a copy into the directory.
    ///
    /// # Errors
    /// The disk is full, or failed.
    pub(super) fn make(store: &Store, directory: &Path) -> Result<Self, StoreError> {
        store.check_space()?;
        let name = format!("{PREFIX}{}", random_token());
        let path = directory.join(&name);
        let failed = |error: io::Error| StoreError::Failed(error.to_string());
        let file = File::options().write(true).create_new(true).mode(0o600).open(&path).map_err(failed)?;
        // From here on it is removed, whatever comes.
        let mut copy = Self { path, name, records: 0 };
        copy.records = store.export(&mut BufWriter::new(file))?;
        Ok(copy)
    }

    /// The file's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// How many records it has.
    pub(super) fn records(&self) -> u64 {
        self.records
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // What stays is removed at the next start.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes what a killed gateway left.
pub(super) fn remove_leftovers(directory: &Path) {
    for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_there_as_long_as_it_is_wanted_and_a_leftover_until_the_next_start() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        let copy = Snapshot::make(&store, directory.path()).unwrap();
        let path = directory.path().join(copy.name());
        assert!(path.metadata().unwrap().len() > 0);
        drop(copy);
        assert!(!path.exists());
        std::fs::write(&path, "").unwrap();
        std::fs::write(directory.path().join("chat.sock"), "").unwrap();
        remove_leftovers(directory.path());
        assert!(!path.exists() && directory.path().join("chat.sock").exists());
    }
}

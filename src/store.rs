//! What must outlive a crash: inbox, outbox, sessions, workspaces, people, granted hosts. The only module that knows sled.
//!
//! Writes are in memory and ordered at once; they are durable when [`Store::flush`] returns. One flush serves all who wait for it.
//! sled's own flush is `sync_file_range`, which survives a kill but no power cut; where that call answers `ENOSYS`, as it does under the
//! gateway's filter, sled falls back to `fsync` (sled 0.34, `src/pagecache/parallel_io_unix.rs`).

mod check;
mod flush;
mod hosts;
mod inbox;
mod moved;
mod outbox;
mod record;
mod sessions;
mod shown;
mod snapshot;
mod users;

use std::path::{Path, PathBuf};

pub use hosts::{ALWAYS, HostAnswer, HostRecord};
pub use inbox::{Entry, EntryId, Phase};
pub use outbox::OutboxId;
pub use sessions::{Conversation, LastUsage, SessionKey, SessionRecord, WorkspaceRecord};
pub use shown::Shown;
pub use users::{Notifications, UserRecord, Verbosity};

use flush::Flusher;

/// The layout's version. A store of a newer version is not opened.
const SCHEMA: u64 = 1;

/// Where the version stands.
const SCHEMA_KEY: &str = "schema";

/// Where the number stands from which a restored store goes on counting.
const BASE_KEY: &str = "base";

/// sled's cache, in bytes. The working set is a few hundred records; 5,000 records fitted into 1 MiB without a miss that showed.
const CACHE: u64 = 1024 * 1024;

/// Free disk space below which nothing new is taken in, in bytes: room for sled to rewrite its segments and for the answers of running turns.
pub const RESERVE: u64 = 32 * 1024 * 1024;

/// Why the store cannot do what it was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("the store {0} is in use by another process; stop that one first")]
    Locked(PathBuf),
    /// Its files are damaged. Nothing was written.
    #[error("the store {path} is damaged ({detail}); nothing was changed. Restore a backup, or move the directory away to start anew")]
    Damaged {
        /// Where it is.
        path: PathBuf,
        /// What sled found.
        detail: String,
    },
    /// It was written by a newer kiroclaw.
    #[error("the store {path} has version {found}, this kiroclaw knows versions up to {SCHEMA}; use the newer kiroclaw")]
    Newer {
        /// Where it is.
        path: PathBuf,
        /// Its version.
        found: u64,
    },
    /// Too little disk space to take in anything.
    #[error("the disk is full: less than {} MiB are free for the store", RESERVE / 1024 / 1024)]
    Full,
    /// A record belongs to another user.
    #[error("this session belongs to another user")]
    NotOwner,
    /// What it is to be made of is no export of a store.
    #[error("the copy of the store is damaged: {0}")]
    Foreign(&'static str),
    /// The disk or sled failed.
    #[error("the store failed: {0}")]
    Failed(String),
}

impl From<sled::Error> for StoreError {
    fn from(error: sled::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Failed(format!("a record cannot be read or written: {error}"))
    }
}

/// The store. Cheap to clone; all clones are one.
#[derive(Debug, Clone)]
pub struct Store {
    db: sled::Db,
    directory: PathBuf,
    inbox: sled::Tree,
    /// Events taken in, by channel and number; bounded by `seen_ring`.
    seen: sled::Tree,
    /// The last events in the order of their arrival, so that the oldest can be forgotten.
    seen_ring: sled::Tree,
    outbox: sled::Tree,
    sessions: sled::Tree,
    workspaces: sled::Tree,
    users: sled::Tree,
    hosts: sled::Tree,
    shown: sled::Tree,
    counters: sled::Tree,
    /// What is added to sled's own numbers.
    base: u64,
    flusher: Flusher,
}

impl Store {
    /// Opens the store in `directory`, making it if there is none.
    ///
    /// # Errors
    /// [`StoreError::Locked`], [`StoreError::Damaged`], [`StoreError::Newer`], [`StoreError::Failed`]; nothing is overwritten then.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        check::inspect(directory)?;
        let db = sled::Config::default()
            .path(directory)
            .cache_capacity(CACHE)
            .flush_every_ms(Some(1000))
            .open()
            .map_err(|error| open_error(directory, &error))?;
        check_schema(&db, directory)?;
        let tree = |name: &str| db.open_tree(name).map_err(|error| open_error(directory, &error));
        Ok(Self {
            inbox: tree("inbox")?,
            seen: tree("seen")?,
            seen_ring: tree("seen_ring")?,
            outbox: tree("outbox")?,
            sessions: tree("sessions")?,
            workspaces: tree("workspaces")?,
            users: tree("users")?,
            hosts: tree("hosts")?,
            shown: tree("shown")?,
            counters: tree("counters")?,
            base: db.get(BASE_KEY)?.as_deref().map_or(0, record::number),
            flusher: Flusher::start(db.clone())?,
            directory: directory.to_owned(),
            db,
        })
    }

    /// Closes the store in order: everything is durable, and the next opening knows its files by their checksum. All clones must be gone.
    ///
    /// # Errors
    /// The disk failed; the next opening then looks at the files more closely.
    pub fn close(self) -> Result<(), StoreError> {
        let directory = self.directory.clone();
        self.db.flush()?;
        drop(self);
        check::mark_closed(&directory)
    }

    /// Makes everything durable that was written before this call.
    ///
    /// # Errors
    /// The disk failed; what was written since the last flush may be lost at a power cut.
    pub async fn flush(&self) -> Result<(), StoreError> {
        self.flusher.flush().await
    }

    /// Whether there is disk space for more.
    ///
    /// # Errors
    /// [`StoreError::Full`] below the reserve.
    pub fn check_space(&self) -> Result<(), StoreError> {
        let disk = rustix::fs::statvfs(&self.directory).map_err(|error| StoreError::Failed(error.to_string()))?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE { Err(StoreError::Full) } else { Ok(()) }
    }

    /// Adds one to a counter and gives its new value.
    ///
    /// # Errors
    /// sled failed.
    pub fn count(&self, name: &str) -> Result<u64, StoreError> {
        let new = self.counters.update_and_fetch(name, |old| Some((old.map_or(0, record::number) + 1).to_be_bytes().to_vec()))?;
        Ok(new.as_deref().map_or(0, record::number))
    }

    /// The value of a counter.
    ///
    /// # Errors
    /// sled failed.
    pub fn counter(&self, name: &str) -> Result<u64, StoreError> {
        Ok(self.counters.get(name)?.as_deref().map_or(0, record::number))
    }

    fn next_id(&self) -> Result<u64, StoreError> {
        Ok(self.base.saturating_add(self.db.generate_id()?))
    }
}

fn open_error(directory: &Path, error: &sled::Error) -> StoreError {
    match error {
        sled::Error::Io(io) if io.kind() == std::io::ErrorKind::WouldBlock || io.to_string().contains("could not acquire lock") => {
            StoreError::Locked(directory.to_owned())
        }
        sled::Error::Corruption { .. } | sled::Error::Unsupported(_) | sled::Error::ReportableBug(_) => {
            StoreError::Damaged { path: directory.to_owned(), detail: error.to_string() }
        }
        sled::Error::Io(io) if io.kind() == std::io::ErrorKind::InvalidData => {
            StoreError::Damaged { path: directory.to_owned(), detail: error.to_string() }
        }
        _ => StoreError::Failed(format!("{}: {error}", directory.display())),
    }
}

fn check_schema(db: &sled::Db, directory: &Path) -> Result<(), StoreError> {
    match db.get(SCHEMA_KEY)?.as_deref().map(record::number) {
        None => {
            db.insert(SCHEMA_KEY, &SCHEMA.to_be_bytes())?;
            // A process that is killed before the first periodic flush must not leave a log without it: that would be taken for damage.
            db.flush()?;
            check::mark_durable(directory)
        }
        Some(found) if found > SCHEMA => Err(StoreError::Newer { path: directory.to_owned(), found }),
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests;

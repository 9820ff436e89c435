//! Whether the store's files are whole, found out without writing to them.
//!
//! sled 0.34 opens a damaged log by cutting it, down to an empty store. So its files are looked at first: a store that was closed in order
//! carries a checksum; any other is opened as a copy, and the copy has to show our schema and readable records.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::io::Errno;

use super::{StoreError, record};

/// The file with the checksum of a store that was closed in order.
const CLOSED: &str = "closed";

/// The file that says that this store was begun and never yet made durable: what its log holds by now is of no value.
const BEGUN: &str = "begun";

/// sled's log.
const LOG: &str = "db";

/// Where sled keeps large values, each in a file of its own.
const BLOBS: &str = "blobs";

/// Looks at the store in `directory`; on success the mark of the last orderly end is gone, since sled is about to write.
pub(super) fn inspect(directory: &Path) -> Result<(), StoreError> {
    let damaged = |detail: &str| StoreError::Damaged { path: directory.to_owned(), detail: detail.to_owned() };
    let mark = match std::fs::read_to_string(directory.join(CLOSED)) {
        Ok(mark) => Some(mark),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(directory, &error)),
    };
    let log = directory.join(LOG);
    let has_log = log.metadata().is_ok_and(|log| log.len() > 0);
    if has_log {
        check_unlocked(directory, &log)?;
    }
    match mark {
        None if !has_log => return begin(directory),
        None if directory.join(BEGUN).exists() => return Ok(()),
        Some(_) if !has_log => return Err(damaged("its log is missing")),
        Some(mark) if mark.trim() != checksum(directory)? => return Err(damaged("its files are not those that were closed")),
        Some(_) => {}
        None => try_copy(directory)?,
    }
    match std::fs::remove_file(directory.join(CLOSED)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(directory, &error)),
        // A backup may have left out a directory that was empty.
        _ => make_dirs(directory).map_err(|error| failed(directory, &error)),
    }
}

/// A store in use changes while it is looked at.
fn check_unlocked(directory: &Path, log: &Path) -> Result<(), StoreError> {
    let file = File::open(log).map_err(|error| failed(log, &error))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(StoreError::Locked(directory.to_owned())),
        Err(error) => Err(failed(log, &error.into())),
    }
}

fn begin(directory: &Path) -> Result<(), StoreError> {
    make_dirs(directory).and_then(|()| std::fs::write(directory.join(BEGUN), "")).map_err(|error| failed(directory, &error))
}

/// A directory for sled and the one in it for its blobs. sled finds both and makes none: the calls here are those that workspaces need too.
fn make_dirs(directory: &Path) -> io::Result<()> {
    for path in [directory, &directory.join(BLOBS)] {
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// The store is durable for the first time: from now on its log counts.
pub(super) fn mark_durable(directory: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(directory.join(BEGUN)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(failed(directory, &error)),
        _ => Ok(()),
    }
}

/// Marks the store as closed in order. Nobody may have it open.
pub(super) fn mark_closed(directory: &Path) -> Result<(), StoreError> {
    let log = File::open(directory.join(LOG)).map_err(|error| failed(directory, &error))?;
    // sled's threads hold the lock until their last write.
    rustix::fs::flock(&log, rustix::fs::FlockOperation::LockExclusive).map_err(|error| failed(directory, &error.into()))?;
    let sum = checksum(directory)?;
    std::fs::write(directory.join(CLOSED), sum).map_err(|error| failed(directory, &error))
}

fn try_copy(directory: &Path) -> Result<(), StoreError> {
    let copy = directory.join("check");
    let result = copy_files(directory, &copy).and_then(|()| read_all(&copy, directory));
    remove_copy(&copy);
    result
}

fn copy_files(directory: &Path, copy: &Path) -> Result<(), StoreError> {
    remove_copy(copy);
    make_dirs(copy).map_err(|error| failed(copy, &error))?;
    for file in sled_files(directory)? {
        let Ok(name) = file.strip_prefix(directory) else { continue };
        copy_file(&file, &copy.join(name)).map_err(|error| failed(&file, &error))?;
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    io::copy(&mut File::open(from)?, &mut File::create(to)?).map(drop)
}

/// What cannot be removed is overwritten by the next check.
fn remove_copy(copy: &Path) {
    for file in sled_files(copy).unwrap_or_default() {
        let _ = std::fs::remove_file(file);
    }
    for directory in [&copy.join(BLOBS), copy] {
        let _ = rustix::fs::rmdir(directory);
    }
}

/// Opens the copy as the store would be, and reads every record of it.
fn read_all(copy: &Path, directory: &Path) -> Result<(), StoreError> {
    let damaged = |detail: String| StoreError::Damaged { path: directory.to_owned(), detail };
    let db = sled::Config::default().path(copy).flush_every_ms(None).open().map_err(|error| damaged(error.to_string()))?;
    if db.get(super::SCHEMA_KEY).map_err(|error| damaged(error.to_string()))?.is_none() {
        return Err(damaged("its log begins with something else than a store".to_owned()));
    }
    for name in ["inbox", "outbox", "sessions", "workspaces"] {
        let tree = db.open_tree(name).map_err(|error| damaged(error.to_string()))?;
        for pair in &tree {
            let (_, value) = pair.map_err(|error| damaged(error.to_string()))?;
            record::decode::<serde::de::IgnoredAny>(&value).map_err(|error| damaged(format!("in {name}: {error}")))?;
        }
    }
    Ok(())
}

/// sled's own files: `conf`, `db`, the snapshots, and a file for each value of more than 128 KiB, such as a long paste or answer.
fn sled_files(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let name_of = |path: &Path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
    let is_ours = |path: &PathBuf| name_of(path).is_some_and(|name| name == LOG || name == "conf" || name.starts_with("snap."));
    let mut files: Vec<PathBuf> = list(directory)?.into_iter().filter(is_ours).collect();
    let blobs = directory.join(BLOBS);
    if blobs.exists() {
        files.extend(list(&blobs)?);
    }
    files.sort();
    Ok(files)
}

fn list(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = std::fs::read_dir(directory).map_err(|error| failed(directory, &error))?;
    Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect())
}

fn checksum(directory: &Path) -> Result<String, StoreError> {
    let mut sum = crc32fast::Hasher::new();
    let mut bytes = 0;
    let mut buffer = vec![0; 64 * 1024];
    for path in sled_files(directory)? {
        let mut file = File::open(&path).map_err(|error| failed(&path, &error))?;
        loop {
            let read = file.read(&mut buffer).map_err(|error| failed(&path, &error))?;
            if read == 0 {
                break;
            }
            sum.update(&buffer[..read]);
            bytes += read;
        }
    }
    Ok(format!("crc32 {:08x} of {bytes} bytes", sum.finalize()))
}

fn failed(path: &Path, error: &std::io::Error) -> StoreError {
    StoreError::Failed(format!("{}: {error}", path.display()))
}

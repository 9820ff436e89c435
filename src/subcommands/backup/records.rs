//! The store's records: from the gateway that runs, or from the store of one that does not.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::OFlags;

use super::{BackupError, io_error};
use crate::channel::local::{FromClient, ToClient, VERSION, connect};
use crate::config::Config;
use crate::store::Store;
use crate::warden::ground::Ground;

/// Time for the gateway to copy its store.
const PATIENCE: Duration = Duration::from_secs(120);

/// Longest answer, in bytes: a file's name or a sentence.
const ANSWER: u64 = 64 * 1024;

/// The records, in a file that has no name any more or soon has none.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) file: File,
    pub(super) length: u64,
    pub(super) count: u64,
}

impl Records {
    /// An export begins and ends with its numbers; the last is how many records there are.
    fn of(mut file: File) -> Result<Self, BackupError> {
        let failed = || io_error("the copy of the store");
        let length = file.seek(io::SeekFrom::End(0)).map_err(failed())?;
        let mut count = [0; 8];
        file.seek(io::SeekFrom::End(-8)).and_then(|_| file.read_exact(&mut count)).map_err(failed())?;
        Ok(Self { file, length, count: u64::from_be_bytes(count) })
    }
}

/// Copies them. Where no gateway runs, none can start while this does it.
///
/// # Errors
/// The gateway refuses, or the store cannot be read.
pub(super) fn copy(config: &Config) -> Result<Records, BackupError> {
    let socket = config.chat_socket();
    let (stream, key) = match connect(&socket) {
        Ok(connected) => connected,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => return of_stopped(config),
        Err(error) => return Err(io_error(&socket.display().to_string())(error)),
    };
    let failed = || io_error("the gateway's socket");
    stream.set_read_timeout(Some(PATIENCE)).map_err(failed())?;
    let mut line = serde_json::to_vec(&FromClient::Snapshot { version: VERSION, key }).map_err(|error| failed()(error.into()))?;
    line.push(b'\n');
    (&stream).write_all(&line).map_err(failed())?;
    let mut answer = Vec::new();
    BufReader::new(&stream).take(ANSWER).read_until(b'\n', &mut answer).map_err(failed())?;
    match serde_json::from_slice(&answer) {
        Ok(ToClient::Snapshot { file }) => Records::of(open(&config.run_dir(), &file).map_err(failed())?),
        Ok(ToClient::Refused { why }) => Err(BackupError::Refused(why)),
        _ => Err(BackupError::Strange),
    }
}

/// A file beside the socket.
fn open(directory: &Path, name: &str) -> io::Result<File> {
    if name.contains('/') {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    File::options().read(true).custom_flags(no_follow).open(directory.join(name))
}

fn of_stopped(config: &Config) -> Result<Records, BackupError> {
    let _ground = Ground::take(config)?;
    let store = Store::open(&config.store_dir())?;
    store.check_space()?;
    let path = config.run_dir().join(format!("backup-{}", std::process::id()));
    let failed = || io_error("the copy of the store");
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path).map_err(failed())?;
    std::fs::remove_file(&path).map_err(failed())?;
    store.export(&mut BufWriter::new(&file))?;
    store.close()?;
    Records::of(file)
}

//! An appliance to talk to: the one that runs, else one of our own.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::fs::OFlags;

use crate::channel::local::{Key, connect};
use crate::config::{Config, Secrets};
use crate::subcommands::run::{self, StartError};

use crate::subcommands::text::clean;

/// Bytes of the log's end that are shown when the appliance does not start.
const LAST_WORDS: u64 = 2048;

/// Why there is none.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApplianceError {
    /// The running one cannot be reached.
    #[error("the gateway's socket {path} cannot be reached: {source}; chat as the user that runs the gateway", path = path.display())]
    Socket {
        /// The socket.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The log of our own cannot be made.
    #[error("the log {path} cannot be written: {source}", path = path.display())]
    Log {
        /// The log.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Our own does not start.
    #[error("{source}\n{words}(the whole log is {log})", log = log.display())]
    Start {
        /// Why.
        source: StartError,
        /// The last lines of the log.
        words: String,
        /// The log.
        log: PathBuf,
    },
}

/// An appliance that lives as long as this value.
#[derive(Debug)]
pub(super) struct Appliance {
    _attached: run::Attached,
}

/// Connects to the running gateway, or starts an appliance and connects to that.
///
/// # Errors
/// There is a gateway that cannot be reached, or none and none can be started.
pub(super) fn reach(config: &Config, secrets: Secrets) -> Result<(UnixStream, Key, Option<Appliance>), ApplianceError> {
    let path = config.chat_socket();
    match connect(&path) {
        Ok((stream, key)) => return Ok((stream, key, None)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => {}
        Err(source) => return Err(ApplianceError::Socket { path, source }),
    }
    let appliance = start(config, secrets)?;
    let (stream, key) = connect(&path).map_err(|source| ApplianceError::Socket { path, source })?;
    Ok((stream, key, Some(appliance)))
}

fn start(config: &Config, secrets: Secrets) -> Result<Appliance, ApplianceError> {
    let path = config.run_dir().join("chat.log");
    let log = open_log(&path).and_then(|log| Ok((log.try_clone()?, log)));
    let (mut log, for_appliance) = log.map_err(|source| ApplianceError::Log { path: path.clone(), source })?;
    match run::start_attached(config.clone(), secrets, Stdio::from(for_appliance)) {
        Ok(attached) => Ok(Appliance { _attached: attached }),
        Err(source) => Err(ApplianceError::Start { source, words: last_words(&mut log).unwrap_or_default(), log: path }),
    }
}

/// A private file, empty; a link in its place is not followed.
fn open_log(path: &Path) -> io::Result<File> {
    if let Some(directory) = path.parent() {
        // As the warden makes it; it checks whose it is.
        DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    }
    let no_follow = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).custom_flags(no_follow).open(path)
}

/// The end of the log, each line set in.
fn last_words(log: &mut File) -> io::Result<String> {
    let length = log.seek(SeekFrom::End(0))?;
    let begin = length.saturating_sub(LAST_WORDS);
    log.seek(SeekFrom::Start(begin))?;
    let mut bytes = Vec::new();
    log.take(LAST_WORDS).read_to_end(&mut bytes)?;
    let text = clean(&String::from_utf8_lossy(&bytes));
    // The first line may have been cut.
    let lines = text.lines().skip(usize::from(begin > 0));
    Ok(lines.map(|line| format!("  {line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::{MetadataExt, symlink};

    #[test]
    fn the_log_is_private_empty_and_no_link() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state/run/chat.log");
        open_log(&path).unwrap().write_all(b"old").unwrap();
        assert_eq!(open_log(&path).unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        assert_eq!(path.metadata().unwrap().len(), 0);
        assert_eq!(path.parent().unwrap().metadata().unwrap().mode() & 0o777, 0o700);
        let link = directory.path().join("link");
        symlink(&path, &link).unwrap();
        open_log(&link).unwrap_err();
    }

    #[test]
    fn the_end_of_the_log_is_shown_in_whole_lines() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = open_log(&directory.path().join("log")).unwrap();
        assert_eq!(last_words(&mut log).unwrap(), "");
        log.write_all("first\n\x1b[2Jsecond\n".as_bytes()).unwrap();
        assert_eq!(last_words(&mut log).unwrap(), "  first\n  ␛[2Jsecond\n");
        log.write_all("long line\n".repeat(1000).as_bytes()).unwrap();
        let words = last_words(&mut log).unwrap();
        assert!(words.len() < 4096 && words.lines().all(|line| line == "  long line"));
    }
}

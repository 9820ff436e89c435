//! The demo agent's sessions, one file each, so that they come back after a restart.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Messages kept of one session: enough to recognise it by.
const MESSAGES: usize = 100;

/// Longest text kept of one message, in characters.
const TEXT: usize = 4000;

/// Session files kept; the oldest go first. A person has some dozens of threads.
const FILES: usize = 500;

/// Largest session file that is read, in bytes: what fits into it by the bounds above, in UTF-8 and escaped.
const FILE: u64 = 8 * 1024 * 1024;

/// Why sessions cannot be kept or found.
#[derive(Debug, thiserror::Error)]
pub(super) enum HistoryError {
    /// A file operation failed.
    #[error("{} cannot be {doing}: {why}", path.display())]
    Io { doing: &'static str, path: PathBuf, why: std::io::Error },
    /// The file is not as the agent wrote it.
    #[error("{} is not a session of the demo agent; remove it", path.display())]
    Corrupt { path: PathBuf },
    /// There is no such session.
    #[error("there is no session of that id")]
    Unknown,
}

/// One session's memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct History {
    pub(super) id: String,
    /// How many prompts it has had.
    pub(super) prompts: u64,
    pub(super) messages: Vec<Message>,
}

/// One side of a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) by_person: bool,
    pub(super) text: String,
}

impl History {
    /// Remembers a message, shortened; the oldest give way.
    pub(super) fn remember(&mut self, by_person: bool, text: &str) {
        if self.messages.len() >= MESSAGES {
            self.messages.remove(0);
        }
        self.messages.push(Message { by_person, text: text.chars().take(TEXT).collect() });
    }
}

/// All sessions of one home.
#[derive(Debug)]
pub(super) struct Histories {
    directory: PathBuf,
}

impl Histories {
    /// Opens `HOME/.demo-agent`, made where it is missing.
    pub(super) fn open(home: &Path) -> Result<Self, HistoryError> {
        let directory = home.join(".demo-agent");
        fs::create_dir_all(&directory).map_err(|why| HistoryError::Io { doing: "made", path: directory.clone(), why })?;
        Ok(Self { directory })
    }

    /// A new session with an id of its own.
    pub(super) fn create(&self) -> Result<History, HistoryError> {
        let mut random = [0; 8];
        let io = |why: rustix::io::Errno| HistoryError::Io { doing: "read", path: "/dev/urandom".into(), why: why.into() };
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).map_err(io)?;
        let history = History { id: format!("demo-{:016x}", u64::from_ne_bytes(random)), prompts: 0, messages: Vec::new() };
        self.prune()?;
        self.save(&history)?;
        Ok(history)
    }

    /// An earlier session.
    pub(super) fn load(&self, id: &str) -> Result<History, HistoryError> {
        let path = self.path(id).ok_or(HistoryError::Unknown)?;
        let read = |why| HistoryError::Io { doing: "read", path: path.clone(), why };
        let size = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(HistoryError::Unknown),
            Err(error) => return Err(read(error)),
        };
        let corrupt = || HistoryError::Corrupt { path: path.clone() };
        if size > FILE {
            return Err(corrupt());
        }
        serde_json::from_slice(&fs::read(&path).map_err(read)?).map_err(|_| corrupt())
    }

    /// Writes a session, whole or not at all.
    pub(super) fn save(&self, history: &History) -> Result<(), HistoryError> {
        let path = self.path(&history.id).ok_or(HistoryError::Unknown)?;
        let unfinished = path.with_extension("new");
        let written = (|| {
            let mut file = fs::File::create(&unfinished)?;
            file.write_all(&serde_json::to_vec(history)?)?;
            fs::rename(&unfinished, &path)
        })();
        written.map_err(|why| HistoryError::Io { doing: "written", path, why })
    }

    /// Ids come from outside and become names of files.
    fn path(&self, id: &str) -> Option<PathBuf> {
        let is_ours = id.strip_prefix("demo-").is_some_and(|hex| hex.len() == 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()));
        is_ours.then(|| self.directory.join(format!("{id}.json")))
    }

    fn prune(&self) -> Result<(), HistoryError> {
        let io = |why| HistoryError::Io { doing: "listed", path: self.directory.clone(), why };
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.directory).map_err(io)? {
            let entry = entry.map_err(io)?;
            files.push((entry.metadata().and_then(|metadata| metadata.modified()).map_err(io)?, entry.path()));
        }
        files.sort();
        let over = (files.len() + 1).saturating_sub(FILES);
        for (_, path) in files.into_iter().take(over) {
            fs::remove_file(&path).map_err(|why| HistoryError::Io { doing: "removed", path, why })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn histories() -> (tempfile::TempDir, Histories) {
        let home = tempfile::tempdir().unwrap();
        let histories = Histories::open(home.path()).unwrap();
        (home, histories)
    }

    #[test]
    fn a_session_comes_back_as_it_was() {
        let (home, histories) = histories();
        let mut history = histories.create().unwrap();
        history.prompts = 3;
        history.remember(true, "hello");
        histories.save(&history).unwrap();
        assert_eq!(Histories::open(home.path()).unwrap().load(&history.id).unwrap(), history);
    }

    #[test]
    fn an_id_cannot_name_another_file() {
        let (_home, histories) = histories();
        for id in ["", "demo-", "../../etc/passwd", "demo-0123456789abcde/", "demo-../../../../../", "demo-0123456789abcdef"] {
            assert!(matches!(histories.load(id), Err(HistoryError::Unknown)), "{id}");
        }
    }

    #[test]
    fn a_session_and_their_number_are_bounded() {
        let (_home, histories) = histories();
        let mut history = histories.create().unwrap();
        for _ in 0..2 * MESSAGES {
            history.remember(true, &"é".repeat(2 * TEXT));
        }
        assert_eq!((history.messages.len(), history.messages[0].text.chars().count()), (MESSAGES, TEXT));
        for _ in 0..FILES + 3 {
            histories.create().unwrap();
        }
        assert_eq!(fs::read_dir(&histories.directory).unwrap().count(), FILES);
    }

    #[test]
    fn a_broken_file_is_named_and_left_alone() {
        let (_home, histories) = histories();
        let history = histories.create().unwrap();
        let path = histories.path(&history.id).unwrap();
        fs::write(&path, "{").unwrap();
        assert!(matches!(histories.load(&history.id), Err(HistoryError::Corrupt { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"{");
    }
}

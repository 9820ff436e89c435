//! Sessions on disk: `<id>.json` (what it is), `<id>.jsonl` (its history), `<id>.lock` (who holds it), and two files of
//! the stand-in's own for the tests: `prompts.log` (every prompt taken) and `wire.log` (every line received).

use std::cmp::Reverse;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::args::Engine;

/// The directory of the sessions.
#[derive(Debug, Clone)]
pub(crate) struct Sessions {
    dir: PathBuf,
}

/// One entry of a session's history.
pub(crate) struct Entry {
    pub(crate) role: String,
    pub(crate) text: String,
}

/// `KIRO_HOME` moves `.kiro` for v2; v3 knows `HOME` alone.
pub(crate) fn kiro_dir(engine: Engine) -> PathBuf {
    match (engine, std::env::var_os("KIRO_HOME")) {
        (Engine::V2, Some(dir)) => PathBuf::from(dir),
        _ => PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".kiro"),
    }
}

impl Sessions {
    pub(crate) fn open(engine: Engine) -> io::Result<Self> {
        let dir = kiro_dir(engine).join("sessions/cli");
        std::fs::create_dir_all(&dir)?;
        Ok(Self { dir })
    }

    fn path(&self, id: &str, suffix: &str) -> PathBuf {
        self.dir.join(format!("{id}.{suffix}"))
    }

    /// Ids become file names.
    pub(crate) fn is_name(id: &str) -> bool {
        !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    }

    pub(crate) fn exists(&self, id: &str) -> bool {
        self.path(id, "json").is_file()
    }

    pub(crate) fn create(&self, id: &str, cwd: &str) -> io::Result<()> {
        std::fs::write(self.path(id, "json"), json!({"session_id": id, "cwd": cwd}).to_string())?;
        self.append(&self.path(id, "jsonl"), "")
    }

    pub(crate) fn set_title(&self, id: &str, title: &str) {
        let _ = std::fs::write(self.path(id, "title"), title);
    }

    /// The title that was given, else the first prompt's first line.
    fn title(&self, id: &str) -> Option<String> {
        let first = || self.history(id).into_iter().find(|entry| entry.role == "user").map(|entry| entry.text);
        let title = std::fs::read_to_string(self.path(id, "title")).ok().or_else(first)?;
        title.lines().next().map(|line| line.chars().take(60).collect())
    }

    /// All sessions, or those of a directory, as `session/list` gives them: the newest first.
    pub(crate) fn list(&self, of: Option<&str>) -> io::Result<Vec<Value>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == "json") {
                let meta: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
                let (id, cwd) = (meta["session_id"].as_str().unwrap_or_default(), meta["cwd"].as_str().unwrap_or_default());
                if of.is_some_and(|of| of != cwd) {
                    continue;
                }
                let changed = std::fs::metadata(self.path(id, "jsonl"))?.modified()?;
                let listed = json!({"sessionId": id, "cwd": cwd, "title": self.title(id), "updatedAt": rfc3339(changed)});
                all.push((Reverse(changed), id.to_owned(), listed));
            }
        }
        all.sort_by(|(one, id, _), (other, other_id, _)| (one, id).cmp(&(other, other_id)));
        Ok(all.into_iter().map(|(_, _, listed)| listed).collect())
    }

    /// Takes the lock for this process. `Err` holds the pid of the holder, alive or not.
    pub(crate) fn lock(&self, id: &str) -> Result<(), i64> {
        let own = i64::from(rustix::process::getpid().as_raw_nonzero().get());
        let path = self.path(id, "lock");
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => write!(file, "{}", json!({"pid": own})).map_err(|_| 0),
            Err(_) => match std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice::<Value>(&bytes).ok()) {
                Some(held) if held["pid"] == own => Ok(()),
                held => Err(held.and_then(|held| held["pid"].as_i64()).unwrap_or(0)),
            },
        }
    }

    pub(crate) fn unlock(&self, id: &str) {
        let _ = std::fs::remove_file(self.path(id, "lock"));
    }

    pub(crate) fn remember(&self, id: &str, role: &str, text: &str) -> io::Result<()> {
        self.append(&self.path(id, "jsonl"), &format!("{}\n", json!({"role": role, "text": text})))
    }

    pub(crate) fn history(&self, id: &str) -> Vec<Entry> {
        let text = std::fs::read_to_string(self.path(id, "jsonl")).unwrap_or_default();
        text.lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .map(|entry| Entry {
                role: entry["role"].as_str().unwrap_or_default().to_owned(),
                text: entry["text"].as_str().unwrap_or_default().to_owned(),
            })
            .collect()
    }

    /// Notes a prompt, so that a test can prove that none came twice.
    pub(crate) fn log_prompt(&self, id: &str, text: &str) -> io::Result<()> {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        self.append(&self.dir.join("prompts.log"), &format!("{}\n", json!({"session": id, "pid": pid, "text": text})))
    }

    /// The file that takes every line received, for the tests to hold against the schema.
    pub(crate) fn wire_log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(self.dir.join("wire.log"))
    }

    fn append(&self, path: &PathBuf, text: &str) -> io::Result<()> {
        OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
    }
}

/// A time as `2026-01-31T12:00:00.000Z`, by counting the years and months up to it.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (mut days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let is_leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let mut year = 1970;
    while days >= 365 + u64::from(is_leap(year)) {
        days -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let mut month = 1;
    for length in [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if days < length {
            break;
        }
        days -= length;
        month += 1;
    }
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", days + 1, since.subsec_millis())
}

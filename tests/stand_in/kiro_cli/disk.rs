//! Sessions on disk: `<id>.json` (what it is), `<id>.jsonl` (its history), `<id>.lock` (who holds it), and two files of
//! the stand-in's own for the tests: `prompts.log` (every prompt taken) and `wire.log` (every line received).

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

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

    /// All sessions with their directories.
    pub(crate) fn list(&self) -> io::Result<Vec<(String, String)>> {
        let mut all = Vec::new();
        for entry in std::fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|suffix| suffix == "json") {
                let meta: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
                let text = |key: &str| meta[key].as_str().unwrap_or_default().to_owned();
                all.push((text("session_id"), text("cwd")));
            }
        }
        all.sort();
        Ok(all)
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

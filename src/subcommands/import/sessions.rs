//! The Python bot's conversations, out of its SQLite database.
//!
//! A reader of that format would be larger than all of this program's own; so a program of this machine reads it, which also knows of what
//! is in its journal and not yet in the database. What comes back is checked like anybody's words.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde::Deserialize;

use crate::config::PROGRAM_PATH;
use crate::model::AcpSessionId;
use crate::subcommands::ask::ask;

/// Rows that are asked for at a time: their answer is short enough for [`ask`].
const PAGE: usize = 40;

/// Rows at most. Somebody with more has a database of something else.
const ROWS: usize = 100_000;

/// Time for a page.
const PATIENCE: Duration = Duration::from_secs(30);

/// The columns, in the database's words; `used` is in Unix seconds.
const QUERY: &str = "SELECT user_id AS user, thread_id AS thread, session_id AS session, workspace_path AS workspace, model, \
     CAST(strftime('%s', updated_at) AS INTEGER) AS used FROM sessions ORDER BY user_id, thread_id";

/// The same by Python, which has SQLite built in. The database is only read.
const PYTHON: &str = "import json, pathlib, sqlite3, sys\n\
     c = sqlite3.connect(pathlib.Path(sys.argv[1]).as_uri() + '?mode=ro', uri=True)\n\
     c.row_factory = sqlite3.Row\n\
     print(json.dumps([dict(r) for r in c.execute(sys.argv[2])]))";

/// A row as the programs print it.
#[derive(Debug, Deserialize)]
struct Raw {
    user: i64,
    thread: i64,
    session: String,
    workspace: String,
    model: Option<String>,
    used: Option<i64>,
}

/// A conversation.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Row {
    /// Whose, by Telegram's number.
    pub(super) user: i64,
    /// In which topic of their private chat.
    pub(super) topic: i64,
    /// The agent's id of it, which can name a file.
    pub(super) session: AcpSessionId,
    /// The model that was chosen.
    pub(super) model: Option<String>,
    /// Where its workspace was.
    pub(super) workspace: String,
    /// Unix seconds of its last turn.
    pub(super) used: u64,
}

/// All conversations of the database, and why others are not among them.
///
/// # Errors
/// No program can read it: one sentence.
pub(super) fn read(database: &Path) -> Result<(Vec<Row>, Vec<String>), String> {
    let (mut rows, mut notes) = (Vec::new(), Vec::new());
    for offset in (0..ROWS).step_by(PAGE) {
        let text = page(database, &format!("{QUERY} LIMIT {PAGE} OFFSET {offset}"))?;
        let count = take(&text, &mut rows, &mut notes)?;
        if count < PAGE {
            return Ok((rows, notes));
        }
    }
    Err(format!("{} has more than {ROWS} conversations", database.display()))
}

/// What a program answers; `sqlite3` prints nothing where there is nothing.
fn page(database: &Path, query: &str) -> Result<String, String> {
    let file = database.to_str().ok_or("the path of the database is no UTF-8")?;
    let sqlite: &[&str] = &["-readonly", "-json", "-bail", file, query];
    let python: &[&str] = &["-I", "-c", PYTHON, file, query];
    let mut found = false;
    for (name, arguments) in [("sqlite3", sqlite), ("python3", python)] {
        for program in PROGRAM_PATH.iter().map(|directory| Path::new(directory).join(name)).filter(|program| program.is_file()) {
            found = true;
            if let Ok(answer) = ask(&program, arguments, None, Stdio::null(), PATIENCE)
                && answer.status.success()
            {
                return Ok(answer.text);
            }
        }
    }
    let file = database.display();
    Err(if found {
        format!("neither sqlite3 nor python3 can read the conversations in {file}: is it the bot's database?")
    } else {
        format!("{file} is read by sqlite3 or python3, and neither is installed (Debian: apt install sqlite3)")
    })
}

/// Takes a page; gives how many rows it had.
fn take(text: &str, rows: &mut Vec<Row>, notes: &mut Vec<String>) -> Result<usize, String> {
    let text = if text.trim().is_empty() { "[]" } else { text };
    let raw: Vec<Raw> = serde_json::from_str(text).map_err(|error| format!("the conversations cannot be understood: {error}"))?;
    let count = raw.len();
    for raw in raw {
        let (user, thread) = (raw.user, raw.thread);
        match check(raw) {
            Ok(row) => rows.push(row),
            Err(why) => notes.push(format!("the conversation of user {user} in topic {thread} is not taken over: {why}")),
        }
    }
    Ok(count)
}

/// A row that can be ours. Its session's id may carry its owner, who then has to be this one.
fn check(raw: Raw) -> Result<Row, &'static str> {
    if raw.user <= 0 || raw.thread <= 0 {
        return Err("its numbers are none of a user and a topic");
    }
    let id = match raw.session.strip_prefix("user-") {
        Some(rest) => rest.strip_prefix(&format!("{}-", raw.user)).ok_or("its session belongs to another user")?,
        None => &raw.session,
    };
    let is_name = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    let session = Some(id).filter(|_| is_name).and_then(|id| id.parse().ok()).ok_or("its session's id is none")?;
    let model = raw.model.filter(|model| model != "auto" && !model.is_empty() && model.len() < 200 && !model.chars().any(char::is_control));
    Ok(Row {
        user: raw.user,
        topic: raw.thread,
        session,
        model,
        workspace: raw.workspace,
        used: raw.used.unwrap_or(0).max(0).unsigned_abs(),
    })
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use proptest::prelude::*;

    use super::*;

    const SCHEMA: &str = "CREATE TABLE sessions (user_id INTEGER NOT NULL, thread_id INTEGER NOT NULL, session_id TEXT NOT NULL, \
        workspace_path TEXT NOT NULL, model TEXT NOT NULL DEFAULT 'auto', created_at TEXT NOT NULL, updated_at TEXT NOT NULL, \
        PRIMARY KEY (user_id, thread_id));";

    fn taken(text: &str) -> (Vec<Row>, Vec<String>) {
        let (mut rows, mut notes) = (Vec::new(), Vec::new());
        take(text, &mut rows, &mut notes).unwrap();
        (rows, notes)
    }

    #[test]
    fn a_database_is_read_with_what_is_still_in_its_journal() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("tg-acp.db");
        let rows: String = (1..=90)
            .map(|n| format!("INSERT INTO sessions VALUES (7, {n}, 'sess_{n}', '/w/7/{n}', 'auto', '', '2026-02-01T10:00:00.5+00:00');"))
            .collect();
        // It ends without closing the database, so that its journal stays.
        let script = "import os, sqlite3, sys\nc = sqlite3.connect(sys.argv[1])\nc.execute('PRAGMA journal_mode=WAL')\n\
            c.executescript(sys.argv[2])\nos._exit(0)";
        let made = Command::new("python3").args(["-c", script, database.to_str().unwrap(), &format!("{SCHEMA}{rows}")]).status();
        if !made.is_ok_and(|made| made.success()) {
            eprintln!("skipped: there is no python3 with SQLite here");
            return;
        }
        assert!(directory.path().join("tg-acp.db-wal").metadata().unwrap().len() > 0, "it is in the journal");
        let (rows, notes) = read(&database).unwrap();
        assert_eq!((rows.len(), notes.len()), (90, 0));
        assert_eq!(
            rows[0],
            Row { user: 7, topic: 1, session: "sess_1".parse().unwrap(), model: None, workspace: "/w/7/1".to_owned(), used: 1_769_940_000 }
        );
        let other = directory.path().join("other.db");
        std::fs::write(&other, "no database").unwrap();
        assert!(read(&other).unwrap_err().contains("is it the bot's database"));
    }

    #[test]
    fn a_session_is_taken_only_for_its_owner_and_only_by_a_name_that_leads_nowhere() {
        let row = |user: i64, session: &str| {
            format!(r#"{{"user":{user},"thread":5,"session":{session:?},"workspace":"/w","model":"m","used":null}}"#)
        };
        let all =
            [row(7, "user-7-sess_a"), row(7, "user-8-sess_b"), row(7, "../../x"), row(-7, "sess_c"), row(7, ""), row(7, "user-77-sess_d")];
        let (rows, notes) = taken(&format!("[{}]", all.join(",")));
        assert_eq!(rows.iter().map(|row| row.session.as_str()).collect::<Vec<_>>(), ["sess_a"]);
        assert_eq!(notes.len(), 5);
        assert!(notes[0].contains("another user"), "{notes:?}");
        assert_eq!(taken("\n").0.len(), 0);
        assert!(take("{}", &mut Vec::new(), &mut Vec::new()).is_err());
    }

    proptest! {
        #[test]
        fn whatever_is_in_it_what_is_taken_has_an_owner_and_a_harmless_name(user in any::<i64>(), thread in any::<i64>(), session in "(user-[0-9-]{1,3})?.{0,12}") {
            let raw = Raw { user, thread, session, workspace: String::new(), model: None, used: Some(thread) };
            if let Ok(row) = check(raw) {
                prop_assert!(row.user > 0 && row.topic > 0);
                prop_assert!(!row.session.as_str().contains(['/', '.', '\0']));
            }
        }
    }
}

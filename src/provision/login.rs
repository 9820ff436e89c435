//! Kiro's login, copied from the service's own user into a home.
//!
//! The copy is the runtime's own from then on: kiro-cli renews what is in it. It is copied anew only when the source
//! changed, which a person does by logging in again. What was copied last is noted outside the agent's reach.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use super::ProvisionError;
use crate::beneath::Beneath;

/// Where kiro-cli keeps it below HOME.
const PLACE: &str = ".local/share/kiro-cli";

/// The database, and the journal that holds its newest pages (SQLite, "write-ahead logging").
const PARTS: [&str; 2] = ["data.sqlite3", "data.sqlite3-wal"];

/// The journal's index: of no use to another database, and wrong beside one.
const INDEX: &str = "data.sqlite3-shm";

/// Longest login taken, in bytes. It holds tokens, and the person's own chats where the service's user is a person.
const LENGTH: u64 = 64 * 1024 * 1024;

/// Copies the login `source` (its database) where it is missing in the home, or changed since it was copied last.
pub(super) fn copy(source: &Path, dir: &Beneath, home: &Beneath) -> Result<(), ProvisionError> {
    let Some(from) = source.parent().filter(|from| from.is_dir()) else {
        return Ok(());
    };
    let Some(state) = state(from) else {
        return Ok(());
    };
    let marker = Path::new("login");
    let place = Path::new(PLACE);
    let is_there = home.look(&place.join(PARTS[0]))?.is_some();
    if is_there && dir.read(marker, 1024)?.as_deref() == Some(state.as_bytes()) {
        return Ok(());
    }
    let from = Beneath::open(from)?;
    home.make_dirs(place)?;
    home.remove_file(&place.join(INDEX))?;
    // The journal goes first: a database beside a journal of another one would be spoilt by it.
    home.remove_file(&place.join(PARTS[1]))?;
    for part in PARTS {
        if let Some(content) = from.read(Path::new(part), LENGTH)? {
            home.write_atomically(&place.join(part), &content, 0o600)?;
        }
    }
    dir.write_atomically(marker, state.as_bytes(), 0o600)?;
    tracing::info!("kiro-cli's login was copied into the agent's home");
    Ok(())
}

/// What tells one login from the next: length and time of its parts. `None` where nobody is logged in.
fn state(dir: &Path) -> Option<String> {
    let part = |name: &str| {
        let metadata = dir.join(name).metadata().ok()?;
        Some(format!("{name} {} {}.{:09}\n", metadata.len(), metadata.mtime(), metadata.mtime_nsec()))
    };
    Some(part(PARTS[0])? + &part(PARTS[1]).unwrap_or_default())
}

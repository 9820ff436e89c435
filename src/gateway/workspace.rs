//! The directory of one session: made, registered, and looked over before an agent opens it.

use std::path::{Path, PathBuf};

use super::{Deps, clock};
use crate::beneath::{Beneath, BeneathError, Kind};
use crate::provision::{self, ProvisionError};
use crate::store::{SessionKey, StoreError, WorkspaceRecord};

/// Entries that are counted when a workspace is measured: what is beyond them makes the size a lower bound, not the measuring long.
const ENTRIES: usize = 20_000;

/// Why there is no workspace.
#[derive(Debug, thiserror::Error)]
pub(super) enum WorkspaceError {
    #[error("The workspace could not be made: {0}.")]
    Make(#[from] BeneathError),
    #[error("The workspace could not be looked over: {0}.")]
    LookOver(#[from] ProvisionError),
    #[error("The workspace could not be registered: {0}.")]
    Register(#[from] StoreError),
}

/// Where a session's workspace is or will be, below the workspaces. That of a chat that goes on under another number stays where it is.
fn place(key: &SessionKey, known: Option<&WorkspaceRecord>) -> PathBuf {
    known.map_or_else(|| PathBuf::from(key.user.dir_name()).join(key.thread.dir_name()), |known| PathBuf::from(&known.path))
}

/// Where a session's workspace is or will be, absolute.
pub(super) fn path(deps: &Deps, key: &SessionKey) -> Result<PathBuf, StoreError> {
    Ok(deps.config.workspaces.join(place(key, deps.store.workspace(&key.user, &key.thread)?.as_ref())))
}

/// The session's workspace as it is; `None` before its first turn.
pub(super) fn open(deps: &Deps, key: &SessionKey) -> Result<Option<Beneath>, WorkspaceError> {
    let Some(record) = deps.store.workspace(&key.user, &key.thread)? else { return Ok(None) };
    Ok(Some(Beneath::open(&deps.config.workspaces)?.descend(Path::new(&record.path))?))
}

/// The session's workspace, absolute. Nothing in it can pose as the agent's own configuration.
pub(super) fn prepare(deps: &Deps, key: &SessionKey) -> Result<PathBuf, WorkspaceError> {
    let known = deps.store.workspace(&key.user, &key.thread)?;
    let relative = place(key, known.as_ref());
    let path = deps.config.workspaces.join(&relative);
    Beneath::open(&deps.config.workspaces)?.make_dirs(&relative)?;
    if let Some(aside) = provision::set_aside_planted(&path)? {
        tracing::warn!(user = %key.user, thread = %key.thread, aside, "an agent's configuration was found in a workspace and set aside");
    }
    let record = match known {
        Some(known) => WorkspaceRecord { last_used: clock::unix_now(), ..known },
        None => WorkspaceRecord {
            owner: key.user,
            thread: key.thread,
            path: relative.to_string_lossy().into_owned(),
            last_used: clock::unix_now(),
            size: 0,
        },
    };
    deps.store.put_workspace(&record)?;
    Ok(path)
}

/// Writes down how much a workspace takes on the disk.
pub(super) fn measure(deps: &Deps, key: &SessionKey) -> Result<(), WorkspaceError> {
    let Some(record) = deps.store.workspace(&key.user, &key.thread)? else { return Ok(()) };
    let size = size_of(&Beneath::open(&deps.config.workspaces)?.descend(Path::new(&record.path))?);
    Ok(deps.store.put_workspace(&WorkspaceRecord { size, ..record })?)
}

/// The bytes of all that can be seen. What vanishes or is refused while it is looked at is the agent's doing, and counts nothing.
fn size_of(workspace: &Beneath) -> u64 {
    let mut size = 0_u64;
    let mut left = ENTRIES;
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for name in workspace.list(&directory, left).ok().flatten().unwrap_or_default() {
            left = left.saturating_sub(1);
            let path = directory.join(name);
            let Ok(Some(entry)) = workspace.look(&path) else { continue };
            size = size.saturating_add(entry.size);
            if entry.kind == Kind::Directory {
                directories.push(path);
            }
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_workspace_is_measured_without_following_links() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("sub")).unwrap();
        std::fs::write(directory.path().join("sub/file"), vec![1; 100_000]).unwrap();
        std::os::unix::fs::symlink("/usr", directory.path().join("everything")).unwrap();
        let size = size_of(&Beneath::open(directory.path()).unwrap());
        assert!((100_000..1_000_000).contains(&size), "{size}");
    }
}

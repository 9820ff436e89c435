//! The directory of one session: made, registered, and looked over before an agent opens it.

use std::path::PathBuf;

use super::{Deps, clock};
use crate::beneath::{Beneath, BeneathError};
use crate::provision::{self, ProvisionError};
use crate::store::{SessionKey, StoreError, WorkspaceRecord};

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

/// The session's workspace, absolute. Nothing in it can pose as the agent's own configuration.
pub(super) fn prepare(deps: &Deps, key: &SessionKey) -> Result<PathBuf, WorkspaceError> {
    let relative = PathBuf::from(key.user.dir_name()).join(key.thread.dir_name());
    let path = deps.config.workspaces.join(&relative);
    Beneath::open(&deps.config.workspaces)?.make_dirs(&relative)?;
    if let Some(aside) = provision::set_aside_planted(&path)? {
        tracing::warn!(user = %key.user, thread = %key.thread, aside, "an agent's configuration was found in a workspace and set aside");
    }
    let record = match deps.store.workspace(&key.user, &key.thread)? {
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

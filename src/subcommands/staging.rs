//! A new state beside the empty one, until all of it is there and verified; then it takes that one's place.
//!
//! ```text
//! STATE_DIR/restoring/store, homes     WORKSPACE_BASE_PATH/.restoring     what is being made
//! STATE_DIR/restoring/moving           it is complete, and being moved; the store comes last
//! ```
//!
//! As long as `STATE_DIR/restoring` is there, nothing starts on this state. Whoever begins anew removes what was left: it is known to be a
//! restore's, since none begins but in an empty state.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::beneath::{Beneath, BeneathError};
use crate::config::Config;
use crate::warden::ground::{Ground, GroundError};

/// The directory of unfinished workspaces.
const WORKSPACES: &str = ".restoring";

/// That all is there.
const MOVING: &str = "restoring/moving";

/// Directories of users that are looked at; there are as many as people.
const USERS: usize = 65_536;

/// Entries that are removed at most; as many as a disk has.
const ENTRIES: usize = usize::MAX;

/// Why there is no new state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StagingError {
    /// The directories, or who else uses them.
    #[error(transparent)]
    Ground(#[from] GroundError),
    /// There is a state already.
    #[error("there is something already, and nothing is overwritten: {}; move it away first", .0.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "))]
    InTheWay(Vec<PathBuf>),
    /// The disk.
    #[error(transparent)]
    Beneath(#[from] BeneathError),
}

/// The new state; unless it is committed, dropping it removes it.
#[derive(Debug)]
pub(crate) struct Staging {
    state: Beneath,
    workspaces: Beneath,
    new_state: Beneath,
    new_workspaces: Beneath,
    path: PathBuf,
    done: bool,
    _ground: Ground,
}

impl Staging {
    /// Begins one, where the state is empty.
    ///
    /// # Errors
    /// [`StagingError`]; then nothing was changed but what an earlier restore had left.
    pub(crate) fn begin(config: &Config) -> Result<Self, StagingError> {
        let ground = Ground::take_unfinished(config)?;
        let (state, workspaces) = (Beneath::open(&config.state)?, Beneath::open(&config.workspaces)?);
        if state.look(Path::new(MOVING))?.is_some() {
            undo(&state, &workspaces)?;
        }
        clear(&state, &workspaces)?;
        let in_the_way = in_the_way(config, &state, &workspaces)?;
        if !in_the_way.is_empty() {
            return Err(StagingError::InTheWay(in_the_way));
        }
        state.make_dirs(Path::new("restoring/homes"))?;
        workspaces.make_dirs(Path::new(WORKSPACES))?;
        let new_state = state.descend(Path::new("restoring"))?;
        let new_workspaces = workspaces.descend(Path::new(WORKSPACES))?;
        Ok(Self { state, workspaces, new_state, new_workspaces, path: config.restoring_dir(), done: false, _ground: ground })
    }

    /// The new STATE_DIR; `homes` is in it.
    pub(crate) fn new_state(&self) -> &Beneath {
        &self.new_state
    }

    /// The new WORKSPACE_BASE_PATH.
    pub(crate) fn new_workspaces(&self) -> &Beneath {
        &self.new_workspaces
    }

    /// A path in the new STATE_DIR.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Puts the new state, whose store is there and closed, into its place. Interrupted, it leaves one that does not start, and that the
    /// next restore begins anew.
    ///
    /// # Errors
    /// The disk.
    pub(crate) fn commit(mut self) -> Result<(), StagingError> {
        self.state.sync()?;
        self.workspaces.sync()?;
        self.new_state.write_atomically(Path::new("moving"), b"", 0o600)?;
        self.state.sync()?;
        // From here on, dropping this must not take away what is in place.
        self.done = true;
        for name in users(&self.new_workspaces, Path::new(""))? {
            self.workspaces.rename(&Path::new(WORKSPACES).join(&name), Path::new(&name))?;
        }
        for name in users(&self.new_state, Path::new("homes"))? {
            self.state.rename(&Path::new("restoring/homes").join(&name), &Path::new("homes").join(&name))?;
        }
        self.state.remove_tree(Path::new("store"), ENTRIES)?;
        self.state.rename(Path::new("restoring/store"), Path::new("store"))?;
        self.state.sync()?;
        self.workspaces.sync()?;
        clear(&self.state, &self.workspaces)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.done {
            // What stays, the next restore removes.
            let _ = clear(&self.state, &self.workspaces);
        }
    }
}

fn users(of: &Beneath, path: &Path) -> Result<Vec<OsString>, BeneathError> {
    Ok(of.list(path, USERS)?.unwrap_or_default())
}

/// Removes what was not moved; the mark that it was being moved goes last.
fn clear(state: &Beneath, workspaces: &Beneath) -> Result<(), StagingError> {
    workspaces.remove_tree(Path::new(WORKSPACES), ENTRIES)?;
    for part in ["restoring/homes", "restoring/store"] {
        state.remove_tree(Path::new(part), ENTRIES)?;
    }
    state.remove_tree(Path::new("restoring"), ENTRIES)?;
    Ok(())
}

/// Removes what was moved already.
fn undo(state: &Beneath, workspaces: &Beneath) -> Result<(), StagingError> {
    for name in users(workspaces, Path::new(""))? {
        workspaces.remove_tree(Path::new(&name), ENTRIES)?;
    }
    for name in users(state, Path::new("homes"))? {
        state.remove_tree(&Path::new("homes").join(name), ENTRIES)?;
    }
    state.remove_tree(Path::new("store"), ENTRIES)?;
    Ok(state.make_dirs(Path::new("store"))?)
}

/// What would be overwritten: one path for each place that is not empty.
fn in_the_way(config: &Config, state: &Beneath, workspaces: &Beneath) -> Result<Vec<PathBuf>, BeneathError> {
    let mut found = Vec::new();
    let places = [(state, "store", config.store_dir()), (state, "homes", config.homes_dir()), (state, "incoming", config.incoming_dir())];
    for (root, name, path) in places.into_iter().chain([(workspaces, "", config.workspaces.clone())]) {
        if root.list_some(Path::new(name), 1)?.is_some_and(|names| !names.is_empty()) {
            found.push(path);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;
    use crate::config::{Sources, load};
    use crate::store::Store;

    fn config(below: &Path) -> Config {
        let environment = BTreeMap::from([("AGENT_COMMAND".to_owned(), "/bin/true".to_owned())]);
        load(&Sources { environment, directory: below.to_path_buf() }).unwrap().0
    }

    /// A new state with a store, a home and a workspace.
    fn filled(config: &Config) -> Staging {
        let staging = Staging::begin(config).unwrap();
        Store::open(&staging.path("store")).unwrap().close().unwrap();
        staging.new_state().make_dirs(Path::new("homes/telegram-1/kiro/home")).unwrap();
        staging.new_workspaces().make_dirs(Path::new("telegram-1/1.0")).unwrap();
        staging
    }

    #[test]
    fn a_new_state_takes_its_place_whole_and_nothing_is_left_beside_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        filled(&config).commit().unwrap();
        assert!(config.workspaces.join("telegram-1/1.0").is_dir() && config.homes_dir().join("telegram-1/kiro/home").is_dir());
        assert!(!config.restoring_dir().exists() && !config.workspaces.join(WORKSPACES).exists());
        let _ground = Ground::take(&config).unwrap();
        Store::open(&config.store_dir()).unwrap();
    }

    #[test]
    fn a_state_that_is_not_empty_is_named_and_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        filled(&config).commit().unwrap();
        let error = Staging::begin(&config).unwrap_err().to_string();
        for path in [config.store_dir(), config.homes_dir(), config.workspaces.clone()] {
            assert!(error.contains(path.to_str().unwrap()), "{error}");
        }
        assert!(!error.contains("incoming") && config.workspaces.join("telegram-1/1.0").is_dir());
    }

    #[test]
    fn what_is_given_up_is_gone() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        drop(filled(&config));
        Ground::take(&config).unwrap();
        assert_eq!(fs::read_dir(&config.workspaces).unwrap().count(), 0);
    }

    #[test]
    fn whatever_step_a_move_was_interrupted_at_nothing_starts_and_the_next_restore_begins_anew() {
        for moved in 0..3 {
            let directory = tempfile::tempdir().unwrap();
            let config = config(directory.path());
            let mut staging = filled(&config);
            // As a kill leaves it.
            staging.done = true;
            drop(staging);
            fs::write(config.state.join(MOVING), "").unwrap();
            let moves = [
                (config.workspaces.join(".restoring/telegram-1"), config.workspaces.join("telegram-1")),
                (config.state.join("restoring/homes/telegram-1"), config.homes_dir().join("telegram-1")),
            ];
            moves.iter().take(moved).for_each(|(from, to)| fs::rename(from, to).unwrap());
            let error = Ground::take(&config).unwrap_err().to_string();
            assert!(error.contains("kiroclaw restore"), "{error}");
            filled(&config).commit().unwrap();
            Ground::take(&config).unwrap();
        }
    }
}

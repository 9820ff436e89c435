//! What must not be granted: what belongs to one user or to the operator, and what anybody trusts.

use std::path::{Path, PathBuf};

use super::{PlanError, SYSTEM, TRUSTED, real};
use crate::config::{AgentConfig, Config};

/// A path, and where it leads, which is asked once.
pub(super) struct Place<'a> {
    path: &'a Path,
    real: PathBuf,
}

/// What belongs to one user, or to the operator.
pub(super) fn private(config: &Config) -> Vec<Place<'_>> {
    [&config.state, &config.workspaces].into_iter().chain(&config.private_files).map(|path| Place::of(path)).collect()
}

impl<'a> Place<'a> {
    pub(super) fn of(path: &'a Path) -> Self {
        Self { path, real: real(path) }
    }

    /// What is granted must hold nothing private.
    pub(super) fn check_holds_none(&self, private: &[Place<'_>]) -> Result<(), PlanError> {
        match private.iter().find(|private| private.real.starts_with(&self.real)) {
            Some(private) => Err(PlanError::Exposes { granted: self.path.to_owned(), private: private.path.to_owned() }),
            None => Ok(()),
        }
    }

    /// What is granted must not be a part of `private` either.
    pub(super) fn check_is_not_in(&self, private: &Place<'_>) -> Result<(), PlanError> {
        if self.is_in(private) { within(self.path, private.path) } else { Ok(()) }
    }

    /// Whether it is the other, or a part of it.
    pub(super) fn is_in(&self, other: &Place<'_>) -> bool {
        self.real.starts_with(&other.real)
    }
}

fn within(granted: &Path, private: &Path) -> Result<(), PlanError> {
    Err(PlanError::Within { granted: granted.to_owned(), private: private.to_owned() })
}

/// What all users of an agent may write to must not be what anybody trusts: the system, ourselves, templates.
pub(super) fn check_read_write(config: &Config, agent: &AgentConfig) -> Result<(), PlanError> {
    if agent.read_write.is_empty() {
        return Ok(());
    }
    let own = std::env::current_exe().ok();
    let system = SYSTEM.iter().chain(TRUSTED).map(|path| Place::of(Path::new(*path)));
    let mut trusted: Vec<Place<'_>> = system.chain(own.as_deref().map(Place::of)).chain([Place::of(&config.kiro_config)]).collect();
    trusted.extend(private(config));
    for path in &agent.read_write {
        path.metadata().map_err(|error| PlanError::Missing { path: path.clone(), why: error.to_string() })?;
        let granted = Place::of(path);
        trusted.iter().try_for_each(|trusted| granted.check_is_not_in(trusted))?;
        granted.check_holds_none(&trusted)?;
        check_not_replaceable(config, path)?;
    }
    Ok(())
}

/// What an agent could put something else in place of by the time of the next start must not be granted to anybody.
pub(super) fn check_not_replaceable(config: &Config, granted: &Path) -> Result<(), PlanError> {
    let mut writable = config.agents.values().flat_map(|agent| &agent.read_write).filter(|path| path.as_path() != granted);
    writable.try_for_each(|path| {
        if granted.starts_with(path) { within(granted, path) } else { Place::of(granted).check_is_not_in(&Place::of(path)) }
    })
}

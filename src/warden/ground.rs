//! The ground that everything stands on: directories that are ours alone, and a lock that makes us the only one on them.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags};

use crate::config::Config;

/// Why there is no ground.
#[derive(Debug, thiserror::Error)]
pub enum GroundError {
    /// A directory cannot be made or looked at.
    #[error("{setting}: the directory {path} cannot be {operation}: {source}", path = path.display())]
    Directory {
        /// Where it was set.
        setting: &'static str,
        /// The directory.
        path: PathBuf,
        /// What was tried.
        operation: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// What stands there is no directory.
    #[error("{setting}: {path} is not a directory", path = path.display())]
    NotDirectory {
        /// Where it was set.
        setting: &'static str,
        /// What stands there.
        path: PathBuf,
    },
    /// It belongs to somebody else.
    #[error("{setting}: the directory {path} belongs to uid {owner}, and this process is uid {us}; run `chown -R {us} {path}`", path = path.display())]
    Owner {
        /// Where it was set.
        setting: &'static str,
        /// The directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        us: u32,
    },
    /// Others may enter it.
    #[error("{setting}: the directory {path} is open to other users (mode {mode:04o}); run `chmod 700 {path}`", path = path.display())]
    Open {
        /// Where it was set.
        setting: &'static str,
        /// The directory.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// Somebody else holds the lock.
    #[error("another kiroclaw is running on this STATE_DIR ({path}, pid {pid}); stop it first, or set another STATE_DIR", path = path.display())]
    Taken {
        /// The state directory.
        path: PathBuf,
        /// Who, as far as the lock tells.
        pid: String,
    },
    /// Somebody began to restore a backup into it.
    #[error("a restore into STATE_DIR was not finished ({path} is there); run `kiroclaw restore` again", path = path.display())]
    Unfinished {
        /// What the restore left.
        path: PathBuf,
    },
    /// The lock cannot be taken at all.
    #[error("the lock {path} cannot be taken: {source}", path = path.display())]
    Lock {
        /// The lock's file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// The lock on one STATE_DIR, held until dropped (or until the process ends, however it ends).
#[derive(Debug)]
pub struct Ground {
    lock: File,
}

impl Ground {
    /// Makes the directories where they are missing, checks that they are ours alone, and takes the lock.
    ///
    /// # Errors
    /// The first thing that is not as it must be; nothing is mended silently.
    pub fn take(config: &Config) -> Result<Self, GroundError> {
        let ground = Self::take_unfinished(config)?;
        let path = config.restoring_dir();
        if path.exists() { Err(GroundError::Unfinished { path }) } else { Ok(ground) }
    }

    /// Like [`Ground::take`], also where a restore was not finished: for the one that begins anew.
    ///
    /// # Errors
    /// The same.
    pub fn take_unfinished(config: &Config) -> Result<Self, GroundError> {
        make_directories(config)?;
        Ok(Self { lock: lock(&config.state, &config.run_dir().join("lock"))? })
    }
}

/// Makes the directories where they are missing, and checks that they are ours alone.
///
/// # Errors
/// The first thing that is not as it must be; nothing is mended silently.
pub fn make_directories(config: &Config) -> Result<(), GroundError> {
    let ours = [config.state.clone(), config.store_dir(), config.incoming_dir(), config.state.join("homes"), config.run_dir()];
    for directory in &ours {
        private_directory("STATE_DIR", directory)?;
    }
    private_directory("WORKSPACE_BASE_PATH", &config.workspaces)
}

fn private_directory(setting: &'static str, path: &Path) -> Result<(), GroundError> {
    let failed = |operation| {
        let path = path.to_path_buf();
        move |source| GroundError::Directory { setting, path, operation, source }
    };
    match DirBuilder::new().recursive(true).mode(0o700).create(path) {
        // Something else is in its place: said below in plainer words.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        other => other.map_err(failed("made"))?,
    }
    check_private(setting, path)
}

/// Checks that a directory is there and ours alone. Changes nothing.
///
/// # Errors
/// What is not as it must be, and how to mend it.
pub fn check_private(setting: &'static str, path: &Path) -> Result<(), GroundError> {
    let found = std::fs::metadata(path).map_err(|source| GroundError::Directory {
        setting,
        path: path.to_path_buf(),
        operation: "looked at",
        source,
    })?;
    let us = rustix::process::geteuid().as_raw();
    let mode = found.mode() & 0o7777;
    if !found.is_dir() {
        Err(GroundError::NotDirectory { setting, path: path.to_path_buf() })
    } else if found.uid() != us {
        Err(GroundError::Owner { setting, path: path.to_path_buf(), owner: found.uid(), us })
    } else if mode & 0o077 != 0 {
        Err(GroundError::Open { setting, path: path.to_path_buf(), mode })
    } else {
        Ok(())
    }
}

impl Drop for Ground {
    /// Frees the lock at once: a child that is on its way to its exec has a copy of the descriptor, and would keep it for a moment.
    fn drop(&mut self) {
        // Closing frees it otherwise.
        let _ = rustix::fs::flock(&self.lock, FlockOperation::Unlock);
    }
}

/// flock(2): the kernel frees it with its holder, so a crash leaves no stale lock behind.
fn lock(state: &Path, path: &Path) -> Result<File, GroundError> {
    let failed = |source| GroundError::Lock { path: path.to_path_buf(), source };
    let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(flags)
        .open(path)
        .map_err(failed)?;
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut pid = String::new();
            // The number is for the person who reads it; without it the sentence still holds.
            let _ = file.take(20).read_to_string(&mut pid);
            let pid = if pid.trim().is_empty() { "unknown".to_owned() } else { pid.trim().to_owned() };
            return Err(GroundError::Taken { path: state.to_path_buf(), pid });
        }
        Err(errno) => return Err(failed(errno.into())),
    }
    let written = file.set_len(0).and_then(|()| file.rewind()).and_then(|()| writeln!(file, "{}", std::process::id()));
    written.map_err(failed)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::{Sources, load};

    fn config(below: &Path) -> Config {
        let environment = BTreeMap::from([("AGENT_COMMAND".to_owned(), "/bin/true".to_owned())]);
        load(&Sources { environment, directory: below.to_path_buf() }).unwrap().0
    }

    #[test]
    fn what_is_missing_is_made_for_us_alone() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(&directory.path().join("deep/er"));
        let _ground = Ground::take(&config).unwrap();
        for made in [&config.state, &config.workspaces, &config.store_dir(), &config.run_dir()] {
            assert_eq!(std::fs::metadata(made).unwrap().mode() & 0o777, 0o700, "{}", made.display());
        }
    }

    #[test]
    fn only_one_may_stand_on_it_and_the_other_learns_who_does() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        let ground = Ground::take(&config).unwrap();
        let refused = Ground::take(&config).unwrap_err().to_string();
        assert!(refused.contains(&format!("pid {}", std::process::id())) && refused.contains("another kiroclaw"), "{refused}");
        drop(ground);
        Ground::take(&config).unwrap();
    }

    #[test]
    fn a_directory_that_others_may_enter_is_refused_with_the_way_to_mend_it() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        drop(Ground::take(&config).unwrap());
        for open in [&config.workspaces, &config.store_dir()] {
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o750)).unwrap();
            let refused = Ground::take(&config).unwrap_err().to_string();
            assert!(refused.contains("chmod 700") && refused.contains("0750"), "{refused}");
            std::fs::set_permissions(open, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
    }

    #[test]
    fn a_file_in_a_directorys_place_is_said_to_be_one() {
        let directory = tempfile::tempdir().unwrap();
        let config = config(directory.path());
        std::fs::write(&config.state, "").unwrap();
        assert!(matches!(Ground::take(&config), Err(GroundError::NotDirectory { .. } | GroundError::Directory { .. })));
    }
}

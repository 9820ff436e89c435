//! Files of settings and secrets, written into a directory where nothing of their names is: all of them, or none.

use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, fchown};
use std::path::{Path, PathBuf};

use crate::model::Secret;

/// One file.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    /// Below the directory: `.env`, `secrets/bot-token`.
    pub(crate) path: PathBuf,
    /// What stands in it.
    pub(crate) content: Secret<Vec<u8>>,
}

/// Why they were not written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlacedError {
    /// Something is there.
    #[error("{} is there already, and nothing is overwritten; move it away, or name another directory", .0.display())]
    Taken(PathBuf),
    /// The system refuses.
    #[error("{} cannot be written: {source}", path.display())]
    Failed {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Placed {
    /// A file that may be shown.
    pub(crate) fn new(path: impl Into<PathBuf>, content: impl Into<Vec<u8>>) -> Self {
        Self { path: path.into(), content: Secret::new(content.into()) }
    }

    /// Whether it is a secret.
    pub(crate) fn is_secret(&self) -> bool {
        self.path.starts_with("secrets")
    }

    /// What it takes up in the directory: `secrets`, all of `kiro-config`.
    fn top(&self) -> &Path {
        self.path.components().next().map_or(Path::new(""), |first| Path::new(first.as_os_str()))
    }
}

/// Checks that none of them would meet anything.
///
/// # Errors
/// [`PlacedError::Taken`].
pub(crate) fn check_free(directory: &Path, tops: &[&Path]) -> Result<(), PlacedError> {
    let taken = tops.iter().map(|top| directory.join(top)).find(|path| path.symlink_metadata().is_ok());
    taken.map_or(Ok(()), |path| Err(PlacedError::Taken(path)))
}

/// Writes them, in a directory that is made where it is missing: secrets for their owner alone, the rest also for the directory's group, and
/// all of them the directory's owner's. Where one fails, the others are removed.
///
/// # Errors
/// [`PlacedError`].
pub(crate) fn write_all(directory: &Path, files: &[Placed]) -> Result<(), PlacedError> {
    let mut tops: Vec<&Path> = files.iter().map(Placed::top).collect();
    tops.dedup();
    check_free(directory, &tops)?;
    let mut made = Vec::new();
    let written = files.iter().try_for_each(|file| write(directory, file, &mut made));
    if written.is_err() {
        // What came first goes last; the error that matters is the first one.
        for path in made.iter().rev() {
            let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir(path));
        }
    }
    written
}

fn write(directory: &Path, file: &Placed, made: &mut Vec<PathBuf>) -> Result<(), PlacedError> {
    let path = directory.join(&file.path);
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PlacedError::Failed { path, source }
    };
    DirBuilder::new().recursive(true).mode(0o750).create(directory).map_err(failed(directory))?;
    let owner = directory.metadata().map_err(failed(directory))?;
    let (directory_mode, mode) = if file.is_secret() { (0o700, 0o600) } else { (0o750, 0o640) };
    let mut above: Vec<&Path> = path.ancestors().skip(1).take_while(|above| *above != directory).collect();
    above.reverse();
    for parent in above {
        match DirBuilder::new().mode(directory_mode).create(parent) {
            Ok(()) => made.push(parent.to_owned()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
            Err(error) => return Err(failed(parent)(error)),
        }
        let opened = File::open(parent).map_err(failed(parent))?;
        give(&opened, &owner).map_err(failed(parent))?;
    }
    let mut new = File::options().write(true).create_new(true).mode(mode).open(&path).map_err(failed(&path))?;
    made.push(path.clone());
    let done = new.write_all(file.content.expose()).and_then(|()| give(&new, &owner)).and_then(|()| new.sync_all());
    done.map_err(failed(&path))
}

/// Only root can give anything away.
fn give(file: &File, owner: &std::fs::Metadata) -> io::Result<()> {
    if rustix::process::geteuid().is_root() { fchown(file, Some(owner.uid()), Some(owner.gid())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_their_owner_s_alone_and_nothing_is_overwritten() {
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("new");
        let files =
            [Placed::new(".env", "A=1\n"), Placed::new("secrets/bot-token", "1:x\n"), Placed::new("kiro-config/agents/a.json", "{}")];
        write_all(&to, &files).unwrap();
        let mode = |name: &str| to.join(name).metadata().unwrap().mode() & 0o777;
        assert_eq!((mode("secrets"), mode("secrets/bot-token")), (0o700, 0o600));
        assert_eq!(mode(".env") & 0o027, 0);
        assert!(!format!("{files:?}").contains("49, 58"), "a secret is not shown");
        std::fs::write(to.join(".env"), "mine").unwrap();
        assert!(matches!(write_all(&to, &files), Err(PlacedError::Taken(path)) if path.ends_with(".env")));
        assert_eq!(std::fs::read_to_string(to.join(".env")).unwrap(), "mine");
    }

    #[test]
    fn of_files_that_cannot_all_be_written_none_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let files = [Placed::new("a/b", "1"), Placed::new("a/b/c", "2")];
        write_all(directory.path(), &files).unwrap_err();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}

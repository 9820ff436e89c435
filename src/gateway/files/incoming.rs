//! Files from a person: kept while they come, over a crash too, then placed in the workspace whole or not at all.

pub(crate) mod spool;

use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

use super::name::numbered;
use crate::beneath::{Beneath, BeneathError};

/// Bytes copied at a time.
const BLOCK: usize = 64 * 1024;

/// Names that are tried for one file. Who sends more photos into one directory than this has to clean up.
const TRIES: u32 = 1000;

/// A file in a workspace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    /// From the workspace's top.
    pub(crate) path: PathBuf,
    /// In bytes.
    pub(crate) size: u64,
}

/// Why a file did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IncomingError {
    #[error("{0}")]
    Workspace(#[from] BeneathError),
    #[error("the file has more than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("cannot {what} {path:?}: {source}")]
    File { what: &'static str, path: PathBuf, source: io::Error },
    #[error("{TRIES} files have that name already")]
    Names,
}

/// Copies a file of at most `limit` bytes into a directory of the workspace, which is made where it is missing. It gets the name, which must
/// be a safe one, or a numbered one where that is taken, when all of it is there. Mode 0600.
pub(crate) fn place(workspace: &Beneath, dir: &Path, name: &str, source: &mut dyn Read, limit: u64) -> Result<Placed, IncomingError> {
    workspace.make_dirs(dir)?;
    let (fresh, mut file) = workspace.create_fresh(dir, 0o600)?;
    let failed = |source| IncomingError::File { what: "copy to", path: dir.join(name), source };
    let copied = copy(source, &mut file, limit).map_err(failed).and_then(|size| size.ok_or(IncomingError::TooLarge { limit }));
    let placed = copied.and_then(|size| Ok(Placed { path: give_name(workspace, &fresh, dir, name)?, size }));
    if placed.is_err() {
        // The error that matters is the first one.
        let _ = workspace.remove_file(&fresh);
    }
    placed
}

/// How much was copied; `None` when there is more than `limit`.
fn copy(source: &mut dyn Read, file: &mut std::fs::File, limit: u64) -> io::Result<Option<u64>> {
    let mut block = vec![0; BLOCK];
    let mut size = 0_u64;
    loop {
        let read = match source.read(&mut block) {
            Ok(0) => return Ok(Some(size)),
            Ok(read) => block.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        size = size.saturating_add(u64::try_from(read.len()).unwrap_or(u64::MAX));
        if size > limit {
            return Ok(None);
        }
        file.write_all(read)?;
    }
}

fn give_name(workspace: &Beneath, fresh: &Path, dir: &Path, name: &str) -> Result<PathBuf, IncomingError> {
    for n in 1..=TRIES {
        let path = if n == 1 { dir.join(name) } else { dir.join(numbered(name, n)) };
        match workspace.rename(fresh, &path) {
            Ok(()) => return Ok(path),
            Err(error) if error.is_taken() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(IncomingError::Names)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use tempfile::TempDir;

    use super::*;

    fn workspace() -> (TempDir, Beneath) {
        let dir = TempDir::new().unwrap();
        let workspace = Beneath::open(dir.path()).unwrap();
        (dir, workspace)
    }

    fn put(workspace: &Beneath, mut content: &[u8], limit: u64) -> Result<Placed, IncomingError> {
        place(workspace, Path::new("inbox"), "report.pdf", &mut content, limit)
    }

    fn names(dir: &TempDir) -> Vec<String> {
        let entries = std::fs::read_dir(dir.path().join("inbox")).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_placed_whole_and_private() {
        let (dir, workspace) = workspace();
        let content = vec![7; 3 * BLOCK + 1];
        let placed = put(&workspace, &content, 3 * 65536 + 1).unwrap();
        assert_eq!(placed, Placed { path: "inbox/report.pdf".into(), size: 3 * 65536 + 1 });
        let path = dir.path().join(placed.path);
        assert_eq!(std::fs::read(&path).unwrap(), content);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_taken_name_is_numbered_and_nothing_is_overwritten() {
        let (dir, workspace) = workspace();
        put(&workspace, b"one", 9).unwrap();
        symlink("/nowhere", dir.path().join("inbox/report (2).pdf")).unwrap();
        assert_eq!(put(&workspace, b"two", 9).unwrap().path, Path::new("inbox/report (3).pdf"));
        assert_eq!(std::fs::read(dir.path().join("inbox/report.pdf")).unwrap(), b"one");
        assert_eq!(names(&dir), ["report (2).pdf", "report (3).pdf", "report.pdf"]);
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        struct Broken(bool);
        impl Read for Broken {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if std::mem::replace(&mut self.0, true) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(buffer.len()) }
            }
        }
        let (dir, workspace) = workspace();
        assert!(matches!(put(&workspace, b"12345", 4), Err(IncomingError::TooLarge { limit: 4 })));
        let broken = place(&workspace, Path::new("inbox"), "x", &mut Broken(false), 1 << 20);
        assert!(matches!(broken, Err(IncomingError::File { .. })));
        assert!(names(&dir).is_empty());
    }

    #[test]
    fn a_planted_link_in_the_place_of_the_directory_leads_nowhere() {
        let (dir, workspace) = workspace();
        let outside = TempDir::new().unwrap();
        symlink(outside.path(), dir.path().join("inbox")).unwrap();
        assert!(put(&workspace, b"x", 9).is_err());
        assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

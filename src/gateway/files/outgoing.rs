//! Opening what an agent wants sent: beneath its workspace, through no link, and from then on by the descriptor alone.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Component, Path, PathBuf};

use super::kind::{HEAD, OutKind, kind};
use super::name::safe_name;
use super::tag::TagError;
use crate::beneath::{Beneath, BeneathError};
use crate::model::{ThreadId, UserId};
use crate::store::Store;

/// Largest file that can be sent, in bytes (Bot API, "Sending files").
pub(crate) const LARGEST: u64 = 50 * 1024 * 1024;

/// A file that can be sent.
#[derive(Debug)]
pub(crate) struct OutFile {
    /// Open for reading, at its beginning. The agent may change it still: no more than `size` bytes are to be read.
    pub(crate) file: File,
    /// In bytes: at least 1, at most [`LARGEST`].
    pub(crate) size: u64,
    /// A safe name.
    pub(crate) name: String,
    pub(crate) kind: OutKind,
}

/// Why a file cannot be sent, and how to mend it; a sentence for the person and for the agent, to follow the file's name.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SendFileError {
    #[error("it lies outside of the workspace; it has to be copied there first.")]
    Outside,
    #[error("the workspace has no such file; the path counts from the workspace's top.")]
    Missing,
    #[error("a symbolic link stands in the way; the path has to name the file itself.")]
    Link,
    #[error("it is not a regular file; a directory has to be packed into an archive first.")]
    NotAFile,
    #[error("it is empty, and Telegram takes no empty files.")]
    Empty,
    #[error("it has {}, and Telegram takes at most {} from a bot; it has to be compressed or split.", megabytes(*.0), megabytes(LARGEST))]
    TooLarge(u64),
    #[error("it cannot be read ({0}).")]
    Unreadable(io::Error),
    #[error("it changes all the time.")]
    Changing,
    #[error(transparent)]
    Tag(#[from] TagError),
}

impl SendFileError {
    fn unreadable(error: &dyn std::fmt::Display) -> Self {
        Self::Unreadable(io::Error::other(error.to_string()))
    }
}

/// Opens the file that an agent named in the workspace of a thread, which is registered below `base`.
pub(crate) async fn open_registered(
    store: &Store,
    base: &Path,
    owner: &UserId,
    thread: &ThreadId,
    path: String,
) -> Result<OutFile, SendFileError> {
    let record = store.workspace(owner, thread).map_err(|error| SendFileError::unreadable(&error))?;
    let relative = PathBuf::from(record.ok_or(SendFileError::Missing)?.path);
    let base = base.to_owned();
    let opened = tokio::task::spawn_blocking(move || {
        let workspace = Beneath::open(&base).and_then(|below| below.descend(&relative));
        open(&workspace.map_err(|error| SendFileError::unreadable(&error))?, &path, &base.join(&relative))
    });
    opened.await.map_err(|error| SendFileError::unreadable(&error))?
}

/// Opens the file that an agent named: by a path from the workspace's top, or by an absolute one beneath `workspace_root`.
pub(crate) fn open(workspace: &Beneath, agent_path: &str, workspace_root: &Path) -> Result<OutFile, SendFileError> {
    let path = relative(agent_path, workspace_root)?;
    let file = workspace.open_file(&path).map_err(why)?.ok_or(SendFileError::Missing)?;
    let size = file.metadata().map_err(SendFileError::Unreadable)?.len();
    if size == 0 {
        return Err(SendFileError::Empty);
    }
    if size > LARGEST {
        return Err(SendFileError::TooLarge(size));
    }
    let kind = kind(&head(&file).map_err(SendFileError::Unreadable)?, size);
    let wanted = path.file_name().map(|name| name.to_string_lossy());
    Ok(OutFile { file, size, name: safe_name(wanted.as_deref(), "file", None), kind })
}

/// The path from the workspace's top. Agents write `./` often, and `..` for no good.
fn relative(agent_path: &str, workspace_root: &Path) -> Result<PathBuf, SendFileError> {
    let path = Path::new(agent_path);
    let path = if path.is_absolute() { path.strip_prefix(workspace_root).map_err(|_| SendFileError::Outside)? } else { path };
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(SendFileError::Outside);
    }
    let path: PathBuf = path.components().filter(|part| *part != Component::CurDir).collect();
    if path.as_os_str().is_empty() { Err(SendFileError::NotAFile) } else { Ok(path) }
}

fn why(error: BeneathError) -> SendFileError {
    match error {
        error if error.is_link() => SendFileError::Link,
        BeneathError::Refused { source, .. } if source.kind() == io::ErrorKind::NotADirectory => SendFileError::Missing,
        BeneathError::Refused { source, .. } => SendFileError::Unreadable(source),
        _ => SendFileError::NotAFile,
    }
}

/// The file's beginning, without moving in it.
fn head(file: &File) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD];
    let mut filled = 0;
    while let Some(rest) = head.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, u64::try_from(filled).unwrap_or(0))? {
            0 => break,
            read => filled += read,
        }
    }
    head.truncate(filled);
    Ok(head)
}

/// Rounded up, so that what is too large never looks as if it were not.
fn megabytes(bytes: u64) -> String {
    let tenths = bytes.saturating_mul(10).div_ceil(1024 * 1024);
    format!("{}.{} MB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::fs::symlink;

    use tempfile::TempDir;

    use super::*;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x09\0\0\0\x09";

    fn workspace() -> (TempDir, Beneath) {
        let dir = TempDir::new().unwrap();
        std::fs::create_dir_all(dir.path().join("work/sub")).unwrap();
        std::fs::write(dir.path().join("work/sub/plot.txt"), PNG).unwrap();
        std::fs::write(dir.path().join("secret"), "secret").unwrap();
        let workspace = Beneath::open(&dir.path().join("work")).unwrap();
        (dir, workspace)
    }

    fn refusal(dir: &TempDir, workspace: &Beneath, path: &str) -> SendFileError {
        let error = open(workspace, path, &dir.path().join("work")).unwrap_err();
        let text = error.to_string();
        assert!(text.ends_with('.') && !text.contains(char::is_control), "{text}");
        error
    }

    #[test]
    fn a_file_is_opened_by_either_kind_of_path_and_told_by_its_content() {
        let (dir, workspace) = workspace();
        let root = dir.path().join("work");
        for path in ["sub/plot.txt", "./sub/./plot.txt", root.join("sub/plot.txt").to_str().unwrap()] {
            let mut out = open(&workspace, path, &root).unwrap();
            let mut content = Vec::new();
            out.file.read_to_end(&mut content).unwrap();
            assert_eq!(content, PNG, "read from its beginning");
            assert_eq!((out.size, out.name.as_str(), out.kind), (24, "plot.txt", OutKind::Photo));
        }
    }

    #[test]
    fn nothing_outside_of_the_workspace_is_opened() {
        let (dir, workspace) = workspace();
        let beside = dir.path().join("work2").to_str().unwrap().to_owned();
        for path in ["../secret", "sub/../../secret", "/etc/passwd", &beside, dir.path().join("work/../secret").to_str().unwrap()] {
            assert!(matches!(refusal(&dir, &workspace, path), SendFileError::Outside), "{path}");
        }
        symlink("../secret", dir.path().join("work/link")).unwrap();
        symlink("..", dir.path().join("work/up")).unwrap();
        symlink("/proc/self/root/etc", dir.path().join("work/magic")).unwrap();
        for path in ["link", "up/secret", "magic/passwd"] {
            assert!(matches!(refusal(&dir, &workspace, path), SendFileError::Link), "{path}");
        }
    }

    #[test]
    fn what_is_no_file_with_content_is_refused_and_nobody_waits() {
        let (dir, workspace) = workspace();
        let root = dir.path().join("work");
        rustix::fs::mknodat(rustix::fs::CWD, root.join("fifo"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
        for path in ["sub", "fifo", ".", "", root.to_str().unwrap()] {
            assert!(matches!(refusal(&dir, &workspace, path), SendFileError::NotAFile), "{path}");
        }
        for path in ["none", "none/x", "sub/plot.txt/x", "evil\n\u{1b}[31m"] {
            assert!(matches!(refusal(&dir, &workspace, path), SendFileError::Missing), "{path}");
        }
        for path in ["a\0b", &"x".repeat(300), &"x/".repeat(4000)] {
            assert!(matches!(refusal(&dir, &workspace, path), SendFileError::Unreadable(_)));
        }
        std::fs::write(root.join("empty"), "").unwrap();
        assert!(matches!(refusal(&dir, &workspace, "empty"), SendFileError::Empty));
    }

    #[test]
    fn a_file_that_is_too_large_is_refused_with_its_size() {
        let (dir, workspace) = workspace();
        let file = File::create(dir.path().join("work/big")).unwrap();
        file.set_len(LARGEST).unwrap();
        assert_eq!(open(&workspace, "big", dir.path()).unwrap().size, LARGEST);
        file.set_len(LARGEST + 1).unwrap();
        let text = refusal(&dir, &workspace, "big").to_string();
        assert!(text.contains("it has 50.1 MB") && text.contains("at most 50.0 MB"), "{text}");
    }
}

//! What is in a workspace, for its person: looked over within bounds, since an agent filled it, and removed one by one.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::name::shown;
use crate::beneath::{Beneath, BeneathError, Kind};

/// Entries that are looked at. Their paths take at most 9 MB at a time with [`DEPTH`], and looking some 20 ms.
const ENTRIES: usize = 4000;

/// Directories above a file, at most.
const DEPTH: usize = 8;

/// The files of a workspace.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Listing {
    /// Newest first.
    pub(crate) files: Vec<Listed>,
    /// There are more, or there may be: not all was looked at.
    pub(crate) more: bool,
}

/// A regular file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    /// From the workspace's top.
    pub(crate) path: PathBuf,
    /// The same fit to be shown.
    pub(crate) shown: String,
    /// In bytes.
    pub(crate) size: u64,
    /// When its content changed last, in seconds since 1970, as the agent would have it.
    pub(crate) modified: i64,
}

/// The newest files, at most that many. No link is followed; what begins with a dot is left out with all in it.
///
/// What vanishes or is refused while it is looked at is the agent's doing, and left out.
pub(crate) fn list(workspace: &Beneath, most: usize) -> Listing {
    let mut listing = Listing::default();
    let mut left = ENTRIES;
    let mut directories = VecDeque::from([(PathBuf::new(), 0)]);
    // Breadth first: what lies deep was less likely made for a person.
    while let Some((directory, depth)) = directories.pop_front() {
        if left == 0 {
            listing.more = true;
            break;
        }
        let names = workspace.list_some(&directory, left.saturating_add(1)).ok().flatten().unwrap_or_default();
        listing.more |= names.len() > left;
        for name in names.into_iter().take(left) {
            left -= 1;
            if name.as_bytes().starts_with(b".") {
                continue;
            }
            let path = directory.join(name);
            let Ok(Some(entry)) = workspace.look(&path) else { continue };
            match entry.kind {
                Kind::Directory if depth < DEPTH => directories.push_back((path, depth + 1)),
                Kind::Directory => listing.more = true,
                Kind::File => {
                    let shown = shown(&path.to_string_lossy());
                    listing.files.push(Listed { path, shown, size: entry.length, modified: entry.modified });
                }
                Kind::Link | Kind::Other => {}
            }
        }
    }
    listing.files.sort_by(|a, b| (Reverse(a.modified), &a.path).cmp(&(Reverse(b.modified), &b.path)));
    listing.more |= listing.files.len() > most;
    listing.files.truncate(most);
    listing
}

/// Removes one file that [`list`] could have named. `false` where there is none any more.
pub(crate) fn delete(workspace: &Beneath, path: &Path) -> Result<bool, BeneathError> {
    let hidden = path.iter().any(|name| name.as_bytes().starts_with(b"."));
    match workspace.look(path)? {
        None => Ok(false),
        // What takes the file's place between the look and the removal is removed itself, and not what it leads to.
        Some(entry) if entry.kind == Kind::File && !hidden => workspace.remove_file(path),
        Some(_) => Err(BeneathError::NotAFile { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::unix::fs::symlink;
    use std::time::{Duration, SystemTime};

    use tempfile::TempDir;

    use super::*;

    fn workspace() -> (TempDir, Beneath) {
        let dir = TempDir::new().unwrap();
        fs::create_dir(dir.path().join("work")).unwrap();
        fs::write(dir.path().join("secret"), "secret").unwrap();
        let workspace = Beneath::open(&dir.path().join("work")).unwrap();
        (dir, workspace)
    }

    /// A file of as many bytes as it is seconds old since 1970.
    fn put(dir: &TempDir, path: &str, seconds: u64) {
        let path = dir.path().join("work").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let file = File::create(path).unwrap();
        file.set_len(seconds).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    }

    fn shown_of(listing: &Listing) -> Vec<&str> {
        listing.files.iter().map(|file| file.shown.as_str()).collect()
    }

    #[test]
    fn files_are_listed_newest_first_without_what_is_hidden_or_linked() {
        let (dir, workspace) = workspace();
        put(&dir, "old.txt", 100);
        put(&dir, "inbox/new\u{202e}.pdf", 300);
        put(&dir, "middle", 200);
        put(&dir, ".git/config", 400);
        put(&dir, "sub/.hidden", 400);
        symlink("../secret", dir.path().join("work/link")).unwrap();
        symlink("..", dir.path().join("work/up")).unwrap();
        let listing = list(&workspace, 200);
        assert_eq!(shown_of(&listing), ["inbox/new\\u{202e}.pdf", "middle", "old.txt"]);
        assert!(!listing.more);
        let first = listing.files.first().unwrap();
        assert_eq!((first.size, first.modified, first.path.as_path()), (300, 300, Path::new("inbox/new\u{202e}.pdf")));
    }

    #[test]
    fn a_long_list_is_cut_and_says_so() {
        let (dir, workspace) = workspace();
        for age in 1..=5 {
            put(&dir, &age.to_string(), age);
        }
        let listing = list(&workspace, 3);
        assert_eq!((shown_of(&listing), listing.more), (vec!["5", "4", "3"], true));
        assert!(!list(&workspace, 5).more);
    }

    #[test]
    fn the_walk_is_bounded_in_width_and_depth() {
        let (dir, workspace) = workspace();
        put(&dir, &format!("{}deep", "d/".repeat(DEPTH)), 1);
        assert_eq!((list(&workspace, 9).files.len(), list(&workspace, 9).more), (1, false));
        put(&dir, &format!("{}deeper", "d/".repeat(DEPTH + 1)), 1);
        assert_eq!((list(&workspace, 9).files.len(), list(&workspace, 9).more), (1, true));
        fs::remove_dir_all(dir.path().join("work/d")).unwrap();
        for number in 0..ENTRIES + 10 {
            File::create(dir.path().join(format!("work/{number}"))).unwrap();
        }
        let listing = list(&workspace, 2 * ENTRIES);
        assert_eq!((listing.files.len(), listing.more), (ENTRIES, true));
    }

    #[test]
    fn only_a_listed_file_is_deleted() {
        let (dir, workspace) = workspace();
        put(&dir, "sub/file", 1);
        put(&dir, ".kiro/agents/a.json", 1);
        symlink("../secret", dir.path().join("work/link")).unwrap();
        for path in ["sub", "link", ".kiro/agents/a.json", "../secret", "", "sub/../../secret"] {
            assert!(delete(&workspace, Path::new(path)).is_err(), "{path}");
        }
        assert!(delete(&workspace, Path::new("sub/file")).unwrap());
        assert!(!delete(&workspace, Path::new("sub/file")).unwrap());
        assert!(dir.path().join("secret").exists());
        assert!(dir.path().join("work/.kiro/agents/a.json").exists());
    }
}

//! Files with several names: which was given on already, and by which name.

use std::collections::HashMap;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Bytes of names that are remembered.
const BYTES: usize = 16 * 1024 * 1024;

/// Names that one file has at most: an agent on a disk that lets it have more (XFS) would make a tree that cannot be made on others
/// (ext4: 65,000).
const NAMES: u32 = 60_000;

/// What is known of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has been given on by that name.
    Same(PathBuf),
    /// It is to be given on.
    New,
    /// It would have to be remembered, and there is no more room.
    NoRoom,
}

/// Files with several names, by device and number.
#[derive(Debug, Default)]
pub(super) struct Links {
    known: HashMap<(u64, u64), (PathBuf, u32)>,
    bytes: usize,
}

impl Links {
    /// What is known of a file that was found by one more name.
    pub(super) fn find(&mut self, metadata: &Metadata) -> Known {
        match self.known.get_mut(&(metadata.dev(), metadata.ino())) {
            _ if metadata.nlink() < 2 => Known::New,
            Some((first, names)) if *names < NAMES => {
                *names += 1;
                Known::Same(first.clone())
            }
            None if self.bytes > BYTES => Known::NoRoom,
            Some(_) | None => Known::New,
        }
    }

    /// It was given on by that name.
    pub(super) fn remember(&mut self, metadata: &Metadata, name: &Path) {
        if metadata.nlink() > 1 {
            self.bytes = self.bytes.saturating_add(name.as_os_str().len());
            self.known.insert((metadata.dev(), metadata.ino()), (name.to_owned(), 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_no_more_names_than_other_disks_let_it_have() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::write(at("a"), "").unwrap();
        assert_eq!(Links::default().find(&at("a").metadata().unwrap()), Known::New);
        std::fs::hard_link(at("a"), at("b")).unwrap();
        let (mut links, metadata) = (Links::default(), at("b").metadata().unwrap());
        for name in ["a", "z"] {
            assert_eq!(links.find(&metadata), Known::New);
            links.remember(&metadata, Path::new(name));
            assert!((1..NAMES).all(|_| links.find(&metadata) == Known::Same(name.into())));
        }
        assert_eq!(links.find(&metadata), Known::New);
        assert_eq!(Links { bytes: BYTES + 1, ..Links::default() }.find(&metadata), Known::NoRoom);
    }
}

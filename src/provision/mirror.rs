//! `.kiro` made the same as the template: what differs is replaced, what the template has no longer is removed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::ProvisionError;
use super::template::{DIRS, Template};
use crate::beneath::{Beneath, Kind};

/// Entries in one directory of a home, at most; we made them, so more are not ours.
const ENTRIES: usize = 10_000;

/// Entries removed at a time.
const REMOVED: usize = 100_000;

pub(super) fn mirror(template: &Template, home: &Beneath) -> Result<(), ProvisionError> {
    home.make_dirs(Path::new(".kiro"))?;
    let kiro = home.descend(Path::new(".kiro"))?;
    let mut dirs: BTreeSet<PathBuf> = DIRS.iter().map(PathBuf::from).collect();
    dirs.extend(template.files.keys().flat_map(|path| path.ancestors().skip(1)).map(Path::to_owned));
    dirs.remove(Path::new(""));
    let mut changed = 0_usize;
    // Parents sort before what is in them, so each directory is sound before it is looked into.
    for dir in &dirs {
        if kiro.look(dir)?.is_some_and(|entry| entry.kind != Kind::Directory) {
            kiro.remove_file(dir)?;
        }
        kiro.make_dirs(dir)?;
        for name in kiro.list(dir, ENTRIES)?.unwrap_or_default() {
            let path = dir.join(name);
            if !dirs.contains(&path) && !template.files.contains_key(&path) {
                kiro.remove_tree(&path, REMOVED)?;
                changed += 1;
            }
        }
    }
    for (path, planned) in &template.files {
        let entry = kiro.look(path)?;
        if entry.is_some_and(|entry| entry.kind == Kind::Directory) {
            kiro.remove_tree(path, REMOVED)?;
        }
        let same = entry.is_some_and(|entry| entry.kind == Kind::File && entry.mode == planned.mode)
            && kiro
                .read(path, u64::try_from(planned.content.len()).unwrap_or(u64::MAX))
                .is_ok_and(|old| old.as_ref() == Some(&planned.content));
        if !same {
            kiro.write_atomically(path, &planned.content, planned.mode)?;
            changed += 1;
        }
    }
    if changed > 0 {
        tracing::info!(changed, "the agent's home was brought up to the template");
    }
    Ok(())
}

//! What a user's files take: counted by walking through them, when they may have become too much.
//!
//! To walk through a hundred thousand files takes a good part of a second, so it is not done at every look. What the file system has free
//! is known at once; while that has not fallen by what the user has left, nobody can have passed the limit. Since others may free at the
//! same time what this one takes, they are counted now and then all the same, while the runtime works.

use std::ffi::CStr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::config::Limits;
use crate::model::Excess;

/// Between two walks at least, whatever the free space does, in times of what the last one took: a quarter of a processor at most.
const REST: u32 = 4;

/// The same without a reason, and at least [`PERIOD`].
const CALM: u32 = 20;

/// Between two walks without a reason.
const PERIOD: Duration = Duration::from_secs(5);

/// Directories within each other that are followed, one descriptor each; `node_modules` of old had 40.
const DEPTH: usize = 128;

/// Bytes and entries.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Amount {
    bytes: u64,
    files: u64,
}

/// The places that are counted, and what is known of them.
#[derive(Debug)]
pub(super) struct Disk {
    places: Vec<PathBuf>,
    last: Option<Walk>,
    /// Whether the runtime has worked since.
    stirred: bool,
}

/// One count.
#[derive(Debug)]
struct Walk {
    at: Instant,
    took: Duration,
    used: Amount,
    /// What the file systems had free then.
    free: Amount,
    /// What may be used from then on.
    most: Amount,
}

impl Disk {
    /// Over these places; none, and nothing is counted.
    pub(super) fn new(places: Vec<PathBuf>) -> Self {
        Self { places, last: None, stirred: false }
    }

    /// Counts if there is a reason to; gives what is passed.
    pub(super) fn look(&mut self, now: Instant, is_busy: bool, limits: &Limits) -> Option<Excess> {
        if self.places.is_empty() {
            return None;
        }
        let limit = Amount { bytes: limits.workspace_size, files: limits.workspace_files };
        let free = free(&self.places);
        self.stirred |= is_busy;
        if self.last.as_ref().is_some_and(|last| !last.is_out_of_date(now, self.stirred, free)) {
            return None;
        }
        self.stirred = false;
        let begun = Instant::now();
        let Some(used) = measure(&self.places, ceiling(limit.files)) else { return Some(Excess::Unmeasurable) };
        let most = self
            .last
            .as_ref()
            .map_or_else(|| Amount { bytes: allowed(limit.bytes, used.bytes), files: allowed(limit.files, used.files) }, |last| last.most);
        self.last = Some(Walk { at: now, took: begun.elapsed(), used, free, most });
        if used.bytes > most.bytes {
            Some(Excess::Disk { used: used.bytes, most: limit.bytes })
        } else {
            (used.files > most.files).then_some(Excess::Files { most: limit.files })
        }
    }
}

impl Walk {
    fn is_out_of_date(&self, now: Instant, stirred: bool, free: Amount) -> bool {
        if now < self.at + self.took * REST {
            return false;
        }
        let at_most = |used: u64, before: u64, free: u64| used.saturating_add(before.saturating_sub(free));
        let may_be_over = at_most(self.used.bytes, self.free.bytes, free.bytes) > self.most.bytes
            || at_most(self.used.files, self.free.files, free.files) > self.most.files;
        may_be_over || stirred && now >= self.at + PERIOD.max(self.took * CALM)
    }
}

/// What a runtime may come to that begins at `used`. Beyond the limit it may still tidy up, as long as what there is does not grow by more
/// than its own notes; beyond [`ceiling`] it may not, so that nobody fills the disk in many small steps.
fn allowed(limit: u64, used: u64) -> u64 {
    if used > limit && used <= ceiling(limit) { used + limit / 64 } else { limit }
}

fn ceiling(limit: u64) -> u64 {
    limit.saturating_add(limit / 4)
}

/// What the file systems of these places have free. A place that is one with another's counts twice, which only makes us look earlier.
fn free(places: &[PathBuf]) -> Amount {
    places.iter().filter_map(|place| rustix::fs::statvfs(place).ok()).fold(Amount::default(), |sum, room| Amount {
        bytes: sum.bytes.saturating_add(room.f_bfree.saturating_mul(room.f_frsize)),
        files: sum.files.saturating_add(room.f_ffree),
    })
}

/// Counts what lies in these places, following no link; `None` where something cannot be counted. Beyond `most_files` it is not gone on.
///
/// What vanishes meanwhile is not there; what moves may count twice, or not.
fn measure(places: &[PathBuf], most_files: u64) -> Option<Amount> {
    let mut used = Amount::default();
    for place in places {
        let mut open: Vec<Dir> = open(CWD, place)?.into_iter().collect();
        while let Some(directory) = open.last_mut() {
            let Some(entry) = directory.read() else {
                open.pop();
                continue;
            };
            let Ok(entry) = entry else { return None };
            if entry.file_name() == c"." || entry.file_name() == c".." {
                continue;
            }
            let inner = count(directory, entry.file_name(), &mut used)?;
            if used.files > most_files {
                return Some(used);
            }
            if inner.is_some() && open.len() == DEPTH {
                return None;
            }
            open.extend(inner);
        }
    }
    Some(used)
}

/// Counts one entry, and opens it if it is a directory.
fn count(directory: &Dir, name: &CStr, used: &mut Amount) -> Option<Option<Dir>> {
    let at = directory.fd().ok()?;
    let stat = match rustix::fs::statat(at, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Some(None),
        Err(_) => return None,
    };
    used.files += 1;
    used.bytes = used.bytes.saturating_add(size(&stat));
    if FileType::from_raw_mode(stat.st_mode).is_dir() { open(at, name) } else { Some(None) }
}

/// A file with several names counts a part for each.
fn size(stat: &Stat) -> u64 {
    #[allow(clippy::useless_conversion, reason = "it has 32 bits on aarch64")]
    #[allow(clippy::useless_conversion, reason = "it is an u32 on aarch64")]
    let names = if FileType::from_raw_mode(stat.st_mode).is_dir() { 1 } else { u64::from(stat.st_nlink).max(1) };
    u64::try_from(stat.st_blocks).unwrap_or(0).saturating_mul(512) / names
}

/// A directory by its own name; the inner `None` where it is no more. One that its owner closed to us is opened again: we are its owner.
fn open(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Option<Option<Dir>> {
    const USABLE: Mode = Mode::RUSR.union(Mode::XUSR);
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let path = match rustix::fs::openat(at, name, flags | OFlags::PATH, Mode::empty()) {
        Ok(path) => path,
        // Something else has its name by now.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => return Some(None),
        Err(_) => return None,
    };
    let mode = Mode::from_raw_mode(rustix::fs::fstat(&path).ok()?.st_mode);
    if !mode.contains(USABLE) {
        // As in `beneath`: the magic link is exactly this directory.
        rustix::fs::chmodat(CWD, format!("/proc/self/fd/{}", path.as_raw_fd()), mode | USABLE, AtFlags::empty()).ok()?;
    }
    Dir::new(rustix::fs::openat(path.as_fd(), ".", flags | OFlags::RDONLY, Mode::empty()).ok()?).ok().map(Some)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn walk(at: Instant) -> Walk {
        let amount = |bytes| Amount { bytes, files: 10 };
        Walk { at, took: SECOND / 10, used: amount(600), free: amount(5000), most: amount(1000) }
    }

    #[test]
    fn files_are_counted_again_when_the_disk_has_lost_what_was_left() {
        let now = Instant::now();
        let free = |bytes| Amount { bytes, files: 10 };
        assert!(!walk(now).is_out_of_date(now + SECOND, true, free(4600)));
        assert!(walk(now).is_out_of_date(now + SECOND, false, free(4599)));
        assert!(!walk(now).is_out_of_date(now + SECOND / 10, true, free(0)), "not all of the time");
        assert!(walk(now).is_out_of_date(now + SECOND, true, Amount { bytes: 5000, files: 9 }));
        assert!(walk(now).is_out_of_date(now + PERIOD, true, free(5000)), "others may have freed as much");
        assert!(!walk(now).is_out_of_date(now + PERIOD, false, free(5000)), "who rests writes nothing");
    }

    #[test]
    fn whoever_begins_above_the_limit_may_tidy_up_but_not_without_end() {
        assert_eq!((allowed(6400, 0), allowed(6400, 6400)), (6400, 6400));
        assert_eq!(allowed(6400, 7000), 7100);
        assert_eq!(allowed(6400, 8001), 6400);
    }

    #[test]
    fn everything_is_counted_and_no_link_followed() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        std::fs::create_dir_all(at("a/b/c")).unwrap();
        std::fs::write(at("a/b/file"), vec![1; 100_000]).unwrap();
        std::fs::hard_link(at("a/b/file"), at("same")).unwrap();
        std::os::unix::fs::symlink("/usr", at("everything")).unwrap();
        for closed in ["a/b", "a"] {
            std::fs::set_permissions(at(closed), std::fs::Permissions::from_mode(0o000)).unwrap();
        }
        let places = [directory.path().to_owned(), at("none")];
        let used = measure(&places, 100).unwrap();
        assert_eq!(used.files, 6);
        assert!((100_000..150_000).contains(&used.bytes), "{used:?}");
        assert_eq!(measure(&places, 2).unwrap().files, 3, "enough is enough");
    }

    #[test]
    fn what_is_too_deep_cannot_be_counted() {
        let directory = tempfile::tempdir().unwrap();
        let deep = |depth| std::fs::create_dir_all(directory.path().join("d/".repeat(depth)));
        deep(DEPTH - 1).unwrap();
        assert!(measure(&[directory.path().to_owned()], 1000).is_some());
        deep(DEPTH).unwrap();
        assert!(measure(&[directory.path().to_owned()], 1000).is_none());
    }
}

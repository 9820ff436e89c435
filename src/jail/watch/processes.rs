//! What the descendants of this process use (proc(5): `/proc/PID/stat`, `/proc/PID/smaps_rollup`).
//!
//! One pass over /proc: whoever forks while it goes on may be missed, and is there at the next look.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;

use crate::jail::sys;

/// Processes of the machine that are looked at; the kernel's own bound is 4,194,304, and nobody has these many without a bomb.
const PASS: usize = 100_000;

/// Longest `/proc/PID/stat`, in bytes: 52 numbers and a name of 64 bytes.
const STAT: usize = 2048;

/// What they use together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Load {
    /// Their threads; a process has at least one.
    pub(super) threads: u64,
    /// Processor time, in clock ticks, that of the ended ones that were waited for included.
    pub(super) ticks: u64,
    /// Bytes of memory; what is shared counts once for each.
    pub(super) resident: u64,
    /// They themselves.
    pub(super) pids: Vec<i32>,
}

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Process {
    parent: i32,
    ticks: u64,
    /// Of its children that ended and were waited for.
    ended: u64,
    threads: u64,
    pages: u64,
}

/// What the descendants of this process use now. Nothing where /proc cannot be read: then no runtime was started either.
pub(super) fn load() -> Load {
    let pids = std::fs::read_dir("/proc").into_iter().flatten();
    let pids = pids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok()).take(PASS);
    let all: BTreeMap<i32, Process> = pids.filter_map(|pid| Some((pid, process(pid)?))).collect();
    below(rustix::process::getpid().as_raw_pid(), &all)
}

/// Adds up those whose ancestor `root` is.
fn below(root: i32, all: &BTreeMap<i32, Process>) -> Load {
    let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    for (&pid, process) in all {
        children.entry(process.parent).or_default().push(pid);
    }
    let page = sys::page_size();
    let mut load = Load { ticks: all.get(&root).map_or(0, |root| root.ended), ..Load::default() };
    let mut left = children.remove(&root).unwrap_or_default();
    while let Some(pid) = left.pop() {
        left.extend(children.remove(&pid).unwrap_or_default());
        if let Some(process) = all.get(&pid) {
            load.threads += process.threads;
            load.ticks += process.ticks + process.ended;
            load.resident = load.resident.saturating_add(process.pages.saturating_mul(page));
            load.pids.push(pid);
        }
    }
    load
}

fn process(pid: i32) -> Option<Process> {
    let mut text = [0; STAT];
    // The kernel gives all of it at once.
    let length = File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut text).ok()?;
    parse(text.get(..length)?)
}

/// A name is whatever its process likes, and ends at the last parenthesis. Every process of the machine passes here, for each runtime: so
/// only what is wanted is read as a number.
fn parse(stat: &[u8]) -> Option<Process> {
    let end = stat.iter().rposition(|&byte| byte == b')')?;
    let mut fields = stat.get(end + 1..)?.split(|&byte| byte == b' ').skip(1);
    let mut after = |skipped: usize| fields.nth(skipped).map(number);
    Some(Process {
        // Fields 4, 14 to 17, 20 and 24; the third comes first.
        parent: i32::try_from(after(1)?).ok()?,
        ticks: after(9)?.checked_add(after(0)?)?,
        ended: after(0)?.checked_add(after(0)?)?,
        threads: after(2)?,
        pages: after(3)?,
    })
}

/// What is negative, or no number, is nothing.
fn number(word: &[u8]) -> u64 {
    std::str::from_utf8(word).ok().and_then(|word| word.parse().ok()).unwrap_or(0)
}

impl Load {
    /// Bytes of memory, what is shared divided among those who share it. Of a process that lets nobody look: all that is resident.
    pub(super) fn proportional(&self) -> u64 {
        let page = sys::page_size();
        let whole = |pid: i32| process(pid).map_or(0, |process| process.pages.saturating_mul(page));
        self.pids.iter().map(|&pid| share(pid).unwrap_or_else(|| whole(pid))).fold(0, u64::saturating_add)
    }
}

fn share(pid: i32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("Pss:"))?.split_whitespace().next()?;
    Some(kilobytes.parse::<u64>().ok()?.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn a_process_may_call_itself_what_it_likes() {
        let stat = b"7 (a) R 1 (\xff) S 3 7 7 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 5 0 99 1000 25 0";
        assert_eq!(parse(stat), Some(Process { parent: 3, ticks: 30, ended: 70, threads: 5, pages: 25 }));
        assert_eq!(parse(b"7 (short) S 1"), None);
    }

    #[test]
    fn only_descendants_count_however_they_are_numbered() {
        let one = |parent| Process { parent, ticks: 1, ended: 0, threads: 2, pages: 1 };
        let all = BTreeMap::from([(10, Process { ended: 100, ..one(1) }), (11, one(10)), (5, one(11)), (12, one(1)), (13, one(13))]);
        let load = below(10, &all);
        assert_eq!((load.threads, load.ticks, load.pids.len()), (4, 102, 2));
    }

    #[test]
    fn a_child_of_ours_is_seen_with_its_memory() {
        let piped = std::process::Stdio::piped;
        let mut child = std::process::Command::new("/bin/cat").stdin(piped()).stdout(piped()).spawn().unwrap();
        // What has only begun has no memory yet that Linux counts; what answers has.
        child.stdin.as_mut().unwrap().write_all(b"?").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        let seen = load();
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(seen.threads >= 1 && seen.resident > 0, "{seen:?}");
        assert!(seen.pids.contains(&i32::try_from(child.id()).unwrap()));
    }
}

//! What one runtime may use: `agents.NAME.limits` of `config.json`.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::model::excess::MEGABYTE;

/// The limits of one runtime, all its processes together unless it says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Processor time in percent of one processor: throttled where there are cgroups, elsewhere on average over `cpu_window`.
    pub cpu_percent: u64,
    /// The time over which it is averaged; no setting.
    pub cpu_window: Duration,
    /// Descriptors of one process.
    pub open_files: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes on the disk of a user's workspaces and the agent's home together.
    pub workspace_size: u64,
    /// Files and directories there.
    pub workspace_files: u64,
}

/// The memory of a runtime by default: three quarters of the machine's, since on the smallest server the system and all of ours take less
/// than the rest. At least what kiro-cli needs for a turn, at most what a large build needs.
const MEMORY_SHARE: (u64, u64) = (3, 4);
const MEMORY: RangeInclusive<u64> = 384 * MEGABYTE..=4096 * MEGABYTE;

/// What is assumed where /proc/meminfo cannot be read.
const UNKNOWN_MEMORY: u64 = 1024 * MEGABYTE;

/// Processor time by default, in percent of each processor: a fifth is left to the others.
const CPU_SHARE: u64 = 80;

/// Half an hour is the longest build that anybody waits for in a chat: whoever is busy for shorter is not ended.
const CPU_WINDOW: Duration = Duration::from_secs(30 * 60);

impl Default for Limits {
    /// 512 processes are four times what the largest build in the tests had; 1,024 descriptors are what systemd gives and select(2) can
    /// count; 2 GB are a project with its dependencies and their build, on a disk of 10 GB with a few users; 200,000 files are three large
    /// `node_modules`.
    fn default() -> Self {
        let (part, whole) = MEMORY_SHARE;
        let memory = machine_memory().unwrap_or(UNKNOWN_MEMORY) / whole * part;
        let processors = std::thread::available_parallelism().map_or(1, |count| u64::try_from(count.get()).unwrap_or(1));
        Self {
            memory: memory.clamp(*MEMORY.start(), *MEMORY.end()),
            processes: 512,
            cpu_percent: CPU_SHARE * processors,
            cpu_window: CPU_WINDOW,
            open_files: 1024,
            file_size: 2048 * MEGABYTE,
            workspace_size: 2048 * MEGABYTE,
            workspace_files: 200_000,
        }
    }
}

/// Where a container finds what it may use of the machine's memory, by cgroup v2 and v1; on a machine itself neither is there, or it is
/// without limit.
const OF_CONTAINER: [&str; 2] = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Bytes of the machine's memory (proc(5), `/proc/meminfo`), or of the container's where that is less.
fn machine_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?;
    let own = OF_CONTAINER.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse().ok());
    Some(own.fold(kilobytes.parse::<u64>().ok()?.saturating_mul(1024), u64::min))
}

/// The limits as they are written; each may be left out.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct FileLimits {
    memory_megabytes: Option<u64>,
    processes: Option<u64>,
    cpu_percent: Option<u64>,
    open_files: Option<u64>,
    file_megabytes: Option<u64>,
    workspace_megabytes: Option<u64>,
    workspace_files: Option<u64>,
}

impl FileLimits {
    /// The checked limits; what is out of its bounds is told to `problem` by its key, and stays at its default.
    pub(super) fn checked(&self, mut problem: impl FnMut(&str, String)) -> Limits {
        let default = Limits::default();
        let mut number = |key: &str, given: Option<u64>, bounds: RangeInclusive<u64>, default: u64| match given {
            Some(given) if !bounds.contains(&given) => {
                problem(key, format!("{given} is not a whole number from {} to {}", bounds.start(), bounds.end()));
                default
            }
            given => given.unwrap_or(default),
        };
        let mut megabytes =
            |key: &str, given, least, default: u64| number(key, given, least..=1024 * 1024, default / MEGABYTE).saturating_mul(MEGABYTE);
        // A program that does anything needs 32 MB; a terabyte is as good as no limit.
        let memory = megabytes("memoryMegabytes", self.memory_megabytes, 32, default.memory);
        let file_size = megabytes("fileMegabytes", self.file_megabytes, 1, default.file_size);
        let workspace_size = megabytes("workspaceMegabytes", self.workspace_megabytes, 1, default.workspace_size);
        Limits {
            memory,
            file_size,
            workspace_size,
            // A node process has a dozen threads; the kernel has 4,194,304 numbers for all.
            processes: number("processes", self.processes, 16..=1_000_000, default.processes),
            cpu_percent: number("cpuPercent", self.cpu_percent, 1..=100_000, default.cpu_percent),
            cpu_window: default.cpu_window,
            // The kernel's own bound is /proc/sys/fs/nr_open, 1,048,576.
            open_files: number("openFiles", self.open_files, 64..=1_048_576, default.open_files),
            workspace_files: number("workspaceFiles", self.workspace_files, 100..=100_000_000, default.workspace_files),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_given_has_a_default_that_fits_the_machine() {
        let limits = FileLimits::default().checked(|key, why| panic!("{key}: {why}"));
        assert_eq!(limits, Limits::default());
        assert!(MEMORY.contains(&limits.memory));
        assert!(limits.memory <= machine_memory().unwrap() || limits.memory == *MEMORY.start());
    }

    #[test]
    fn every_bad_limit_is_told_by_its_key() {
        let given: FileLimits =
            serde_json::from_str(r#"{"memoryMegabytes": 1, "processes": 0, "cpuPercent": 0, "openFiles": 3, "workspaceFiles": 5000}"#)
                .unwrap();
        let mut bad = Vec::new();
        let limits = given.checked(|key, _| bad.push(key.to_owned()));
        assert_eq!(bad, ["memoryMegabytes", "processes", "cpuPercent", "openFiles"]);
        assert_eq!(limits.workspace_files, 5000);
        assert!(serde_json::from_str::<FileLimits>(r#"{"memory": 1}"#).is_err());
    }
}

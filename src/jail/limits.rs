//! Limits of one runtime's processes (getrlimit(2)).

use std::io::Write;

use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};

use super::JailError;

/// What one process of a runtime may use. Each is the hard limit too, so it cannot be raised again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Descriptors.
    pub files: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes of private memory (RLIMIT_DATA; RLIMIT_AS would count what node only reserves).
    pub memory: u64,
    /// Processes and threads of the whole user: the bot's own and all its runtimes'. Root is exempt.
    pub processes: u64,
}

impl Default for Limits {
    /// 1,024 descriptors, as systemd gives and select(2) can count; files of 2 GiB; 2 GiB of memory, with which node, cargo and gcc did their
    /// ordinary work; 512 processes, four times what the largest build in the tests had.
    fn default() -> Self {
        const GIB: u64 = 1024 * 1024 * 1024;
        Self { files: 1024, file_size: 2 * GIB, memory: 2 * GIB, processes: 512 }
    }
}

/// Bytes of memory that may be locked: some secrets of some programs.
const LOCKED: u64 = 64 * 1024;

/// How much likelier than others a runtime's processes are killed when memory runs out (proc(5), `oom_score_adj`); the bot is at 0.
const OOM_SCORE: &[u8] = b"500";

/// Applies the limits to this process, and makes it the kernel's choice when memory runs out.
pub(crate) fn apply(limits: &Limits) -> Result<(), JailError> {
    for (resource, wanted) in [
        (Resource::Nofile, limits.files),
        (Resource::Fsize, limits.file_size),
        (Resource::Data, limits.memory),
        (Resource::Nproc, limits.processes),
        (Resource::Core, 0),
        (Resource::Memlock, LOCKED),
    ] {
        let most = rustix::process::getrlimit(resource).maximum.unwrap_or(u64::MAX).min(wanted);
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) }).map_err(JailError::step("setrlimit"))?;
    }
    // Only opened for writing: making and truncating are not among the rights that the warden passes on.
    let score = std::fs::File::options().write(true).open("/proc/self/oom_score_adj");
    score.and_then(|mut score| score.write_all(OOM_SCORE)).map_err(JailError::step("raising oom_score_adj"))
}

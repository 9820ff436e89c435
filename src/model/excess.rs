//! What a runtime used more of than it may: the reason why it was ended.

use serde::{Deserialize, Serialize};

/// Bytes of what people and settings call a megabyte.
pub const MEGABYTE: u64 = 1024 * 1024;

/// One limit that was passed. Bytes are bytes here, and megabytes in its sentence, which is for the person in the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Excess {
    /// Memory of all its processes.
    #[error("The agent used more than {} MB of memory and was ended; ask for less at once, or have the operator raise `memoryMegabytes`.", .most / MEGABYTE)]
    Memory {
        /// What it may use, in bytes.
        most: u64,
    },
    /// Processes and threads.
    #[error(
        "The agent had more than {most} processes at once and was ended; ask for less at once, or have the operator raise `processes`."
    )]
    Processes {
        /// How many it may have.
        most: u64,
    },
    /// Time of processors.
    #[error("The agent kept the processor busy for too long and was ended; ask for less at once, or have the operator raise `cpuPercent`.")]
    Cpu,
    /// Bytes on the disk.
    #[error("The workspaces and the agent's home hold {} MB, and {} MB are allowed: the agent was ended. Delete something with /files, or have the operator raise `workspaceMegabytes`.", .used / MEGABYTE, .most / MEGABYTE)]
    Disk {
        /// What they hold, in bytes.
        used: u64,
        /// What they may hold, in bytes.
        most: u64,
    },
    /// Files and directories.
    #[error(
        "The workspaces and the agent's home hold more than {most} files: the agent was ended. Delete some with /files, or have the operator raise `workspaceFiles`."
    )]
    Files {
        /// How many they may hold.
        most: u64,
    },
    /// Directories that cannot be measured: nested too deep, or closed again and again.
    #[error(
        "The agent made directories that cannot be measured and was ended; delete them with /files, or have the operator look at the workspace."
    )]
    Unmeasurable,
}

//! What a backup is made of: the names in the archive, its first member and its last.
//!
//! ```text
//! backup.json      which form it has, who made it and when
//! store            every record of the store, as of one moment (src/store/snapshot.rs)
//! settings/        .env without secrets and places, config.json, kiro-config/
//! secrets/         only when asked for: bot-token, kiro-api-key, agents/AGENT/NAME
//! homes/           USER/AGENT/home: HOME of each runtime, the agent's own conversations among it
//! workspaces/      USER/THREAD
//! manifest.json    how much there is, and the sum of all of it
//! ```

use serde::{Deserialize, Serialize};

/// The form. A reader of a later one reads this one too.
pub(crate) const FORM: u32 = 1;

/// The first member.
pub(crate) const BEGIN: &str = "backup.json";

/// The store's records.
pub(crate) const STORE: &str = "store";

/// Settings.
pub(crate) const SETTINGS: &str = "settings";

/// Secrets.
pub(crate) const SECRETS: &str = "secrets";

/// Homes.
pub(crate) const HOMES: &str = "homes";

/// Workspaces.
pub(crate) const WORKSPACES: &str = "workspaces";

/// The last member.
pub(crate) const END: &str = "manifest.json";

/// Longest first and last member, in bytes.
pub(crate) const LENGTH: u64 = 1024 * 1024;

/// Bytes of settings and secrets, which a restore holds in memory: templates have at most some megabytes.
pub(crate) const SETTINGS_BYTES: u64 = 32 * 1024 * 1024;

/// Files of settings and secrets: some dozens of templates, and a few for each agent.
pub(crate) const SETTINGS_FILES: usize = 10_000;

/// The first member. Others than these keys may be added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Begin {
    /// [`FORM`].
    pub(crate) form: u32,
    /// The version that made it.
    pub(crate) kiroclaw: String,
    /// When, in Unix seconds.
    pub(crate) made: u64,
}

/// The last member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    /// Members before this one, the first among them.
    pub(crate) members: u64,
    /// Records in the store.
    pub(crate) records: u64,
    /// Bytes of content in homes and workspaces.
    pub(crate) bytes: u64,
    /// SHA-256 of the archive up to this member.
    pub(crate) sha256: String,
    /// Files that changed while they were read: how many.
    pub(crate) changed: u64,
    /// The first of them by name.
    pub(crate) changed_names: Vec<String>,
    /// What is not in it: how many.
    pub(crate) left_out: u64,
    /// The first of them, each with the reason.
    pub(crate) left_out_names: Vec<String>,
}

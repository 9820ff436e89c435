//! `config.json`: what does not fit into the environment.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::KiroEngine;
use super::limits::FileLimits;
use crate::model::Guarantee;
use crate::model::permission::{ToolKind, Verdict};

/// The file as it is written; every key may be left out, no other key may stand there.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct FileConfig {
    /// Settings of agents, by name; the one named by `KIRO_AGENT_NAME` is the default agent.
    pub(super) agents: BTreeMap<String, FileAgent>,
    /// A turn's longest time, in minutes, 1 to 1440.
    pub(super) turn_timeout_minutes: Option<u64>,
    /// How long a permission request waits, in minutes, 1 to 1440.
    pub(super) permission_timeout_minutes: Option<u64>,
}

/// One agent in the file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(super) struct FileAgent {
    /// Program and arguments.
    pub(super) command: Option<Vec<String>>,
    /// Kiro's engine, `v2` or `v3`.
    pub(super) engine: Option<KiroEngine>,
    /// More paths to read and execute.
    pub(super) read_only_paths: Vec<String>,
    /// More paths to write to.
    pub(super) read_write_paths: Vec<String>,
    /// More hosts to reach.
    pub(super) egress: Vec<String>,
    /// Variables of its environment.
    pub(super) environment: BTreeMap<String, String>,
    /// Variables whose values lie in files, by the files' paths.
    pub(super) secrets: BTreeMap<String, String>,
    /// Verdicts by kind of tool.
    pub(super) permissions: BTreeMap<ToolKind, Verdict>,
    /// What a runtime may use.
    pub(super) limits: FileLimits,
    /// What its jail may lack.
    pub(super) accept: Vec<Guarantee>,
    /// What its jail may not lack.
    pub(super) require: Vec<Guarantee>,
}

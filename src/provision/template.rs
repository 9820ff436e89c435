//! The template: read whole, bounded, values filled in, checked.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::ProvisionError;
use crate::beneath::{Beneath, Kind};
use crate::config::KiroEngine;
use crate::model::AgentName;

/// The directories of `.kiro` that are the template's: all that configure an agent.
pub(super) const DIRS: &[&str] = &["agents", "hooks", "settings", "skills", "steering"];

/// Files in a template. Skills come with scripts and references, by the dozen.
pub(super) const FILES: usize = 1_000;

/// All bytes of a template. It is read at each start of a runtime.
pub(super) const BYTES: u64 = 16 * 1024 * 1024;

/// Levels of directories below the template's own.
pub(super) const DEPTH: usize = 8;

/// One file, as it shall stand in a home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Planned {
    pub(super) content: Vec<u8>,
    /// 0600, and 0700 for what was executable.
    pub(super) mode: u32,
}

/// A template, read: paths relative to `.kiro`.
#[derive(Debug)]
pub(super) struct Template {
    root: PathBuf,
    pub(super) files: BTreeMap<PathBuf, Planned>,
    left: u64,
}

impl Template {
    /// Reads the template; `fill` gets each text and whether it is JSON.
    pub(super) fn read(root: &Path, fill: impl Fn(String, bool) -> String) -> Result<Self, ProvisionError> {
        let is_dir = root.metadata().is_ok_and(|metadata| metadata.is_dir());
        if !is_dir {
            return Err(ProvisionError::NoTemplate { path: root.to_owned() });
        }
        // The operator may have made the template itself a link.
        let root = root.canonicalize().map_err(|source| ProvisionError::Directory { what: "open", path: root.to_owned(), source })?;
        let beneath = Beneath::open(&root)?;
        let mut template = Self { root, files: BTreeMap::new(), left: BYTES };
        for dir in DIRS {
            template.collect(&beneath, Path::new(dir), 0)?;
        }
        for (path, planned) in &mut template.files {
            let content = std::mem::take(&mut planned.content);
            let is_json = path.extension().is_some_and(|suffix| suffix == "json");
            planned.content = match String::from_utf8(content) {
                Ok(text) => fill(text, is_json).into_bytes(),
                Err(binary) => binary.into_bytes(),
            };
        }
        Ok(template)
    }

    fn collect(&mut self, beneath: &Beneath, dir: &Path, depth: usize) -> Result<(), ProvisionError> {
        let Some(names) = beneath.list(dir, FILES)? else {
            return Ok(());
        };
        for name in names {
            let path = dir.join(name);
            match beneath.look(&path)? {
                Some(entry) if entry.kind == Kind::File => self.take(beneath, path, entry.mode)?,
                Some(entry) if entry.kind == Kind::Directory && depth < DEPTH => self.collect(beneath, &path, depth + 1)?,
                Some(entry) => return Err(self.bad(&path, why_not(entry.kind))),
                None => {}
            }
        }
        Ok(())
    }

    fn take(&mut self, beneath: &Beneath, path: PathBuf, mode: u32) -> Result<(), ProvisionError> {
        if self.files.len() >= FILES {
            return Err(self.bad(&path, "is one file too many"));
        }
        let Some(content) = beneath.read(&path, BYTES)? else {
            return Ok(());
        };
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or_else(|| self.bad(&path, "makes the template too big"))?;
        let mode = if mode & 0o100 == 0 { 0o600 } else { 0o700 };
        self.files.insert(path, Planned { content, mode });
        Ok(())
    }

    fn bad(&self, path: &Path, why: &'static str) -> ProvisionError {
        ProvisionError::BadTemplate { path: self.root.join(path), why }
    }

    /// Whether the agent's own file is there and such that kiro-cli takes it: for all others it silently falls back to
    /// an agent of its own.
    pub(super) fn check(&self, engine: KiroEngine, agent: &AgentName) -> Result<(), ProvisionError> {
        let suffix = match engine {
            KiroEngine::V2 => "json",
            KiroEngine::V3 => "md",
        };
        let file = Path::new("agents").join(format!("{agent}.{suffix}"));
        let path = self.root.join(&file);
        let Some(planned) = self.files.get(&file) else {
            return Err(ProvisionError::NoAgent { path, agent: agent.clone() });
        };
        let checked = match engine {
            KiroEngine::V2 => check_json(&planned.content, agent),
            KiroEngine::V3 => check_markdown(&planned.content, agent),
        };
        checked.map_err(|why| ProvisionError::BadAgent { path, why })
    }
}

fn why_not(kind: Kind) -> &'static str {
    match kind {
        Kind::Link => "is a symbolic link",
        Kind::Directory => "is a directory too deep",
        Kind::File | Kind::Other => "is no regular file",
    }
}

/// serde_json says line and column by itself.
fn check_json(content: &[u8], agent: &AgentName) -> Result<(), String> {
    let value: Value = serde_json::from_slice(content).map_err(|error| format!("not JSON: {error}"))?;
    match &value["name"] {
        Value::String(name) if name == agent.as_str() => Ok(()),
        Value::String(name) => Err(format!("`name` is {name:?} and must be {:?}, as the file's", agent.as_str())),
        _ => Err(format!("`name` is missing and must be {:?}, as the file's", agent.as_str())),
    }
}

/// Markdown with a head of YAML between two lines `---`. Of the head only a `name` on a line of its own is looked at.
fn check_markdown(content: &[u8], agent: &AgentName) -> Result<(), String> {
    let text = std::str::from_utf8(content).map_err(|error| format!("not UTF-8: {error}"))?;
    let mut lines = text.lines().map(str::trim_end);
    if lines.next() != Some("---") {
        return Err("line 1: must be `---`, the start of its head".to_owned());
    }
    let head: Vec<&str> = lines.by_ref().take_while(|line| *line != "---").collect();
    if head.len() + 1 >= text.lines().count() {
        return Err("its head has no end: a line `---`".to_owned());
    }
    let name = head.iter().find_map(|line| line.strip_prefix("name:")).map(|name| name.trim().trim_matches(['"', '\'']));
    match name {
        Some(name) if name != agent.as_str() => Err(format!("`name` is {name:?} and must be {:?}, as the file's", agent.as_str())),
        _ => Ok(()),
    }
}

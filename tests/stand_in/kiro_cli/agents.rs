//! Which agent file counts: the one in the working directory's `.kiro` before the one in the home's.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::args::Engine;
use crate::disk::kiro_dir;

/// An agent as it was found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Agent {
    pub(crate) name: String,
    /// Its file; none for those built in.
    pub(crate) file: Option<PathBuf>,
    /// The tools that it may use unasked, by ACP kind or Kiro's names.
    pub(crate) allowed: Vec<String>,
}

/// The engine's own agent, to which an unknown name falls back.
pub(crate) const DEFAULT: &str = "kiro_default";

/// The agents that need no file.
const BUILT_IN: [&str; 2] = [DEFAULT, "kiro_planner"];

impl Agent {
    pub(crate) fn builtin(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Whether a tool of this ACP kind runs unasked.
    pub(crate) fn allows(&self, kind: &str) -> bool {
        let names: &[&str] = match kind {
            "read" => &["read", "fs_read"],
            "edit" => &["write", "fs_write"],
            "execute" => &["shell", "execute_bash"],
            other => &[other],
        };
        self.allowed.iter().any(|allowed| allowed == "*" || names.contains(&allowed.as_str()))
    }
}

fn places(engine: Engine, cwd: &Path) -> [PathBuf; 2] {
    [cwd.join(".kiro/agents"), kiro_dir(engine).join("agents")]
}

/// The agent of that name, where there is a readable one.
pub(crate) fn find(engine: Engine, cwd: &Path, name: &str) -> Option<Agent> {
    if BUILT_IN.contains(&name) {
        return Some(Agent::builtin(name));
    }
    places(engine, cwd).into_iter().find_map(|dir| read(engine, &dir, name))
}

/// The names of all agents that could be chosen.
pub(crate) fn names(engine: Engine, cwd: &Path) -> Vec<String> {
    let mut names = BUILT_IN.map(str::to_owned).to_vec();
    for dir in places(engine, cwd) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            if path.extension().is_some_and(|suffix| suffix == suffix_of(engine)) && !names.contains(&name) {
                names.push(name);
            }
        }
    }
    names
}

fn suffix_of(engine: Engine) -> &'static str {
    match engine {
        Engine::V2 => "json",
        Engine::V3 => "md",
    }
}

fn read(engine: Engine, dir: &Path, name: &str) -> Option<Agent> {
    let file = dir.join(format!("{name}.{}", suffix_of(engine)));
    let text = std::fs::read_to_string(&file).ok()?;
    let allowed = match engine {
        Engine::V2 => {
            let value: Value = serde_json::from_str(&text).ok()?;
            if value["name"] != name {
                crate::complain(&format!("{}: the agent's name is not {name}", file.display()));
                return None;
            }
            value["allowedTools"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Engine::V3 => {
            let head = text.strip_prefix("---\n")?.split("\n---").next()?;
            head.lines()
                .filter_map(|line| line.strip_prefix("allowedTools:"))
                .flat_map(|list| list.trim().trim_matches(['[', ']']).split(','))
                .map(|tool| tool.trim().to_owned())
                .filter(|tool| !tool.is_empty())
                .collect()
        }
    };
    Some(Agent { name: name.to_owned(), file: Some(file), allowed })
}

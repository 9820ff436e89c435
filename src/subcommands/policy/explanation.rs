//! A policy in plain words.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::config::{AgentConfig, Config, Limits, Secrets};
use crate::jail::{Apart, Plan};
use crate::model::excess::MEGABYTE;
use crate::model::permission::{ToolKind, Verdict as Permission};
use crate::model::{Guarantee, UserId};
use crate::subcommands::inside::{LookError, Seen, Standing, Verdict, judge};
use crate::warden::JailOrder;

/// What stands for a user in a path.
const SOMEBODY: &str = "<user>";

/// What an agent may do, and what holds it to that.
#[derive(Debug, Serialize)]
pub(super) struct Explanation {
    agent: String,
    kind: &'static str,
    /// What keeps it from starting, or from being looked at.
    problems: Vec<String>,
    /// Whether a runtime of it would start.
    pub(super) starts: bool,
    program: String,
    reads: Vec<String>,
    executes: Vec<String>,
    writes: Vec<String>,
    hosts: Vec<String>,
    /// Those of the hosts that it has by its kind.
    hosts_of_kind: Vec<String>,
    /// Whether an operator is asked for other hosts: where it has a way out at all.
    asks: bool,
    permissions: Permissions,
    limits: Vec<String>,
    accepts: BTreeSet<Guarantee>,
    requires: BTreeSet<Guarantee>,
    /// How far its jail is set apart here, where that was seen.
    apart: Option<Apart>,
    jail: Vec<Verdict>,
}

/// Kinds of tools by what is done when one is to be used.
#[derive(Debug, Serialize)]
struct Permissions {
    allow: Vec<&'static str>,
    ask: Vec<&'static str>,
    deny: Vec<&'static str>,
}

impl Explanation {
    /// Of this agent, as it stands and as it was seen.
    pub(super) fn new(config: &Config, secrets: &Secrets, agent: &AgentConfig, seen: Result<Seen, LookError>) -> Self {
        let user = UserId::local(rustix::process::geteuid().as_raw());
        let order = JailOrder::for_runtime(config, secrets, agent, &user);
        let (plan, mut problems) = match order {
            Ok(order) => (Some(order.plan), Vec::new()),
            Err(error) => (None, vec![error.to_string()]),
        };
        let mut starts = plan.is_some();
        let apart = seen.as_ref().ok().map(|seen| seen.means.way);
        let jail = match seen {
            Ok(seen) => judge(&agent.minimum, &seen),
            // Said already, of the very plan.
            Err(LookError::Plan(_)) => Vec::new(),
            Err(error) => {
                problems.push(error.to_string());
                starts = false;
                Vec::new()
            }
        };
        starts &= jail.iter().all(|verdict| matches!(verdict.standing, Standing::Holds | Standing::Open));
        let paths = |paths: &[PathBuf]| -> Vec<String> { outermost(paths).into_iter().map(|path| for_anybody(path, &user)).collect() };
        let hosts = |hosts: &[crate::config::HostRule]| -> Vec<String> { hosts.iter().map(ToString::to_string).collect() };
        Self {
            agent: agent.name.to_string(),
            kind: agent.kind.as_words(),
            problems,
            starts,
            program: agent.command.join(" "),
            reads: plan.as_ref().map_or_else(Vec::new, |plan| paths(&plan.read)),
            executes: plan.as_ref().map_or_else(Vec::new, |plan| paths(&plan.execute)),
            writes: plan.as_ref().map_or_else(Vec::new, |plan| paths(&plan.write)),
            hosts: hosts(&agent.egress),
            hosts_of_kind: hosts(&agent.kind.hosts()),
            asks: apart.is_some_and(|apart| apart.has_network() || !agent.egress.is_empty()),
            permissions: Permissions::of(agent),
            limits: plan.as_ref().map_or_else(Vec::new, limits),
            accepts: agent.minimum.accept.clone(),
            requires: agent.minimum.require.clone(),
            apart,
            jail,
        }
    }

    /// As one JSON object.
    pub(super) fn to_json(&self) -> String {
        // Plain data of ours: this cannot fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl Permissions {
    fn of(agent: &AgentConfig) -> Self {
        let of =
            |wanted| ToolKind::ALL.into_iter().filter(|kind| agent.permissions.verdict(*kind) == wanted).map(ToolKind::as_str).collect();
        Self { allow: of(Permission::Allow), ask: of(Permission::Ask), deny: of(Permission::Deny) }
    }
}

/// Without what lies in another one, or stands there twice.
fn outermost(paths: &[PathBuf]) -> BTreeSet<&Path> {
    let all: BTreeSet<&Path> = paths.iter().map(PathBuf::as_path).collect();
    all.iter().copied().filter(|path| path.ancestors().skip(1).all(|above| !all.contains(above))).collect()
}

fn for_anybody(path: &Path, user: &UserId) -> String {
    path.display().to_string().replace(&user.dir_name(), SOMEBODY)
}

fn limits(plan: &Plan) -> Vec<String> {
    let Limits { memory, processes, cpu_percent, cpu_window: _, open_files, file_size, workspace_size, workspace_files } = &plan.limits;
    vec![
        format!("all of it: {} MB of memory, {processes} processes, {cpu_percent} % of a processor", memory / MEGABYTE),
        format!("each process: {open_files} open files, files of {} MB", file_size / MEGABYTE),
        format!("a user's workspaces and home: {} MB in {workspace_files} files", workspace_size / MEGABYTE),
    ]
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.agent, self.kind)?;
        for problem in &self.problems {
            writeln!(f, "  PROBLEM  {problem}")?;
        }
        line(f, "runs", &self.program)?;
        // Some thirty, all of the system's.
        let (of_system, reads): (Vec<_>, Vec<_>) = self.reads.iter().cloned().partition(|path| path.starts_with("/etc/"));
        list(f, "reads", &reads)?;
        line(f, "", &format!("and {} settings of the system in /etc", of_system.len()))?;
        list(f, "executes", &self.executes)?;
        list(f, "writes", &self.writes)?;
        let (own, kind): (Vec<_>, Vec<_>) = self.hosts.iter().cloned().partition(|host| !self.hosts_of_kind.contains(host));
        list(f, "reaches", &own)?;
        list(f, "  as its kind", &kind)?;
        match (self.hosts.is_empty(), self.asks) {
            (true, false) => line(f, "reaches", "no host")?,
            (true, true) => line(f, "reaches", "no host by its policy; for one that it wants, an operator is asked (/hosts)")?,
            (false, true) => line(f, "  asks for", "any other public host: an operator is asked (/hosts)")?,
            // Not looked at: said already.
            (false, false) => {}
        }
        for (name, kinds) in
            [("does unasked", &self.permissions.allow), ("asks before", &self.permissions.ask), ("may never", &self.permissions.deny)]
        {
            if !kinds.is_empty() {
                line(f, name, &kinds.join(", "))?;
            }
        }
        list(f, "limits", &self.limits)?;
        writeln!(f, "  on this machine, tried from inside its jail:")?;
        for verdict in &self.jail {
            let standing = match verdict.standing {
                Standing::Holds => "holds",
                Standing::Open => "open",
                Standing::Missing => "MISSING",
                Standing::Broken => "BROKEN",
            };
            writeln!(f, "    {standing:<8} {}", verdict.what)?;
            if !verdict.mend.is_empty() {
                writeln!(f, "             → {}", verdict.mend)?;
            }
        }
        write!(f, "{}", if self.starts { "It would start." } else { "It would not start." })
    }
}

fn line(f: &mut fmt::Formatter<'_>, name: &str, text: &str) -> fmt::Result {
    writeln!(f, "  {name:<13} {text}")
}

fn list(f: &mut fmt::Formatter<'_>, name: &str, items: &[String]) -> fmt::Result {
    if items.is_empty() { Ok(()) } else { line(f, name, &items.join(", ")) }
}

//! The product, running.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::tests::stand_in::telegram::Telegram;
use super::{AGENT, FIRST};

/// How long a start may take before it has failed.
const START: Duration = Duration::from_secs(20);

/// A running appliance; ends when dropped.
pub(crate) struct Appliance {
    child: Child,
    dir: TempDir,
    /// From the start to the first call of getUpdates.
    pub(crate) first_poll: Duration,
}

impl Appliance {
    /// Starts the product for that many users, with that many runtimes at most, and waits until it polls.
    pub(crate) fn start(program: &Path, telegram: &Telegram, users: i64, runtimes: usize) -> Result<Self, String> {
        let dir = directory()?;
        let log = File::create(dir.path().join("log")).map_err(|error| error.to_string())?;
        let ids: Vec<String> = (FIRST..FIRST + users).map(|user| user.to_string()).collect();
        let mut command = command(program, dir.path())?;
        command.arg("run").stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command.env("BOT_TOKEN", telegram.token()).env("TELEGRAM_API_BASE", telegram.base());
        command.env("ALLOWED_TELEGRAM_IDS", ids.join(",")).env("MAX_PROCESSES", runtimes.to_string());
        let began = SystemTime::now();
        let child = command.spawn().map_err(|error| format!("{}: {error}", program.display()))?;
        let mut appliance = Self { child, dir, first_poll: Duration::ZERO };
        let polled = telegram.waits_at_most(START, |state| {
            let poll = state.calls.iter().find(|call| call.method == "getUpdates");
            poll.map(|call| call.at)
        });
        let polled = polled.ok_or_else(|| format!("no poll within {START:?}\n{}", appliance.log()))?;
        appliance.first_poll = polled.duration_since(began).unwrap_or_default();
        Ok(appliance)
    }

    /// The proportional set sizes of its processes, but for the runtimes and their agents.
    pub(crate) fn memory(&self) -> Result<String, String> {
        let warden = self.child.id();
        let mut parts = vec![("warden".to_owned(), pss(warden)?)];
        for child in children(warden)? {
            let role = role(child).unwrap_or_default();
            if ["gateway", "egress"].contains(&role.as_str()) {
                parts.push((role, pss(child)?));
            }
        }
        if parts.len() != 3 {
            return Err(format!("not three processes: {parts:?}\n{}", self.log()));
        }
        let sum: f64 = parts.iter().map(|(_, size)| size).sum();
        let parts: Vec<String> = parts.iter().map(|(role, size)| format!("{role} {size:.1}")).collect();
        Ok(format!("{sum:.1} MB ({})", parts.join(", ")))
    }

    /// The end of its log.
    pub(crate) fn log(&self) -> String {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        // It ends within the product's own bound, which is stricter than any here; nothing is to be done about an error.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
        let _ = self.child.wait();
    }
}

/// A directory on the disk of the build, since durable writes to memory would cost nothing.
pub(crate) fn directory() -> Result<TempDir, String> {
    TempDir::with_prefix_in("b", env!("CARGO_TARGET_TMPDIR")).map_err(|error| format!("no directory to work in: {error}"))
}

/// The product with its settings but for Telegram, in a directory of its own.
pub(crate) fn command(program: &Path, dir: &Path) -> Result<Command, String> {
    let this = std::env::current_exe().map_err(|error| error.to_string())?;
    let agent = serde_json::json!([this, AGENT]).to_string();
    let mut command = Command::new(program);
    command.current_dir(dir).env_clear().env("PATH", "/usr/bin:/bin");
    command.env("LOG_LEVEL", std::env::var("LOG_LEVEL").as_deref().unwrap_or("WARNING"));
    command.env("STATE_DIR", dir.join("state")).env("WORKSPACE_BASE_PATH", dir.join("workspaces"));
    command.env("AGENT_COMMAND", agent).env("AGENT_READ_ONLY_PATHS", this);
    command.env("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets");
    Ok(command)
}

fn children(parent: u32) -> Result<Vec<u32>, String> {
    let path = format!("/proc/{parent}/task/{parent}/children");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.split_whitespace().filter_map(|pid| pid.parse().ok()).collect())
}

fn role(pid: u32) -> Option<String> {
    let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    words.split('\0').nth(1).map(str::to_owned)
}

/// In MB of 1,000,000 bytes.
fn pss(pid: u32) -> Result<f64, String> {
    let path = format!("/proc/{pid}/smaps_rollup");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error} (only root may read it)"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u32>().ok());
    kib.map(|kib| f64::from(kib) * 1024.0 / 1e6).ok_or_else(|| format!("{path}: no Pss"))
}

//! What is measured of the binary itself, and how numbers are written.

use std::collections::BTreeSet;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::appliance;

/// How often a jailed and a bare command are run in turn.
const RUNS: usize = 101;

/// Times, summed up.
pub(crate) struct Spread {
    /// Half are shorter.
    pub(crate) median: Duration,
    /// Of twenty, nineteen are shorter.
    pub(crate) p95: Duration,
}

impl Spread {
    /// Sums up times; zero for none.
    pub(crate) fn of(times: &mut [Duration]) -> Self {
        times.sort_unstable();
        let at = |twentieths: usize| times.get(times.len() * twentieths / 20).copied().unwrap_or_default();
        Self { median: at(10), p95: at(19) }
    }
}

/// Median and 95th percentile.
pub(crate) fn milliseconds(spread: &Spread) -> String {
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    format!("{:.2} ms (p95 {:.2})", ms(spread.median), ms(spread.p95))
}

/// Processors and kernel.
pub(crate) fn describe() -> String {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("{processors} processors, Linux {}", kernel.trim())
}

/// The size of the binary, if it is the static one.
pub(crate) fn size(program: &Path) -> String {
    if !program.to_string_lossy().contains("-musl/") {
        return "not built: release/binary x86_64".to_owned();
    }
    let bytes = std::fs::metadata(program).map_or(0, |about| about.len());
    format!("{}.{:02} MB", bytes / 1_000_000, bytes % 1_000_000 / 10_000)
}

/// How many system calls the gateway's filter names for the static binary on this architecture.
pub(crate) fn gateway_syscalls() -> Result<String, String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/seccomp/gateway.json");
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    let filter: Value = serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))?;
    let rules = filter["allow"].as_array().ok_or_else(|| format!("{path}: no list `allow`"))?;
    let fits = |rule: &Value, name: &str, here: &str| rule[name].as_str().is_none_or(|there| there == here);
    let here = rules.iter().filter(|rule| fits(rule, "arch", std::env::consts::ARCH) && fits(rule, "env", "musl"));
    let names: BTreeSet<&str> = here.flat_map(|rule| rule["syscalls"].as_array()).flatten().filter_map(Value::as_str).collect();
    Ok(names.len().to_string())
}

/// What the jail adds to a command: to its start, which is over when its first byte is there, and to all of it, with the end of its namespaces.
/// Differences of the medians of runs in turn.
pub(crate) fn jail_cost(program: &Path) -> Result<(String, String), String> {
    let dir = appliance::directory()?;
    let workspace = dir.path().join("workspace");
    std::fs::create_dir(&workspace).map_err(|error| error.to_string())?;
    let (mut jailed, mut bare) = (Runs::default(), Runs::default());
    for _ in 0..RUNS {
        let mut command = appliance::command(program, dir.path())?;
        jailed.run(command.arg("jail").arg("--workspace").arg(&workspace).args(["--", "/bin/echo", "here"]))?;
        bare.run(Command::new("/bin/echo").arg("here"))?;
    }
    Ok((difference(&mut jailed.starts, &mut bare.starts), difference(&mut jailed.wholes, &mut bare.wholes)))
}

fn difference(jailed: &mut [Duration], bare: &mut [Duration]) -> String {
    let (jailed, bare) = (Spread::of(jailed), Spread::of(bare));
    let cost = jailed.median.saturating_sub(bare.median).as_secs_f64() * 1e3;
    format!("{cost:.2} ms ({} against {})", milliseconds(&jailed), milliseconds(&bare))
}

/// What runs of one command took.
#[derive(Default)]
struct Runs {
    starts: Vec<Duration>,
    wholes: Vec<Duration>,
}

impl Runs {
    fn run(&mut self, command: &mut Command) -> Result<(), String> {
        let failed = |error: std::io::Error| error.to_string();
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        let first = child.stdout.as_mut().map(|stdout| stdout.read_exact(&mut [0]));
        self.starts.push(began.elapsed());
        let status = child.wait().map_err(failed)?;
        self.wholes.push(began.elapsed());
        if status.success() && first.is_some_and(|first| first.is_ok()) {
            return Ok(());
        }
        let said = child.wait_with_output().map(|output| output.stderr).unwrap_or_default();
        Err(format!("{command:?}: {status}: {}", String::from_utf8_lossy(&said).trim()))
    }
}

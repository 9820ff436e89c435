//! Programs and processes: the engine's command line, and what /proc shows of what runs in a container.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use serde_json::Value;

/// How long anything may take; the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where `tests/container/run` has its files; engines see it.
pub(crate) fn work() -> PathBuf {
    PathBuf::from(std::env::var_os("CONTAINER_WORK").expect("tests/container/run starts this test"))
}

/// A file of the repository.
pub(crate) fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

pub(crate) const IMAGE: &str = concat!("kiroclaw:", env!("CARGO_PKG_VERSION"));

/// Runs it, and gives what it wrote; panics when it fails.
#[track_caller]
pub(crate) fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", all(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What it wrote to both.
pub(crate) fn all(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

pub(crate) fn docker(words: &[&str]) -> Command {
    let mut command = Command::new("docker");
    command.args(words);
    command
}

/// What the engine tells of a container or an image.
pub(crate) fn inspect(what: &str) -> Value {
    let all: Value = serde_json::from_str(&said(&mut docker(&["inspect", what]))).unwrap();
    all[0].clone()
}

/// What a program ended with, and what it wrote.
///
/// In a container it writes to a file, by `probe into`: of what goes through the engine Docker may lose the end, or all, and still say that it
/// went well (docker/cli issue 4338; on a busy machine three of a hundred short runs by 26.1 said nothing).
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) text: String,
}

/// `tests/container/probe.c`, for an empty image.
pub(crate) fn probe() -> PathBuf {
    let program = work().join("probe");
    if !program.exists() {
        compile("tests/container/probe.c", &program);
    }
    program
}

/// Compiles a static program, so that it runs in an empty image.
fn compile(source: &str, to: &Path) {
    said(Command::new("cc").args(["-static", "-O1", "-Wall", "-Werror", "-o"]).arg(to).arg(repository(source)));
}

/// A process, as /proc shows it from outside.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) words: Vec<String>,
    pub(crate) status: BTreeMap<String, String>,
}

impl Process {
    fn read(pid: i32) -> Option<Self> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let status: BTreeMap<_, _> = status
            .lines()
            .filter_map(|line| line.split_once(":\t"))
            .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
            .collect();
        let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        let words = words.split_terminator('\0').map(str::to_owned).collect();
        Some(Self { pid, parent: status.get("PPid")?.parse().ok()?, words, status })
    }

    /// Whether it is this role of ours.
    pub(crate) fn is(&self, role: &str) -> bool {
        self.words.get(1).is_some_and(|word| word == role)
    }

    pub(crate) fn is_zombie(&self) -> bool {
        self.status["State"].starts_with('Z')
    }

    /// Its part of the memory, in bytes: what it shares counts in part (proc_pid_smaps_rollup(5)).
    pub(crate) fn memory(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.pid)).unwrap_or_default();
        let kilobytes = text.lines().find_map(|line| line.strip_prefix("Pss:")).and_then(|rest| rest.split_whitespace().next());
        kilobytes.map_or(0, |number| number.parse::<u64>().unwrap() * 1024)
    }
}

/// A process and all below it.
pub(crate) fn below(top: i32) -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let all: Vec<Process> = entries.filter_map(Process::read).collect();
    let mut below = vec![top];
    let mut next = 0;
    while next < below.len() {
        let parent = below[next];
        below.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.pid));
        next += 1;
    }
    all.into_iter().filter(|process| below.contains(&process.pid)).collect()
}

pub(crate) fn kill(pid: i32) {
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
}

/// Waits for what has no other sign than itself.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

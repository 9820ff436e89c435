//! The product as a test starts it: `kiroclaw run` in a directory of its own.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use kiroclaw::config::{Config, Sources, load_to_run};
use kiroclaw::ipc::bundle::{Bundle, seal};

use crate::kiro_install;
use crate::stand_in::telegram::{KillNote, Telegram};

/// How long a test waits for a process: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// Between two looks at what cannot be waited for otherwise.
const LOOK: Duration = Duration::from_millis(10);

/// A directory with settings, and the appliance that may run in it.
pub(crate) struct Appliance {
    directory: tempfile::TempDir,
    settings: BTreeMap<String, String>,
    warden: Option<Child>,
    small_disk: bool,
    adjust: Option<fn(&mut Config)>,
    cgroup: Option<PathBuf>,
    kill_note: KillNote,
}

/// Runs what follows in a cgroup.
const IN_CGROUP: &str = "echo $$ > \"$1/cgroup.procs\" && shift && exec \"$@\"";

/// Runs what follows with a copy of the store on a disk of 24 MiB, which is less than the store's reserve. Needs user namespaces.
const SMALL_DISK: &str =
    "mkdir small && mount -t tmpfs -o size=24m tmpfs small && cp -a state/store/. small/ && mount --move small state/store && exec \"$@\"";

impl Appliance {
    /// With the scripted kiro-cli as the agent, for these users; not started yet.
    pub(crate) fn new(telegram: &Telegram, allowed: &[i64]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let kiro = kiro_install::install(&directory.path().join("bin"), "{}").unwrap();
        let allowed: Vec<String> = allowed.iter().map(ToString::to_string).collect();
        let settings = [
            ("BOT_TOKEN", telegram.token().to_owned()),
            ("TELEGRAM_API_BASE", telegram.base()),
            ("ALLOWED_TELEGRAM_IDS", allowed.join(",")),
            ("AGENT_COMMAND", kiro.display().to_string()),
            ("KIRO_CONFIG_PATH", concat!(env!("CARGO_MANIFEST_DIR"), "/kiro-config").to_owned()),
            ("KIRO_API_KEY", "stand-in-key-5e1f".to_owned()),
            ("LOG_LEVEL", "DEBUG".to_owned()),
            // Other tests have sockets, which matter where a machine has no mount namespaces.
            ("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets".to_owned()),
        ];
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { directory, settings, warden: None, small_disk: false, adjust: None, cgroup: None, kill_note: telegram.kill_note() }
    }

    /// Started, and serving.
    pub(crate) fn start(telegram: &Telegram, allowed: &[i64]) -> Self {
        let mut appliance = Self::new(telegram, allowed);
        appliance.run(telegram);
        appliance
    }

    /// With another setting; an empty value takes it away.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.set(name, value);
        self
    }

    /// Changes a setting for the next start.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.settings.insert(name.to_owned(), value.to_owned());
    }

    /// Writes `config.json`.
    pub(crate) fn config(self, json: &str) -> Self {
        std::fs::write(self.path("config.json"), json).unwrap();
        self
    }

    /// With a configuration that no setting gives, such as a time of seconds where settings have minutes.
    pub(crate) fn adjusted(mut self, adjust: fn(&mut Config)) -> Self {
        self.adjust = Some(adjust);
        self
    }

    /// Started in this cgroup, as its only process.
    pub(crate) fn in_cgroup(mut self, directory: &Path) -> Self {
        self.cgroup = Some(directory.to_owned());
        self
    }

    /// Sets the switches of the scripted kiro-cli.
    pub(crate) fn switch(&self, switches: &str) {
        kiro_install::switch(&self.path("bin"), switches).unwrap();
    }

    /// A path in the appliance's directory.
    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// Whether the next start has its store on a disk that is all but full.
    pub(crate) fn on_a_small_disk(&mut self, small: bool) {
        self.small_disk = small;
    }

    /// `kiroclaw` with these arguments and the appliance's settings.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        // tests/trace/run names another one: the static binary, and strace before it.
        let program = std::env::var("KIROCLAW_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_kiroclaw").to_owned());
        let mut command = if self.small_disk {
            let mut command = Command::new("unshare");
            command.args(["--user", "--map-root-user", "--mount", "sh", "-ec", SMALL_DISK, "sh", &program]);
            command
        } else if let Some(cgroup) = &self.cgroup {
            let mut command = Command::new("sh");
            command.args(["-ec", IN_CGROUP, "sh"]).arg(cgroup).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(arguments).current_dir(self.directory.path()).env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(self.settings.iter().filter(|(_, value)| !value.is_empty()));
        command
    }

    /// Starts it, and waits until it polls.
    pub(crate) fn run(&mut self, telegram: &Telegram) {
        let polls = telegram.calls_of("getUpdates").len();
        self.spawn();
        telegram.waits("the bot to poll", |state| {
            let polled = state.calls.iter().filter(|call| call.method == "getUpdates").count() > polls;
            polled.then_some(())
        });
    }

    /// Starts it.
    pub(crate) fn spawn(&mut self) {
        assert!(self.warden.is_none(), "it runs already");
        let log = std::fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let (role, stdin) = match self.adjust {
            Some(adjust) => ("warden", self.bundle(adjust)),
            None => ("run", Stdio::null()),
        };
        let child = self.command(&[role]).stdin(stdin).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        self.warden = Some(child);
    }

    /// What `run` gives to the warden.
    fn bundle(&self, adjust: fn(&mut Config)) -> Stdio {
        let environment = self.settings.clone();
        let (mut config, secrets) = load_to_run(&Sources { environment, directory: self.directory.path().to_owned() }).unwrap();
        adjust(&mut config);
        seal(&Bundle { config, secrets }).unwrap().into()
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Stops it in order, and gives its exit status.
    pub(crate) fn stop(&mut self) -> ExitStatus {
        self.signal_warden(rustix::process::Signal::TERM);
        self.wait()
    }

    /// Ends the warden without warning, and waits until everything that was below it is gone.
    pub(crate) fn kill_warden(&mut self) {
        let all = self.processes();
        self.kill_note.tell();
        self.signal_warden(rustix::process::Signal::KILL);
        self.wait();
        eventually("everything below the warden to be gone", || all.iter().all(|process| !is_alive(process.pid)));
    }

    /// Ends a role without warning.
    pub(crate) fn kill(&self, role: &str) {
        let pid = self.pid_of(role);
        if role == "gateway" {
            self.kill_note.tell();
        }
        rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
        eventually("the killed process to be gone", || !is_alive(pid));
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut child = self.warden.take().expect("it runs");
        let mut status = None;
        eventually("kiroclaw to end", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    /// The pid of a role: `gateway` or `egress`.
    pub(crate) fn pid_of(&self, role: &str) -> i32 {
        let mut found = None;
        eventually(&format!("the {role} to run"), || {
            found = self.processes().into_iter().find(|process| process.words.get(1).is_some_and(|word| word == role));
            found.is_some()
        });
        found.unwrap().pid
    }

    /// The agents that run, by the pid of their own process.
    pub(crate) fn agents(&self) -> Vec<i32> {
        let is_agent = |process: &Process| process.words.first().is_some_and(|word| word.ends_with("/bin/kiro-cli"));
        self.processes().into_iter().filter(is_agent).map(|process| process.pid).collect()
    }

    /// The warden and everything below it.
    pub(crate) fn processes(&self) -> Vec<Process> {
        let Some(warden) = &self.warden else { return Vec::new() };
        let all = every_process();
        let mut below = vec![i32::try_from(warden.id()).unwrap()];
        let mut next = 0;
        while next < below.len() {
            let parent = below[next];
            below.extend(all.iter().filter(|process| process.parent == parent).map(|process| process.pid));
            next += 1;
        }
        all.into_iter().filter(|process| below.contains(&process.pid)).collect()
    }

    fn signal_warden(&self, signal: rustix::process::Signal) {
        let warden = self.warden.as_ref().expect("it runs");
        rustix::process::kill_process(rustix::process::Pid::from_child(warden), signal).unwrap();
    }

    /// Every prompt that the scripted kiro-cli has ever received, in order, over all sessions of a user.
    pub(crate) fn prompts_of(&self, user: i64) -> Vec<String> {
        let sessions = self.home_of(user).join(".kiro/sessions/cli");
        std::fs::read_to_string(sessions.join("prompts.log")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    /// The private HOME of a user.
    pub(crate) fn home_of(&self, user: i64) -> PathBuf {
        self.path(&format!("state/homes/telegram-{user}/tg-acp/home"))
    }

    /// The workspace of a user's thread in their private chat.
    pub(crate) fn workspace_of(&self, user: i64, topic: i64) -> PathBuf {
        self.path(&format!("workspaces/telegram-{user}/{user}.{topic}"))
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(60).collect();
            eprintln!("the end of the appliance's log:");
            tail.iter().rev().for_each(|line| eprintln!("  {line}"));
        }
        if let Some(mut warden) = self.warden.take() {
            // It may have ended by itself.
            let _ = rustix::process::kill_process(rustix::process::Pid::from_child(&warden), rustix::process::Signal::KILL);
            let _ = warden.wait();
        }
    }
}

/// A process, as /proc shows it.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    pub(crate) words: Vec<String>,
}

/// Every process there is.
pub(crate) fn every_process() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter_map(process).collect()
}

fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let parent = stat.rsplit_once(") ")?.1.split_whitespace().nth(1)?.parse().ok()?;
    let words = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Process { pid, parent, words: words.split_terminator('\0').map(str::to_owned).collect() })
}

/// Whether a process lives; a zombie does not.
pub(crate) fn is_alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Waits for something that has no other sign than itself.
#[track_caller]
pub(crate) fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::park_timeout(LOOK);
    }
}

/// Waits until a count has come so far, for as long as it grows: a busy machine makes that slow.
#[track_caller]
pub(crate) fn grows(what: &str, enough: usize, count: impl Fn() -> usize) {
    let mut is = count();
    while is < enough {
        eventually(what, || count() > is);
        is = count();
    }
}

/// The exit code, or 128 and the signal.
pub(crate) fn code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap())
}

/// Every regular file below a directory.
pub(crate) fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => left.push(entry.path()),
                Ok(kind) if kind.is_file() => files.push(entry.path()),
                _ => {}
            }
        }
    }
    files
}

//! The stage: a directory with all that is to be attacked, and the witness, a process that holds the rest and sees from outside what became
//! of it. One for each box, since attacks leave it damaged.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde::Deserialize;

use crate::battery::{Probe, battery};

/// Limits of the stage's jail: less than the probes take, so that each is met in a second and the machine is not harmed. A file may be larger
/// than the workspace, so that one limit is not met before the other.
const LIMITS: &str = r#"{"agents":{"tg-acp":{"limits":
    {"memoryMegabytes":512,"processes":128,"fileMegabytes":2048,"workspaceMegabytes":1024,"workspaceFiles":1000}}}}"#;

/// Where probes put what fills the disk, in the attacker's workspace (resources.c).
const TAKEN: &str = "taken";

/// What the battery's secrets begin with.
const SECRET: &str = "kiroclaw-victim-secret";

/// The user of a stage that root sets up: an ordinary one, and nobody else's, since probes reach all processes of a user.
const USER: u32 = 61_347;

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// It had its effect.
    Open,
    /// It had none. With the errno that it was told, 0 if it was told nothing.
    Blocked(i32),
    /// The box ended before it could answer, as it should where it uses up what all share.
    Ended,
    /// There is nothing of the kind here.
    Absent,
}

impl End {
    pub(crate) fn is_open(self) -> bool {
        self == Self::Open
    }
}

/// All ends of one box, by the probes' full names.
pub(crate) type Ends = BTreeMap<String, End>;

/// What the battery prints of a probe.
#[derive(Debug, Deserialize)]
struct Answer {
    probe: String,
    answer: i32,
    signal: i32,
}

/// The battery's words for "nothing of the kind" and "no answer".
const ABSENT: i32 = -1;
pub(crate) const UNKNOWN: i32 = -2;

/// Signals by which a refused probe may end: SIGKILL (of a limit), SIGALRM, SIGXFSZ, SIGSYS.
const ENDING_SIGNALS: [i32; 4] = [9, 14, 25, 31];

pub(crate) struct Stage {
    directory: tempfile::TempDir,
    witness: Child,
    words: Vec<String>,
    user: Option<u32>,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let directory = tempfile::Builder::new().prefix("attack-").tempdir().unwrap();
        let user = rustix::process::geteuid().is_root().then_some(USER);
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        chown(directory.path(), user, user).unwrap();
        for (bytes, name) in [(&battery().program, "battery"), (&battery().library, "battery.so")] {
            write_program(&directory.path().join(name), bytes, 0o755);
        }
        std::fs::copy(env!("CARGO_BIN_EXE_kiroclaw"), directory.path().join("kiroclaw")).unwrap();
        // Before the witness looks: it is among what is attacked.
        std::fs::write(directory.path().join("config.json"), LIMITS).unwrap();
        chown(directory.path().join("config.json"), user, user).unwrap();
        let id = format!("ka{}", directory.path().file_name().unwrap().to_str().unwrap().trim_start_matches("attack-"));
        let mut command = Command::new(directory.path().join("battery"));
        command.arg("witness").arg(directory.path()).args([&id, &format!("{SECRET}-in-arguments")]);
        command.env_clear().env("TOKEN", format!("{SECRET}-in-environment")).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut witness = as_user(&mut command, user).spawn().unwrap();
        let mut line = String::new();
        // Unbuffered beyond the line: its report comes later, by the same pipe, when it is asked.
        BufReader::with_capacity(1, witness.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.ends_with('\n'), "the stage could not be set up");
        let mut words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if user.is_some() {
            write_program(&directory.path().join("outside/setuid"), &battery().program, 0o4755);
            words.push("suid=1".to_owned());
        }
        Self { directory, witness, words, user }
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    /// The workspace of the attacker.
    pub(crate) fn own(&self) -> PathBuf {
        self.path("workspaces/telegram-1")
    }

    /// The service's user.
    pub(crate) fn user(&self) -> u32 {
        self.user.unwrap_or_else(|| rustix::process::geteuid().as_raw())
    }

    /// `program` as the service's user, with what a careless parent leaves: secrets in its environment, and files open as 8 and 9.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = self.command_of_root(program);
        as_user(&mut command, self.user);
        command
    }

    /// The same as whoever we are.
    pub(crate) fn command_of_root(&self, program: &Path) -> Command {
        let mut command = Command::new("sh");
        // Not by exec: so the box's parent is the same user's.
        let script = format!("exec 8<'{}' 9<'{}'; \"$0\" \"$@\"; exit $?", self.path("").display(), self.path("state/token").display());
        command.args(["-c", &script]).arg(program).current_dir(self.own());
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin").env("HOME", self.path("home"));
        command.env("LEAK", format!("{SECRET}-inherited"));
        command
    }

    pub(crate) fn words(&self) -> &[String] {
        &self.words
    }

    /// Runs every probe in the box that `make` gives a command line for the battery in, and takes the stage down. `make` gets the battery's
    /// arguments.
    pub(crate) fn attack(self, make: impl Fn(&Self, &[String]) -> Command) -> Ends {
        let words =
            |first: &[&str]| -> Vec<String> { first.iter().map(|word| (*word).to_owned()).chain(self.words.iter().cloned()).collect() };
        let mut answers = self.answers(&mut make(&self, &words(&["run"])));
        for probe in battery().probes.iter().filter(|probe| probe.alone) {
            answers.extend(self.answers(&mut make(&self, &words(&["only", &probe.full_name()]))));
            self.tidy();
        }
        self.judge(&answers)
    }

    /// What the battery says, wherever it does.
    pub(crate) fn run(&self, command: &mut Command) -> Output {
        let mut output = command.stdin(Stdio::null()).output().unwrap();
        if let Ok(said) = std::fs::read(self.said()) {
            output.stdout.extend(said);
            std::fs::remove_file(self.said()).unwrap();
        }
        output
    }

    /// Where the battery writes to by `into`.
    pub(crate) fn said(&self) -> PathBuf {
        self.own().join("said")
    }

    /// What the battery answered, by the probes' names: answer and signal.
    fn answers(&self, command: &mut Command) -> BTreeMap<String, (i32, i32)> {
        let output = self.run(command);
        let text = String::from_utf8_lossy(&output.stdout);
        let answers: BTreeMap<_, _> = text.lines().filter_map(parse).collect();
        // A box that did not start, or broke, stops nothing: only one that was ended for what is in it.
        assert!(!answers.is_empty() || is_killed(output.status), "the battery said nothing: {output:?}");
        answers
    }

    /// Removes what a probe took of the disk and was ended for: it must not end the box of the next.
    pub(crate) fn tidy(&self) {
        let taken = self.own().join(TAKEN);
        // Not by the standard library, which opens every directory of a deep tree at once.
        assert!(!taken.exists() || Command::new("rm").arg("-rf").arg(taken).status().unwrap().success());
    }

    /// Asks the witness, and judges.
    pub(crate) fn judge(mut self, answers: &BTreeMap<String, (i32, i32)>) -> Ends {
        drop(self.witness.stdin.take());
        let mut report = String::new();
        self.witness.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        assert!(self.witness.wait().unwrap().success(), "the witness failed");
        let seen: BTreeSet<&str> = report.lines().collect();
        battery().probes.iter().map(|probe| (probe.full_name(), end_of(probe, answers.get(&probe.full_name()).copied(), &seen))).collect()
    }
}

fn end_of(probe: &Probe, answer: Option<(i32, i32)>, seen: &BTreeSet<&str>) -> End {
    let name = probe.full_name();
    let Some((answer, signal)) = answer else {
        assert!(probe.alone, "{name}: its box ended before it, by another probe");
        return End::Ended;
    };
    assert!(answer != UNKNOWN || signal == 0 || ENDING_SIGNALS.contains(&signal), "{name} is broken: it ended by signal {signal}");
    match answer {
        _ if seen.contains(name.as_str()) => End::Open,
        ABSENT => End::Absent,
        UNKNOWN => End::Blocked(0),
        0 if probe.judge == "self" => End::Open,
        errno => End::Blocked(errno),
    }
}

/// Whether SIGKILL ended it, or what it is a shell for.
fn is_killed(status: ExitStatus) -> bool {
    status.signal() == Some(9) || status.code() == Some(128 + 9)
}

/// One line of the battery.
pub(crate) fn parse(line: &str) -> Option<(String, (i32, i32))> {
    let Answer { probe, answer, signal } = serde_json::from_str(line).ok()?;
    Some((probe, (answer, signal)))
}

fn write_program(path: &Path, bytes: &[u8], mode: u32) {
    std::fs::write(path, bytes).unwrap();
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

/// The command as another user, where there is one.
pub(crate) fn as_user(command: &mut Command, user: Option<u32>) -> &mut Command {
    if let Some(user) = user {
        command.uid(user).gid(user);
    }
    command
}

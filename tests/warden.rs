//! The warden with its real processes: what it starts, restarts, adopts and leaves behind.
//!
//! Every process of an appliance inherits its standard error, so its log's end is the end of them all.

#![expect(clippy::unwrap_used, reason = "the helpers of the tests may fail the tests")]

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use kiroclaw::config::{Secrets, Sources, load};
use kiroclaw::ipc::bundle::{Bundle, seal};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

const BINARY: &str = env!("CARGO_BIN_EXE_kiroclaw");

/// Far more than anything here takes; only a broken appliance lets it pass.
const PATIENCE: Duration = Duration::from_secs(60);

struct Appliance {
    warden: Child,
    stdout: Option<ChildStdout>,
    log: Receiver<String>,
}

impl Appliance {
    /// An attached appliance on `directory`; a shell runs `script` first, where there is one, and then becomes the warden.
    fn start(directory: &Path, script: Option<&str>) -> Self {
        // Other tests have sockets, which matter where a machine has no mount namespaces.
        let settings = [
            ("AGENT_COMMAND", "/bin/true"),
            ("EGRESS_ALLOW", "localhost:1"),
            ("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets"),
        ];
        let environment = settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let (config, _) = load(&Sources { environment, directory: directory.to_path_buf() }).unwrap();
        let bundle = seal(&Bundle { config, secrets: Secrets::default() }).unwrap();
        let mut command = match script {
            None => Command::new(BINARY),
            Some(script) => {
                let mut shell = Command::new("/bin/sh");
                shell.args(["-c", &format!("{script}\nexec {BINARY} \"$@\""), "sh"]).current_dir(directory);
                shell
            }
        };
        command.args(["warden", "--attached"]).stdin(bundle).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut warden = command.spawn().unwrap();
        let (stdout, stderr) = (warden.stdout.take(), warden.stderr.take().unwrap());
        let (lines, log) = channel();
        std::thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| lines.send(line)));
        Self { warden, stdout, log }
    }

    fn ready(&mut self) {
        let mut line = [0; 6];
        if self.stdout.as_mut().unwrap().read_exact(&mut line).is_err() {
            panic!("it did not get ready:\n{}", self.rest().join("\n"));
        }
        assert_eq!(&line, b"ready\n");
    }

    /// Reads the log up to a line with this message for which `is` holds.
    fn until(&self, message: &str, is: impl Fn(&Value) -> bool) -> Value {
        let mut seen = String::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => {
                    seen += &format!("{line}\n");
                    let fields = serde_json::from_str(&line).map(|event: Value| event["fields"].clone()).unwrap_or_default();
                    if fields["message"] == message && is(&fields) {
                        return fields;
                    }
                }
                Err(end) => panic!("no `{message}` ({end}) in:\n{seen}"),
            }
        }
    }

    /// The process of a role, from the log.
    fn started(&self, role: &str) -> Pid {
        pid(&self.until("role starts", |fields| fields["role"] == role))
    }

    /// The rest of the log, up to the end of every process.
    fn rest(&self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines,
                Err(RecvTimeoutError::Timeout) => panic!("a process outlives the appliance:\n{}", lines.join("\n")),
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.warden), signal).unwrap();
    }

    /// The exit code, after the last process is gone.
    fn ended(mut self) -> Option<i32> {
        self.rest();
        self.warden.wait().unwrap().code()
    }
}

fn pid(fields: &Value) -> Pid {
    Pid::from_raw(i32::try_from(fields["pid"].as_i64().unwrap()).unwrap()).unwrap()
}

fn pid_in(file: &Path) -> Pid {
    Pid::from_raw(std::fs::read_to_string(file).unwrap().trim().parse().unwrap()).unwrap()
}

fn is_gone(pid: Pid) -> bool {
    rustix::process::test_kill_process(pid).is_err()
}

#[test]
fn a_killed_role_comes_back_later_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let mut appliance = Appliance::start(directory.path(), None);
    let (mut egress, mut gateway) = (appliance.started("egress"), appliance.started("gateway"));
    appliance.ready();
    for least in [250, 500] {
        for (name, process) in [("gateway", &mut gateway), ("egress", &mut egress)] {
            let killed = Instant::now();
            kill_process(*process, Signal::KILL).unwrap();
            assert_eq!(appliance.until("role ended", |fields| fields["role"] == name)["code"], 137);
            *process = appliance.started(name);
            assert!(killed.elapsed() >= Duration::from_millis(least), "{name} came back too early");
            if name == "gateway" {
                appliance.until("kiroclaw serves", |_| true);
            }
        }
    }
    appliance.signal(Signal::TERM);
    assert_eq!(appliance.ended(), Some(0));
    assert!(is_gone(gateway) && is_gone(egress));
}

#[test]
fn each_signal_that_asks_for_the_end_stops_everything_in_order() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let directory = tempfile::tempdir().unwrap();
        let mut appliance = Appliance::start(directory.path(), None);
        appliance.ready();
        appliance.signal(signal);
        assert_eq!(appliance.until("role ended", |_| true)["role"], "gateway");
        assert_eq!(appliance.until("role ended", |_| true)["role"], "egress");
        assert_eq!(appliance.ended(), Some(0));
    }
}

#[test]
fn an_attached_appliance_ends_with_its_reader() {
    let directory = tempfile::tempdir().unwrap();
    let mut appliance = Appliance::start(directory.path(), None);
    appliance.ready();
    drop(appliance.stdout.take());
    assert_eq!(appliance.ended(), Some(0));
}

#[test]
fn nothing_outlives_a_killed_warden() {
    let directory = tempfile::tempdir().unwrap();
    let mut appliance = Appliance::start(directory.path(), None);
    appliance.ready();
    appliance.signal(Signal::KILL);
    assert_eq!(appliance.ended(), None);
}

#[test]
fn two_on_one_state_directory_are_one_too_many() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = Appliance::start(directory.path(), None);
    first.ready();
    let second = Appliance::start(directory.path(), None);
    let said = second.rest().join("\n");
    assert!(said.contains("another kiroclaw is running") && said.contains(&format!("pid {}", first.warden.id())), "{said}");
    assert_eq!(second.ended(), Some(1));
    first.signal(Signal::TERM);
    assert_eq!(first.ended(), Some(0));
}

#[test]
fn an_adopted_orphan_is_killed_and_a_child_from_before_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR, 0).unwrap();
    // Both are children of the shell that becomes the warden. The second one waits for a line and then leaves an orphan.
    let script = "sleep 100 >&- 2>&- & echo $! > stranger\n(timeout 100 cat fifo > /dev/null; sleep 100 & echo $! > orphan) >&- 2>&- &";
    let mut appliance = Appliance::start(directory.path(), Some(script));
    appliance.ready();
    let stranger = pid_in(&directory.path().join("stranger"));
    std::fs::OpenOptions::new().write(true).open(&fifo).unwrap().write_all(b"go\n").unwrap();
    let killed = pid(&appliance.until("an orphan is killed", |_| true));
    assert_eq!(pid_in(&directory.path().join("orphan")), killed);
    assert!(!is_gone(stranger));
    appliance.signal(Signal::TERM);
    assert_eq!(appliance.ended(), Some(0));
    assert!(is_gone(killed), "the orphan was killed, but not reaped");
    kill_process(stranger, Signal::KILL).unwrap();
}

#[test]
fn no_role_has_an_environment_or_blocked_signals() {
    let directory = tempfile::tempdir().unwrap();
    let mut appliance = Appliance::start(directory.path(), None);
    let (egress, gateway) = (appliance.started("egress"), appliance.started("gateway"));
    appliance.ready();
    for process in [egress, gateway] {
        let proc = Path::new("/proc").join(process.as_raw_pid().to_string());
        // Unreadable, since the process is not dumpable, is as good as empty.
        assert_eq!(std::fs::read(proc.join("environ")).unwrap_or_default(), b"");
        let status = std::fs::read_to_string(proc.join("status")).unwrap();
        assert!(status.contains("SigBlk:\t0000000000000000"), "{status}");
    }
    appliance.signal(Signal::TERM);
    assert_eq!(appliance.ended(), Some(0));
}

#[test]
fn run_names_every_bad_setting_at_once_and_starts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = Command::new(BINARY);
    command.arg("run").env_clear().env("MAX_PROCESSES", "none").current_dir(directory.path());
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64));
    assert!(said.contains("2 problems") && said.contains("BOT_TOKEN") && said.contains("MAX_PROCESSES"), "{said}");
    assert!(!directory.path().join("state").exists());
}

#[test]
fn run_becomes_a_warden_without_the_environment_that_held_the_token() {
    let directory = tempfile::tempdir().unwrap();
    let token = format!("1234567:{}", "x".repeat(35));
    let mut command = Command::new(BINARY);
    command.arg("run").env_clear().current_dir(directory.path()).stdin(Stdio::null()).stderr(Stdio::piped());
    // Nobody answers at this address, and nothing is asked of anybody else.
    command.envs([("BOT_TOKEN", token.as_str()), ("AGENT_COMMAND", "/bin/true"), ("TELEGRAM_API_BASE", "http://127.0.0.1:9")]);
    let mut warden = command.spawn().unwrap();
    let mut log = BufReader::new(warden.stderr.take().unwrap());
    let mut first = String::new();
    log.read_line(&mut first).unwrap();
    let proc = Path::new("/proc").join(warden.id().to_string());
    assert_eq!(std::fs::read(proc.join("environ")).unwrap_or_default(), b"");
    assert_eq!(std::fs::read(proc.join("cmdline")).unwrap(), b"kiroclaw\0warden\0");
    kill_process(Pid::from_child(&warden), Signal::TERM).unwrap();
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert_eq!(warden.wait().unwrap().code(), Some(0), "{first}{rest}");
    assert!(!format!("{first}{rest}").contains(&token));
}

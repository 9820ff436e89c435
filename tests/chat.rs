//! `kiroclaw chat` as people and scripts use it: the real binary, the real jail, the built-in demo agent.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test code: a panic is the failure of the test")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// What a test waits for comes within a second; this is for the one that does not come.
const PATIENCE: Duration = Duration::from_secs(60);

fn kiroclaw(directory: &Path) -> Command {
    // tests/trace/run names another one: the static binary, and strace before it.
    let program = std::env::var_os("KIROCLAW_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_kiroclaw").into());
    let mut command = Command::new(program);
    // Of the machine's own settings nothing counts; without HOME no installed kiro-cli is found there.
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(directory);
    command.env("AGENT_COMMAND", "").stdin(Stdio::null());
    // Other tests have sockets, which matter where a machine has no mount namespaces.
    command.env("ACCEPT_MISSING", "ports,signals,abstract-sockets,unix-sockets");
    command
}

fn chat(directory: &Path, arguments: &[&str]) -> Output {
    kiroclaw(directory).arg("chat").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The ids of our processes whose working directory this is.
fn processes_in(directory: &Path) -> Vec<String> {
    let here = directory.canonicalize().unwrap();
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap());
    let numbers = processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|byte| byte.is_ascii_digit()));
    // A process that ended meanwhile has no directory any more.
    let within = numbers.filter(|entry| std::fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&here)));
    within.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

#[test]
fn a_newcomer_gets_an_answer_without_any_setting_and_nothing_stays_behind() {
    let directory = tempfile::tempdir().unwrap();
    let output = chat(directory.path(), &["--message", "say hello there"]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout).trim(), "hello there");
    assert_eq!(processes_in(directory.path()), Vec::<String>::new());
}

#[test]
fn a_conversation_goes_on_in_its_thread_and_another_thread_is_another() {
    let directory = tempfile::tempdir().unwrap();
    let count = |arguments: &[&str]| text(&chat(directory.path(), &[&["--message", "count"], arguments].concat()).stdout);
    assert!(count(&[]).contains("message 1 of"));
    assert!(count(&[]).contains("message 2 of"));
    assert!(count(&["--thread", "7"]).contains("message 1 of"));
}

#[test]
fn without_a_terminal_what_is_asked_is_denied_and_that_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let output = chat(directory.path(), &["--message", "run touch made"]);
    assert!(text(&output.stderr).contains("Denied, since there is nobody to ask"), "{}", text(&output.stderr));
    let found = Command::new("find").arg(directory.path()).args(["-name", "made"]).output().unwrap();
    assert_eq!(text(&found.stdout), "");
}

#[test]
fn lines_from_a_pipe_are_prompts_and_answers_one_after_the_other() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = kiroclaw(directory.path()).arg("chat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"run echo a$((1+1))b\n1\n/status\ncount\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let shown = text(&output.stdout);
    let places = ["demo agent", "? The agent asks to execute", "a2b", "kiroclaw 0.", "message 2 of"].map(|part| shown.find(part));
    assert!(places.is_sorted() && places[0].is_some(), "{shown}");
    assert!(output.status.success());
}

/// A script that talks JSON with the program.
struct Script {
    child: Child,
    lines: Receiver<String>,
}

impl Script {
    fn start(directory: &Path, arguments: &[&str]) -> Self {
        let mut command = kiroclaw(directory);
        let mut child = command.args(["chat", "--json"]).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        std::thread::spawn(move || stdout.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { child, lines }
    }

    fn say(&mut self, said: &Value) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{said}").unwrap();
    }

    /// The next event of that type; others are passed over.
    fn event(&self, kind: &str) -> Value {
        loop {
            let event: Value = serde_json::from_str(&self.lines.recv_timeout(PATIENCE).unwrap()).unwrap();
            if event["type"] == kind {
                return event;
            }
        }
    }

    fn end(mut self) -> i32 {
        drop(self.child.stdin.take());
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn a_menu_in_a_terminal_comes_anew_when_a_button_of_it_is_pressed() {
    let directory = tempfile::tempdir().unwrap();
    let mut script = Script::start(directory.path(), &[]);
    let button = |menu: &Value, part: &str| {
        let buttons = menu["buttons"].as_array().unwrap();
        buttons.iter().find(|button| button[0].as_str().unwrap().contains(part)).unwrap_or_else(|| panic!("no {part}: {menu}"))[1].clone()
    };
    script.say(&json!({"type": "text", "text": "/settings", "message": 1}));
    let token = button(&script.event("message"), "thoughts: off");
    script.say(&json!({"type": "button", "token": token}));
    button(&script.event("message"), "thoughts: on");
    script.say(&json!({"type": "button", "token": "m:0:sp:0:0"}));
    let word = script.event("message");
    assert!(word["markdown"].as_str().unwrap().contains("not yours") && word["buttons"] == json!([]), "where there are no toasts: {word}");
    assert_eq!(script.end(), 0);
}

#[test]
fn a_script_hears_every_event_and_answers_questions_by_token() {
    let directory = tempfile::tempdir().unwrap();
    let mut script = Script::start(directory.path(), &[]);
    let hello = script.event("hello");
    assert_eq!((&hello["agent"], &hello["kind"]), (&json!("tg-acp"), &json!("built_in")));
    assert!(hello["note"].as_str().unwrap().contains("demo agent"));
    script.say(&json!({"type": "text", "text": "run echo made", "message": 7}));
    assert_eq!(script.event("taken")["message"], 7);
    let ask = script.event("ask");
    let allow = ask["options"].as_array().unwrap().iter().position(|option| option["kind"] == "allow_once").unwrap();
    script.say(&json!({"type": "button", "token": format!("{}:{allow}", ask["ask"].as_str().unwrap())}));
    assert_eq!(script.event("settled")["ask"], ask["ask"]);
    assert!(script.event("message")["markdown"].as_str().unwrap().contains("made"));
    script.event("turn_ended");
    script.say(&json!({"type": "txet"}));
    assert!(script.event("refused")["why"].as_str().unwrap().contains("no request"));
    assert_eq!(script.end(), 0);
}

#[test]
fn a_script_that_ends_while_its_turn_runs_waits_for_the_answer() {
    let directory = tempfile::tempdir().unwrap();
    let mut script = Script::start(directory.path(), &[]);
    script.say(&json!({"type": "text", "text": "slow 3"}));
    drop(script.child.stdin.take());
    assert!(script.event("message")["markdown"].as_str().unwrap().contains('3'));
    assert_eq!(script.end(), 0);
}

#[test]
fn a_second_terminal_talks_to_the_appliance_that_runs() {
    let directory = tempfile::tempdir().unwrap();
    let script = Script::start(directory.path(), &[]);
    script.event("hello");
    let wardens = || std::fs::read_to_string(directory.path().join("state/run/lock")).unwrap();
    let before = wardens();
    let output = chat(directory.path(), &["--thread", "2", "--message", "say hi"]);
    assert_eq!(text(&output.stdout).trim(), "hi", "{}", text(&output.stderr));
    assert_eq!(wardens(), before);
    assert_eq!(script.end(), 0);
}

#[test]
fn the_appliance_of_a_killed_terminal_ends_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut script = Script::start(directory.path(), &[]);
    script.say(&json!({"type": "text", "text": "slow 600"}));
    script.event("text");
    script.child.kill().unwrap();
    script.child.wait().unwrap();
    let begin = Instant::now();
    while !processes_in(directory.path()).is_empty() {
        assert!(begin.elapsed() < PATIENCE, "still there: {:?}", processes_in(directory.path()));
        std::thread::yield_now();
    }
}

#[test]
fn bad_settings_are_listed_all_at_once_with_exit_code_64() {
    let directory = tempfile::tempdir().unwrap();
    let output = kiroclaw(directory.path()).env("MAX_PROCESSES", "no").env("LOG_LEVEL", "LOUD").args(["chat", "--message", "x"]).output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(64));
    let errors = text(&output.stderr);
    assert!(errors.contains("MAX_PROCESSES") && errors.contains("LOG_LEVEL"), "{errors}");
}

#[test]
fn an_appliance_that_does_not_start_is_said_with_the_end_of_its_log() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("workspaces"), "").unwrap();
    let output = chat(directory.path(), &["--message", "x"]);
    assert_eq!(output.status.code(), Some(1));
    let errors = text(&output.stderr);
    assert!(errors.contains("WORKSPACE_BASE_PATH") && errors.contains("chat.log"), "{errors}");
}

#[test]
fn an_agent_that_is_not_there_is_said_in_one_sentence_and_fails() {
    let directory = tempfile::tempdir().unwrap();
    let output = kiroclaw(directory.path()).env("AGENT_COMMAND", "no-such-agent").args(["chat", "--message", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no-such-agent"), "{}", text(&output.stderr));
}

/// A person at a terminal: `script` (of every Debian and Ubuntu) makes one around the program.
struct Person {
    child: Child,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl Person {
    fn sit_down(directory: &Path) -> Self {
        let program = format!("{} chat", env!("CARGO_BIN_EXE_kiroclaw"));
        let mut command = Command::new("script");
        command
            .args(["-qec", &program, "/dev/null"])
            .current_dir(directory)
            .env("AGENT_COMMAND", "")
            .env("TERM", "xterm")
            .env_remove("HOME");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(count @ 1..) = stdout.read(&mut part) {
                if sender.send(part[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, screen, seen: String::new() }
    }

    /// Waits until that stands on the screen, below what was waited for before.
    fn sees(&mut self, expected: &str) {
        while !self.seen.contains(expected) {
            let part = self.screen.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("`{expected}` does not come after:\n{}", self.seen));
            self.seen.push_str(&String::from_utf8_lossy(&part));
        }
        self.seen = self.seen.split_once(expected).unwrap().1.to_owned();
    }

    fn types(&mut self, keys: &str) {
        self.child.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
    }
}

#[test]
fn at_a_terminal_ctrl_c_stops_a_turn_questions_have_numbers_and_ctrl_d_leaves() {
    let directory = tempfile::tempdir().unwrap();
    let mut person = Person::sit_down(directory.path());
    person.sees("built-in demo agent");
    person.sees("> ");
    person.types("slow 600\r");
    person.sees("2 3");
    person.types("\x03");
    person.sees("Stopped.");
    person.sees("> ");
    person.types("run echo a$((1+1))b\r");
    person.sees("Choose 1-3: ");
    person.types("1\r");
    person.sees("a2b");
    person.sees("Exit status 0.");
    person.sees("> ");
    person.types("\x04");
    assert!(person.child.wait().unwrap().success());
    let history = std::fs::read_to_string(directory.path().join("state/run/chat_history")).unwrap();
    assert!(history.contains("slow 600"), "{history}");
}

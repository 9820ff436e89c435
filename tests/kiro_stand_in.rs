//! The scripted kiro-cli keeps to what is known of the real one, and takes what is provisioned for it. Driven by pipes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

#[path = "stand_in/kiro_install.rs"]
mod kiro_install;
#[path = "kiro_stand_in/shows.rs"]
mod shows;

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use kiroclaw::config::{AgentKind, KiroEngine};
use kiroclaw::provision::{self, Homestead, Inhabited};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than anything here takes on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Enough to believe that nothing will come.
const SILENCE: Duration = Duration::from_millis(300);

struct Place {
    dir: TempDir,
}

impl Place {
    fn new(switches: &str) -> Self {
        let place = Self { dir: TempDir::new().unwrap() };
        kiro_install::install(&place.path("bin"), switches).unwrap();
        for dir in ["home/.kiro/agents", "work"] {
            std::fs::create_dir_all(place.path(dir)).unwrap();
        }
        std::fs::write(place.path("home/.kiro/agents/tg-acp.json"), r#"{"name":"tg-acp"}"#).unwrap();
        std::fs::write(place.path("home/.kiro/agents/tg-acp.md"), "---\nname: tg-acp\n---\n").unwrap();
        place
    }

    fn path(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    fn sessions(&self, name: &str) -> PathBuf {
        self.path("home/.kiro/sessions/cli").join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.path("bin/kiro-cli"));
        command.args(words).env_clear().env("HOME", self.path("home")).env("KIRO_API_KEY", "key").env("PATH", "/usr/bin:/bin");
        command
    }

    fn v2(&self) -> Client {
        Client::start(self.command(&["acp", "--agent-engine", "v2", "--agent", "tg-acp"]))
    }

    fn v3(&self) -> Client {
        Client::start(self.command(&["acp", "--agent-engine", "v3", "--auth-method", "cli"]))
    }

    fn open(&self) -> Value {
        json!({"cwd": self.path("work"), "mcpServers": []})
    }

    fn open_again(&self, session: &str) -> Value {
        json!({"sessionId": session, "cwd": self.path("work"), "mcpServers": []})
    }
}

/// A client that reads lines in a thread, so that waiting can have an end.
struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    next_id: u64,
    /// The messages that came while another was awaited.
    seen: Vec<Value>,
}

impl Client {
    fn start(mut command: Command) -> Self {
        let mut child = command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let (sender, lines) = channel();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        std::thread::spawn(move || {
            let lines = stdout.split(b'\n').map_while(Result::ok);
            lines.map(|line| String::from_utf8_lossy(&line).into_owned()).try_for_each(|line| sender.send(line))
        });
        let stdin = child.stdin.take();
        let mut client = Self { child, stdin, lines, next_id: 0, seen: Vec::new() };
        let hello = json!({"protocolVersion": 1, "clientCapabilities": {}});
        client.call("initialize", hello).unwrap();
        client
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn request(&mut self, method: &str, params: Value) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        id
    }

    fn next(&self, patience: Duration) -> Result<Value, RecvTimeoutError> {
        self.lines.recv_timeout(patience).map(|line| serde_json::from_str(&line).unwrap())
    }

    /// The first message that `wanted` takes; what comes before is kept in `seen`.
    fn until(&mut self, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let message = self.next(PATIENCE).unwrap();
            if wanted(&message) {
                return message;
            }
            self.seen.push(message);
        }
    }

    fn response(&mut self, id: u64) -> Result<Value, Value> {
        let message = self.until(|message| message.get("method").is_none() && message["id"] == id);
        match message.get("error") {
            Some(error) => Err(error.clone()),
            None => Ok(message["result"].clone()),
        }
    }

    fn call(&mut self, method: &str, params: Value) -> Result<Value, Value> {
        let id = self.request(method, params);
        self.response(id)
    }

    fn new_session(&mut self, place: &Place) -> String {
        let result = self.call("session/new", place.open()).unwrap();
        result["sessionId"].as_str().unwrap().to_owned()
    }

    fn prompt(&mut self, session: &str, text: &str) -> u64 {
        self.request("session/prompt", json!({"sessionId": session, "prompt": [{"type": "text", "text": text}]}))
    }

    /// A whole turn without questions: what was said, and the response.
    fn turn(&mut self, session: &str, text: &str) -> (String, Result<Value, Value>) {
        self.seen.clear();
        let id = self.prompt(session, text);
        let response = self.response(id);
        (self.said(), response)
    }

    fn said(&self) -> String {
        self.updates("agent_message_chunk").iter().filter_map(|update| update["content"]["text"].as_str()).collect()
    }

    fn updates(&self, kind: &str) -> Vec<Value> {
        let updates = self.seen.iter().map(|message| &message["params"]["update"]);
        updates.filter(|update| update["sessionUpdate"] == kind).cloned().collect()
    }

    fn permission(&mut self) -> Value {
        self.until(|message| message["method"] == "session/request_permission")
    }

    fn answer(&mut self, question: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": question["id"], "result": result}));
    }

    /// Closes stdin and waits for the end.
    fn finish(&mut self) -> Option<i32> {
        self.stdin = None;
        self.child.wait().unwrap().code()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.stdin = None;
        // Launcher and worker; one that hangs does not notice that its launcher is gone.
        let _ = rustix::process::kill_process_group(rustix::process::Pid::from_child(&self.child), rustix::process::Signal::KILL);
        let _ = self.child.wait();
    }
}

fn selected(option: &str) -> Value {
    json!({"outcome": {"outcome": "selected", "optionId": option}})
}

fn output(mut command: Command) -> (Option<i32>, String, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn it_says_its_version_and_whether_somebody_is_logged_in() {
    let place = Place::new(r#"{"version":"9.8.7"}"#);
    assert_eq!(output(place.command(&["--version"])).1, "kiro-cli 9.8.7\n");
    assert!(output(place.command(&["whoami", "--format", "json"])).1.contains("ApiKey"));
    let mut keyless = place.command(&["whoami", "--format", "json"]);
    keyless.env_remove("KIRO_API_KEY");
    assert_eq!(output(keyless).0, Some(1));
    let data = place.path("home/.local/share/kiro-cli");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("data.sqlite3"), "").unwrap();
    let mut keyless = place.command(&["whoami", "--format", "json"]);
    keyless.env_remove("KIRO_API_KEY");
    assert_eq!(output(keyless).0, Some(0));
}

// How it goes at a terminal, tests/deploy/run tries.
#[test]
fn a_login_wants_a_terminal_and_nobody_who_is_logged_in() {
    let place = Place::new("{}");
    let login = &["login", "--use-device-flow"];
    let mut keyless = place.command(login);
    keyless.env_remove("KIRO_API_KEY");
    for (command, code, why) in [
        (place.command(login), 1, "Already logged in"),
        (keyless, 1, "wants a terminal"),
        (place.command(&["login"]), 2, "unrecognized arguments"),
    ] {
        let (ended, _, stderr) = output(command);
        assert!(ended == Some(code) && stderr.contains(why), "{why}: {ended:?} {stderr}");
    }
    assert!(!place.path("home/.local").exists());
}

#[test]
fn flags_of_the_wrong_engine_end_it_before_any_message() {
    let place = Place::new("{}");
    for words in [
        &["acp", "--agent-engine", "v3", "--auth-method", "cli", "--agent", "tg-acp"][..],
        &["acp", "--agent-engine", "v3", "--model", "auto"],
        &["acp", "--agent", "tg-acp"],
    ] {
        let (code, stdout, stderr) = output(place.command(words));
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{words:?}");
        assert!(stderr.starts_with("error: "), "{stderr}");
    }
}

#[test]
fn without_its_auth_method_v3_asks_for_a_token_and_opens_no_session() {
    let place = Place::new("{}");
    let mut client = Client::start(place.command(&["acp", "--agent-engine", "v3"]));
    let asked = client.seen.iter().find(|message| message["method"] == "_kiro/auth/getAccessToken").unwrap().clone();
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}}));
    assert_eq!(client.call("session/new", place.open()).unwrap_err()["code"], -32000);
}

#[test]
fn a_turn_streams_its_words_and_ends() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    let (said, response) = client.turn(&session, "echo hello\nstream 3");
    assert_eq!((said.as_str(), response.unwrap()["stopReason"].as_str()), ("helloword 1 word 2 word 3 ", Some("end_turn")));
    assert_eq!(client.turn(&session, "good morning").0, "You said: good morning");
    assert_eq!(client.turn(&session, "error -32050 no luck").1.unwrap_err(), json!({"code": -32050, "message": "no luck"}));
    assert_eq!(client.turn(&session, "stop refusal").1.unwrap()["stopReason"], "refusal");
}

#[test]
fn a_history_survives_the_process_and_is_replayed_with_stragglers() {
    let place = Place::new(r#"{"stragglers":1}"#);
    let mut client = place.v2();
    let session = client.new_session(&place);
    client.turn(&session, "echo one").1.unwrap();
    client.turn(&session, "echo two").1.unwrap();
    assert_eq!(client.finish(), Some(0));
    assert!(!place.sessions(&format!("{session}.lock")).exists());

    let mut client = place.v2();
    client.seen.clear();
    let loaded = client.call("session/load", place.open_again(&session)).unwrap();
    assert_eq!(loaded["modes"]["currentModeId"], "tg-acp");
    assert_eq!(client.updates("user_message_chunk").len(), 2);
    assert_eq!(client.said(), "one");
    assert_eq!(client.next(PATIENCE).unwrap()["params"]["update"]["content"]["text"], "two");
    assert_eq!(client.turn(&session, "count").0, "3");
    let log = std::fs::read_to_string(place.sessions("prompts.log")).unwrap();
    assert_eq!(log.lines().count(), 3);
}

#[test]
fn a_session_stays_locked_by_the_process_that_held_it_even_when_that_was_killed() {
    let place = Place::new("{}");
    let mut holder = place.v2();
    let session = holder.new_session(&place);
    holder.new_session(&place);
    let mut other = place.v2();
    let error = other.call("session/load", place.open_again(&session)).unwrap_err();
    assert_eq!((error["code"].as_i64(), error["message"].as_str()), (Some(-32603), Some("Internal error")));
    let data = error["data"].as_str().unwrap();
    let pid = data.strip_prefix("Failed to start session: Session is active in another process (PID ").unwrap();
    let pid: i32 = pid.trim_end_matches(')').parse().unwrap();
    assert_ne!(pid.unsigned_abs(), holder.child.id(), "the child of the launcher holds it");
    assert!(holder.call("session/load", place.open_again(&session)).is_ok(), "the holder itself may load it");

    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    assert_eq!(holder.child.wait().unwrap().code(), Some(137));
    assert_eq!(other.call("session/load", place.open_again(&session)).unwrap_err()["data"], data);
    std::fs::remove_file(place.sessions(&format!("{session}.lock"))).unwrap();
    assert!(other.call("session/load", place.open_again(&session)).is_ok());
}

#[test]
fn malformed_params_kill_the_connection_without_a_word() {
    let place = Place::new("{}");
    for params in [json!({"sessionId": "x", "cwd": "/"}), json!({"sessionId": "x", "mcpServers": []})] {
        let mut client = place.v2();
        client.request("session/load", params);
        client.request("session/new", place.open());
        assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout));
        assert_eq!(client.finish(), Some(0));
    }
}

#[test]
fn an_unknown_session_hangs_or_ends_v2_and_is_created_by_v3() {
    let place = Place::new("{}");
    let mut client = place.v2();
    client.request("session/load", place.open_again("unknown"));
    assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout));
    kiro_install::switch(&place.path("bin"), r#"{"unknown_session":"exit"}"#).unwrap();
    client.request("session/load", place.open_again("unknown"));
    assert_eq!(client.child.wait().unwrap().code(), Some(0));
    let mut client = place.v3();
    assert!(client.call("session/load", place.open_again("sess_unknown")).unwrap()["configOptions"].is_array());
    assert_eq!(client.turn("sess_unknown", "count").0, "1");
    assert_eq!(client.call("session/list", json!({})).unwrap()["sessions"][0]["sessionId"], "sess_unknown");
}

#[test]
fn the_workspaces_agent_comes_before_the_homes_and_an_unknown_one_falls_open() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    assert_eq!(client.turn(&session, "which agent").0, place.path("home/.kiro/agents/tg-acp.json").display().to_string());
    let planted = place.path("work/.kiro/agents");
    std::fs::create_dir_all(&planted).unwrap();
    std::fs::write(planted.join("tg-acp.json"), r#"{"name":"tg-acp","allowedTools":["*"]}"#).unwrap();
    let session = client.new_session(&place);
    assert_eq!(client.turn(&session, "tool execute echo ran").0, "completed: ran\n", "allowed unasked");

    let mut client = Client::start(place.command(&["acp", "--agent-engine", "v2", "--agent", "nobody"]));
    let session = client.new_session(&place);
    let notice = client.seen.iter().find(|message| message["method"] == "_kiro.dev/agent/not_found").unwrap();
    let expected = json!({"sessionId": session, "requestedAgent": "nobody", "fallbackAgent": "kiro_default"});
    assert_eq!(notice["params"], expected);
    assert_eq!(client.turn(&session, "which agent").0, "kiro_default (built in)");
}

#[test]
fn a_permission_is_a_question_under_a_uuid_that_only_the_schemas_answer_grants() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    for (answer, outcome) in [
        (json!({"granted": true}), "failed: the person rejected it"),
        (selected("reject-once"), "failed: the person rejected it"),
        (selected("allow-once"), "completed: done\n"),
    ] {
        client.seen.clear();
        let id = client.prompt(&session, "tool execute echo done");
        let question = client.permission();
        assert_eq!(question["id"].as_str().map(str::len), Some(36));
        assert_eq!(question["params"]["toolCall"].as_object().unwrap().len(), 1, "v2 names the call alone");
        assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout), "it waits for ever");
        client.answer(&question, answer);
        assert_eq!(client.response(id).unwrap()["stopReason"], "end_turn");
        assert_eq!(client.said(), outcome);
    }
    let id = client.prompt(&session, "tool execute echo done");
    let question = client.permission();
    client.answer(&question, json!({"outcome": {"outcome": "cancelled"}}));
    assert_eq!(client.response(id).unwrap()["stopReason"], "cancelled");
    let id = client.prompt(&session, "tool execute echo done");
    let question = client.permission();
    client.answer(&question, selected("allow-always"));
    client.response(id).unwrap();
    assert_eq!(client.turn(&session, "tool execute echo again").0, "completed: again\n");
}

#[test]
fn a_cancellation_ends_the_turn_but_not_before_all_questions_are_answered() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    let cancel = json!({"jsonrpc": "2.0", "method": "session/cancel", "params": {"sessionId": session}});
    for text in ["hang", "sleep 600000", "stream 100000 every 20"] {
        let id = client.prompt(&session, text);
        client.send(&cancel);
        assert_eq!(client.response(id).unwrap()["stopReason"], "cancelled", "{text}");
    }
    let id = client.prompt(&session, "ask both");
    let (one, two) = (client.permission(), client.permission());
    client.send(&cancel);
    client.answer(&one, json!({"outcome": {"outcome": "cancelled"}}));
    assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout), "the second is still open");
    client.answer(&two, json!({"outcome": {"outcome": "cancelled"}}));
    assert_eq!(client.response(id).unwrap()["stopReason"], "cancelled");
    client.prompt(&session, "hang hard");
    client.send(&cancel);
    assert_eq!(client.next(SILENCE), Err(RecvTimeoutError::Timeout));
    client.stdin = None;
    assert!(client.child.try_wait().unwrap().is_none(), "the end of stdin does not end it either");
}

#[test]
fn v2_takes_any_model_and_fails_at_the_next_prompt() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    assert!(client.call("session/set_model", json!({"sessionId": session, "modelId": "bogus"})).is_ok());
    assert_eq!(client.turn(&session, "echo x").1.unwrap_err()["code"], -32603);
    assert!(client.call("session/set_model", json!({"sessionId": session, "modelId": "claude-sonnet-4"})).is_ok());
    assert_eq!(client.turn(&session, "model").0, "claude-sonnet-4");
    let option = json!({"sessionId": session, "configId": "model", "value": "auto"});
    assert_eq!(client.call("session/set_config_option", option).unwrap_err()["code"], -32601);
    assert_eq!(client.call("session/list", json!({})).unwrap_err()["code"], -32601);
}

#[test]
fn v3_runs_tools_unasked_until_autopilot_is_off_and_coerces_silently() {
    let place = Place::new("{}");
    let mut client = place.v3();
    let session = client.new_session(&place);
    assert!(session.starts_with("sess_"));
    assert_eq!(client.turn(&session, "tool execute echo unasked").0, "completed: unasked\n");
    let kinds: BTreeSet<String> = client
        .updates("session_info_update")
        .iter()
        .filter_map(|update| update["_meta"]["kiro"]["kind"].as_str().map(str::to_owned))
        .collect();
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["context_usage", "turn_completion", "turn_end", "turn_start"]);
    let mut set = |id: &str, value: &str| {
        let params = json!({"sessionId": session, "configId": id, "value": value});
        let result = client.call("session/set_config_option", params).unwrap();
        let options = result["configOptions"].as_array().unwrap().clone();
        options.iter().find(|option| option["id"] == id).unwrap()["currentValue"].as_str().unwrap().to_owned()
    };
    assert_eq!(set("autopilot", "false"), "on");
    assert_eq!(set("autopilot", "off"), "off");
    assert_eq!(set("model", "bogus"), "auto");
    assert_eq!(set("mode", "tg-acp"), "tg-acp");
    let id = client.prompt(&session, "tool execute echo asked");
    let question = client.permission();
    assert_eq!(question["params"]["toolCall"]["kind"], "execute");
    client.answer(&question, selected("allow-once"));
    client.response(id).unwrap();
    assert_eq!(client.turn(&session, "which agent").0, place.path("home/.kiro/agents/tg-acp.md").display().to_string());
}

#[test]
fn death_in_mid_stream_ends_launcher_and_worker() {
    let place = Place::new("{}");
    for (text, chunks) in [("die", 1), ("die before", 0)] {
        let mut client = place.v2();
        let session = client.new_session(&place);
        client.seen.clear();
        client.prompt(&session, text);
        while let Ok(message) = client.next(PATIENCE) {
            client.seen.push(message);
        }
        assert_eq!(client.updates("agent_message_chunk").len(), chunks);
        assert_eq!(client.child.wait().unwrap().code(), Some(1));
    }
}

#[test]
fn an_orphan_is_in_a_session_of_its_own_and_outlives_its_maker() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    let pid = client.turn(&session, "spawn orphan").0;
    client.finish();
    let session = session_of(&pid);
    let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    assert_ne!(session, session_of("self"));
}

/// The session of a process, by the sixth field of `/proc/PID/stat` (proc(5)). It is 0 where its leader lives outside this pid namespace,
/// as in many containers, so it is compared as text and never taken for a pid.
fn session_of(pid: &str) -> String {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = stat.rsplit(')').next().unwrap();
    after_name.split_whitespace().nth(3).unwrap().to_owned()
}

#[test]
fn floods_and_garbage_come_as_asked() {
    let place = Place::new("{}");
    let mut client = place.v2();
    let session = client.new_session(&place);
    assert_eq!(client.turn(&session, "flood 3000000").0.len(), 3_000_000);
    assert_eq!(client.turn(&session, "flood lines 500").0.lines().count(), 500);

    client.prompt(&session, "garbage");
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("after the garbage")) {
        lines.push(client.lines.recv_timeout(PATIENCE).unwrap());
    }
    let bad = lines.iter().filter(|line| serde_json::from_str::<Value>(line).is_err());
    assert_eq!(bad.count(), 3, "not JSON, not UTF-8, and empty: {lines:?}");
}

#[test]
fn every_line_received_is_kept_for_the_schema() {
    let place = Place::new("{}");
    let mut client = place.v2();
    client.new_session(&place);
    let log = std::fs::read_to_string(place.sessions("wire.log")).unwrap();
    let methods: Vec<String> =
        log.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["method"].as_str().unwrap().to_owned()).collect();
    assert_eq!(methods, ["initialize", "session/new"]);
}

/// A home prepared from the template that ships, and that somebody lives in it.
fn provisioned(place: &Place, engine: KiroEngine) -> (Homestead, Inhabited) {
    let order = Homestead {
        home_dir: place.path("state/homes/telegram-1/tg-acp"),
        user_workspaces: place.path("workspaces"),
        kind: AgentKind::Kiro(engine),
        agent: "tg-acp".parse().unwrap(),
        kiro_config: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("kiro-config"),
        login: None,
    };
    let inhabited = provision::prepare(&order).unwrap();
    (order, inhabited)
}

fn in_home(place: &Place, order: &Homestead, words: &[&str]) -> Client {
    let mut command = place.command(words);
    command.env("HOME", order.home()).env("KIRO_HOME", order.kiro_home()).env("TMPDIR", order.tmp());
    Client::start(command)
}

#[test]
fn kiro_takes_the_provisioned_agent_and_not_the_one_planted_in_a_workspace() {
    let place = Place::new("{}");
    let (order, _lives) = provisioned(&place, KiroEngine::V2);
    std::fs::create_dir_all(place.path("work/.kiro/agents")).unwrap();
    std::fs::write(place.path("work/.kiro/agents/tg-acp.json"), r#"{"name":"tg-acp","allowedTools":["*"]}"#).unwrap();
    provision::set_aside_planted(&place.path("work")).unwrap().unwrap();
    let mut client = in_home(&place, &order, &["acp", "--agent-engine", "v2", "--agent", "tg-acp"]);
    let session = client.new_session(&place);
    let agent = order.kiro_home().join("agents/tg-acp.json");
    assert_eq!(client.turn(&session, "which agent").0, agent.display().to_string());
    let seen = client.turn(&session, "context").0;
    assert!(seen.contains("steering/phone.md") && seen.contains("skills/when-refused/SKILL.md"), "{seen}");
    client.prompt(&session, "tool execute true");
    let question = client.permission();
    client.answer(&question, selected("reject-once"));

    let (order, _lives) = provisioned(&place, KiroEngine::V3);
    let mut client = in_home(&place, &order, &["acp", "--agent-engine", "v3", "--auth-method", "cli"]);
    let session = client.new_session(&place);
    let params = json!({"sessionId": session, "configId": "mode", "value": "tg-acp"});
    client.call("session/set_config_option", params).unwrap();
    let agent = order.kiro_home().join("agents/tg-acp.md");
    assert_eq!(client.turn(&session, "which agent").0, agent.display().to_string());
}

#[test]
fn a_session_whose_holder_was_killed_is_loaded_again_with_its_history() {
    let place = Place::new(r#"{"stragglers":0}"#);
    let (order, _lives) = provisioned(&place, KiroEngine::V2);
    let words = ["acp", "--agent-engine", "v2", "--agent", "tg-acp"];
    let mut killed = in_home(&place, &order, &words);
    let session = killed.new_session(&place);
    killed.turn(&session, "echo kept").1.unwrap();
    let mut next = in_home(&place, &order, &words);
    let error = next.call("session/load", place.open_again(&session)).unwrap_err();
    let data = error["data"].as_str().unwrap();
    let pid: i32 = data.rsplit(' ').next().unwrap().trim_end_matches(')').parse().unwrap();
    let _next_lives = provision::prepare(&order).unwrap();
    assert!(next.call("session/load", place.open_again(&session)).is_err(), "its holder lives");
    rustix::process::kill_process(rustix::process::Pid::from_raw(pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    killed.child.wait().unwrap();
    let _again = provision::prepare(&order).unwrap();
    assert!(next.call("session/load", place.open_again(&session)).is_ok());
    assert_eq!(next.turn(&session, "count").0, "2");
}

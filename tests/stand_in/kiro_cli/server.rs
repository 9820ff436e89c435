//! The connection: reads lines, keeps the sessions, starts turns.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};

use serde_json::{Value, json};

use crate::agents::{self, Agent};
use crate::args::{Engine, Launch};
use crate::disk::Sessions;
use crate::switches::Switches;
use crate::wire::{Wire, lock, uuid};
use crate::{check, dialect, turn};

/// What a client can set in a session.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) mode: String,
    pub(crate) model: String,
    pub(crate) autopilot: bool,
    /// The agent's own commands, without their slash.
    pub(crate) commands: Vec<String>,
}

/// A session that this process holds.
pub(crate) struct Live {
    pub(crate) id: String,
    pub(crate) cwd: PathBuf,
    pub(crate) settings: Mutex<Settings>,
    pub(crate) agent: Mutex<Agent>,
    /// The ACP tool kinds that were allowed for good.
    pub(crate) always: Mutex<Vec<String>>,
    /// Whether a turn runs.
    pub(crate) busy: AtomicBool,
    /// Whether the running turn is cancelled, and its bell.
    pub(crate) cancelled: Mutex<bool>,
    pub(crate) bell: Condvar,
}

/// What all turns share.
pub(crate) struct Shared {
    pub(crate) launch: Launch,
    pub(crate) wire: Wire,
    pub(crate) sessions: Sessions,
    /// Set by `hang hard`: the end of stdin does not end us.
    pub(crate) deaf: AtomicBool,
}

struct Server {
    shared: Arc<Shared>,
    wire_log: File,
    live: HashMap<String, Arc<Live>>,
    /// After malformed params nothing is answered any more.
    mute: bool,
}

/// Serves one client on stdin and stdout.
pub(crate) fn serve(launch: &Launch) -> ExitCode {
    let opened = Sessions::open(launch.engine).and_then(|sessions| Ok((sessions.wire_log()?, sessions)));
    let (wire_log, sessions) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            crate::complain(&format!("error: cannot open the sessions directory: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let shared = Shared { launch: launch.clone(), wire: Wire::default(), sessions, deaf: AtomicBool::new(false) };
    let mut server = Server { shared: Arc::new(shared), wire_log, live: HashMap::new(), mute: false };
    let mut stdin = io::stdin().lock();
    let mut line = Vec::new();
    while let Ok(1..) = stdin.read_until(b'\n', &mut line) {
        server.take(&line);
        line.clear();
    }
    while server.shared.deaf.load(Ordering::Relaxed) {
        std::thread::park();
    }
    for id in server.live.keys() {
        server.shared.sessions.unlock(id);
    }
    ExitCode::SUCCESS
}

impl Server {
    fn take(&mut self, line: &[u8]) {
        let _ = self.wire_log.write_all(line);
        if self.mute || line.trim_ascii().is_empty() {
            return;
        }
        let message = match serde_json::from_slice::<Value>(line) {
            Ok(message) if message["jsonrpc"] == "2.0" => message,
            Ok(_) => return self.malformed("a message that is not JSON-RPC 2.0"),
            Err(error) => return self.malformed(&error.to_string()),
        };
        let Some(method) = message["method"].as_str() else {
            return self.shared.wire.answered(message);
        };
        let params = message.get("params").cloned().unwrap_or_else(|| json!({}));
        if let Err(why) = check::params(method, &params) {
            return self.malformed(&why);
        }
        match message.get("id") {
            Some(id) => self.request(id, method, &params),
            None => self.notification(method, &params),
        }
    }

    /// Malformed params give no JSON-RPC error, only stderr and a dead connection.
    fn malformed(&mut self, why: &str) {
        crate::complain(&format!("ERROR failed to deserialize: {why}"));
        if Switches::read().malformed == "exit" {
            self.end(1);
        }
        self.mute = true;
    }

    fn end(&self, code: i32) -> ! {
        self.live.keys().for_each(|id| self.shared.sessions.unlock(id));
        std::process::exit(code)
    }

    fn notification(&self, method: &str, params: &Value) {
        if method == "session/cancel"
            && let Some(live) = params["sessionId"].as_str().and_then(|id| self.live.get(id))
            && live.busy.load(Ordering::Acquire)
        {
            *lock(&live.cancelled) = true;
            live.bell.notify_all();
        }
    }

    fn request(&mut self, id: &Value, method: &str, params: &Value) {
        let engine = self.shared.launch.engine;
        match (method, engine) {
            ("initialize", _) => self.initialize(id),
            ("session/new", _) => self.new_session(id, params),
            ("session/load", _) => self.load(id, params),
            ("session/prompt", _) => self.prompt(id, params),
            ("session/list", Engine::V3) => self.list(id, params),
            ("session/set_model", Engine::V2) => self.with(id, params, |_, live| {
                lock(&live.settings).model = params["modelId"].as_str().unwrap_or_default().to_owned();
                json!({})
            }),
            ("session/set_mode", _) => self.with(id, params, |shared, live| {
                let mode = params["modeId"].as_str().unwrap_or_default();
                choose_agent(shared, live, mode);
                json!({})
            }),
            ("session/set_config_option", Engine::V3) => self.with(id, params, |shared, live| {
                let (option, value) = (params["configId"].as_str(), params["value"].as_str());
                let (option, value) = (option.unwrap_or_default(), value.unwrap_or_default());
                let agents = agents::names(engine, &live.cwd);
                dialect::set_config_option(&mut lock(&live.settings), &agents, option, value);
                let mode = lock(&live.settings).mode.clone();
                choose_agent(shared, live, &mode);
                json!({"configOptions": dialect::config_options(&lock(&live.settings), &agents)})
            }),
            ("_kiro.dev/commands/execute", Engine::V2) => {
                self.shared.wire.reply(id, json!({"success": true, "message": "done", "data": null}));
            }
            _ => self.shared.wire.refuse(id, -32601, "Method not found", None),
        }
    }

    fn with(&self, id: &Value, params: &Value, act: impl FnOnce(&Shared, &Live) -> Value) {
        match params["sessionId"].as_str().and_then(|session| self.live.get(session)) {
            Some(live) => self.shared.wire.reply(id, act(&self.shared, live)),
            None => self.shared.wire.refuse(id, -32002, "Session not found", None),
        }
    }

    fn initialize(&self, id: &Value) {
        let switches = Switches::read();
        let launch = &self.shared.launch;
        match switches.initialize.as_str() {
            "hang" => return,
            "die" => self.end(1),
            "complain" => {
                crate::complain("error: the database is locked; password=hunter2hunter2");
                self.end(1);
            }
            _ => {}
        }
        if launch.engine == Engine::V3 {
            // The real engine unpacks itself below the home before it serves.
            let unpacked = PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".local/share/kiro-cli/kas");
            if let Err(error) = std::fs::create_dir_all(&unpacked) {
                crate::complain(&format!("error: cannot unpack to {}: {error}", unpacked.display()));
                self.end(1);
            }
            if !launch.auth_cli {
                drop(self.shared.wire.request("_kiro/auth/getAccessToken", json!({})));
            }
        }
        self.shared.wire.reply(id, dialect::initialized(launch.engine, &switches.version));
    }

    /// Whether sessions may be opened; says so to the client where not.
    fn logged_in(&self, id: &Value) -> bool {
        let refused = Switches::read().require_login && crate::login::kind().is_none()
            || self.shared.launch.engine == Engine::V3 && !self.shared.launch.auth_cli;
        if refused {
            let how = "not logged in: run `kiro-cli login` or set KIRO_API_KEY";
            self.shared.wire.refuse(id, -32000, "Authentication required", Some(how));
        }
        !refused
    }

    fn new_session(&mut self, id: &Value, params: &Value) {
        if !self.logged_in(id) {
            return;
        }
        let session = match self.shared.launch.engine {
            Engine::V2 => uuid(),
            Engine::V3 => format!("sess_{}", uuid()),
        };
        let cwd = params["cwd"].as_str().unwrap_or_default();
        if let Err(error) = self.shared.sessions.create(&session, cwd) {
            let data = format!("Failed to start session: {error}");
            return self.shared.wire.refuse(id, -32603, "Internal error", Some(&data));
        }
        self.open(id, &session, cwd, |result| result["sessionId"] = json!(session));
    }

    fn load(&mut self, id: &Value, params: &Value) {
        if !self.logged_in(id) {
            return;
        }
        let session = params["sessionId"].as_str().unwrap_or_default();
        let cwd = params["cwd"].as_str().unwrap_or_default();
        let known = Sessions::is_name(session) && self.shared.sessions.exists(session);
        match (known, self.shared.launch.engine) {
            (true, _) => {}
            (false, Engine::V3) if Sessions::is_name(session) => drop(self.shared.sessions.create(session, cwd)),
            (false, _) => {
                crate::complain(&format!("ERROR no session {session}"));
                if Switches::read().unknown_session == "exit" {
                    self.end(0);
                }
                return;
            }
        }
        self.open(id, session, cwd, |_| ());
    }

    /// Takes the lock, replays what there is, and answers with the session's settings.
    fn open(&mut self, id: &Value, session: &str, cwd: &str, finish: impl FnOnce(&mut Value)) {
        let shared = Arc::clone(&self.shared);
        let (engine, switches) = (shared.launch.engine, Switches::read());
        if let Err(pid) = shared.sessions.lock(session) {
            let data = format!("Failed to start session: Session is active in another process (PID {pid})");
            return shared.wire.refuse(id, -32603, "Internal error", Some(&data));
        }
        let commands = dialect::COMMANDS.map(str::to_owned).to_vec();
        let settings = Settings { mode: agents::DEFAULT.into(), model: "auto".into(), autopilot: true, commands };
        let live = Arc::new(Live {
            id: session.to_owned(),
            cwd: PathBuf::from(cwd),
            settings: Mutex::new(settings),
            agent: Mutex::new(Agent::builtin(agents::DEFAULT)),
            always: Mutex::default(),
            busy: AtomicBool::new(false),
            cancelled: Mutex::default(),
            bell: Condvar::new(),
        });
        if switches.noise {
            dialect::servers_started(engine, session).into_iter().for_each(|(method, params)| shared.wire.notify(method, params));
        }
        if let Some(wanted) = &shared.launch.agent
            && !choose_agent(&shared, &live, wanted)
        {
            let params = json!({"sessionId": session, "requestedAgent": wanted, "fallbackAgent": agents::DEFAULT});
            shared.wire.notify("_kiro.dev/agent/not_found", params);
        }
        let mut replay = replay(&shared, session);
        let stragglers = replay.split_off(replay.len().saturating_sub(switches.stragglers));
        replay.into_iter().for_each(|update| shared.wire.update(session, update));
        let mut result = dialect::session_blocks(engine, &lock(&live.settings), &agents::names(engine, &live.cwd));
        finish(&mut result);
        let is_load = result.get("sessionId").is_none();
        shared.wire.reply(id, if is_load && switches.load_result == "null" { Value::Null } else { result });
        stragglers.into_iter().for_each(|update| shared.wire.update(session, update));
        self.live.insert(session.to_owned(), live);
    }

    /// A page, the newest first. The cursor is how many came before.
    fn list(&self, id: &Value, params: &Value) {
        let from = params["cursor"].as_str().map_or(Ok(0), str::parse::<usize>);
        match (self.shared.sessions.list(params["cwd"].as_str()), from) {
            (Ok(all), Ok(from)) => {
                let page = Switches::read().list_page.max(1);
                let sessions: Vec<Value> = all.iter().skip(from).take(page).cloned().collect();
                let next = (from + page < all.len()).then(|| (from + page).to_string());
                self.shared.wire.reply(id, json!({"sessions": sessions, "nextCursor": next}));
            }
            (_, Err(_)) => self.shared.wire.refuse(id, -32602, "Invalid params", Some("an unknown cursor")),
            (Err(error), _) => self.shared.wire.refuse(id, -32603, "Internal error", Some(&error.to_string())),
        }
    }

    fn prompt(&self, id: &Value, params: &Value) {
        let wire = &self.shared.wire;
        let Some(live) = params["sessionId"].as_str().and_then(|session| self.live.get(session)) else {
            return wire.refuse(id, -32002, "Session not found", None);
        };
        if live.busy.swap(true, Ordering::AcqRel) {
            return wire.refuse(id, -32603, "Internal error", Some("a prompt is already in progress"));
        }
        *lock(&live.cancelled) = false;
        let (shared, live, id, blocks) = (Arc::clone(&self.shared), Arc::clone(live), id.clone(), params["prompt"].clone());
        std::thread::spawn(move || turn::run(&shared, &live, &id, &blocks));
    }
}

/// Makes the agent of that name the session's. `false` where there is none: then it stays as it was.
pub(crate) fn choose_agent(shared: &Shared, live: &Live, name: &str) -> bool {
    let found = agents::find(shared.launch.engine, &live.cwd, name);
    let is_found = found.is_some();
    if let Some(agent) = found {
        lock(&live.settings).mode = agent.name.clone();
        *lock(&live.agent) = agent;
    }
    is_found
}

/// The history as the updates that it was.
fn replay(shared: &Shared, session: &str) -> Vec<Value> {
    let kind = |role: &str| if role == "user" { "user_message_chunk" } else { "agent_message_chunk" };
    let update = |entry: &crate::disk::Entry| json!({"sessionUpdate": kind(&entry.role), "content": {"type": "text", "text": entry.text}});
    shared.sessions.history(session).iter().map(update).collect()
}

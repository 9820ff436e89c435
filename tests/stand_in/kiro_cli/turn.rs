//! One turn: the prompt's steps, one after the other, in a thread of its own.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::args::Engine;
use crate::script::{self, Step};
use crate::server::{Live, Shared};
use crate::switches::Switches;
use crate::wire::lock;
use crate::{deeds, dialect, files, shows, tools};

/// A turn in progress.
pub(crate) struct Turn<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) live: &'a Live,
    blocks: &'a Value,
    /// What was said, for the history.
    said: String,
    /// What comes after the response.
    late: Option<(u64, String)>,
}

/// How a turn ends.
pub(crate) enum End {
    Stop(String),
    Error {
        code: i64,
        message: String,
    },
    /// The turn is never answered.
    Never,
}

/// `Err` where the turn ends with this step.
pub(crate) type Done = Result<(), End>;

/// Runs the turn and answers the prompt.
pub(crate) fn run(shared: &Shared, live: &Live, id: &Value, blocks: &Value) {
    let texts = blocks.as_array().into_iter().flatten().filter_map(|block| block["text"].as_str());
    let text = texts.collect::<Vec<_>>().join("\n");
    let noted = shared.sessions.log_prompt(&live.id, &text).and_then(|()| shared.sessions.remember(&live.id, "user", &text));
    let mut turn = Turn { shared, live, blocks, said: String::new(), late: None };
    let end = match noted {
        Ok(()) => turn.steps(&text),
        Err(error) => End::Error { code: -32603, message: format!("cannot write the session: {error}") },
    };
    let said = std::mem::take(&mut turn.said);
    if !said.is_empty() {
        let _ = shared.sessions.remember(&live.id, "assistant", &said);
    }
    turn.finish(id, end);
}

impl Turn<'_> {
    fn steps(&mut self, text: &str) -> End {
        let engine = self.shared.launch.engine;
        let model = lock(&self.live.settings).model.clone();
        if engine == Engine::V2 && !dialect::MODELS.contains(&model.as_str()) {
            return End::Error { code: -32603, message: "Internal error".into() };
        }
        if engine == Engine::V3 {
            self.update(dialect::turn_mark("turn_start"));
        }
        for step in script::parse(&Switches::read().script_of(text)) {
            // A hard hang takes no notice of a cancellation, not even of one that came before it.
            let before = if step == (Step::Hang { hard: true }) { Ok(()) } else { self.go_on() };
            if let Err(end) = before.and_then(|()| self.step(step)) {
                return end;
            }
        }
        match self.go_on() {
            Ok(()) => End::Stop("end_turn".into()),
            Err(end) => end,
        }
    }

    fn finish(&self, id: &Value, end: End) {
        let (engine, wire) = (self.shared.launch.engine, &self.shared.wire);
        if matches!(end, End::Never) {
            return;
        }
        if Switches::read().noise {
            let (method, params) = dialect::metadata(engine, &self.live.id);
            wire.notify(method, params);
        }
        if engine == Engine::V3 {
            ["turn_completion", "turn_end"].iter().for_each(|kind| self.update(dialect::turn_mark(kind)));
        }
        // Free before the answer: the client may send the next prompt as soon as it has it.
        self.live.busy.store(false, Ordering::Release);
        match end {
            End::Stop(reason) => wire.reply(id, json!({"stopReason": reason})),
            End::Error { code, message } => wire.refuse(id, code, &message, None),
            End::Never => {}
        }
        if let Some((ms, text)) = &self.late {
            std::thread::park_timeout(Duration::from_millis(*ms));
            self.update(chunk("agent_message_chunk", text));
        }
    }

    /// `Err` once the turn is cancelled.
    pub(crate) fn go_on(&self) -> Done {
        self.wait(0)
    }

    /// Waits that long, or until the turn is cancelled.
    fn wait(&self, ms: u64) -> Done {
        let until = Instant::now() + Duration::from_millis(ms);
        let mut cancelled = lock(&self.live.cancelled);
        while !*cancelled {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            let waited = self.live.bell.wait_timeout(cancelled, left);
            cancelled = waited.unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        Err(End::Stop("cancelled".into()))
    }

    pub(crate) fn update(&self, update: Value) {
        self.shared.wire.update(&self.live.id, update);
    }

    /// A piece of the answer.
    pub(crate) fn say(&mut self, text: &str) {
        self.said.push_str(text);
        self.update(chunk("agent_message_chunk", text));
    }

    /// A path as the tools take it: below the session's directory unless absolute.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.live.cwd.join(path)
    }

    fn step(&mut self, step: Step) -> Done {
        match step {
            Step::Echo(text) => self.say(&text),
            Step::Stream { chunks, every_ms } => {
                for number in 1..=chunks {
                    self.say(&format!("word {number} "));
                    self.wait(every_ms)?;
                }
            }
            Step::Chunks { size, text } => {
                let characters: Vec<char> = text.chars().collect();
                for piece in characters.chunks(size) {
                    self.say(&piece.iter().collect::<String>());
                    self.go_on()?;
                }
            }
            Step::Show(show) => shows::show(self, show)?,
            Step::Make { file, what } => self.say(&files::make(&self.path(&file), &what)),
            Step::Attached { with_texts } => self.say(&files::described(self.blocks, with_texts)),
            Step::Think(text) => self.update(chunk("agent_thought_chunk", &text)),
            Step::Sleep(ms) => self.wait(ms)?,
            Step::Tool { kind, what } => tools::tool(self, &kind, &what)?,
            Step::Write { file, text } => tools::write(self, &file, &text)?,
            Step::Ask(kinds) => tools::ask(self, &kinds)?,
            Step::AskBoth => tools::ask_both(self)?,
            Step::Cat(path) => self.say(&deeds::cat(&self.path(&path))),
            Step::Put { file, text } => self.say(&deeds::put(&self.path(&file), &text)),
            Step::List(path) => self.say(&deeds::list(&self.path(&path))),
            Step::Run(command) => self.say(&deeds::run(&command, &self.live.cwd).1),
            Step::Connect { host, port } => self.say(&deeds::connect(&host, port)),
            Step::ConnectProxy { host, port, text } => self.say(&deeds::connect_by_proxy(&host, port, &text)),
            Step::Spawn { stubborn } => self.say(&deeds::spawn_orphan(stubborn)),
            Step::Stop(reason) => return Err(End::Stop(reason)),
            Step::Error { code, message } => return Err(End::Error { code, message }),
            Step::Die { after_chunk, code } => {
                if after_chunk {
                    self.say("dying…");
                }
                std::process::exit(code);
            }
            Step::Hang { hard } => return self.hang(hard),
            Step::Update(update) => self.update(serde_json::from_str(&update).unwrap_or(Value::Null)),
            Step::Notify { method, params } => self.shared.wire.notify(&method, self.own_params(&params)),
            Step::Request { method, params } => {
                let answer = self.shared.wire.request(&method, self.own_params(&params)).recv().unwrap_or_default();
                let what = answer.get("error").map_or_else(|| format!("result {}", answer["result"]), |e| format!("error {}", e["code"]));
                self.say(&what);
            }
            Step::Legacy(text) => {
                let update = chunk("AgentMessageChunk", &text);
                let params = json!({"sessionId": self.live.id, "update": update});
                self.shared.wire.notify("session/notification", params);
            }
            Step::Complain(line) => crate::complain(&line),
            Step::Late { ms, text } => self.late = Some((ms, text)),
            Step::Flood(_) | Step::FloodLines(_) | Step::FloodEndless(_) | Step::Garbage | Step::Stderr(_) => self.fault(&step)?,
            asked => {
                let answer = self.about(&asked);
                self.say(&answer);
            }
        }
        Ok(())
    }

    /// Params from the script, with the session's id added.
    fn own_params(&self, params: &str) -> Value {
        let mut params: Value = serde_json::from_str(params).unwrap_or_else(|_| json!({}));
        params["sessionId"] = json!(self.live.id);
        params
    }

    fn hang(&self, hard: bool) -> Done {
        if !hard {
            loop {
                self.wait(60_000)?;
            }
        }
        self.shared.deaf.store(true, Ordering::Relaxed);
        Err(End::Never)
    }

    fn about(&self, step: &Step) -> String {
        let settings = lock(&self.live.settings).clone();
        match step {
            Step::WhichAgent => {
                let agent = lock(&self.live.agent).clone();
                agent.file.map_or_else(|| format!("{} (built in)", agent.name), |file| file.display().to_string())
            }
            Step::Count => {
                let history = self.shared.sessions.history(&self.live.id);
                history.iter().filter(|entry| entry.role == "user").count().to_string()
            }
            Step::Env(None) => {
                let mut names: Vec<String> = std::env::vars_os().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
                names.sort();
                names.join(" ")
            }
            Step::Env(Some(name)) => std::env::var(name).unwrap_or_else(|error| error.to_string()),
            Step::WorkingDirectory => self.live.cwd.display().to_string(),
            Step::Model => settings.model,
            Step::Mode => settings.mode,
            Step::Blocks => {
                let kinds = self.blocks.as_array().into_iter().flatten().filter_map(|block| block["type"].as_str());
                kinds.collect::<Vec<_>>().join(" ")
            }
            Step::Command { name, rest } if settings.commands.contains(name) => format!("ran {name} {rest}").trim_end().to_owned(),
            Step::Command { name, rest } => format!("You said: /{name} {rest}").trim_end().to_owned(),
            Step::Context => deeds::context(&self.live.cwd, self.shared.launch.engine),
            other => format!("{other:?}"),
        }
    }

    fn fault(&mut self, step: &Step) -> Done {
        let wire = &self.shared.wire;
        match *step {
            Step::Flood(bytes) => self.update(chunk("agent_message_chunk", &"x".repeat(bytes))),
            Step::FloodLines(count) => {
                for number in 0..count {
                    self.update(chunk("agent_message_chunk", &format!("{number}\n")));
                    self.go_on()?;
                }
            }
            Step::FloodEndless(bytes) => {
                let piece = vec![b'x'; 65_536];
                for _ in 0..bytes.div_ceil(piece.len()) {
                    wire.raw(&piece);
                    self.go_on()?;
                }
            }
            Step::Garbage => {
                wire.raw(b"this is not JSON\n\xff\xfe\x00\n[1,2]\n42\n\n{\"jsonrpc\":\"2.0\"}\n{\"id\":{}}\n");
                wire.send(&json!({"jsonrpc": "2.0", "id": 987_654, "result": {"stopReason": "end_turn"}}));
                wire.notify("_kiro.dev/no/such", json!([]));
                self.update(json!({"sessionUpdate": "no_such_update", "content": 7}));
                self.update(json!({"sessionUpdate": "agent_message_chunk"}));
                wire.update("no-such-session", chunk("agent_message_chunk", "not yours"));
                wire.send(&json!({"jsonrpc": "2.0", "id": 0, "method": "no/such", "params": {}}));
                self.say("after the garbage");
            }
            Step::Stderr(count) => {
                let mut stderr = std::io::stderr().lock();
                for number in 0..count {
                    let _ = writeln!(stderr, "complaint {number}");
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// An update with a text.
pub(crate) fn chunk(kind: &str, text: &str) -> Value {
    json!({"sessionUpdate": kind, "content": {"type": "text", "text": text}})
}

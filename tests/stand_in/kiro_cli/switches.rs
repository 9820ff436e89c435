//! Faults outside a turn, switched by `stand-in.json` beside the program and read at each use, so that a test can
//! change them while the program runs. A missing file is all defaults; a wrong one is refused aloud.

use serde_json::{Map, Value};

/// The switches, each with its default's meaning.
#[derive(Debug, Clone)]
pub(crate) struct Switches {
    /// `version`: what `--version` says after the name.
    pub(crate) version: String,
    /// `initialize`: `answer`, `hang`, `die`, or `complain` and die.
    pub(crate) initialize: String,
    /// `unknown_session`: what loading an unknown id does in v2, `hang` or `exit`.
    pub(crate) unknown_session: String,
    /// `malformed`: after malformed params, `mute` (alive, answers nothing more) or `exit`.
    pub(crate) malformed: String,
    /// `load_result`: `full` or `null`.
    pub(crate) load_result: String,
    /// `stragglers`: how many of the replayed updates come after the response to the load.
    pub(crate) stragglers: usize,
    /// `list_page`: how many sessions a page of v3's list has.
    pub(crate) list_page: usize,
    /// `noise`: whether notifications about servers and usage are strewn in.
    pub(crate) noise: bool,
    /// `permission_first`: whether the permission request precedes the tool call's own update.
    pub(crate) permission_first: bool,
    /// `require_login`: whether sessions need a login.
    pub(crate) require_login: bool,
    /// `ignore_sigterm`: whether kiro-cli-chat ignores SIGTERM.
    pub(crate) ignore_sigterm: bool,
    /// `autopilot_sticks`: whether v3 refuses (silently) to turn autopilot off.
    pub(crate) autopilot_sticks: bool,
    /// `tells`: whether a tool's outcome is said in words, too.
    pub(crate) tells: bool,
    /// `scripts`: prompts as a person would write them, by one of their lines, and the script that each stands for.
    pub(crate) scripts: Map<String, Value>,
}

impl Switches {
    pub(crate) fn read() -> Self {
        let path = crate::own_dir().join("stand-in.json");
        let given = match std::fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                crate::complain(&format!("{}: {error}", path.display()));
                std::process::exit(70);
            }),
            Err(_) => Value::Null,
        };
        let text = |name: &str, default: &str| given[name].as_str().unwrap_or(default).to_owned();
        let flag = |name: &str, default: bool| given[name].as_bool().unwrap_or(default);
        Self {
            version: text("version", "1.26.0"),
            initialize: text("initialize", "answer"),
            unknown_session: text("unknown_session", "hang"),
            malformed: text("malformed", "mute"),
            load_result: text("load_result", "full"),
            stragglers: given["stragglers"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(1),
            list_page: given["list_page"].as_u64().and_then(|n| usize::try_from(n).ok()).unwrap_or(50),
            noise: flag("noise", true),
            permission_first: flag("permission_first", false),
            require_login: flag("require_login", true),
            ignore_sigterm: flag("ignore_sigterm", false),
            autopilot_sticks: flag("autopilot_sticks", false),
            tells: flag("tells", true),
            scripts: given["scripts"].as_object().cloned().unwrap_or_default(),
        }
    }
    /// The script of a prompt: its own text, unless one of its lines stands for another.
    pub(crate) fn script_of(&self, prompt: &str) -> String {
        let known = prompt.lines().find_map(|line| self.scripts.get(line.trim())?.as_str());
        known.unwrap_or(prompt).to_owned()
    }
}

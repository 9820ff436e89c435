//! How each of the agents is set up, and what its tools are called. `docs/agents.md` tells people the same.

use std::path::Path;

use serde_json::{Value, json};

use crate::appliance::files_below;
use crate::stand_in::model::{MODEL, Model};

/// One agent.
pub(crate) struct Agent {
    pub(crate) name: &'static str,
    /// Its program in the directory of `tests/agents/install`, and the words behind it.
    command: fn(&str) -> Vec<String>,
    environment: fn(&Model) -> Value,
    /// The variable in which it takes its model's key.
    key: &'static str,
    /// The tool that writes a file, for a path and a content, as the model calls it.
    pub(crate) write: fn(&str, &str) -> String,
    /// The tool that runs a command.
    pub(crate) shell: fn(&str) -> String,
    /// The option that allows a tool once.
    pub(crate) allow: &'static str,
    /// What happens to its home while it does not run.
    pub(crate) between: fn(&Path),
    /// How its model's server refuses a wrong key.
    pub(crate) refused: &'static str,
}

/// <https://opencode.ai/docs/config>: everything in one variable, and nothing that it would fetch when it starts.
pub(crate) const OPENCODE: Agent = Agent {
    name: "opencode",
    command: |directory| vec![format!("{directory}/opencode"), "acp".to_owned()],
    environment: |model| {
        let own = json!({
            "npm": "@ai-sdk/openai-compatible",
            "options": {"baseURL": format!("{}/v1", model.base()), "apiKey": "{env:MODEL_KEY}"},
            "models": {MODEL: {"name": "the stand-in"}},
        });
        let name = format!("own/{MODEL}");
        let settings = json!({
            "model": name, "small_model": name, "provider": {"own": own}, "enabled_providers": ["own"], "autoupdate": false, "share": "disabled",
            "permission": {"edit": "ask", "bash": "ask", "external_directory": "allow"},
        });
        json!({
            "OPENCODE_CONFIG_CONTENT": settings.to_string(),
            "OPENCODE_DISABLE_MODELS_FETCH": "1",
            "OPENCODE_DISABLE_DEFAULT_PLUGINS": "1",
            "OPENCODE_DISABLE_LSP_DOWNLOAD": "1",
        })
    },
    key: "MODEL_KEY",
    write: |path, content| format!("write {}", json!({"filePath": path, "content": content})),
    shell: |command| format!("bash {}", json!({"command": command, "description": "looks around"})),
    allow: "Allow once",
    between: |_| {},
    refused: "401 ",
};

/// <https://geminicli.com/docs/reference/configuration>; it takes the address of its model from the environment too.
pub(crate) const GEMINI: Agent = Agent {
    name: "gemini-cli",
    command: |directory| ["/usr/bin/env", "node", &format!("{directory}/gemini"), "--acp", "--model", MODEL].map(str::to_owned).to_vec(),
    environment: |model| json!({"GOOGLE_GEMINI_BASE_URL": model.base(), "GEMINI_CLI_NO_RELAUNCH": "1"}),
    key: "GEMINI_API_KEY",
    write: |path, content| format!("write_file {}", json!({"file_path": path, "content": content})),
    shell: |command| format!("run_shell_command {}", json!({"command": command, "description": "looks around"})),
    allow: "Allow",
    between: a_minute_passes,
    refused: "400 ",
};

/// gemini-cli 0.61 names a conversation's file by the minute in which it was opened: opened twice in one minute, it is begun anew.
fn a_minute_passes(home: &Path) {
    for file in files_below(home) {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if let Some(rest) = name.strip_prefix("session-20") {
            std::fs::rename(&file, file.with_file_name(format!("session-19{rest}"))).unwrap();
        }
    }
}

impl Agent {
    /// `config.json` for it. Everything that it does to files and with commands is asked first; the key lies in `model.key`.
    pub(crate) fn settings(&self, directory: &str, model: &Model) -> String {
        let agent = json!({
            "command": (self.command)(directory),
            "readOnlyPaths": [directory],
            "egress": [model.host()],
            "environment": (self.environment)(model),
            "secrets": {self.key: "model.key"},
            "permissions": {"edit": "ask"},
        });
        json!({"agents": {"tg-acp": agent}}).to_string()
    }
}

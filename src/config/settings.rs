//! The table of all settings: what `--help`, the README and the loader agree on.

/// One setting, given by environment or `.env`.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name in the environment.
    pub name: &'static str,
    /// What holds where it is not given; empty for none.
    pub default: &'static str,
    /// Whether `NAME_FILE` may name a file that holds the value.
    pub secret: bool,
    /// What it is, one line.
    pub help: &'static str,
}

const fn setting(name: &'static str, default: &'static str, help: &'static str) -> Setting {
    Setting { name, default, secret: false, help }
}

const fn secret(name: &'static str, help: &'static str) -> Setting {
    Setting { name, default: "", secret: true, help }
}

/// Every setting that kiroclaw reads.
pub const SETTINGS: &[Setting] = &[
    secret("BOT_TOKEN", "the bot's token from @BotFather"),
    setting("ALLOWED_TELEGRAM_IDS", "", "who may use the bot: numeric ids, comma-separated; empty = nobody"),
    setting("OPERATOR_TELEGRAM_IDS", "", "who of them may grant agents more hosts; default: whoever is the only one allowed"),
    setting("KIRO_AGENT_NAME", "tg-acp", "the agent's name, and its file in KIRO_CONFIG_PATH/agents"),
    setting("KIRO_CONFIG_PATH", "./kiro-config", "templates of agents, skills and steering"),
    secret("KIRO_API_KEY", "kiro-cli's own key for use without a login; kiro runtimes see it"),
    setting("WORKSPACE_BASE_PATH", "./workspaces", "where the workspaces are"),
    setting("MAX_PROCESSES", "5", "runtimes at most, 1 to 64"),
    setting("MAX_PROCESSES_PER_USER", "2", "runtimes of one user at most"),
    setting("IDLE_TIMEOUT_SECONDS", "30", "how long an idle runtime is kept, but for one; at least 1"),
    setting("LOG_LEVEL", "INFO", "DEBUG, INFO, WARNING or ERROR"),
    setting("SECCOMP", "enforce", "enforce, or log: the kernel lets refused system calls through and logs them, to find a filter's fault"),
    setting("STATE_DIR", "./state", "where store, homes and sockets are"),
    setting("HEALTH_SOCKET", "", "where the gateway tells how it is; default: run/health.sock in STATE_DIR"),
    setting("TELEGRAM_API_BASE", "https://api.telegram.org", "a self-hosted Bot API server; plain http only to loopback"),
    setting("AGENT_COMMAND", "", "any ACP agent; default: kiro-cli where it is found, else the built-in demo agent"),
    setting("AGENT_READ_ONLY_PATHS", "", "more paths that a runtime may read and execute, `:`-separated"),
    setting("EGRESS_ALLOW", "", "more hosts that a runtime may reach, `host[:port]`, comma-separated"),
    setting("ACCEPT_MISSING", "", "what jails may lack on this machine: guarantees by name, comma-separated"),
    setting("CONFIG_FILE", "./config.json", "the rest of the settings"),
];

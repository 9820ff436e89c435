//! The command line.

/// What is asked of the program.
pub(crate) enum Call {
    /// `--version`.
    Version,
    /// `whoami`.
    WhoAmI,
    /// `login --use-device-flow`. Without that flag a browser of this machine would be opened, and there is none.
    Login,
    /// `acp`.
    Acp(Launch),
    /// The stand-in's own: starts a sleeper in a session of its own, says its pid and ends.
    Orphan {
        /// Whether the sleeper ignores SIGTERM and SIGHUP.
        stubborn: bool,
    },
    /// The stand-in's own: sleeps for ten minutes.
    Sleeper,
}

/// How `acp` was started.
#[derive(Debug, Clone)]
pub(crate) struct Launch {
    pub(crate) engine: Engine,
    /// `--agent`, v2 only.
    pub(crate) agent: Option<String>,
    /// `--auth-method cli`, v3 only.
    pub(crate) auth_cli: bool,
    /// `--trust-all-tools`, v2 only.
    pub(crate) trust_all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    V2,
    V3,
}

pub(crate) fn parse(words: &[String]) -> Result<Call, String> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["--version" | "-V"] => Ok(Call::Version),
        ["whoami"] | ["whoami", "--format", "json"] => Ok(Call::WhoAmI),
        ["login", "--use-device-flow"] => Ok(Call::Login),
        ["acp", rest @ ..] => acp(rest).map(Call::Acp),
        ["orphan"] => Ok(Call::Orphan { stubborn: false }),
        ["orphan", "stubborn"] => Ok(Call::Orphan { stubborn: true }),
        ["sleeper"] => Ok(Call::Sleeper),
        _ => Err(format!("unrecognized arguments: {}", words.join(" "))),
    }
}

fn acp(words: &[&str]) -> Result<Launch, String> {
    // The default engine changed over time, so the stand-in has none: whoever relies on it must notice.
    let mut engine = None;
    let mut launch = Launch { engine: Engine::V2, agent: None, auth_cli: false, trust_all: false };
    let mut session_flag = None;
    let mut words = words.iter().copied();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| format!("a value is required for '{word}'"));
        match word {
            "--agent-engine" => {
                engine = Some(match value()? {
                    "v2" => Engine::V2,
                    "v3" => Engine::V3,
                    other => return Err(format!("invalid value '{other}' for '--agent-engine'")),
                });
            }
            "--auth-method" => launch.auth_cli = value()? == "cli",
            "--agent" => {
                launch.agent = Some(value()?.to_owned());
                session_flag = Some(word);
            }
            "--model" | "--effort" | "--trust-tools" => {
                value()?;
                session_flag = Some(word);
            }
            "--trust-all-tools" => {
                launch.trust_all = true;
                session_flag = Some(word);
            }
            other => return Err(format!("unexpected argument '{other}' found")),
        }
    }
    launch.engine = engine.ok_or("the stand-in has no default engine: pass --agent-engine")?;
    match (launch.engine, session_flag) {
        (Engine::V3, Some(flag)) => Err(format!("'{flag}' is not supported with --agent-engine v3")),
        (Engine::V2, _) if launch.auth_cli => Err("'--auth-method' is not supported with --agent-engine v2".into()),
        _ => Ok(launch),
    }
}

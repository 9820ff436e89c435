//! What is Kiro's own: two engines with two dialects. Engine v2 (Rust) names its extensions `_kiro.dev/*`, v3 (Node) `_kiro/*`.
//! Both are understood whoever speaks them; the [`Dialect`] decides what is said.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::AcpError;
use super::text;
use super::turn::TurnEvent;
use super::types::{Cost, Usage};
use super::wire::{Bounded, ConfigOption, Incoming, commands, lenient, read};

/// Which dialect an agent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// ACP alone.
    Plain,
    /// `kiro-cli acp --agent-engine v2`.
    KiroV2,
    /// `kiro-cli acp --agent-engine v3 --auth-method cli`.
    KiroV3,
}

impl Dialect {
    /// Whether it has `session/set_model` and `session/set_mode` even where it does not say so (a load may answer `null`).
    pub(super) fn has_set_methods(self) -> bool {
        self == Self::KiroV2
    }

    /// Whether its tools run unasked unless it is told otherwise.
    pub(super) fn has_autopilot(self) -> bool {
        self == Self::KiroV3
    }

    /// Whether loading a session that is not there makes a new one, silently without its history.
    pub(super) fn invents_sessions(self) -> bool {
        self == Self::KiroV3
    }
}

/// The option of v3 that lets tools run unasked.
pub(super) const AUTOPILOT: &str = "autopilot";

/// Whether autopilot is on; `None` where the options do not say.
pub(super) fn autopilot(options: &[ConfigOption]) -> Option<bool> {
    options.iter().find(|option| option.id == AUTOPILOT).map(|option| !(option.is("off") || option.is("false")))
}

/// The pid in "Session is active in another process (PID 12345)".
pub(super) fn lock_holder(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("Session is active in another process")?;
    let digits = rest.split_once("PID")?.1.trim_start_matches([' ', ':']);
    digits.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A notification of Kiro's: the session it is about (`None`: all of them) and what it means to us. `None` for what means nothing.
pub(super) fn notification(method: &str, params: &RawValue) -> Option<(Option<String>, Incoming)> {
    let name = method.strip_prefix("_kiro.dev/").or_else(|| method.strip_prefix("_kiro/"))?;
    let params: Params<'_> = read(params)?;
    let session = params.session_id.clone();
    incoming(name, params).map(|incoming| (session, incoming))
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Params<'a> {
    #[serde(default, deserialize_with = "lenient")]
    session_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    requested_agent: String,
    #[serde(default, deserialize_with = "lenient")]
    fallback_agent: String,
    #[serde(default, deserialize_with = "lenient")]
    context_usage_percentage: Option<f64>,
    #[serde(default, deserialize_with = "lenient")]
    metering_usage: Bounded<Metering>,
    #[serde(default, deserialize_with = "lenient")]
    turn_duration_ms: Option<u64>,
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    commands: Option<&'a RawValue>,
    #[serde(borrow, default)]
    available_commands: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    error: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    server_name: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    oauth_url: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    url: Option<String>,
}

#[derive(Deserialize)]
struct Metering {
    value: f64,
    #[serde(default)]
    unit: String,
}

fn incoming(name: &str, params: Params<'_>) -> Option<Incoming> {
    let shown = |text: &str| text::line(text, text::TITLE);
    let server = || shown(params.server_name.as_deref().unwrap_or("without a name"));
    let why = || params.message.as_deref().or(params.error.as_deref()).map(shown);
    let notice = |text: String| Some(Incoming::Event(TurnEvent::Notice(text)));
    match name {
        "agent/not_found" => {
            let (requested, fallback) = (shown(&params.requested_agent), shown(&params.fallback_agent));
            Some(Incoming::Fault(AcpError::AgentNotFound { requested, fallback }))
        }
        "metadata" => Some(Incoming::Event(TurnEvent::Usage(usage(&params)))),
        "commands/available" => {
            let list = params.commands.or(params.available_commands)?;
            Some(Incoming::Event(TurnEvent::Commands(commands(list))))
        }
        "compaction/status" => notice(compaction(params.status.and_then(status).as_deref())),
        "error/rate_limit" => {
            notice(format!("Kiro's service asks to go slower{}.", why().map(|why| format!(" ({why})")).unwrap_or_default()))
        }
        "mcp/server_init_failure" => {
            notice(format!("The MCP server {} did not start{}.", server(), why().map(|why| format!(" ({why})")).unwrap_or_default()))
        }
        "mcp/oauth_request" => {
            let url = params.oauth_url.as_deref().or(params.url.as_deref())?;
            notice(format!("The MCP server {} wants you to sign in: {}", server(), text::line(url, text::DETAIL)))
        }
        _ => None,
    }
}

/// What is said of a conversation that is being shortened.
pub(super) fn compaction(status: Option<&str>) -> String {
    let status = status.map(|status| format!(": {}", text::line(status, text::TITLE))).unwrap_or_default();
    format!("The agent shortens the conversation's history{status}.")
}

/// A status as a word, or as an object that has it as its type.
fn status(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Typed {
        r#type: String,
    }
    read::<String>(raw).or_else(|| read::<Typed>(raw).map(|typed| typed.r#type))
}

fn usage(params: &Params<'_>) -> Usage {
    let cost = params.metering_usage.0.first().map(|first| {
        let same = params.metering_usage.0.iter().filter(|other| other.unit == first.unit);
        Cost { amount: same.map(|metering| metering.value).sum(), unit: text::line(&first.unit, 20) }
    });
    Usage { percent: params.context_usage_percentage, cost, turn_ms: params.turn_duration_ms, ..Usage::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notified(method: &str, params: &str) -> Option<(Option<String>, Incoming)> {
        let raw: &RawValue = serde_json::from_str(params).unwrap();
        notification(method, raw)
    }

    #[test]
    fn the_holder_of_a_lock_is_found_in_whatever_sentence() {
        assert_eq!(lock_holder("Failed to start session: Session is active in another process (PID 12345)"), Some(12345));
        assert_eq!(lock_holder("Session is active in another process (PID: 7), retry"), Some(7));
        for other in ["Session is active in another process", "PID 5", "", "Session is active in another process (PID 99999999999)"] {
            assert_eq!(lock_holder(other), None, "{other}");
        }
    }

    #[test]
    fn metadata_is_usage_in_both_dialects() {
        let params =
            r#"{"sessionId":"s","contextUsagePercentage":1.5,"meteringUsage":[{"value":0.5,"unit":"credit"},{"value":1,"unit":"credit"}]}"#;
        let usage = Usage { percent: Some(1.5), cost: Some(Cost { amount: 1.5, unit: "credit".to_owned() }), ..Usage::default() };
        for method in ["_kiro.dev/metadata", "_kiro/metadata"] {
            let Some((Some(session), Incoming::Event(TurnEvent::Usage(got)))) = notified(method, params) else { panic!("{method}") };
            assert_eq!((session.as_str(), got), ("s", usage.clone()));
        }
    }

    #[test]
    fn what_kiro_says_besides_means_nothing_and_breaks_nothing() {
        for (method, params) in
            [("_kiro.dev/no/such", "[]"), ("_kiro.dev/metadata", "7"), ("_kiro/mcp/status", "{}"), ("_other/metadata", "{}")]
        {
            assert!(notified(method, params).is_none(), "{method}");
        }
        assert!(notified("_kiro.dev/agent/not_found", r#"{"requestedAgent":5}"#).is_some());
    }

    #[test]
    fn an_unknown_value_of_autopilot_counts_as_on() {
        let option =
            |current: &str| vec![ConfigOption { id: AUTOPILOT.to_owned(), current: current.to_owned(), ..ConfigOption::default() }];
        assert_eq!(autopilot(&option("off")), Some(false));
        assert_eq!(autopilot(&option("supervised")), Some(true));
        assert_eq!(autopilot(&[]), None);
    }
}

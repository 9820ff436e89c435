//! ACP's messages as they come in, read leniently: a field of a wrong type counts as missing, what is unknown is ignored, and
//! lists and texts have an end. Nothing is built of what nobody needs (whole files in outputs).

mod lenient;
mod tool;
mod update;

use serde::Deserialize;
use serde_json::value::RawValue;

pub(super) use lenient::{Bounded, lenient, read};
pub(super) use tool::{Diff, ToolPatch};
pub(super) use update::{ConfigOption, Incoming, commands, config_options, untamed, update};

use super::error::AcpError;
use super::turn::PermissionOption;
use super::types::{AgentInfo, ListedSession, Mode, Model, Models, Modes, SessionPage, StopReason};
use super::{text, time};
use crate::jsonrpc::Id;
use crate::model::AcpSessionId;

/// The version of the protocol that we speak.
pub(super) const VERSION: i64 = 1;

/// Options of one permission request that are kept: more do not fit under a message. Agents offer three or four.
const OPTIONS: usize = 16;

/// The answer to `initialize`.
pub(super) fn initialized(raw: &RawValue) -> Result<AgentInfo, AcpError> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default, deserialize_with = "lenient")]
        protocol_version: Option<i64>,
        #[serde(default, deserialize_with = "lenient")]
        agent_info: Implementation,
        #[serde(default, deserialize_with = "lenient")]
        agent_capabilities: Capabilities,
    }
    #[derive(Deserialize, Default)]
    struct Implementation {
        #[serde(default, deserialize_with = "lenient")]
        name: String,
        #[serde(default, deserialize_with = "lenient")]
        version: String,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Capabilities {
        #[serde(default, deserialize_with = "lenient")]
        load_session: bool,
        #[serde(default, deserialize_with = "lenient")]
        session_capabilities: SessionCapabilities,
        #[serde(default, deserialize_with = "lenient")]
        prompt_capabilities: PromptCapabilities,
    }
    #[derive(Deserialize, Default)]
    struct SessionCapabilities {
        #[serde(default, deserialize_with = "lenient")]
        resume: Option<Offered>,
        #[serde(default, deserialize_with = "lenient")]
        list: Option<Offered>,
    }
    #[derive(Deserialize, Default)]
    struct PromptCapabilities {
        #[serde(default, deserialize_with = "lenient")]
        image: bool,
    }
    /// An object, whatever is in it.
    #[derive(Deserialize, Default)]
    struct Offered {}

    let answer: Answer = read(raw).ok_or(AcpError::BadAnswer { method: "initialize", why: "it is not an object".to_owned() })?;
    if let Some(version) = answer.protocol_version
        && version != VERSION
    {
        return Err(AcpError::Version { version });
    }
    let Capabilities { load_session, session_capabilities, prompt_capabilities } = answer.agent_capabilities;
    Ok(AgentInfo {
        name: text::line(&answer.agent_info.name, text::TITLE),
        version: text::line(&answer.agent_info.version, text::TITLE),
        can_load: load_session,
        can_resume: session_capabilities.resume.is_some(),
        can_list: session_capabilities.list.is_some(),
        takes_images: prompt_capabilities.image,
    })
}

/// A session as the answer to its opening has it.
#[derive(Debug, Default)]
pub(super) struct OpenedSession {
    /// Its id; loading gives none.
    pub(super) id: Option<AcpSessionId>,
    /// The legacy block of models, whose setting is `session/set_model`.
    pub(super) models: Option<Models>,
    /// The legacy block of modes.
    pub(super) modes: Option<Modes>,
    /// The options.
    pub(super) options: Vec<ConfigOption>,
}

/// The answer to `session/new`, `session/load` and `session/resume`; `null` is an answer too.
pub(super) fn opened(raw: &RawValue) -> Result<OpenedSession, AcpError> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default, deserialize_with = "lenient")]
        session_id: Option<AcpSessionId>,
        #[serde(default, deserialize_with = "lenient")]
        models: Option<ModelBlock>,
        #[serde(default, deserialize_with = "lenient")]
        modes: Option<ModeBlock>,
        #[serde(default, deserialize_with = "lenient")]
        config_options: Bounded<ConfigOption>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct ModelBlock {
        #[serde(default, deserialize_with = "lenient")]
        current_model_id: String,
        #[serde(default, deserialize_with = "lenient")]
        available_models: Bounded<ModelItem>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct ModelItem {
        model_id: String,
        #[serde(default, deserialize_with = "lenient")]
        name: Option<String>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct ModeBlock {
        #[serde(default, deserialize_with = "lenient")]
        current_mode_id: String,
        #[serde(default, deserialize_with = "lenient")]
        available_modes: Bounded<ModeItem>,
    }
    #[derive(Deserialize)]
    struct ModeItem {
        id: String,
        #[serde(default, deserialize_with = "lenient")]
        name: Option<String>,
    }

    if raw.get() == "null" {
        return Ok(OpenedSession::default());
    }
    let answer: Answer = read(raw).ok_or(AcpError::BadAnswer { method: "session/new", why: "it is not an object".to_owned() })?;
    let models = answer.models.map(|block| Models {
        current: block.current_model_id,
        available: block
            .available_models
            .0
            .into_iter()
            .map(|item| Model { name: name(item.name, &item.model_id), id: item.model_id })
            .collect(),
    });
    let modes = answer.modes.map(|block| Modes {
        current: block.current_mode_id,
        available: block.available_modes.0.into_iter().map(|item| Mode { name: name(item.name, &item.id), id: item.id }).collect(),
    });
    Ok(OpenedSession { id: answer.session_id, models, modes, options: answer.config_options.0 })
}

/// A name for people; the id where there is none.
fn name(name: Option<String>, id: &str) -> String {
    text::line(name.as_deref().filter(|name| !name.trim().is_empty()).unwrap_or(id), text::TITLE)
}

/// A page of `session/list`, with all that the agent put into it.
pub(super) fn session_page(raw: &RawValue) -> Result<SessionPage, AcpError> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Page {
        sessions: Bounded<Session, 100_000>,
        #[serde(default, deserialize_with = "lenient")]
        next_cursor: Option<String>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Session {
        session_id: AcpSessionId,
        #[serde(default, deserialize_with = "lenient")]
        cwd: String,
        #[serde(default, deserialize_with = "lenient")]
        title: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        updated_at: Option<String>,
    }
    let page: Page = read(raw).ok_or(AcpError::BadAnswer { method: "session/list", why: "it holds no list of sessions".to_owned() })?;
    let listed = |session: Session| ListedSession {
        id: session.session_id,
        title: session.title.map(|title| text::line(&title, text::TITLE)).filter(|title| !title.is_empty()),
        updated_at: session.updated_at.as_deref().and_then(time::unix_seconds),
        cwd: session.cwd.into(),
    };
    Ok(SessionPage { sessions: page.sessions.0.into_iter().map(listed).collect(), next: page.next_cursor })
}

/// The answer to a prompt.
pub(super) fn stop_reason(raw: &RawValue) -> StopReason {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        #[serde(default, deserialize_with = "lenient")]
        stop_reason: String,
    }
    StopReason::read(&read::<Answer>(raw).unwrap_or_default().stop_reason)
}

/// A permission request: its session, the tool call as far as it is told, and the options that can be shown and answered.
pub(super) fn permission(raw: &RawValue) -> Option<(String, ToolPatch, Vec<PermissionOption>)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params<'a> {
        session_id: String,
        #[serde(borrow)]
        tool_call: &'a RawValue,
        options: Bounded<Item, OPTIONS>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Item {
        option_id: String,
        #[serde(default, deserialize_with = "lenient")]
        name: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        kind: String,
    }
    let params: Params<'_> = read(raw)?;
    let options = params.options.0.into_iter().map(|item| PermissionOption {
        name: name(item.name, &item.option_id),
        id: item.option_id,
        kind: text::line(&item.kind, text::TITLE),
    });
    Some((params.session_id, tool::tool_patch(params.tool_call)?, options.collect()))
}

/// Which request the other side takes back.
pub(super) fn withdrawn(raw: &RawValue) -> Option<Id> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params {
        request_id: Id,
    }
    read::<Params>(raw).map(|params| params.request_id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn raw(json: &str) -> &RawValue {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_handshake_is_understood_with_wrong_types_in_it() {
        let full = r#"{"protocolVersion":1,"agentInfo":{"name":"A\u001b","version":"1"},"agentCapabilities":{"loadSession":true,"sessionCapabilities":{"resume":{}}}}"#;
        let info = initialized(raw(full)).unwrap();
        assert_eq!((info.name.as_str(), info.can_load, info.can_resume, info.can_list), ("A\\u{1b}", true, true, false));
        let odd =
            r#"{"protocolVersion":"one","agentInfo":[],"agentCapabilities":{"loadSession":"yes","sessionCapabilities":{"resume":null}}}"#;
        assert_eq!(initialized(raw(odd)), Ok(AgentInfo::default()));
        assert_eq!(initialized(raw(r#"{"protocolVersion":2}"#)), Err(AcpError::Version { version: 2 }));
        assert!(initialized(raw("7")).is_err());
    }

    #[test]
    fn an_opening_may_answer_null() {
        let opened = opened(raw("null")).unwrap();
        assert!(opened.id.is_none() && opened.models.is_none() && opened.options.is_empty());
    }

    #[test]
    fn a_permission_request_keeps_the_agent_s_own_options() {
        let request = r#"{"sessionId":"s","toolCall":{"toolCallId":"c"},"options":[{"optionId":"a","name":"Yes\nplease","kind":"allow_once"},7,{"optionId":"b"}]}"#;
        let (_, _, options) = permission(raw(request)).unwrap();
        let shown: Vec<_> = options.iter().map(|option| (option.id.as_str(), option.name.as_str(), option.kind.as_str())).collect();
        assert_eq!(shown, [("a", "Yes please", "allow_once"), ("b", "b", "")]);
        assert!(permission(raw(r#"{"sessionId":"s","options":[]}"#)).is_none());
    }

    /// JSON of the shapes that agents send, with anything at any place.
    fn json() -> impl Strategy<Value = serde_json::Value> {
        let words = [
            "sessionId",
            "update",
            "sessionUpdate",
            "content",
            "type",
            "text",
            "toolCall",
            "toolCallId",
            "options",
            "optionId",
            "kind",
            "title",
            "rawInput",
            "command",
            "path",
            "entries",
            "configOptions",
            "currentValue",
            "_meta",
            "kiro",
            "agent_message_chunk",
            "tool_call",
            "tool_call_update",
            "plan",
            "usage_update",
            "used",
            "size",
            "cost",
            "available_commands_update",
            "execute",
            "oldText",
            "newText",
            "session_info_update",
            "sessions",
            "updatedAt",
            "cwd",
        ];
        let word = proptest::sample::select(words.to_vec()).prop_map(str::to_owned);
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            word.clone().prop_map(Into::into),
            ".{0,8}".prop_map(Into::into),
        ];
        leaf.prop_recursive(5, 60, 8, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(serde_json::Value::Array),
                proptest::collection::vec((word.clone(), inner), 0..8).prop_map(|pairs| pairs.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn nothing_that_an_agent_sends_makes_a_reader_panic(value in json()) {
            let text = value.to_string();
            let raw = raw(&text);
            let _ = (initialized(raw), opened(raw), stop_reason(raw), permission(raw), withdrawn(raw), update(raw), config_options(raw));
            let _ = session_page(raw);
            let wrapped = serde_json::json!({"sessionId": "s", "update": value}).to_string();
            let _ = update(serde_json::from_str(&wrapped).unwrap());
            for name in ["metadata", "commands/available", "agent/not_found", "error/rate_limit", "mcp/oauth_request"] {
                let _ = super::super::kiro::notification(&format!("_kiro.dev/{name}"), raw);
            }
        }
    }
}

//! What the client promises of any line of an agent. See [`crate::fuzzing`].

use serde_json::value::RawValue;

use super::wire::{config_options, initialized, opened, permission, session_page, stop_reason, update, withdrawn};
use super::{kiro, text};
use crate::jsonrpc::{self, Id, Message};

/// One line: whatever it means, what is shown of it hides nothing and has an end.
pub(crate) fn line(bytes: &[u8]) {
    let Ok(message) = Message::parse(bytes) else { return };
    match message {
        Message::Request { id, method, params } => {
            check_id(&id);
            read(&method, params.unwrap_or(RawValue::NULL));
        }
        Message::Notification { method, params } => read(&method, params.unwrap_or(RawValue::NULL)),
        Message::Response { id, result } => {
            check_id(&id);
            match result {
                Ok(result) => read("", result),
                Err(error) => assert!(error.message.chars().count() <= 1000 && error.data.is_none_or(|data| data.chars().count() <= 1000)),
            }
        }
    }
}

/// Our answer bears the agent's own id.
fn check_id(id: &Id) {
    let answer = jsonrpc::response(id, Ok(serde_json::Value::Null));
    assert!(matches!(Message::parse(answer.as_bytes()), Ok(Message::Response { id: read, result: Ok(_) }) if read == *id), "{answer}");
}

/// By every reader: an agent may send anything in any place.
fn read(method: &str, raw: &RawValue) {
    if let Ok(info) = initialized(raw) {
        check_line(&info.name);
        check_line(&info.version);
    }
    if let Ok(opened) = opened(raw) {
        opened.models.iter().flat_map(|models| &models.available).for_each(|model| check_line(&model.name));
        opened.modes.iter().flat_map(|modes| &modes.available).for_each(|mode| check_line(&mode.name));
    }
    if let Ok(page) = session_page(raw) {
        page.sessions.iter().filter_map(|session| session.title.as_deref()).for_each(check_line);
    }
    if let Some((_, tool, options)) = permission(raw) {
        assert!(options.len() <= 16);
        options.iter().for_each(|option| check_line(&option.name));
        tool.title.iter().for_each(|title| check_line(title));
    }
    let _ = (stop_reason(raw), withdrawn(raw), config_options(raw));
    let events = [update(raw).map(|(_, incoming)| incoming), kiro::notification(method, raw).map(|(_, incoming)| incoming)];
    for incoming in events.into_iter().flatten() {
        assert!(incoming.length() <= 2 * raw.get().len() + 1000, "texts that grew");
    }
}

fn check_line(line: &str) {
    assert!(line.chars().count() <= text::TITLE && !line.contains(['\n', '\t']) && !line.contains(text::is_hidden), "{line:?}");
}

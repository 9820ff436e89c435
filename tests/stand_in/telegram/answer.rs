//! Answers in the shape of the Bot API.

use serde_json::{Value, json};

use super::http::Response;

/// What a method gives.
pub type Answer = Result<Value, Refusal>;

/// A refusal.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// `error_code`, also the HTTP status.
    pub code: u16,
    /// `description`.
    pub description: String,
    /// `parameters.retry_after`, in seconds.
    pub retry_after: Option<u64>,
    /// `parameters.migrate_to_chat_id`: the supergroup that the group has become.
    pub migrate_to: Option<i64>,
    /// Whether a right client never gets it, so that it fails the test.
    pub violation: bool,
}

/// A refusal for a circumstance: the chat is gone, the person has blocked the bot.
pub fn refused(code: u16, description: impl Into<String>) -> Refusal {
    Refusal { code, description: description.into(), retry_after: None, migrate_to: None, violation: false }
}

/// A refusal for what the client should have known.
pub fn ours(description: impl Into<String>) -> Refusal {
    Refusal { violation: true, ..refused(400, description) }
}

/// Too many requests.
pub fn flood(retry_after: u64) -> Refusal {
    let description = format!("Too Many Requests: retry after {retry_after}");
    Refusal { retry_after: Some(retry_after), ..refused(429, description) }
}

/// The group has become a supergroup, which has another number.
pub fn migrated(to: i64) -> Refusal {
    Refusal { migrate_to: Some(to), ..refused(400, "Bad Request: group chat was upgraded to a supergroup chat") }
}

/// The answer as it goes over the wire.
pub fn response(answer: &Answer) -> Response {
    let (status, body) = match answer {
        Ok(result) => (200, json!({"ok": true, "result": result})),
        Err(refusal) => {
            let mut body = json!({"ok": false, "error_code": refusal.code, "description": refusal.description});
            if let Some(seconds) = refusal.retry_after {
                body["parameters"] = json!({"retry_after": seconds});
            }
            if let Some(chat) = refusal.migrate_to {
                body["parameters"] = json!({"migrate_to_chat_id": chat});
            }
            (refusal.code, body)
        }
    };
    Response::new(status, "application/json", body.to_string().into_bytes())
}

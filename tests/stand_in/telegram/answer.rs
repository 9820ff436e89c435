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
    /// Whether a right client never gets it, so that it fails the test.
    pub violation: bool,
}

/// A refusal for a circumstance: the chat is gone, the person has blocked the bot.
pub fn refused(code: u16, description: impl Into<String>) -> Refusal {
    Refusal { code, description: description.into(), retry_after: None, violation: false }
}

/// A refusal for what the client should have known.
pub fn ours(description: impl Into<String>) -> Refusal {
    Refusal { code: 400, description: description.into(), retry_after: None, violation: true }
}

/// Too many requests.
pub fn flood(retry_after: u64) -> Refusal {
    let description = format!("Too Many Requests: retry after {retry_after}");
    Refusal { code: 429, description, retry_after: Some(retry_after), violation: false }
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
            (refusal.code, body)
        }
    };
    Response { status, content_type: "application/json", body: body.to_string().into_bytes() }
}

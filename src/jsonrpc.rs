//! JSON-RPC 2.0, one message a line: reading leniently, writing strictly. Shared by the ACP client, the built-in agent and MCP.
//!
//! A line is scanned, not built into a tree: `params` and `result` stay raw JSON until somebody who knows their type reads them.
//! Source: <https://www.jsonrpc.org/specification>.

#[cfg(test)]
pub(crate) mod schema;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

/// The line was not JSON.
pub const PARSE_ERROR: i64 = -32700;
/// The line was JSON, but no message.
pub const INVALID_REQUEST: i64 = -32600;
/// Nobody here knows the method.
pub const METHOD_NOT_FOUND: i64 = -32601;
/// The method's parameters are not what it wants.
pub const INVALID_PARAMS: i64 = -32602;
/// The method failed.
pub const INTERNAL_ERROR: i64 = -32603;

/// Longest text id that is echoed, in bytes: a UUID fits 28 times.
const ID: usize = 1024;

/// Longest error message or data that is kept, in characters: what a person reads, and room for a path or two.
const ERROR_TEXT: usize = 1000;

/// A request's id. Both sides count for themselves, so equal ids of the two directions have nothing to do with each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Id {
    /// `null`: allowed, though nobody can tell two of them apart.
    Null,
    /// A whole number.
    Number(i64),
    /// A text, at most 1 KiB.
    Text(String),
}

/// One message.
#[derive(Debug)]
pub enum Message<'a> {
    /// Wants an answer.
    Request {
        /// To be echoed in the answer.
        id: Id,
        /// What is wanted.
        method: String,
        /// The method's parameters, unread.
        params: Option<&'a RawValue>,
    },
    /// Wants no answer.
    Notification {
        /// What happened.
        method: String,
        /// The method's parameters, unread.
        params: Option<&'a RawValue>,
    },
    /// Answers a request of ours.
    Response {
        /// The id of our request.
        id: Id,
        /// The result, unread; `null` where there was none.
        result: Result<&'a RawValue, RpcError>,
    },
}

/// A line that is no JSON-RPC message. It says no more, since the line's content must not reach a log by this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the line is not a JSON-RPC message")]
pub struct NotAMessage;

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message} ({code})")]
pub struct RpcError {
    /// JSON-RPC's or the protocol's number.
    pub code: i64,
    /// One sentence, at most 1,000 characters.
    pub message: String,
    /// More about it: a text, or JSON as text; at most 1,000 characters.
    pub data: Option<String>,
}

impl RpcError {
    /// An error with no more data.
    pub fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// The answer to a request for `method` that nobody here knows.
    pub fn unknown(method: &str) -> Self {
        Self::new(METHOD_NOT_FOUND, format!("Method not found: {}", cut(method, 100)))
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default, deserialize_with = "present")]
    id: Option<Id>,
    #[serde(default)]
    method: Option<String>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

impl<'a> Message<'a> {
    /// Reads one line. What has a `method` is a request or notification, whatever else it has; the rest is an answer.
    ///
    /// # Errors
    /// The line is not UTF-8, not a JSON object, nests deeper than 128, or has neither method nor id.
    pub fn parse(line: &'a [u8]) -> Result<Self, NotAMessage> {
        // Fields could also be given by position, in an array.
        if !line.trim_ascii_start().starts_with(b"{") {
            return Err(NotAMessage);
        }
        let envelope: Envelope<'a> = serde_json::from_slice(line).map_err(|_| NotAMessage)?;
        if matches!(&envelope.id, Some(Id::Text(text)) if text.len() > ID) {
            return Err(NotAMessage);
        }
        let Envelope { id, method, params, result, error } = envelope;
        match (method, id) {
            (Some(method), Some(id)) => Ok(Self::Request { id, method, params }),
            (Some(method), None) => Ok(Self::Notification { method, params }),
            (None, Some(id)) => {
                let result = error.map_or_else(|| Ok(result.unwrap_or(RawValue::NULL)), |error| Err(read_error(error)));
                Ok(Self::Response { id, result })
            }
            (None, None) => Err(NotAMessage),
        }
    }
}

/// A request as a line, without its newline.
pub fn request(id: i64, method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}).to_string()
}

/// A notification as a line, without its newline.
pub fn notification(method: &str, params: Value) -> String {
    json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()
}

/// An answer as a line, without its newline.
pub fn response(id: &Id, result: Result<Value, RpcError>) -> String {
    match result {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(RpcError { code, message, data: None }) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}}),
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": {"code": error.code, "message": error.message, "data": error.data}}),
    }
    .to_string()
}

/// Keeps a `null` apart from a missing field.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// An error object as far as it can be understood: a failure that is reported badly is still a failure.
fn read_error(raw: &RawValue) -> RpcError {
    #[derive(Deserialize)]
    struct Wire<'a> {
        #[serde(borrow, default)]
        code: Option<&'a RawValue>,
        #[serde(borrow, default)]
        message: Option<&'a RawValue>,
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
    }
    let Ok(wire) = serde_json::from_str::<Wire<'_>>(raw.get()) else {
        return RpcError::new(INTERNAL_ERROR, read_text(raw));
    };
    RpcError {
        code: wire.code.and_then(|code| serde_json::from_str(code.get()).ok()).unwrap_or(INTERNAL_ERROR),
        message: wire.message.map(read_text).unwrap_or_default(),
        data: wire.data.map(read_text),
    }
}

/// A JSON text's content, or any other JSON as it is written; shortened.
fn read_text(raw: &RawValue) -> String {
    serde_json::from_str::<String>(raw.get()).map_or_else(|_| cut(raw.get(), ERROR_TEXT), |text| cut(&text, ERROR_TEXT))
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(line: &str) -> Result<Message<'_>, NotAMessage> {
        Message::parse(line.as_bytes())
    }

    #[test]
    fn what_has_a_method_is_never_taken_for_an_answer() {
        let both = r#"{"jsonrpc":"2.0","id":0,"method":"session/request_permission","params":{},"result":{}}"#;
        assert!(matches!(parse(both), Ok(Message::Request { id: Id::Number(0), .. })));
    }

    #[test]
    fn ids_are_numbers_texts_or_null_and_a_missing_one_is_none_of_them() {
        assert!(matches!(parse(r#"{"id":-1,"method":"m"}"#), Ok(Message::Request { id: Id::Number(-1), .. })));
        assert!(matches!(parse(r#"{"id":"1e1d","method":"m"}"#), Ok(Message::Request { id: Id::Text(_), .. })));
        assert!(matches!(parse(r#"{"id":null,"method":"m"}"#), Ok(Message::Request { id: Id::Null, .. })));
        assert!(matches!(parse(r#"{"method":"m"}"#), Ok(Message::Notification { .. })));
        assert!(parse(r#"{"jsonrpc":"2.0"}"#).is_err() && parse("[1]").is_err());
        assert!(parse(&format!(r#"{{"id":"{}","method":"m"}}"#, "x".repeat(ID + 1))).is_err());
    }

    #[test]
    fn an_answer_without_a_result_is_null_and_a_null_error_is_no_error() {
        for line in [r#"{"id":1}"#, r#"{"id":1,"result":null}"#, r#"{"id":1,"result":null,"error":null}"#] {
            let Ok(Message::Response { result: Ok(raw), .. }) = parse(line) else { panic!("{line}") };
            assert_eq!(raw.get(), "null");
        }
    }

    #[test]
    fn an_error_that_is_reported_badly_is_still_an_error() {
        let error = |line: &'static str| match parse(line) {
            Ok(Message::Response { result: Err(error), .. }) => error,
            other => panic!("{other:?}"),
        };
        assert_eq!(error(r#"{"id":1,"error":"broken"}"#), RpcError::new(INTERNAL_ERROR, "broken"));
        assert_eq!(error(r#"{"id":1,"error":{"code":"x","message":7}}"#), RpcError::new(INTERNAL_ERROR, "7"));
        let full = error(r#"{"id":1,"error":{"code":-32603,"message":"Internal error","data":"why"}}"#);
        assert_eq!(full, RpcError { code: -32603, message: "Internal error".to_owned(), data: Some("why".to_owned()) });
    }

    #[test]
    fn errors_and_results_read_back_what_was_written() {
        let id = Id::Text("a\nb".to_owned());
        let sent = RpcError { code: -32002, message: "no\nsuch".to_owned(), data: Some("x".to_owned()) };
        let line = response(&id, Err(sent.clone()));
        assert!(!line.contains('\n'));
        let Ok(Message::Response { id: got, result: Err(error) }) = parse(&line) else { panic!("{line}") };
        assert_eq!((got, error), (id, sent));
    }

    proptest! {
        #[test]
        fn no_line_makes_the_reader_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Message::parse(&line);
        }

        #[test]
        fn every_request_reads_back(id: i64, method in "\\PC{0,20}", text in "\\PC{0,40}") {
            let line = request(id, &method, json!({"text": text}));
            let Ok(Message::Request { id: got, method: name, params: Some(params) }) = parse(&line) else { panic!("{line}") };
            prop_assert_eq!(got, Id::Number(id));
            prop_assert_eq!(name, method);
            prop_assert_eq!(serde_json::from_str::<Value>(params.get()).unwrap(), json!({"text": text}));
        }
    }
}

//! Fields of an object that came from Telegram. What is missing or of another type is not there.

use serde_json::Value;

/// `null` is as good as missing.
pub(super) fn part<'a>(object: &'a Value, field: &str) -> Option<&'a Value> {
    object.get(field).filter(|part| !part.is_null())
}

pub(super) fn text(object: &Value, field: &str) -> Option<String> {
    object.get(field)?.as_str().map(str::to_owned)
}

pub(super) fn integer(object: &Value, field: &str) -> Option<i64> {
    object.get(field)?.as_i64()
}

pub(super) fn number(object: &Value, field: &str) -> Option<u64> {
    object.get(field)?.as_u64()
}

pub(super) fn flag(object: &Value, field: &str) -> bool {
    object.get(field).and_then(Value::as_bool).unwrap_or(false)
}

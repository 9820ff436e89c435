use serde_json::json;

use super::super::methods::Done;
use super::super::types::Sent;
use super::*;

fn answered(status: u16, body: &serde_json::Value) -> Result<Sent, ApiError> {
    judge("sendMessage", StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes())
}

fn refused(code: u16, description: &str) -> ApiError {
    answered(code, &json!({"ok": false, "error_code": code, "description": description})).unwrap_err()
}

#[test]
fn every_refusal_has_its_meaning() {
    let method = "sendMessage";
    let flood = json!({"ok": false, "error_code": 429, "description": "Too Many Requests", "parameters": {"retry_after": 7}});
    assert_eq!(answered(429, &flood), Err(ApiError::Flood { method, retry_after: Duration::from_secs(7) }));
    assert_eq!(refused(429, ""), ApiError::Flood { method, retry_after: USUAL_WAIT });
    assert_eq!(refused(401, "Unauthorized"), ApiError::Unauthorized { method });
    assert_eq!(refused(404, "Not Found"), ApiError::Unauthorized { method });
    assert_eq!(refused(409, "Conflict: can't use getUpdates method while webhook is active"), ApiError::ConflictWebhook);
    assert_eq!(refused(409, "Conflict: terminated by other getUpdates request"), ApiError::ConflictPoller);
    assert!(matches!(refused(400, "Bad Request: chat not found"), ApiError::BadRequest { .. }));
    assert!(matches!(refused(403, "Forbidden: bot was blocked by the user"), ApiError::Forbidden { .. }));
    assert_eq!(refused(500, "Internal"), ApiError::Server { method, status: 500 });
    let moved = json!({"ok": false, "error_code": 400, "description": "", "parameters": {"migrate_to_chat_id": -100}});
    assert_eq!(answered(400, &moved), Err(ApiError::Migrated { method, to: -100 }));
}

#[test]
fn an_answer_that_is_not_the_bot_api_s_is_told_from_a_refusal() {
    let raw = |status, body: &[u8]| judge::<Done>("getMe", StatusCode::from_u16(status).unwrap(), body).unwrap_err();
    assert_eq!(raw(200, b"{\"ok\":tru"), ApiError::Garbage { method: "getMe", status: 200 });
    assert_eq!(raw(404, b"<html>"), ApiError::Garbage { method: "getMe", status: 404 });
    assert_eq!(raw(502, b"<html>"), ApiError::Server { method: "getMe", status: 502 });
    assert_eq!(raw(200, b"{\"ok\":true}"), ApiError::Garbage { method: "getMe", status: 200 });
    assert_eq!(answered(200, &json!({"ok": true, "result": {"message_id": 5, "new": {}}})), Ok(Sent { message_id: 5 }));
}

#[test]
fn a_wait_that_cannot_be_meant_is_shortened() {
    let endless = json!({"ok": false, "error_code": 429, "description": "", "parameters": {"retry_after": u64::MAX}});
    assert!(matches!(answered(429, &endless), Err(ApiError::Flood { retry_after, .. }) if retry_after == LONGEST_WAIT));
}

#[test]
fn only_a_token_becomes_part_of_a_url() {
    for bad in ["", "1", "1:", ":a", "a:b", "1:a/b", "1:a b", "1:a?x", "1:é"] {
        let made = Api::new("http://127.0.0.1:1", &Secret::new(bad.to_owned()));
        assert!(matches!(made, Err(ApiError::NotAToken)), "{bad:?}");
    }
}

#[test]
fn no_error_and_no_debug_text_has_the_token() {
    const KEY: &str = "AAH-the_key";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Nothing listens on port 1.
    let api = Api::new("http://127.0.0.1:1", &Secret::new(format!("42:{KEY}"))).unwrap();
    let error = runtime.block_on(api.call(&super::super::methods::GetMe {})).unwrap_err();
    assert!(matches!(error, ApiError::Network { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{api:?}")] {
        assert!(!text.contains(KEY), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_the_client_panic(status in 100_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = judge::<Sent>("x", StatusCode::from_u16(status).unwrap(), &body);
    }
}

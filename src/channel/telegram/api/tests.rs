use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

use serde_json::json;

use super::super::methods::{AlbumItem, Done, FileKind, Place, SendFile, SendMediaGroup};
use super::super::types::Sent;
use super::error::{LONGEST_WAIT, USUAL_WAIT};
use super::*;

pub(super) const KEY: &str = "AAH-the_key";

pub(super) fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// A client of a server that answers its one connection so, when it has read a head and the body that this announces. Ends with what it
/// was asked; hangs up where that ends too early.
pub(super) fn served(answer: &'static [u8]) -> (Api, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut buffer = [0; 65_536];
        loop {
            let text = String::from_utf8_lossy(&asked).to_lowercase();
            if let Some((head, _)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
                if asked.len() >= head.len() + 4 + length {
                    stream.write_all(answer).unwrap();
                    break;
                }
            }
            match stream.read(&mut buffer) {
                Ok(read @ 1..) => asked.extend_from_slice(&buffer[..read]),
                _ => break,
            }
        }
        String::from_utf8_lossy(&asked).into_owned()
    });
    (Api::new(&base, &Secret::new(format!("42:{KEY}"))).unwrap(), server)
}

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
    // Nothing listens on port 1.
    let api = Api::new("http://127.0.0.1:1", &Secret::new(format!("42:{KEY}"))).unwrap();
    let error = run(api.call(&super::super::methods::GetMe {})).unwrap_err();
    assert!(matches!(error, ApiError::Network { .. }), "{error:?}");
    assert!(error.to_string().contains("refused"), "{error}");
    for text in [error.to_string(), format!("{error:?}"), format!("{api:?}")] {
        assert!(!text.contains(KEY), "{text}");
    }
}

fn file(length: u64) -> std::fs::File {
    let file = tempfile::tempfile().unwrap();
    file.set_len(length).unwrap();
    file
}

fn document() -> SendFile {
    let place = Place::new(7, Some(3));
    SendFile {
        place,
        kind: FileKind::Document,
        caption: "c".to_owned(),
        caption_entities: Vec::new(),
        disable_notification: true,
        reply_markup: None,
    }
}

#[test]
fn a_file_is_sent_by_the_method_of_its_kind() {
    let (api, server) = served(b"HTTP/1.1 200 OK\r\nContent-Length: 37\r\n\r\n{\"ok\":true,\"result\":{\"message_id\":5}}");
    let sent = run(api.send_file(&document(), Upload::new(file(100_000), "a.txt").unwrap()));
    assert_eq!(sent, Ok(Sent { message_id: 5 }));
    let asked = server.join().unwrap();
    assert!(asked.starts_with(&format!("POST /bot42:{KEY}/sendDocument HTTP/1.1\r\n")), "{asked}");
    assert!(asked.contains("name=\"message_thread_id\"\r\n\r\n3\r\n") && !asked.to_lowercase().contains("chunked"), "{asked}");
}

#[test]
fn an_album_names_its_files_in_their_order() {
    let (api, server) =
        served(b"HTTP/1.1 200 OK\r\nContent-Length: 56\r\n\r\n{\"ok\":true,\"result\":[{\"message_id\":5},{\"message_id\":6}]}");
    let media = (0..2).map(|index| AlbumItem::new(FileKind::Photo, index, String::new(), Vec::new())).collect();
    let request = SendMediaGroup { place: Place::new(7, None), media, disable_notification: false };
    let files = ["a.jpg", "b.jpg"].map(|name| Upload::new(file(9), name).unwrap());
    assert_eq!(run(api.send_album(&request, files.into())), Ok(vec![Sent { message_id: 5 }, Sent { message_id: 6 }]));
    let asked = server.join().unwrap();
    for part in
        ["{\"media\":\"attach://file1\",\"type\":\"photo\"}", "name=\"file0\"; filename=\"a.jpg\"", "name=\"file1\"; filename=\"b.jpg\""]
    {
        assert!(asked.contains(part), "{part} in {asked}");
    }
}

#[test]
fn a_file_that_changes_while_it_is_sent_is_told_from_a_broken_network() {
    let (api, server) = served(b"");
    let changing = file(100_000);
    let upload = Upload::new(changing.try_clone().unwrap(), "a").unwrap();
    changing.set_len(10).unwrap();
    let error = run(api.send_file(&document(), upload)).unwrap_err();
    assert!(matches!(error, ApiError::File { .. }) && !error.is_passing(), "{error:?}");
    drop(api);
    assert!(server.join().unwrap().len() < 100_000);
}

#[test]
fn what_a_caller_may_mend_is_known_by_telegram_s_words() {
    assert!(refused(400, "Bad Request: message thread not found").lacks_topic());
    assert!(refused(400, "Bad Request: TOPIC_CLOSED").lacks_topic());
    assert!(refused(400, "Bad Request: can't parse entities: x").is_formatting());
    assert!(refused(400, "Bad Request: message is not modified: x").is_not_modified());
    assert!(refused(400, "Bad Request: TOPIC_NOT_MODIFIED").is_not_modified());
    assert!(refused(400, "Bad Request: message to edit not found").lacks_message());
    assert!(refused(400, "Bad Request: message can't be edited").lacks_message());
    assert!(refused(403, "Forbidden: bot was kicked from the group chat").lacks_chat());
    assert!(refused(400, "Bad Request: chat not found").lacks_chat());
    assert!(refused(400, "Bad Request: file is too big").is_too_large());
    assert!(refused(413, "Request Entity Too Large").is_too_large());
    assert!(refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS").refuses_media());
    let other = refused(400, "Bad Request: message text is empty");
    assert!(!other.lacks_topic() && !other.is_formatting() && !other.is_not_modified() && !other.lacks_message());
    assert!(!other.lacks_chat() && !other.is_too_large() && !other.refuses_media());
}

proptest::proptest! {
    #[test]
    fn no_answer_makes_the_client_panic(status in 100_u16..600, body in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = judge::<Sent>("x", StatusCode::from_u16(status).unwrap(), &body);
    }
}

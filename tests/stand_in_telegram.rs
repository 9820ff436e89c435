//! The stand-in for Telegram takes what Telegram takes, refuses what it refuses, and shows people what they would see.

#![allow(clippy::unwrap_used, reason = "the helpers of the tests may fail the tests")]

#[path = "stand_in_telegram/files_in.rs"]
mod files_in;
#[path = "stand_in_telegram/files_out.rs"]
mod files_out;
#[path = "stand_in_telegram/generated.rs"]
mod generated;
#[path = "stand_in_telegram/places.rs"]
mod places;
#[path = "stand_in_telegram/polling.rs"]
mod polling;
mod stand_in;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use stand_in::telegram::{Cast, DOWNLOAD, Fault, File, Generator, Post, Rate, Rates, TOKEN, Telegram, misfits, png};

/// Sends a request and gives all bytes that come back until the connection closes.
fn exchange(telegram: &Telegram, request: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(telegram.base().strip_prefix("http://").unwrap()).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

fn post(telegram: &Telegram, path: &str, kind: &str, body: &[u8]) -> Value {
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    let answer = exchange(telegram, &[head.as_bytes(), body].concat());
    let text = String::from_utf8(answer).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_default();
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    if let Some(code) = body["error_code"].as_u64() {
        assert!(head.starts_with(&format!("HTTP/1.1 {code} ")), "the status tells the error code: {head}");
    }
    body
}

fn call(telegram: &Telegram, method: &str, params: Value) -> Value {
    post(telegram, &format!("/bot{TOKEN}/{method}"), "application/json", params.to_string().as_bytes())
}

/// What a refusal says; panics on success.
fn refusal(telegram: &Telegram, method: &str, params: Value) -> String {
    let answer = call(telegram, method, params);
    assert_eq!(answer["ok"], json!(false), "{answer}");
    answer["description"].as_str().unwrap().to_owned()
}

fn updates(telegram: &Telegram, params: Value) -> Vec<i64> {
    let answer = call(telegram, "getUpdates", params);
    answer["result"].as_array().unwrap_or_else(|| panic!("{answer}")).iter().map(|update| update["update_id"].as_i64().unwrap()).collect()
}

#[test]
fn a_wrong_token_or_method_is_refused() {
    let telegram = Telegram::start();
    let ask = |path: &str| post(&telegram, path, "application/json", b"{}");
    assert_eq!(ask("/bot1:wrong/getMe"), json!({"ok": false, "error_code": 401, "description": "Unauthorized"}));
    assert_eq!(ask("/botmalformed/getMe")["error_code"], 404);
    assert_eq!(ask("/other")["error_code"], 404);
    assert_eq!(telegram.take_violations().len(), 0);
    assert_eq!(ask(&format!("/bot{TOKEN}/sendTelepathy"))["error_code"], 404);
    assert_eq!(telegram.take_violations(), ["sendTelepathy: no such method"]);
    telegram.revoke_token();
    assert_eq!(call(&telegram, "getMe", json!({}))["error_code"], 401);
}

#[test]
fn get_me_tells_about_topics() {
    assert_eq!(call(&Telegram::start(), "getMe", json!({}))["result"]["has_topics_enabled"], true);
    assert_eq!(call(&Telegram::start_without_topics(), "getMe", json!({}))["result"]["has_topics_enabled"], false);
}

#[test]
fn calls_are_checked_against_the_description() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let cases = [
        ("sendMessage", json!({"text": "x"}), "sendMessage.chat_id: missing"),
        ("sendMessage", json!({"chat_id": 7.5, "text": "x"}), "sendMessage.chat_id: not of type Integer"),
        ("sendMessage", json!({"chat_id": 7, "text": "x", "colour": "red"}), "sendMessage.colour: sendMessage has no such field"),
        (
            "sendMessage",
            json!({"chat_id": 7, "text": "x", "entities": [{"type": "bold", "offset": "0", "length": 1}]}),
            "sendMessage.entities[0].offset: not of type Integer",
        ),
        (
            "sendMessage",
            json!({"chat_id": 7, "text": "x", "reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b", "size": 3}]]}}),
            "size: InlineKeyboardButton has no such field",
        ),
        ("setMessageReaction", json!({"chat_id": 7, "message_id": 1, "reaction": [{"type": "emoji"}]}), "emoji: missing"),
        ("setMyCommands", json!({"commands": [{"command": "a", "description": "b"}], "scope": {"type": "everywhere"}}), "scope.type"),
        ("getUpdates", json!({"allowed_updates": "message"}), "not a list"),
    ];
    for (method, params, wrong) in cases {
        let answer = call(&telegram, method, params);
        assert_eq!(answer["ok"], wrong.contains("no such field"), "what Telegram ignores is told all the same: {answer}");
        let violations = telegram.take_violations();
        assert!(violations.iter().any(|violation| violation.contains(wrong)), "{violations:?} lack {wrong}");
    }
}

#[test]
fn forms_and_uploads_are_read_like_json() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let path = format!("/bot{TOKEN}/sendMessage");
    let form = b"chat_id=7&text=a+%26+b&entities=%5B%7B%22type%22%3A%22bold%22%2C%22offset%22%3A0%2C%22length%22%3A1%7D%5D&disable_notification=true";
    assert_eq!(post(&telegram, &path, "application/x-www-form-urlencoded", form)["ok"], true);
    let said = ana.waits_for_message(|message| message.text == "a & b");
    assert_eq!((said.formatted("bold"), said.silent), (vec!["a".to_owned()], true));
    let body =
        b"--B\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n7\r\n--B\r\nContent-Disposition: form-data; name=\"document\"; \
                 filename=\"a.md\"\r\nContent-Type: text/markdown\r\n\r\nhello\r\n\r\n--B--\r\n";
    let path = format!("/bot{TOKEN}/sendDocument");
    assert_eq!(post(&telegram, &path, "multipart/form-data; boundary=B", body)["ok"], true);
    let sent = ana.waits_for_message(|message| message.document.is_some());
    assert_eq!(sent.document, Some(("a.md".to_owned(), b"hello\r\n".to_vec())));
}

#[test]
fn texts_are_refused_as_telegram_does() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let send = |text: &str, entities: Value| refusal(&telegram, "sendMessage", json!({"chat_id": 7, "text": text, "entities": entities}));
    assert_eq!(send("  \n", json!([])), "Bad Request: message text is empty");
    let long = "😀".repeat(2049);
    assert_eq!(
        send("😀", json!([{"type": "bold", "offset": 0, "length": 1}])),
        "Bad Request: entity beginning at UTF-16 offset 0 ends in a middle of a UTF-16 symbol at byte offset 0"
    );
    assert!(send("😀", json!([{"type": "bold", "offset": 1, "length": 1}])).contains("begins in a middle"));
    assert_eq!(
        send("ab", json!([{"type": "bold", "offset": 0, "length": 3}])),
        "Bad Request: entity beginning at UTF-16 offset 0 ends after the end of the text at UTF-16 offset 3"
    );
    assert!(
        send("abcdef", json!([{"type": "bold", "offset": 0, "length": 4}, {"type": "italic", "offset": 2, "length": 4}]))
            .contains("ends after")
    );
    assert!(send("a", json!([{"type": "sparkle", "offset": 0, "length": 1}])).contains("Unsupported type"));
    assert!(send("a", json!([{"type": "text_link", "offset": 0, "length": 1, "url": "src/main.rs"}])).contains("Wrong HTTP URL"));
    assert_eq!(send(&long, json!([])), "Bad Request: message is too long");
    assert!(telegram.take_violations().len() >= 8);
}

#[test]
fn nested_formatting_is_taken_and_lost_formatting_is_told() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let send =
        |entities: Value| call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "a bc d", "entities": entities}))["ok"].clone();
    let link = json!({"type": "text_link", "offset": 2, "length": 2, "url": "https://example.com/a"});
    assert_eq!(send(json!([{"type": "blockquote", "offset": 0, "length": 6}, {"type": "bold", "offset": 2, "length": 2}, link])), true);
    let said = ana.waits_for_message(|_| true);
    assert_eq!(said.formatted("text_link"), ["bc"]);
    telegram.assert_clean();
    assert_eq!(
        send(json!([{"type": "pre", "offset": 0, "length": 6, "language": "rust"}, {"type": "bold", "offset": 2, "length": 2}])),
        true
    );
    assert_eq!(telegram.take_violations(), ["entity bold inside pre at UTF-16 offset 2 would be dropped"]);
    let many: Vec<Value> = (0..101).map(|at| json!({"type": "bold", "offset": 2 * at, "length": 1})).collect();
    assert_eq!(call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "a ".repeat(101) + ".", "entities": many}))["ok"], true);
    assert_eq!(telegram.take_violations(), ["101 entities: those after the 100th would be dropped"]);
}

#[test]
fn buttons_reactions_and_commands_have_their_rules() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let message = ana.sends("hello");
    let button = |button: Value| json!({"chat_id": 7, "text": "x", "reply_markup": {"inline_keyboard": [[button]]}});
    assert_eq!(
        refusal(&telegram, "sendMessage", button(json!({"text": "a", "callback_data": "é".repeat(33)}))),
        "Bad Request: BUTTON_DATA_INVALID"
    );
    assert!(refusal(&telegram, "sendMessage", button(json!({"text": "a"}))).contains("Text buttons are unallowed"));
    let react = |emoji: &str| json!({"chat_id": 7, "message_id": message, "reaction": [{"type": "emoji", "emoji": emoji}]});
    assert_eq!(refusal(&telegram, "setMessageReaction", react("✅")), "Bad Request: REACTION_INVALID");
    let command = |name: &str| json!({"commands": [{"command": name, "description": "does it"}]});
    assert_eq!(refusal(&telegram, "setMyCommands", command("New-one")), "Bad Request: BOT_COMMAND_INVALID");
    assert_eq!(
        refusal(&telegram, "sendChatAction", json!({"chat_id": 7, "action": "pondering"})),
        "Bad Request: wrong parameter action in request"
    );
    assert!(telegram.take_violations().len() >= 5);
    assert_eq!(call(&telegram, "setMessageReaction", react("👀"))["ok"], true);
    ana.waits_for_reaction(message, "👀");
    assert_eq!(call(&telegram, "setMyCommands", command("new"))["ok"], true);
    assert_eq!(telegram.commands()[0].1[0]["command"], "new");
}

#[test]
fn drafts_are_for_private_chats_and_end_with_the_message() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    telegram.group_member(-5, true, 7, "en");
    let draft = |chat: i64, id: i64| json!({"chat_id": chat, "draft_id": id, "text": "so far", "can_stop": true});
    assert_eq!(refusal(&telegram, "sendMessageDraft", draft(7, 0)), "Bad Request: invalid draft_id specified");
    assert_eq!(refusal(&telegram, "sendMessageDraft", draft(-5, 1)), "Bad Request: TEXTDRAFT_PEER_INVALID");
    assert_eq!(telegram.take_violations().len(), 2);
    assert_eq!(call(&telegram, "sendMessageDraft", draft(7, 1))["result"], true);
    assert_eq!(ana.draft().unwrap().text, "so far");
    ana.stops_generation();
    let update = call(&telegram, "getUpdates", json!({}))["result"][0]["stopped_message_generation"].clone();
    assert_eq!((&update["draft_id"], &update["chat"]["id"]), (&json!(1), &json!(7)));
    call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "done"}));
    assert!(ana.draft().is_none());
    assert_eq!(ana.all_drafts().len(), 1);
}

#[test]
fn topics_are_checked() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let group = telegram.group_member(-5, true, 7, "en");
    let send = |chat: i64, topic: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x", "message_thread_id": topic}));
    ana.sends_in_topic(42, "hello");
    assert_eq!(send(7, 42)["result"]["message_thread_id"], 42);
    assert_eq!(send(7, 43)["description"], "Bad Request: message thread not found");
    ana.deletes_topic(42);
    assert_eq!(send(7, 42)["description"], "Bad Request: message thread not found");
    telegram.assert_clean();
    group.sends("hello");
    assert_eq!(send(-5, 1)["description"], "Bad Request: message thread not found");
    assert_eq!(telegram.take_violations().len(), 1, "General is never named");
    let topic = ana.makes_topic(None);
    assert_eq!(call(&telegram, "editForumTopic", json!({"chat_id": 7, "message_thread_id": topic, "name": "Tests"}))["ok"], true);
    assert_eq!(ana.topic_name(topic).as_deref(), Some("Tests"));
}

#[test]
fn unknown_and_closed_chats_are_refused() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    assert_eq!(send(8)["description"], "Bad Request: chat not found");
    ana.blocks(true);
    assert_eq!((&send(7)["error_code"], &send(7)["description"]), (&json!(403), &json!("Forbidden: bot was blocked by the user")));
    ana.blocks(false);
    assert_eq!(send(7)["ok"], true);
}

#[test]
fn edits_change_messages_and_must_change_something() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let keyboard = json!({"inline_keyboard": [[{"text": "Stop", "callback_data": "s"}]]});
    let id = call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "one", "reply_markup": keyboard}))["result"]["message_id"].clone();
    assert_eq!(ana.waits_for_message(|_| true).buttons(), ["Stop"]);
    let edit = |text: &str| json!({"chat_id": 7, "message_id": id, "text": text});
    assert_eq!(call(&telegram, "editMessageText", edit("two"))["ok"], true);
    let edited = ana.waits_for_message(|_| true);
    assert_eq!((edited.text.as_str(), edited.earlier, edited.markup), ("two", vec!["one".to_owned()], None));
    assert!(refusal(&telegram, "editMessageText", edit("two")).starts_with("Bad Request: message is not modified: "));
    assert_eq!(telegram.take_violations().len(), 1);
    assert_eq!(
        refusal(&telegram, "editMessageText", json!({"chat_id": 7, "message_id": 1, "text": "x"})),
        "Bad Request: message to edit not found"
    );
    call(&telegram, "deleteMessage", json!({"chat_id": 7, "message_id": id}));
    assert!(ana.messages().is_empty());
}

#[test]
fn presses_are_answered_once_and_in_time() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let keyboard = json!({"inline_keyboard": [[{"text": "Allow once", "callback_data": "token:0"}]]});
    call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "May I?", "reply_markup": keyboard}));
    let press = ana.presses("Allow once");
    let query = call(&telegram, "getUpdates", json!({}))["result"][0]["callback_query"].clone();
    assert_eq!((query["data"].as_str(), query["id"].as_str()), (Some("token:0"), Some(press.as_str())));
    let answer = json!({"callback_query_id": press, "text": "Allowed"});
    assert_eq!(call(&telegram, "answerCallbackQuery", answer.clone())["ok"], true);
    assert_eq!(ana.waits_for_toast(&press), "Allowed");
    assert!(refusal(&telegram, "answerCallbackQuery", answer).contains("query is too old"));
    let press = ana.presses("Allow once");
    telegram.age_presses();
    assert!(refusal(&telegram, "answerCallbackQuery", json!({"callback_query_id": press})).contains("query is too old"));
}

#[test]
fn a_reply_carries_what_it_answers() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let first = ana.sends_in_topic(42, "first");
    ana.replies(first, "second");
    let message = call(&telegram, "getUpdates", json!({}))["result"][1]["message"].clone();
    assert_eq!(
        (&message["text"], &message["reply_to_message"]["text"], &message["message_thread_id"]),
        (&json!("second"), &json!("first"), &json!(42))
    );
}

#[test]
fn connections_are_kept() {
    let telegram = Telegram::start();
    let one = format!("GET /bot{TOKEN}/getMe HTTP/1.1\r\nHost: x\r\n\r\n");
    let last = format!("GET /bot{TOKEN}/getMe HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    let answer = exchange(&telegram, [one, last].concat().as_bytes());
    assert_eq!(String::from_utf8(answer).unwrap().matches("\"ok\":true").count(), 2);
}

#[test]
fn a_wait_in_vain_shows_what_was_said() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    ana.sends("are you there?");
    telegram.patience(Duration::from_millis(1));
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ana.waits_for_message(|_| true)));
    let text = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(text.contains("a message in chat 7") && text.contains("7: are you there?"), "{text}");
}

#[test]
fn a_violation_fails_the_test() {
    let telegram = Telegram::start();
    call(&telegram, "sendMessage", json!({}));
    let failed = std::panic::catch_unwind(move || drop(telegram));
    assert!(failed.is_err());
}

//! Updates, and what goes wrong on the way: faults and floods.

use super::*;

#[test]
fn an_offset_confirms_what_is_below_it() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    for text in ["a", "b", "c"] {
        ana.sends(text);
    }
    let all = updates(&telegram, json!({}));
    assert_eq!(all.len(), 3);
    assert_eq!(updates(&telegram, json!({"limit": 1})), all[..1], "unconfirmed updates come again");
    assert_eq!(updates(&telegram, json!({"offset": all[1]})), all[1..]);
    assert_eq!(updates(&telegram, json!({"offset": -1})), all[2..]);
    assert_eq!(updates(&telegram, json!({"offset": all[2] + 1})), [0_i64; 0]);
    assert_eq!(telegram.unconfirmed(), 0);
    telegram.redeliver(2);
    assert_eq!(updates(&telegram, json!({"offset": all[2] + 1})), all[1..]);
    telegram.jump_to_update(5);
    ana.sends("d");
    assert_eq!(updates(&telegram, json!({"offset": all[2] + 1})), [5], "an offset of before the jump confirms nothing");
}

#[test]
fn allowed_updates_are_remembered_and_filter() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    updates(&telegram, json!({"allowed_updates": ["message"]}));
    let message = ana.sends("a");
    ana.edits(message, "b");
    assert_eq!(updates(&telegram, json!({})).len(), 1);
    ana.edits(message, "c");
    assert_eq!(updates(&telegram, json!({})).len(), 1);
    updates(&telegram, json!({"allowed_updates": ["message", "edited_message"]}));
    ana.edits(message, "d");
    assert_eq!(updates(&telegram, json!({})).len(), 2);
}

#[test]
fn a_long_poll_waits_for_an_update() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    std::thread::scope(|scope| {
        let poll = scope.spawn(|| updates(&telegram, json!({"timeout": 50})));
        telegram.waits_for_poll();
        ana.sends("hello");
        assert_eq!(poll.join().unwrap().len(), 1);
    });
}

#[test]
fn one_poller_at_a_time_and_none_beside_a_webhook() {
    let telegram = Telegram::start();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| refusal(&telegram, "getUpdates", json!({"timeout": 50})));
        telegram.waits_for_poll();
        let second = scope.spawn(|| refusal(&telegram, "getUpdates", json!({"timeout": 50})));
        assert_eq!(
            first.join().unwrap(),
            "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
        );
        telegram.webhook(Some("https://example.com/hook"));
        assert_eq!(second.join().unwrap(), "Conflict: terminated by setWebhook request");
    });
    assert!(refusal(&telegram, "getUpdates", json!({})).starts_with("Conflict: can't use getUpdates method while webhook is active"));
    call(&telegram, "deleteWebhook", json!({}));
    assert_eq!(updates(&telegram, json!({})), [0_i64; 0]);
}

#[test]
fn faults_happen_as_often_as_planned() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let send = || call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "x"}));
    telegram.fault("sendMessage", 1, Fault::Flood(3));
    assert_eq!(
        send(),
        json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 3", "parameters": {"retry_after": 3}})
    );
    assert_eq!(call(&telegram, "getMe", json!({}))["ok"], true);
    telegram.waits_for_faults();
    for fault in [Fault::Close, Fault::Garbage, Fault::BadGateway, Fault::Hang(Duration::from_millis(5))] {
        telegram.fault("*", 1, fault);
        assert_eq!(send(), Value::Null);
    }
    telegram.fault("sendMessage", 1, Fault::BadEntities);
    assert!(send()["description"].as_str().unwrap().contains("can't parse entities"));
    assert_eq!(ana.messages().len(), 0, "none of these was carried out");
    telegram.fault("sendMessage", 1, Fault::LoseReply);
    assert_eq!((send(), ana.messages().len()), (Value::Null, 1));
    telegram.fault("sendMessage", 1, Fault::Slow(Duration::from_millis(50)));
    let began = Instant::now();
    assert_eq!(send()["ok"], true);
    assert!(began.elapsed() >= Duration::from_millis(50));
    telegram.fault("sendMessage", 9, Fault::Close);
    assert_eq!(telegram.clear_faults(), 9);
    assert_eq!(send()["ok"], true);
}

#[test]
fn floods_are_refused_by_chat_and_group() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    telegram.group_member(-5, false, 7, "en");
    let hour = Duration::from_secs(3600);
    let rate = |sends: usize| Rate { sends, within: hour };
    telegram.limit_rates(Rates { chat: rate(2), group: rate(1), overall: rate(3) });
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    assert_eq!((send(7)["ok"].clone(), send(7)["ok"].clone()), (json!(true), json!(true)));
    let refused = send(7);
    assert_eq!((&refused["error_code"], refused["parameters"]["retry_after"].as_u64().unwrap() > 3000), (&json!(429), true));
    assert_eq!(send(-5)["ok"], true);
    assert_eq!(send(-5)["error_code"], 429);
}

#[test]
fn a_client_that_does_not_wait_as_told_is_noticed() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    telegram.private_chat(8, "en");
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    telegram.fault("sendMessage", 1, Fault::Flood(3600));
    assert_eq!(send(7)["error_code"], 429);
    assert_eq!(send(8)["ok"], true, "another chat need not wait");
    telegram.assert_clean();
    ana.hears_nothing_for(Duration::from_millis(300));
    send(7);
    assert_eq!(telegram.take_violations(), ["sendMessage: sent again before retry_after had passed"]);
}

#[test]
fn a_bot_that_was_killed_may_repeat_its_last_edit_once() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let id = call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "one"}))["result"]["message_id"].clone();
    let edit = |text: &str| call(&telegram, "editMessageText", json!({"chat_id": 7, "message_id": id, "text": text}))["ok"] == true;
    assert!(edit("two"));
    telegram.kill_note().tell();
    assert!(!edit("two"));
    telegram.assert_clean();
    assert!(!edit("two"));
    assert_eq!(telegram.take_violations().len(), 1, "twice is no accident");
    let id = call(&telegram, "sendMessage", json!({"chat_id": 7, "text": "other"}))["result"]["message_id"].clone();
    call(&telegram, "editMessageText", json!({"chat_id": 7, "message_id": id, "text": "other"}));
    assert_eq!(telegram.take_violations().len(), 1, "nothing was edited before");
}

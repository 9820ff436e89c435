//! Topics, groups, commands, rich messages, drafts, raw updates and counts.

use super::*;

fn messages(telegram: &Telegram) -> Vec<Value> {
    let all = call(telegram, "getUpdates", json!({}))["result"].clone();
    all.as_array().unwrap().iter().map(|update| update["message"].clone()).collect()
}

#[test]
fn what_is_said_in_a_topic_answers_the_message_that_made_it() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-1009, true, 7, "en");
    ana.sends("in General");
    let topic = ana.makes_topic(Some("Tests"));
    let said = ana.sends_in_topic(topic, "hello");
    ana.replies(said, "again");
    ana.renames_topic(topic, "Proofs");
    let said = messages(&telegram);
    assert_eq!(said[0].get("message_thread_id"), None);
    assert_eq!((&said[1]["message_id"], &said[1]["message_thread_id"]), (&json!(topic), &json!(topic)));
    assert_eq!(said[1]["forum_topic_created"].get("is_name_implicit"), None);
    assert_eq!(said[2]["reply_to_message"]["forum_topic_created"]["name"], "Tests");
    assert_eq!((&said[2]["is_topic_message"], &said[3]["reply_to_message"]["text"]), (&json!(true), &json!("hello")));
    assert_eq!(said[4]["forum_topic_edited"]["name"], "Proofs");
    assert_eq!(ana.topic_name(topic).as_deref(), Some("Proofs"));
}

#[test]
fn a_topic_is_named_by_nobody_until_it_is_named() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let topic = ana.makes_topic(None);
    assert_eq!(messages(&telegram)[0]["forum_topic_created"]["is_name_implicit"], true);
    let name = |name: &str| json!({"chat_id": 7, "message_thread_id": topic, "name": name});
    assert!(ana.look(|chat| chat.topics[&topic].implicit));
    assert_eq!(call(&telegram, "editForumTopic", name("Tests"))["ok"], true);
    assert!(!ana.look(|chat| chat.topics[&topic].implicit));
    assert_eq!(refusal(&telegram, "editForumTopic", name("Tests")), "Bad Request: TOPIC_NOT_MODIFIED");
    call(&telegram, "editForumTopic", name(&"x".repeat(129)));
    assert!(telegram.take_violations().iter().any(|violation| violation.contains("129 is not a length")));
    assert_eq!(call(&telegram, "deleteForumTopic", json!({"chat_id": 7, "message_thread_id": topic}))["ok"], true);
    assert_eq!(
        refusal(&telegram, "sendMessage", json!({"chat_id": 7, "message_thread_id": topic, "text": "x"})),
        "Bad Request: message thread not found"
    );
    assert_eq!(refusal(&telegram, "editForumTopic", name("Other")), "Bad Request: TOPIC_ID_INVALID");
}

#[test]
fn a_reply_in_a_group_without_topics_has_a_thread_that_is_no_topic() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.group_member(-9, false, 7, "en"), telegram.group_member(-9, false, 8, "de"));
    let first = ana.sends("first");
    let second = ben.replies(first, "second");
    ana.replies(second, "third");
    let said = messages(&telegram);
    assert_eq!((&said[1]["from"]["id"], &said[1]["message_thread_id"]), (&json!(8), &json!(first)));
    assert_eq!((&said[2]["message_thread_id"], said[2].get("is_topic_message")), (&json!(first), None));
}

#[test]
fn a_group_that_became_a_supergroup_names_it() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-9, 7, "en");
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    assert_eq!(send(-9)["result"]["chat"]["type"], "group");
    let there = ana.upgrades_group(-1009, true);
    there.sends("here");
    let said = messages(&telegram);
    assert_eq!((&said[0]["chat"]["id"], &said[0]["migrate_to_chat_id"]), (&json!(-9), &json!(-1009)));
    assert_eq!((&said[1]["chat"]["id"], &said[1]["migrate_from_chat_id"]), (&json!(-1009), &json!(-9)));
    assert_eq!((&said[2]["text"], &said[2]["chat"]["is_forum"]), (&json!("here"), &json!(true)));
    let refused = send(-9);
    assert_eq!(refused["description"], "Bad Request: group chat was upgraded to a supergroup chat");
    assert_eq!((&refused["error_code"], &refused["parameters"]["migrate_to_chat_id"]), (&json!(400), &json!(-1009)));
    assert_eq!(send(-1009)["ok"], true);
}

#[test]
fn a_removed_bot_is_refused_until_it_is_added_again() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.group_member(-1009, true, 7, "en"), telegram.basic_group_member(-9, 8, "en"));
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    ana.removes_bot();
    ben.removes_bot();
    assert_eq!(send(-1009)["description"], "Forbidden: bot was kicked from the supergroup chat");
    assert_eq!((&send(-9)["error_code"], &send(-9)["description"]), (&json!(403), &json!("Forbidden: bot was kicked from the group chat")));
    ana.adds_bot();
    assert_eq!(send(-1009)["ok"], true);
    let all = call(&telegram, "getUpdates", json!({}))["result"].clone();
    let status = |at: usize, which: &str| all[at]["my_chat_member"][which]["status"].clone();
    assert_eq!((status(0, "new_chat_member"), status(1, "new_chat_member")), (json!("kicked"), json!("kicked")));
    assert_eq!((status(2, "old_chat_member"), status(2, "new_chat_member")), (json!("left"), json!("member")));
    assert_eq!(all[3]["message"]["new_chat_members"][0]["is_bot"], true);
}

#[test]
fn edits_and_drafts_count_as_sends() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    let ana = telegram.group_member(-1009, true, 7, "en");
    let rate = |sends: usize| Rate { sends, within: Duration::from_secs(3600) };
    telegram.limit_rates(Rates { chat: rate(2), group: rate(3), overall: rate(100) });
    let (one, two) = (ana.makes_topic(Some("one")), ana.makes_topic(Some("two")));
    let send = |topic: i64| call(&telegram, "sendMessage", json!({"chat_id": -1009, "message_thread_id": topic, "text": "x"}));
    let id = send(one)["result"]["message_id"].clone();
    assert_eq!(call(&telegram, "editMessageText", json!({"chat_id": -1009, "message_id": id, "text": "y"}))["ok"], true);
    assert_eq!((send(two)["ok"].clone(), send(two)["error_code"].clone()), (json!(true), json!(429)), "topics share the group's rate");
    let draft = || call(&telegram, "sendMessageDraft", json!({"chat_id": 7, "draft_id": 1, "text": "x"}))["error_code"].clone();
    assert_eq!((draft(), draft(), draft()), (Value::Null, Value::Null, json!(429)));
    assert_eq!(call(&telegram, "sendChatAction", json!({"chat_id": 7, "action": "typing"}))["ok"], true);
}

#[test]
fn commands_are_seen_by_scope_and_language() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(7, "de"), telegram.private_chat(8, "fr"));
    let eve = telegram.group_member(-9, false, 7, "de");
    let set = |name: &str, scope: Value, language: &str| {
        let commands = json!([{"command": name, "description": "does it"}]);
        call(&telegram, "setMyCommands", json!({"commands": commands, "scope": scope, "language_code": language}))
    };
    let menu = |person: &stand_in::telegram::Person| person.commands().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    set("all", json!({"type": "default"}), "");
    set("alle", json!({"type": "default"}), "de");
    set("private", json!({"type": "all_private_chats"}), "");
    assert_eq!((menu(&ana), menu(&ben), menu(&eve)), (vec!["private".into()], vec!["private".into()], vec!["alle".into()]));
    let own = json!({"type": "chat", "chat_id": 7});
    set("mine", own.clone(), "");
    assert_eq!(menu(&ana), ["mine"]);
    assert_eq!(call(&telegram, "deleteMyCommands", json!({"scope": own}))["ok"], true);
    assert_eq!(menu(&ana), ["private"]);
    assert_eq!(set("x", json!({"type": "chat", "chat_id": 99}), "")["description"], "Bad Request: chat not found");
    telegram.assert_clean();
    let many: Vec<Value> = (0..101).map(|at| json!({"command": format!("c{at}"), "description": "d"})).collect();
    assert_eq!(refusal(&telegram, "setMyCommands", json!({"commands": many})), "Bad Request: BOT_COMMANDS_TOO_MUCH");
    assert_eq!(telegram.take_violations().len(), 1);
}

#[test]
fn rich_messages_have_one_form() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let send = |rich: Value| call(&telegram, "sendRichMessage", json!({"chat_id": 7, "rich_message": rich}));
    let blocks = json!([{"type": "paragraph", "text": "a table"}]);
    let answer = send(json!({"blocks": blocks}));
    assert!(answer["result"]["rich_message"].is_object(), "{answer}");
    let sent = ana.waits_for_message(|message| message.rich.is_some());
    assert_eq!((sent.text.as_str(), sent.rich), ("a table", Some(json!({"blocks": blocks}))));
    let edit = json!({"chat_id": 7, "message_id": sent.id, "rich_message": {"markdown": "**other**"}});
    assert_eq!(call(&telegram, "editMessageText", edit)["ok"], true);
    assert_eq!(ana.message(sent.id).unwrap().rich, Some(json!({"markdown": "**other**"})));
    telegram.assert_clean();
    assert_eq!(send(json!({"html": "a", "markdown": "b"}))["error_code"], 400);
    assert_eq!(send(json!({"html": " "}))["description"], "Bad Request: message text is empty");
    assert_eq!(send(json!({"blocks": [{"type": "hologram"}]}))["error_code"], 400);
    assert!(telegram.take_violations().len() >= 3);
}

#[test]
fn a_stopped_draft_goes_unless_it_is_kept() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let draft = |keep: bool| {
        let draft = json!({"chat_id": 7, "draft_id": 1, "text": "so far", "can_stop": true, "keep_on_stop": keep});
        assert_eq!(call(&telegram, "sendMessageDraft", draft)["ok"], true);
        ana.stops_generation();
        ana.draft().is_some()
    };
    assert_eq!((draft(false), draft(true)), (false, true));
    assert_eq!(telegram.unconfirmed(), 2);
    updates(&telegram, json!({"allowed_updates": ["message"]}));
    draft(true);
    assert_eq!(telegram.unconfirmed(), 2, "a bot that has not asked for the press is not told");
    call(&telegram, "sendMessageDraft", json!({"chat_id": 7, "draft_id": 2, "text": "unstoppable"}));
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| ana.stops_generation())).is_err());
}

#[test]
fn raw_updates_are_queued_under_the_next_number_if_asked_for() {
    let telegram = Telegram::start();
    let first = telegram.pushes(json!({"update_id": 0, "message": "nonsense"})).unwrap();
    assert_eq!(telegram.pushes(json!({"aaa": 1, "poll": {}})), Some(first + 1));
    assert_eq!(telegram.pushes(json!({"message_reaction": {}})), None);
    updates(&telegram, json!({"allowed_updates": ["message"]}));
    assert_eq!(telegram.pushes(json!({"poll": {}})), None);
    assert_eq!(updates(&telegram, json!({})), [first, first + 1]);
}

#[test]
fn calls_are_counted_by_method_and_chat_since_a_mark() {
    let telegram = Telegram::start();
    telegram.private_chat(7, "en");
    telegram.private_chat(8, "en");
    let send = |chat: i64| call(&telegram, "sendMessage", json!({"chat_id": chat, "text": "x"}));
    send(7);
    let mark = telegram.mark();
    send(7);
    send(8);
    updates(&telegram, json!({}));
    telegram.fault("getMe", 1, Fault::Flood(1));
    call(&telegram, "getMe", json!({}));
    let tally = telegram.tally(mark);
    assert_eq!((tally.total(), tally.calls_of("sendMessage"), tally.calls_of("getUpdates")), (3, 2, 0));
    assert_eq!((tally.in_chat(7), tally.in_chat(9), tally.floods), (1, 0, 1));
}

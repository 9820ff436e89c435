use serde_json::{Value, json};

use super::*;

fn bot() -> User {
    User { id: 99, is_bot: true, username: Some("our_bot".to_owned()), ..User::default() }
}

fn read_json(update: Value) -> Option<Inbound> {
    read(Update::read(&update).unwrap(), &bot(), 99)
}

fn message(fields: Value) -> Value {
    let mut message = json!({"message_id": 5, "date": 42, "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": false}});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    json!({"update_id": 1, "message": message})
}

fn text(fields: Value) -> Option<String> {
    match read_json(message(fields))?.content {
        Content::Text { text, .. } => Some(text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_text_is_read_with_its_user_thread_and_time() {
    let inbound = read_json(message(json!({"text": "hi", "message_thread_id": 3, "is_topic_message": true}))).unwrap();
    let content = Content::text(5, "hi".to_owned());
    let expected = Inbound { user: UserId::telegram(7), thread: ThreadId::telegram(7, Some(3)), event: 1, at: 42, language: None, content };
    assert_eq!(inbound, expected);
}

#[test]
fn a_reply_in_a_group_is_no_topic() {
    let group = json!({"text": "hi", "message_thread_id": 3, "chat": {"id": -9, "type": "supergroup"}});
    assert_eq!(read_json(message(group)).unwrap().thread, ThreadId::telegram(-9, None));
}

#[test]
fn what_no_person_wrote_is_ignored() {
    for fields in [
        json!({"text": "x", "sender_chat": {"id": -9, "type": "channel"}}),
        json!({"text": "x", "from": {"id": 1_087_968_824, "is_bot": true}}),
        json!({"text": "x", "from": null}),
        json!({"new_chat_title": "x"}),
    ] {
        assert_eq!(read_json(message(fields.clone())), None, "{fields}");
    }
}

#[test]
fn commands_for_this_bot_lose_its_name_and_others_are_ignored() {
    assert_eq!(text(json!({"text": "/stop@Our_Bot now\nplease"})).as_deref(), Some("/stop now\nplease"));
    assert_eq!(text(json!({"text": "/stop@other_bot"})), None);
    for kept in ["/stop", "mail a@b.example", "/etc/x@y", "/a@b.example", " /stop@other_bot"] {
        assert_eq!(text(json!({"text": kept})).as_deref(), Some(kept));
    }
}

fn text_content(fields: Value) -> (String, Option<String>, Vec<FileIn>, Option<Part>) {
    match read_json(message(fields)).unwrap().content {
        Content::Text { text, context, files, part, .. } => (text, context, files, part),
        other => panic!("{other:?}"),
    }
}

fn context(fields: Value) -> String {
    let mut fields = fields;
    fields["text"] = json!("?");
    text_content(fields).1.unwrap()
}

fn other_message(from: Value, fields: Value) -> Value {
    let mut message = json!({"message_id": 4, "date": 1, "chat": {"id": 7, "type": "private"}, "from": from});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    message
}

#[test]
fn every_kind_of_file_is_taken_with_its_caption() {
    let object = json!({"file_id": "f", "file_unique_id": "u", "file_name": "a.bin", "mime_type": "x/y", "file_size": 5, "emoji": "👍"});
    let kinds = [
        ("document", FileKind::Document),
        ("audio", FileKind::Audio),
        ("voice", FileKind::Voice),
        ("video", FileKind::Video),
        ("video_note", FileKind::VideoNote),
        ("animation", FileKind::Animation),
        ("sticker", FileKind::Sticker),
    ];
    for (field, kind) in kinds {
        let (text, _, files, part) = text_content(json!({"caption": "what is\u{7} this?", field: object}));
        assert_eq!((text.as_str(), part), ("what is  this?", None), "{field}");
        let expected = FileIn { id: "f".to_owned(), kind, name: Some("a.bin".to_owned()), mime: Some("x/y".to_owned()), size: Some(5) };
        assert_eq!(files, [expected], "{field}");
    }
    assert_eq!(text_content(json!({"sticker": object})).0, "👍");
}

#[test]
fn of_a_photo_the_largest_is_taken_and_an_album_is_a_part() {
    let sizes = json!([{"file_id": "s", "width": 90, "height": 60}, {"file_id": "l", "width": 900, "height": 600}]);
    let (text, _, files, part) = text_content(json!({"photo": sizes, "media_group_id": "g"}));
    assert_eq!((text.as_str(), files[0].id.as_str(), files[0].mime.as_deref()), ("", "l", Some("image/jpeg")));
    assert_eq!(part, Some(Part::Album("g".to_owned())));
}

#[test]
fn a_long_text_may_be_a_part_of_a_longer_one() {
    assert_eq!(text_content(json!({"text": "é".repeat(PASTE)})).3, Some(Part::Paste));
    assert_eq!(text_content(json!({"text": "😀".repeat(PASTE / 2)})).3, Some(Part::Paste));
    assert_eq!(text_content(json!({"text": "é".repeat(PASTE - 1)})).3, None);
}

#[test]
fn a_reply_says_whose_message_it_answers_and_quotes_it() {
    let reply = |from: Value, fields: Value| json!({"reply_to_message": other_message(from, fields)});
    let of_bot = reply(json!({"id": 99, "is_bot": true}), json!({"text": "one\ntwo"}));
    assert_eq!(context(of_bot.clone()), "In reply to your message:\n> one\n> two");
    let of_other = reply(json!({"id": 8, "first_name": "Bob\n\u{202e}Lee"}), json!({"photo": [{"file_id": "x"}], "caption": "look"}));
    assert_eq!(context(of_other), "In reply to Bob Lee's message (a photo):\n> look");
    assert_eq!(context(reply(json!({"id": 7}), json!({"dice": {"emoji": "x"}}))), "In reply to the person's own message (a dice).");
    let long = context(reply(json!({"id": 7}), json!({"text": "x".repeat(4096)})));
    assert!(long.ends_with("x…") && long.chars().count() < 1100);
    let mut quoting = of_bot;
    quoting["quote"] = json!({"text": "two", "position": 4, "is_manual": true});
    assert_eq!(context(quoting), "In reply to this part of your message:\n> two");
}

#[test]
fn what_was_forwarded_is_not_taken_for_the_person_s_own_words() {
    assert!(context(json!({"forward_origin": {"type": "hidden_user"}})).starts_with("Forwarded"));
}

#[test]
fn the_note_that_made_a_topic_is_no_reply() {
    let made = other_message(json!({"id": 7}), json!({"forum_topic_created": {"name": "x", "icon_color": 1}}));
    assert_eq!(text_content(json!({"text": "hi", "reply_to_message": made})).1, None);
}

#[test]
fn places_and_people_are_told_in_words() {
    let location = json!({"latitude": 52.52, "longitude": 13.405});
    assert_eq!(text_content(json!({"location": location})).0, "📍 52.5200, 13.4050");
    let venue = json!({"location": location, "title": "Tower\n", "address": "Square 1"});
    assert_eq!(text_content(json!({"venue": venue, "location": location})).0, "📍 52.5200, 13.4050: Tower, Square 1");
    let contact = json!({"first_name": "Ann", "last_name": "Lee", "phone_number": "+49 1"});
    assert_eq!(text_content(json!({"contact": contact})).0, "👤 Ann Lee, +49 1");
}

#[test]
fn what_the_agent_cannot_be_given_is_named() {
    for (fields, what) in [
        (json!({"poll": {"id": "1"}}), "a poll"),
        (json!({"dice": {"emoji": "x"}}), "a dice"),
        (json!({"story": {"id": 1}}), "a story"),
        (json!({"document": {"strange": true}}), "a file"),
        (json!({"paid_media": {}}), "paid media"),
    ] {
        let content = read_json(message(fields)).unwrap().content;
        assert_eq!(content, Content::Unsupported { message: 5, what: what.to_owned() });
    }
}

#[test]
fn a_change_of_a_text_or_caption_is_read() {
    let edited = |fields: Value| {
        let message = message(fields)["message"].take();
        read_json(json!({"update_id": 1, "edited_message": message})).map(|inbound| (inbound.at, inbound.content))
    };
    let expected = Content::Edited { message: 5, text: "new".to_owned() };
    assert_eq!(edited(json!({"text": "new", "edit_date": 50})), Some((50, expected.clone())));
    assert_eq!(edited(json!({"caption": "new", "photo": [], "edit_date": 50})), Some((50, expected)));
    assert_eq!(edited(json!({"location": {"latitude": 1.0, "longitude": 1.0}})), None);
    assert_eq!(edited(json!({"text": "new", "from": {"id": 99, "is_bot": true}})), None);
}

#[test]
fn stop_is_the_private_chat_s_own_person_s() {
    let stopped = |kind: &str| {
        let chat = json!({"id": 7, "type": kind});
        read_json(json!({"update_id": 1, "stopped_message_generation": {"chat": chat, "message_thread_id": 3, "draft_id": 1}}))
    };
    let inbound = stopped("private").unwrap();
    assert_eq!((inbound.user, inbound.thread), (UserId::telegram(7), ThreadId::telegram(7, Some(3))));
    assert_eq!(inbound.content, Content::Stop);
    assert_eq!(stopped("supergroup"), None);
}

#[test]
fn topics_are_read_with_whether_the_person_chose_their_name() {
    let content = |fields: Value| read_json(message(fields)).map(|inbound| inbound.content);
    let named = |named| Some(Content::Topic { named });
    assert_eq!(content(json!({"forum_topic_created": {"name": "x", "is_name_implicit": true}})), named(false));
    assert_eq!(content(json!({"forum_topic_created": {"name": "x"}})), named(true));
    assert_eq!(content(json!({"forum_topic_edited": {"name": "y"}})), named(true));
    assert_eq!(content(json!({"forum_topic_edited": {"icon_custom_emoji_id": "1"}})), None);
    assert_eq!(content(json!({"forum_topic_edited": {"name": "y"}, "from": {"id": 99, "is_bot": true}})), None);
}

#[test]
fn the_general_topic_is_the_group_itself() {
    let forum = json!({"id": -9, "type": "supergroup", "is_forum": true});
    let thread = |fields: Value| read_json(message(fields)).unwrap().thread;
    let general = json!({"text": "hi", "message_thread_id": 1, "is_topic_message": true, "chat": forum});
    assert_eq!(thread(general), ThreadId::telegram(-9, None));
    let topic = json!({"text": "hi", "message_thread_id": 12, "is_topic_message": true, "chat": forum});
    assert_eq!(thread(topic), ThreadId::telegram(-9, Some(12)));
}

#[test]
fn the_language_of_the_client_is_read() {
    let from = |code: &str| json!({"text": "hi", "from": {"id": 7, "language_code": code}});
    assert_eq!(read_json(message(from("de-AT"))).unwrap().language, Some(Language::German));
    assert_eq!(read_json(message(from("xx"))).unwrap().language, None);
}

#[test]
fn telegram_s_own_notes_are_read_apart_from_people_s_doings() {
    let note = |update: Value| note(&Update::read(&update).unwrap());
    let moved = Some(Note::Moved { from: -5, to: -1_000_000_001_005_i64 });
    let group = |chat: i64| json!({"id": chat, "type": "group"});
    assert_eq!(note(message(json!({"chat": group(-5), "migrate_to_chat_id": -1_000_000_001_005_i64}))), moved);
    assert_eq!(note(message(json!({"chat": group(-1_000_000_001_005_i64), "migrate_from_chat_id": -5}))), moved);
    assert_eq!(note(message(json!({"migrate_to_chat_id": -1_000_000_001_005_i64}))), None, "a private chat never moves");
    let above = message(json!({"chat": group(-1_000_000_001_005_i64), "migrate_to_chat_id": -1_000_000_001_006_i64}));
    assert_eq!(note(above), None, "a supergroup never moves");
    assert_eq!(note(message(json!({"message_thread_id": 3}))), Some(Note::Lives { chat: 7, topic: 3 }));
    let status = |status: &str| {
        let member = json!({"status": status, "user": {"id": 99}});
        note(json!({"update_id": 1, "my_chat_member": {"chat": group(-5), "from": {"id": 1}, "date": 1, "new_chat_member": member}}))
    };
    assert_eq!(status("kicked"), Some(Note::Left { chat: -5 }));
    assert_eq!(status("member"), None);
}

#[test]
fn a_text_beyond_the_bound_is_not_taken() {
    let inbound = read_json(message(json!({"text": "x".repeat(bounds::PROMPT + 1)}))).unwrap();
    assert!(matches!(inbound.content, Content::Unsupported { .. }));
}

#[test]
fn a_press_carries_who_pressed_and_where() {
    let update = json!({"update_id": 2, "callback_query": {
        "id": "p", "from": {"id": 8}, "data": "tok:1", "chat_instance": "x",
        "message": {"message_id": 6, "date": 0, "chat": {"id": 7, "type": "private"}}}});
    let content = Content::Button { press: "p".to_owned(), message: 6, token: "tok:1".to_owned() };
    let expected = Inbound { user: UserId::telegram(8), thread: ThreadId::telegram(7, None), event: 2, at: 99, language: None, content };
    assert_eq!(read_json(update), Some(expected));
    assert_eq!(read_json(json!({"update_id": 2, "callback_query": {"id": "p", "from": {"id": 8}}})), None);
}

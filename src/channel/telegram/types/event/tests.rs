use serde_json::{Value, json};

use super::super::media::{Attachment, AttachmentKind, Location};
use super::*;

fn message(fields: &Value) -> Message {
    let mut message = json!({"message_id": 5, "date": 42, "chat": {"id": 7, "type": "private"}, "from": {"id": 7, "is_bot": false}});
    message.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    Update::read(&json!({"update_id": 1, "message": message})).unwrap().message.unwrap()
}

fn file(fields: &Value) -> Attachment {
    match message(fields).media {
        Some(Media::File(file)) => file,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_strange_event_is_not_read() {
    for strange in [
        json!({"update_id": 2, "message": "x"}),
        json!({"update_id": "3"}),
        json!([]),
        json!({"message": {}}),
        json!({"update_id": 1, "message": {"message_id": 1}}),
        json!({"update_id": 1, "callback_query": {"id": "x"}}),
    ] {
        assert_eq!(Update::read(&strange), None, "{strange}");
    }
}

#[test]
fn an_event_of_an_unknown_kind_is_an_event_with_nothing_in_it() {
    let update = Update::read(&json!({"update_id": 2, "poll": {}})).unwrap();
    assert!(update.update_id == 2 && update.message.is_none() && update.callback_query.is_none());
}

#[test]
fn strange_fields_cost_no_message() {
    let strange =
        message(&json!({"text": "hi", "quote": 5, "from": "me", "date": -1, "document": [], "reply_to_message": {}, "caption": {}}));
    assert_eq!((strange.text.as_deref(), strange.date, strange.quote, strange.reply_to_message), (Some("hi"), 0, None, None));
    assert!(matches!(strange.media, Some(Media::File(file)) if file.file_id.is_empty()), "it is there, but cannot be fetched");
}

#[test]
fn the_largest_size_of_a_photo_is_taken() {
    let size = |id: &str, width: u64| json!({"file_id": id, "file_unique_id": "u", "width": width, "height": width, "file_size": width});
    let photo = file(&json!({"caption": "look", "media_group_id": "9", "photo": [size("s", 90), size("l", 1280), size("m", 320)]}));
    assert_eq!((photo.kind, photo.file_id.as_str(), photo.file_size), (AttachmentKind::Photo, "l", Some(1280)));
    assert_eq!(file(&json!({"photo": []})).file_id, "");
}

#[test]
fn a_file_has_what_its_sender_says_of_it() {
    let voice = file(&json!({"voice": {"file_id": "v", "file_unique_id": "u", "duration": 4, "mime_type": "audio/ogg", "file_size": 9}}));
    assert_eq!((voice.kind, voice.duration, voice.mime_type.as_deref()), (AttachmentKind::Voice, Some(4), Some("audio/ogg")));
    let document = json!({"file_id": "d", "file_unique_id": "u", "file_name": "../a\n.txt"});
    assert_eq!(file(&json!({"document": document})).file_name.as_deref(), Some("../a\n.txt"));
    let both = json!({"document": document, "animation": {"file_id": "a", "file_unique_id": "u"}});
    assert_eq!(file(&both).kind, AttachmentKind::Animation);
    let sticker = file(&json!({"sticker": {"file_id": "s", "emoji": "😀", "is_animated": true, "is_video": false}}));
    assert_eq!((sticker.emoji.as_deref(), sticker.is_animated, sticker.is_video), (Some("😀"), true, false));
}

#[test]
fn places_and_contacts_are_read_and_the_rest_is_named() {
    let media = |fields: Value| message(&fields).media.unwrap();
    let (point, location) = (json!({"latitude": 52.5, "longitude": 13}), Location { latitude: 52.5, longitude: 13.0 });
    assert_eq!(media(json!({"location": point})), Media::Location(location));
    let venue = json!({"location": point, "title": "Zoo", "address": "Street 1"});
    let expected = Media::Venue { location, title: "Zoo".to_owned(), address: "Street 1".to_owned() };
    assert_eq!(media(json!({"location": point, "venue": venue})), expected);
    let contact = json!({"phone_number": "+1", "first_name": "Ann"});
    let expected = Media::Contact { phone_number: "+1".to_owned(), first_name: "Ann".to_owned(), last_name: None };
    assert_eq!(media(json!({"contact": contact})), expected);
    assert_eq!(media(json!({"poll": {}})), Media::Other("poll"));
    assert_eq!(media(json!({"location": "here"})), Media::Other("location"));
    assert_eq!(message(&json!({"new_chat_title": "x"})).media, None);
}

#[test]
fn a_reply_is_read_once_deep_and_a_topic_s_own_note_is_none() {
    let deeper = json!({"message_id": 1, "chat": {"id": 7}, "text": "first"});
    let first = json!({"message_id": 2, "chat": {"id": 7}, "text": "second", "reply_to_message": deeper});
    let said = message(&json!({"text": "third", "reply_to_message": first, "quote": {"text": "sec", "position": 0, "is_manual": true}}));
    let reply = said.reply_to_message.unwrap();
    assert_eq!((reply.text.as_deref(), reply.reply_to_message), (Some("second"), None));
    assert_eq!(said.quote, Some(Quote { text: "sec".to_owned(), is_manual: true }));
    let note =
        json!({"message_id": 3, "chat": {"id": 7}, "forum_topic_created": {"name": "New", "icon_color": 1, "is_name_implicit": true}});
    assert_eq!(message(&json!({"text": "hi", "reply_to_message": note})).reply_to_message, None);
}

#[test]
fn notes_of_topics_and_groups_are_read() {
    let created = message(&json!({"forum_topic_created": {"name": "New", "icon_color": 1, "is_name_implicit": true}}));
    assert_eq!(created.forum_topic_created, Some(TopicCreated { name: "New".to_owned(), is_name_implicit: true }));
    let edited = message(&json!({"forum_topic_edited": {"icon_custom_emoji_id": ""}}));
    assert_eq!(edited.forum_topic_edited, Some(TopicEdited { name: None }));
    let moved = message(&json!({"migrate_to_chat_id": -100, "forward_origin": {}}));
    assert_eq!((moved.migrate_to_chat_id, moved.migrate_from_chat_id, moved.is_forwarded), (Some(-100), None, true));
}

#[test]
fn a_stop_says_which_draft() {
    let update = json!({"update_id": 1, "stopped_message_generation": {"chat": {"id": 7, "type": "private"}, "draft_id": 3}});
    let stopped = Update::read(&update).unwrap().stopped_message_generation.unwrap();
    assert_eq!((stopped.chat.id, stopped.message_thread_id, stopped.draft_id), (7, None, 3));
}

#[test]
fn whether_the_bot_is_in_a_chat_follows_from_its_status() {
    let is_member = |bot: Value| {
        let changed = json!({"chat": {"id": -5, "type": "group"}, "from": {"id": 7}, "date": 1, "new_chat_member": bot});
        Update::read(&json!({"update_id": 1, "my_chat_member": changed})).unwrap().my_chat_member.unwrap().is_member
    };
    for status in ["creator", "administrator", "member"] {
        assert!(is_member(json!({"status": status})), "{status}");
    }
    assert!(is_member(json!({"status": "restricted", "is_member": true})));
    for gone in [json!({"status": "left"}), json!({"status": "kicked"}), json!({"status": "restricted", "is_member": false})] {
        assert!(!is_member(gone.clone()), "{gone}");
    }
}

use serde_json::Value;

use super::*;
use crate::channel::telegram::types::{EntityKind, InlineButton};

#[path = "../../../../tests/stand_in/telegram/schema.rs"]
#[allow(dead_code, unreachable_pub, reason = "the stand-in's own; it uses all of it")]
mod schema;

/// Fails unless the Bot API's description takes the request.
fn assert_taken(method: &str, request: &impl Serialize, files: &[&str]) {
    let Value::Object(mut params) = serde_json::to_value(request).unwrap() else { panic!("{method}: not an object") };
    params.extend(files.iter().map(|part| ((*part).to_owned(), Value::from(format!("attach://{part}")))));
    let misfits = schema::SCHEMA.check_call(method, &params);
    assert!(misfits.is_empty(), "{misfits:?}");
}

fn assert_call<M: Method>(request: &M) {
    assert_taken(M::NAME, request, &[]);
}

fn keyboard() -> Option<InlineKeyboard> {
    let button = InlineButton { text: "Go".to_owned(), callback_data: "go:1".to_owned() };
    Some(InlineKeyboard { inline_keyboard: vec![vec![button]] })
}

fn entities() -> Vec<Entity> {
    let kinds = [EntityKind::ExpandableBlockquote, EntityKind::Bold, EntityKind::Pre { language: None }];
    kinds.map(|kind| Entity { kind, offset: 0, length: 1 }).into()
}

#[test]
fn everything_that_changes_or_removes_is_what_the_bot_api_takes() {
    let (chat_id, message_id, text) = (-100, 5, "x".to_owned());
    let link_preview_options = LinkPreview::OFF;
    assert_call(&EditMessageText { chat_id, message_id, text, entities: entities(), link_preview_options, reply_markup: keyboard() });
    assert_call(&EditMessageReplyMarkup { chat_id, message_id, reply_markup: keyboard().unwrap() });
    assert_call(&DeleteMessage { chat_id, message_id });
    assert_call(&EditForumTopic { chat_id, message_thread_id: 3, name: "Holiday".to_owned() });
}

#[test]
fn menus_drafts_and_rich_messages_are_what_the_bot_api_takes() {
    let command = BotCommand { command: "new".to_owned(), description: "begin anew".to_owned() };
    for chat in [7, -5] {
        let (scope, language_code) = (Some(ChatScope::new(chat, 7)), Some("de".to_owned()));
        assert_call(&SetMyCommands { commands: vec![command.clone()], scope, language_code });
    }
    let place = Place::new(7, Some(3));
    let (can_stop, keep_on_stop) = (true, true);
    assert_call(&SendMessageDraft { place, draft_id: 1, text: String::new(), entities: Vec::new(), can_stop, keep_on_stop });
    let rich_message = RichMessage { markdown: "| a |\n|---|\n| 1 |".to_owned(), skip_entity_detection: true };
    assert_call(&SendRichMessage { place, rich_message, disable_notification: true, reply_markup: keyboard() });
}

#[test]
fn files_are_sent_as_the_bot_api_takes_them() {
    let place = Place::new(7, Some(3));
    let kinds = [FileKind::Animation, FileKind::Audio, FileKind::Document, FileKind::Photo, FileKind::Video, FileKind::Voice];
    for kind in kinds {
        let (caption, caption_entities) = ("x".to_owned(), entities());
        let request = SendFile { place, kind, caption, caption_entities, disable_notification: false, reply_markup: keyboard() };
        assert_taken(kind.method(), &request, &[kind.name()]);
    }
    for kind in [FileKind::Audio, FileKind::Document, FileKind::Photo, FileKind::Video] {
        let media = vec![AlbumItem::new(kind, 0, "x".to_owned(), entities()), AlbumItem::new(kind, 1, String::new(), Vec::new())];
        assert_taken("sendMediaGroup", &SendMediaGroup { place, media, disable_notification: true }, &[]);
    }
    assert_call(&GetFile { file_id: "x".to_owned() });
}

use std::time::Duration;

use super::*;
use crate::model::{ThreadId, UserId};
use crate::store::Store;

fn delivery(message: Message) -> Delivery {
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.post(&message).unwrap();
    let (id, message) = store.outbox_next(&message.thread).unwrap().unwrap();
    let place = Place::new(message.thread.chat, message.thread.topic());
    Delivery::new(id, message, place)
}

fn thread() -> ThreadId {
    ThreadId::telegram(7, Some(3))
}

fn answer(markdown: &str) -> Message {
    Message::answer(thread(), markdown.to_owned())
}

fn with_files(markdown: &str, paths: &[&str]) -> Message {
    let file = |path: &&str| FileOut { owner: UserId::telegram(7), path: (*path).to_owned(), caption: "**it**".to_owned() };
    Message { files: paths.iter().map(file).collect(), ..answer(markdown) }
}

fn bad(description: &str) -> ApiError {
    ApiError::BadRequest { method: "sendMessage", description: description.to_owned() }
}

fn text(delivery: &Delivery) -> SendMessage {
    match delivery.request() {
        Some(Request::Text(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn files(delivery: &Delivery) -> Vec<String> {
    let Some(Request::Files(items)) = delivery.request() else { panic!("{:?}", delivery.request()) };
    let name = |item: Item| match item.source {
        Source::Text { name, .. } => name,
        Source::Workspace(file) => file.path,
    };
    items.into_iter().map(name).collect()
}

#[test]
fn pieces_go_out_in_order_with_one_sound_and_the_buttons_under_the_last() {
    let mut delivery = delivery(answer(&"word ".repeat(1500)).button("Retry", "retry:1".to_owned()));
    let first = text(&delivery);
    assert!(!first.disable_notification && first.reply_markup.is_none());
    assert_eq!(delivery.confirmed(1).sent, 1);
    let last = text(&delivery);
    assert!(last.disable_notification && last.reply_markup.is_some());
    assert_eq!(delivery.confirmed(1).sent, 2);
    assert!(delivery.request().is_none());
}

#[test]
fn what_is_not_loud_makes_no_sound() {
    let quiet = delivery(Message { loud: false, ..answer("hi") });
    assert!(text(&quiet).disable_notification);
    let notice = delivery(Message { loud: true, ..Message::notice(thread(), "hi".to_owned()) });
    assert!(!text(&notice).disable_notification);
}

#[test]
fn what_was_confirmed_before_a_restart_is_not_sent_again() {
    let mut delivery = delivery(Message { sent: 1, ..answer(&"word ".repeat(1500)) });
    assert!(text(&delivery).disable_notification);
    delivery.confirmed(1);
    assert!(delivery.request().is_none());
    let after_two = Message { sent: 3, ..with_files("hi", &["a", "b", "c"]) };
    assert_eq!(files(&self::delivery(after_two)), ["c"]);
}

#[test]
fn a_refused_formatting_is_tried_once_as_plain_text() {
    let mut delivery = delivery(answer("**a**"));
    let error = bad("Bad Request: can't parse entities: x");
    assert_eq!(delivery.refused(&error, None), Remedy::Again);
    let request = text(&delivery);
    assert_eq!((request.text.as_str(), request.entities.len()), ("a", 0));
    assert_eq!(delivery.refused(&error, None), Remedy::Again);
    assert!(text(&delivery).text.starts_with("⚠ A message could not be delivered."));
    assert_eq!(delivery.refused(&bad("x"), None), Remedy::GiveUp);
}

#[test]
fn what_is_said_in_the_place_of_a_text_is_in_the_person_s_language_and_the_files_still_come() {
    let message = Message { language: crate::model::Language::German, ..with_files(&"word ".repeat(1500), &["a"]) };
    let mut delivery = delivery(message.button("Retry", "retry:1".to_owned()));
    assert_eq!(delivery.refused(&bad("MESSAGE_STRANGE"), None), Remedy::Again);
    let said = text(&delivery);
    assert!(said.text.contains("ließ sich nicht zustellen") && said.text.contains("MESSAGE_STRANGE") && said.reply_markup.is_none());
    assert_eq!(delivery.confirmed(1).sent, 2, "the second piece without the first would mislead");
    assert_eq!(files(&delivery), ["a"]);
}

#[test]
fn a_deleted_topic_is_left_once() {
    let mut delivery = delivery(Message::notice(thread(), "hi".to_owned()));
    let error = bad("Bad Request: message thread not found");
    assert_eq!(text(&delivery).place.message_thread_id, Some(3));
    assert_eq!(delivery.refused(&error, None), Remedy::WithoutTopic);
    assert_eq!(text(&delivery).place.message_thread_id, None);
    assert_eq!(delivery.refused(&error, None), Remedy::Again, "then it is a refusal like others");
    assert!(text(&delivery).text.starts_with('⚠'));
}

#[test]
fn a_group_that_became_a_supergroup_is_followed() {
    let mut delivery = delivery(Message::notice(ThreadId::telegram(-5, None), "hi".to_owned()));
    let moved = |to| ApiError::Migrated { method: "sendMessage", to };
    assert_eq!(delivery.refused(&moved(-1005), None), Remedy::Moved(-1005));
    assert_eq!(delivery.refused(&moved(-5), None), Remedy::GiveUp);
}

#[test]
fn nothing_is_given_up_for_what_passes_and_all_for_a_lost_chat() {
    let mut delivery = delivery(answer("a"));
    let method = "sendMessage";
    for error in [
        ApiError::Timeout { method },
        ApiError::Server { method, status: 502 },
        ApiError::Flood { method, retry_after: Duration::from_secs(3) },
        ApiError::Unauthorized { method },
        ApiError::Garbage { method, status: 200 },
    ] {
        assert_eq!(delivery.refused(&error, None), Remedy::Wait, "{error}");
    }
    for error in [ApiError::Forbidden { method, description: "blocked".to_owned() }, bad("Bad Request: chat not found")] {
        assert_eq!(delivery.refused(&error, None), Remedy::GiveUp, "{error}");
    }
}

#[test]
fn a_tagged_message_is_remembered_by_its_last_text() {
    let tagged = |delivery: &mut Delivery| delivery.confirmed(1).tagged;
    let mut delivery = delivery(Message { tag: Some("queue:1".to_owned()), ..with_files(&"word ".repeat(1500), &["a"]) });
    assert_eq!(tagged(&mut delivery), None);
    let (tag, text) = tagged(&mut delivery).unwrap();
    assert!(tag == "queue:1" && text.starts_with("word"));
    assert_eq!(tagged(&mut delivery), None);
}

#[test]
fn an_edit_rewrites_with_its_buttons_and_is_never_sent_as_a_message() {
    let edit = Edit::Tag("queue:1".to_owned());
    let message = Message { edit: Some(edit.clone()), ..answer("**new**") };
    let mut delivery = delivery(message.clone());
    assert_eq!(delivery.settles(), Some("queue:1"));
    match delivery.request() {
        Some(Request::Edit(of, piece, None)) => assert_eq!((of, piece.text.as_str(), piece.entities.len()), (&edit, "new", 1)),
        other => panic!("{other:?}"),
    }
    assert_eq!(delivery.refused(&bad("can't parse entities"), None), Remedy::Again);
    assert!(matches!(delivery.request(), Some(Request::Edit(_, piece, _)) if piece.entities.is_empty()));
    assert_eq!(delivery.refused(&bad("Bad Request: strange"), None), Remedy::Done);
    delivery.confirmed(1);
    assert!(delivery.request().is_none());
    let kept = self::delivery(message.button("Drop", "drop:1".to_owned()));
    assert!(kept.settles().is_none() && matches!(kept.request(), Some(Request::Edit(_, _, Some(_)))));
}

#[test]
fn a_rich_text_is_one_message_and_falls_back_to_the_ordinary_form() {
    let rich = Message { rich: true, ..with_files(&format!("**bold** {}", "word ".repeat(1500)), &["a"]) };
    let mut delivery = delivery(rich.clone());
    assert!(delivery.texts > 1);
    assert!(matches!(delivery.request(), Some(Request::Rich(_))));
    delivery.confirmed(1);
    assert_eq!(files(&delivery), ["a"]);
    let mut refused = self::delivery(rich);
    assert_eq!(refused.refused(&bad("Bad Request: can't parse entities"), None), Remedy::Again);
    assert!(!text(&refused).entities.is_empty());
    assert_eq!(refused.confirmed(1).sent, 1);
}

#[test]
fn nothing_that_telegram_would_fetch_is_sent_in_the_rich_form() {
    for markdown in ["![x](https://a.example/?secret)", "<IMG src='https://a.example'>", &"long ".repeat(4000)] {
        assert!(matches!(delivery(Message { rich: true, ..answer(markdown) }).request(), Some(Request::Text(_))), "{markdown}");
    }
}

#[test]
fn files_come_after_the_text_in_their_order_and_several_are_confirmed_at_once() {
    let documents = vec![("a.diff".to_owned(), "diff".to_owned())];
    let mut delivery = delivery(Message { documents, ..with_files("hi", &["b", "c"]) });
    assert_eq!(text(&delivery).text, "hi");
    delivery.confirmed(1);
    assert_eq!(files(&delivery), ["a.diff", "b", "c"]);
    assert!(delivery.is_silent());
    assert_eq!(delivery.confirmed(2).sent, 3);
    assert_eq!(files(&delivery), ["c"]);
}

#[test]
fn a_refused_album_comes_apart_and_a_refused_photo_is_sent_as_a_document_once() {
    let mut delivery = delivery(with_files("", &["a", "b"]));
    let (error, photo) = (bad("Bad Request: PHOTO_INVALID_DIMENSIONS"), Some(Tried::One(FileKind::Photo)));
    assert_eq!(delivery.refused(&error, Some(Tried::Album)), Remedy::Again);
    assert_eq!(files(&delivery), ["a"]);
    assert_eq!(delivery.refused(&error, photo), Remedy::Again);
    assert!(delivery.is_document());
    assert_eq!(delivery.refused(&error, Some(Tried::One(FileKind::Document))), Remedy::Again);
    assert!(text(&delivery).text.contains("PHOTO_INVALID_DIMENSIONS") && !text(&delivery).disable_notification);
    delivery.confirmed(1);
    assert!(!delivery.is_document());
    assert_eq!(files(&delivery), ["b"]);
}

#[test]
fn a_file_that_changed_meanwhile_or_cannot_be_opened_is_said_in_its_place() {
    let mut delivery = delivery(with_files("", &["a`\n", "b"]));
    let changed = ApiError::File { method: "sendPhoto", detail: "it grew".to_owned() };
    assert_eq!(delivery.refused(&changed, Some(Tried::One(FileKind::Photo))), Remedy::Again);
    assert!(text(&delivery).text.contains("changed while it was sent"));
    delivery.confirmed(1);
    delivery.cannot_send("the workspace has no such file.");
    assert_eq!(text(&delivery).text, "⚠ The agent wanted to send `b`, but: the workspace has no such file.");
    assert_eq!(delivery.confirmed(1).sent, 2);
    assert!(delivery.request().is_none());
}

#[test]
fn a_refused_caption_is_tried_plain() {
    let mut delivery = delivery(with_files("", &["a"]));
    let captions = |delivery: &Delivery| match delivery.request() {
        Some(Request::Files(items)) => items[0].caption.as_ref().unwrap().entities.len(),
        other => panic!("{other:?}"),
    };
    assert_eq!(captions(&delivery), 1);
    assert_eq!(delivery.refused(&bad("can't parse entities"), Some(Tried::One(FileKind::Photo))), Remedy::Again);
    assert_eq!(captions(&delivery), 0);
}

#[test]
fn only_what_telegram_mixes_goes_together_and_no_more_than_one_request_takes() {
    use FileKind::{Animation, Audio, Document, Photo, Video, Voice};
    let count = |kinds: &[FileKind]| together(&kinds.iter().map(|kind| (*kind, 1)).collect::<Vec<_>>());
    assert_eq!(count(&[Photo, Video, Photo, Document]), 3);
    assert_eq!(count(&[Document, Document, Photo]), 2);
    assert_eq!(count(&[Audio, Document]), 1);
    assert_eq!(count(&[Voice, Voice]), 1);
    assert_eq!(count(&[Animation, Photo]), 1);
    assert_eq!(count(&[Photo; 12]), ALBUM);
    assert_eq!(count(&[]), 0);
    assert_eq!(together(&[(Photo, UPLOAD), (Photo, 1)]), 1);
}

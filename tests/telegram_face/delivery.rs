//! What must arrive: long answers, files, albums, changes in place, and what is said of that which cannot arrive.

use std::path::PathBuf;
use std::time::Duration;

use kiroclaw::model::outbound::{Edit, FileOut, Message};
use kiroclaw::model::{ThreadId, UserId};
use kiroclaw::store::{Store, WorkspaceRecord};

use crate::stand_in::telegram::{Fault, Telegram, png};
use crate::{Stage, chat};

const ANA: UserId = UserId { channel: kiroclaw::model::ChannelKind::Telegram, number: 7 };

/// Ana's workspace of a thread, registered and with files.
fn workspace(stage: &Stage, thread: ThreadId, files: &[(&str, &[u8])]) -> PathBuf {
    let path = format!("ana/{}", thread.topic);
    let directory = stage.workspaces.path().join(&path);
    std::fs::create_dir_all(&directory).unwrap();
    for (name, content) in files {
        std::fs::write(directory.join(name), content).unwrap();
    }
    stage.store.put_workspace(&WorkspaceRecord { owner: ANA, thread, path, last_used: 0, size: 0 }).unwrap();
    directory
}

fn file(path: &str, caption: &str) -> FileOut {
    FileOut { owner: ANA, path: path.to_owned(), caption: caption.to_owned() }
}

fn answer(markdown: &str, files: Vec<FileOut>) -> Message {
    Message { files, ..Message::answer(chat(7), markdown.to_owned()) }
}

#[test]
fn a_very_long_answer_is_its_beginning_and_a_document_with_all_of_it() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let long: String = (0..2000).map(|line| format!("# Part {line}\n\nSome **words** about it.\n\n")).collect();
    stage.posts(&Message::answer(chat(7), long.clone()).button("Retry", "retry:1".to_owned()));
    let document = ana.waits_for_message(|message| message.document.is_some());
    assert_eq!(document.file("document"), Some(("answer.md", long.as_bytes())));
    let [beginning, _] = ana.messages().try_into().unwrap();
    assert!(beginning.text.starts_with("Part 0") && beginning.text.ends_with("… The whole answer is in answer.md."));
    assert_eq!((beginning.buttons(), beginning.silent, document.silent), (vec!["Retry".to_owned()], false, true));
    stage.waits_for_an_empty_outbox();
}

#[test]
fn files_arrive_after_the_text_as_what_their_content_is_and_several_as_an_album() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let (small, large) = (png(40, 30), png(90, 60));
    let voice = [b"OggS\0\x02".as_slice(), &[0; 20], b"\x01\x13OpusHead\x01"].concat();
    workspace(&stage, chat(7), &[("a.txt", &small), ("b.png", &large), ("voice.ogg", &voice), ("notes.txt", b"notes")]);
    let files = vec![file("a.txt", "**first**"), file("./b.png", ""), file("voice.ogg", ""), file("notes.txt", "the notes")];
    stage.posts(&Message { documents: vec![("a.diff".to_owned(), "-1\n+2\n".to_owned())], ..answer("Here:", files) });
    let last = ana.waits_for_message(|message| message.text == "the notes");
    assert_eq!(last.file("document"), Some(("notes.txt", b"notes".as_slice())));
    let messages = ana.messages();
    let kinds: Vec<&str> = messages.iter().map(|message| message.media.as_ref().map_or("text", |media| media.kind.as_str())).collect();
    assert_eq!(kinds, ["text", "document", "photo", "photo", "voice", "document"]);
    let albums: Vec<bool> = messages.iter().map(|message| message.album.is_some()).collect();
    assert_eq!(albums, [false, false, true, true, false, false]);
    assert_eq!((messages[2].text.as_str(), messages[2].formatted("bold")), ("first", vec!["first".to_owned()]));
    assert_eq!(messages.iter().filter(|message| !message.silent).count(), 1);
    stage.waits_for_an_empty_outbox();
}

#[test]
fn what_cannot_be_sent_is_said_in_its_place_and_the_rest_arrives() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let directory = workspace(&stage, chat(7), &[("one.txt", b"one"), ("two.txt", b"two")]);
    std::os::unix::fs::symlink("/etc/passwd", directory.join("link")).unwrap();
    std::fs::File::create(directory.join("big")).unwrap().set_len(51 << 20).unwrap();
    let files =
        vec![file("one.txt", ""), file("../7/one.txt", ""), file("link", ""), file("big", ""), file("gone", ""), file("two.txt", "")];
    stage.posts(&answer("", files));
    ana.waits_for_message(|message| message.file("document").is_some_and(|(name, _)| name == "two.txt"));
    let said: Vec<String> = ana.messages().into_iter().map(|message| message.text).collect();
    for (index, word) in [(1, "outside"), (2, "symbolic link"), (3, "51.0 MB"), (4, "no such file")] {
        assert!(said[index].starts_with("⚠ The agent wanted to send `") && said[index].contains(word), "{said:?}");
    }
    assert_eq!(said.len(), 6);
}

#[test]
fn a_photo_that_telegram_refuses_is_sent_as_a_document_and_an_album_comes_apart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    workspace(&stage, chat(7), &[("one.png", &png(40, 30)), ("two.png", &png(40, 30))]);
    telegram.fault("sendMediaGroup", 1, Fault::Refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
    telegram.fault("sendPhoto", 1, Fault::Refuse(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
    stage.posts(&answer("", vec![file("one.png", ""), file("two.png", "")]));
    stage.waits_for_an_empty_outbox();
    let kinds: Vec<String> = ana.messages().into_iter().filter_map(|message| message.media).map(|media| media.kind).collect();
    assert_eq!(kinds, ["document", "photo"]);
}

#[test]
fn an_upload_that_hangs_delays_no_other_chat() {
    let telegram = Telegram::start();
    let (ana, bob) = (telegram.private_chat(7, "en"), telegram.private_chat(8, "en"));
    let stage = Stage::new(&telegram);
    workspace(&stage, chat(7), &[("one.txt", b"one")]);
    telegram.fault("sendDocument", 1, Fault::Hang(Duration::from_secs(3)));
    stage.posts(&answer("", vec![file("one.txt", "")]));
    telegram.waits_for_call("the upload", |call| call.method == "sendDocument");
    stage.posts(&Message::answer(chat(8), "quick".to_owned()));
    bob.waits_for_message(|message| message.text == "quick");
    assert!(ana.messages().is_empty());
    ana.waits_for_message(|message| message.document.is_some());
}

#[test]
fn what_arrived_before_a_restart_is_not_sent_again() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    let documents = ["one", "two", "three"].map(|name| (format!("{name}.md"), name.to_owned())).to_vec();
    store.post(&Message { documents, sent: 3, ..Message::answer(chat(7), "text".to_owned()) }).unwrap();
    let stage = Stage::with(&telegram, store);
    stage.waits_for_an_empty_outbox();
    let names: Vec<String> = ana.messages().into_iter().filter_map(|message| message.document).map(|(name, _)| name).collect();
    assert_eq!((names, ana.messages().len()), (vec!["three.md".to_owned()], 1));
}

#[test]
fn a_tagged_message_is_rewritten_in_place_and_a_lost_one_is_not_sent_anew() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let tagged = Message::queued(chat(7), "Queued (1)".to_owned()).button("Drop", "drop:1".to_owned());
    stage.posts(&Message { tag: Some("queue:1".to_owned()), ..tagged.clone() });
    let first = ana.waits_for_message(|message| message.buttons() == ["Drop"]);
    let edit = |tag: &str, text: &str| Message { edit: Some(Edit::Tag(tag.to_owned())), ..Message::queued(chat(7), text.to_owned()) };
    stage.posts(&edit("unknown", "never seen"));
    stage.posts(&Message { buttons: tagged.buttons, ..edit("queue:1", "Queued (1), changed") });
    ana.waits_for_message(|message| message.id == first.id && message.text == "Queued (1), changed" && message.buttons() == ["Drop"]);
    assert!(stage.store.shown(&chat(7), "queue:1").unwrap().is_some());
    stage.posts(&edit("queue:1", "**Over**"));
    let over = ana.waits_for_message(|message| message.id == first.id && message.text == "Over");
    assert_eq!((over.buttons().len(), over.formatted("bold").len()), (0, 1));
    stage.posts(&Message { edit: Some(Edit::Number(first.id)), ..Message::notice(chat(7), "By number".to_owned()) });
    ana.waits_for_message(|message| message.id == first.id && message.text == "By number");
    ana.deletes(first.id);
    stage.posts(&Message { edit: Some(Edit::Number(first.id)), ..Message::notice(chat(7), "Too late".to_owned()) });
    stage.waits_for_an_empty_outbox();
    assert!(stage.store.shown(&chat(7), "queue:1").unwrap().is_none() && ana.messages().is_empty());
}

#[test]
fn details_are_folded_up_and_a_failure_is_as_loud_as_its_person_wants() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let details = Some("stderr:\nno such file".to_owned());
    stage.posts(&Message { details, loud: true, ..Message::notice(chat(7), "⚠ It failed.".to_owned()) });
    let failed = ana.waits_for_message(|message| message.text.starts_with("⚠ It failed.\n"));
    assert_eq!((failed.formatted("expandable_blockquote"), failed.silent), (vec!["stderr:\nno such file".to_owned()], false));
}

#[test]
fn the_rich_form_is_used_where_it_is_wanted_and_taken() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let table = "| a | b |\n|---|---|\n| 1 | 2 |";
    let rich = Message { rich: true, ..Message::answer(chat(7), table.to_owned()) };
    stage.posts(&rich);
    let sent = ana.waits_for_message(|message| message.rich.is_some());
    assert_eq!(sent.rich.unwrap()["markdown"], table);
    telegram.fault("sendRichMessage", 1, Fault::Refuse(400, "Bad Request: RICH_MESSAGE_INVALID"));
    stage.posts(&rich);
    ana.waits_for_message(|message| message.rich.is_none() && message.text.contains('1'));
}

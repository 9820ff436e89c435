//! The Telegram channel against the stand-in: every request is one that Telegram takes, and polling survives what happens to it.

#![allow(clippy::unwrap_used, reason = "the helpers of the tests may fail the tests")]

mod stand_in;

use std::io::Write as _;
use std::time::{Duration, Instant};

use kiroclaw::channel::telegram::api::{Api, ApiError, Upload};
use kiroclaw::channel::telegram::methods::{
    AnswerCallbackQuery, BotCommand, DOWNLOAD, EditMessageText, FileKind, GetFile, GetMe, LinkPreview, Place, Reaction, SendChatAction,
    SendFile, SendMessage, SendMessageDraft, SetMessageReaction, SetMyCommands,
};
use kiroclaw::channel::telegram::poll::{PollEnd, Poller};
use kiroclaw::channel::telegram::render::{caption, render};
use kiroclaw::channel::telegram::types::{InlineButton, InlineKeyboard, Media, Update};
use kiroclaw::model::Secret;
use stand_in::telegram::{Fault, TOKEN, Telegram};

const MARKDOWN: &str = "# Hi 😀\n\n**bold *both* `code` ~~no~~** [link](https://a.example/x) [file](src/a.rs)\n\n> quote **b**\n> `c`\n\n\
                        - one\n- two\n\n```rust\n    fn f() {}\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";

fn run<T>(test: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

fn api(telegram: &Telegram) -> Api {
    Api::new(&telegram.base(), &Secret::new(telegram.token().to_owned())).unwrap()
}

fn message(place: Place, markdown: &str) -> SendMessage {
    let piece = render(markdown).remove(0);
    SendMessage {
        place,
        text: piece.text,
        entities: piece.entities,
        link_preview_options: LinkPreview::OFF,
        disable_notification: true,
        reply_markup: None,
    }
}

fn texts(updates: &[Update]) -> Vec<&str> {
    updates.iter().filter_map(|update| update.message.as_ref()?.text.as_deref()).collect()
}

#[test]
fn every_request_is_one_that_telegram_takes() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let (topic, api) = (ana.makes_topic(Some("work")), api(&telegram));
    let said = ana.sends_in_topic(topic, "hello");
    let place = Place::new(7, Some(topic));
    run(async {
        assert_eq!(api.call(&GetMe {}).await.unwrap().username.as_deref(), Some("stand_in_bot"));
        let commands = vec![BotCommand { command: "new".to_owned(), description: "begin anew".to_owned() }];
        api.call(&SetMyCommands { commands, scope: None, language_code: None }).await.unwrap();
        api.call(&SetMessageReaction { chat_id: 7, message_id: said, reaction: [Reaction::EYES] }).await.unwrap();
        api.call(&SendChatAction::typing(place)).await.unwrap();
        let piece = render(MARKDOWN).remove(0);
        let (text, entities) = (piece.text, piece.entities);
        let draft = SendMessageDraft { place, draft_id: 1, text, entities, can_stop: true, keep_on_stop: true };
        api.call(&draft).await.unwrap();
        let button = InlineButton { text: "Go".to_owned(), callback_data: "go:1".to_owned() };
        let keyboard = InlineKeyboard { inline_keyboard: vec![vec![button]] };
        let sent = api.call(&SendMessage { reply_markup: Some(keyboard), ..message(place, MARKDOWN) }).await.unwrap();
        let press = ana.presses("Go");
        api.call(&AnswerCallbackQuery { callback_query_id: press.clone(), text: "ok".to_owned() }).await.unwrap();
        assert_eq!(ana.waits_for_toast(&press), "ok");
        let edit = EditMessageText {
            chat_id: 7,
            message_id: sent.message_id,
            text: "done".to_owned(),
            entities: Vec::new(),
            link_preview_options: LinkPreview::OFF,
            reply_markup: None,
        };
        api.call(&edit).await.unwrap();
        let seen = ana.message(sent.message_id).unwrap();
        assert_eq!((seen.text.as_str(), seen.buttons().len(), seen.topic), ("done", 0, Some(topic)));
    });
    ana.waits_for_reaction(said, "👀");
}

#[test]
fn the_general_topic_of_a_group_is_written_to_without_its_number() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-100, true, 7, "en");
    run(api(&telegram).call(&message(Place::new(-100, Some(1)), "hi"))).unwrap();
    assert_eq!(ana.waits_for_message(|message| message.text == "hi").topic, None);
}

/// A file of that content.
fn file(content: &[u8]) -> std::fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file
}

#[test]
fn a_document_arrives_whole_under_its_name_and_caption() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let api = api(&telegram);
    let bytes: Vec<u8> = (0..300_000_u32).map(|at| at.to_le_bytes()[1]).collect();
    let piece = caption("the **plan**").unwrap();
    let request = SendFile {
        place: Place::new(7, None),
        kind: FileKind::Document,
        caption: piece.text,
        caption_entities: piece.entities,
        disable_notification: true,
        reply_markup: None,
    };
    let send = |name: &str| run(api.send_file(&request, Upload::new(file(&bytes), name).unwrap()));
    send("Pläne \"neu\"\r\n.txt").unwrap();
    let seen = ana.waits_for_message(|message| message.document.is_some());
    assert_eq!(seen.text, "the plan");
    assert!(seen.document.unwrap() == ("Pläne _neu__.txt".to_owned(), bytes.clone()));
    telegram.fault("sendDocument", 1, Fault::Flood(3));
    assert!(matches!(send("a.txt"), Err(ApiError::Flood { .. })));
}

#[test]
fn a_person_s_document_is_fetched_and_one_that_is_too_large_is_not() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let api = api(&telegram);
    ana.sends_document("notes.txt", b"milk and bread", "look");
    run(async {
        let message = Poller::new(api.clone()).next().await.unwrap().remove(0).message.unwrap();
        assert_eq!(message.caption.as_deref(), Some("look"));
        let Some(Media::File(document)) = message.media else { panic!("no file") };
        assert_eq!((document.file_name.as_deref(), document.file_size), (Some("notes.txt"), Some(14)));
        let path = api.call(&GetFile { file_id: document.file_id }).await.unwrap().file_path.unwrap();
        let mut download = api.download(&path, 0, DOWNLOAD).await.unwrap();
        let mut all = Vec::new();
        while let Some(chunk) = download.chunk().await.unwrap() {
            all.extend_from_slice(&chunk);
        }
        assert_eq!((download.from, download.size, all.as_slice()), (0, Some(14), b"milk and bread".as_slice()));
        assert!(api.download(&path, 0, 13).await.unwrap_err().is_too_large());
        let missing = api.download("documents/none", 0, DOWNLOAD).await.unwrap_err();
        assert!(matches!(missing, ApiError::BadRequest { .. }), "{missing}");
    });
}

#[test]
fn refusals_and_broken_answers_are_told_apart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let api = api(&telegram);
    let send = || run(api.call(&message(Place::new(7, None), "x"))).unwrap_err();
    let faults = [
        (Fault::Flood(3), "silence"),
        (Fault::BadEntities, "can't parse entities"),
        (Fault::BadGateway, "502"),
        (Fault::Garbage, "not the Bot API's"),
        (Fault::Close, "sendMessage: "),
    ];
    for (fault, part) in faults {
        telegram.fault("sendMessage", 1, fault);
        let error = send();
        assert!(error.to_string().contains(part) && !error.to_string().contains(TOKEN), "{error}");
    }
    ana.blocks(true);
    assert!(matches!(send(), ApiError::Forbidden { .. }));
}

#[test]
fn a_batch_is_confirmed_by_asking_for_the_next() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut poller = Poller::new(api(&telegram));
    run(async {
        ana.sends("one");
        assert_eq!(texts(&poller.next().await.unwrap()), ["one"]);
        assert_eq!(telegram.unconfirmed(), 1);
        // A crash now: another poller gets it again.
        assert_eq!(texts(&Poller::new(api(&telegram)).next().await.unwrap()), ["one"]);
        ana.sends("two");
        assert_eq!(texts(&poller.next().await.unwrap()), ["two"]);
        assert_eq!(telegram.unconfirmed(), 1);
    });
    let poll = &telegram.calls_of("getUpdates")[0].params;
    assert_eq!(
        poll["allowed_updates"],
        serde_json::json!(["message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation"])
    );
    assert_eq!((&poll["timeout"], &poll["limit"]), (&50.into(), &100.into()));
}

#[test]
fn the_last_batch_is_confirmed_at_a_clean_stop_and_nothing_beyond_it() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut poller = Poller::new(api(&telegram));
    run(async {
        poller.confirm().await;
        assert_eq!(telegram.calls_of("getUpdates").len(), 0, "there is nothing to confirm");
        ana.sends("one");
        poller.next().await.unwrap();
        ana.sends("two");
        poller.confirm().await;
        assert_eq!(telegram.unconfirmed(), 1);
        assert_eq!(texts(&Poller::new(api(&telegram)).next().await.unwrap()), ["two"]);
    });
}

#[test]
fn a_stop_waits_for_no_server_that_hangs() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut poller = Poller::new(api(&telegram));
    ana.sends("one");
    run(poller.next()).unwrap();
    telegram.fault("getUpdates", 1, Fault::Hang(Duration::from_secs(60)));
    let begun = Instant::now();
    run(poller.confirm());
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
}

#[test]
fn polling_survives_whatever_happens_but_a_refused_token() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    for fault in [Fault::BadGateway, Fault::Garbage, Fault::Close, Fault::Flood(1)] {
        telegram.fault("getUpdates", 1, fault);
    }
    ana.sends("still there?");
    let mut poller = Poller::new(api(&telegram));
    run(async {
        assert_eq!(texts(&poller.next().await.unwrap()), ["still there?"]);
        telegram.waits_for_faults();
        telegram.revoke_token();
        assert_eq!(poller.next().await, Err(PollEnd::Refused));
    });
}

#[test]
fn a_webhook_is_removed_and_its_events_are_kept() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    telegram.webhook(Some("https://elsewhere.example/"));
    ana.sends("kept");
    assert_eq!(texts(&run(Poller::new(api(&telegram)).next()).unwrap()), ["kept"]);
    assert_eq!(telegram.calls_of("deleteWebhook").len(), 1);
}

#[test]
fn another_poller_slows_ours_down_instead_of_ending_it() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    telegram.fault("getUpdates", 3, Fault::Conflict);
    ana.sends("ours");
    let begun = Instant::now();
    assert_eq!(texts(&run(Poller::new(api(&telegram)).next()).unwrap()), ["ours"]);
    // Three pauses of at least half of 0.5, 1 and 2 s.
    assert!(begun.elapsed() >= Duration::from_millis(1750), "{:?}", begun.elapsed());
}

#[test]
fn numbers_that_begin_anew_lose_nothing() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut poller = Poller::new(api(&telegram));
    run(async {
        ana.sends("before");
        let before = poller.next().await.unwrap()[0].update_id;
        telegram.jump_to_update(before - 1_000_000);
        ana.sends("after");
        assert_eq!(texts(&poller.next().await.unwrap()), ["after"]);
    });
}

#[test]
fn a_server_that_repeats_itself_makes_no_busy_loop() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    ana.sends("again");
    let mut poller = Poller::new(api(&telegram));
    let begun = Instant::now();
    run(async {
        poller.next().await.unwrap();
        for _ in 0..3 {
            telegram.redeliver(1);
            assert_eq!(texts(&poller.next().await.unwrap()), ["again"]);
        }
    });
    assert!(begun.elapsed() >= Duration::from_millis(1750), "{:?}", begun.elapsed());
}

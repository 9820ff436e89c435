//! The Telegram face against the stand-in: what people see of a session, and what sessions are given of people.

#![allow(clippy::unwrap_used, clippy::panic, reason = "the helpers of the tests may fail the tests")]

#[path = "telegram_face/chats.rs"]
mod chats;
#[path = "telegram_face/delivery.rs"]
mod delivery;
#[path = "telegram_face/display.rs"]
mod display;
mod stand_in;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kiroclaw::channel::telegram::api::Api;
use kiroclaw::config::{Sources, load};
use kiroclaw::gateway::telegram::{Telegram as Face, TelegramError, run};
use kiroclaw::gateway::{Faces, Gate, Intake, Routed};
use kiroclaw::model::inbound::{Content, Inbound};
use kiroclaw::model::outbound::{AskOption, AskView, Display, Message, Show};
use kiroclaw::model::permission::ToolKind;
use kiroclaw::model::{ChannelKind, Secret, ThreadId, UserId};
use kiroclaw::store::Store;
use stand_in::telegram::{Fault, Rate, Rates, Telegram};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};

/// The face, with the test in the place of router and sessions.
struct Stage {
    here: Runtime,
    store: Store,
    faces: Faces,
    routed: mpsc::Receiver<Routed>,
    face: std::thread::JoinHandle<Result<(), TelegramError>>,
    workspaces: tempfile::TempDir,
    stop: watch::Sender<bool>,
    _directory: Option<tempfile::TempDir>,
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

impl Stage {
    fn new(telegram: &Telegram) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&directory.path().join("store")).unwrap();
        Self { _directory: Some(directory), ..Self::with(telegram, store) }
    }

    fn with(telegram: &Telegram, store: Store) -> Self {
        let environment = BTreeMap::from([("ALLOWED_TELEGRAM_IDS".to_owned(), "7,8".to_owned())]);
        let (config, _) = load(&Sources { environment, directory: std::env::temp_dir() }).unwrap();
        let (faces, _, shows) = Faces::new(true);
        let (router, routed) = mpsc::channel(64);
        let intake = Intake::new(Gate::new(&config, 0), store.clone(), faces.clone(), router);
        let api = Api::new(&telegram.base(), &Secret::new(telegram.token().to_owned())).unwrap();
        let here = runtime();
        here.block_on(intake.take_up_again()).unwrap();
        let (stop, stopped) = watch::channel(false);
        let workspaces = tempfile::tempdir().unwrap();
        let (store_of_face, root) = (store.clone(), workspaces.path().to_owned());
        let face = Face { api, intake, store: store_of_face, shows: shows.unwrap(), workspaces: root, stop: stopped };
        let face = std::thread::spawn(move || runtime().block_on(run(face)));
        Self { here, store, faces, routed, face, workspaces, stop, _directory: None }
    }

    fn hears(&mut self) -> Inbound {
        let routed = self.here.block_on(async { tokio::time::timeout(Duration::from_secs(20), self.routed.recv()).await });
        routed.unwrap_or_else(|_| panic!("nothing was routed")).unwrap().inbound.into_inner()
    }

    /// The store tells nobody when it changes.
    fn waits_for_an_empty_outbox(&self) {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.store.outbox_is_empty() {
            assert!(Instant::now() < until, "the outbox is not emptied");
            std::thread::yield_now();
        }
    }

    fn show(&self, thread: ThreadId, show: Show) {
        self.here.block_on(self.faces.show(thread, show));
    }

    fn writes(&self, thread: ThreadId, text: &str) {
        self.show(thread, Show::Text { text: text.to_owned() });
    }

    fn posts(&self, message: &Message) {
        self.store.post(message).unwrap();
        self.show(message.thread, Show::Deliver);
    }
}

fn chat(chat: i64) -> ThreadId {
    ThreadId::telegram(chat, None)
}

fn question() -> Show {
    let option = |label: &str, kind: &str| AskOption { label: label.to_owned(), kind: kind.to_owned() };
    Show::Ask(AskView {
        ask: "abcdefghijklmnop".to_owned(),
        user: UserId::telegram(7),
        title: "Run a command".to_owned(),
        detail: "cargo test -- --nocapture *".to_owned(),
        kind: ToolKind::Execute,
        options: vec![option("Allow once", "allow_once"), option("Deny", "reject_once")],
        language: Default::default(),
        silent: false,
    })
}

#[test]
fn a_turn_is_seen_typed_drafted_and_answered() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut stage = Stage::new(&telegram);
    let topic = ana.makes_topic(None);
    let thread = ThreadId::telegram(7, Some(topic));
    let made = stage.hears();
    assert_eq!((made.thread, made.content), (thread, Content::Topic { named: false }));
    let said = ana.sends_in_topic(topic, "hello");
    let inbound = stage.hears();
    assert_eq!((inbound.user, inbound.thread), (UserId::telegram(7), thread));
    assert_eq!(inbound.content, Content::text(said, "hello".to_owned()));
    stage.show(thread, Show::Seen { message: said });
    stage.show(thread, Show::Working(Display::default()));
    ana.waits_for_reaction(said, "👀");
    stage.writes(thread, "Hello **wor");
    let draft = ana.waits_for_draft(|draft| draft.text == "Hello wor");
    assert_eq!(draft.topic, Some(topic));
    stage.writes(thread, "ld**");
    ana.waits_for_draft(|next| next.text == "Hello world" && next.id == draft.id);
    stage.posts(&Message::answer(thread, "Hello **world**!".to_owned()));
    stage.show(thread, Show::TurnEnded);
    let answer = ana.waits_for_message(|message| message.text == "Hello world!");
    assert_eq!((answer.formatted("bold"), answer.silent, answer.topic), (vec!["world".to_owned()], false, Some(topic)));
    assert!(ana.actions().iter().any(|(_, place, action)| *place == Some(topic) && action == "typing"));
    stage.waits_for_an_empty_outbox();
    // Longer than the pause before another draft could come.
    ana.hears_nothing_for(Duration::from_millis(900));
    assert_eq!((ana.draft().is_none(), ana.all_drafts().len()), (true, 2));
    assert!(telegram.commands()[0].1.as_array().unwrap().iter().any(|command| command["command"] == "stop"));
}

#[test]
fn an_event_is_stored_and_a_repeated_one_is_not_taken_again() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut stage = Stage::new(&telegram);
    ana.sends("one");
    stage.hears();
    telegram.waits_for_poll();
    assert_eq!(stage.store.inbox().unwrap().len(), 1);
    telegram.redeliver(1);
    ana.sends("two");
    assert!(matches!(stage.hears().content, Content::Text { text, .. } if text == "two"));
}

#[test]
fn strangers_get_nothing_and_commands_for_other_bots_are_not_ours() {
    let telegram = Telegram::start();
    let (eve, ana) = (telegram.group_member(-9, false, 66, "en"), telegram.group_member(-9, false, 7, "en"));
    let mut stage = Stage::new(&telegram);
    eve.sends("/start");
    ana.sends("/stop@another_bot");
    ana.sends("/stop@stand_in_bot");
    let inbound = stage.hears();
    assert_eq!((inbound.user, inbound.thread), (UserId::telegram(7), chat(-9)));
    assert!(matches!(inbound.content, Content::Text { text, .. } if text == "/stop"));
    assert!(eve.messages().is_empty());
}

#[test]
fn a_long_answer_arrives_whole_in_order_with_one_sound() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let text: String = (0..1200).map(|line| format!("line {line}\n\n")).collect();
    stage.posts(&Message::answer(chat(7), text));
    ana.waits_for_message(|message| message.text.ends_with("line 1199"));
    let (texts, silent): (Vec<String>, Vec<bool>) = ana.messages().into_iter().map(|message| (message.text, message.silent)).unzip();
    let numbers: Vec<usize> = texts.join("\n").split_whitespace().filter_map(|word| word.parse().ok()).collect();
    assert_eq!(numbers, (0..1200).collect::<Vec<_>>());
    assert_eq!(silent.iter().filter(|silent| !**silent).count(), 1);
    assert!(!silent[0]);
}

#[test]
fn a_question_is_asked_answered_and_closed() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut stage = Stage::new(&telegram);
    stage.show(chat(7), question());
    let asked = ana.waits_for_message(|message| message.buttons() == ["Allow once", "Deny"]);
    assert_eq!(asked.formatted("pre"), ["cargo test -- --nocapture *"]);
    assert!(!asked.silent);
    let press = ana.presses("Allow once");
    let content = Content::Button { press: press.clone(), message: asked.id, token: "abcdefghijklmnop:0".to_owned() };
    assert_eq!(stage.hears().content, content);
    stage.show(chat(7), Show::Pressed { press: press.clone(), toast: "Allowed".to_owned() });
    let (ask, by) = ("abcdefghijklmnop".to_owned(), Some(UserId::telegram(7)));
    stage.show(chat(7), Show::Settled { ask, by, choice: "Allow once".to_owned(), at: 3_660 });
    assert_eq!(ana.waits_for_toast(&press), "Allowed");
    let closed = ana.waits_for_message(|message| message.id == asked.id && message.buttons().is_empty());
    assert!(closed.text.ends_with("✅ Allow once (you, 01:01 UTC)"), "{}", closed.text);
}

#[test]
fn a_flood_in_one_chat_loses_nothing_and_delays_no_other() {
    let telegram = Telegram::start();
    let (ana, bob) = (telegram.private_chat(7, "en"), telegram.private_chat(8, "en"));
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::Flood(3));
    let begun = Instant::now();
    stage.posts(&Message::answer(chat(7), "slow".to_owned()));
    telegram.waits_for_faults();
    stage.posts(&Message::answer(chat(8), "quick".to_owned()));
    bob.waits_for_message(|message| message.text == "quick");
    assert!(begun.elapsed() < Duration::from_secs(3) && ana.messages().is_empty());
    ana.waits_for_message(|message| message.text == "slow");
    assert!(begun.elapsed() >= Duration::from_secs(3));
}

#[test]
fn telegram_s_rates_are_kept_after_the_first_refusal() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let overall = Rate { sends: 100, within: Duration::from_secs(1) };
    let chat_rate = Rate { sends: 2, within: Duration::from_secs(2) };
    telegram.limit_rates(Rates { chat: chat_rate, group: chat_rate, overall });
    let stage = Stage::new(&telegram);
    for number in 0..6 {
        stage.posts(&Message::notice(chat(7), format!("number {number}")));
    }
    ana.waits_for_message(|message| message.text == "number 5");
    let texts: Vec<String> = ana.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(texts, (0..6).map(|number| format!("number {number}")).collect::<Vec<_>>());
    let refused = telegram.calls_of("sendMessage").len() - 6;
    assert!(refused <= 2, "{refused} refusals");
}

#[test]
fn an_answer_outlives_broken_networks_refused_formatting_and_deleted_topics() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::BadGateway);
    telegram.fault("sendMessage", 1, Fault::Close);
    telegram.fault("sendMessage", 1, Fault::BadEntities);
    let topic = ana.makes_topic(Some("gone soon"));
    ana.deletes_topic(topic);
    stage.posts(&Message::answer(ThreadId::telegram(7, Some(topic)), "**still** here".to_owned()));
    let answer = ana.waits_for_message(|message| message.text == "still here");
    assert_eq!((answer.topic, answer.formatted("bold").len()), (None, 0));
    telegram.take_violations();
}

#[test]
fn what_can_never_arrive_does_not_stop_what_can() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::Refuse(400, "Bad Request: MESSAGE_STRANGE"));
    stage.posts(&Message::answer(chat(7), "strange".to_owned()));
    ana.waits_for_message(|message| message.text.contains("could not be delivered") && message.text.contains("MESSAGE_STRANGE"));
    ana.blocks(true);
    stage.posts(&Message::answer(chat(7), "unwanted".to_owned()));
    stage.waits_for_an_empty_outbox();
    ana.blocks(false);
    stage.posts(&Message::answer(chat(7), "back".to_owned()));
    ana.waits_for_message(|message| message.text == "back");
    assert!(ana.messages().iter().all(|message| message.text != "unwanted" && message.text != "strange"));
}

#[test]
fn what_waited_in_the_outbox_is_delivered_after_a_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let directory = tempfile::tempdir().unwrap();
    let store = Store::open(directory.path()).unwrap();
    store.post(&Message { sent: 1, ..Message::answer(chat(7), format!("{}\n\nthe rest", "x".repeat(4096))) }).unwrap();
    store.post(&Message::notice(chat(7), "and more".to_owned()).button("Retry", "retry:1".to_owned())).unwrap();
    let stage = Stage::with(&telegram, store);
    let last = ana.waits_for_message(|message| message.text == "and more");
    assert_eq!((last.buttons(), last.silent), (vec!["Retry".to_owned()], true));
    let texts: Vec<String> = ana.messages().into_iter().map(|message| message.text).collect();
    assert_eq!(texts, ["the rest", "and more"]);
    stage.waits_for_an_empty_outbox();
}

#[test]
fn previews_are_dropped_where_they_are_refused_and_answers_are_not() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessageDraft", 1, Fault::Refuse(400, "Bad Request: TEXTDRAFT_PEER_INVALID"));
    stage.show(chat(7), Show::Working(Display::default()));
    stage.writes(chat(7), "one");
    telegram.waits_for_faults();
    stage.writes(chat(7), " two");
    stage.posts(&Message::answer(chat(7), "one two".to_owned()));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text == "one two");
    assert!(ana.all_drafts().is_empty());
}

#[test]
fn a_refused_token_ends_the_face_with_a_word_on_how_to_mend_it() {
    let telegram = Telegram::start();
    telegram.revoke_token();
    let stage = Stage::new(&telegram);
    let end = stage.face.join().unwrap().unwrap_err();
    assert!(matches!(end, TelegramError::Refused(_)));
    assert!(end.to_string().contains("BOT_TOKEN"), "{end}");
}

#[test]
fn a_question_has_no_buttons_before_it_is_remembered_and_gets_them_in_spite_of_faults() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::LoseReply);
    telegram.fault("editMessageReplyMarkup", 1, Fault::BadGateway);
    telegram.fault("editMessageReplyMarkup", 1, Fault::LoseReply);
    stage.show(chat(7), question());
    let open = |message: &stand_in::telegram::Message| !message.buttons().is_empty();
    telegram.waits_for_call("the buttons", |call| call.method == "editMessageReplyMarkup");
    let remembered = stage.store.all_shown(ChannelKind::Telegram, "ask:").unwrap();
    let asked = ana.waits_for_message(open);
    assert_eq!(remembered.into_iter().map(|(_, _, shown)| shown.message).collect::<Vec<_>>(), [asked.id]);
    telegram.waits_for_faults();
    assert_eq!(ana.messages().into_iter().filter(open).count(), 1, "the one whose answer was lost has none");
}

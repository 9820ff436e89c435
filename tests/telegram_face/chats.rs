//! Chats that change: blocked and unblocked, left and joined again, groups that become supergroups, topics that are deleted.

use kiroclaw::model::inbound::Content;
use kiroclaw::model::outbound::Message;
use kiroclaw::model::{ThreadId, UserId};
use kiroclaw::store::{SessionKey, SessionRecord};

use crate::stand_in::telegram::{Fault, Telegram};
use crate::{Stage, chat};

fn key(thread: ThreadId) -> SessionKey {
    SessionKey { user: UserId::telegram(7), thread, agent: "demo".parse().unwrap() }
}

#[test]
fn a_group_that_becomes_a_supergroup_keeps_its_conversation_and_what_waits() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-5, 7, "en");
    let mut stage = Stage::new(&telegram);
    let record = SessionRecord { title: "talk".to_owned(), ..SessionRecord::new(UserId::telegram(7)) };
    stage.store.put_session(&key(chat(-5)), &record).unwrap();
    let there = ana.upgrades_group(-1_000_000_001_005, false);
    telegram.waits_for_poll();
    assert_eq!(stage.store.session(&key(chat(-1_000_000_001_005))).unwrap().title, "talk");
    // A turn of the old group was still running.
    stage.posts(&Message::answer(chat(-5), "the answer".to_owned()));
    there.waits_for_message(|message| message.text == "the answer");
    there.sends("hello");
    assert_eq!(stage.hears().thread, chat(-1_000_000_001_005));
    stage.waits_for_an_empty_outbox();
}

#[test]
fn what_waits_for_a_chat_that_the_bot_was_removed_from_is_given_up_and_later_all_works_again() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-9, false, 7, "en");
    let mut stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::Flood(600));
    stage.posts(&Message::answer(chat(-9), "flooded".to_owned()));
    telegram.waits_for_faults();
    ana.removes_bot();
    stage.waits_for_an_empty_outbox();
    ana.adds_bot();
    ana.sends("are you there?");
    assert!(matches!(stage.hears().content, Content::Text { text, .. } if text == "are you there?"));
}

#[test]
fn a_blocked_bot_writes_again_when_it_is_unblocked() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    ana.blocks(true);
    telegram.waits_for_poll();
    stage.posts(&Message::answer(chat(7), "unwanted".to_owned()));
    stage.waits_for_an_empty_outbox();
    ana.blocks(false);
    stage.posts(&Message::answer(chat(7), "wanted".to_owned()));
    ana.waits_for_message(|message| message.text == "wanted");
    assert_eq!(ana.messages().len(), 1);
}

#[test]
fn a_deleted_topic_is_asked_for_once_and_anew_when_somebody_writes_in_it() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-9, true, 7, "en");
    let mut stage = Stage::new(&telegram);
    let topic = ana.makes_topic(Some("plans"));
    let thread = ThreadId::telegram(-9, Some(topic));
    assert_eq!(stage.hears().thread, thread);
    ana.deletes_topic(topic);
    for text in ["one", "two"] {
        stage.posts(&Message::notice(thread, text.to_owned()));
    }
    assert_eq!(ana.waits_for_message(|message| message.text == "two").topic, None);
    assert_eq!(telegram.calls_of("sendMessage").len(), 3, "the topic was tried once");
    ana.sends_in_topic(topic, "here again");
    stage.hears();
    stage.posts(&Message::notice(thread, "three".to_owned()));
    assert_eq!(ana.waits_for_message(|message| message.text == "three").topic, Some(topic));
}

#[test]
fn the_general_topic_is_the_group_without_a_topic() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-9, true, 7, "en");
    let mut stage = Stage::new(&telegram);
    ana.sends("in general");
    let thread = stage.hears().thread;
    assert_eq!(thread, chat(-9));
    stage.posts(&Message::answer(thread, "heard".to_owned()));
    assert_eq!(ana.waits_for_message(|message| message.text == "heard").topic, None);
}

#[test]
fn a_clean_stop_confirms_what_was_taken_in() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let mut stage = Stage::new(&telegram);
    ana.sends("hello");
    stage.hears();
    telegram.waits_for_poll();
    stage.stop.send_replace(true);
    telegram.waits_for_call("the confirmation", |call| call.method == "getUpdates" && call.params["timeout"] == 0);
}

//! Who is let in.

use std::time::Duration;

use crate::appliance::Appliance;
use crate::stand_in::telegram::Telegram;

#[test]
fn while_nobody_is_allowed_start_tells_the_id_and_what_to_do() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[]);
    ana.sends("hello");
    ana.sends("/start");
    let answer = ana.waits_for_message(|_| true);
    assert!(answer.text.contains("1001") && answer.text.contains("ALLOWED_TELEGRAM_IDS"), "{}", answer.text);
    assert!(!appliance.path("workspaces/telegram-1001").exists(), "nothing was made for a stranger");
}

#[test]
fn strangers_get_silence_and_are_counted() {
    let telegram = Telegram::start();
    let (ana, eve) = (telegram.private_chat(1001, "en"), telegram.private_chat(6666, "en"));
    let _appliance = Appliance::start(&telegram, &[1001]);
    eve.sends("/start");
    eve.sends_document("evil.sh", b"rm -rf /", "");
    eve.sends("echo hello");
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("strangers turned away: 3"));
    eve.hears_nothing_for(Duration::from_millis(300));
    assert!(telegram.calls_of("getFile").is_empty(), "refused before any download");
}

#[test]
fn two_users_with_the_same_topic_number_do_not_meet() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends_in_topic(42, "echo ana works\nhang");
    ana.waits_for_draft(|draft| draft.text.contains("ana works"));
    ben.sends_in_topic(42, "/stop");
    ben.waits_for_message(|message| message.text.contains("Nothing is running"));
    ben.sends_in_topic(42, "count");
    ben.waits_for_message(|message| message.text == "1");
    assert_eq!(appliance.agents().len(), 2, "no runtime serves two users");
    ana.sends_in_topic(42, "/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped"));
}

#[test]
fn an_update_that_comes_twice_is_answered_once() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo once");
    ana.waits_for_message(|message| message.text == "once");
    telegram.redeliver(1);
    telegram.jump_to_update(5);
    ana.sends("echo again");
    ana.waits_for_message(|message| message.text == "again");
    assert_eq!(appliance.prompts_of(1001).len(), 2);
}

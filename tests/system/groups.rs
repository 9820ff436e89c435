//! Groups: one that becomes a supergroup, one that the bot is removed from, and answers of any length.

use crate::appliance::Appliance;
use crate::stand_in::telegram::Telegram;

#[test]
fn a_group_that_becomes_a_supergroup_goes_on_with_its_conversation_and_its_files() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-50, 1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("put note.txt hello\ncount");
    ana.waits_for_message(|message| message.text.ends_with('1'));
    let there = ana.upgrades_group(-100_050, false);
    there.sends("cat note.txt\ncount");
    let answer = there.waits_for_message(|message| message.text.contains("hello"));
    assert!(answer.text.ends_with('2'), "{}", answer.text);
    appliance.stop();
    appliance.run(&telegram);
    there.sends("cat note.txt\ncount");
    let answer = there.waits_for_message(|message| message.text.contains("hello"));
    assert!(answer.text.ends_with('3'), "{}", answer.text);
}

#[test]
fn an_answer_that_ends_after_the_group_has_moved_arrives_in_the_new_one() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-50, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let prompt = ana.sends("sleep 2000\necho at last");
    ana.waits_for_reaction(prompt, "👀");
    let there = ana.upgrades_group(-100_050, false);
    there.waits_for_message(|message| message.text == "at last");
}

#[test]
fn a_bot_that_was_removed_and_added_again_works_without_a_restart() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-9, false, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo one");
    ana.waits_for_message(|message| message.text == "one");
    let prompt = ana.sends("sleep 1000\necho into the void");
    ana.waits_for_reaction(prompt, "👀");
    ana.removes_bot();
    telegram.waits_for_poll();
    ana.adds_bot();
    ana.sends("echo two");
    ana.waits_for_message(|message| message.text == "two");
}

#[test]
fn the_longest_answer_survives_a_killed_gateway() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    telegram.fault("sendDocument", 1, crate::stand_in::telegram::Fault::BadGateway);
    ana.sends("long 200000");
    telegram.waits_for_faults();
    appliance.kill("gateway");
    let document = ana.waits_for_message(|message| message.document.is_some());
    let (name, content) = document.file("document").unwrap();
    assert_eq!((name, content.len() > 199_000), ("answer.md", true));
    assert_eq!(ana.messages().iter().filter(|message| message.text.contains("answer.md")).count(), 1);
}

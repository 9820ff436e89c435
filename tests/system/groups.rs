//! Groups: their topics, what becomes of them, and that in them everybody has their own.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Message, Person, Telegram};

/// The group's number.
const GROUP: i64 = -500;

/// Presses a button of just this message.
#[track_caller]
fn presses_under(person: &Person, message: &Message, label: &str) -> String {
    person.presses_on(message.id, &message.button_data(label).unwrap())
}

#[test]
fn general_and_the_topics_of_a_group_are_conversations_of_their_own() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, true, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let topic = ana.makes_topic(Some("plans"));
    for (place, prompt, answer) in [(None, "count", "1"), (Some(topic), "count", "1"), (None, "count", "2"), (Some(topic), "count", "2")] {
        match place {
            None => ana.sends(prompt),
            Some(topic) => ana.sends_in_topic(topic, prompt),
        };
        ana.waits_for_message(|message| message.topic == place && message.text == answer);
    }
    assert_eq!(ana.topic_name(topic).as_deref(), Some("plans"), "topics of groups keep their names");
}

#[test]
fn an_answer_for_a_topic_that_was_deleted_meanwhile_comes_to_general() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, true, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let topic = ana.makes_topic(Some("plans"));
    let prompt = ana.sends_in_topic(topic, "sleep 1500\necho soup");
    ana.waits_for_reaction(prompt, "👀");
    ana.deletes_topic(topic);
    let answer = ana.waits_for_message(|message| message.text == "soup");
    assert_eq!((answer.topic, answer.silent), (None, false));
}

#[test]
fn a_group_that_becomes_a_supergroup_goes_on_with_its_conversation_and_its_files() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-5, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("put note.txt carrots\ncount");
    ana.waits_for_message(|message| message.text.ends_with('1'));
    let there = ana.upgrades_group(-1_000_000_001_005, false);
    there.sends("cat note.txt\ncount");
    there.waits_for_message(|message| message.text.contains("carrots") && message.text.ends_with('2'));
}

#[test]
fn a_turn_that_runs_while_its_group_moves_ends_in_the_new_one() {
    let telegram = Telegram::start();
    let ana = telegram.basic_group_member(-5, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let prompt = ana.sends("sleep 1500\necho soup");
    ana.waits_for_reaction(prompt, "👀");
    let there = ana.upgrades_group(-1_000_000_001_005, false);
    there.waits_for_message(|message| message.text == "soup");
    there.sends("count");
    there.waits_for_message(|message| message.text == "2");
}

#[test]
fn a_bot_that_was_removed_and_added_again_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, false, 1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    let prompt = ana.sends("sleep 1500\necho lost");
    ana.waits_for_reaction(prompt, "👀");
    ana.removes_bot();
    telegram.waits_for_call("the answer to be refused", |call| call.method == "sendMessage" && matches!(call.answer, Some(Err(_))));
    ana.adds_bot();
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    assert_eq!(appliance.prompts_of(1001).len(), 2);
}

#[test]
fn nobody_else_s_tap_moves_what_somebody_has_waiting() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, false, 1001, "en");
    let ben = telegram.group_member(GROUP, false, 1002, "en");
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    let first = ana.sends("hang");
    ana.waits_for_reaction(first, "👀");
    ana.sends("echo soup");
    let notice = ana.waits_for_message(|message| message.text.contains("Queued (1)"));
    for label in ["Drop", "Send now"] {
        let press = presses_under(&ben, &notice, label);
        assert!(ben.waits_for_toast(&press).contains("not yours"), "{label}");
    }
    assert_eq!(ana.message(notice.id).unwrap().text, notice.text);
    assert!(appliance.prompts_of(1001).iter().all(|prompt| !prompt.contains("soup")));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "soup");
}

#[test]
fn nobody_else_s_tap_gives_somebody_s_message_again() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, false, 1001, "en");
    let ben = telegram.group_member(GROUP, false, 1002, "en");
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("error -32603 tired");
    let failed = ana.waits_for_message(|message| message.text.contains("tired"));
    let press = presses_under(&ben, &failed, "Retry");
    assert!(ben.waits_for_toast(&press).contains("not yours"));
    ben.sends("echo ben's own");
    ben.waits_for_message(|message| message.text == "ben's own");
    assert_eq!((appliance.prompts_of(1001).len(), appliance.prompts_of(1002).len()), (1, 1));
    ana.presses("Retry");
    ana.waits_for_message(|message| message.text.contains("tired") && message.id != failed.id);
}

//! Runtimes: how many there are, whose they are, when they end.

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::Telegram;

#[test]
fn a_user_has_no_more_runtimes_than_their_share_and_nobody_starves() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    for topic in 1..=4 {
        ana.sends_in_topic(topic, &format!("sleep 700\necho topic {topic}"));
    }
    ben.sends("echo hello");
    ben.waits_for_message(|message| message.text == "hello");
    assert!(appliance.agents().len() <= 3, "two of Ana's and one of Ben's");
    for topic in 1..=4 {
        ana.waits_for_message(|message| message.text == format!("topic {topic}"));
    }
}

#[test]
fn with_one_place_users_take_turns() {
    let telegram = Telegram::start();
    let users = [1001, 1002, 1003];
    let people: Vec<_> = users.iter().map(|user| telegram.private_chat(*user, "en")).collect();
    let mut appliance = Appliance::new(&telegram, &users).with("MAX_PROCESSES", "1");
    appliance.run(&telegram);
    for round in 0..2 {
        for person in &people {
            person.sends(&format!("echo round {round}"));
        }
        for person in &people {
            person.waits_for_message(|message| message.text == format!("round {round}"));
        }
    }
    assert!(appliance.agents().len() <= 1);
}

#[test]
fn a_session_that_its_runtime_holds_is_not_opened_again() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    let agent = appliance.agents();
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    assert_eq!(appliance.agents(), agent, "the same runtime");
}

#[test]
fn idle_runtimes_end_but_for_the_one_used_last() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let mut appliance = Appliance::new(&telegram, &[1001, 1002]).with("IDLE_TIMEOUT_SECONDS", "1");
    appliance.run(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    ben.sends("count");
    ben.waits_for_message(|message| message.text == "1");
    eventually("the longer idle runtime to end", || appliance.agents().len() == 1);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

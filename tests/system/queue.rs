//! What people write while the agent works.

use std::time::Duration;

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Message, Person, Telegram};

/// Ana, whose agent works on something that ends only when it is stopped.
fn ana_and_her_busy_agent() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo at work\nhang");
    ana.waits_for_draft(|draft| draft.text.contains("at work"));
    (telegram, ana, appliance)
}

/// Writes something that has to wait; gives its number and the notice of it.
#[track_caller]
fn queues(ana: &Person, text: &str, place: usize) -> (i64, Message) {
    let number = ana.sends(text);
    (number, ana.waits_for_message(|message| message.text.contains(&format!("Queued ({place})"))))
}

/// Presses a button of just this message.
#[track_caller]
fn presses_under(ana: &Person, message: &Message, label: &str) -> String {
    ana.presses_on(message.id, &message.button_data(label).unwrap())
}

/// How often a prompt came to the agent.
fn times(appliance: &Appliance, prompt: &str) -> usize {
    appliance.prompts_of(1001).iter().filter(|line| line.contains(prompt)).count()
}

/// How many messages of the bot say this now.
fn said(ana: &Person, text: &str) -> usize {
    ana.messages().iter().filter(|message| message.text.contains(text)).count()
}

/// Waits until a message of the bot has become this.
#[track_caller]
fn becomes(ana: &Person, message: &Message, text: &str) -> Message {
    ana.waits(&format!("message {} to say {text:?}", message.id), |chat| {
        let now = chat.message(message.id)?;
        now.text.contains(text).then(|| now.clone())
    })
}

#[test]
fn what_waits_is_said_silently_with_its_place_and_two_buttons() {
    let (_telegram, ana, _appliance) = ana_and_her_busy_agent();
    let (_, first) = queues(&ana, "echo one", 1);
    let (_, second) = queues(&ana, "echo two", 2);
    for notice in [&first, &second] {
        assert_eq!(notice.buttons(), ["Send now", "Drop"]);
        assert!(notice.silent);
    }
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "one");
    ana.waits_for_message(|message| message.text == "two");
}

#[test]
fn send_now_stops_what_runs_and_goes_first() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    queues(&ana, "echo one", 1);
    let (_, second) = queues(&ana, "echo two", 2);
    let press = presses_under(&ana, &second, "Send now");
    ana.waits_for_toast(&press);
    ana.waits_for_message(|message| message.text.contains("at work") && message.text.contains("Stopped"));
    let two = ana.waits_for_message(|message| message.text == "two");
    let one = ana.waits_for_message(|message| message.text == "one");
    assert!(two.id < one.id, "what was sent now comes first");
    assert_eq!((times(&appliance, "one"), times(&appliance, "two")), (1, 1));
}

#[test]
fn what_is_dropped_never_reaches_the_agent() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    let (_, notice) = queues(&ana, "echo secret plan", 1);
    queues(&ana, "echo other", 2);
    let press = presses_under(&ana, &notice, "Drop");
    ana.waits_for_toast(&press);
    let now = becomes(&ana, &notice, "Dropped");
    assert!(now.buttons().is_empty());
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "other");
    assert_eq!(times(&appliance, "secret plan"), 0);
}

#[test]
fn a_notice_changes_in_place_when_its_prompt_begins() {
    let (_telegram, ana, _appliance) = ana_and_her_busy_agent();
    let (_, notice) = queues(&ana, "echo one", 1);
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "one");
    let now = becomes(&ana, &notice, "The agent has it");
    assert!(now.buttons().is_empty());
}

#[test]
fn a_button_of_what_is_over_does_nothing_and_says_so() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    let (_, notice) = queues(&ana, "echo one", 1);
    presses_under(&ana, &notice, "Drop");
    becomes(&ana, &notice, "Dropped");
    for label in ["Send now", "Drop"] {
        let press = presses_under(&ana, &notice, label);
        assert_eq!(ana.waits_for_toast(&press), "This is settled already.");
    }
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped"));
    assert_eq!(times(&appliance, "one"), 0);
}

#[test]
fn an_edit_of_what_waits_changes_what_the_agent_gets() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    let (number, notice) = queues(&ana, "echo teh", 1);
    ana.edits(number, "echo the");
    becomes(&ana, &notice, "as you changed it");
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "the");
    assert_eq!(times(&appliance, "teh"), 0);
}

#[test]
fn an_edit_of_what_the_agent_has_already_changes_nothing() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    let number = ana.sends("echo one");
    ana.waits_for_message(|message| message.text == "one");
    ana.edits(number, "echo two");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    assert_eq!(times(&appliance, "two"), 0);
}

#[test]
fn stop_overtakes_what_waits() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    queues(&ana, "echo one", 1);
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped"));
    ana.waits_for_message(|message| message.text == "one");
    assert_eq!(times(&appliance, "one"), 1);
}

#[test]
fn the_queue_survives_a_killed_gateway_in_order_and_without_a_second_notice() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    let notices: Vec<Message> = ["one", "two", "three"]
        .iter()
        .enumerate()
        .map(|(index, word)| queues(&ana, &format!("sleep 100\necho {word}"), index + 1).1)
        .collect();
    // Its answer stands behind the last notice in the outbox, so all notices are confirmed.
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("3 queued"));
    appliance.kill("gateway");
    let interrupted = ana.waits_for_message(|message| message.text.contains("Interrupted"));
    assert_eq!(interrupted.buttons(), ["Retry"]);
    let ids: Vec<i64> = ["one", "two", "three"].iter().map(|word| ana.waits_for_message(|message| message.text == *word).id).collect();
    assert!(ids.is_sorted(), "{ids:?}");
    for notice in &notices {
        assert!(becomes(&ana, notice, "The agent has it").buttons().is_empty());
    }
    assert_eq!(said(&ana, "Queued ("), 0, "{}", ana.transcript());
    assert_eq!(said(&ana, "Interrupted"), 1);
    for word in ["at work", "one", "two", "three"] {
        assert_eq!(times(&appliance, word), 1, "{word}");
    }
}

#[test]
fn the_queue_survives_a_stop_and_a_start_of_everything() {
    let (telegram, ana, mut appliance) = ana_and_her_busy_agent();
    queues(&ana, "echo one", 1);
    queues(&ana, "echo two", 2);
    assert!(appliance.stop().success(), "{}", appliance.log());
    appliance.run(&telegram);
    ana.waits_for_message(|message| message.text == "one");
    ana.waits_for_message(|message| message.text == "two");
    assert_eq!(said(&ana, "Interrupted"), 1, "{}", ana.transcript());
}

#[test]
fn a_change_and_a_drop_survive_a_killed_gateway() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    let (number, changed) = queues(&ana, "echo teh", 1);
    let (_, dropped) = queues(&ana, "echo nothing", 2);
    ana.edits(number, "echo the");
    becomes(&ana, &changed, "as you changed it");
    presses_under(&ana, &dropped, "Drop");
    becomes(&ana, &dropped, "Dropped");
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.text == "the");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "3");
    assert_eq!((times(&appliance, "teh"), times(&appliance, "nothing")), (0, 0));
}

#[test]
fn the_draft_s_own_stop_stops_the_turn() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("stream 600 every 100");
    ana.waits_for_draft(|draft| draft.text.contains("word 3") && draft.can_stop);
    ana.stops_generation();
    let answer = ana.waits_for_message(|message| message.text.contains("Stopped"));
    assert!(answer.text.starts_with("word 1 "), "what was written is kept: {}", answer.text);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn the_draft_s_stop_of_one_topic_leaves_the_others_alone() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends_in_topic(7, "echo seven\nsleep 1500\necho and on");
    ana.waits_for_draft(|draft| draft.topic == Some(7) && draft.text.contains("seven"));
    ana.sends_in_topic(8, "echo eight\nhang");
    ana.waits_for_draft(|draft| draft.topic == Some(8) && draft.text.contains("eight") && draft.can_stop);
    ana.stops_generation();
    ana.waits_for_message(|message| message.topic == Some(8) && message.text.contains("Stopped"));
    ana.waits_for_message(|message| message.topic == Some(7) && message.text.ends_with("and on"));
}

#[test]
fn too_many_that_wait_are_refused_and_the_others_kept() {
    let (_telegram, ana, appliance) = ana_and_her_busy_agent();
    for number in 1..=20 {
        ana.sends(&format!("echo waiting {number}."));
    }
    ana.waits_for_message(|message| message.text.contains("Queued (20)"));
    ana.sends("echo one too many");
    ana.waits_for_message(|message| message.text.contains("20 messages wait"));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text == "waiting 20.");
    eventually("the last prompt to be logged", || times(&appliance, "waiting 20.") == 1);
    assert_eq!(times(&appliance, "one too many"), 0);
    ana.hears_nothing_for(Duration::from_millis(200));
}

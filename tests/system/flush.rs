//! An answer in several parts: what is said before a tool or a question stands above it.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Message, Person, Telegram};

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

/// The bot's messages that have one of these words, in order.
fn with_words(ana: &Person, words: &[&str]) -> Vec<Message> {
    ana.messages().into_iter().filter(|message| words.iter().any(|word| message.text.contains(word))).collect()
}

#[test]
fn text_tool_text_comes_as_messages_in_that_order_and_only_the_last_makes_a_sound() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo alpha\nstep read a.txt\necho beta\nstep search b\necho gamma");
    ana.waits_for_message(|message| message.text == "gamma");
    let said = with_words(&ana, &["alpha", "beta", "gamma"]);
    let texts: Vec<(&str, bool)> = said.iter().map(|message| (message.text.as_str(), message.silent)).collect();
    assert_eq!(texts, [("alpha", true), ("beta", true), ("gamma", false)]);
}

#[test]
fn what_is_said_before_a_question_stands_above_it() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo alpha\ntool execute echo beta\necho gamma");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    let before = ana.waits_for_message(|message| message.text == "alpha");
    assert!(before.id < question.id && before.silent && !question.silent);
    ana.presses("Allow once");
    let after = ana.waits_for_message(|message| message.text.contains("gamma"));
    assert!(after.id > question.id && !after.silent && !after.text.contains("alpha"), "{}", after.text);
    assert_eq!(with_words(&ana, &["alpha"]).len(), 1, "{}", ana.transcript());
}

#[test]
fn an_answer_that_was_all_said_before_its_last_tool_ends_with_a_sound() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo alpha\nstep read a.txt");
    let end = ana.waits_for_message(|message| message.text.contains("Done"));
    assert!(!end.silent);
    assert_eq!(with_words(&ana, &["alpha"]).len(), 1);
}

#[test]
fn drafts_begin_anew_behind_what_was_sent() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo alpha\nsleep 300\nstep read a.txt\necho beta\nhang");
    ana.waits_for_message(|message| message.text == "alpha");
    let draft = ana.waits_for_draft(|draft| draft.text.contains("beta"));
    assert!(!draft.text.contains("alpha"), "{}", draft.text);
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.starts_with("beta") && message.text.contains("Stopped"));
    let drafts = ana.all_drafts();
    let numbers = |word: &str| -> Vec<i64> { drafts.iter().filter(|draft| draft.text.contains(word)).map(|draft| draft.id).collect() };
    assert!(numbers("alpha").iter().all(|id| !numbers("beta").contains(id)), "a draft whose text was sent is over");
}

#[test]
fn many_steps_without_words_between_them_are_not_many_messages() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let steps: Vec<String> = (0..30).map(|step| format!("step read file{step}.txt")).collect();
    ana.sends(&format!("echo alpha\n{}\necho omega", steps.join("\n")));
    ana.waits_for_message(|message| message.text == "omega");
    assert!(ana.messages().len() <= 3, "what was said, a trace, the end: {}", ana.transcript());
}

#[test]
fn a_failed_turn_does_not_say_again_what_was_sent() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo alpha\nstep read a.txt\necho beta\ndie");
    let end = ana.waits_for_message(|message| message.text.contains("incomplete"));
    assert!(end.text.contains("beta") && !end.text.contains("alpha"), "{}", end.text);
    assert_eq!(end.buttons(), ["Retry"]);
}

//! What is said when a turn fails: one sentence, Retry, and folded up what explains it, without any secret.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Message, Person, Telegram};

/// A token as an agent's log may hold it.
const TOKEN: &str = "ghp_0123456789abcdefghijABCDEFGHIJ";

fn somebody_and_their_bot(language: &str) -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let person = telegram.private_chat(1001, language);
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, person, appliance)
}

/// What is folded up in a message.
#[track_caller]
fn details(message: &Message) -> String {
    let folded = message.formatted("expandable_blockquote");
    let [details] = folded.as_slice() else { panic!("{folded:?} in {:?}", message.text) };
    details.clone()
}

#[test]
fn the_last_words_of_an_agent_that_died_are_folded_up_and_scrubbed() {
    let (_telegram, ana, appliance) = somebody_and_their_bot("en");
    ana.sends(&format!("complain fatal: no route to the model\ncomplain using GITHUB_TOKEN={TOKEN}\ncomplain Bearer {TOKEN}\ndie before"));
    let failed = ana.waits_for_message(|message| message.text.starts_with('⚠'));
    let sentence = failed.text.lines().next().unwrap();
    assert!(sentence.contains("agent has ended") && !sentence.contains("no route"), "{sentence}");
    assert!(details(&failed).contains("fatal: no route to the model"), "{}", failed.text);
    assert!(!failed.text.contains("0123456789") && failed.text.contains("•••"), "{}", failed.text);
    assert!(!failed.silent, "a failure is an end");
    ana.presses("Retry");
    ana.waits_for_message(|message| message.text.starts_with('⚠') && message.id != failed.id);
    assert_eq!(appliance.prompts_of(1001).iter().filter(|prompt| prompt.contains("die before")).count(), 2);
}

#[test]
fn an_agent_that_dies_at_its_start_says_why_in_the_same_way() {
    let (_telegram, ana, appliance) = somebody_and_their_bot("en");
    appliance.switch(r#"{"initialize":"complain"}"#);
    ana.sends("echo hello");
    let failed = ana.waits_for_message(|message| message.text.starts_with('⚠'));
    let sentence = failed.text.lines().next().unwrap();
    assert!(sentence.contains("was started but is of no use") && !sentence.contains("database"), "{sentence}");
    assert!(details(&failed).contains("the database is locked"), "{}", failed.text);
    assert!(!failed.text.contains("hunter2"), "{}", failed.text);
    appliance.switch("{}");
    ana.presses("Retry");
    ana.waits_for_message(|message| message.text == "hello");
}

#[test]
fn a_long_report_of_the_agent_is_one_short_sentence_with_its_whole_folded_up() {
    let (_telegram, ana, _appliance) = somebody_and_their_bot("en");
    let report = "the model is tired of this ".repeat(30);
    ana.sends(&format!("error -32603 {report} token={TOKEN}"));
    let failed = ana.waits_for_message(|message| message.text.starts_with('⚠'));
    assert!(failed.text.lines().next().unwrap().chars().count() < 300, "{}", failed.text);
    assert!(details(&failed).contains(report.trim()), "{}", failed.text);
    assert!(!failed.text.contains(TOKEN), "{}", failed.text);
    assert_eq!(failed.buttons(), ["Retry"]);
}

#[test]
fn a_german_learns_in_german_why_it_failed() {
    let (_telegram, gerd, appliance) = somebody_and_their_bot("de");
    gerd.sends("die before");
    let failed = gerd.waits_for_message(|message| message.text.contains("Der Agent hat sich beendet"));
    assert_eq!(failed.buttons(), ["Wiederholen"]);
    gerd.sends("error -32603 no route");
    gerd.waits_for_message(|message| message.text.contains("Der Agent meldet einen Fehler: no route."));
    appliance.switch(r#"{"initialize":"die"}"#);
    gerd.sends("die before");
    gerd.waits_for_message(|message| message.text.contains("Der Agent hat sich beendet") && message.id != failed.id);
    gerd.sends("echo hallo");
    gerd.waits_for_message(|message| message.text.contains("Der Agent wurde gestartet, taugt aber nicht."));
    assert!(gerd.messages().iter().all(|message| !message.text.contains("The agent")), "{}", gerd.transcript());
}

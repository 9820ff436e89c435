//! The languages in which the bot speaks.

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Person, Telegram};

/// A person whose client has this language.
fn somebody(language: &str) -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let person = telegram.private_chat(1001, language);
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, person, appliance)
}

#[test]
fn a_german_is_spoken_to_in_german_all_through_a_day() {
    let (_telegram, gerd, appliance) = somebody("de");
    gerd.sends("/help");
    gerd.waits_for_message(|message| message.text.contains("Schreib eine Nachricht"));
    gerd.sends("echo bei der Arbeit\nhang");
    gerd.waits_for_draft(|draft| draft.text.contains("bei der Arbeit"));
    gerd.sends("echo danach");
    let queued = gerd.waits_for_message(|message| message.text.contains("Warteschlange (1)"));
    assert_eq!(queued.buttons(), ["Jetzt senden", "Verwerfen"]);
    appliance.kill("gateway");
    let interrupted = gerd.waits_for_message(|message| message.text.contains("Unterbrochen"));
    assert_eq!(interrupted.buttons(), ["Wiederholen"]);
    gerd.waits_for_message(|message| message.text == "danach");
    gerd.sends("/stop");
    gerd.waits_for_message(|message| message.text.contains("läuft gerade nichts"));
    let english = ["Interrupted", "Queued", "Nothing is", "Write a message", "The agent"];
    for message in gerd.messages() {
        assert!(english.iter().all(|word| !message.text.contains(word)), "{}", message.text);
    }
}

#[test]
fn the_outcome_of_a_question_is_told_in_the_person_s_language() {
    let (_telegram, gerd, _appliance) = somebody("de-AT");
    gerd.sends("tool execute echo one");
    let question = gerd.waits_for_message(|message| !message.buttons().is_empty());
    gerd.sends("/stop");
    gerd.waits_for_message(|message| message.text.contains("Angehalten"));
    let settled = gerd.message(question.id).unwrap();
    assert!(settled.text.contains("vor der Antwort angehalten"), "{}", settled.text);
}

#[test]
fn whoever_s_language_is_not_spoken_gets_english() {
    for language in ["en", "fr", ""] {
        let (_telegram, person, _appliance) = somebody(language);
        person.sends("/help");
        person.waits_for_message(|message| message.text.contains("Write a message"));
    }
}

#[test]
fn two_people_of_a_group_are_each_spoken_to_in_their_own_language() {
    let telegram = Telegram::start();
    let (ana, gerd) = (telegram.group_member(-500, false, 1001, "en"), telegram.group_member(-500, false, 1002, "de"));
    let _appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Nothing is running"));
    gerd.sends("/stop");
    gerd.waits_for_message(|message| message.text.contains("läuft gerade nichts"));
    for person in [&ana, &gerd] {
        person.sends("echo hello");
        person.waits_for_message(|message| message.text == "hello");
    }
    let stop = |person: &Person| person.commands().into_iter().find(|(command, _)| command == "stop").unwrap().1;
    let has_its_own = |person: &Person| person.commands().iter().any(|(command, _)| command == "web_search");
    eventually("a menu for each of the two", || has_its_own(&ana) && has_its_own(&gerd));
    assert!(stop(&ana).contains("stop what") && stop(&gerd).contains("anhalten"), "{} {}", stop(&ana), stop(&gerd));
    let eve = telegram.group_member(-500, false, 1003, "en");
    assert!(!has_its_own(&eve), "what an agent offers is for whoever may use it");
}

#[test]
fn a_language_that_the_client_changes_is_followed() {
    let (telegram, ana, _appliance) = somebody("en");
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Nothing is running"));
    let same = telegram.private_chat(1001, "de");
    same.sends("/stop");
    same.waits_for_message(|message| message.text.contains("läuft gerade nichts"));
}

#[test]
fn the_menu_is_there_in_every_language() {
    let (telegram, ana, _appliance) = somebody("en");
    let (gerd, luc) = (telegram.private_chat(1002, "de"), telegram.private_chat(1003, "fr"));
    let what = |person: &Person, name: &str| person.commands().into_iter().find(|(command, _)| command == name).map(|(_, what)| what);
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("runtimes"));
    telegram.waits_for_call("a menu in German", |call| {
        call.method == "setMyCommands" && call.params.contains_key("language_code") && call.succeeded()
    });
    let (english, german, other) = (what(&ana, "stop").unwrap(), what(&gerd, "stop").unwrap(), what(&luc, "stop").unwrap());
    assert!(english.contains("stop") && german.contains("anhalten"), "{english}, {german}");
    assert_eq!(english, other);
    let names = |person: &Person| person.commands().into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(&ana), names(&gerd));
}

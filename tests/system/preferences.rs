//! What each setting of `/settings` changes.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Fault, Message, Person, Telegram};

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::new(&telegram, &[1001]);
    appliance.switch(r#"{"noise":false}"#);
    let mut appliance = appliance;
    appliance.run(&telegram);
    (telegram, ana, appliance)
}

/// Taps a setting until it says this.
#[track_caller]
fn chooses(person: &Person, setting: &str, value: &str) {
    person.sends("/settings");
    let wanted = format!("{setting}: {value}");
    loop {
        let menu = person.waits_for_message(|message| message.buttons().iter().any(|label| label.starts_with(setting)));
        let label = menu.buttons().into_iter().find(|label| label.starts_with(setting)).unwrap();
        if label == wanted {
            return;
        }
        person.presses_on(menu.id, &menu.button_data(&label).unwrap());
    }
}

/// The bot's messages that have this in them.
fn with(person: &Person, text: &str) -> Vec<Message> {
    person.messages().into_iter().filter(|message| message.text.contains(text)).collect()
}

#[test]
fn who_wants_answers_only_sees_neither_steps_nor_plan_but_is_asked_all_the_same() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    chooses(&ana, "What you see", "answers only");
    ana.sends("echo let me see\nstep read notes.txt\nplan chop; boil\nsleep 2500\ntool execute echo salt\necho soup");
    ana.waits_for_message(|message| message.text.contains("echo salt") && !message.buttons().is_empty());
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.ends_with("soup"));
    assert!(with(&ana, "notes.txt").is_empty() && with(&ana, "chop").is_empty(), "{}", ana.transcript());
}

#[test]
fn who_wants_changes_sees_short_ones_in_a_message_and_long_ones_as_documents() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("edit before.txt 2\necho usual");
    ana.waits_for_message(|message| message.text == "usual");
    assert!(with(&ana, "✏").is_empty(), "unasked nobody sees them");
    chooses(&ana, "What you see", "with steps and changes");
    ana.sends("edit a.txt 2\nedit b.txt 300\necho done");
    ana.waits_for_message(|message| message.text == "done");
    let short = ana.waits_for_message(|message| message.text.starts_with("✏ a.txt"));
    assert!(short.formatted("pre").concat().contains("+line 1\n+line 2") && short.silent, "{}", short.text);
    let long = ana.waits_for_message(|message| message.file("document").is_some());
    let (name, bytes) = long.file("document").unwrap();
    assert_eq!(name, "b.txt.diff");
    assert!(String::from_utf8_lossy(bytes).ends_with("+line 300\n") && long.silent);
    let said: Vec<Message> = ana.messages().into_iter().filter(|message| message.text == "done" || message.text.starts_with('✏')).collect();
    let order: Vec<&str> = said.iter().map(|message| message.text.split('\n').next().unwrap()).collect();
    assert_eq!(order, ["✏ a.txt", "✏ b.txt", "done"]);
}

#[test]
fn who_wants_thoughts_sees_them_grow_and_then_folded_up() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let thinks = "think carrots first\nsleep 2500\necho soup";
    ana.sends(thinks);
    ana.waits_for_message(|message| message.text == "soup");
    assert!(ana.all_drafts().iter().all(|draft| !draft.text.contains("carrots")) && with(&ana, "carrots").is_empty());
    chooses(&ana, "The agent's thoughts", "on");
    ana.sends(thinks);
    ana.waits_for_draft(|draft| draft.text.starts_with("💭 carrots first"));
    let folded = ana.waits_for_message(|message| message.text.contains("carrots first") && message.text.starts_with("💭 "));
    assert!(folded.formatted("expandable_blockquote").concat().contains("carrots first") && folded.silent);
}

#[test]
fn who_wants_rich_formatting_gets_it_and_plain_text_where_telegram_refuses_it() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let table = "chunks 10 | a | b |\\n|---|---|\\n| 1 | 2 |";
    ana.sends(table);
    let usual = ana.waits_for_message(|message| message.text.contains('1'));
    assert!(usual.rich.is_none(), "unasked nobody gets it");
    chooses(&ana, "Rich formatting", "on");
    ana.sends(table);
    let rich = ana.waits_for_message(|message| message.rich.is_some());
    assert!(rich.rich.unwrap()["markdown"].as_str().unwrap().contains("|---|---|") && !rich.silent);
    telegram.fault("sendRichMessage", 1, Fault::Refuse(400, "Bad Request: RICH_MESSAGE_INVALID"));
    ana.sends(table);
    let plain = ana.waits_for_message(|message| message.rich.is_none() && message.text == usual.text && message.id > rich.id);
    assert!(!plain.silent);
}

#[test]
fn use_and_context_are_in_the_status_and_under_answers_where_that_is_wanted() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    let turn = "metadata 34.2 0.25 1200\necho soup";
    ana.sends(turn);
    ana.waits_for_message(|message| message.text == "soup");
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("34 % of the context · 0.25 credit"));
    chooses(&ana, "Usage under answers", "on");
    ana.sends(turn);
    let answer = ana.waits_for_message(|message| message.text.starts_with("soup\n"));
    assert_eq!(answer.formatted("italic"), ["34 % of the context · 0.25 credit"]);
    ana.sends("/new");
    ana.waits_for_message(|message| message.text.contains("new conversation"));
    ana.sends("echo tea");
    ana.waits_for_message(|message| message.text == "tea");
}

#[test]
fn sounds_are_for_what_the_person_wants_to_hear() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    for (sounds, question, answer) in [("questions only", false, true), ("none", true, true), ("answers and questions", false, false)] {
        chooses(&ana, "Sounds", sounds);
        ana.sends("step read notes.txt\ntool execute echo salt\necho soup");
        let asked = ana.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
        ana.presses("Allow once");
        let answered = ana.waits_for_message(|message| message.text.ends_with("soup"));
        assert_eq!((asked.silent, answered.silent), (question, answer), "{sounds}");
        ana.sends("error -32603 tired");
        assert_eq!(ana.waits_for_message(|message| message.text.contains("tired")).silent, answer, "{sounds}");
    }
    let loud = ana.messages().into_iter().filter(|message| message.text.contains("notes.txt") && !message.silent);
    assert_eq!(loud.count(), 0, "steps never make a sound");
}

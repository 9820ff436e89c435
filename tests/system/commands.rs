//! The bot's own commands and their menus.

use std::io::Write as _;
use std::process::Stdio;

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Message, Person, Telegram};

/// A menu, by a part of one of its labels.
#[track_caller]
fn menu_with(person: &Person, label: &str) -> Message {
    person.waits_for_message(|message| message.buttons().iter().any(|button| button.contains(label)))
}

/// The whole of the label with this part.
#[track_caller]
fn label_of(menu: &Message, part: &str) -> String {
    menu.buttons().iter().find(|label| label.contains(part)).unwrap_or_else(|| panic!("no {part} in {:?}", menu.buttons())).clone()
}

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

/// With the engine that lists its sessions.
fn ana_and_a_bot_that_lists() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::new(&telegram, &[1001]).config(r#"{"agents":{"tg-acp":{"engine":"v3"}}}"#);
    appliance.run(&telegram);
    (telegram, ana, appliance)
}

#[track_caller]
fn begins_anew(person: &Person) {
    person.sends("/new");
    person.waits_for_message(|message| message.text.contains("new conversation"));
}

#[test]
fn a_model_is_chosen_by_its_button() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("/model");
    ana.waits_for_message(|message| message.text.contains("with its first answer") && message.buttons().is_empty());
    ana.sends("model");
    ana.waits_for_message(|message| message.text == "auto");
    ana.sends("/model");
    menu_with(&ana, "claude-opus-4.5");
    let press = ana.presses("claude-opus-4.5");
    ana.waits_for_toast(&press);
    menu_with(&ana, "✓ claude-opus-4.5");
    ana.sends("model");
    ana.waits_for_message(|message| message.text == "claude-opus-4.5");
}

#[test]
fn a_mode_is_chosen_by_its_button_for_one_thread_and_survives_a_restart() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    ana.sends("mode");
    ana.waits_for_message(|message| message.text == "tg-acp");
    ana.sends("/mode");
    menu_with(&ana, "kiro_planner");
    ana.presses("kiro_planner");
    menu_with(&ana, "✓ kiro_planner");
    appliance.stop();
    appliance.run(&telegram);
    ana.sends("mode");
    ana.waits_for_message(|message| message.text == "kiro_planner");
    ana.sends_in_topic(7, "mode");
    ana.waits_for_message(|message| message.text == "tg-acp" && message.topic == Some(7));
}

#[test]
fn a_mode_that_the_agent_does_not_have_is_said_when_it_is_set() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("/mode nonsense");
    ana.waits_for_message(|message| message.text.contains("from the next message on"));
    ana.sends("mode");
    ana.waits_for_message(|message| message.text.contains("could not be set"));
    ana.waits_for_message(|message| message.text == "tg-acp");
    ana.sends("/mode nonsense");
    ana.waits_for_message(|message| message.text.contains("no mode"));
}

#[test]
fn a_former_conversation_is_taken_up_from_the_agent_s_own_list() {
    let (_telegram, ana, _appliance) = ana_and_a_bot_that_lists();
    ana.sends("title Alpha\ncount");
    ana.waits_for_message(|message| message.text == "1");
    begins_anew(&ana);
    ana.sends("title Beta\ncount");
    ana.waits_for_message(|message| message.text == "1");
    ana.sends("/sessions");
    let list = menu_with(&ana, "Alpha");
    assert!(label_of(&list, "Beta").starts_with("✓ 1. Beta · "), "{:?}", list.buttons());
    let alpha = label_of(&list, "Alpha");
    let press = ana.presses(&alpha);
    assert!(ana.waits_for_toast(&press).contains("Alpha"));
    menu_with(&ana, "✓ 1. Alpha");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    ana.sends("/resume 2");
    ana.waits_for_message(|message| message.text.contains("It goes on: Beta"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    ana.sends("/resume 9");
    ana.waits_for_message(|message| message.text.contains("no conversation 9"));
}

#[test]
fn without_a_list_of_the_agent_s_the_bot_knows_what_was_left() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("/sessions");
    ana.waits_for_message(|message| message.text.contains("no conversation here yet"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    begins_anew(&ana);
    ana.sends("/resume");
    let list = menu_with(&ana, "1. ");
    ana.presses(&list.buttons()[0]);
    menu_with(&ana, "✓ 1. ");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn no_conversation_is_taken_up_while_the_agent_works() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("echo one");
    ana.waits_for_message(|message| message.text == "one");
    begins_anew(&ana);
    let working = ana.sends("sleep 60000");
    ana.waits_for_reaction(working, "👀");
    ana.sends("/sessions");
    let list = menu_with(&ana, "1. ");
    let former = list.buttons().into_iter().find(|label| !label.starts_with('✓')).unwrap();
    let press = ana.presses(&former);
    assert!(ana.waits_for_toast(&press).contains("stop it first"));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped."));
}

#[test]
fn a_menu_is_for_who_asked_for_it() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-500, false, 1001, "en");
    let ben = telegram.group_member(-500, false, 1002, "en");
    let _appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("/settings");
    let menu = menu_with(&ana, "thoughts: off");
    let press = ben.presses(&label_of(&menu, "thoughts"));
    assert!(ben.waits_for_toast(&press).contains("not yours"));
    assert_eq!(ana.message(menu.id).unwrap().buttons(), menu.buttons());
    ben.sends("/settings");
    menu_with(&ben, "thoughts: off");
}

#[test]
fn a_token_that_no_menu_has_is_answered_with_a_word() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("/settings");
    let menu = menu_with(&ana, "thoughts");
    let data = menu.button_data(&label_of(&menu, "thoughts")).unwrap();
    assert!(data.len() <= 64, "{data}");
    for forged in [data.replace(":sp:", ":s?:"), format!("{}9", data), "m:".to_owned()] {
        let press = ana.presses_on(menu.id, &forged);
        assert!(!ana.waits_for_toast(&press).is_empty(), "{forged}");
    }
}

#[test]
fn settings_change_at_a_tap_and_stay() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    ana.sends("/settings");
    menu_with(&ana, "Sounds: answers and questions");
    ana.presses("Sounds: answers and questions");
    menu_with(&ana, "Sounds: questions only");
    ana.presses("Language: automatic");
    menu_with(&ana, "Language: English");
    ana.presses("Language: English");
    menu_with(&ana, "Sprache: Deutsch");
    appliance.stop();
    appliance.run(&telegram);
    ana.sends("/help");
    ana.waits_for_message(|message| message.text.contains("Gespräche"));
    ana.sends("/settings");
    menu_with(&ana, "Töne: nur Fragen");
}

#[test]
fn a_file_of_the_workspace_is_looked_at_and_deleted_after_a_question() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    ana.sends("/files");
    ana.waits_for_message(|message| message.text.contains("no files yet"));
    ana.sends("put note.txt hello\necho ready");
    ana.waits_for_message(|message| message.text.ends_with("ready"));
    ana.sends("/files");
    let list = menu_with(&ana, "note.txt");
    assert!(label_of(&list, "note.txt").starts_with("note.txt · 5 B · "), "{:?}", list.buttons());
    ana.presses(&label_of(&list, "note.txt"));
    let file = ana.waits_for_message(|message| message.buttons() == ["Send", "Delete", "Back"]);
    assert!(file.text.contains("note.txt"));
    ana.presses("Back");
    menu_with(&ana, "note.txt");
    ana.presses(&label_of(&list, "note.txt"));
    ana.waits_for_message(|message| message.buttons() == ["Send", "Delete", "Back"]);
    ana.presses("Delete");
    ana.waits_for_message(|message| message.text.contains("Delete note.txt?"));
    assert!(appliance.workspace_of(1001, 0).join("note.txt").exists(), "it is asked first");
    let press = ana.presses("Delete");
    assert_eq!(ana.waits_for_toast(&press), "Deleted.");
    ana.waits_for_message(|message| message.text.contains("no files yet"));
    assert!(!appliance.workspace_of(1001, 0).join("note.txt").exists());
}

#[test]
fn a_file_that_is_gone_is_said_and_the_list_renewed() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    ana.sends("put one.txt 1\nput two.txt 2\necho ready");
    ana.waits_for_message(|message| message.text.ends_with("ready"));
    ana.sends("/files");
    let list = menu_with(&ana, "one.txt");
    std::fs::remove_file(appliance.workspace_of(1001, 0).join("one.txt")).unwrap();
    let press = ana.presses(&label_of(&list, "one.txt"));
    assert!(!ana.waits_for_toast(&press).is_empty());
    let renewed = menu_with(&ana, "two.txt");
    assert!(renewed.buttons().iter().all(|label| !label.contains("one.txt")));
}

#[test]
fn a_long_list_has_pages() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("run for i in $(seq 20); do echo > file$i; done\necho ready");
    ana.waits_for_message(|message| message.text.contains("ready"));
    ana.sends("/files");
    let first = menu_with(&ana, "1/3");
    ana.presses("›");
    let second = menu_with(&ana, "2/3");
    assert_eq!((first.buttons().len(), second.buttons().len()), (11, 11));
    assert!(first.buttons().iter().all(|label| label.len() < 4 || !second.buttons().contains(label)));
    ana.presses("‹");
    menu_with(&ana, "1/3");
}

#[test]
fn what_there_is_nothing_of_is_said() {
    let (_telegram, ana, _appliance) = ana_and_her_bot();
    ana.sends("/retry");
    ana.waits_for_message(|message| message.text.contains("nothing to give again"));
    ana.sends("/usage");
    ana.waits_for_message(|message| message.text.contains("said nothing about its use"));
}

#[test]
fn a_menu_in_a_terminal_has_numbers_to_press() {
    let (_telegram, _ana, appliance) = ana_and_her_bot();
    let output = appliance.command(&["chat", "--message", "/settings"]).output().unwrap();
    assert!(output.status.success());
    let shown = [output.stdout, output.stderr].concat();
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("/1 What you see: with steps"), "{shown}");
}

#[test]
fn a_terminal_shows_a_turn_as_its_person_wants_it_and_names_the_files_that_are_sent() {
    let (_telegram, _ana, appliance) = ana_and_her_bot();
    let says = |lines: &str| {
        let mut command = appliance.command(&["chat"]);
        let mut chat = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        chat.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
        let output = chat.wait_with_output().unwrap();
        assert!(output.status.success());
        String::from_utf8([output.stdout, output.stderr].concat()).unwrap()
    };
    let usual = says("think carrots\nplan chop; boil\nstep read notes.txt\n");
    assert!(usual.contains("☑ boil") && usual.contains("notes.txt") && !usual.contains("carrots"), "{usual}");
    let other = says("/settings\n/3\n/1\n/1\nthink carrots\nplan chop; boil\nstep read notes.txt\n");
    assert!(other.contains("carrots") && !other.contains("☑ boil") && !other.contains("⚙ notes.txt"), "{other}");
    let files = says("put note.txt soup\necho see <send_file path=\"note.txt\">the list</send_file>\n/files\n/1\n/1\n");
    assert!(files.contains("📎 note.txt the list") && !files.contains("send_file"), "{files}");
    assert_eq!(files.matches("📎 note.txt").count(), 2, "once by the agent, once from the menu: {files}");
}

#[test]
fn a_retry_gives_the_last_message_again() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    ana.sends("/retry");
    ana.waits_for_message(|message| message.text.contains("nothing"));
    ana.sends("echo again\ncount");
    ana.waits_for_message(|message| message.text == "again1");
    let retry = ana.sends("/retry");
    ana.waits_for_message(|message| message.text == "again2");
    ana.waits_for_reaction(retry, "👀");
    ana.sends("/retry");
    ana.waits_for_message(|message| message.text == "again3");
    assert_eq!(appliance.prompts_of(1001).len(), 3);
}

#[test]
fn the_agent_s_commands_are_in_the_menu_and_reach_it_by_their_own_names() {
    for engine in ["v2", "v3"] {
        let telegram = Telegram::start();
        let ana = telegram.private_chat(1001, "en");
        let mut appliance = Appliance::new(&telegram, &[1001]).config(&format!(r#"{{"agents":{{"tg-acp":{{"engine":"{engine}"}}}}}}"#));
        appliance.run(&telegram);
        let offered = |name: &str| ana.commands().iter().any(|(command, _)| command == name);
        ana.sends("echo hello");
        ana.waits_for_message(|message| message.text == "hello");
        eventually("the agent's commands in the menu", || offered("web_search") && offered("compact") && offered("new"));
        let described = ana.commands().into_iter().find(|(command, _)| command == "web_search");
        assert_eq!(described.unwrap().1, "What Web-Search does");
        ana.sends("/web_search carrots");
        ana.waits_for_message(|message| message.text == "ran Web-Search carrots");
        ana.sends("commands Tea-Time");
        eventually("the menu to change", || offered("tea_time") && !offered("web_search"));
        ana.sends("/tea_time now");
        ana.waits_for_message(|message| message.text == "ran Tea-Time now");
    }
}

//! What is asked first.

use crate::appliance::Appliance;
use crate::stand_in::telegram::Telegram;

#[test]
fn a_command_is_asked_for_and_runs_when_allowed() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute echo from the shell");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    assert!(question.text.contains("echo from the shell"), "{}", question.text);
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.contains("from the shell") && !message.silent && message.id != question.id);
    let settled = ana.message(question.id).unwrap();
    assert!(settled.buttons().is_empty() && settled.text.contains("Allow once"), "{}", settled.text);
}

#[test]
fn a_denied_command_does_not_run_and_the_turn_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute touch planted\necho and on");
    ana.waits_for_message(|message| !message.buttons().is_empty());
    ana.presses("Reject");
    ana.waits_for_message(|message| message.text.contains("and on"));
    assert!(!appliance.workspace_of(1001, 0).join("planted").exists());
}

#[test]
fn only_the_one_who_was_asked_may_answer_and_only_once() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-500, false, 1001, "en");
    let ben = telegram.group_member(-500, false, 1002, "en");
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("tool execute touch planted\necho done");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    let press = ben.presses("Allow once");
    assert!(!ben.waits_for_toast(&press).is_empty());
    assert_eq!(ana.message(question.id).unwrap().buttons(), question.buttons(), "the question stays open");
    ana.presses("Reject");
    ana.waits_for_message(|message| message.text.contains("done"));
    let data = question.button_data("Allow once").unwrap();
    let again = ana.presses_on(question.id, &data);
    assert!(!ana.waits_for_toast(&again).is_empty());
    assert!(!appliance.path("workspaces/telegram-1001/n500.0/planted").exists());
}

#[test]
fn reading_is_not_asked_and_a_policy_can_deny() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::new(&telegram, &[1001]).config(r#"{"agents":{"tg-acp":{"permissions":{"execute":"deny"}}}}"#);
    appliance.run(&telegram);
    ana.sends("put note.txt hello\ntool read note.txt");
    ana.waits_for_message(|message| message.text.contains("hello"));
    ana.sends("tool execute touch planted\necho on");
    ana.waits_for_message(|message| message.text.contains("on"));
    assert!(!appliance.workspace_of(1001, 0).join("planted").exists());
    assert!(ana.messages().iter().all(|message| message.buttons().is_empty()), "nothing was asked");
}

#[test]
fn always_holds_for_the_conversation_and_no_longer() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute echo one");
    ana.waits_for_message(|message| !message.buttons().is_empty());
    ana.presses("Always allow");
    ana.waits_for_message(|message| message.text.contains("one") && message.buttons().is_empty());
    appliance.stop();
    appliance.run(&telegram);
    ana.sends("tool execute echo two");
    ana.waits_for_message(|message| message.text.contains("two"));
    ana.sends("/new");
    ana.waits_for_message(|message| message.text.contains("new conversation"));
    ana.sends("tool execute echo three");
    ana.waits_for_message(|message| !message.buttons().is_empty());
}

#[test]
fn stop_answers_an_open_question_with_cancelled() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute echo one");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped."));
    assert!(ana.message(question.id).unwrap().buttons().is_empty());
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn without_an_option_that_allows_nothing_is_allowed() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("ask reject_once");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    assert_eq!(question.buttons().len(), 1);
    ana.presses(&question.buttons()[0]);
    ana.waits_for_message(|message| message.text.contains("reject"));
}

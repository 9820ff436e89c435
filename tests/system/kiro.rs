//! Both dialects of kiro-cli, its provisioning, and its traps.

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Person, Telegram};

#[test]
fn the_agent_is_provisioned_from_the_templates_and_cannot_be_overridden_from_a_workspace() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("which agent");
    let provisioned = ana.waits_for_message(|_| true).text;
    assert!(provisioned.contains(&appliance.home_of(1001).display().to_string()), "{provisioned}");
    ana.sends("run mkdir -p .kiro/agents\nput .kiro/agents/tg-acp.json {\"name\":\"tg-acp\",\"allowedTools\":[\"*\"]}\necho planted");
    ana.waits_for_message(|message| message.text.contains("planted"));
    // Where it may write there, which it may not where its jail has a view of files of its own, it gains nothing by it.
    ana.sends("/new");
    ana.waits_for_message(|message| message.text.contains("new conversation"));
    ana.sends("which agent");
    assert_eq!(ana.waits_for_message(|_| true).text, provisioned);
}

#[test]
fn a_missing_agent_file_is_said_and_nothing_falls_back_to_another_agent() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::new(&telegram, &[1001]).with("KIRO_AGENT_NAME", "nobody");
    appliance.run(&telegram);
    ana.sends("echo hello");
    let answer = ana.waits_for_message(|_| true);
    assert!(answer.text.contains("nobody"), "{}", answer.text);
    assert!(answer.text.starts_with('⚠'));
}

#[test]
fn the_second_engine_speaks_too_with_its_autopilot_off() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::new(&telegram, &[1001]).config(r#"{"agents":{"tg-acp":{"engine":"v3"}}}"#);
    appliance.run(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    ana.sends("tool execute echo hello");
    ana.waits_for_message(|message| !message.buttons().is_empty());
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.text.contains("hello") && message.buttons().is_empty());
    appliance.stop();
    appliance.run(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "3");
}

/// Ana has a conversation of one prompt, and the appliance is stopped.
fn stopped_after_one_prompt() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    appliance.stop();
    (telegram, ana, appliance)
}

#[test]
fn a_conversation_that_cannot_be_opened_is_kept_and_a_new_one_offered() {
    let (telegram, ana, mut appliance) = stopped_after_one_prompt();
    let sessions = appliance.home_of(1001).join(".kiro/sessions/cli");
    let hidden = appliance.path("hidden");
    std::fs::rename(&sessions, &hidden).unwrap();
    appliance.switch(r#"{"unknown_session":"exit"}"#);
    appliance.run(&telegram);
    ana.sends("count");
    let offer = ana.waits_for_message(|message| message.text.contains("could not be opened again"));
    assert_eq!(offer.buttons(), ["Try again", "New conversation"]);
    let _ = std::fs::remove_dir_all(&sessions);
    std::fs::rename(&hidden, &sessions).unwrap();
    ana.presses("Try again");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn a_new_conversation_takes_the_message_that_the_old_one_could_not() {
    let (telegram, ana, mut appliance) = stopped_after_one_prompt();
    std::fs::remove_dir_all(appliance.home_of(1001).join(".kiro/sessions/cli")).unwrap();
    appliance.switch(r#"{"unknown_session":"exit"}"#);
    appliance.run(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text.contains("could not be opened again"));
    ana.presses("New conversation");
    ana.waits_for_message(|message| message.text == "1");
}

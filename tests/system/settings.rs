//! Bad settings, missing parts.

use crate::appliance::{Appliance, code};
use crate::stand_in::telegram::Telegram;

#[test]
fn bad_settings_are_listed_all_at_once_with_exit_code_64() {
    let telegram = Telegram::start();
    let appliance = Appliance::new(&telegram, &[1001]).with("MAX_PROCESSES", "many").with("BOT_TOKEN", "").with("EGRESS_ALLOW", "a b");
    let output = appliance.command(&["run"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(64), "{said}");
    for setting in ["MAX_PROCESSES", "BOT_TOKEN", "EGRESS_ALLOW"] {
        assert!(said.contains(setting), "{setting} is not in: {said}");
    }
}

#[test]
fn a_refused_token_ends_the_bot_with_a_clear_message() {
    let telegram = Telegram::start();
    let mut appliance = Appliance::new(&telegram, &[1001]);
    telegram.revoke_token();
    appliance.spawn();
    assert_eq!(code(appliance.wait()), 69);
    let log = appliance.log();
    assert!(log.contains("BotFather"), "{log}");
    assert!(!log.contains(telegram.token()));
}

#[test]
fn a_missing_agent_is_said_in_one_sentence_and_the_bot_stays_up() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::new(&telegram, &[1001]).with("AGENT_COMMAND", "/opt/nothing/here --acp");
    appliance.run(&telegram);
    ana.sends("echo hello");
    let answer = ana.waits_for_message(|_| true);
    assert!(answer.text.contains("/opt/nothing/here"), "{}", answer.text);
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("runtimes: 0"));
}

#[test]
fn a_second_one_on_the_same_state_is_refused() {
    let telegram = Telegram::start();
    let appliance = Appliance::start(&telegram, &[1001]);
    let output = appliance.command(&["run"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("another kiroclaw"));
}

#[test]
fn a_damaged_store_is_said_and_left_as_it_is() {
    let telegram = Telegram::start();
    let mut appliance = Appliance::start(&telegram, &[1001]);
    appliance.stop();
    let log = appliance.path("state/store/db");
    let mut bytes = std::fs::read(&log).unwrap();
    bytes[10] ^= 0xff;
    std::fs::write(&log, &bytes).unwrap();
    appliance.spawn();
    assert_eq!(code(appliance.wait()), 1);
    assert!(appliance.log().contains("damaged"));
    assert_eq!(std::fs::read(&log).unwrap(), bytes);
}

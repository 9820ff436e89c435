//! kill -9 of each process at each step of a turn: nothing is lost, and no prompt that was delivered is given to an agent twice.

use crate::appliance::{Appliance, eventually, is_alive};
use crate::stand_in::telegram::{Fault, Telegram};

/// How often each prompt came to an agent.
fn times(appliance: &Appliance, prompt: &str) -> usize {
    appliance.prompts_of(1001).iter().filter(|line| line.contains(prompt)).count()
}

#[test]
fn a_gateway_killed_while_the_agent_works_says_interrupted_once_and_retries_on_request() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo alpha\nsleep 60000");
    ana.waits_for_draft(|draft| draft.text.contains("alpha"));
    appliance.kill("gateway");
    let notice = ana.waits_for_message(|message| message.text.contains("Interrupted"));
    assert_eq!(times(&appliance, "alpha"), 1, "it was not delivered again by itself");
    ana.sends("echo beta");
    ana.waits_for_message(|message| message.text == "beta");
    appliance.kill("gateway");
    ana.sends("echo gamma");
    ana.waits_for_message(|message| message.text == "gamma");
    assert_eq!(ana.messages().iter().filter(|message| message.text.contains("Interrupted")).count(), 1, "it is said once");
    assert_eq!(notice.buttons(), ["Retry"]);
    ana.presses("Retry");
    ana.waits_for_draft(|draft| draft.text.contains("alpha"));
    assert_eq!(times(&appliance, "alpha"), 2);
}

#[test]
fn a_gateway_killed_before_the_prompt_was_delivered_delivers_it_after_its_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo first\nsleep 60000");
    ana.waits_for_draft(|draft| draft.text.contains("first"));
    ana.sends("echo waiting its turn");
    ana.waits_for_message(|message| message.text.contains("Queued (1)"));
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.text == "waiting its turn");
    assert_eq!(times(&appliance, "waiting its turn"), 1);
    assert_eq!(times(&appliance, "first"), 1);
}

#[test]
fn a_gateway_killed_with_an_answer_in_its_outbox_delivers_it_after_its_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    telegram.fault("sendMessage", 1, Fault::BadGateway);
    ana.sends("echo precious");
    telegram.waits_for_faults();
    appliance.kill("gateway");
    ana.waits_for_message(|message| message.text == "precious");
    assert_eq!(times(&appliance, "precious"), 1);
}

#[test]
fn a_dead_runtime_is_said_with_its_partial_answer_and_the_conversation_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    ana.sends("echo half an answer\ndie");
    let answer = ana.waits_for_message(|message| message.text.contains("half an answer"));
    assert!(answer.text.contains("incomplete"), "a partial answer is not shown as a whole one: {}", answer.text);
    assert_eq!(answer.buttons(), ["Retry"]);
    ana.sends("die before");
    ana.waits_for_message(|message| message.text.starts_with('⚠'));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "4");
}

#[test]
fn a_killed_agent_leaves_a_stale_lock_and_the_conversation_is_opened_again_all_the_same() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    let chat = appliance
        .processes()
        .into_iter()
        .find(|process| process.words.first().is_some_and(|word| word.ends_with("kiro-cli-chat")))
        .unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_raw(chat.pid).unwrap(), rustix::process::Signal::KILL).unwrap();
    eventually("the agent to be gone", || appliance.agents().is_empty());
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn a_dead_egress_is_restarted_and_runtimes_reach_their_hosts_again() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let mut appliance = Appliance::new(&telegram, &[1001]).with("EGRESS_ALLOW", &format!("127.0.0.1:{port}"));
    appliance.run(&telegram);
    ana.sends(&format!("connect proxy 127.0.0.1 {port}"));
    ana.waits_for_message(|message| message.text.contains("200"));
    appliance.kill("egress");
    appliance.pid_of("egress");
    ana.sends(&format!("connect proxy 127.0.0.1 {port}"));
    ana.waits_for_message(|message| message.text.contains("200"));
}

#[test]
fn a_killed_warden_takes_everything_with_it_and_the_next_start_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("spawn orphan\necho alpha\nsleep 60000");
    ana.waits_for_draft(|draft| draft.text.contains("alpha"));
    appliance.kill_warden();
    appliance.run(&telegram);
    // Either the dying gateway still heard of its runtime's end, or the next one finds the prompt delivered and unanswered.
    let told = ana.waits_for_message(|message| message.text.contains("Interrupted") || message.text.contains("incomplete"));
    assert_eq!(told.buttons(), ["Retry"]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    assert_eq!(times(&appliance, "alpha"), 1);
}

#[test]
fn a_clean_stop_leaves_no_process_behind_not_even_one_that_hides() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("spawn orphan\nspawn stubborn\necho hidden");
    ana.waits_for_message(|message| message.text.contains("hidden"));
    let all = appliance.processes();
    assert!(all.len() >= 7, "warden, gateway, egress, keeper, agent, two that hide: {all:?}");
    assert!(appliance.stop().success(), "{}", appliance.log());
    eventually("every process to be gone", || all.iter().all(|process| !is_alive(process.pid)));
}

#[test]
fn a_stop_in_the_middle_of_a_turn_is_bounded_and_told_of_afterwards() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo alpha\nhang hard");
    ana.waits_for_draft(|draft| draft.text.contains("alpha"));
    appliance.stop();
    appliance.run(&telegram);
    ana.waits_for_message(|message| message.text.contains("Interrupted"));
    assert_eq!(times(&appliance, "alpha"), 1);
}

#[test]
fn the_longest_answer_survives_a_killed_gateway() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    telegram.fault("sendDocument", 1, Fault::BadGateway);
    ana.sends("long 200000");
    telegram.waits_for_faults();
    appliance.kill("gateway");
    let document = ana.waits_for_message(|message| message.document.is_some());
    let (name, content) = document.file("document").unwrap();
    assert_eq!((name, content.len() > 199_000), ("answer.md", true));
    assert_eq!(ana.messages().iter().filter(|message| message.text.contains("answer.md")).count(), 1);
}

#[test]
fn a_killed_warden_takes_a_gateway_with_it_that_hangs() {
    let telegram = Telegram::start();
    telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    let gateway = rustix::process::Pid::from_raw(appliance.pid_of("gateway")).unwrap();
    rustix::process::kill_process(gateway, rustix::process::Signal::STOP).unwrap();
    appliance.kill_warden();
}

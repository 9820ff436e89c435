//! Telegram has bad days, and so have agents.

use std::time::Duration;

use crate::appliance::Appliance;
use crate::stand_in::telegram::{Fault, Rates, Telegram};

#[test]
fn telegram_s_bad_days_lose_no_message_and_no_answer() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    for (n, fault) in [Fault::BadGateway, Fault::Garbage, Fault::Close, Fault::Flood(1), Fault::Refuse(500, "Internal Server Error")]
        .into_iter()
        .enumerate()
    {
        telegram.fault("getUpdates", 1, fault.clone());
        telegram.fault("sendMessage", 1, fault);
        ana.sends(&format!("echo answer {n}"));
        ana.waits_for_message(|message| message.text == format!("answer {n}"));
        telegram.waits_for_faults();
    }
    assert_eq!(appliance.prompts_of(1001).len(), 5);
}

#[test]
fn an_answer_whose_formatting_is_refused_arrives_as_plain_text() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    telegram.fault("sendMessage", 1, Fault::BadEntities);
    ana.sends("echo **bold**");
    let answer = ana.waits_for_message(|message| message.text.contains("bold"));
    assert!(answer.entities.is_empty());
}

#[test]
fn another_poller_does_not_end_the_bot_and_a_webhook_is_taken_away() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    telegram.another_instance_polls();
    ana.sends("echo still here");
    ana.waits_for_message(|message| message.text == "still here");
    telegram.webhook(Some("https://example.com/hook"));
    ana.sends("echo and here");
    ana.waits_for_message(|message| message.text == "and here");
}

#[test]
fn drafts_that_are_refused_do_not_delay_the_answer() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    telegram.fault("sendMessageDraft", 100, Fault::Flood(30));
    ana.sends("stream 10 every 100");
    ana.waits_for_message(|message| message.text.ends_with("word 10"));
    telegram.clear_faults();
}

#[test]
fn under_telegram_s_limits_every_answer_arrives_once() {
    let telegram = Telegram::start();
    let people: Vec<_> = (1001..1009).map(|user| telegram.private_chat(user, "en")).collect();
    let allowed: Vec<i64> = (1001..1009).collect();
    let mut appliance = Appliance::new(&telegram, &allowed).with("MAX_PROCESSES", "8");
    telegram.limit_rates(Rates::telegram());
    appliance.run(&telegram);
    for person in &people {
        person.sends("echo one");
        person.sends("echo two");
    }
    for person in &people {
        person.waits_for_message(|message| message.text == "one");
        person.waits_for_message(|message| message.text == "two");
    }
}

#[test]
fn two_hundred_messages_at_once_are_all_answered_in_order() {
    let telegram = Telegram::start();
    let users: Vec<i64> = (1001..1011).collect();
    let people: Vec<_> = users.iter().map(|user| telegram.private_chat(*user, "en")).collect();
    let _appliance = Appliance::start(&telegram, &users);
    for n in 0..20 {
        for person in &people {
            person.sends(&format!("echo answer {n}"));
        }
    }
    for person in &people {
        person.waits_for_message(|message| message.text == "answer 19");
        let answers: Vec<String> =
            person.messages().iter().filter(|message| message.text.starts_with("answer")).map(|message| message.text.clone()).collect();
        let right: Vec<String> = (0..20).map(|n| format!("answer {n}")).collect();
        assert_eq!(answers, right);
    }
}

#[test]
fn an_agent_s_error_is_said_in_one_sentence_with_retry() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("error -32603 the model is tired");
    let answer = ana.waits_for_message(|message| message.text.contains("the model is tired"));
    assert_eq!(answer.buttons(), ["Retry"]);
}

#[test]
fn floods_and_garbage_from_an_agent_harm_nobody() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("garbage\necho after garbage");
    ana.waits_for_message(|message| message.text.contains("after garbage"));
    ana.sends("flood 3000000\necho after a long line");
    ana.waits_for_message(|message| message.file("document").is_some_and(|(_, bytes)| String::from_utf8_lossy(bytes).contains("too long")));
    ana.sends("/new");
    ana.sends("flood endless 50000000");
    ana.waits_for_message(|message| message.text.starts_with('⚠'));
    ben.sends("echo untouched");
    ben.waits_for_message(|message| message.text == "untouched");
    let status = std::fs::read_to_string(format!("/proc/{}/status", appliance.pid_of("gateway"))).unwrap();
    let peak: u64 = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap().trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 200_000, "the gateway took {peak} kB");
}

#[test]
fn a_hung_agent_blocks_nobody_else() {
    let telegram = Telegram::start();
    let (ana, ben) = (telegram.private_chat(1001, "en"), telegram.private_chat(1002, "en"));
    let _appliance = Appliance::start(&telegram, &[1001, 1002]);
    ana.sends("hang hard");
    ana.sends_in_topic(9, "echo another thread of mine");
    ana.waits_for_message(|message| message.text == "another thread of mine");
    ben.sends("echo another user");
    ben.waits_for_message(|message| message.text == "another user");
}

#[test]
fn a_full_disk_refuses_messages_clearly_and_the_store_stays_whole() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo before");
    ana.waits_for_message(|message| message.text == "before");
    appliance.stop();
    appliance.on_a_small_disk(true);
    appliance.run(&telegram);
    ana.sends("echo during");
    ana.waits_for_message(|message| message.text.contains("disk") && message.text.contains("full"));
    telegram.waits_for_poll();
    appliance.stop();
    appliance.on_a_small_disk(false);
    appliance.run(&telegram);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
    ana.hears_nothing_for(Duration::from_millis(200));
}

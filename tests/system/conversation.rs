//! What people do every day.

use crate::appliance::{Appliance, eventually};
use serde_json::json;

use crate::stand_in::telegram::{Post, Telegram};

#[test]
fn a_message_is_seen_worked_on_and_answered() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let message = ana.sends("echo good morning");
    ana.waits_for_message(|message| message.text == "good morning");
    ana.waits_for_reaction(message, "👀");
    assert!(ana.actions().iter().any(|(_, _, action)| action == "typing"));
}

#[test]
fn an_answer_grows_as_a_draft_until_it_is_sent() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("stream 20 every 100");
    ana.waits_for_draft(|draft| draft.text.contains("word 3") && !draft.text.contains("word 20"));
    ana.waits_for_message(|message| message.text.starts_with("word 1 ") && message.text.ends_with("word 20"));
    let drafts = ana.all_drafts();
    assert!(drafts.windows(2).all(|pair| pair[0].text != pair[1].text), "a draft is sent only on change");
}

#[test]
fn every_topic_is_a_conversation_of_its_own() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.sends_in_topic(7, "put note.txt seven");
    ana.waits_for_message(|message| message.topic == Some(7));
    ana.sends_in_topic(8, "count");
    ana.waits_for_message(|message| message.topic == Some(8) && message.text == "1");
    ana.sends_in_topic(7, "count");
    ana.waits_for_message(|message| message.topic == Some(7) && message.text == "2");
    assert_eq!(std::fs::read_to_string(appliance.workspace_of(1001, 7).join("note.txt")).unwrap().trim(), "seven");
    assert!(!appliance.workspace_of(1001, 8).join("note.txt").exists());
}

#[test]
fn without_topics_a_chat_is_one_conversation() {
    let telegram = Telegram::start_without_topics();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn a_conversation_survives_a_restart_of_everything() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    assert!(appliance.stop().success(), "{}", appliance.log());
    appliance.run(&telegram);
    ana.sends("count");
    let answer = ana.waits_for_message(|_| true);
    assert_eq!(answer.text, "2", "the replayed history is not shown again");
}

#[test]
fn new_begins_another_conversation_and_keeps_the_old_one() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
    ana.sends("/new");
    ana.waits_for_message(|message| message.text.contains("new conversation"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "1");
}

#[test]
fn a_message_to_a_busy_thread_queues_and_says_so() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let first = ana.sends("sleep 800\necho first");
    ana.waits_for_reaction(first, "👀");
    ana.sends("echo second");
    ana.waits_for_message(|message| message.text.contains("Queued (1)"));
    ana.waits_for_message(|message| message.text == "first");
    ana.waits_for_message(|message| message.text == "second");
}

#[test]
fn stop_cancels_the_turn_and_the_conversation_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo half\nhang");
    ana.waits_for_draft(|draft| draft.text.contains("half"));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("half") && message.text.contains("Stopped"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn an_agent_that_does_not_stop_is_ended_and_the_conversation_goes_on() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo half\nhang hard");
    ana.waits_for_draft(|draft| draft.text.contains("half"));
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("its process was ended"));
    ana.sends("count");
    ana.waits_for_message(|message| message.text == "2");
}

#[test]
fn stop_with_nothing_running_says_so() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("/stop");
    ana.waits_for_message(|message| message.text.contains("Nothing is running"));
}

#[test]
fn a_long_answer_comes_in_pieces_that_lose_nothing() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("stream 1000");
    let last = ana.waits_for_message(|message| message.text.ends_with("word 1000"));
    let all: Vec<String> = ana.messages().iter().filter(|message| message.id <= last.id).map(|message| message.text.clone()).collect();
    let words: Vec<&str> = all.iter().flat_map(|text| text.split_whitespace()).collect();
    assert_eq!(words.len(), 2000);
    assert!(all.iter().all(|text| text.encode_utf16().count() <= 4096));
}

#[test]
fn markdown_arrives_as_text_with_entities() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("echo **bold** and `code` 👍");
    let answer = ana.waits_for_message(|message| message.text == "bold and code 👍");
    let kinds: Vec<&str> = answer.entities.iter().filter_map(|entity| entity["type"].as_str()).collect();
    assert_eq!(kinds, ["bold", "code"]);
}

#[test]
fn the_bot_explains_itself() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("/start");
    ana.waits_for_message(|message| message.text.contains("jail"));
    ana.sends("/help");
    ana.waits_for_message(|message| message.text.contains("/stop"));
    ana.sends("/status");
    ana.waits_for_message(|message| message.text.contains("runtimes: 0 of 5"));
    let commands = telegram.commands();
    assert!(commands.iter().any(|(_, commands)| commands.to_string().contains("\"model\"")), "the client's menu has the commands");
}

#[test]
fn status_tells_how_much_the_workspace_takes() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("run head -c 300000 /dev/zero | tr '\\0' x > big.txt");
    ana.waits_for_message(|_| true);
    let measured = || {
        ana.sends("/status");
        let text = ana.waits_for_message(|message| message.text.contains("workspace:")).text;
        let kib = text.split("workspace: ").nth(1).unwrap().split(' ').next().unwrap().parse::<u64>().unwrap();
        (290..400).contains(&kib)
    };
    eventually("the workspace to be measured", measured);
}

#[test]
fn what_an_agent_cannot_be_given_is_refused_in_a_word() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    ana.posts(Post::other(json!({"dice": {"emoji": "🎲", "value": 4}})));
    ana.waits_for_message(|message| message.text.contains("a dice"));
    assert!(appliance.prompts_of(1001).is_empty());
}

#[test]
fn a_model_chosen_before_the_first_message_holds_also_after_a_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("/model claude-opus-4.5");
    ana.waits_for_message(|message| message.text.contains("claude-opus-4.5"));
    ana.sends("model");
    ana.waits_for_message(|message| message.text == "claude-opus-4.5");
    appliance.stop();
    appliance.run(&telegram);
    ana.sends("model");
    ana.waits_for_message(|message| message.text == "claude-opus-4.5");
    ana.sends("/model");
    ana.waits_for_message(|message| message.text.contains("claude-opus-4.5") && message.text.contains("This thread uses"));
    ana.sends("/model nonsense");
    ana.waits_for_message(|message| message.text.contains("no model"));
}

//! Topics of a private chat: their names, and that each is a conversation.

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Fault, Person, Telegram};

fn ana_and_her_bot() -> (Telegram, Person, Appliance) {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let appliance = Appliance::start(&telegram, &[1001]);
    (telegram, ana, appliance)
}

/// Waits until a topic has this name.
#[track_caller]
fn is_called(ana: &Person, topic: i64, name: &str) {
    eventually(&format!("topic {topic} to be called {name}"), || ana.topic_name(topic).as_deref() == Some(name));
}

/// Writes something in a topic and waits for the end of its turn.
#[track_caller]
fn says(ana: &Person, topic: i64, text: &str, answer: &str) {
    ana.sends_in_topic(topic, text);
    ana.waits_for_message(|message| message.topic == Some(topic) && message.text == answer);
}

#[test]
fn a_topic_without_a_name_is_named_once_from_its_first_prompt() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(None);
    says(&ana, topic, "echo mend the parser of dates and times", "mend the parser of dates and times");
    is_called(&ana, topic, "echo mend the parser of…");
    says(&ana, topic, "echo something else", "something else");
    says(&ana, topic, "/status-like", "You said: /status-like");
    assert_eq!(telegram.calls_of("editForumTopic").len(), 1);
}

#[test]
fn a_command_is_no_name() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(None);
    ana.sends_in_topic(topic, "/status");
    ana.waits_for_message(|message| message.topic == Some(topic) && message.text.contains("runtimes"));
    assert!(telegram.calls_of("editForumTopic").is_empty());
    says(&ana, topic, "echo hello", "hello");
    is_called(&ana, topic, "echo hello");
}

#[test]
fn the_person_s_own_name_stays() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(Some("My garden"));
    says(&ana, topic, "echo plant a tree", "plant a tree");
    says(&ana, topic, "count", "2");
    assert_eq!(ana.topic_name(topic).as_deref(), Some("My garden"));
    assert!(telegram.calls_of("editForumTopic").is_empty());
}

#[test]
fn a_name_that_the_person_gives_before_the_first_prompt_stays() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(None);
    ana.renames_topic(topic, "My garden");
    says(&ana, topic, "echo plant a tree", "plant a tree");
    says(&ana, topic, "count", "2");
    assert_eq!(ana.topic_name(topic).as_deref(), Some("My garden"));
    assert!(telegram.calls_of("editForumTopic").is_empty());
}

#[test]
fn a_name_that_the_person_gives_afterwards_stays_over_restarts_and_new_conversations() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(None);
    says(&ana, topic, "echo plant a tree", "plant a tree");
    is_called(&ana, topic, "echo plant a tree");
    ana.renames_topic(topic, "My garden");
    appliance.stop();
    appliance.run(&telegram);
    ana.sends_in_topic(topic, "/new");
    ana.waits_for_message(|message| message.topic == Some(topic) && message.text.contains("new conversation"));
    says(&ana, topic, "echo water it", "water it");
    says(&ana, topic, "count", "2");
    assert_eq!(ana.topic_name(topic).as_deref(), Some("My garden"));
    assert_eq!(telegram.calls_of("editForumTopic").len(), 1);
}

#[test]
fn a_name_that_the_person_gives_while_the_agent_works_stays() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    let topic = ana.makes_topic(None);
    ana.sends_in_topic(topic, "/compact first\necho at work\nhang");
    ana.waits_for_draft(|draft| draft.text.contains("at work"));
    ana.renames_topic(topic, "My garden");
    ana.sends_in_topic(topic, "/stop");
    ana.waits_for_message(|message| message.text.contains("Stopped"));
    says(&ana, topic, "echo plant a tree", "plant a tree");
    says(&ana, topic, "count", "3");
    assert_eq!(ana.topic_name(topic).as_deref(), Some("My garden"));
    assert!(telegram.calls_of("editForumTopic").is_empty());
}

#[test]
fn a_topic_that_was_made_while_the_bot_was_down_is_named_too() {
    let (telegram, ana, mut appliance) = ana_and_her_bot();
    appliance.stop();
    let topic = ana.makes_topic(None);
    ana.sends_in_topic(topic, "echo hello there");
    appliance.run(&telegram);
    ana.waits_for_message(|message| message.topic == Some(topic) && message.text == "hello there");
    is_called(&ana, topic, "echo hello there");
}

#[test]
fn a_new_topic_is_a_new_conversation_with_a_workspace_of_its_own() {
    let (_telegram, ana, appliance) = ana_and_her_bot();
    let (one, two) = (ana.makes_topic(None), ana.makes_topic(Some("Two")));
    says(&ana, one, "count", "1");
    says(&ana, two, "count", "1");
    says(&ana, one, "count", "2");
    assert!(appliance.workspace_of(1001, one).exists() && appliance.workspace_of(1001, two).exists());
}

#[test]
fn a_bot_that_may_not_name_topics_answers_all_the_same() {
    let (telegram, ana, _appliance) = ana_and_her_bot();
    telegram.fault("editForumTopic", 1, Fault::Refuse(400, "Bad Request: not enough rights to manage topics"));
    let topic = ana.makes_topic(None);
    says(&ana, topic, "echo hello", "hello");
    says(&ana, topic, "echo again", "again");
}

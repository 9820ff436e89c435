//! Updates of every kind, as Telegram could send them at its worst: the bot lives on, sends nothing to whom it does not serve, and every
//! request of its is valid (the stand-in fails the test otherwise).

use std::collections::BTreeSet;

use serde_json::json;

use crate::appliance::{Appliance, grows};
use crate::stand_in::telegram::{Cast, Generator, Telegram};

/// Ana's number, whom the bot serves.
const ANA: i64 = 1001;

/// A person whom the bot does not serve.
const EVE: i64 = 6666;

/// A group in which both are.
const GROUP: i64 = -1_000_000_005_005;

/// The numbers from which the updates are drawn: the same in each run, so that what fails once fails always.
const SEEDS: [u64; 2] = [20_260_801, 20_260_802];

/// Generators of a seed for someone in a chat: one that keeps to the description, and one that does not.
fn generators(seed: u64, sender: i64, chat: i64) -> [Generator; 2] {
    let cast = || Cast { sender, chat, others: vec![EVE, 7777] };
    [Generator::new(seed, cast()), Generator::new(seed, cast()).with_wrong_leaves()]
}

/// Hands in `rounds` updates of every kind for each generator of each seed.
fn floods(telegram: &Telegram, sender: i64, chat: i64, rounds: usize) {
    for seed in SEEDS {
        for mut generator in generators(seed, sender, chat) {
            for kind in std::iter::repeat_n(Generator::kinds(), rounds).flatten() {
                telegram.pushes(generator.update(kind));
            }
        }
    }
}

/// Hands in `count` updates of the kinds that people cause, each by Ana: the generator leaves the sender out as often as Telegram may.
fn ana_does(telegram: &Telegram, chat: i64, count: usize) {
    let kinds = ["message", "message", "message", "edited_message", "callback_query", "stopped_message_generation", "my_chat_member"];
    let mut generators = generators(SEEDS[0], ANA, chat);
    for (number, kind) in (0..count).zip(kinds.into_iter().cycle()) {
        let mut update = generators[number % 2].update(kind);
        if let Some(fields) = update[kind].as_object_mut() {
            fields.insert("from".to_owned(), json!({"id": ANA, "is_bot": false, "first_name": "Ana"}));
            fields.remove("sender_chat");
        }
        telegram.pushes(update);
    }
}

/// The chats to which the bot has sent something.
fn addressed(telegram: &Telegram) -> BTreeSet<i64> {
    telegram.calls().iter().filter_map(|call| call.chat()).collect()
}

/// Says which seeds there were, should the test fail.
struct Seeds;

impl Drop for Seeds {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the updates were drawn from the seeds {SEEDS:?}");
        }
    }
}

#[test]
fn whatever_strangers_send_in_whatever_form_is_met_with_silence() {
    let _seeds = Seeds;
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    // What comes before the bot has said what it wants to know of is of every kind.
    floods(&telegram, EVE, EVE, 5);
    let appliance = Appliance::start(&telegram, &[ANA]);
    let gateway = appliance.pid_of("gateway");
    for chat in [EVE, GROUP] {
        telegram.group_member(GROUP, true, EVE, "en");
        floods(&telegram, EVE, chat, 100);
    }
    telegram.waits_for_poll();
    ana.sends("echo still here");
    ana.waits_for_message(|message| message.text == "still here");
    assert_eq!(addressed(&telegram), BTreeSet::from([ANA]), "nobody else was written to");
    assert!(telegram.calls_of("getFile").is_empty() && telegram.calls_of("answerCallbackQuery").is_empty());
    assert_eq!(appliance.pid_of("gateway"), gateway, "it never broke down");
    assert_eq!(appliance.prompts_of(ANA).len(), 1);
}

#[test]
fn whatever_a_user_sends_in_whatever_form_breaks_nothing() {
    let _seeds = Seeds;
    let telegram = Telegram::start();
    let ana = telegram.private_chat(ANA, "en");
    floods(&telegram, ANA, ANA, 2);
    let appliance = Appliance::start(&telegram, &[ANA]);
    let gateway = appliance.pid_of("gateway");
    ana_does(&telegram, ANA, 300);
    telegram.waits_for_poll();
    grows("many prompts to reach the agent", 30, || appliance.prompts_of(ANA).len());
    ana.sends_in_topic(77_777, "echo still here");
    ana.waits_for_message(|message| message.text == "still here");
    assert_eq!(appliance.pid_of("gateway"), gateway, "it never broke down");
    assert!(addressed(&telegram).is_subset(&BTreeSet::from([ANA])), "{:?}", addressed(&telegram));
}

#[test]
fn whatever_a_user_sends_in_a_group_breaks_nothing() {
    let _seeds = Seeds;
    let telegram = Telegram::start();
    let ana = telegram.group_member(GROUP, true, ANA, "en");
    let appliance = Appliance::start(&telegram, &[ANA]);
    let gateway = appliance.pid_of("gateway");
    ana_does(&telegram, GROUP, 300);
    telegram.waits_for_poll();
    grows("many prompts to reach the agent", 30, || appliance.prompts_of(ANA).len());
    ana.sends_in_topic(77_777, "echo still here");
    ana.waits_for_message(|message| message.text == "still here");
    assert_eq!(appliance.pid_of("gateway"), gateway, "it never broke down");
    assert!(addressed(&telegram).is_subset(&BTreeSet::from([GROUP])), "{:?}", addressed(&telegram));
}

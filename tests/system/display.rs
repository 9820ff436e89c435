//! How a turn looks on a phone.

use std::time::Duration;

use crate::appliance::{Appliance, eventually};
use crate::stand_in::telegram::{Message, Rates, Telegram};

/// What a turn of two thousand small chunks may cost of calls, from the reaction to the answer.
const CALLS: usize = 60;

#[test]
fn what_the_agent_does_is_one_message_that_is_folded_up_at_the_end() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("step read notes.txt\nsleep 1000\nstep execute ls -l\nsleep 3000\nrun true\necho soup");
    let trace = ana.waits_for_message(|message| message.text.ends_with(" notes.txt"));
    assert!(trace.silent);
    ana.waits_for_message(|message| message.id == trace.id && message.text == "✓ notes.txt\n✓ ls -l");
    let answer = ana.waits_for_message(|message| message.text.ends_with("soup"));
    assert!(!answer.silent);
    let folded = ana.waits_for_message(|message| message.id == trace.id && message.text.starts_with("⚙ 2 steps · "));
    assert_eq!(folded.formatted("expandable_blockquote"), ["✓ notes.txt\n✓ ls -l"]);
}

#[test]
fn a_quick_turn_tells_its_steps_too() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("step read notes.txt\necho on");
    ana.waits_for_message(|message| message.text == "on");
    let folded = ana.waits_for_message(|message| message.text.starts_with("⚙ 1 step"));
    assert_eq!(folded.formatted("expandable_blockquote"), ["✓ notes.txt"]);
}

#[test]
fn the_plan_is_one_message_that_is_ticked_off() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("plan chop; boil\nsleep 2000\nplan chop; boil; eat\nsleep 3000\necho soup");
    let plan = ana.waits_for_message(|message| message.text.contains(" chop\n"));
    assert!(plan.silent);
    ana.waits_for_message(|message| message.id == plan.id && message.text == "☑ chop\n☑ boil\n☑ eat");
    ana.waits_for_message(|message| message.text == "soup");
    assert_eq!(ana.messages().len(), 2, "the plan stays as it is");
}

#[test]
fn a_turn_of_two_thousand_chunks_costs_few_calls() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    let mark = telegram.mark();
    let begun = std::time::Instant::now();
    ana.sends("stream 2000 every 10");
    ana.waits_for_draft(|draft| draft.text.contains("word 100 ") && draft.can_stop);
    ana.waits_for_message(|message| message.file("document").is_some_and(|(_, bytes)| bytes.ends_with(b"word 2000")));
    let tally = telegram.tally(mark);
    assert!(begun.elapsed() > Duration::from_secs(20), "the agent took its time");
    assert!(tally.calls_of("sendMessageDraft") >= 10, "the answer is seen to grow: {tally:?}");
    assert!(tally.total() <= CALLS, "{tally:?}");
    let drafts = ana.all_drafts();
    assert!(drafts.windows(2).all(|pair| pair[0].text != pair[1].text), "a draft is sent only on change");
}

#[test]
fn the_topics_of_a_group_share_its_rate_and_every_answer_arrives_with_a_sound() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-500, true, 1001, "en");
    let _appliance = Appliance::start(&telegram, &[1001]);
    telegram.limit_rates(Rates::telegram());
    let mark = telegram.mark();
    let topics = [ana.makes_topic(Some("one")), ana.makes_topic(Some("two"))];
    for topic in topics {
        ana.sends_in_topic(topic, "step read notes.txt\nstream 200 every 50");
    }
    for topic in topics {
        let answer = ana.waits_for_message(|message| message.topic == Some(topic) && message.text.ends_with("word 200"));
        assert!(!answer.silent);
    }
    let standing = |message: &&Message| message.text.starts_with("word 1 ");
    eventually("the previews to give way", || ana.messages().iter().filter(standing).count() == topics.len());
    let tally = telegram.tally(mark);
    assert!(tally.calls_of("deleteMessage") > 0, "the answers were seen to grow");
    assert_eq!(tally.floods, 0, "{tally:?}");
    assert!(ana.all_drafts().is_empty());
}

#[test]
fn a_question_that_a_restart_left_open_says_so() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute echo one");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    appliance.kill_warden();
    appliance.run(&telegram);
    let closed = ana.waits_for_message(|message| message.id == question.id && message.buttons().is_empty());
    assert!(closed.text.starts_with(&question.text) && closed.text.contains("the bot was restarted"), "{}", closed.text);
}

#[test]
fn a_question_that_was_answered_is_left_alone_by_a_restart() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(1001, "en");
    let mut appliance = Appliance::start(&telegram, &[1001]);
    ana.sends("tool execute echo one");
    let question = ana.waits_for_message(|message| !message.buttons().is_empty());
    ana.presses("Allow once");
    ana.waits_for_message(|message| message.id == question.id && message.text.contains("Allow once (you"));
    ana.waits_for_message(|message| message.text.contains("one") && message.id != question.id);
    appliance.stop();
    let mark = telegram.mark();
    appliance.run(&telegram);
    ana.sends("echo two");
    ana.waits_for_message(|message| message.text == "two");
    assert_eq!(telegram.tally(mark).calls_of("editMessageText"), 0);
    assert!(ana.message(question.id).unwrap().text.contains("Allow once (you"));
}

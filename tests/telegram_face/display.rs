//! How a turn looks: previews, traces, plans, names and menus, and that none of them holds up an answer.

use std::time::{Duration, Instant};

use kiroclaw::model::outbound::{Display, Message, PlanStep, Show, ToolView};
use kiroclaw::model::permission::ToolKind;
use kiroclaw::model::{Language, ThreadId, UserId};

use crate::stand_in::telegram::{Fault, Telegram};
use crate::{Stage, chat, question};

fn tool(id: &str, status: &str, detail: &str) -> Show {
    let [id, title, status, detail] = [id, "Run a command", status, detail].map(str::to_owned);
    Show::Tool(ToolView { id, title, kind: ToolKind::Execute, status, detail })
}

fn plan(status: &str) -> Show {
    Show::Plan { steps: vec![PlanStep { text: "tidy up".to_owned(), status: status.to_owned() }] }
}

#[test]
fn tools_and_plan_have_one_silent_message_each_that_changes_in_place() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    stage.show(chat(7), Show::Working(Display::default()));
    stage.show(chat(7), tool("1", "in_progress", "ls -l"));
    let trace = ana.waits_for_message(|message| message.text == "⏳ Run a command · ls -l");
    stage.show(chat(7), plan("in_progress"));
    let planned = ana.waits_for_message(|message| message.text == "▶ tidy up");
    assert!(trace.silent && planned.silent);
    stage.show(chat(7), tool("1", "completed", "ls -l"));
    ana.waits_for_message(|message| message.id == trace.id && message.text == "✓ Run a command · ls -l");
    stage.show(chat(7), tool("2", "failed", "rm x"));
    stage.show(chat(7), plan("completed"));
    stage.posts(&Message::answer(chat(7), "done".to_owned()));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text == "done");
    let folded = ana.waits_for_message(|message| message.id == trace.id && message.text.starts_with("⚙ 2 steps · "));
    assert_eq!(folded.formatted("expandable_blockquote"), ["✓ Run a command · ls -l\n✗ Run a command · rm x"]);
    ana.waits_for_message(|message| message.id == planned.id && message.text == "☑ tidy up");
    assert_eq!(ana.messages().len(), 3);
}

#[test]
fn what_a_person_reads_is_in_their_language() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "de");
    let stage = Stage::new(&telegram);
    stage.show(chat(7), Show::Working(Display { language: Language::German, ..Display::default() }));
    stage.show(chat(7), tool("1", "completed", ""));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text.starts_with("⚙ 1 Schritt · "));
}

#[test]
fn thoughts_stand_before_the_answer_and_then_folded_up_above_it() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    stage.show(chat(7), Show::Working(Display { thoughts: true, ..Display::default() }));
    stage.show(chat(7), Show::Thought { text: "Let me see".to_owned() });
    let draft = ana.waits_for_draft(|draft| draft.text == "💭 Let me see");
    assert_eq!(draft.entities[0]["type"], "italic");
    stage.writes(chat(7), "Hello");
    let kept = ana.waits_for_message(|message| message.text == "💭 Let me see");
    assert_eq!(kept.formatted("expandable_blockquote"), ["💭 Let me see"]);
    ana.waits_for_draft(|draft| draft.text == "Hello");
}

#[test]
fn what_was_sent_before_a_tool_is_not_drafted_again() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    stage.show(chat(7), Show::Working(Display::default()));
    stage.writes(chat(7), "Let me look.");
    let first = ana.waits_for_draft(|draft| draft.text == "Let me look." && draft.can_stop);
    stage.posts(&Message::progress(chat(7), "Let me look.".to_owned()));
    stage.show(chat(7), Show::Flushed);
    stage.show(chat(7), tool("1", "completed", "ls"));
    let progress = ana.waits_for_message(|message| message.text == "Let me look.");
    let trace = ana.waits_for_message(|message| message.text == "✓ Run a command · ls");
    stage.writes(chat(7), "Found it.");
    let second = ana.waits_for_draft(|draft| draft.text == "Found it.");
    assert!(progress.silent && progress.id < trace.id && first.id != second.id);
}

#[test]
fn a_group_sees_the_answer_grow_in_a_message_that_gives_way_to_it() {
    let telegram = Telegram::start();
    let ana = telegram.group_member(-9, true, 7, "en");
    let stage = Stage::new(&telegram);
    let topic = ana.makes_topic(Some("work"));
    let thread = ThreadId::telegram(-9, Some(topic));
    let text = "A sentence that is long enough to be shown to all people of a group at once, or nearly so.";
    stage.show(thread, Show::Working(Display::default()));
    stage.writes(thread, text);
    let preview = ana.waits_for_message(|message| message.text == text);
    assert!(preview.silent && preview.topic == Some(topic));
    stage.writes(thread, " And **more");
    ana.waits_for_message(|message| message.id == preview.id && message.text == format!("{text} And more"));
    stage.posts(&Message::answer(thread, format!("{text} And **more**.")));
    stage.show(thread, Show::TurnEnded);
    let answer = ana.waits_for_message(|message| message.text == format!("{text} And more."));
    assert!(!answer.silent);
    ana.waits("the preview to be removed", |chat| chat.message(preview.id).is_none().then_some(()));
    assert_eq!(ana.messages().len(), 1);
    assert!(ana.all_drafts().is_empty());
}

#[test]
fn a_preview_that_hangs_holds_up_no_answer() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    for method in ["sendMessageDraft", "editMessageText"] {
        stage.show(chat(7), Show::Working(Display::default()));
        stage.show(chat(7), tool("1", "pending", ""));
        ana.waits_for_message(|message| message.text.starts_with('⏳'));
        telegram.fault(method, 1, Fault::Hang(Duration::from_secs(6)));
        match method {
            "sendMessageDraft" => stage.writes(chat(7), "Hello"),
            _ => stage.show(chat(7), tool("1", "completed", "")),
        }
        telegram.waits_for_faults();
        let begun = Instant::now();
        stage.posts(&Message::answer(chat(7), format!("after {method}")));
        stage.show(chat(7), Show::TurnEnded);
        ana.waits_for_message(|message| message.text == format!("after {method}"));
        assert!(begun.elapsed() < Duration::from_secs(4), "{method} took {:?}", begun.elapsed());
        ana.waits_for_message(|message| message.text.starts_with("⚙ 1 step"));
    }
}

#[test]
fn a_flood_of_previews_silences_no_answer() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessageDraft", 1, Fault::Flood(30));
    stage.show(chat(7), Show::Working(Display::default()));
    stage.writes(chat(7), "Hello");
    telegram.waits_for_faults();
    let begun = Instant::now();
    stage.show(chat(7), question());
    ana.waits_for_message(|message| !message.buttons().is_empty());
    stage.posts(&Message::answer(chat(7), "Hello!".to_owned()));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text == "Hello!");
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn the_last_form_of_a_trace_is_tried_until_it_stands() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    stage.show(chat(7), Show::Working(Display::default()));
    stage.show(chat(7), tool("1", "completed", ""));
    ana.waits_for_message(|message| message.text.starts_with('✓'));
    telegram.fault("editMessageText", 1, Fault::BadGateway);
    telegram.fault("editMessageText", 1, Fault::Flood(1));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text.starts_with("⚙ 1 step"));
    telegram.waits_for_faults();
}

#[test]
fn a_topic_is_named_and_a_menu_set_once_for_each_change() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    let topic = ana.makes_topic(None);
    stage.show(ThreadId::telegram(7, Some(topic)), Show::Name { name: "Tidy the kitchen".to_owned() });
    ana.waits("the topic's name", |chat| chat.topics.get(&topic).filter(|topic| topic.name == "Tidy the kitchen").map(drop));
    let menu = |name: &str| Show::Menu {
        user: UserId::telegram(7),
        commands: vec![(name.to_owned(), "by the agent".to_owned())],
        language: Language::English,
    };
    for name in ["compact", "compact", "web_search"] {
        stage.show(chat(7), menu(name));
        telegram.waits_for_call(name, |call| {
            call.method == "setMyCommands" && call.succeeded() && call.params["commands"].to_string().contains(name)
        });
    }
    let commands = ana.commands();
    assert!(commands[0].0 == "new" && commands.iter().all(|(command, _)| command != "compact"), "{commands:?}");
    let set = telegram.calls_of("setMyCommands").iter().filter(|call| call.params.contains_key("scope")).count();
    assert_eq!(set, 2);
}

#[test]
fn a_message_whose_confirmation_is_slow_holds_up_no_answer_and_is_not_sent_twice() {
    let telegram = Telegram::start();
    let ana = telegram.private_chat(7, "en");
    let stage = Stage::new(&telegram);
    telegram.fault("sendMessage", 1, Fault::Slow(Duration::from_secs(4)));
    let begun = Instant::now();
    stage.show(chat(7), Show::Working(Display::default()));
    stage.show(chat(7), tool("1", "completed", ""));
    let trace = ana.waits_for_message(|message| message.text.starts_with('✓'));
    stage.posts(&Message::answer(chat(7), "done".to_owned()));
    stage.show(chat(7), Show::TurnEnded);
    ana.waits_for_message(|message| message.text == "done");
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    ana.waits_for_message(|message| message.id == trace.id && message.text.starts_with("⚙ 1 step"));
    assert_eq!(ana.messages().len(), 2);
}

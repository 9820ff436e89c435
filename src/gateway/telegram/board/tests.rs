mod questions;

use super::live::Shown;
use super::turn::{GROUP, SLOW, TYPING};
use super::*;
use crate::model::outbound::{AskOption, AskView, Display, PlanStep, ToolView};
use crate::model::permission::ToolKind;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A board and its time.
struct Stage {
    board: Board,
    now: Instant,
}

impl Stage {
    fn of(chat: i64) -> Self {
        Self { board: Board::new(ThreadId::telegram(chat, None)), now: Instant::now() }
    }

    fn private() -> Self {
        Self::of(7)
    }

    /// In a group, while a turn runs.
    fn working_group() -> Self {
        let mut stage = Self::of(-7);
        stage.shows(Show::Working(Display::default()));
        assert_eq!(stage.next(), Step::Do(Deed::Typing));
        stage
    }

    /// In a private chat, while a turn runs.
    fn working() -> Self {
        Self::working_as(Display::default())
    }

    fn working_as(display: Display) -> Self {
        let mut stage = Self::private();
        stage.shows(Show::Working(display));
        assert_eq!(stage.next(), Step::Do(Deed::Typing));
        stage
    }

    fn shows(&mut self, show: Show) {
        self.board.apply(show, self.now, |user, _| user.to_string());
    }

    fn next(&mut self) -> Step {
        self.board.next(self.now, Gates { send: self.now, edit: self.now, preview: self.now })
    }

    /// What is done now.
    #[track_caller]
    fn does(&mut self) -> Deed {
        match self.next() {
            Step::Do(deed) => deed,
            step => panic!("nothing is done: {step:?}"),
        }
    }

    /// What is done next, whenever that is; other than typing.
    #[track_caller]
    fn later(&mut self) -> Deed {
        for _ in 0..20 {
            match self.next() {
                Step::Do(Deed::Typing) => {}
                Step::Do(deed) => return deed,
                Step::Wait(until) => self.now = until,
                step => panic!("nothing is done: {step:?}"),
            }
        }
        panic!("nothing but typing");
    }

    /// A message that is kept up to date is sent as that number, and gives its text.
    #[track_caller]
    fn stands(&mut self, deed: Deed, number: i64) -> String {
        let Deed::Live { key, message, piece } = deed else { panic!("no message is shown: {deed:?}") };
        assert!(message.is_none_or(|message| message == number), "another message");
        let text = piece.text.clone();
        self.board.live_shown(key, (Some(piece), message.is_none()), Shown::As(number), self.now);
        text
    }

    /// The question of this message gets its buttons.
    fn opens(&mut self, message: i64) {
        let Deed::Open { message: opened, keyboard } = self.does() else { panic!("it gets its buttons") };
        assert_eq!((opened, keyboard.inline_keyboard.len()), (message, 1));
        self.board.opened(message);
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
    }
}

fn ask(token: &str) -> Show {
    Show::Ask(AskView {
        ask: token.to_owned(),
        user: UserId::telegram(7),
        title: "Run".to_owned(),
        detail: "ls".to_owned(),
        kind: ToolKind::Execute,
        options: vec![AskOption { label: "Allow once".to_owned(), kind: "allow_once".to_owned() }],
        language: Language::German,
        silent: true,
    })
}

fn settled(token: &str) -> Show {
    Show::Settled { ask: token.to_owned(), by: None, choice: "stopped".to_owned(), at: 0 }
}

fn text(text: &str) -> Show {
    Show::Text { text: text.to_owned() }
}

fn thought(text: &str) -> Show {
    Show::Thought { text: text.to_owned() }
}

fn tool(id: &str, status: &str) -> Show {
    let [id, title, status] = [id, &format!("call {id}"), status].map(str::to_owned);
    Show::Tool(ToolView { id, title, kind: ToolKind::Read, status, detail: String::new() })
}

fn plan(statuses: &[&str]) -> Show {
    let steps = statuses.iter().map(|status| PlanStep { text: "do it".to_owned(), status: (*status).to_owned() });
    Show::Plan { steps: steps.collect() }
}

fn draft(deed: Deed) -> (i64, String) {
    match deed {
        Deed::Draft { id, piece } => (id, piece.text),
        deed => panic!("no draft: {deed:?}"),
    }
}

#[test]
fn an_empty_board_rests() {
    assert_eq!(Stage::private().next(), Step::Rest);
}

#[test]
fn typing_is_shown_every_four_seconds_until_the_turn_ends() {
    let mut stage = Stage::working();
    let begin = stage.now;
    assert_eq!(stage.next(), Step::Wait(begin + TYPING));
    stage.passes(TYPING);
    assert_eq!(stage.does(), Deed::Typing);
    stage.shows(Show::TurnEnded);
    stage.passes(TYPING);
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn typing_is_not_shown_while_a_draft_is() {
    let mut stage = Stage::working();
    stage.shows(text("Hello"));
    let first = draft(stage.does());
    stage.passes(TYPING);
    // What stays as it is, is shown again before it fades.
    assert_eq!(draft(stage.later()), first);
    stage.shows(Show::Deliver);
    assert_eq!(stage.does(), Deed::Deliver);
    stage.board.arrived(stage.now);
    stage.shows(Show::Flushed);
    assert_eq!(stage.does(), Deed::Typing);
}

#[test]
fn what_must_arrive_comes_before_previews_and_toasts_before_all() {
    let mut stage = Stage::private();
    stage.shows(Show::Working(Display::default()));
    stage.shows(text("Hello"));
    stage.shows(tool("1", "pending"));
    stage.shows(ask("a"));
    stage.shows(Show::Deliver);
    stage.shows(Show::Seen { message: 3 });
    stage.shows(Show::Pressed { press: "p".to_owned(), toast: String::new() });
    assert!(matches!(stage.does(), Deed::Toast { .. }));
    assert_eq!(stage.does(), Deed::React { message: 3 });
    assert_eq!(stage.does(), Deed::Deliver);
    assert!(matches!(stage.does(), Deed::Ask(AskPiece { silent: true, .. })));
    let opened = stage.board.asked(9, stage.now).unwrap();
    assert_eq!((opened.ask.as_str(), opened.message), ("a", 9));
    assert!(opened.lost.contains("neu gestartet"), "{}", opened.lost);
    stage.opens(9);
    assert_eq!(stage.does(), Deed::Typing);
    let trace = stage.does();
    assert_eq!(stage.stands(trace, 10), "⏳ call 1");
    assert!(matches!(stage.next(), Step::Wait(_)), "the draft waits after a message");
    assert_eq!(draft(stage.later()).1, "Hello");
}

#[test]
fn a_flooded_chat_is_left_in_peace_but_presses_are_answered() {
    let mut stage = Stage::private();
    let due = stage.now + SECOND * 9;
    let gates = Gates { send: due, edit: due, preview: due };
    stage.shows(Show::Working(Display::default()));
    stage.shows(Show::Deliver);
    stage.shows(Show::Pressed { press: "p".to_owned(), toast: String::new() });
    assert!(matches!(stage.board.next(stage.now, gates), Step::Do(Deed::Toast { .. })));
    assert_eq!(stage.board.next(stage.now, gates), Step::Wait(due));
    assert_eq!(stage.board.next(due, gates), Step::Do(Deed::Deliver));
}

#[test]
fn where_previews_have_to_wait_answers_and_questions_do_not() {
    let mut stage = Stage::working();
    let due = stage.now + SECOND * 9;
    let gates = Gates { preview: due, edit: due, send: stage.now };
    stage.shows(text("Hello"));
    stage.shows(tool("1", "pending"));
    stage.shows(settled("unknown"));
    stage.shows(Show::Deliver);
    assert_eq!(stage.board.next(stage.now, gates), Step::Do(Deed::Deliver));
    stage.shows(ask("a"));
    assert!(matches!(stage.board.next(stage.now, gates), Step::Do(Deed::Ask(_))));
    stage.board.asked(9, stage.now);
    assert!(matches!(stage.board.next(stage.now, gates), Step::Do(Deed::Open { message: 9, .. })));
    stage.board.opened(9);
    assert_eq!(stage.board.next(stage.now, gates), Step::Wait(due));
}

#[test]
fn after_a_failure_nothing_is_tried_for_a_while() {
    let mut stage = Stage::private();
    stage.shows(ask("a"));
    assert!(matches!(stage.does(), Deed::Ask(_)));
    stage.board.failed(stage.now);
    let Step::Wait(until) = stage.next() else { panic!("a pause") };
    stage.now = until;
    assert!(matches!(stage.does(), Deed::Ask(_)));
}

#[test]
fn no_draft_outlives_its_turn() {
    let mut stage = Stage::working();
    stage.shows(text("Hello"));
    draft(stage.does());
    stage.shows(text(" world"));
    stage.shows(Show::Deliver);
    assert_eq!(stage.does(), Deed::Deliver);
    stage.board.arrived(stage.now);
    stage.shows(Show::TurnEnded);
    stage.passes(TYPING);
    assert_eq!(stage.next(), Step::Rest);
    stage.shows(text("late"));
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn what_was_sent_as_a_message_is_not_in_the_next_draft_which_has_another_number() {
    let mut stage = Stage::working();
    stage.shows(text("Hello"));
    let (first, _) = draft(stage.does());
    stage.shows(Show::Flushed);
    stage.shows(text("world"));
    let (second, text_of_second) = draft(stage.later());
    assert_eq!(text_of_second, "world");
    assert!(second > first);
    stage.shows(Show::TurnEnded);
    stage.shows(Show::Working(Display::default()));
    stage.shows(text("again"));
    assert!(draft(stage.later()).0 > second, "also in the next turn");
}

#[test]
fn a_turn_of_thousands_of_chunks_shows_few_drafts() {
    let mut stage = Stage::working();
    let mut calls = 1;
    for number in 0..2000 {
        stage.shows(text(&format!("word {number} ")));
        while let Step::Do(_) = stage.next() {
            calls += 1;
        }
        stage.passes(Duration::from_millis(100));
    }
    assert!((30..55).contains(&calls), "{calls}");
}

#[test]
fn the_trace_is_one_message_that_changes_in_place_and_is_folded_up_at_the_end() {
    let mut stage = Stage::working();
    stage.shows(tool("1", "pending"));
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 5), "⏳ call 1");
    stage.shows(tool("1", "completed"));
    stage.shows(tool("2", "in_progress"));
    assert!(matches!(stage.next(), Step::Wait(_)), "edits are spaced out");
    let deed = stage.later();
    assert_eq!(stage.stands(deed, 5), "✓ call 1\n⏳ call 2");
    stage.shows(tool("2", "failed"));
    stage.shows(Show::Deliver);
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.does(), Deed::Deliver);
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 5), "⚙ 2 steps · 1 s\n✓ call 1\n✗ call 2");
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn the_last_form_of_a_trace_is_tried_again_but_delays_no_answer() {
    let mut stage = Stage::working();
    stage.shows(tool("1", "completed"));
    let deed = stage.does();
    stage.stands(deed, 5);
    stage.shows(Show::TurnEnded);
    let Deed::Live { key, piece, .. } = stage.does() else { panic!("it is folded up") };
    stage.board.live_shown(key, (Some(piece), false), Shown::NotYet, stage.now);
    stage.shows(Show::Deliver);
    assert_eq!(stage.does(), Deed::Deliver);
    let deed = stage.later();
    assert!(stage.stands(deed, 5).starts_with("⚙ 1 step · 0 s"));
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn a_quick_turn_tells_what_it_did_after_its_answer() {
    let mut stage = Stage::working();
    stage.shows(tool("1", "completed"));
    stage.shows(plan(&["completed"]));
    stage.shows(Show::Deliver);
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.does(), Deed::Deliver);
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 5), "⚙ 1 step · 0 s\n✓ call 1");
    assert_eq!(stage.next(), Step::Rest, "a plan that nobody saw is of no use");
}

#[test]
fn a_trace_that_the_person_deleted_stays_away() {
    let mut stage = Stage::working();
    stage.shows(tool("1", "pending"));
    let deed = stage.does();
    stage.stands(deed, 5);
    stage.shows(tool("1", "completed"));
    let Deed::Live { key, piece, .. } = stage.later() else { panic!("it is changed") };
    stage.board.live_shown(key, (Some(piece), false), Shown::Never, stage.now);
    stage.shows(tool("2", "completed"));
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn quiet_turns_show_neither_tools_nor_plans() {
    let mut stage = Stage::working_as(Display { quiet: true, ..Display::default() });
    stage.shows(tool("1", "pending"));
    stage.shows(plan(&["pending"]));
    assert!(matches!(stage.next(), Step::Wait(_)));
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn the_plan_is_one_message_that_ends_as_it_is() {
    let mut stage = Stage::working();
    stage.shows(plan(&["pending", "pending"]));
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 6), "☐ do it\n☐ do it");
    stage.shows(plan(&["completed", "in_progress"]));
    stage.shows(plan(&["completed", "completed"]));
    stage.shows(Show::TurnEnded);
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 6), "☑ do it\n☑ do it");
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn thoughts_are_shown_on_demand_until_the_answer_begins_and_then_kept_in_the_trace() {
    let mut stage = Stage::working();
    stage.shows(thought("hm"));
    assert!(matches!(stage.next(), Step::Wait(_)), "nobody asked for them");
    let mut stage = Stage::working_as(Display { thoughts: true, ..Display::default() });
    stage.shows(thought("hm, "));
    stage.shows(thought("so"));
    assert_eq!(draft(stage.does()).1, "💭 hm, so");
    stage.shows(text("Hello"));
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 5), "💭 hm, so");
    assert_eq!(draft(stage.later()).1, "Hello");
    stage.shows(Show::TurnEnded);
    let deed = stage.does();
    assert_eq!(stage.stands(deed, 5), "💭 1 s\n💭 hm, so");
}

#[test]
fn a_group_sees_the_answer_grow_in_a_message_that_makes_place_for_it() {
    let mut stage = Stage::working_group();
    let begin = stage.now;
    stage.shows(text("Hello"));
    let first = stage.later();
    assert_eq!(stage.now, begin + SLOW, "a short text waits for more");
    assert_eq!(stage.stands(first, 5), "Hello");
    stage.shows(text(" **wor"));
    let second = stage.later();
    assert_eq!(stage.now, begin + SLOW + GROUP);
    assert_eq!(stage.stands(second, 5), "Hello wor");
    stage.shows(Show::Deliver);
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.does(), Deed::Deliver);
    let Deed::Remove { key, message: 5 } = stage.does() else { panic!("it is removed") };
    stage.board.live_shown(key, (None, false), Shown::As(5), stage.now);
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn a_group_sees_a_long_text_at_once_and_a_quick_answer_alone() {
    let mut stage = Stage::working_group();
    stage.shows(text(&"long ".repeat(20)));
    assert!(matches!(stage.does(), Deed::Live { message: None, .. }));
    let mut stage = Stage::working_group();
    stage.shows(text("short"));
    stage.shows(Show::Deliver);
    stage.shows(Show::TurnEnded);
    assert_eq!(stage.does(), Deed::Deliver);
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn a_group_sees_each_part_of_an_answer_in_a_message_of_its_own() {
    let mut stage = Stage::working_group();
    stage.shows(text("one"));
    let deed = stage.later();
    stage.stands(deed, 5);
    stage.shows(Show::Deliver);
    stage.shows(Show::Flushed);
    stage.shows(text("two"));
    assert_eq!(stage.does(), Deed::Deliver);
    let Deed::Remove { key, message: 5 } = stage.does() else { panic!("the first is removed") };
    stage.board.live_shown(key, (None, false), Shown::As(5), stage.now);
    let deed = stage.later();
    assert_eq!(stage.stands(deed, 8), "two");
}

#[test]
fn a_preview_gives_way_to_its_answer_also_where_the_group_s_rate_is_used_up() {
    let mut stage = Stage::working_group();
    stage.shows(tool("1", "completed"));
    let deed = stage.does();
    stage.stands(deed, 4);
    stage.shows(text("Hello"));
    let deed = stage.later();
    stage.stands(deed, 5);
    stage.shows(Show::TurnEnded);
    let preview = stage.now + SECOND * 50;
    let gates = Gates { send: stage.now, edit: stage.now, preview };
    let Step::Do(Deed::Remove { key, message: 5 }) = stage.board.next(stage.now, gates) else { panic!("it is removed") };
    stage.board.live_shown(key, (None, false), Shown::As(5), stage.now);
    assert_eq!(stage.board.next(stage.now, gates), Step::Wait(preview), "the trace can wait");
    assert!(matches!(stage.board.next(preview, gates), Step::Do(Deed::Live { message: Some(4), .. })));
}

use super::*;
use crate::model::outbound::{AskOption, Display};
use crate::model::permission::ToolKind;

fn board() -> (Board, Instant) {
    let now = Instant::now();
    (Board::new(ThreadId::telegram(7, None), now), now)
}

fn apply(board: &mut Board, show: Show, now: Instant) {
    board.apply(show, now, |user| user.to_string());
}

fn ask(token: &str) -> Show {
    Show::Ask(AskView {
        ask: token.to_owned(),
        user: UserId::telegram(7),
        title: "Run".to_owned(),
        detail: "ls".to_owned(),
        kind: ToolKind::Execute,
        options: vec![AskOption { label: "Allow once".to_owned(), kind: "allow_once".to_owned() }],
        language: Default::default(),
        silent: false,
    })
}

fn settled(token: &str) -> Show {
    Show::Settled { ask: token.to_owned(), by: None, choice: "stopped".to_owned(), at: 0 }
}

fn text(text: &str) -> Show {
    Show::Text { text: text.to_owned() }
}

#[test]
fn an_empty_board_rests() {
    let (mut board, now) = board();
    assert_eq!(board.next(now, now), Step::Rest);
}

#[test]
fn typing_is_shown_every_four_seconds_until_the_turn_ends() {
    let (mut board, now) = board();
    apply(&mut board, Show::Working(Display::default()), now);
    assert_eq!(board.next(now, now), Step::Do(Deed::Typing));
    assert_eq!(board.next(now, now), Step::Wait(now + TYPING));
    assert_eq!(board.next(now + TYPING, now), Step::Do(Deed::Typing));
    apply(&mut board, Show::TurnEnded, now);
    assert_eq!(board.next(now + TYPING * 2, now), Step::Rest);
}

#[test]
fn what_must_arrive_comes_before_previews_and_toasts_before_all() {
    let (mut board, now) = board();
    apply(&mut board, text("Hello"), now);
    apply(&mut board, ask("a"), now);
    apply(&mut board, Show::Deliver, now);
    apply(&mut board, Show::Seen { message: 3 }, now);
    apply(&mut board, Show::Pressed { press: "p".to_owned(), toast: String::new() }, now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Toast { .. })));
    assert_eq!(board.next(now, now), Step::Do(Deed::React { message: 3 }));
    assert_eq!(board.next(now, now), Step::Do(Deed::Deliver));
    assert!(matches!(board.next(now, now), Step::Do(Deed::Ask { keyboard: Some(_), .. })));
    board.asked(9, now);
    let Step::Wait(until) = board.next(now, now) else { panic!("the draft waits after a message") };
    assert!(matches!(board.next(until, now), Step::Do(Deed::Draft { .. })));
    assert_eq!(board.next(until, now), Step::Listen);
}

#[test]
fn a_flooded_chat_is_left_in_peace_but_presses_are_answered() {
    let (mut board, now) = board();
    let due = now + Duration::from_secs(9);
    apply(&mut board, Show::Working(Display::default()), now);
    apply(&mut board, Show::Deliver, now);
    apply(&mut board, Show::Pressed { press: "p".to_owned(), toast: String::new() }, now);
    assert!(matches!(board.next(now, due), Step::Do(Deed::Toast { .. })));
    assert_eq!(board.next(now, due), Step::Wait(due));
    assert_eq!(board.next(due, due), Step::Do(Deed::Deliver));
}

#[test]
fn a_question_is_rewritten_when_it_is_settled_and_not_shown_when_it_was_before() {
    let (mut board, now) = board();
    apply(&mut board, ask("seen"), now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Ask { .. })));
    board.asked(9, now);
    assert_eq!(board.next(now, now), Step::Listen);
    apply(&mut board, settled("seen"), now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Settle { message: 9, .. })));
    board.settle_done();
    apply(&mut board, ask("never seen"), now);
    apply(&mut board, settled("never seen"), now);
    assert_eq!(board.next(now, now), Step::Rest);
}

#[test]
fn a_question_that_is_settled_on_its_way_is_rewritten_when_it_has_arrived() {
    let (mut board, now) = board();
    apply(&mut board, ask("a"), now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Ask { .. })));
    apply(&mut board, settled("a"), now);
    board.asked(9, now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Settle { message: 9, .. })));
}

#[test]
fn after_a_failure_nothing_is_tried_for_a_while() {
    let (mut board, now) = board();
    apply(&mut board, ask("a"), now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Ask { .. })));
    board.failed(now);
    let Step::Wait(until) = board.next(now, now) else { panic!("a pause") };
    assert!(matches!(board.next(until, now), Step::Do(Deed::Ask { .. })));
}

#[test]
fn groups_get_no_drafts() {
    let now = Instant::now();
    let mut board = Board::new(ThreadId::telegram(-7, None), now);
    apply(&mut board, text("Hello"), now);
    assert_eq!(board.next(now, now), Step::Rest);
}

#[test]
fn no_draft_outlives_its_turn() {
    let (mut board, now) = board();
    apply(&mut board, text("Hello"), now);
    assert!(matches!(board.next(now, now), Step::Do(Deed::Draft { .. })));
    apply(&mut board, text(" world"), now);
    apply(&mut board, Show::Deliver, now);
    assert_eq!(board.next(now, now), Step::Do(Deed::Deliver));
    board.arrived(now);
    apply(&mut board, Show::TurnEnded, now);
    assert_eq!(board.next(now + TYPING, now), Step::Rest);
}

//! Questions from their first word to their last.

use super::*;

#[test]
fn a_question_is_rewritten_when_it_is_settled_and_not_shown_when_it_was_before() {
    let mut stage = Stage::private();
    stage.shows(ask("seen"));
    assert!(matches!(stage.does(), Deed::Ask(_)));
    stage.board.asked(9, stage.now);
    stage.opens(9);
    assert_eq!(stage.next(), Step::Listen);
    stage.shows(settled("seen"));
    assert!(matches!(stage.does(), Deed::Settle { message: 9, .. }));
    stage.board.settle_done();
    stage.shows(ask("never seen"));
    stage.shows(settled("never seen"));
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn a_question_that_is_settled_on_its_way_is_rewritten_when_it_has_arrived() {
    let mut stage = Stage::private();
    stage.shows(ask("a"));
    assert!(matches!(stage.does(), Deed::Ask(_)));
    stage.shows(settled("a"));
    assert_eq!(stage.board.asked(9, stage.now), None, "nothing is open that a restart could lose");
    assert!(matches!(stage.does(), Deed::Settle { message: 9, .. }));
}

#[test]
fn a_question_that_is_settled_before_it_has_its_buttons_gets_none() {
    let mut stage = Stage::private();
    stage.shows(ask("a"));
    assert!(matches!(stage.does(), Deed::Ask(_)));
    assert!(stage.board.asked(9, stage.now).is_some());
    stage.shows(settled("a"));
    assert!(matches!(stage.does(), Deed::Settle { message: 9, .. }));
    stage.board.settle_done();
    assert_eq!(stage.next(), Step::Rest);
}

#[test]
fn a_question_from_before_a_restart_is_closed() {
    let mut stage = Stage::private();
    stage.board.lost(Opened { ask: "a".to_owned(), message: 9, lost: "gone".to_owned() });
    let Deed::Settle { ask, message, piece } = stage.does() else { panic!("it is rewritten") };
    assert_eq!((ask.as_str(), message, piece.text.as_str()), ("a", 9, "gone"));
    stage.board.settle_done();
    assert_eq!(stage.next(), Step::Rest);
}

//! What was said to the gateway and has not come to its end: by this a client knows that it may ask for the next line, or leave.

use std::collections::VecDeque;

use crate::channel::local::{FromClient, ToClient};
use crate::gateway::MENU;
use crate::model::outbound::{Purpose, Show};

/// Commands that are prompts to the agent, with a turn of their own.
const PROMPTS: [&str; 1] = ["retry"];

/// One text that was said.
#[derive(Debug)]
struct Said {
    message: i64,
    /// One of the bot's own commands: it is answered by one message and has no turn.
    command: bool,
    taken: bool,
    /// It waits for the turn before it.
    queued: bool,
    /// The agent works on it.
    seen: bool,
    answered: bool,
}

/// Whether a text is one of the bot's own commands, as the gateway understands them.
pub(super) fn is_command(text: &str) -> bool {
    let word = text.split_whitespace().next().and_then(|word| word.strip_prefix('/'));
    word.is_some_and(|word| MENU.contains(&word) && !PROMPTS.contains(&word))
}

/// The tracker.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    said: VecDeque<Said>,
    /// Buttons that were pressed and not answered yet.
    presses: usize,
    /// A turn runs in the thread, ours or another terminal's.
    turn: bool,
    failed: bool,
}

impl Tracker {
    /// Nothing that was said is still to come to its end.
    pub(super) fn idle(&self) -> bool {
        self.said.is_empty() && self.presses == 0
    }

    /// A turn runs in the thread.
    pub(super) fn turn(&self) -> bool {
        self.turn
    }

    /// Something that was said came to no good end.
    pub(super) fn failed(&self) -> bool {
        self.failed
    }

    /// Something is said to the gateway.
    pub(super) fn say(&mut self, said: &FromClient) {
        let FromClient::Text { text, message } = said else { return };
        // The end of the turn is the answer to a stop.
        if self.turn && text.split_whitespace().next() == Some("/stop") {
            return;
        }
        self.said.push_back(Said {
            message: *message,
            command: is_command(text),
            taken: false,
            queued: false,
            seen: false,
            answered: false,
        });
    }

    /// A button under a message is pressed; the gateway answers each.
    pub(super) fn press(&mut self) {
        self.presses += 1;
    }

    /// Something came from the gateway.
    pub(super) fn hear(&mut self, event: &ToClient) {
        match event {
            ToClient::Taken { message } => {
                if let Some(said) = self.said.iter_mut().find(|said| !said.taken && said.message == *message) {
                    said.taken = true;
                }
            }
            ToClient::Refused { .. } if self.presses > 0 && self.said.is_empty() => self.presses -= 1,
            ToClient::Refused { .. } => self.end(|said| !said.taken && !said.seen, false),
            ToClient::Show(Show::Pressed { .. }) => self.presses = self.presses.saturating_sub(1),
            ToClient::Message { purpose, buttons, .. } => self.hear_message(*purpose, buttons.is_empty()),
            ToClient::Show(Show::Working(_)) => self.turn = true,
            ToClient::Show(Show::Seen { message }) => {
                self.turn = true;
                if let Some(said) = self.said.iter_mut().find(|said| !said.command && !said.seen && said.message == *message) {
                    said.seen = true;
                }
            }
            ToClient::Show(Show::TurnEnded) => {
                self.turn = false;
                let good = self.said.iter().any(|said| said.seen && said.answered);
                self.end(|said| said.seen, good);
            }
            ToClient::Show(_) | ToClient::Hello { .. } | ToClient::Snapshot { .. } => {}
        }
    }

    /// A message with buttons offers to try again: it is no answer.
    fn hear_message(&mut self, purpose: Purpose, good: bool) {
        match purpose {
            Purpose::Queued => {
                if let Some(said) = self.said.iter_mut().find(|said| !said.command && !said.seen && !said.queued) {
                    said.queued = true;
                }
            }
            Purpose::Answer => {
                if let Some(said) = self.said.iter_mut().find(|said| said.seen) {
                    said.answered = good;
                }
            }
            Purpose::Progress => {}
            Purpose::Notice if self.said.iter().any(|said| said.command) => self.end(|said| said.command, true),
            // For a prompt that neither waits nor is worked on, the bot's word is that it was not taken.
            Purpose::Notice => self.end(|said| !said.seen && !said.queued, false),
        }
    }

    fn end(&mut self, which: impl Fn(&Said) -> bool, good: bool) {
        if let Some(place) = self.said.iter().position(which) {
            self.said.remove(place);
            self.failed |= !good;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(tracker: &mut Tracker, text: &str, message: i64) {
        tracker.say(&FromClient::Text { text: text.to_owned(), message });
    }

    fn message(purpose: Purpose) -> ToClient {
        ToClient::Message { purpose, markdown: String::new(), buttons: Vec::new() }
    }

    fn heard(tracker: &mut Tracker, events: &[ToClient]) {
        events.iter().for_each(|event| tracker.hear(event));
    }

    const SEEN: ToClient = ToClient::Show(Show::Seen { message: 1 });
    const END: ToClient = ToClient::Show(Show::TurnEnded);

    #[test]
    fn a_prompt_ends_with_its_own_turn_and_not_with_the_one_before_it() {
        let mut tracker = Tracker::default();
        heard(&mut tracker, &[ToClient::Show(Show::Working(crate::model::outbound::Display::default()))]);
        said(&mut tracker, "hi", 1);
        heard(&mut tracker, &[ToClient::Taken { message: 1 }, message(Purpose::Queued), message(Purpose::Answer), END]);
        assert!(!tracker.idle(), "that was another's turn");
        heard(&mut tracker, &[SEEN, message(Purpose::Answer)]);
        assert!(!tracker.idle(), "the turn is not over");
        heard(&mut tracker, &[END]);
        assert!(tracker.idle() && !tracker.failed());
    }

    #[test]
    fn a_retry_ends_like_a_prompt_or_with_the_word_that_there_is_none() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "/retry", 1);
        heard(&mut tracker, &[SEEN, message(Purpose::Answer)]);
        assert!(!tracker.idle(), "the turn is not over");
        heard(&mut tracker, &[END]);
        assert!(tracker.idle() && !tracker.failed());
        said(&mut tracker, "/retry", 2);
        heard(&mut tracker, &[message(Purpose::Notice)]);
        assert!(tracker.idle() && tracker.failed());
    }

    #[test]
    fn a_turn_without_an_answer_has_failed() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "hi", 1);
        heard(&mut tracker, &[SEEN, message(Purpose::Notice), END]);
        assert!(tracker.idle() && tracker.failed());
    }

    #[test]
    fn an_incomplete_answer_has_failed() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "hi", 1);
        let buttons = vec![("Retry".to_owned(), "retry:1".to_owned())];
        let answer = ToClient::Message { purpose: Purpose::Answer, markdown: String::new(), buttons };
        heard(&mut tracker, &[SEEN, answer, END]);
        assert!(tracker.idle() && tracker.failed());
    }

    #[test]
    fn a_prompt_that_is_not_taken_up_ends_with_the_word_that_says_so() {
        for refusal in [message(Purpose::Notice), ToClient::Refused { why: String::new() }] {
            let mut tracker = Tracker::default();
            said(&mut tracker, "hi", 1);
            heard(&mut tracker, &[refusal]);
            assert!(tracker.idle() && tracker.failed());
        }
    }

    #[test]
    fn a_word_of_the_bot_in_a_turn_is_not_its_end() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "first", 1);
        heard(&mut tracker, &[SEEN]);
        said(&mut tracker, "second", 2);
        heard(&mut tracker, &[message(Purpose::Queued), message(Purpose::Notice), message(Purpose::Answer), END]);
        assert!(!tracker.idle() && !tracker.failed(), "the second one is still to come");
        said(&mut tracker, "third, and the queue is full", 3);
        heard(&mut tracker, &[message(Purpose::Notice)]);
        assert!(tracker.failed());
    }

    #[test]
    fn a_command_ends_with_its_answer() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "/status", 1);
        assert!(!tracker.idle());
        heard(&mut tracker, &[ToClient::Taken { message: 1 }, message(Purpose::Notice)]);
        assert!(tracker.idle() && !tracker.failed());
        said(&mut tracker, "/compact", 1);
        heard(&mut tracker, &[ToClient::Taken { message: 1 }, SEEN, message(Purpose::Answer), END]);
        assert!(tracker.idle(), "a command of the agent is a prompt");
    }

    #[test]
    fn a_press_ends_with_its_answer() {
        let mut tracker = Tracker::default();
        let pressed = || ToClient::Show(Show::Pressed { press: String::new(), toast: String::new() });
        tracker.press();
        heard(&mut tracker, &[message(Purpose::Notice)]);
        assert!(!tracker.idle());
        heard(&mut tracker, &[pressed()]);
        assert!(tracker.idle() && !tracker.failed());
        heard(&mut tracker, &[pressed()]);
        tracker.press();
        assert!(!tracker.idle(), "another terminal's");
        heard(&mut tracker, &[ToClient::Refused { why: String::new() }]);
        assert!(tracker.idle());
    }

    #[test]
    fn a_stop_is_answered_by_the_end_of_the_turn() {
        let mut tracker = Tracker::default();
        said(&mut tracker, "hi", 1);
        heard(&mut tracker, &[SEEN]);
        said(&mut tracker, "/stop", 2);
        heard(&mut tracker, &[message(Purpose::Answer), END, ToClient::Taken { message: 2 }]);
        assert!(tracker.idle());
        said(&mut tracker, "/stop", 3);
        assert!(!tracker.idle(), "without a turn it has an answer of its own");
    }
}

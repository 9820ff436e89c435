//! A conversation's course: what is done on what happens. It decides only; the deeds are done by its caller.

use std::collections::VecDeque;

use super::tracker::Tracker;
use crate::channel::local::{FromClient, ToClient};
use crate::model::exit;
use crate::model::outbound::{AskView, Show};

/// Exit code of a turn that the person broke off: 128 + SIGINT, as shells have it.
const BROKEN_OFF: u8 = 130;

/// Something that happened.
#[derive(Debug)]
pub(super) enum Happening {
    /// The gateway said something.
    Heard(ToClient),
    /// The gateway closed the connection; why, where that is known.
    Gone(String),
    /// The person wrote a line or several.
    Line(String),
    /// The person answered a question.
    Chosen(String),
    /// A script said something.
    Said(FromClient),
    /// A script said something that cannot be understood; why.
    Unclear(String),
    /// The person pressed Ctrl-C.
    Interrupt,
    /// Nothing comes from the person or script any more.
    EndOfInput,
}

/// Something to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    /// Say it to the gateway.
    Say(FromClient),
    /// Show an event.
    Show(ToClient),
    /// Show a word of this program.
    Word(String),
    /// Leave with this exit code.
    Leave(u8),
}

/// What the person is expected to do now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Want {
    /// Write the next line.
    Line,
    /// Choose one of so many options.
    Choice(usize),
    /// Wait, or press Ctrl-C.
    Patience,
}

/// Who answers the agent's questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    /// A person, by number.
    Person,
    /// A script, by the token of the option.
    Script,
    /// Nobody: every question is denied, and that is said.
    Nobody,
}

/// The conversation.
#[derive(Debug)]
pub(super) struct Talk {
    asked: Asked,
    /// Leave when what was said at the beginning has come to its end.
    one_turn: bool,
    tracker: Tracker,
    asks: VecDeque<AskView>,
    /// The buttons under the last message that had any.
    buttons: Vec<(String, String)>,
    next_message: i64,
    /// The person has said stop to the running turn.
    stopping: bool,
    /// Nothing more is to be said: leave when all has come to its end.
    leaving: bool,
}

impl Talk {
    /// A conversation in which nothing was said yet.
    pub(super) fn new(asked: Asked) -> Self {
        Self {
            asked,
            one_turn: false,
            tracker: Tracker::default(),
            asks: VecDeque::new(),
            buttons: Vec::new(),
            next_message: 1,
            stopping: false,
            leaving: false,
        }
    }

    /// Decides what is done on an event from before anything was said.
    pub(super) fn before(&mut self, event: ToClient) -> Vec<Deed> {
        self.on_heard(event)
    }

    /// Says `text`, and makes this a conversation of one turn, which ends when that has come to its end.
    pub(super) fn say_only(&mut self, text: String) -> Deed {
        self.one_turn = true;
        self.say_text(text)
    }

    /// What the person is expected to do now.
    pub(super) fn wants(&self) -> Want {
        match self.asks.front() {
            Some(ask) => Want::Choice(ask.options.len()),
            None if self.one_turn || !self.tracker.idle() || self.tracker.turn() => Want::Patience,
            None => Want::Line,
        }
    }

    /// Decides what is done on `happening`.
    pub(super) fn on(&mut self, happening: Happening) -> Vec<Deed> {
        let mut deeds = match happening {
            Happening::Heard(event) => self.on_heard(event),
            Happening::Gone(why) => vec![Deed::Word(why), Deed::Leave(exit::FAILURE)],
            Happening::Line(line) => self.on_line(line.trim()),
            Happening::Chosen(choice) => self.on_choice(choice.trim()),
            Happening::Unclear(why) => vec![Deed::Show(ToClient::Refused { why })],
            Happening::Said(said) => {
                self.tracker.say(&said);
                vec![Deed::Say(said)]
            }
            Happening::Interrupt => self.on_interrupt(),
            Happening::EndOfInput => self.on_end_of_input(),
        };
        let leaves = deeds.iter().any(|deed| matches!(deed, Deed::Leave(_)));
        if (self.one_turn || self.leaving) && self.tracker.idle() && !leaves {
            deeds.push(Deed::Leave(self.exit_code()));
        }
        deeds
    }

    fn exit_code(&self) -> u8 {
        match self.one_turn {
            true if self.stopping => BROKEN_OFF,
            true if self.tracker.failed() => exit::FAILURE,
            _ => 0,
        }
    }

    fn on_heard(&mut self, event: ToClient) -> Vec<Deed> {
        self.tracker.hear(&event);
        let mut deeds = Vec::new();
        match &event {
            ToClient::Show(Show::Ask(view)) => deeds = self.on_ask(view),
            ToClient::Show(Show::Settled { ask, .. }) => self.asks.retain(|open| open.ask != *ask),
            ToClient::Show(Show::TurnEnded) => {
                self.asks.clear();
                // In one turn it is remembered for the exit code.
                self.stopping &= self.one_turn;
            }
            ToClient::Message { buttons, .. } if !buttons.is_empty() => self.buttons.clone_from(buttons),
            _ => {}
        }
        deeds.insert(0, Deed::Show(event));
        deeds
    }

    fn on_ask(&mut self, view: &AskView) -> Vec<Deed> {
        match self.asked {
            Asked::Person | Asked::Script => {
                self.asks.push_back(view.clone());
                Vec::new()
            }
            Asked::Nobody => {
                vec![Deed::Word(format!("Denied, since there is nobody to ask: {}", view.title)), self.deny(view)]
            }
        }
    }

    /// The agent's own "reject"; where it has none, its turn is stopped.
    fn deny(&mut self, view: &AskView) -> Deed {
        let rejects = ["reject_once", "reject_always"];
        match rejects.iter().find_map(|kind| view.options.iter().position(|option| option.kind == *kind)) {
            Some(index) => choose(view, index),
            None => self.say_text("/stop".to_owned()),
        }
    }

    fn on_choice(&mut self, choice: &str) -> Vec<Deed> {
        if choice.starts_with('/') {
            return self.on_line(choice);
        }
        // It was settled in the moment of the answer, and that was shown.
        let Some(options) = self.asks.front().map(|ask| ask.options.len()) else { return Vec::new() };
        match choice.parse::<usize>() {
            Ok(number) if (1..=options).contains(&number) => self.asks.pop_front().iter().map(|ask| choose(ask, number - 1)).collect(),
            _ => vec![Deed::Word(format!("Type a number from 1 to {options}."))],
        }
    }

    fn on_line(&mut self, text: &str) -> Vec<Deed> {
        match text {
            "" => Vec::new(),
            "/quit" | "/exit" => vec![Deed::Leave(0)],
            text => match self.button(text) {
                Some(token) => {
                    self.tracker.press();
                    vec![Deed::Say(FromClient::Button { token })]
                }
                None => vec![self.say_text(text.to_owned())],
            },
        }
    }

    /// The token of the button that `/1` stands for.
    fn button(&self, text: &str) -> Option<String> {
        let number: usize = text.strip_prefix('/')?.parse().ok()?;
        self.buttons.get(number.checked_sub(1)?).map(|(_, token)| token.clone())
    }

    fn on_interrupt(&mut self) -> Vec<Deed> {
        let working = self.tracker.turn() || !self.tracker.idle();
        if !working || self.stopping {
            return vec![Deed::Leave(if working { BROKEN_OFF } else { 0 })];
        }
        self.stopping = true;
        vec![Deed::Word("Stopping… (Ctrl-C again leaves at once)".to_owned()), self.say_text("/stop".to_owned())]
    }

    fn on_end_of_input(&mut self) -> Vec<Deed> {
        self.leaving = true;
        self.asked = Asked::Nobody;
        let open: Vec<AskView> = self.asks.drain(..).collect();
        open.iter().flat_map(|view| self.on_ask(view)).collect()
    }

    fn say_text(&mut self, text: String) -> Deed {
        let said = FromClient::Text { text, message: self.next_message };
        self.next_message += 1;
        self.tracker.say(&said);
        Deed::Say(said)
    }
}

fn choose(view: &AskView, index: usize) -> Deed {
    Deed::Say(FromClient::Button { token: format!("{}:{index}", view.ask) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use crate::model::outbound::{AskOption, Purpose};
    use crate::model::permission::ToolKind;

    fn ask(kinds: &[&str]) -> AskView {
        let options = kinds.iter().map(|kind| AskOption { label: (*kind).to_owned(), kind: (*kind).to_owned() }).collect();
        let (ask, title) = ("token".to_owned(), "Run ls".to_owned());
        AskView {
            ask,
            user: UserId::local(0),
            title,
            detail: String::new(),
            kind: ToolKind::Execute,
            options,
            language: Default::default(),
            silent: false,
        }
    }

    fn text(text: &str, message: i64) -> Deed {
        Deed::Say(FromClient::Text { text: text.to_owned(), message })
    }

    fn button(token: &str) -> Deed {
        Deed::Say(FromClient::Button { token: token.to_owned() })
    }

    fn line(talk: &mut Talk, line: &str) -> Vec<Deed> {
        talk.on(Happening::Line(line.to_owned()))
    }

    fn show(talk: &mut Talk, show: Show) -> Vec<Deed> {
        let mut deeds = talk.on(Happening::Heard(ToClient::Show(show)));
        assert!(matches!(deeds.remove(0), Deed::Show(_)), "everything that is heard is shown first");
        deeds
    }

    fn message(talk: &mut Talk, purpose: Purpose, buttons: &[(&str, &str)]) -> Vec<Deed> {
        let buttons = buttons.iter().map(|(label, token)| ((*label).to_owned(), (*token).to_owned())).collect();
        let mut deeds = talk.on(Happening::Heard(ToClient::Message { purpose, markdown: String::new(), buttons }));
        deeds.remove(0);
        deeds
    }

    /// A person's conversation with a running turn of theirs.
    fn in_turn() -> Talk {
        let mut talk = Talk::new(Asked::Person);
        line(&mut talk, "hi");
        show(&mut talk, Show::Seen { message: 1 });
        talk
    }

    #[test]
    fn a_line_is_said_and_the_next_is_wanted_after_the_turn() {
        let mut talk = Talk::new(Asked::Person);
        assert_eq!(talk.wants(), Want::Line);
        assert_eq!(line(&mut talk, "  hi\nthere "), [text("hi\nthere", 1)]);
        assert_eq!(talk.wants(), Want::Patience);
        show(&mut talk, Show::Seen { message: 1 });
        message(&mut talk, Purpose::Answer, &[]);
        assert_eq!(talk.wants(), Want::Patience);
        assert_eq!(show(&mut talk, Show::TurnEnded), []);
        assert_eq!(talk.wants(), Want::Line);
        assert_eq!(line(&mut talk, " "), []);
    }

    #[test]
    fn a_choice_is_a_number_of_the_agent_s_options() {
        let mut talk = in_turn();
        show(&mut talk, Show::Ask(ask(&["allow_once", "reject_once"])));
        assert_eq!(talk.wants(), Want::Choice(2));
        for wrong in ["0", "3", "", "yes", "-1", "99999999999999999999"] {
            assert_eq!(talk.on(Happening::Chosen(wrong.to_owned())), [Deed::Word("Type a number from 1 to 2.".to_owned())], "{wrong}");
        }
        assert_eq!(talk.on(Happening::Chosen(" 2 ".to_owned())), [button("token:1")]);
        assert_eq!(talk.wants(), Want::Patience);
    }

    #[test]
    fn an_answer_that_comes_too_late_is_no_prompt() {
        let mut talk = in_turn();
        show(&mut talk, Show::Ask(ask(&["allow_once"])));
        show(&mut talk, Show::Settled { ask: "token".to_owned(), by: None, choice: String::new(), at: 0 });
        assert_eq!(talk.wants(), Want::Patience);
        assert_eq!(talk.on(Happening::Chosen("1".to_owned())), []);
    }

    #[test]
    fn ctrl_c_stops_a_turn_then_leaves_and_leaves_at_the_prompt() {
        let mut talk = in_turn();
        assert_eq!(talk.on(Happening::Interrupt)[1], text("/stop", 2));
        assert_eq!(talk.on(Happening::Interrupt), [Deed::Leave(BROKEN_OFF)]);
        show(&mut talk, Show::TurnEnded);
        assert_eq!(talk.wants(), Want::Line);
        assert_eq!(talk.on(Happening::Interrupt), [Deed::Leave(0)]);
    }

    #[test]
    fn the_buttons_of_the_last_message_have_numbers() {
        let mut talk = Talk::new(Asked::Person);
        message(&mut talk, Purpose::Notice, &[("Try again", "retry:7"), ("New conversation", "anew:7")]);
        assert_eq!(line(&mut talk, "/2"), [button("anew:7")]);
        assert_eq!(line(&mut talk, "/3"), [text("/3", 1)], "what is no button of ours may be the agent's command");
    }

    #[test]
    fn one_turn_ends_with_its_end_and_tells_how_it_went() {
        for (answered, code) in [(true, 0), (false, exit::FAILURE)] {
            let mut talk = Talk::new(Asked::Nobody);
            assert_eq!(talk.say_only("hi".to_owned()), text("hi", 1));
            assert_eq!(talk.wants(), Want::Patience);
            show(&mut talk, Show::Seen { message: 1 });
            if answered {
                assert_eq!(message(&mut talk, Purpose::Answer, &[]), []);
            }
            assert_eq!(show(&mut talk, Show::TurnEnded), [Deed::Leave(code)]);
        }
    }

    #[test]
    fn a_turn_that_was_broken_off_says_so_by_its_code() {
        let mut talk = Talk::new(Asked::Person);
        talk.say_only("hi".to_owned());
        show(&mut talk, Show::Seen { message: 1 });
        talk.on(Happening::Interrupt);
        assert_eq!(message(&mut talk, Purpose::Answer, &[]), []);
        assert_eq!(show(&mut talk, Show::TurnEnded), [Deed::Leave(BROKEN_OFF)]);
    }

    #[test]
    fn with_nobody_to_ask_every_question_is_denied_and_that_is_said() {
        let mut talk = Talk::new(Asked::Nobody);
        talk.say_only("hi".to_owned());
        show(&mut talk, Show::Seen { message: 1 });
        let deeds = show(&mut talk, Show::Ask(ask(&["allow_once", "allow_always", "reject_once"])));
        assert!(matches!(&deeds[0], Deed::Word(why) if why.contains("Run ls")));
        assert_eq!(deeds[1], button("token:2"));
        let deeds = show(&mut talk, Show::Ask(ask(&["allow_once"])));
        assert_eq!(deeds[1], text("/stop", 2), "never an option that allows");
    }

    #[test]
    fn a_script_s_end_waits_for_what_it_said_and_denies_what_is_asked() {
        let mut talk = Talk::new(Asked::Script);
        let said = FromClient::Text { text: "hi".to_owned(), message: 0 };
        assert_eq!(talk.on(Happening::Said(said.clone())), [Deed::Say(said)]);
        show(&mut talk, Show::Seen { message: 0 });
        assert_eq!(show(&mut talk, Show::Ask(ask(&["reject_once"]))), [], "the script answers itself");
        assert_eq!(talk.on(Happening::EndOfInput).last(), Some(&button("token:0")), "until it has nothing more to say");
        assert_eq!(show(&mut talk, Show::TurnEnded), [Deed::Leave(0)]);
    }

    #[test]
    fn the_end_of_an_idle_conversation_is_its_end() {
        let mut talk = Talk::new(Asked::Person);
        assert_eq!(talk.on(Happening::EndOfInput), [Deed::Leave(0)]);
        assert_eq!(line(&mut talk, "/quit"), [Deed::Leave(0)]);
    }
}

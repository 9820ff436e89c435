//! What a person sees. Everything that an agent wrote is cleaned before it is written ([`crate::subcommands::text`]).

use std::io::{self, Write};

use crate::channel::local::ToClient;
use crate::model::outbound::{AskView, Display, PlanStep, Purpose, Show, ToolView};
use crate::subcommands::text::{clean, clean_line};

/// How things look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// The agent's text is shown while it comes, and what it thinks and does with it; else its answer alone.
    pub(super) live: bool,
    /// What is beside the answer is dim.
    pub(super) colour: bool,
}

/// What the line under the cursor belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum At {
    /// A line begins.
    Begin,
    /// The agent's text.
    Text,
    /// What the agent thinks.
    Thought,
    /// The trace of the tool call of that id.
    Tool(String),
    /// The answer that the person types.
    Choice,
}

/// The screen. `out` takes the answer, `aside` all else; on a terminal both are the same.
pub(super) struct Screen<O, A> {
    out: O,
    aside: A,
    look: Look,
    at: At,
    /// The agent's text of this turn, as it came.
    streamed: String,
    /// What the person wants to see of this turn.
    display: Display,
    /// The plan of this turn as it was shown last.
    plan: Vec<PlanStep>,
}

impl<O: Write, A: Write> Screen<O, A> {
    /// A screen on which nothing stands yet.
    pub(super) fn new(out: O, aside: A, look: Look) -> Self {
        Self { out, aside, look, at: At::Begin, streamed: String::new(), display: Display::default(), plan: Vec::new() }
    }

    /// Shows an event.
    ///
    /// # Errors
    /// The terminal or pipe is gone.
    pub(super) fn show(&mut self, event: &ToClient) -> io::Result<()> {
        match event {
            ToClient::Message { purpose: Purpose::Answer | Purpose::Progress, markdown, buttons } => {
                self.answer(markdown)?;
                self.buttons(buttons)
            }
            ToClient::Message { purpose: Purpose::Notice | Purpose::Queued, markdown, buttons } => {
                self.word(&clean(markdown))?;
                self.buttons(buttons)
            }
            ToClient::Refused { why } => self.word(&clean_line(why)),
            ToClient::Show(show) => self.show_work(show),
            ToClient::Hello { .. } | ToClient::Snapshot { .. } | ToClient::Taken { .. } => Ok(()),
        }
    }

    /// A word of this program or of the bot, in lines of its own.
    ///
    /// # Errors
    /// The terminal or pipe is gone.
    pub(super) fn word(&mut self, text: &str) -> io::Result<()> {
        self.begin_line()?;
        self.aside(&format!("{text}\n"))
    }

    /// The person types next: in a line of their own.
    ///
    /// # Errors
    /// The terminal or pipe is gone.
    pub(super) fn pause(&mut self) -> io::Result<()> {
        self.begin_line()
    }

    /// The person chooses next. Whoever listens to their keys asks them to, in a line of its own.
    ///
    /// # Errors
    /// The terminal or pipe is gone.
    pub(super) fn choose(&mut self) -> io::Result<()> {
        self.begin_line()?;
        self.at = At::Choice;
        Ok(())
    }

    /// The person has pressed Enter.
    pub(super) fn entered(&mut self) {
        self.at = At::Begin;
    }

    fn show_work(&mut self, show: &Show) -> io::Result<()> {
        match show {
            Show::Text { text } => self.text(text),
            Show::Working(display) => {
                self.display = *display;
                Ok(())
            }
            Show::Thought { text } if self.look.live && self.display.thoughts => {
                if self.at != At::Thought {
                    self.begin_line()?;
                    self.at = At::Thought;
                }
                self.aside(&clean(text))
            }
            Show::Tool(tool) if self.look.live && !self.display.quiet => self.tool(tool),
            Show::Plan { steps } if self.look.live && !self.display.quiet => self.plan(steps),
            Show::Ask(view) => self.ask(view),
            Show::Settled { by, choice, .. } => {
                let who = if by.is_some() { "" } else { " (nobody chose)" };
                self.word(&format!("  → {}{who}", clean_line(choice)))
            }
            Show::TurnEnded => {
                self.streamed.clear();
                self.plan.clear();
                self.begin_line()
            }
            // The choice is shown when the question is settled, so a toast would say it twice.
            _ => Ok(()),
        }
    }

    fn text(&mut self, text: &str) -> io::Result<()> {
        if !self.look.live {
            return Ok(());
        }
        // As in the whole answer, which does not begin with blanks.
        let text = if self.streamed.is_empty() { text.trim_start() } else { text };
        if text.is_empty() {
            return Ok(());
        }
        self.streamed.push_str(text);
        let mut text = clean(text);
        if self.at != At::Text {
            self.begin_line()?;
            self.at = At::Text;
            // In a line of its own, a new paragraph needs no break.
            text = text.trim_start_matches('\n').to_owned();
        }
        self.out.write_all(text.as_bytes())?;
        self.out.flush()
    }

    /// The whole answer: of what was shown already only the rest.
    fn answer(&mut self, markdown: &str) -> io::Result<()> {
        let streamed = std::mem::take(&mut self.streamed);
        let rest = match markdown.strip_prefix(streamed.trim_end()) {
            Some(rest) if !streamed.is_empty() => rest,
            _ => {
                self.begin_line()?;
                markdown
            }
        };
        if rest.is_empty() && self.at == At::Begin {
            return Ok(());
        }
        // A rest that stands in a line of its own needs no break before it.
        let rest = if self.at == At::Text { rest } else { rest.trim_start_matches('\n') };
        self.at = At::Begin;
        writeln!(self.out, "{}", clean(rest.trim_end()))?;
        self.out.flush()
    }

    fn tool(&mut self, tool: &ToolView) -> io::Result<()> {
        let end = match tool.status.as_str() {
            "completed" => " done\n",
            "failed" => " failed\n",
            _ => "",
        };
        let here = self.at == At::Tool(tool.id.clone());
        if !here {
            self.begin_line()?;
            self.aside(&format!("⚙ {} …", clean_line(&tool.title)))?;
        }
        self.at = if end.is_empty() { At::Tool(tool.id.clone()) } else { At::Begin };
        self.aside(end)
    }

    /// A new plan as a whole, of a known one what changed in it: a terminal rewrites nothing.
    fn plan(&mut self, steps: &[PlanStep]) -> io::Result<()> {
        let known = std::mem::replace(&mut self.plan, steps.to_vec());
        for step in steps.iter().filter(|step| !known.contains(step)) {
            let sign = match step.status.as_str() {
                "completed" => "☑",
                "in_progress" => "▶",
                _ => "☐",
            };
            self.word(&format!("{sign} {}", clean_line(&step.text)))?;
        }
        Ok(())
    }

    fn ask(&mut self, view: &AskView) -> io::Result<()> {
        self.begin_line()?;
        // What is to be allowed is never dim.
        let mut text = format!("? The agent asks to {}: {}\n", view.kind, clean_line(&view.title));
        for line in clean(&view.detail).lines() {
            text.push_str(&format!("    {line}\n"));
        }
        for (number, option) in (1..).zip(&view.options) {
            text.push_str(&format!("  {number}) {}\n", clean_line(&option.label)));
        }
        self.aside.write_all(text.as_bytes())?;
        self.aside.flush()
    }

    fn buttons(&mut self, buttons: &[(String, String)]) -> io::Result<()> {
        for (number, (label, _)) in (1..).zip(buttons) {
            self.word(&format!("  /{number} {}", clean_line(label)))?;
        }
        Ok(())
    }

    fn begin_line(&mut self) -> io::Result<()> {
        match std::mem::replace(&mut self.at, At::Begin) {
            At::Begin => Ok(()),
            At::Text if self.streamed.ends_with('\n') => Ok(()),
            At::Text => self.out.write_all(b"\n").and_then(|()| self.out.flush()),
            At::Thought | At::Tool(_) | At::Choice => self.aside("\n"),
        }
    }

    /// Writes cleaned text beside the answer.
    fn aside(&mut self, text: &str) -> io::Result<()> {
        let (dim, plain) = if self.look.colour && !text.trim().is_empty() { ("\x1b[2m", "\x1b[0m") } else { ("", "") };
        let body = text.trim_end_matches('\n');
        write!(self.aside, "{dim}{body}{plain}{}", &text[body.len()..])?;
        self.aside.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;
    use crate::model::outbound::AskOption;
    use crate::model::permission::ToolKind;

    fn shown(look: Look, events: &[ToClient]) -> (String, String) {
        let (mut out, mut aside) = (Vec::new(), Vec::new());
        let mut screen = Screen::new(&mut out, &mut aside, look);
        events.iter().for_each(|event| screen.show(event).unwrap());
        (String::from_utf8(out).unwrap(), String::from_utf8(aside).unwrap())
    }

    /// As on a terminal, where both are the same.
    fn live(events: &[ToClient]) -> String {
        #[derive(Clone, Default)]
        struct Both(std::rc::Rc<std::cell::RefCell<Vec<u8>>>);
        impl Write for Both {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.borrow_mut().write(bytes)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let both = Both::default();
        let mut screen = Screen::new(both.clone(), both.clone(), Look { live: true, colour: false });
        events.iter().for_each(|event| screen.show(event).unwrap());
        let bytes = both.0.borrow().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn text(text: &str) -> ToClient {
        ToClient::Show(Show::Text { text: text.to_owned() })
    }

    fn answer(markdown: &str) -> ToClient {
        ToClient::Message { purpose: Purpose::Answer, markdown: markdown.to_owned(), buttons: Vec::new() }
    }

    fn tool(id: &str, status: &str) -> ToClient {
        let (title, status, detail) = (format!("call {id}"), status.to_owned(), String::new());
        let view = ToolView { id: id.to_owned(), title, kind: ToolKind::Read, status, detail };
        ToClient::Show(Show::Tool(view))
    }

    const END: ToClient = ToClient::Show(Show::TurnEnded);

    #[test]
    fn an_answer_that_was_streamed_is_not_shown_again() {
        assert_eq!(live(&[text("Hel"), text("lo."), answer("Hello."), END]), "Hello.\n");
        assert_eq!(live(&[text("\n\nHello. "), answer("Hello.\n\n⏹ Stopped."), END]), "Hello. \n\n⏹ Stopped.\n");
    }

    #[test]
    fn an_answer_that_was_not_streamed_is_shown_whole() {
        assert_eq!(live(&[answer("Hello."), END, text("x"), answer("y"), END]), "Hello.\nx\ny\n");
    }

    #[test]
    fn tools_stand_in_lines_of_their_own() {
        let events = [
            text("Look:"),
            tool("1", "pending"),
            tool("1", "in_progress"),
            tool("1", "completed"),
            tool("2", "pending"),
            tool("3", "failed"),
            text("\n\nSo."),
        ];
        assert_eq!(live(&events), "Look:\n⚙ call 1 … done\n⚙ call 2 …\n⚙ call 3 … failed\nSo.");
    }

    #[test]
    fn what_a_person_does_not_want_to_see_is_not_shown() {
        let plan = |status: &str| {
            let step = |text: &str, status: &str| PlanStep { text: text.to_owned(), status: status.to_owned() };
            ToClient::Show(Show::Plan { steps: vec![step("chop", status), step("boil", "pending")] })
        };
        let thought = || ToClient::Show(Show::Thought { text: "carrots".to_owned() });
        let turn = |quiet, thoughts| {
            let display = Display { quiet, thoughts, ..Display::default() };
            let working = ToClient::Show(Show::Working(display));
            live(&[working, thought(), tool("1", "completed"), plan("pending"), plan("completed"), answer("Soup."), END])
        };
        assert_eq!(turn(true, false), "Soup.\n");
        assert_eq!(turn(false, false), "⚙ call 1 … done\n☐ chop\n☐ boil\n☑ chop\nSoup.\n");
        assert_eq!(turn(true, true), "carrots\nSoup.\n");
    }

    #[test]
    fn a_pipe_gets_the_answer_alone() {
        let (out, aside) = shown(Look { live: false, colour: false }, &[text("Hel"), tool("1", "completed"), answer("Hello."), END]);
        assert_eq!(out, "Hello.\n");
        assert_eq!(aside, "");
    }

    #[test]
    fn a_question_shows_its_command_in_full_and_numbers_the_agent_s_options() {
        let view = AskView {
            ask: "t".to_owned(),
            user: UserId::local(0),
            title: "Run\nit".to_owned(),
            detail: "rm -rf x\n\x1b[8mhidden".to_owned(),
            kind: ToolKind::Execute,
            options: ["Allow once", "Deny"].map(|label| AskOption { label: label.to_owned(), kind: String::new() }).to_vec(),
            language: Default::default(),
            silent: false,
        };
        let shown = live(&[ToClient::Show(Show::Ask(view))]);
        assert_eq!(shown, "? The agent asks to execute: Run it\n    rm -rf x\n    ␛[8mhidden\n  1) Allow once\n  2) Deny\n");
    }

    #[test]
    fn no_escape_sequence_of_an_agent_reaches_the_terminal() {
        let evil = "\x1b]52;c;ZXZpbA==\x07";
        let [id, title, status, detail] = [evil; 4].map(str::to_owned);
        let mut view = ToolView { id, title, kind: ToolKind::Read, status, detail };
        let mut events =
            vec![text(evil), answer(evil), ToClient::Refused { why: evil.to_owned() }, ToClient::Show(Show::Tool(view.clone()))];
        view.status = "completed".to_owned();
        events.push(ToClient::Show(Show::Tool(view)));
        events.push(ToClient::Show(Show::Working(Display { thoughts: true, ..Display::default() })));
        events.push(ToClient::Show(Show::Thought { text: evil.to_owned() }));
        events.push(ToClient::Show(Show::Plan { steps: vec![PlanStep { text: evil.to_owned(), status: evil.to_owned() }] }));
        events.push(ToClient::Show(Show::Settled { ask: String::new(), by: None, choice: evil.to_owned(), at: 0 }));
        events.push(ToClient::Message {
            purpose: Purpose::Notice,
            markdown: evil.to_owned(),
            buttons: vec![(evil.to_owned(), String::new())],
        });
        assert!(!live(&events).contains(['\x1b', '\x07']));
    }
}

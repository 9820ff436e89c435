//! The conversation's two faces: a terminal (or plain pipe) for a person, and lines of JSON for a script.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;

use super::input::{Person, Pipe, Restore, read_script};
use super::screen::{Look, Screen};
use super::talk::{Happening, Want};
use super::terminal::Terminal;
use super::tracker::is_command;
use crate::channel::local::ToClient;

/// What is shown and heard, and how.
pub(super) enum Face {
    /// Events as they are, one a line.
    Script,
    /// For a person.
    Plain { screen: Box<Screen<Box<dyn Write>, Box<dyn Write>>>, input: Input },
}

/// Where a person's words come from.
pub(super) enum Input {
    /// A terminal.
    Person { person: Person, terminal: Terminal, _restore: Restore },
    /// Lines.
    Pipe(Pipe),
    /// All was said on the command line.
    Nothing,
}

impl Face {
    /// A script's face. It may speak, unless standard input is a terminal.
    ///
    /// # Errors
    /// No thread can be made.
    pub(super) fn script(happenings: SyncSender<Happening>) -> io::Result<Self> {
        if io::stdin().is_terminal() {
            // An empty queue has room for it.
            let _ = happenings.try_send(Happening::EndOfInput);
        } else {
            read_script(happenings)?;
        }
        Ok(Self::Script)
    }

    /// A person's face. With `only` one thing to say, everything but the answer goes to standard error, and without a terminal nothing
    /// is read.
    ///
    /// # Errors
    /// The terminal cannot be used, or no thread can be made.
    pub(super) fn plain(happenings: SyncSender<Happening>, only: Option<&str>, history: Option<PathBuf>) -> io::Result<Self> {
        let on_terminal = is_terminal();
        let colour = on_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let look = Look { live: on_terminal || only.is_none(), colour };
        if on_terminal {
            let (person, printer, restore) = Person::open(happenings, history)?;
            let terminal = Terminal::new(Some(printer));
            let screen = Box::new(Screen::new(boxed(terminal.clone()), boxed(terminal.clone()), look));
            return Ok(Self::Plain { screen, input: Input::Person { person, terminal, _restore: restore } });
        }
        let (aside, input) = match only {
            // To a command, a word of the bot is the answer.
            Some(text) if is_command(text) => (boxed(io::stdout()), Input::Nothing),
            Some(_) => (boxed(io::stderr()), Input::Nothing),
            None => (boxed(io::stdout()), Input::Pipe(Pipe::open(happenings)?)),
        };
        Ok(Self::Plain { screen: Box::new(Screen::new(boxed(io::stdout()), aside, look)), input })
    }

    /// Shows an event.
    ///
    /// # Errors
    /// Nobody sees it any more.
    pub(super) fn show(&mut self, event: &ToClient) -> io::Result<()> {
        match self {
            Self::Script => {
                let mut line = serde_json::to_vec(event)?;
                line.push(b'\n');
                let mut out = io::stdout();
                out.write_all(&line).and_then(|()| out.flush())
            }
            Self::Plain { screen, .. } => screen.show(event),
        }
    }

    /// Shows a word of this program.
    ///
    /// # Errors
    /// Nobody sees it any more.
    pub(super) fn word(&mut self, text: &str) -> io::Result<()> {
        match self {
            Self::Script => writeln!(io::stderr(), "{text}"),
            Self::Plain { screen, .. } => screen.word(text),
        }
    }

    /// What the person is expected to do now.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn want(&mut self, want: Want) -> io::Result<()> {
        match self {
            Self::Plain { input: Input::Pipe(pipe), .. } => pipe.want(want),
            Self::Plain { screen, input: Input::Person { person, terminal, .. } } => {
                if person.is_news(want) {
                    match want {
                        Want::Line => screen.pause()?,
                        Want::Choice(_) => screen.choose()?,
                        Want::Patience => {}
                    }
                    terminal.set_editing(want == Want::Line)?;
                    person.want(want);
                }
            }
            Self::Script | Self::Plain { .. } => {}
        }
        Ok(())
    }

    /// Something happened.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn heard(&mut self, happening: &Happening) -> io::Result<()> {
        match self {
            Self::Plain { input: Input::Pipe(pipe), .. } => pipe.heard(happening),
            Self::Plain { screen, input: Input::Person { person, terminal, .. } } => {
                if matches!(happening, Happening::Chosen(_)) {
                    screen.entered();
                }
                person.heard(happening);
                terminal.set_editing(person.editing())?;
            }
            Self::Script | Self::Plain { .. } => {}
        }
        Ok(())
    }

    /// The conversation is over.
    ///
    /// # Errors
    /// The terminal is gone.
    pub(super) fn leave(&mut self) -> io::Result<()> {
        match self {
            Self::Plain { screen, input: Input::Person { person, terminal, .. } } => {
                let editing = person.editing();
                terminal.set_editing(false)?;
                // The editor's thread cannot any more: bracketed paste off, and down from its line.
                if editing { terminal.write_all(b"\x1b[?2004l\n").and_then(|()| terminal.flush()) } else { screen.pause() }
            }
            Self::Script | Self::Plain { .. } => Ok(()),
        }
    }
}

/// Whether a person sits there.
pub(super) fn is_terminal() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

fn boxed(write: impl Write + 'static) -> Box<dyn Write> {
    Box::new(write)
}

//! A person at a terminal: a line editor while a line is wanted, bare keys while the agent works.

use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use rustyline::Editor;
use rustyline::config::{BellStyle, Builder};
use rustyline::error::ReadlineError;
use rustyline::history::{FileHistory, History};

use super::keys::{Decoder, Key};
use crate::subcommands::chat::talk::{Happening, Want};
use crate::subcommands::chat::terminal::Printer;

/// What stands before the line that is edited.
const PROMPT: &str = "> ";

/// Lines that the history keeps.
const HISTORY: usize = 1000;

/// Type-ahead that is kept, in bytes.
const TYPED: usize = 4096;

/// The person, as the rest of the program deals with them.
#[derive(Debug)]
pub(in crate::subcommands::chat) struct Person {
    wants: Sender<Want>,
    /// Tells the thread that what is wanted has changed.
    changed: OwnedFd,
    /// What the thread was told last, unless it is done with it.
    told: Option<Want>,
}

/// Puts the terminal's modes back when it goes: a thread in the middle of a line cannot do it when the process ends.
#[derive(Debug)]
pub(in crate::subcommands::chat) struct Restore(Termios);

impl Drop for Restore {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Drain, &self.0);
    }
}

impl Person {
    /// Begins to listen. Gives also the way to write above an edited line, and what restores the terminal.
    ///
    /// # Errors
    /// Standard input is no terminal that can be used, or no thread can be made.
    pub(in crate::subcommands::chat) fn open(
        happenings: SyncSender<Happening>,
        history: Option<PathBuf>,
    ) -> io::Result<(Self, Printer, Restore)> {
        let restore = Restore(tcgetattr(io::stdin())?);
        let config = Builder::new().max_history_size(HISTORY).map_err(io::Error::other)?.bell_style(BellStyle::None).build();
        let mut editor = Editor::<(), FileHistory>::with_config(config).map_err(io::Error::other)?;
        if let Some(history) = &history {
            // There is none the first time.
            let _ = editor.load_history(history);
        }
        let printer = editor.create_external_printer().map_err(io::Error::other)?;
        let changed = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let (wants, wanted) = channel();
        let decoder = Decoder::default();
        let typist = Typist { editor, history, happenings, wanted, changed: changed.try_clone()?, decoder, typed: String::new() };
        thread::Builder::new().name("input".to_owned()).spawn(move || typist.run())?;
        Ok((Self { wants, changed, told: None }, Box::new(printer), restore))
    }

    /// Whether the person is to be told of `want`. A line that is being edited is not taken from under their hands.
    pub(in crate::subcommands::chat) fn is_news(&self, want: Want) -> bool {
        self.told != Some(want) && !self.editing()
    }

    /// What is wanted from now on.
    pub(in crate::subcommands::chat) fn want(&mut self, want: Want) {
        // The thread ends only with the process.
        let _ = self.wants.send(want);
        let _ = rustix::io::write(&self.changed, &1_u64.to_ne_bytes());
        self.told = Some(want);
    }

    /// Something happened.
    pub(in crate::subcommands::chat) fn heard(&mut self, happening: &Happening) {
        let done = match happening {
            Happening::Line(_) | Happening::Chosen(_) | Happening::EndOfInput => true,
            Happening::Interrupt => self.editing(),
            _ => false,
        };
        if done {
            self.told = None;
        }
    }

    /// A line is being edited.
    pub(in crate::subcommands::chat) fn editing(&self) -> bool {
        self.told == Some(Want::Line)
    }
}

/// The thread that reads the terminal.
struct Typist {
    editor: Editor<(), FileHistory>,
    history: Option<PathBuf>,
    happenings: SyncSender<Happening>,
    wanted: Receiver<Want>,
    changed: OwnedFd,
    decoder: Decoder,
    /// What was typed while nothing was asked.
    typed: String,
}

impl Typist {
    fn run(mut self) {
        let mut next = self.wanted.recv().ok();
        while let Some(want) = next {
            next = match want {
                Want::Line => self.edit(),
                Want::Choice(options) => self.watch(Some(options)),
                Want::Patience => self.watch(None),
            };
        }
    }

    /// Says what happened, and waits for what is wanted then.
    fn said(&mut self, happening: Happening) -> Option<Want> {
        self.happenings.send(happening).ok()?;
        self.wanted.recv().ok()
    }

    fn edit(&mut self) -> Option<Want> {
        let typed = std::mem::take(&mut self.typed);
        if let Some((line, rest)) = typed.split_once('\n') {
            self.typed = rest.to_owned();
            echo(&format!("{PROMPT}{line}\n"));
            return self.said(Happening::Line(line.to_owned()));
        }
        let happening = match self.editor.readline_with_initial(PROMPT, (&typed, "")) {
            Ok(line) => {
                self.remember(&line);
                Happening::Line(line)
            }
            Err(ReadlineError::Interrupted) => Happening::Interrupt,
            Err(_) => Happening::EndOfInput,
        };
        self.said(happening)
    }

    fn remember(&mut self, line: &str) {
        // A history that cannot be kept is no reason to stop.
        let new = self.editor.add_history_entry(line).unwrap_or(false);
        if let Some(history) = self.history.as_ref().filter(|_| new) {
            let _ = self.editor.history_mut().append(history);
        }
    }

    /// Listens to keys until something else is wanted. With so many `options` what is typed is shown, and Enter makes it an answer: from when
    /// it is asked for, and not before.
    fn watch(&mut self, options: Option<usize>) -> Option<Want> {
        let bare = Bare::enter();
        let answering = options.is_some();
        if let Some(options) = options {
            echo(&format!("Choose 1-{options}: "));
        }
        let mut answer = String::new();
        loop {
            match wait(self.changed.as_fd()) {
                Woken::Changed => {
                    // The number of changes does not matter, only the last want does.
                    let _ = rustix::io::read(&self.changed, &mut [0_u8; 8]);
                    if let Some(want) = self.wanted.try_iter().last() {
                        return Some(want);
                    }
                }
                Woken::Keys(bytes) => {
                    for key in bytes.into_iter().filter_map(|byte| self.decoder.feed(byte)).collect::<Vec<_>>() {
                        match key {
                            Key::Interrupt => self.happenings.send(Happening::Interrupt).ok()?,
                            Key::Enter if answering => {
                                echo("\n");
                                drop(bare);
                                return self.said(Happening::Chosen(answer));
                            }
                            key if answering => edit_answer(&mut answer, &key),
                            key => type_ahead(&mut self.typed, &key),
                        }
                    }
                }
                Woken::Gone => {
                    drop(bare);
                    return self.said(Happening::EndOfInput);
                }
            }
        }
    }
}

fn edit_answer(answer: &mut String, key: &Key) {
    match key {
        Key::Char(c) if answer.len() < TYPED => {
            answer.push(*c);
            echo(&c.to_string());
        }
        Key::Erase if answer.pop().is_some() => echo("\x08 \x08"),
        _ => {}
    }
}

fn type_ahead(typed: &mut String, key: &Key) {
    match key {
        Key::Char(c) if typed.len() < TYPED => typed.push(*c),
        Key::Enter if typed.len() < TYPED => typed.push('\n'),
        Key::Erase if !typed.ends_with('\n') => {
            typed.pop();
        }
        _ => {}
    }
}

/// Shows what the person typed, or is to type.
fn echo(text: &str) {
    let mut out = io::stdout();
    // A terminal that is gone shows nothing.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A terminal that sends every key at once, shows none, and makes no signals of them; as before when dropped.
struct Bare(Option<Termios>);

impl Bare {
    fn enter() -> Self {
        let Ok(before) = tcgetattr(io::stdin()) else { return Self(None) };
        let mut bare = before.clone();
        bare.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        // Where it does not work, keys come with Enter and Ctrl-C ends the program.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &bare);
        Self(Some(before))
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}

enum Woken {
    Changed,
    Keys(Vec<u8>),
    Gone,
}

fn wait(changed: BorrowedFd<'_>) -> Woken {
    let stdin = io::stdin();
    let mut fds = [PollFd::new(&changed, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
    loop {
        match poll(&mut fds, None) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return Woken::Gone,
            Ok(_) => {}
        }
        // What was typed before the change belongs to what was wanted then.
        if fds[1].revents().is_empty() {
            return Woken::Changed;
        }
        let mut bytes = vec![0; 256];
        return match rustix::io::read(&stdin, &mut bytes) {
            Ok(0) => Woken::Gone,
            Ok(count) => {
                bytes.truncate(count);
                Woken::Keys(bytes)
            }
            Err(rustix::io::Errno::INTR | rustix::io::Errno::AGAIN) => continue,
            Err(_) => Woken::Gone,
        };
    }
}

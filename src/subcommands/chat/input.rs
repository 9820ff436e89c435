//! Where the person's or a script's words come from. Reading blocks, so each source is a thread of its own that ends with the process.

mod keys;
mod person;

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::thread;

use super::talk::{Happening, Want};
use crate::channel::local::{CLIENT_LINE, FromClient};
use crate::model::bounds;

pub(super) use person::{Person, Restore};

/// A pipe of lines, read one at a time when one is wanted.
#[derive(Debug)]
pub(super) struct Pipe {
    wants: Sender<Want>,
    /// A line is being waited for, which nothing can call off.
    reading: bool,
}

impl Pipe {
    /// Begins to read standard input.
    ///
    /// # Errors
    /// No thread can be made.
    pub(super) fn open(happenings: SyncSender<Happening>) -> io::Result<Self> {
        let (wants, wanted) = channel();
        thread::Builder::new().name("input".to_owned()).spawn(move || read_wanted(&wanted, &happenings))?;
        Ok(Self { wants, reading: false })
    }

    /// What is wanted now.
    pub(super) fn want(&mut self, want: Want) {
        if !self.reading && want != Want::Patience {
            // When the thread is gone, the input was at its end, and that was said.
            self.reading = self.wants.send(want).is_ok();
        }
    }

    /// Something happened.
    pub(super) fn heard(&mut self, happening: &Happening) {
        if matches!(happening, Happening::Line(_) | Happening::Chosen(_) | Happening::EndOfInput) {
            self.reading = false;
        }
    }
}

fn read_wanted(wanted: &Receiver<Want>, happenings: &SyncSender<Happening>) {
    let mut lines = Lines { input: io::stdin().lock(), most: bounds::PROMPT + 1 };
    while let Ok(want) = wanted.recv() {
        let happening = match (lines.next(), want) {
            (None, _) => Happening::EndOfInput,
            (Some(line), Want::Choice(_)) => Happening::Chosen(line),
            (Some(line), _) => Happening::Line(line),
        };
        let over = matches!(happening, Happening::EndOfInput);
        if happenings.send(happening).is_err() || over {
            return;
        }
    }
}

/// Reads what a script says, as it comes.
///
/// # Errors
/// No thread can be made.
pub(super) fn read_script(happenings: SyncSender<Happening>) -> io::Result<()> {
    let read = move || {
        for line in (Lines { input: io::stdin().lock(), most: CLIENT_LINE }) {
            if !line.trim().is_empty() && happenings.send(said(&line)).is_err() {
                return;
            }
        }
        // When nobody listens any more, the process ends.
        let _ = happenings.send(Happening::EndOfInput);
    };
    thread::Builder::new().name("input".to_owned()).spawn(read).map(drop)
}

fn said(line: &str) -> Happening {
    match serde_json::from_str(line) {
        Ok(FromClient::Hello { .. }) => Happening::Unclear("The hello has been said already.".to_owned()),
        Ok(said) => Happening::Said(said),
        Err(error) => Happening::Unclear(format!("That is no request: {error}.")),
    }
}

/// Bounded lines. One that is longer comes in parts, which the gateway refuses for their length.
struct Lines<R> {
    input: R,
    most: usize,
}

impl<R: BufRead> Iterator for Lines<R> {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let most = u64::try_from(self.most).unwrap_or(u64::MAX);
        // An input that cannot be read is at its end.
        let read = Read::by_ref(&mut self.input).take(most).read_until(b'\n', &mut line).unwrap_or(0);
        (read > 0).then(|| String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_the_last_one_needs_no_end() {
        let lines: Vec<String> = Lines { input: &b"one\r\n\ntwo\nlonger line\nend"[..], most: 8 }.collect();
        assert_eq!(lines, ["one", "", "two", "longer l", "ine", "end"]);
    }

    #[test]
    fn a_script_that_is_not_understood_is_told_why() {
        assert!(matches!(said(r#"{"type":"text","text":"hi"}"#), Happening::Said(FromClient::Text { .. })));
        assert!(matches!(said("hi"), Happening::Unclear(why) if why.contains("no request")));
        assert!(matches!(said(r#"{"type":"hello","version":1,"thread":0}"#), Happening::Unclear(_)));
    }
}

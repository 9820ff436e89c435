//! The questions of a thread: on their way, open, and settled.

use std::collections::VecDeque;

use crate::channel::telegram::render::{Piece, plain};
use crate::channel::telegram::types::InlineKeyboard;
use crate::gateway::telegram::question::{Outcome, lost, options, question, settled};
use crate::model::Language;
use crate::model::outbound::AskView;

/// Questions that are open, on the way or being rewritten. A turn has at most eight; one that is not shown times out, which denies.
const QUESTIONS: usize = 32;

/// A question on its way to the person.
#[derive(Debug)]
struct Asking {
    view: AskView,
    pieces: Vec<Piece>,
    sent: usize,
    outcome: Option<Outcome>,
}

/// A question that the person sees.
#[derive(Debug)]
struct Asked {
    view: AskView,
    message: i64,
    has_buttons: bool,
}

/// The last form of a question.
#[derive(Debug)]
struct Settled {
    ask: String,
    message: i64,
    piece: Piece,
}

/// A piece of a question to be sent. It has no buttons: those come once it is remembered which message they are to be under.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::gateway::telegram) struct AskPiece {
    pub(in crate::gateway::telegram) piece: Piece,
    pub(in crate::gateway::telegram) silent: bool,
}

/// A question that is to be open, as it is remembered over a restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway::telegram) struct Opened {
    pub(in crate::gateway::telegram) ask: String,
    pub(in crate::gateway::telegram) message: i64,
    /// What its message is to say when nobody can answer it any more.
    pub(in crate::gateway::telegram) lost: String,
}

/// All questions of a thread.
#[derive(Debug, Default)]
pub(super) struct Questions {
    asking: VecDeque<Asking>,
    asked: VecDeque<Asked>,
    settled: VecDeque<Settled>,
}

impl Questions {
    /// A question is to be asked.
    pub(super) fn ask(&mut self, view: AskView) {
        let asking = Asking { pieces: question(&view), view, sent: 0, outcome: None };
        self.asking.extend((self.asking.len() < QUESTIONS).then_some(asking));
    }

    /// A question is settled; `name` tells who chose in a language.
    pub(super) fn settle(&mut self, ask: &str, choice: String, at: u64, name: impl FnOnce(Language) -> Option<String>) {
        if let Some(asking) = self.asking.iter_mut().find(|asking| asking.view.ask == ask) {
            asking.outcome = Some(Outcome { by: name(asking.view.language), choice, at });
        } else if let Some(place) = self.asked.iter().position(|asked| asked.view.ask == ask)
            && let Some(Asked { view, message, .. }) = self.asked.remove(place)
        {
            let outcome = Outcome { by: name(view.language), choice, at };
            self.rewrite(view.ask.clone(), message, settled(&view, &outcome));
        }
    }

    /// A question that was open before a restart is to say that nobody can answer it any more.
    pub(super) fn lost(&mut self, Opened { ask, message, lost }: Opened) {
        if let Some(piece) = plain(&lost).into_iter().next() {
            self.rewrite(ask, message, piece);
        }
    }

    /// The first of the queue may be on its way just now, so a full queue takes no more instead of giving up its first.
    fn rewrite(&mut self, ask: String, message: i64, piece: Piece) {
        self.settled.extend((self.settled.len() < QUESTIONS).then_some(Settled { ask, message, piece }));
    }

    /// Forgets what was settled before anybody saw it.
    pub(super) fn tidy(&mut self) {
        self.asking.retain(|asking| asking.outcome.is_none());
    }

    /// Whether there is nothing to ask, nothing to rewrite, and none open.
    pub(super) fn is_empty(&self) -> bool {
        self.asking.is_empty() && self.asked.is_empty() && self.settled.is_empty()
    }

    /// The next piece to be sent.
    pub(super) fn to_ask(&self) -> Option<AskPiece> {
        let asking = self.asking.front()?;
        let piece = asking.pieces.get(asking.sent).cloned()?;
        Some(AskPiece { piece, silent: asking.view.silent })
    }

    /// The next message to be given its buttons.
    pub(super) fn to_open(&self) -> Option<(i64, InlineKeyboard)> {
        let mut closed = self.asked.iter().filter(|asked| !asked.has_buttons);
        closed.find_map(|asked| Some((asked.message, options(&asked.view)?)))
    }

    /// A message has its buttons, or cannot have them.
    pub(super) fn opened(&mut self, message: i64) {
        self.asked.iter_mut().filter(|asked| asked.message == message).for_each(|asked| asked.has_buttons = true);
    }

    /// The next message to be rewritten, with its question.
    pub(super) fn to_settle(&self) -> Option<(String, i64, Piece)> {
        self.settled.front().map(|first| (first.ask.clone(), first.message, first.piece.clone()))
    }

    /// A piece of the first question has arrived as this message. Gives the question if it is to be open.
    pub(super) fn asked(&mut self, message: i64) -> Option<Opened> {
        let first = self.asking.front_mut()?;
        first.sent += 1;
        let last = first.pieces.get(first.sent - 1).map(|piece| piece.text.clone()).unwrap_or_default();
        if first.sent < first.pieces.len() {
            return None;
        }
        let Asking { view, outcome, .. } = self.asking.pop_front()?;
        if let Some(outcome) = outcome {
            self.rewrite(view.ask.clone(), message, settled(&view, &outcome));
            return None;
        }
        let opened = Opened { ask: view.ask.clone(), message, lost: lost(&view, &last) };
        super::push(&mut self.asked, Asked { view, message, has_buttons: false }, QUESTIONS);
        Some(opened)
    }

    /// The first question cannot be shown: it will time out, which denies.
    pub(super) fn ask_refused(&mut self) {
        self.asking.pop_front();
    }

    /// The first settled question is rewritten, or cannot be.
    pub(super) fn settle_done(&mut self) {
        self.settled.pop_front();
    }
}

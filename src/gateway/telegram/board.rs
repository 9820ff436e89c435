//! What one thread has to show, and what of it comes next. Decides; [`super::screen`] acts.
//!
//! Everything that sessions show is folded into this, so that a slow or flooded chat has little to catch up with and nobody waits for it.

mod live;
mod questions;
mod turn;

use std::collections::VecDeque;

use tokio::time::Instant;

use super::pacer::Gates;
use super::preview::Preview;
use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::model::outbound::Show;
use crate::model::{Language, ThreadId, UserId};

pub(super) use live::{Key, Shown};
pub(super) use questions::{AskPiece, Opened};

use live::{Closings, Fate, Keys};
use questions::Questions;
use turn::{Part, Turn};

/// Toasts and reactions that wait; a person makes one at a time, and the oldest are of no use.
const SIGNS: usize = 32;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// Answer a press.
    Toast { press: String, toast: String },
    /// Put 👀 on a message.
    React { message: i64 },
    /// Rewrite a question that is settled.
    Settle { ask: String, message: i64, piece: Piece },
    /// Go on with the outbox.
    Deliver,
    /// Send a piece of a question.
    Ask(AskPiece),
    /// Put its buttons under a question.
    Open { message: i64, keyboard: InlineKeyboard },
    /// Show that the agent works.
    Typing,
    /// Show the draft.
    Draft { id: i64, piece: Piece },
    /// Show a message that is kept up to date: this one, or a new one.
    Live { key: Key, message: Option<i64>, piece: Piece },
    /// Remove such a message.
    Remove { key: Key, message: i64 },
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// This, now.
    Do(Deed),
    /// Nothing before that time.
    Wait(Instant),
    /// Nothing, but something is open.
    Listen,
    /// Nothing at all.
    Rest,
}

/// What there may be to do, in the order of its weight: what must arrive comes first.
#[derive(Debug, Clone, Copy)]
enum Matter {
    Settle,
    Open,
    Deliver,
    Ask,
    Remove,
    Fold,
    Turn(Part),
}

/// One thread's board.
#[derive(Debug)]
pub(super) struct Board {
    thread: ThreadId,
    toasts: VecDeque<(String, String)>,
    reactions: VecDeque<i64>,
    questions: Questions,
    deliver: bool,
    turn: Option<Turn>,
    /// What former turns have left to do.
    closings: Closings,
    keys: Keys,
    /// The number of the last draft.
    draft: i64,
    backoff: Backoff,
    /// After a failure: nothing is tried before.
    resume: Option<Instant>,
}

impl Board {
    /// An empty board.
    pub(super) fn new(thread: ThreadId) -> Self {
        Self {
            thread,
            toasts: VecDeque::new(),
            reactions: VecDeque::new(),
            questions: Questions::default(),
            deliver: false,
            turn: None,
            closings: Closings::default(),
            keys: Keys::default(),
            draft: Preview::former(),
            backoff: Backoff::usual(),
            resume: None,
        }
    }

    /// Takes up something to show. `name` tells how a person is called here, in a language.
    pub(super) fn apply(&mut self, show: Show, now: Instant, name: impl FnOnce(UserId, Language) -> String) {
        match show {
            Show::Seen { message } => push(&mut self.reactions, message, SIGNS),
            Show::Working(display) => {
                self.end_turn(now);
                self.turn = Some(Turn::new(display, self.thread.chat < 0, self.draft, &mut self.keys, now));
            }
            Show::Ask(view) => self.questions.ask(view),
            Show::Settled { ask, by, choice, at } => {
                self.questions.settle(&ask, choice, at, |language| by.map(|user| name(user, language)));
            }
            Show::Pressed { press, toast } => push(&mut self.toasts, (press, toast), SIGNS),
            Show::Deliver => self.deliver = true,
            Show::TurnEnded => self.end_turn(now),
            // Matters of the chat and its topic, not of what stands in it.
            Show::Name { .. } | Show::Menu { .. } => {}
            Show::Text { .. } | Show::Thought { .. } | Show::Tool(_) | Show::Plan { .. } | Show::Flushed => self.apply_work(show, now),
        }
    }

    /// What belongs to a turn.
    fn apply_work(&mut self, show: Show, now: Instant) {
        let Some(turn) = &mut self.turn else { return };
        match show {
            Show::Text { text } => turn.text(&text, now),
            Show::Thought { text } => turn.thought(&text),
            Show::Tool(view) => turn.tool(&view),
            Show::Plan { steps } => turn.plan(steps),
            Show::Flushed => {
                if let Some((live, fate)) = turn.flushed(&mut self.keys, now) {
                    self.closings.add(live, fate, now);
                }
            }
            _ => {}
        }
    }

    fn end_turn(&mut self, now: Instant) {
        let Some(turn) = self.turn.take() else { return };
        self.draft = turn.draft().unwrap_or(self.draft);
        for (live, fate) in turn.end(now) {
            self.closings.add(live, fate, now);
        }
    }

    /// A question was open before a restart.
    pub(super) fn lost(&mut self, question: Opened) {
        self.questions.lost(question);
    }

    /// Whether there is nothing to do and nothing to wait for.
    pub(super) fn rests(&self) -> bool {
        let idle = self.toasts.is_empty() && self.reactions.is_empty() && !self.deliver && self.questions.is_empty();
        idle && self.turn.is_none() && self.closings.is_empty()
    }

    /// Whether something must arrive.
    pub(super) fn has_duty(&self) -> bool {
        let questions = &self.questions;
        self.deliver || questions.to_ask().is_some() || questions.to_open().is_some() || questions.to_settle().is_some()
    }

    /// What is to be done now. `gates` tell when the chat may be written to.
    pub(super) fn next(&mut self, now: Instant, gates: Gates) -> Step {
        if let Some((press, toast)) = self.toasts.pop_front() {
            return Step::Do(Deed::Toast { press, toast });
        }
        if let Some(message) = self.reactions.pop_front() {
            return Step::Do(Deed::React { message });
        }
        self.questions.tidy();
        let mut wake: Option<Instant> = None;
        for (matter, at) in self.agenda(now, gates) {
            if at > now {
                wake = Some(wake.map_or(at, |wake| wake.min(at)));
            } else if let Some(deed) = self.take(matter, now) {
                return Step::Do(deed);
            }
        }
        match wake {
            Some(at) => Step::Wait(at),
            None if self.rests() => Step::Rest,
            None => Step::Listen,
        }
    }

    /// What there is to do, and from when on.
    fn agenda(&self, now: Instant, gates: Gates) -> Vec<(Matter, Instant)> {
        let resume = self.resume.unwrap_or(now);
        let (send, edit, preview) = (gates.send.max(resume), gates.edit.max(resume), gates.preview.max(resume));
        let mut agenda = Vec::new();
        agenda.extend(self.questions.to_settle().map(|_| (Matter::Settle, edit)));
        agenda.extend(self.questions.to_open().map(|_| (Matter::Open, send)));
        agenda.extend(self.deliver.then_some((Matter::Deliver, send)));
        agenda.extend(self.questions.to_ask().map(|_| (Matter::Ask, send)));
        // Removing costs nothing of a group's rate.
        agenda.extend(self.closings.due(true).map(|at| (Matter::Remove, at.max(edit))));
        agenda.extend(self.closings.due(false).map(|at| (Matter::Fold, at.max(preview))));
        let parts = self.turn.iter().flat_map(Turn::due);
        agenda.extend(parts.map(|(part, at)| (Matter::Turn(part), at.max(if part == Part::Typing { edit } else { preview }))));
        agenda
    }

    /// What must arrive stays until it is confirmed.
    fn take(&mut self, matter: Matter, now: Instant) -> Option<Deed> {
        match matter {
            Matter::Settle => self.questions.to_settle().map(|(ask, message, piece)| Deed::Settle { ask, message, piece }),
            Matter::Open => self.questions.to_open().map(|(message, keyboard)| Deed::Open { message, keyboard }),
            Matter::Deliver => std::mem::take(&mut self.deliver).then_some(Deed::Deliver),
            Matter::Ask => self.questions.to_ask().map(Deed::Ask),
            Matter::Remove | Matter::Fold => match self.closings.take(matches!(matter, Matter::Remove), now)? {
                (key, message, Fate::Last(piece)) => Some(Deed::Live { key, message, piece }),
                (key, message, Fate::Removed) => message.map(|message| Deed::Remove { key, message }),
            },
            Matter::Turn(part) => self.turn.as_mut()?.take(part, now),
        }
    }

    /// The outbox has more, or has to be tried again.
    pub(super) fn deliver_more(&mut self) {
        self.deliver = true;
    }

    /// A message of the bot has arrived.
    pub(super) fn arrived(&mut self, now: Instant) {
        self.vanished(now);
        self.succeeded();
    }

    /// A message stands where the draft was.
    fn vanished(&mut self, now: Instant) {
        if let Some(turn) = &mut self.turn {
            turn.vanished(now);
        }
    }

    /// Telegram works again.
    pub(super) fn succeeded(&mut self) {
        self.backoff.reset();
        self.resume = None;
    }

    /// A piece of the first question has arrived as this message. Gives the question if it is to be open.
    pub(super) fn asked(&mut self, message: i64, now: Instant) -> Option<Opened> {
        self.arrived(now);
        self.questions.asked(message)
    }

    /// A question has its buttons, or cannot have them.
    pub(super) fn opened(&mut self, message: i64) {
        self.questions.opened(message);
        self.succeeded();
    }

    /// The first question cannot be shown: it will time out, which denies.
    pub(super) fn ask_refused(&mut self) {
        self.questions.ask_refused();
    }

    /// The first settled question is rewritten, or cannot be.
    pub(super) fn settle_done(&mut self) {
        self.questions.settle_done();
        self.succeeded();
    }

    /// What became of a [`Deed::Live`], whose piece is given, or of a [`Deed::Remove`].
    pub(super) fn live_shown(&mut self, key: Key, (piece, is_new): (Option<Piece>, bool), shown: Shown, now: Instant) {
        if is_new && matches!(shown, Shown::As(_)) {
            self.vanished(now);
        }
        let lives = self.turn.iter_mut().flat_map(Turn::lives);
        live::report(lives, &mut self.closings, (key, piece), shown, now);
    }

    /// Something failed that may succeed later.
    pub(super) fn failed(&mut self, now: Instant) {
        self.resume = Some(now + self.backoff.pause());
    }

    /// The draft could not be shown; `never` says that drafts are not for this chat.
    pub(super) fn draft_failed(&mut self, never: bool) {
        if let Some(turn) = &mut self.turn {
            turn.draft_failed(never);
        }
    }
}

/// Adds to a bounded queue; the oldest gives way.
fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) {
    if queue.len() >= most {
        queue.pop_front();
    }
    queue.push_back(item);
}

#[cfg(test)]
mod tests;

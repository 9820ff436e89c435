//! What one thread has to show, and what of it comes next. Decides; [`super::screen`] acts.
//!
//! Everything that sessions show is folded into this, so that a slow or flooded chat has little to catch up with and nobody waits for it.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::preview::Preview;
use super::question::{Outcome, options, question, settled};
use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::model::outbound::{AskView, Show};
use crate::model::{ThreadId, UserId};

/// Between two signs of typing; Telegram shows one for 5 s.
const TYPING: Duration = Duration::from_secs(4);

/// Toasts and reactions that wait; a person makes one at a time, and the oldest are of no use.
const SIGNS: usize = 32;

/// Questions that are open, on the way or being rewritten. A turn has at most eight; one that is not shown times out, which denies.
const QUESTIONS: usize = 32;

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Deed {
    /// Answer a press.
    Toast { press: String, toast: String },
    /// Put 👀 on a message.
    React { message: i64 },
    /// Rewrite a question that is settled.
    Settle { message: i64, piece: Piece },
    /// Go on with the outbox.
    Deliver,
    /// Send a piece of a question; the last one has the buttons.
    Ask { piece: Piece, keyboard: Option<InlineKeyboard> },
    /// Show that the agent works.
    Typing,
    /// Show the draft.
    Draft { id: i64, piece: Piece },
}

/// What is to be done next.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    /// This, now.
    Do(Deed),
    /// Nothing before that time.
    Wait(Instant),
    /// Nothing, but a question is open.
    Listen,
    /// Nothing at all.
    Rest,
}

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
}

/// One thread's board.
#[derive(Debug)]
pub(super) struct Board {
    thread: ThreadId,
    toasts: VecDeque<(String, String)>,
    reactions: VecDeque<i64>,
    asking: VecDeque<Asking>,
    asked: VecDeque<Asked>,
    settled: VecDeque<(i64, Piece)>,
    deliver: bool,
    /// When typing is to be shown again; `None` when nothing works.
    typing: Option<Instant>,
    preview: Preview,
    backoff: Backoff,
    /// After a failure: nothing is tried before.
    resume: Option<Instant>,
}

impl Board {
    /// An empty board.
    pub(super) fn new(thread: ThreadId, now: Instant) -> Self {
        Self {
            thread,
            toasts: VecDeque::new(),
            reactions: VecDeque::new(),
            asking: VecDeque::new(),
            asked: VecDeque::new(),
            settled: VecDeque::new(),
            deliver: false,
            typing: None,
            preview: Preview::new(now),
            backoff: Backoff::usual(),
            resume: None,
        }
    }

    /// Takes up something to show. `name` tells how a person is called here.
    pub(super) fn apply(&mut self, show: Show, now: Instant, name: impl FnOnce(UserId) -> String) {
        match show {
            Show::Seen { message } => push(&mut self.reactions, message, SIGNS),
            Show::Working(_) => {
                self.typing = Some(now);
                self.preview.clear();
            }
            // Drafts exist in private chats only, and those have positive numbers.
            Show::Text { text } if self.thread.chat > 0 => self.preview.add(&text),
            Show::Text { .. }
            | Show::Thought { .. }
            | Show::Tool(_)
            | Show::Plan { .. }
            | Show::Flushed
            | Show::Name { .. }
            | Show::Menu { .. } => {}
            Show::Ask(view) => {
                let asking = Asking { pieces: question(&view), view, sent: 0, outcome: None };
                self.asking.extend((self.asking.len() < QUESTIONS).then_some(asking));
            }
            Show::Settled { ask, by, choice, at } => self.settle(&ask, Outcome { by: by.map(name), choice, at }),
            Show::Pressed { press, toast } => push(&mut self.toasts, (press, toast), SIGNS),
            Show::Deliver => self.deliver = true,
            Show::TurnEnded => {
                self.typing = None;
                self.preview.clear();
            }
        }
    }

    fn settle(&mut self, ask: &str, outcome: Outcome) {
        if let Some(asking) = self.asking.iter_mut().find(|asking| asking.view.ask == ask) {
            asking.outcome = Some(outcome);
        } else if let Some(at) = self.asked.iter().position(|asked| asked.view.ask == ask)
            && let Some(Asked { view, message }) = self.asked.remove(at)
        {
            self.rewrite(message, settled(&view, &outcome));
        }
    }

    /// The first of the queue may be on its way just now, so a full queue takes no more instead of giving up its first.
    fn rewrite(&mut self, message: i64, piece: Piece) {
        self.settled.extend((self.settled.len() < QUESTIONS).then_some((message, piece)));
    }

    /// What is to be done now. `due` is when the chat may be written to.
    pub(super) fn next(&mut self, now: Instant, due: Instant) -> Step {
        if let Some((press, toast)) = self.toasts.pop_front() {
            return Step::Do(Deed::Toast { press, toast });
        }
        if let Some(message) = self.reactions.pop_front() {
            return Step::Do(Deed::React { message });
        }
        // Settled before anybody saw it.
        self.asking.retain(|asking| asking.outcome.is_none());
        let wake = [self.typing, self.preview.due()].into_iter().flatten().min();
        let must = !self.settled.is_empty() || self.deliver || !self.asking.is_empty();
        if !must && wake.is_none() {
            return if self.asked.is_empty() { Step::Rest } else { Step::Listen };
        }
        let gate = self.resume.map_or(due, |resume| resume.max(due));
        if gate > now {
            return Step::Wait(gate);
        }
        if let Some(deed) = self.next_duty() {
            return Step::Do(deed);
        }
        if self.typing.is_some_and(|at| at <= now) {
            self.typing = Some(now + TYPING);
            return Step::Do(Deed::Typing);
        }
        if self.preview.due().is_some_and(|at| at <= now)
            && let Some((id, piece)) = self.preview.take(now)
        {
            return Step::Do(Deed::Draft { id, piece });
        }
        match [self.typing, self.preview.due()].into_iter().flatten().min() {
            Some(at) => Step::Wait(at),
            None => Step::Listen,
        }
    }

    /// What must arrive: it stays until it is confirmed.
    fn next_duty(&mut self) -> Option<Deed> {
        if let Some((message, piece)) = self.settled.front().cloned() {
            return Some(Deed::Settle { message, piece });
        }
        if std::mem::take(&mut self.deliver) {
            return Some(Deed::Deliver);
        }
        let asking = self.asking.front()?;
        let is_last = asking.sent + 1 >= asking.pieces.len();
        let piece = asking.pieces.get(asking.sent).cloned()?;
        Some(Deed::Ask { piece, keyboard: options(&asking.view).filter(|_| is_last) })
    }

    /// The outbox has more, or has to be tried again.
    pub(super) fn deliver_more(&mut self) {
        self.deliver = true;
    }

    /// A message of the bot has arrived.
    pub(super) fn arrived(&mut self, now: Instant) {
        self.preview.vanished(now);
        self.succeeded();
    }

    /// Telegram works again.
    fn succeeded(&mut self) {
        self.backoff.reset();
        self.resume = None;
    }

    /// A piece of the first question has arrived as this message.
    pub(super) fn asked(&mut self, message: i64, now: Instant) {
        self.arrived(now);
        let Some(first) = self.asking.front_mut() else { return };
        first.sent += 1;
        if first.sent < first.pieces.len() {
            return;
        }
        if let Some(Asking { view, outcome, .. }) = self.asking.pop_front() {
            match outcome {
                Some(outcome) => self.rewrite(message, settled(&view, &outcome)),
                None => push(&mut self.asked, Asked { view, message }, QUESTIONS),
            }
        }
    }

    /// The first question cannot be shown: it will time out, which denies.
    pub(super) fn ask_refused(&mut self) {
        self.asking.pop_front();
    }

    /// The first settled question is rewritten, or cannot be.
    pub(super) fn settle_done(&mut self) {
        self.settled.pop_front();
        self.succeeded();
    }

    /// Something failed that may succeed later.
    pub(super) fn failed(&mut self, now: Instant) {
        self.resume = Some(now + self.backoff.pause());
    }

    /// Telegram wants no drafts for a while.
    pub(super) fn hush_drafts(&mut self, until: Instant) {
        self.preview.hush(until);
    }

    /// Drafts are not for this chat.
    pub(super) fn no_drafts(&mut self) {
        self.preview.turn_off();
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

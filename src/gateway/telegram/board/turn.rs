//! What a thread shows of the turn that runs in it: typing, the answer as it grows, the trace of its tools, its plan.

use std::time::Duration;

use tokio::time::Instant;

use super::Deed;
use super::live::{Fate, Keys, Live};
use crate::channel::telegram::render::{Piece, lines, render_draft};
use crate::channel::telegram::types::EntityKind;
use crate::gateway::telegram::fold::tail;
use crate::gateway::telegram::pace::Pace;
use crate::gateway::telegram::plan::plan;
use crate::gateway::telegram::preview::Preview;
use crate::gateway::telegram::trace::Trace;
use crate::gateway::texts::{Texts, texts};
use crate::model::bounds;
use crate::model::outbound::{Display, PlanStep, ToolView};

/// Between two signs of typing; Telegram shows one for 5 s.
pub(super) const TYPING: Duration = Duration::from_secs(4);

/// Between two edits of a message, at first.
const PRIVATE: Duration = Duration::from_millis(1500);
pub(super) const GROUP: Duration = Duration::from_secs(3);

/// A group sees the answer grow when it has this many bytes, or this long after its beginning: many are short and quick.
const LONG: usize = 80;
pub(super) const SLOW: Duration = Duration::from_secs(3);

/// Most of what the agent thinks just now, in UTF-16 units: its end.
const THOUGHT: usize = 1500;

/// What of a turn may have to be shown anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Typing,
    Trace,
    Plan,
    Answer,
}

/// A turn that runs.
#[derive(Debug)]
pub(super) struct Turn {
    display: Display,
    begun: Instant,
    /// When typing is to be shown again.
    typing: Instant,
    /// What the agent wrote since the last message.
    text: String,
    /// What it thinks just now.
    thought: String,
    answer: Answer,
    trace: Trace,
    trace_live: Live,
    plan: Vec<PlanStep>,
    plan_live: Live,
}

/// How the answer is shown while it grows.
#[derive(Debug)]
enum Answer {
    /// Private chats have drafts.
    Draft(Preview),
    /// Groups have none: a message stands for it, since that time there has been a text. It is removed when the text has been sent: an edit
    /// makes no sound, and what was sent meanwhile stands below it.
    Message(Live, Option<Instant>),
}

impl Turn {
    /// A turn that begins in a chat. `former` is the number of the last draft there.
    pub(super) fn new(display: Display, is_group: bool, former: i64, keys: &mut Keys, now: Instant) -> Self {
        let pace = Pace::new(if is_group { GROUP } else { PRIVATE }, now);
        let mut live = || Live::new(keys.next(), pace);
        Self {
            display,
            begun: now,
            typing: now,
            text: String::new(),
            thought: String::new(),
            answer: if is_group { Answer::Message(live(), None) } else { Answer::Draft(Preview::new(former, now)) },
            trace: Trace::default(),
            trace_live: live(),
            plan: Vec::new(),
            plan_live: live(),
        }
    }

    /// The number of its last draft.
    pub(super) fn draft(&self) -> Option<i64> {
        if let Answer::Draft(preview) = &self.answer { Some(preview.id()) } else { None }
    }

    /// The agent wrote more.
    pub(super) fn text(&mut self, text: &str, now: Instant) {
        self.thought_over();
        if self.text.len() + text.len() <= bounds::ANSWER {
            self.text.push_str(text);
            match &mut self.answer {
                Answer::Draft(preview) => preview.change(),
                Answer::Message(live, since) => {
                    since.get_or_insert(now);
                    live.change();
                }
            }
        }
    }

    /// The agent thought more.
    pub(super) fn thought(&mut self, text: &str) {
        if self.display.thoughts {
            self.thought.push_str(text);
            self.thought = tail(&self.thought, THOUGHT);
            if let Answer::Draft(preview) = &mut self.answer {
                preview.change();
            }
        }
    }

    /// A tool began or changed.
    pub(super) fn tool(&mut self, view: &ToolView) {
        self.thought_over();
        if !self.display.quiet && self.trace.tool(view) {
            self.trace_live.change();
        }
    }

    /// The plan has changed.
    pub(super) fn plan(&mut self, steps: Vec<PlanStep>) {
        if !self.display.quiet {
            self.plan = steps;
            self.plan_live.change();
        }
    }

    /// What the agent thought becomes a part of the trace.
    fn thought_over(&mut self) {
        let thought = std::mem::take(&mut self.thought);
        if !thought.trim().is_empty() && !self.display.quiet {
            self.trace.think(&thought);
            self.trace_live.change();
        }
    }

    /// What was written so far has been sent as a message.
    pub(super) fn flushed(&mut self, keys: &mut Keys, now: Instant) -> Option<(Live, Fate)> {
        self.text = String::new();
        match &mut self.answer {
            Answer::Draft(preview) => {
                preview.clear(now);
                None
            }
            Answer::Message(live, since) => {
                *since = None;
                let next = Live::new(keys.next(), Pace::new(GROUP, now));
                Some((std::mem::replace(live, next), Fate::Removed))
            }
        }
    }

    /// A message was sent, with which drafts vanish.
    pub(super) fn vanished(&mut self, now: Instant) {
        if let Answer::Draft(preview) = &mut self.answer {
            preview.vanished(now);
        }
    }

    /// The draft could not be shown; `never` says that drafts are not for this chat.
    pub(super) fn draft_failed(&mut self, never: bool) {
        if let Answer::Draft(preview) = &mut self.answer {
            preview.failed(never);
        }
    }

    /// All messages that are kept up to date.
    pub(super) fn lives(&mut self) -> impl Iterator<Item = &mut Live> {
        let answer = if let Answer::Message(live, _) = &mut self.answer { Some(live) } else { None };
        [&mut self.trace_live, &mut self.plan_live].into_iter().chain(answer)
    }

    /// When something is to be shown, in the order in which it is shown: what is sent as a message before the draft, which it would hide.
    pub(super) fn due(&self) -> impl Iterator<Item = (Part, Instant)> {
        let (answer, seen) = match &self.answer {
            Answer::Draft(preview) => (preview.due(), preview.is_shown()),
            Answer::Message(live, since) => {
                let begins = since.filter(|_| !live.stands() && self.text.len() < LONG).map(|since| since + SLOW);
                (live.due().map(|at| begins.map_or(at, |begins| begins.max(at))), live.stands())
            }
        };
        let typing = (!seen).then_some(self.typing);
        let all =
            [(Part::Typing, typing), (Part::Trace, self.trace_live.due()), (Part::Plan, self.plan_live.due()), (Part::Answer, answer)];
        all.into_iter().filter_map(|(part, at)| Some((part, at?)))
    }

    /// What shows a part as it is now; `None` when there is nothing new to be seen.
    pub(super) fn take(&mut self, part: Part, now: Instant) -> Option<Deed> {
        let shown = match part {
            Part::Typing => {
                self.typing = now + TYPING;
                return Some(Deed::Typing);
            }
            Part::Trace => self.trace_live.take(self.trace.growing(), now),
            Part::Plan => self.plan_live.take(plan(&self.plan, self.texts()), now),
            Part::Answer => {
                let piece = self.piece();
                match &mut self.answer {
                    Answer::Draft(preview) => return preview.take(piece, now).map(|(id, piece)| Deed::Draft { id, piece }),
                    Answer::Message(live, _) => live.take(piece, now),
                }
            }
        };
        shown.map(|(key, message, piece)| Deed::Live { key, message, piece })
    }

    /// The answer so far; before it begins, what the agent thinks.
    fn piece(&self) -> Option<Piece> {
        if self.text.trim().is_empty() && !self.thought.trim().is_empty() {
            return lines(&[(Some(EntityKind::Italic), &format!("💭 {}", self.thought.trim()))]).into_iter().next();
        }
        render_draft(&self.text)
    }

    /// The turn is over: what becomes of its messages.
    pub(super) fn end(mut self, now: Instant) -> Vec<(Live, Fate)> {
        self.thought_over();
        let texts = self.texts();
        let mut left = Vec::new();
        let folded = self.trace.folded(texts, now.duration_since(self.begun).as_secs());
        // What was done is told even where there was no time to show it; what was thought or planned is of no use any more.
        let told = self.trace.has_steps() || self.trace_live.stands();
        left.extend(folded.filter(|_| told).map(|piece| (self.trace_live, Fate::Last(piece))));
        let planned = plan(&self.plan, texts).filter(|_| self.plan_live.stands());
        left.extend(planned.map(|piece| (self.plan_live, Fate::Last(piece))));
        if let Answer::Message(live, _) = self.answer {
            left.push((live, Fate::Removed));
        }
        left
    }

    fn texts(&self) -> &'static dyn Texts {
        texts(self.display.language)
    }
}

//! What waits for one client. Bounded, and it keeps a client that is only a little slow: text that follows text becomes one event, and a
//! newer state of a tool or a plan takes the place of the older.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::channel::local::ToClient;
use crate::model::bounds;
use crate::model::outbound::Show;
use crate::store::OutboxId;

/// Bytes that may wait: a whole answer, streamed and as a message. A client with more than this before it does not read any more.
const FULL: usize = 2 * bounds::ANSWER + 256 * 1024;

/// What an event weighs beside its text.
const EVENT: usize = 512;

/// One event on its way to a client.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    /// The event.
    pub(super) event: ToClient,
    /// Its place in the outbox, which it leaves once the event is written.
    pub(super) obligation: Option<OutboxId>,
}

/// The client has too much before it: it does not read.
#[must_use]
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Outgoing>,
    bytes: usize,
    closed: bool,
}

/// The queue; a clone is the same queue.
#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    waiting: Arc<Mutex<Waiting>>,
    news: Arc<Notify>,
}

impl Queue {
    /// Adds an event that may be lost.
    pub(super) fn push(&self, event: ToClient) -> Result<(), Overflow> {
        self.add(Outgoing { event, obligation: None })
    }

    /// Adds an event.
    pub(super) fn add(&self, outgoing: Outgoing) -> Result<(), Overflow> {
        let mut waiting = self.lock();
        if waiting.bytes >= FULL {
            return Err(Overflow);
        }
        waiting.add(outgoing);
        drop(waiting);
        self.news.notify_one();
        Ok(())
    }

    /// Whether it is a good time for more of what can wait.
    pub(super) fn has_room(&self) -> bool {
        self.lock().bytes < FULL / 2
    }

    /// Nothing comes any more; what waits is still taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_one();
    }

    /// The next event; `None` when the queue is closed and empty. For one taker.
    pub(super) async fn next(&self) -> Option<Outgoing> {
        loop {
            {
                let mut waiting = self.lock();
                if let Some(outgoing) = waiting.events.pop_front() {
                    waiting.bytes = waiting.bytes.saturating_sub(weight(&outgoing.event));
                    return Some(outgoing);
                }
                if waiting.closed {
                    return None;
                }
            }
            self.news.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Waiting {
    fn add(&mut self, outgoing: Outgoing) {
        let before = self.events.back().map_or(0, |last| weight(&last.event));
        let merged = self.events.back_mut().is_some_and(|last| merge(&mut last.event, &outgoing.event));
        if merged {
            let after = self.events.back().map_or(0, |last| weight(&last.event));
            self.bytes = self.bytes.saturating_sub(before) + after;
        } else {
            self.bytes += weight(&outgoing.event);
            self.events.push_back(outgoing);
        }
    }
}

/// Puts `new` into `last` where both together are one event.
fn merge(last: &mut ToClient, new: &ToClient) -> bool {
    match (last, new) {
        (ToClient::Show(Show::Text { text }), ToClient::Show(Show::Text { text: more }))
        | (ToClient::Show(Show::Thought { text }), ToClient::Show(Show::Thought { text: more })) => {
            text.push_str(more);
            true
        }
        (ToClient::Show(Show::Tool(tool)), ToClient::Show(Show::Tool(newer))) if tool.id == newer.id => {
            tool.clone_from(newer);
            true
        }
        (ToClient::Show(Show::Plan { steps }), ToClient::Show(Show::Plan { steps: newer })) => {
            steps.clone_from(newer);
            true
        }
        _ => false,
    }
}

fn weight(event: &ToClient) -> usize {
    let text = match event {
        ToClient::Show(Show::Text { text } | Show::Thought { text }) => text.len(),
        ToClient::Show(Show::Ask(view)) => view.title.len() + view.detail.len() + view.options.len() * EVENT,
        ToClient::Show(Show::Tool(tool)) => tool.title.len() + tool.id.len() + tool.detail.len(),
        ToClient::Show(Show::Plan { steps }) => steps.iter().map(|step| step.text.len()).sum(),
        ToClient::Show(Show::Menu { commands, .. }) => commands.iter().map(|(name, what)| name.len() + what.len()).sum(),
        ToClient::Message { markdown, buttons, .. } => markdown.len() + buttons.len() * EVENT,
        _ => 0,
    };
    EVENT + text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outbound::PlanStep;

    fn text(text: &str) -> ToClient {
        ToClient::Show(Show::Text { text: text.to_owned() })
    }

    #[tokio::test]
    async fn text_that_waits_becomes_one_event_and_order_is_kept() {
        let queue = Queue::default();
        for event in [text("a"), text("b"), ToClient::Show(Show::Working(crate::model::outbound::Display::default())), text("c")] {
            assert_eq!(queue.push(event), Ok(()));
        }
        queue.close();
        assert_eq!(queue.next().await.unwrap().event, text("ab"));
        assert_eq!(queue.next().await.unwrap().event, ToClient::Show(Show::Working(crate::model::outbound::Display::default())));
        assert_eq!(queue.next().await.unwrap().event, text("c"));
        assert!(queue.next().await.is_none());
        assert_eq!(queue.lock().bytes, 0, "what is taken weighs no more");
    }

    #[tokio::test]
    async fn a_flood_of_small_events_takes_a_bounded_memory() {
        let queue = Queue::default();
        let mut taken = 0;
        while queue.push(ToClient::Taken { message: 0 }).is_ok() {
            taken += 1;
        }
        assert_eq!(taken, FULL.div_ceil(EVENT));
        assert!(!queue.has_room());
        queue.next().await.unwrap();
        assert_eq!(queue.push(ToClient::Taken { message: 0 }), Ok(()));
    }

    #[tokio::test]
    async fn a_newer_plan_takes_the_place_of_the_older() {
        let queue = Queue::default();
        for text in ["chop", "boil"] {
            let steps = vec![PlanStep { text: text.repeat(10_000), status: "pending".to_owned() }];
            (0..1000).for_each(|_| assert_eq!(queue.push(ToClient::Show(Show::Plan { steps: steps.clone() })), Ok(())));
        }
        assert!(queue.lock().bytes < 50_000, "a plan has its weight");
        let ToClient::Show(Show::Plan { steps }) = queue.next().await.unwrap().event else { panic!("no plan") };
        assert!(steps[0].text.starts_with("boil") && queue.lock().events.is_empty());
    }

    #[test]
    fn a_whole_answer_in_crumbs_overflows_nothing() {
        let queue = Queue::default();
        for _ in 0..bounds::ANSWER {
            assert_eq!(queue.push(text("x")), Ok(()));
        }
        let markdown = "x".repeat(bounds::ANSWER);
        let answer = ToClient::Message { purpose: crate::model::outbound::Purpose::Answer, markdown, buttons: Vec::new() };
        assert_eq!(queue.push(answer), Ok(()));
        assert_eq!(queue.push(ToClient::Show(Show::TurnEnded)), Ok(()));
    }
}

//! Topics that are not there any more, as far as Telegram said so. A restart forgets them and asks once more.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::channel::telegram::methods::Place;
use crate::model::ThreadId;

/// Topics remembered; beyond them all are forgotten and learnt again.
const GONE: usize = 1024;

/// The topics that are gone.
#[derive(Debug, Default)]
pub(super) struct Topics(Mutex<BTreeSet<(i64, i64)>>);

impl Topics {
    /// Where a thread is shown: its topic, or the chat as a whole when that is gone.
    pub(super) fn place(&self, thread: ThreadId) -> Place {
        let place = Place::new(thread.chat, thread.topic());
        if self.lock().contains(&(thread.chat, thread.topic)) { place.without_topic() } else { place }
    }

    /// Telegram says that the topic is not there.
    pub(super) fn lost(&self, thread: ThreadId) {
        let mut gone = self.lock();
        if gone.len() >= GONE {
            gone.clear();
        }
        if gone.insert((thread.chat, thread.topic)) {
            tracing::info!(%thread, "a topic is gone; what is for it goes to the chat as a whole");
        }
    }

    /// Somebody wrote in the topic.
    pub(super) fn lives(&self, chat: i64, topic: i64) {
        self.lock().remove(&(chat, topic));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeSet<(i64, i64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lost_topic_is_passed_over_until_somebody_writes_in_it() {
        let topics = Topics::default();
        let thread = ThreadId::telegram(7, Some(3));
        assert_eq!(topics.place(thread).message_thread_id, Some(3));
        topics.lost(thread);
        assert_eq!(topics.place(thread).message_thread_id, None);
        assert_eq!(topics.place(ThreadId::telegram(7, Some(4))).message_thread_id, Some(4));
        topics.lives(7, 3);
        assert_eq!(topics.place(thread).message_thread_id, Some(3));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let topics = Topics::default();
        (0..5000).for_each(|topic| topics.lost(ThreadId::telegram(7, Some(topic))));
        assert!(topics.lock().len() <= GONE);
    }
}

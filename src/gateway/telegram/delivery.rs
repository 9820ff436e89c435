//! One message of the outbox on its way, piece by piece. Decides; [`super::screen`] acts.

use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{LinkPreview, Place, SendMessage};
use crate::channel::telegram::render::{Piece, plain, render};
use crate::model::outbound::{Message, Purpose};
use crate::store::OutboxId;

use super::question::keyboard;

/// Pieces of one message that go out without a pause; more of them come at Telegram's own rate.
const AT_ONCE: usize = 3;

/// A message on its way.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) id: OutboxId,
    message: Message,
    pieces: Vec<Piece>,
    /// Pieces that Telegram has confirmed.
    sent: usize,
    place: Place,
    /// This piece is tried without its formatting.
    plain: bool,
    /// The pieces were replaced by the word that they could not be delivered.
    last_words: bool,
}

/// What is done about a refusal.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Remedy {
    /// Tried again as it is, later.
    Wait,
    /// Tried again at once, changed.
    Again,
    /// It can never arrive.
    GiveUp,
}

impl Delivery {
    /// Begins, or goes on after what was confirmed before a restart.
    pub(super) fn new(id: OutboxId, message: Message) -> Self {
        let pieces = render(&message.markdown);
        let place = Place::new(message.thread.chat, message.thread.topic());
        Self { id, pieces, sent: message.sent, place, plain: false, last_words: false, message }
    }

    /// The next request; `None` when all is confirmed.
    pub(super) fn request(&self) -> Option<SendMessage> {
        let piece = self.pieces.get(self.sent)?;
        let is_last = self.sent + 1 == self.pieces.len();
        let buttons = self.message.buttons.iter().map(|(label, token)| (label.as_str(), token.clone()));
        Some(SendMessage {
            place: self.place,
            text: piece.text.clone(),
            entities: if self.plain { Vec::new() } else { piece.entities.clone() },
            link_preview_options: LinkPreview::OFF,
            // One sound per answer, none for the bot's own words.
            disable_notification: self.message.purpose != Purpose::Answer || self.sent > 0,
            reply_markup: if is_last { keyboard(buttons) } else { None },
        })
    }

    /// The piece has arrived. Gives how many have.
    pub(super) fn confirmed(&mut self) -> usize {
        self.plain = false;
        self.sent += 1;
        self.sent
    }

    /// Whether the rest is to come at Telegram's own rate.
    pub(super) fn is_long_row(&self) -> bool {
        self.sent >= AT_ONCE && self.sent < self.pieces.len()
    }

    /// The piece was refused.
    pub(super) fn refused(&mut self, error: &ApiError) -> Remedy {
        match error {
            // A token that is refused ends the poller, and with it everything; until then nothing is thrown away.
            ApiError::Unauthorized { .. } => Remedy::Wait,
            error if error.is_passing() => Remedy::Wait,
            ApiError::Migrated { to, .. } if self.place.chat_id != *to => {
                self.place = Place::new(*to, None);
                Remedy::Again
            }
            ApiError::BadRequest { description, .. } => self.bad_request(error, description),
            _ => Remedy::GiveUp,
        }
    }

    fn bad_request(&mut self, error: &ApiError, description: &str) -> Remedy {
        let formatted = self.pieces.get(self.sent).is_some_and(|piece| !piece.entities.is_empty());
        if self.place.message_thread_id.is_some() && error.lacks_topic() {
            self.place = self.place.without_topic();
        } else if !self.plain && formatted && error.is_formatting() {
            self.plain = true;
        } else if !self.last_words {
            self.last_words = true;
            self.plain = false;
            self.message.buttons.clear();
            let words = format!("⚠ A message could not be delivered. Telegram says: {description}");
            self.pieces.truncate(self.sent);
            self.pieces.extend(plain(&words));
        } else {
            return Remedy::GiveUp;
        }
        Remedy::Again
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ThreadId;
    use crate::store::Store;

    fn delivery(message: Message) -> Delivery {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(directory.path()).unwrap();
        store.post(&message).unwrap();
        let (id, message) = store.outbox_next(&message.thread).unwrap().unwrap();
        Delivery::new(id, message)
    }

    fn bad(description: &str) -> ApiError {
        ApiError::BadRequest { method: "sendMessage", description: description.to_owned() }
    }

    fn thread() -> ThreadId {
        ThreadId::telegram(7, Some(3))
    }

    #[test]
    fn pieces_go_out_in_order_with_one_sound_and_the_buttons_under_the_last() {
        let message = Message::answer(thread(), "word ".repeat(1500)).button("Retry", "retry:1".to_owned());
        let mut delivery = delivery(message);
        let first = delivery.request().unwrap();
        assert!(!first.disable_notification && first.reply_markup.is_none());
        assert_eq!(delivery.confirmed(), 1);
        let last = delivery.request().unwrap();
        assert!(last.disable_notification && last.reply_markup.is_some());
        assert_eq!(delivery.confirmed(), 2);
        assert!(delivery.request().is_none());
    }

    #[test]
    fn what_was_confirmed_before_a_restart_is_not_sent_again() {
        let message = Message { sent: 1, ..Message::answer(thread(), "word ".repeat(1500)) };
        let mut delivery = delivery(message);
        assert!(delivery.request().unwrap().disable_notification);
        delivery.confirmed();
        assert!(delivery.request().is_none());
    }

    #[test]
    fn a_refused_formatting_is_tried_once_as_plain_text() {
        let mut delivery = delivery(Message::answer(thread(), "**a**".to_owned()));
        let error = bad("Bad Request: can't parse entities: x");
        assert_eq!(delivery.refused(&error), Remedy::Again);
        let request = delivery.request().unwrap();
        assert_eq!((request.text.as_str(), request.entities.len()), ("a", 0));
        assert_eq!(delivery.refused(&error), Remedy::Again);
        assert!(delivery.request().unwrap().text.starts_with("⚠ A message could not be delivered."));
        assert_eq!(delivery.refused(&error), Remedy::GiveUp);
    }

    #[test]
    fn a_deleted_topic_is_left_once() {
        let mut delivery = delivery(Message::notice(thread(), "hi".to_owned()));
        let error = bad("Bad Request: message thread not found");
        assert_eq!(delivery.request().unwrap().place.message_thread_id, Some(3));
        assert_eq!(delivery.refused(&error), Remedy::Again);
        assert_eq!(delivery.request().unwrap().place.message_thread_id, None);
    }

    #[test]
    fn a_group_that_became_a_supergroup_is_followed_once() {
        let mut delivery = delivery(Message::notice(ThreadId::telegram(-5, None), "hi".to_owned()));
        let moved = ApiError::Migrated { method: "sendMessage", to: -1005 };
        assert_eq!(delivery.refused(&moved), Remedy::Again);
        assert_eq!(delivery.request().unwrap().place.chat_id, -1005);
        assert_eq!(delivery.refused(&moved), Remedy::GiveUp);
    }

    #[test]
    fn nothing_is_given_up_for_what_passes() {
        let mut delivery = delivery(Message::answer(thread(), "a".to_owned()));
        let method = "sendMessage";
        for error in [
            ApiError::Timeout { method },
            ApiError::Server { method, status: 502 },
            ApiError::Unauthorized { method },
            ApiError::Garbage { method, status: 200 },
        ] {
            assert_eq!(delivery.refused(&error), Remedy::Wait, "{error}");
        }
        let blocked = ApiError::Forbidden { method, description: "blocked".to_owned() };
        assert_eq!(delivery.refused(&blocked), Remedy::GiveUp);
    }
}

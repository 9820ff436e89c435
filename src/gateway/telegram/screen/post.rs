//! The outbox of one screen: its messages on their way, part by part.

use tokio::time::Instant;

use super::hands::Hands;
use super::upload::Outcome;
use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{EditMessageText, LinkPreview};
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::gateway::clock::unix_now;
use crate::gateway::files::outgoing::SendFileError;
use crate::gateway::telegram::delivery::{Confirmed, Delivery, Remedy, Request, Tried};
use crate::model::outbound::Edit;
use crate::store::{Shown, StoreError};

/// What came of one try.
enum Attempt {
    /// There is nothing left to be sent.
    Over,
    /// So many parts arrived; a text as the message of that number.
    Arrived(usize, Option<i64>),
    /// An earlier message was rewritten, or is gone.
    Rewritten,
    /// Telegram refused, or was not reached.
    Refused(ApiError, Option<Tried>),
    /// The next file cannot be sent.
    Unsendable(SendFileError),
}

impl Hands {
    /// Sends the next part of the outbox.
    pub(super) async fn deliver(&mut self) -> Result<(), StoreError> {
        let Some((id, message)) = self.screens.store.outbox_next(&self.thread())? else {
            self.delivery = None;
            return Ok(());
        };
        // What is in hand has left the outbox when its chat moved or was lost.
        let in_hand = self.delivery.take().filter(|delivery| delivery.id == id);
        let mut delivery = in_hand.unwrap_or_else(|| Delivery::new(id, message, self.place()));
        self.board().deliver_more();
        let attempt = self.attempt(&delivery).await;
        let result = match attempt {
            Err(error) => Err(error),
            Ok(Attempt::Over) => self.delivered(&delivery).await,
            Ok(Attempt::Arrived(parts, number)) => {
                self.board().arrived(Instant::now());
                self.confirmed(&mut delivery, parts, number).await
            }
            Ok(Attempt::Rewritten) => {
                self.board().succeeded();
                self.confirmed(&mut delivery, 1, None).await
            }
            Ok(Attempt::Unsendable(why)) => {
                tracing::info!(%why, thread = %self.thread(), "a file cannot be sent");
                let why = delivery.texts().not_sendable(&why);
                delivery.cannot_send(&why);
                Ok(())
            }
            Ok(Attempt::Refused(error, tried)) => self.refused(&mut delivery, &error, tried).await,
        };
        // Also when the store failed, so that nothing is sent once more.
        self.delivery = Some(delivery);
        result
    }

    async fn attempt(&self, delivery: &Delivery) -> Result<Attempt, StoreError> {
        let sent = match delivery.request() {
            None => return Ok(Attempt::Over),
            Some(Request::Text(request)) => self.send(&request).await,
            Some(Request::Rich(request)) => self.send(&request).await,
            Some(Request::Edit(edit, piece, keyboard)) => return self.rewrite(edit, piece, keyboard).await,
            Some(Request::Files(items)) => {
                return Ok(match self.send_files(delivery, items).await {
                    Outcome::Arrived(parts) => Attempt::Arrived(parts, None),
                    Outcome::Refused(error, tried) => Attempt::Refused(error, Some(tried)),
                    Outcome::Unsendable(why) => Attempt::Unsendable(why),
                });
            }
        };
        Ok(match sent {
            Ok(sent) => Attempt::Arrived(1, Some(sent.message_id)),
            Err(error) => Attempt::Refused(error, None),
        })
    }

    /// Rewrites an earlier message; one that nobody remembers is as good as gone.
    async fn rewrite(&self, edit: &Edit, piece: Piece, reply_markup: Option<InlineKeyboard>) -> Result<Attempt, StoreError> {
        let number = match edit {
            Edit::Number(number) => Some(*number),
            Edit::Tag(tag) => self.screens.store.shown(&self.thread(), tag)?.map(|shown| shown.message),
        };
        let Some(message_id) = number else { return Ok(Attempt::Rewritten) };
        let (chat_id, Piece { text, entities }) = (self.chat(), piece);
        let request = EditMessageText { chat_id, message_id, text, entities, link_preview_options: LinkPreview::OFF, reply_markup };
        Ok(match self.send(&request).await {
            Ok(_) => Attempt::Rewritten,
            Err(error) if error.is_not_modified() || error.lacks_message() => Attempt::Rewritten,
            Err(error) => Attempt::Refused(error, None),
        })
    }

    /// Makes durable what has arrived.
    async fn confirmed(&self, delivery: &mut Delivery, parts: usize, number: Option<i64>) -> Result<(), StoreError> {
        let Confirmed { sent, tagged } = delivery.confirmed(parts);
        let store = &self.screens.store;
        if let (Some((tag, text)), Some(message)) = (tagged, number) {
            store.put_shown(&self.thread(), &tag, &Shown { message, text, at: unix_now() })?;
        }
        if let Some(tag) = delivery.settles() {
            store.forget_shown(&self.thread(), tag)?;
        }
        if delivery.request().is_none() {
            return self.delivered(delivery).await;
        }
        if delivery.is_long_row() {
            self.screens.pacer.more_follows(self.chat(), Instant::now());
        }
        store.outbox_progress(&delivery.id, sent)?;
        store.flush().await
    }

    async fn refused(&self, delivery: &mut Delivery, error: &ApiError, tried: Option<Tried>) -> Result<(), StoreError> {
        let thread = self.thread();
        match delivery.refused(error, tried) {
            Remedy::Wait => self.wait(error),
            Remedy::Again => tracing::info!(%error, %thread, "a message was refused; trying it in another form"),
            Remedy::WithoutTopic => self.screens.topics.lost(thread),
            Remedy::Moved(to) => {
                self.screens.follow(thread.chat, to)?;
                return self.screens.store.flush().await;
            }
            Remedy::Done => {
                tracing::info!(%error, %thread, "a message could not be rewritten; it stays as it is");
                return self.confirmed(delivery, 1, None).await;
            }
            Remedy::GiveUp => {
                tracing::warn!(%error, %thread, "a message can never arrive; it is dropped");
                return self.delivered(delivery).await;
            }
        }
        Ok(())
    }

    /// Done with a message.
    async fn delivered(&self, delivery: &Delivery) -> Result<(), StoreError> {
        self.screens.store.outbox_done(&delivery.id)?;
        self.screens.store.flush().await
    }

    /// A flood has its own time to wait for.
    pub(super) fn wait(&self, error: &ApiError) {
        if !matches!(error, ApiError::Flood { .. }) {
            tracing::info!(%error, thread = %self.thread(), "Telegram cannot be reached; trying again");
            self.board().failed(Instant::now());
        }
    }
}

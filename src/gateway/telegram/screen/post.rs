//! The outbox of one screen: its messages on their way, piece by piece.

use tokio::time::Instant;

use super::hands::Hands;
use crate::channel::telegram::api::ApiError;
use crate::gateway::telegram::delivery::{Delivery, Remedy};
use crate::store::StoreError;

impl Hands {
    /// Sends the next piece of the outbox.
    pub(super) async fn deliver(&mut self) -> Result<(), StoreError> {
        let delivery = match self.delivery.take() {
            Some(delivery) => delivery,
            None => match self.screens.store.outbox_next(&self.screen.thread)? {
                Some((id, message)) => Delivery::new(id, message),
                None => return Ok(()),
            },
        };
        self.board().deliver_more();
        let delivery = self.delivery.insert(delivery);
        let Some(request) = delivery.request() else { return self.delivered().await };
        let result = self.send(&request).await;
        let Some(delivery) = &mut self.delivery else { return Ok(()) };
        match result {
            Ok(_) => {
                let sent = delivery.confirmed();
                let (over, id, is_long_row) = (delivery.request().is_none(), delivery.id.clone(), delivery.is_long_row());
                self.board().arrived(Instant::now());
                if over {
                    return self.delivered().await;
                }
                if is_long_row {
                    self.screens.pacer.more_follows(self.chat(), Instant::now());
                }
                self.screens.store.outbox_progress(&id, sent)?;
                self.screens.store.flush().await
            }
            Err(error) => match delivery.refused(&error) {
                Remedy::Wait => {
                    self.wait(&error);
                    Ok(())
                }
                Remedy::Again => {
                    tracing::info!(%error, thread = %self.screen.thread, "a message was refused; trying it in another form");
                    Ok(())
                }
                Remedy::GiveUp => {
                    tracing::warn!(%error, thread = %self.screen.thread, "a message can never arrive; it is dropped");
                    self.delivered().await
                }
            },
        }
    }

    /// Done with the message in hand. When the store fails it stays in hand, so that it is not sent once more.
    async fn delivered(&mut self) -> Result<(), StoreError> {
        if let Some(delivery) = &self.delivery {
            self.screens.store.outbox_done(&delivery.id)?;
            self.delivery = None;
        }
        self.screens.store.flush().await
    }

    /// A flood has its own time to wait for.
    pub(super) fn wait(&self, error: &ApiError) {
        if !matches!(error, ApiError::Flood { .. }) {
            tracing::info!(%error, thread = %self.screen.thread, "Telegram cannot be reached; trying again");
            self.board().failed(Instant::now());
        }
    }
}

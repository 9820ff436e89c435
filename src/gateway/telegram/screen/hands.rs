//! What acts for one screen, as its [`Board`] says.

use std::sync::{Arc, MutexGuard};

use tokio::time::{Instant, sleep_until};

use super::{Screen, Screens};
use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{
    AnswerCallbackQuery, EditMessageText, LinkPreview, Method, Place, Reaction, SendChatAction, SendMessage, SendMessageDraft,
    SetMessageReaction, TOAST,
};
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::gateway::telegram::board::{Board, Deed, Step};
use crate::gateway::telegram::delivery::{Delivery, Remedy};
use crate::store::StoreError;

/// What acts for one screen.
pub(super) struct Hands {
    screens: Arc<Screens>,
    screen: Arc<Screen>,
    delivery: Option<Delivery>,
}

impl Hands {
    pub(super) fn new(screens: Arc<Screens>, screen: Arc<Screen>) -> Self {
        Self { screens, screen, delivery: None }
    }

    /// Acts until there is nothing left to show.
    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            let due = self.screens.pacer.due(self.chat(), now);
            let step = self.board().next(now, due);
            match step {
                Step::Do(deed) => self.act(deed).await,
                Step::Wait(until) => {
                    tokio::select! {
                        () = self.screen.changed.notified() => {}
                        () = sleep_until(until) => {}
                    }
                }
                Step::Listen => self.screen.changed.notified().await,
                Step::Rest if self.screens.end(&self.screen) => return,
                Step::Rest => {}
            }
        }
    }

    async fn act(&mut self, deed: Deed) {
        let (place, thread) = (self.place(), self.screen.thread);
        match deed {
            Deed::Toast { press, toast } => {
                let text = toast.chars().take(TOAST).collect();
                self.screens.sign(thread, AnswerCallbackQuery { callback_query_id: press, text });
            }
            Deed::React { message } => {
                self.screens.sign(thread, SetMessageReaction { chat_id: thread.chat, message_id: message, reaction: [Reaction::EYES] });
            }
            // Not a sign like the others: typing that overtakes its answer would be seen for 5 s after it.
            Deed::Typing => self.screens.try_once(thread, &SendChatAction::typing(place)).await,
            Deed::Draft { id, piece } => self.draft(id, piece).await,
            Deed::Ask { piece, keyboard } => self.ask(piece, keyboard).await,
            Deed::Settle { message, piece } => self.settle(message, piece).await,
            Deed::Deliver => {
                if let Err(error) = self.deliver().await {
                    tracing::error!(%error, %thread, "the outbox cannot be read or written; trying again");
                    self.board().deliver_more();
                    self.board().failed(Instant::now());
                }
            }
        }
    }

    /// Calls a method that sends or changes a message.
    async fn send<M: Method>(&self, request: &M) -> Result<M::Reply, ApiError> {
        self.screens.pacer.sends(self.chat(), Instant::now());
        let result = self.screens.api.call(request).await;
        if let Err(error) = &result {
            self.screens.heed(self.screen.thread, error);
        }
        result
    }

    async fn draft(&self, draft_id: i64, piece: Piece) {
        let request = SendMessageDraft {
            place: self.place(),
            draft_id,
            text: piece.text,
            entities: piece.entities,
            can_stop: false,
            keep_on_stop: false,
        };
        match self.screens.api.call(&request).await {
            Ok(_) => {}
            Err(ApiError::Flood { retry_after, .. }) => self.board().hush_drafts(Instant::now() + retry_after),
            Err(error) if error.is_passing() => tracing::debug!(%error, "a draft was not shown"),
            Err(error) => {
                tracing::info!(%error, thread = %self.screen.thread, "no drafts in this thread");
                self.board().no_drafts();
            }
        }
    }

    async fn ask(&self, piece: Piece, keyboard: Option<InlineKeyboard>) {
        let request = SendMessage {
            place: self.place(),
            text: piece.text,
            entities: piece.entities,
            link_preview_options: LinkPreview::OFF,
            disable_notification: false,
            reply_markup: keyboard,
        };
        match self.send(&request).await {
            Ok(sent) => self.board().asked(sent.message_id, Instant::now()),
            Err(error) if error.is_passing() => self.wait(&error),
            Err(error) => {
                tracing::warn!(%error, thread = %self.screen.thread, "a question could not be shown; it will be denied");
                self.board().ask_refused();
            }
        }
    }

    async fn settle(&self, message_id: i64, piece: Piece) {
        let request = EditMessageText {
            chat_id: self.chat(),
            message_id,
            text: piece.text,
            entities: piece.entities,
            link_preview_options: LinkPreview::OFF,
            reply_markup: None,
        };
        match self.send(&request).await {
            Ok(_) => self.board().settle_done(),
            Err(error) if error.is_passing() => self.wait(&error),
            Err(error) => {
                tracing::info!(%error, thread = %self.screen.thread, "a settled question could not be rewritten");
                self.board().settle_done();
            }
        }
    }

    /// Sends the next piece of the outbox.
    async fn deliver(&mut self) -> Result<(), StoreError> {
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
    fn wait(&self, error: &ApiError) {
        if !matches!(error, ApiError::Flood { .. }) {
            tracing::info!(%error, thread = %self.screen.thread, "Telegram cannot be reached; trying again");
            self.board().failed(Instant::now());
        }
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.screen.board()
    }

    fn chat(&self) -> i64 {
        self.screen.thread.chat
    }

    fn place(&self) -> Place {
        Place::new(self.chat(), self.screen.thread.topic())
    }
}

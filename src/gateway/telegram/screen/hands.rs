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
use crate::gateway::telegram::delivery::Delivery;

/// What acts for one screen.
pub(super) struct Hands {
    pub(super) screens: Arc<Screens>,
    pub(super) screen: Arc<Screen>,
    pub(super) delivery: Option<Delivery>,
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
    pub(super) async fn send<M: Method>(&self, request: &M) -> Result<M::Reply, ApiError> {
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

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.screen.board()
    }

    pub(super) fn chat(&self) -> i64 {
        self.screen.thread.chat
    }

    pub(super) fn place(&self) -> Place {
        Place::new(self.chat(), self.screen.thread.topic())
    }
}

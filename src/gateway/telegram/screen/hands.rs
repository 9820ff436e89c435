//! What acts for one screen, as its [`Board`] says.

use std::sync::{Arc, MutexGuard};

use tokio::time::{Instant, sleep_until};

use super::{ASK, Screen, Screens};
use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{
    AnswerCallbackQuery, EditMessageReplyMarkup, EditMessageText, LinkPreview, Method, Place, Reaction, SendMessage, SetMessageReaction,
    TOAST,
};
use crate::channel::telegram::render::Piece;
use crate::channel::telegram::types::InlineKeyboard;
use crate::gateway::clock::unix_now;
use crate::gateway::telegram::board::{AskPiece, Board, Deed, Opened, Step};
use crate::gateway::telegram::delivery::Delivery;
use crate::model::ThreadId;
use crate::store::{Shown, StoreError};

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
            let gates = self.screens.pacer.gates(self.chat(), now);
            let step = self.board().next(now, gates);
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
        let thread = self.thread();
        match deed {
            Deed::Toast { press, toast } => {
                let text = toast.chars().take(TOAST).collect();
                self.screens.sign(thread, AnswerCallbackQuery { callback_query_id: press, text });
            }
            Deed::React { message } => {
                self.screens.sign(thread, SetMessageReaction { chat_id: thread.chat, message_id: message, reaction: [Reaction::EYES] });
            }
            Deed::Typing => self.typing().await,
            Deed::Draft { id, piece } => self.draft(id, piece).await,
            Deed::Live { key, message, piece } => self.live(key, message, piece).await,
            Deed::Remove { key, message } => self.remove(key, message).await,
            Deed::Ask(piece) => self.ask(piece).await,
            Deed::Open { message, keyboard } => self.put_buttons(message, keyboard).await,
            Deed::Settle { ask, message, piece } => self.settle(&ask, message, piece).await,
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

    /// A question has no buttons before it is durable: whatever ends this process, none is left that nobody takes away.
    async fn ask(&self, AskPiece { piece, silent }: AskPiece) {
        let request = SendMessage {
            place: self.place(),
            text: piece.text,
            entities: piece.entities,
            link_preview_options: LinkPreview::OFF,
            disable_notification: silent,
            reply_markup: None,
        };
        match self.send(&request).await {
            Ok(sent) => {
                let opened = self.board().asked(sent.message_id, Instant::now());
                if let Some(Opened { ask, message, lost }) = opened {
                    let shown = Shown { message, text: lost, at: unix_now() };
                    self.remember(self.screens.store.put_shown(&self.thread(), &format!("{ASK}{ask}"), &shown)).await;
                }
            }
            Err(error) if error.is_passing() => self.wait(&error),
            Err(error) => {
                tracing::warn!(%error, thread = %self.thread(), "a question could not be shown; it will be denied");
                self.board().ask_refused();
            }
        }
    }

    async fn put_buttons(&self, message_id: i64, reply_markup: InlineKeyboard) {
        match self.send(&EditMessageReplyMarkup { chat_id: self.chat(), message_id, reply_markup }).await {
            Err(error) if error.is_passing() => return self.wait(&error),
            Err(error) if !error.is_not_modified() => {
                tracing::warn!(%error, thread = %self.thread(), "a question could not be given its buttons; it will be denied");
            }
            _ => {}
        }
        self.board().opened(message_id);
    }

    async fn settle(&self, ask: &str, message_id: i64, piece: Piece) {
        let request = EditMessageText {
            chat_id: self.chat(),
            message_id,
            text: piece.text,
            entities: piece.entities,
            link_preview_options: LinkPreview::OFF,
            reply_markup: None,
        };
        match self.send(&request).await {
            Err(error) if error.is_passing() => return self.wait(&error),
            Err(error) if !error.is_not_modified() => {
                tracing::info!(%error, thread = %self.thread(), "a settled question could not be rewritten");
            }
            _ => {}
        }
        self.board().settle_done();
        self.remember(self.screens.store.forget_shown(&self.thread(), &format!("{ASK}{ask}"))).await;
    }

    /// Makes durable which questions are open. Without it a restart would leave one with buttons that do nothing.
    async fn remember(&self, stored: Result<(), StoreError>) {
        let stored = match stored {
            Ok(()) => self.screens.store.flush().await,
            error => error,
        };
        if let Err(error) = stored {
            tracing::warn!(%error, thread = %self.thread(), "an open question cannot be remembered");
        }
    }

    pub(super) fn board(&self) -> MutexGuard<'_, Board> {
        self.screen.board()
    }

    pub(super) fn thread(&self) -> ThreadId {
        self.screen.thread
    }

    pub(super) fn chat(&self) -> i64 {
        self.screen.thread.chat
    }

    pub(super) fn place(&self) -> Place {
        self.screens.topics.place(self.thread())
    }
}

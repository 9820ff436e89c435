//! What is passing: typing, drafts, and messages that are kept up to date. It never holds up what must arrive.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::Screens;
use super::hands::Hands;
use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{
    DeleteMessage, EditMessageText, LinkPreview, Method, Place, SendChatAction, SendMessage, SendMessageDraft,
};
use crate::channel::telegram::render::Piece;
use crate::gateway::telegram::board::{Key, Shown};

/// How long something that must arrive waits for a call that is on its way already: usually that is over within it, and in order.
const MOMENT: Duration = Duration::from_millis(500);

impl Hands {
    /// Not a sign like the others: typing that overtakes its answer would be seen for 5 s after it.
    pub(super) async fn typing(&self) {
        if let Err(Some(error)) = self.pass(&SendChatAction::typing(self.place())).await {
            tracing::debug!(%error, thread = %self.thread(), "typing was not shown");
        }
    }

    /// Shows a draft, with a Stop button. What was written stays in sight when it is pressed: the message with it is soon to come.
    pub(super) async fn draft(&self, draft_id: i64, piece: Piece) {
        let Piece { text, entities } = piece;
        self.screens.pacer.previews(self.chat(), Instant::now());
        let request = SendMessageDraft { place: self.place(), draft_id, text, entities, can_stop: true, keep_on_stop: true };
        let Err(error) = self.pass(&request).await else { return };
        let never = error.as_ref().is_some_and(|error| !error.is_passing());
        if let Some(error) = error {
            tracing::debug!(%error, never, thread = %self.thread(), "a draft was not shown");
        }
        self.board().draft_failed(never);
    }

    /// Shows a message that is kept up to date, in place or for the first time.
    pub(super) async fn live(&self, key: Key, message: Option<i64>, piece: Piece) {
        self.screens.pacer.previews(self.chat(), Instant::now());
        let (screens, place) = (Arc::clone(&self.screens), self.place());
        let shown = Some(piece.clone());
        let call = async move { screens.show_live(place, message, piece).await };
        self.report((key, shown, message.is_none()), call).await;
    }

    /// Removes such a message.
    pub(super) async fn remove(&self, key: Key, message_id: i64) {
        let (screens, place) = (Arc::clone(&self.screens), self.place());
        let call = async move {
            let request = DeleteMessage { chat_id: place.chat_id, message_id };
            screens.outcome(place, screens.api.call(&request).await.map(|_| message_id))
        };
        self.report((key, None, false), call).await;
    }

    /// Tells the board what became of a call, also when that is not waited for: the message may stand all the same.
    async fn report(&self, (key, piece, is_new): (Key, Option<Piece>, bool), call: impl Future<Output = Shown> + Send + 'static) {
        let screen = Arc::clone(&self.screen);
        let call = tokio::spawn(async move {
            let shown = call.await;
            screen.board().live_shown(key, (piece, is_new), shown, Instant::now());
            screen.changed.notify_one();
        });
        let (Some(_) | None) = self.moment(call).await;
    }

    /// Calls something passing, once. It is given up, which is `Err(None)`, when something that must arrive has waited a moment for it.
    async fn pass<M: Method>(&self, request: &M) -> Result<M::Reply, Option<ApiError>> {
        let result = self.moment(self.screens.api.call(request)).await.ok_or(None)?;
        result.map_err(|error| {
            self.screens.hush(self.chat(), &error);
            Some(error)
        })
    }

    /// Waits for something, but when what must arrive comes meanwhile, only a moment more.
    async fn moment<T>(&self, call: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(call);
        loop {
            tokio::select! {
                result = &mut call => return Some(result),
                () = self.screen.changed.notified() => {}
            }
            if self.board().has_duty() {
                return timeout(MOMENT, &mut call).await.ok();
            }
        }
    }
}

impl Screens {
    async fn show_live(&self, place: Place, message: Option<i64>, piece: Piece) -> Shown {
        let Piece { text, entities } = piece;
        let link_preview_options = LinkPreview::OFF;
        let Some(message_id) = message else {
            let request = SendMessage { place, text, entities, link_preview_options, disable_notification: true, reply_markup: None };
            let result = self.api.call(&request).await.map(|sent| sent.message_id);
            if let Err(ApiError::Flood { retry_after, .. }) = result {
                // Telegram would tell the next message the same.
                self.pacer.flooded(place.chat_id, retry_after, Instant::now());
            }
            return self.outcome(place, result);
        };
        let request = EditMessageText { chat_id: place.chat_id, message_id, text, entities, link_preview_options, reply_markup: None };
        match self.api.call(&request).await {
            // As good as any: it was carried out before, and the answer lost.
            Err(error) if error.is_not_modified() => Shown::As(message_id),
            result => self.outcome(place, result.map(|_| message_id)),
        }
    }

    fn outcome(&self, place: Place, result: Result<i64, ApiError>) -> Shown {
        match result {
            Ok(message) => Shown::As(message),
            Err(error) => {
                tracing::debug!(%error, chat = place.chat_id, "a message was not brought up to date");
                self.hush(place.chat_id, &error);
                if error.is_passing() { Shown::NotYet } else { Shown::Never }
            }
        }
    }
}

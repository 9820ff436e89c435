//! What is passing: typing, drafts, and messages that are kept up to date. It never holds up what must arrive.

use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::hands::Hands;
use crate::channel::telegram::api::ApiError;
use crate::channel::telegram::methods::{
    DeleteMessage, EditMessageText, LinkPreview, Method, SendChatAction, SendMessage, SendMessageDraft,
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
        let Piece { text, entities } = piece.clone();
        let link_preview_options = LinkPreview::OFF;
        self.screens.pacer.previews(self.chat(), Instant::now());
        let shown = match message {
            Some(message_id) => {
                let request =
                    EditMessageText { chat_id: self.chat(), message_id, text, entities, link_preview_options, reply_markup: None };
                self.outcome(self.pass(&request).await.map(|_| message_id), Some(message_id))
            }
            None => {
                let place = self.place();
                let request = SendMessage { place, text, entities, link_preview_options, disable_notification: true, reply_markup: None };
                let result = self.pass(&request).await;
                if let Err(Some(error)) = &result {
                    // Telegram would tell the next message the same.
                    self.screens.heed(self.thread(), error);
                }
                self.outcome(result.map(|sent| sent.message_id), None)
            }
        };
        self.board().live_shown(key, (Some(piece), message.is_none()), shown, Instant::now());
    }

    /// Removes such a message.
    pub(super) async fn remove(&self, key: Key, message_id: i64) {
        let result = self.pass(&DeleteMessage { chat_id: self.chat(), message_id }).await;
        let shown = self.outcome(result.map(|_| message_id), None);
        self.board().live_shown(key, (None, false), shown, Instant::now());
    }

    /// What the board has to know of a call. `stood` is the message where it was an edit: one that changed nothing is as good as any.
    fn outcome(&self, result: Result<i64, Option<ApiError>>, stood: Option<i64>) -> Shown {
        match (result, stood) {
            (Ok(message), _) => Shown::As(message),
            (Err(None), _) => Shown::NotYet,
            (Err(Some(error)), Some(message)) if error.is_not_modified() => Shown::As(message),
            (Err(Some(error)), _) => {
                tracing::debug!(%error, thread = %self.thread(), "a message was not brought up to date");
                if error.is_passing() { Shown::NotYet } else { Shown::Never }
            }
        }
    }

    /// Calls something passing, once. It is given up, which is `Err(None)`, when something that must arrive has waited a moment for it.
    async fn pass<M: Method>(&self, request: &M) -> Result<M::Reply, Option<ApiError>> {
        let call = self.screens.api.call(request);
        tokio::pin!(call);
        let result = loop {
            tokio::select! {
                result = &mut call => break result,
                () = self.screen.changed.notified() => {}
            }
            if self.board().has_duty() {
                break timeout(MOMENT, &mut call).await.map_err(|_| None)?;
            }
        };
        result.map_err(|error| {
            self.screens.hush(self.thread(), &error);
            Some(error)
        })
    }
}

//! Long polling, pull style: whoever calls [`Poller::next`] has made the last batch durable.
//!
//! A higher offset confirms the earlier events, so a batch is confirmed by asking for the next one, never before.
//! The poller survives everything but a refused token, and every way through it either waits for Telegram or pauses.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::api::{Api, ApiError};
use super::backoff::Backoff;
use super::methods::{DeleteWebhook, GetUpdates, Method, POLL};
use super::types::Update;

/// The kinds of events that the bot understands. Named each time: when left out, Telegram goes on with the last poller's choice.
const KINDS: &[&str] = &["message", "edited_message", "callback_query", "my_chat_member", "stopped_message_generation"];

/// Events per poll, Telegram's own maximum.
const BATCH: usize = 100;

/// After so long without an event the offset is forgotten. All before it was confirmed by the polls since; and after a week Telegram
/// counts on from a random number, which a poll with an old, higher offset would confirm unseen.
const QUIET: Duration = Duration::from_secs(24 * 60 * 60);

/// A poll that brings nothing should take its 50 s. From one that does not, this pause keeps a busy loop away.
const EMPTY: Duration = Duration::from_millis(250);

/// How long a clean stop may wait for the last batch to be confirmed.
const CONFIRM: Duration = Duration::from_secs(2);

/// Time for whoever calls to make a batch durable.
const TAKE_IN: Duration = Duration::from_secs(30);

/// How often the same trouble is logged.
const REMIND: Duration = Duration::from_secs(60);

/// Why polling ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PollEnd {
    /// Telegram refuses the token, and will not accept it later.
    #[error("Telegram refuses the bot's token; check BOT_TOKEN with @BotFather and start again")]
    Refused,
}

/// The one poller of a bot.
#[derive(Debug)]
pub struct Poller {
    api: Api,
    /// Confirms the last batch when sent; `None` before the first event.
    offset: Option<i64>,
    /// When the last event came.
    last: Instant,
    limit: usize,
    backoff: Backoff,
    /// The last poll failed: the next one does not wait for events, since its answer tells that all is well again.
    disturbed: bool,
    webhook_removed: bool,
    reminded: Option<Instant>,
}

impl Poller {
    /// A poller that begins with the oldest event that is not confirmed.
    pub fn new(api: Api) -> Self {
        let backoff = Backoff::usual();
        Self { api, offset: None, last: Instant::now(), limit: BATCH, backoff, disturbed: false, webhook_removed: false, reminded: None }
    }

    /// Confirms the last batch and waits for the next one, which is never empty. To be called when the last batch is durable.
    ///
    /// # Errors
    /// [`PollEnd::Refused`]; every other trouble is waited out.
    pub async fn next(&mut self) -> Result<Vec<Update>, PollEnd> {
        loop {
            if self.last.elapsed() > QUIET {
                self.offset = None;
            }
            let asked = Instant::now();
            let timeout = if std::mem::take(&mut self.disturbed) { 0 } else { POLL.as_secs() };
            let request = GetUpdates { offset: self.offset, limit: self.limit, timeout, allowed_updates: KINDS };
            self.api.polls.expect_within(GetUpdates::TIMEOUT);
            match self.api.call(&request).await {
                Ok(raw) if raw.is_empty() => {
                    self.api.polls.succeeded();
                    self.backoff.reset();
                    sleep(EMPTY.saturating_sub(asked.elapsed())).await;
                }
                Ok(raw) => {
                    self.api.polls.succeeded();
                    self.api.polls.expect_within(TAKE_IN);
                    // Nothing is awaited between the offset's move and the batch's return: who drops this future in between could otherwise
                    // confirm what nobody took in.
                    if !self.is_beyond(&raw) {
                        sleep(self.backoff.pause()).await;
                    }
                    self.advance(&raw);
                    let updates: Vec<Update> = raw.iter().filter_map(read).collect();
                    if !updates.is_empty() {
                        return Ok(updates);
                    }
                }
                Err(ApiError::Unauthorized { .. }) => return Err(PollEnd::Refused),
                Err(error) => self.wait_out(&error).await,
            }
        }
    }

    /// Confirms the last batch without waiting for another one, within 2 s. To be called at a clean stop, when that batch is durable. What
    /// it fails to confirm only comes again.
    pub async fn confirm(&mut self) {
        let Some(offset) = self.offset.filter(|_| self.last.elapsed() <= QUIET) else { return };
        let request = GetUpdates { offset: Some(offset), limit: 1, timeout: 0, allowed_updates: KINDS };
        if !matches!(timeout(CONFIRM, self.api.call(&request)).await, Ok(Ok(_))) {
            tracing::debug!("the last events could not be confirmed; they will come again");
        }
    }

    /// Whether a batch is beyond the last one. If not, either the numbers began anew, or the server repeats itself, and asking at once would
    /// become a busy loop. Either way the batch is handed on; the inbox knows what it has had.
    fn is_beyond(&self, raw: &[serde_json::Value]) -> bool {
        behind(raw).is_some_and(|next| self.offset.is_none_or(|offset| next > offset))
    }

    /// Moves the offset behind a batch.
    fn advance(&mut self, raw: &[serde_json::Value]) {
        if self.is_beyond(raw) {
            self.backoff.reset();
        }
        let Some(next) = behind(raw) else { return };
        self.offset = Some(next);
        self.last = Instant::now();
        self.limit = BATCH;
    }

    async fn wait_out(&mut self, error: &ApiError) {
        match error {
            ApiError::ConflictWebhook if !self.webhook_removed => return self.remove_webhook().await,
            // One huge event may hide among small ones.
            ApiError::TooLarge { .. } => self.limit = 1,
            _ => {}
        }
        self.remind(error);
        self.disturbed = true;
        let pause = self.backoff.pause();
        let pause = if let ApiError::Flood { retry_after, .. } = error { pause.max(*retry_after) } else { pause };
        // A poller that tries again and again goes on, whatever Telegram does.
        self.api.polls.failed(error.to_string());
        self.api.polls.expect_within(pause);
        sleep(pause).await;
    }

    /// Polling is what this program does, so a webhook left over from another one is removed; its waiting events are kept. Only once:
    /// who sets it again wants it.
    async fn remove_webhook(&mut self) {
        tracing::warn!("a webhook was set for this bot, which stops polling; removing it");
        match self.api.call(&DeleteWebhook { drop_pending_updates: false }).await {
            Ok(_) => self.webhook_removed = true,
            Err(error) => {
                self.remind(&error);
                sleep(self.backoff.pause()).await;
            }
        }
    }

    fn remind(&mut self, error: &ApiError) {
        if self.reminded.is_none_or(|last| last.elapsed() >= REMIND) {
            tracing::warn!(%error, "polling is disturbed; trying again");
            self.reminded = Some(Instant::now());
        }
    }
}

/// The offset that confirms a batch.
fn behind(raw: &[serde_json::Value]) -> Option<i64> {
    let numbers = raw.iter().filter_map(|event| event.get("update_id").and_then(serde_json::Value::as_i64));
    numbers.max().map(|last| last.saturating_add(1))
}

fn read(event: &serde_json::Value) -> Option<Update> {
    let update = Update::read(event);
    if update.is_none() {
        let number = event.get("update_id").and_then(serde_json::Value::as_i64);
        tracing::warn!(update = number, "an event from Telegram is not understood; skipping it");
    }
    update
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_offset_follows_the_last_batch_and_repetition_is_noticed() {
        let api = Api::new("http://127.0.0.1:1", &crate::model::Secret::new("1:a".to_owned())).unwrap();
        let mut poller = Poller::new(api);
        let batch = |numbers: &[i64]| numbers.iter().map(|number| json!({"update_id": number})).collect::<Vec<_>>();
        for (numbers, is_beyond, offset) in [(&[5, 7, 6][..], true, 8), (&[7], false, 8), (&[-3], false, -2)] {
            assert_eq!(poller.is_beyond(&batch(numbers)), is_beyond, "{numbers:?}");
            poller.advance(&batch(numbers));
            assert_eq!(poller.offset, Some(offset), "{numbers:?}");
        }
        assert!(!poller.is_beyond(&[json!({})]));
    }
}

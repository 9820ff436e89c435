//! `getUpdates` and the webhook that excludes it.

use std::sync::MutexGuard;
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::Shared;
use super::answer::{Answer, Refusal, refused};
use super::state::State;

/// Why a poll ends when another one begins.
pub const OTHER_POLLER: &str = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";

const WEBHOOK: &str = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";

/// Telegram's longest poll.
const LONGEST: i64 = 50;

/// How often a waiting poll looks whether its client is still there.
const LOOK: Duration = Duration::from_millis(200);

/// Waits for updates as long as the client wants; `gone` says whether it hung up.
pub fn get_updates<'a>(
    shared: &'a Shared,
    mut state: MutexGuard<'a, State>,
    params: &Map<String, Value>,
    gone: impl Fn() -> bool,
) -> (MutexGuard<'a, State>, Answer) {
    let number = |name: &str| params.get(name).and_then(Value::as_i64);
    if state.webhook.is_some() {
        return (state, Err(refused(409, WEBHOOK)));
    }
    state.poll += 1;
    let poll = state.poll;
    shared.changed.notify_all();
    if let Some(Value::Array(kinds)) = params.get("allowed_updates") {
        state.allowed = kinds.iter().filter_map(|kind| kind.as_str().map(str::to_owned)).collect();
    }
    confirm(&mut state, number("offset").unwrap_or_default());
    let limit = usize::try_from(number("limit").unwrap_or(100).clamp(1, 100)).unwrap_or(100);
    let timeout = number("timeout").unwrap_or_default().clamp(0, LONGEST);
    let until = Instant::now() + Duration::from_secs(timeout.unsigned_abs());
    loop {
        if let Some(refusal) = ended(&state, poll) {
            return (state, Err(refusal));
        }
        if state.stopped || gone() {
            return (state, Ok(json!([])));
        }
        let again = std::mem::take(&mut state.again);
        let updates: Vec<Value> = again.into_iter().chain(state.queue.iter().take(limit).cloned()).collect();
        let left = until.saturating_duration_since(Instant::now());
        if !updates.is_empty() || left.is_zero() {
            return (state, Ok(Value::Array(updates)));
        }
        state = shared.pause(state, left.min(LOOK));
    }
}

/// Sets, deletes and tells the webhook.
pub fn webhook(state: &mut State, method: &str, params: &Map<String, Value>) -> Answer {
    if params.get("drop_pending_updates") == Some(&Value::Bool(true)) {
        state.queue.clear();
    }
    let url = params.get("url").and_then(Value::as_str).unwrap_or_default();
    match method {
        "setWebhook" => state.webhook = (!url.is_empty()).then(|| url.to_owned()),
        "deleteWebhook" => state.webhook = None,
        _ => {
            return Ok(json!({
                "url": state.webhook.clone().unwrap_or_default(),
                "has_custom_certificate": false,
                "pending_update_count": state.queue.len(),
            }));
        }
    }
    Ok(json!(true))
}

fn ended(state: &State, poll: u64) -> Option<Refusal> {
    if state.webhook.is_some() {
        return Some(refused(409, "Conflict: terminated by setWebhook request"));
    }
    (state.poll != poll).then(|| refused(409, OTHER_POLLER))
}

/// An offset confirms all updates below it; a negative one all but the last so many. One far beyond the last update stems from before
/// the numbers were drawn anew, and confirms nothing.
fn confirm(state: &mut State, offset: i64) {
    if offset < 0 {
        let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
        let forget = state.queue.len().saturating_sub(keep);
        state.queue.drain(..forget);
    } else if offset <= state.next_update + 10 {
        state.queue.retain(|update| update["update_id"].as_i64() >= Some(offset));
    }
}

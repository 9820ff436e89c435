//! What tests let go wrong between the bot and Telegram.

use std::sync::Arc;

use super::fault::{Fault, Planned};
use super::flood::{Flood, Rates};
use super::{Shared, Telegram};

/// Tells the server that the bot is being killed.
pub struct KillNote(Arc<Shared>);

impl KillNote {
    /// Just before it happens. What the bot did last it may do once more, where that is an edit that then changes nothing: it can have been
    /// killed before it noted the first.
    pub fn tell(&self) {
        self.0.change(|state| state.killed = Some(state.calls.len()));
    }
}

impl Telegram {
    /// Lets something go wrong with the next `times` calls of `method` (`*`: any method, [`super::DOWNLOAD`]: fetching the content of a file).
    pub fn fault(&self, method: &str, times: usize, fault: Fault) {
        self.shared.change(|state| state.faults.push(Planned { method: method.to_owned(), times, fault }));
    }

    /// Nothing goes wrong any more; gives how many faults had not happened.
    pub fn clear_faults(&self) -> usize {
        self.shared.change(|state| state.faults.drain(..).map(|planned| planned.times).sum())
    }

    /// Waits until all planned faults have happened.
    #[track_caller]
    pub fn waits_for_faults(&self) {
        self.waits("all faults to happen", |state| state.faults.iter().all(|planned| planned.times == 0).then_some(()));
    }

    /// From now on sends are limited.
    pub fn limit_rates(&self, rates: Rates) {
        self.shared.change(|state| state.flood = Some(Flood::new(rates)));
    }

    /// Draws the number of the next update anew, as Telegram does after a week without updates.
    pub fn jump_to_update(&self, number: i64) {
        self.shared.change(|state| {
            state.queue.clear();
            state.next_update = number;
        });
    }

    /// Delivers the last `count` updates once more, whatever the offset.
    pub fn redeliver(&self, count: usize) {
        self.shared.change(|state| {
            let from = state.updates.len().saturating_sub(count);
            let updates = state.updates[from..].to_vec();
            state.again.extend(updates);
        });
    }

    /// Another instance of the bot polls: a waiting poll of ours ends with 409.
    pub fn another_instance_polls(&self) {
        self.shared.change(|state| state.poll += 1);
    }

    /// Somebody sets a webhook, or takes it away.
    pub fn webhook(&self, url: Option<&str>) {
        self.shared.change(|state| state.webhook = url.map(str::to_owned));
    }

    /// The owner has revoked the token at @BotFather: every call is answered 401.
    pub fn revoke_token(&self) {
        self.shared.change(|state| state.token = "110201543:revoked".to_owned());
    }

    /// What tells the server that the bot is being killed, for whoever does that.
    pub fn kill_note(&self) -> KillNote {
        KillNote(Arc::clone(&self.shared))
    }

    /// All presses so far have become too old to be answered.
    pub fn age_presses(&self) {
        self.shared.change(|state| state.presses.values_mut().for_each(|open| *open = false));
    }
}

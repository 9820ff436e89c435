//! What tests ask the stand-in about the bot's calls.

use serde_json::Value;

use super::Telegram;
use super::files::Download;
use super::state::Call;
use super::tally::{Mark, Tally};

impl Telegram {
    /// Every call so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.lock().calls.clone()
    }

    /// Every call of a method so far, in order.
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.shared.lock().calls.iter().filter(|call| call.method == method).cloned().collect()
    }

    /// Now, to count from.
    pub fn mark(&self) -> Mark {
        Mark(self.shared.lock().calls.len())
    }

    /// The calls since a mark, counted.
    pub fn tally(&self, since: Mark) -> Tally {
        Tally::of(&self.shared.lock().calls[since.0..])
    }

    /// The commands that the bot set, by scope and language.
    pub fn commands(&self) -> Vec<(String, Value)> {
        self.shared.lock().commands.clone().into_iter().collect()
    }

    /// Every try to fetch the content of a file so far, in order.
    pub fn downloads(&self) -> Vec<Download> {
        self.shared.lock().downloads.clone()
    }

    /// Updates that the bot has not confirmed yet.
    pub fn unconfirmed(&self) -> usize {
        self.shared.lock().queue.len()
    }
}

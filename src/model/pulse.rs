//! Signs of life of work that goes on for ever, for those who judge whether it still does.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What is known of such work.
#[derive(Debug, Clone, Default)]
pub struct Signs {
    /// When it last succeeded.
    pub succeeded: Option<Instant>,
    /// Attempts that have failed since.
    pub failures: u32,
    /// Why the last of them did; empty for none.
    pub why: String,
    /// By when the next sign has to come; `None` before the first.
    pub due: Option<Instant>,
}

/// Where work leaves its signs. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<Mutex<Signs>>);

impl Pulse {
    /// What comes next, a wait or an attempt, takes at most so long.
    pub fn expect_within(&self, time: Duration) {
        self.change(|signs| signs.due = Instant::now().checked_add(time));
    }

    /// An attempt succeeded.
    pub fn succeeded(&self) {
        self.change(|signs| {
            signs.succeeded = Some(Instant::now());
            signs.failures = 0;
            signs.why.clear();
        });
    }

    /// An attempt failed. `why` must hold no secret.
    pub fn failed(&self, why: String) {
        self.change(|signs| {
            signs.failures = signs.failures.saturating_add(1);
            signs.why = why;
        });
    }

    /// What is known now.
    pub fn signs(&self) -> Signs {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, change: impl FnOnce(&mut Signs)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_ends_a_row_of_failures() {
        let (pulse, seen) = {
            let pulse = Pulse::default();
            (pulse.clone(), pulse)
        };
        pulse.failed("a".to_owned());
        pulse.failed("b".to_owned());
        assert_eq!((seen.signs().failures, seen.signs().why.as_str()), (2, "b"));
        pulse.succeeded();
        assert!(seen.signs().failures == 0 && seen.signs().why.is_empty() && seen.signs().succeeded.is_some());
    }
}

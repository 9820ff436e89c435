//! Pauses between attempts: doubling from a first to a longest one, with jitter.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;

/// The next pauses after a row of failures.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    /// What Telegram's own failures get: 0.5 s, doubling to 30 s.
    pub fn usual() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(30))
    }

    /// Pauses from `first` to `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// The pause after one more failure: between a half and the whole of the current one, so that many do not come back at once.
    pub fn pause(&mut self) -> Duration {
        let whole = self.next;
        self.next = (whole * 2).min(self.longest);
        whole / 2 + (whole / 2).mul_f64(chance())
    }

    /// Something succeeded: begin anew.
    pub fn reset(&mut self) {
        self.next = self.first;
    }
}

/// A number in [0, 1). Good enough to spread clients, and needs no generator of our own: every `RandomState` has fresh keys.
fn chance() -> f64 {
    let bits = RandomState::new().build_hasher().finish();
    f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_anew() {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(3));
        for whole in [1, 2, 3, 3] {
            let (whole, pause) = (Duration::from_secs(whole), backoff.pause());
            assert!(pause >= whole / 2 && pause <= whole, "{pause:?} of {whole:?}");
        }
        backoff.reset();
        assert!(backoff.pause() <= Duration::from_secs(1));
    }
}

//! How often something passing is shown: at once, then ever more rarely, so that a long turn costs little more than a short one.

use std::time::Duration;

use tokio::time::Instant;

/// Longest pause. A draft lives about 30 s on a phone, and an older state of anything is of little use.
const LONGEST: Duration = Duration::from_secs(15);

/// When something is to be shown next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    first: Duration,
    gap: Duration,
    at: Instant,
}

impl Pace {
    /// At once, then after pauses that grow from `first` by a tenth each: about 28 in the first 140 s, then 4 in a minute.
    pub(super) fn new(first: Duration, now: Instant) -> Self {
        Self { first, gap: first, at: now }
    }

    /// Not before.
    pub(super) fn at(&self) -> Instant {
        self.at
    }

    /// It is being shown.
    pub(super) fn take(&mut self, now: Instant) {
        self.at = now + self.gap;
        self.gap = (self.gap * 11 / 10).min(LONGEST);
    }

    /// Something else is shown from now on: it begins anew after the shortest pause.
    pub(super) fn again(&mut self, now: Instant) {
        (self.gap, self.at) = (self.first, now + self.first);
    }

    /// It has to be shown once more soon, whatever the pause has grown to.
    pub(super) fn soon(&mut self, now: Instant) {
        self.at = now + self.first;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often something that changes all the time is shown in so many seconds.
    fn shown_in(seconds: u64) -> usize {
        let begin = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1), begin);
        let mut shown = 0;
        while pace.at() <= begin + Duration::from_secs(seconds) {
            let now = pace.at();
            pace.take(now);
            shown += 1;
        }
        shown
    }

    #[test]
    fn the_first_is_shown_at_once_and_the_others_ever_more_rarely() {
        assert_eq!(shown_in(0), 1);
        assert_eq!(shown_in(1), 2);
        assert!((10..15).contains(&shown_in(20)), "{}", shown_in(20));
        assert!(shown_in(500) <= 54, "{}", shown_in(500));
    }

    #[test]
    fn a_pause_never_outlives_a_draft() {
        let begin = Instant::now();
        let mut pace = Pace::new(Duration::from_secs(1), begin);
        (0..1000).for_each(|_| pace.take(begin));
        assert_eq!(pace.at(), begin + LONGEST);
    }
}

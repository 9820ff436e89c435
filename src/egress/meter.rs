//! How much one runtime may use the way out, and how much it has used.
//!
//! Fixed spans, each counted from zero: at the worst twice the amount passes around the border of two. That is precise enough for bounds
//! against a program gone wild, and costs two words.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a runtime may use.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quota {
    /// New connections in a [`MINUTE`].
    pub(super) connections: u64,
    /// Bytes in an [`HOUR`], both directions together.
    pub(super) bytes: u64,
}

impl Quota {
    /// What holds outside tests.
    pub(super) const DEFAULT: Self = Self {
        // Fetching the packages of a large project took some 300 within its first minute.
        connections: 1200,
        // Toolchains, models and images of a day's work come to a few; a small server's month of traffic (1 TB) lasts two days even so.
        bytes: 20 * 1024 * 1024 * 1024,
    };
}

/// The span of new connections.
const MINUTE: Duration = Duration::from_secs(60);

/// The span of bytes.
const HOUR: Duration = Duration::from_secs(3600);

/// Which bound was reached, in a sentence for the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Limit {
    /// Too many new connections.
    #[error("This agent has opened {0} connections within a minute, and may open no more before that is over.")]
    Connections(u64),
    /// Too many bytes.
    #[error("This agent has moved {} MiB within an hour, and may move no more before that is over.", .0 / 1024 / 1024)]
    Bytes(u64),
}

/// The meter of one runtime.
#[derive(Debug)]
pub(super) struct Meter {
    quota: Quota,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    connections: Span,
    bytes: Span,
}

#[derive(Debug)]
struct Span {
    since: Instant,
    used: u64,
}

impl Meter {
    /// Nothing is used yet.
    pub(super) fn new(quota: Quota, now: Instant) -> Self {
        let span = || Span { since: now, used: 0 };
        Self { quota, used: Mutex::new(Used { connections: span(), bytes: span() }) }
    }

    /// Counts a new connection.
    ///
    /// # Errors
    /// It is one too many, or the bytes are used up.
    pub(super) fn connection(&self, now: Instant) -> Result<(), Limit> {
        let mut used = self.used();
        let connections = used.connections.add(1, now, MINUTE);
        if connections > self.quota.connections {
            return Err(Limit::Connections(self.quota.connections));
        }
        if used.bytes.add(0, now, HOUR) >= self.quota.bytes { Err(Limit::Bytes(self.quota.bytes)) } else { Ok(()) }
    }

    /// Counts bytes that have moved.
    ///
    /// # Errors
    /// That was more than there is.
    pub(super) fn moved(&self, count: u64, now: Instant) -> Result<(), Limit> {
        if self.used().bytes.add(count, now, HOUR) > self.quota.bytes { Err(Limit::Bytes(self.quota.bytes)) } else { Ok(()) }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Span {
    /// Counts, and gives what the span has used by now.
    fn add(&mut self, amount: u64, now: Instant, length: Duration) -> u64 {
        if now.duration_since(self.since) >= length {
            *self = Self { since: now, used: 0 };
        }
        self.used = self.used.saturating_add(amount);
        self.used
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_and_bytes_are_bounded_per_span() {
        let start = Instant::now();
        let meter = Meter::new(Quota { connections: 2, bytes: 100 }, start);
        assert_eq!([1, 2, 3].map(|_| meter.connection(start)), [Ok(()), Ok(()), Err(Limit::Connections(2))]);
        let next = start + MINUTE;
        assert_eq!(meter.connection(next), Ok(()));
        assert_eq!((meter.moved(100, next), meter.connection(next)), (Ok(()), Err(Limit::Bytes(100))));
        assert_eq!(meter.moved(1, next), Err(Limit::Bytes(100)));
        assert_eq!((meter.connection(start + HOUR), meter.moved(100, start + HOUR)), (Ok(()), Ok(())));
    }

    #[test]
    fn the_refusals_name_their_limits() {
        let texts = [Limit::Connections(Quota::DEFAULT.connections).to_string(), Limit::Bytes(Quota::DEFAULT.bytes).to_string()];
        assert!(texts[0].contains("1200 connections") && texts[1].contains("20480 MiB"), "{texts:?}");
    }
}

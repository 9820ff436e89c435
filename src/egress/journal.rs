//! What is logged of a runtime's connections: one line a decision, with names and numbers, never a path or a query.
//!
//! The agent chooses how often it asks, so the lines are rationed; what was left out is counted.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::meter::Limit;
use super::relay::{Broken, Moved};
use super::request::BadRequest;
use super::resolve::ConnectError;
use crate::model::{AgentName, RuntimeId, Target, UserId};

/// Lines of one runtime in a [`SPAN`], two a connection; installing a large project's packages stays below it.
const LINES: u32 = 1000;

/// The time for which [`LINES`] are given.
const SPAN: Duration = Duration::from_secs(60);

/// Whose connections they are.
#[derive(Debug, Clone)]
pub(super) struct Whose {
    /// The runtime.
    pub(super) runtime: RuntimeId,
    /// Its agent.
    pub(super) agent: AgentName,
    /// Whom it serves.
    pub(super) user: UserId,
}

/// The log of one runtime.
pub(super) struct Journal {
    whose: Whose,
    ration: Mutex<Ration>,
}

struct Ration {
    since: Instant,
    used: u32,
    left_out: u32,
}

impl Journal {
    /// A journal whose lines name the runtime, its agent and its user.
    pub(super) fn new(whose: Whose) -> Self {
        Self { whose, ration: Mutex::new(Ration { since: Instant::now(), used: 0, left_out: 0 }) }
    }

    /// One decision about one target.
    pub(super) fn decision(&self, target: &Target, outcome: Result<&TcpStream, &ConnectError>) {
        if !self.may_write() {
            return;
        }
        let Whose { runtime, agent, user } = &self.whose;
        let (host, port) = (target.host(), target.port());
        match outcome {
            Ok(server) => {
                let address = server.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
                tracing::info!(%runtime, %agent, %user, host, port, address, "egress allowed");
            }
            Err(ConnectError::Refused(why)) => tracing::warn!(%runtime, %agent, %user, host, port, %why, "egress refused"),
            Err(why) => tracing::info!(%runtime, %agent, %user, host, port, %why, "egress allowed, but not connected"),
        }
    }

    /// A connection's end: what it moved, in bytes, and how long it took.
    pub(super) fn end(&self, target: &Target, moved: &Moved, since: Instant, end: Result<(), Broken>) {
        if !self.may_write() {
            return;
        }
        let Whose { runtime, agent, user } = &self.whose;
        let (host, port, up, down) = (target.host(), target.port(), moved.up(), moved.down());
        let ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        match end {
            Ok(()) => tracing::info!(%runtime, %agent, %user, host, port, up, down, ms, "egress closed"),
            Err(why) => tracing::info!(%runtime, %agent, %user, host, port, up, down, ms, %why, "egress broken off"),
        }
    }

    /// A request beyond what the runtime may use.
    pub(super) fn limited(&self, target: &Target, why: Limit) {
        if self.may_write() {
            let Whose { runtime, agent, user } = &self.whose;
            tracing::warn!(%runtime, %agent, %user, host = target.host(), port = target.port(), %why, "egress refused");
        }
    }

    /// A request that was not understood.
    pub(super) fn bad_request(&self, why: BadRequest) {
        if self.may_write() {
            let Whose { runtime, agent, user } = &self.whose;
            tracing::info!(%runtime, %agent, %user, %why, "egress request not understood");
        }
    }

    /// The listener gave an error instead of a connection.
    pub(super) fn cannot_accept(&self, error: &io::Error) {
        if self.may_write() {
            tracing::warn!(runtime = %self.whose.runtime, agent = %self.whose.agent, %error, "egress cannot accept a connection");
        }
    }

    fn may_write(&self) -> bool {
        let (allowed, left_out) = self.ration.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if left_out > 0 {
            tracing::warn!(runtime = %self.whose.runtime, agent = %self.whose.agent, left_out, "egress lines were left out");
        }
        allowed
    }
}

impl Ration {
    /// Whether one more line may be written at `now`, and how many were left out in the span that has just ended.
    fn take(&mut self, now: Instant) -> (bool, u32) {
        let mut left_out = 0;
        if now.duration_since(self.since) >= SPAN {
            left_out = self.left_out;
            *self = Self { since: now, used: 0, left_out: 0 };
        }
        if self.used < LINES {
            self.used += 1;
            return (true, left_out);
        }
        self.left_out = self.left_out.saturating_add(1);
        (false, left_out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rationed_and_what_is_left_out_is_counted() {
        let start = Instant::now();
        let mut ration = Ration { since: start, used: 0, left_out: 0 };
        let written = (0..LINES + 7).filter(|_| ration.take(start).0).count();
        assert_eq!(written, 1000);
        assert_eq!(ration.take(start + SPAN), (true, 7));
        assert_eq!(ration.take(start + SPAN), (true, 0));
    }
}

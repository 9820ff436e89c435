//! What is logged of a runtime's connections: one line a decision, with names and numbers, never a path or a query.
//!
//! The agent chooses how often it asks, so the lines are rationed; what was left out is counted.

use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::request::{BadRequest, Target};
use super::resolve::ConnectError;
use crate::model::{AgentName, RuntimeId};

/// Lines of one runtime in a [`SPAN`]; installing a large project's packages stays below it.
const LINES: u32 = 600;

/// The time for which [`LINES`] are given.
const SPAN: Duration = Duration::from_secs(60);

/// The log of one runtime.
pub(super) struct Journal {
    runtime: RuntimeId,
    agent: AgentName,
    ration: Mutex<Ration>,
}

struct Ration {
    since: Instant,
    used: u32,
    left_out: u32,
}

impl Journal {
    /// A journal whose lines name the runtime and its agent.
    pub(super) fn new(runtime: RuntimeId, agent: AgentName) -> Self {
        Self { runtime, agent, ration: Mutex::new(Ration { since: Instant::now(), used: 0, left_out: 0 }) }
    }

    /// One decision about one target.
    pub(super) fn decision(&self, target: &Target, outcome: Result<&TcpStream, &ConnectError>) {
        if !self.may_write() {
            return;
        }
        let (runtime, agent, host, port) = (self.runtime, &self.agent, target.host(), target.port());
        match outcome {
            Ok(server) => {
                let address = server.peer_addr().map(|peer| peer.ip().to_string()).unwrap_or_default();
                tracing::info!(%runtime, %agent, host, port, address, "egress allowed");
            }
            Err(ConnectError::Refused(why)) => tracing::warn!(%runtime, %agent, host, port, %why, "egress refused"),
            Err(why) => tracing::info!(%runtime, %agent, host, port, %why, "egress allowed, but not connected"),
        }
    }

    /// A connection's end.
    pub(super) fn end(&self, target: &Target, moved: io::Result<u64>) {
        let (runtime, host, port) = (self.runtime, target.host(), target.port());
        match moved {
            Ok(bytes) => tracing::debug!(%runtime, host, port, bytes, "egress closed"),
            Err(error) => tracing::debug!(%runtime, host, port, %error, "egress broken off"),
        }
    }

    /// A request that was not understood.
    pub(super) fn bad_request(&self, why: BadRequest) {
        if self.may_write() {
            tracing::info!(runtime = %self.runtime, agent = %self.agent, %why, "egress request not understood");
        }
    }

    /// The listener gave an error instead of a connection.
    pub(super) fn cannot_accept(&self, error: &io::Error) {
        if self.may_write() {
            tracing::warn!(runtime = %self.runtime, agent = %self.agent, %error, "egress cannot accept a connection");
        }
    }

    fn may_write(&self) -> bool {
        let (allowed, left_out) = self.ration.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now());
        if left_out > 0 {
            tracing::warn!(runtime = %self.runtime, agent = %self.agent, left_out, "egress lines were left out");
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
        assert_eq!(written, 600);
        assert_eq!(ration.take(start + SPAN), (true, 7));
        assert_eq!(ration.take(start + SPAN), (true, 0));
    }
}

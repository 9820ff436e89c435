//! One role's process: down, starting, ready or dying, and how long to wait before it is started again.

use std::time::{Duration, Instant};

/// The wait before the first restart.
const FIRST_WAIT: Duration = Duration::from_millis(250);

/// The longest wait before a restart: an operator who has mended the cause does not wait long.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A life of this length shows that the last restart was worth it.
const HEALTHY: Duration = Duration::from_secs(60);

/// Time from the start until `Ready`: the gateway may have to recover a large store on a slow disk.
const GET_READY: Duration = Duration::from_secs(60);

/// A role under supervision.
#[derive(Debug)]
pub(super) struct Supervised {
    phase: Phase,
    wait: Duration,
    ever_ready: bool,
    starts: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Down { start_at: Instant },
    Starting { ready_by: Instant },
    Ready { since: Instant },
    Dying { since: Option<Instant> },
}

impl Supervised {
    /// Down, and due to start.
    pub(super) fn new(now: Instant) -> Self {
        Self { phase: Phase::Down { start_at: now }, wait: FIRST_WAIT, ever_ready: false, starts: 0 }
    }

    /// When it is to be started, if it is down.
    pub(super) fn start_at(&self) -> Option<Instant> {
        if let Phase::Down { start_at } = self.phase { Some(start_at) } else { None }
    }

    /// When it has to be ready, if it is starting.
    pub(super) fn ready_by(&self) -> Option<Instant> {
        if let Phase::Starting { ready_by } = self.phase { Some(ready_by) } else { None }
    }

    /// Whether it serves.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready { .. })
    }

    /// Whether it has a process.
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.phase, Phase::Down { .. })
    }

    /// Whether it has a process that was not killed yet.
    pub(super) fn can_be_killed(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. } | Phase::Ready { .. })
    }

    /// Whether it has served at least once.
    pub(super) fn was_ever_ready(&self) -> bool {
        self.ever_ready
    }

    /// How often it was started again.
    pub(super) fn restarts(&self) -> u32 {
        self.starts.saturating_sub(1)
    }

    /// It was started.
    pub(super) fn started(&mut self, now: Instant) {
        self.phase = Phase::Starting { ready_by: now + GET_READY };
        self.starts = self.starts.saturating_add(1);
    }

    /// It says that it serves; whether that is news.
    pub(super) fn ready(&mut self, now: Instant) -> bool {
        let news = matches!(self.phase, Phase::Starting { .. });
        if news {
            self.phase = Phase::Ready { since: now };
            self.ever_ready = true;
        }
        news
    }

    /// Whether there is something to kill that is not dying already.
    pub(super) fn kill(&mut self) -> bool {
        let since = match self.phase {
            Phase::Down { .. } | Phase::Dying { .. } => return false,
            Phase::Starting { .. } => None,
            Phase::Ready { since } => Some(since),
        };
        self.phase = Phase::Dying { since };
        true
    }

    /// Its process is gone.
    pub(super) fn ended(&mut self, now: Instant) {
        let since = match self.phase {
            Phase::Ready { since } => Some(since),
            Phase::Dying { since } => since,
            Phase::Down { .. } | Phase::Starting { .. } => None,
        };
        if since.is_some_and(|since| now.duration_since(since) >= HEALTHY) {
            self.wait = FIRST_WAIT;
        }
        self.phase = Phase::Down { start_at: now + self.wait };
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

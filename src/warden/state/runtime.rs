//! One runtime: starting, running or ending.

use std::time::Instant;

use super::Action;
use crate::model::control::ToEgress;
use crate::model::{AgentName, RuntimeId, Target, UserId};

/// A runtime and what is known of it.
#[derive(Debug)]
pub(super) struct Runtime {
    agent: AgentName,
    user: UserId,
    /// Kept for an egress that is started anew.
    pub(super) granted: Vec<Target>,
    /// How far it is.
    pub(super) phase: Phase,
    /// When it is killed, unless something happens before.
    kill_at: Option<Instant>,
    /// Whether it gave a listener for the egress.
    pub(super) has_listener: bool,
    /// Whether the gateway was told `Failed`: then it hears no `Ended`.
    pub(super) gateway_knows_end: bool,
}

/// How far a runtime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Its jail is being made.
    Starting,
    /// Its command was executed.
    Running,
    /// It was told to end, or has failed.
    Ending,
}

impl Runtime {
    /// A runtime that is starting and has until `start_by` for it.
    pub(super) fn new(agent: AgentName, user: UserId, granted: Vec<Target>, start_by: Instant) -> Self {
        Self { agent, user, granted, phase: Phase::Starting, kill_at: Some(start_by), has_listener: false, gateway_knows_end: false }
    }

    /// The action that has its listener served.
    pub(super) fn serve(&self, runtime: RuntimeId) -> Action {
        let (agent, granted) = (self.agent.clone(), self.granted.clone());
        Action::TellEgress(ToEgress::Serve { runtime, agent, user: self.user, granted })
    }

    /// When something has to be done about it.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.kill_at
    }

    /// Whether that time has come.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.kill_at.is_some_and(|at| at <= now)
    }

    /// Its command was executed; whether that is news.
    pub(super) fn executed(&mut self) -> bool {
        let news = self.phase == Phase::Starting;
        if news {
            self.phase = Phase::Running;
            self.kill_at = None;
        }
        news
    }

    /// It did not start, and has until `kill_at` to be gone; whether the gateway has to hear of it.
    pub(super) fn failed(&mut self, kill_at: Instant) -> bool {
        let news = self.phase != Phase::Running && !self.gateway_knows_end;
        if news {
            self.phase = Phase::Ending;
            self.kill_at = Some(self.kill_at.map_or(kill_at, |at| at.min(kill_at)));
            self.gateway_knows_end = true;
        }
        news
    }

    /// It has to end by itself until `kill_at`; whether it has to be told.
    pub(super) fn end(&mut self, kill_at: Instant) -> bool {
        let news = self.phase != Phase::Ending;
        if news {
            self.phase = Phase::Ending;
            self.kill_at = Some(kill_at);
        } else if self.kill_at.is_some_and(|at| kill_at < at) {
            self.kill_at = Some(kill_at);
        }
        news
    }

    /// It has no more time.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.kill_at.is_some() || self.phase != Phase::Ending {
            self.phase = Phase::Ending;
            self.kill_at = Some(now);
        }
    }

    /// It was killed; nothing more can be done about it.
    pub(super) fn killed(&mut self) {
        self.kill_at = None;
    }
}

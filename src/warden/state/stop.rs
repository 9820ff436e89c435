//! The end of the appliance, in its order: gateway, runtimes, egress. Each has its time, and is killed after it.

use std::time::{Duration, Instant};

use super::{Action, Kept, Notice, Phase, State};
use crate::model::bounds::DRAIN;
use crate::model::control::{ToEgress, ToGateway};

/// Time between SIGTERM and SIGKILL to a runtime's keeper while the appliance stops: with [`DRAIN`] before it, a container's 10 s are kept.
const STOP_GRACE: Duration = Duration::from_secs(1);

impl State {
    /// The gateway first, while its runtimes are there: it finishes what it can.
    pub(super) fn begin_stop(&mut self, now: Instant, code: u8, actions: &mut Vec<Action>) {
        self.code = code;
        self.phase = Phase::Draining { until: now + DRAIN };
        actions.push(Action::Notify(Notice::Stopping));
        if self.gateway.is_ready() {
            actions.push(Action::TellGateway(ToGateway::Stop));
        } else {
            // Before it serves there is nothing to finish.
            self.kill(Kept::Gateway, actions);
        }
    }

    /// Every wait of the stop is over now.
    pub(super) fn hurry(&mut self, now: Instant) {
        if let Phase::Draining { until } | Phase::EndingEgress { until } = &mut self.phase {
            *until = now;
        }
        self.runtimes.values_mut().for_each(|runtime| runtime.hurry(now));
    }

    /// Asks every runtime to end, and has it killed at that time.
    pub(super) fn end_runtimes(&mut self, kill_at: Instant, actions: &mut Vec<Action>) {
        for (&id, runtime) in &mut self.runtimes {
            if runtime.end(kill_at) {
                actions.push(Action::TerminateRuntime(id));
            }
        }
    }

    /// Goes on with the stop as far as `now` and what has ended allow.
    pub(super) fn advance_stop(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if let Phase::Draining { until } = self.phase {
            if self.gateway.is_up() {
                if until <= now {
                    self.kill(Kept::Gateway, actions);
                }
                return;
            }
            self.phase = Phase::EndingRuntimes;
            self.end_runtimes(now + STOP_GRACE, actions);
        }
        if self.phase == Phase::EndingRuntimes && self.runtimes.is_empty() {
            self.phase = Phase::EndingEgress { until: now + STOP_GRACE };
            if self.egress.is_up() {
                actions.push(Action::TellEgress(ToEgress::Stop));
            }
        }
        if let Phase::EndingEgress { until } = self.phase {
            if !self.egress.is_up() {
                actions.push(Action::Exit(self.code));
            } else if until <= now {
                self.kill(Kept::Egress, actions);
            }
        }
    }
}

//! What the warden decides: a machine from events to actions, without a clock, a process or a descriptor of its own.
//!
//! [`State::step`] takes what happened and when, and says what is to be done; [`State::deadline`] says when it wants to be asked again.

mod events;
mod runtime;
mod stop;
mod supervised;
mod vitals;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

pub(super) use self::events::{Action, Event, Kept, Notice};
use self::runtime::{Phase as RuntimePhase, Runtime};
use self::supervised::Supervised;
use self::vitals::Vitals;
use crate::model::bounds::{END_GRACE, GRANTS};
use crate::model::control::{FromGateway, ToEgress, ToGateway};
use crate::model::{AgentName, Excess, RuntimeId, Target, exit};

/// Time for a jail to be made and its command executed: milliseconds as a rule, seconds on a machine that swaps.
pub(super) const START: Duration = Duration::from_secs(10);

/// Time between SIGTERM and SIGKILL to a runtime's keeper: it gives its own command [`END_GRACE`] first.
const KEEPER_GRACE: Duration = END_GRACE.saturating_mul(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Running,
    /// The gateway finishes what it can.
    Draining {
        until: Instant,
    },
    EndingRuntimes,
    EndingEgress {
        until: Instant,
    },
}

/// The appliance as the warden sees it.
#[derive(Debug)]
pub(super) struct State {
    agents: BTreeSet<AgentName>,
    max_runtimes: usize,
    phase: Phase,
    code: u8,
    gateway: Supervised,
    egress: Supervised,
    vitals: Vitals,
    runtimes: BTreeMap<RuntimeId, Runtime>,
}

impl State {
    /// Nothing runs yet; the first step starts it.
    pub(super) fn new(agents: BTreeSet<AgentName>, max_runtimes: usize, now: Instant) -> Self {
        Self {
            agents,
            max_runtimes,
            phase: Phase::Running,
            code: 0,
            gateway: Supervised::new(now),
            egress: Supervised::new(now),
            vitals: Vitals::default(),
            runtimes: BTreeMap::new(),
        }
    }

    /// Decides what follows from `event`.
    pub(super) fn step(&mut self, now: Instant, event: Event) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Time => {}
            Event::StopAsked if self.phase == Phase::Running => self.begin_stop(now, exit::SUCCESS, &mut actions),
            Event::StopAsked => self.hurry(now),
            Event::Ready(kept) => self.ready(kept, now, &mut actions),
            // While the appliance stops, a closed link is a role on its way out: it may still be writing its store.
            Event::Broken(kept) if self.phase == Phase::Running => self.kill(kept, &mut actions),
            Event::Broken(_) => {}
            Event::Ended(kept) => self.ended(kept, now, &mut actions),
            Event::Asked(request) => self.asked(request, now, &mut actions),
            Event::Pong(number) => self.pong(number, &mut actions),
            Event::Refused(runtime, target, grantable) if self.gateway.is_ready() && self.runtimes.contains_key(&runtime) => {
                actions.push(Action::TellGateway(ToGateway::Refused { runtime, target, grantable }));
            }
            Event::Refused(..) => {}
            Event::Listener(id) => self.listener(id, &mut actions),
            Event::Executed(id) => self.executed(id, &mut actions),
            Event::Failed(id, why) => self.failed(id, why, now, &mut actions),
            Event::Exceeded(id, excess) => self.exceeded(id, excess, now, &mut actions),
            Event::Gone(id, status) => self.gone(id, status, &mut actions),
        }
        self.due(now, &mut actions);
        actions
    }

    /// When [`Event::Time`] is wanted next.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let phase = match self.phase {
            Phase::Draining { until } if self.gateway.can_be_killed() => Some(until),
            Phase::EndingEgress { until } if self.egress.can_be_killed() => Some(until),
            _ => None,
        };
        let starts = (self.phase == Phase::Running).then(|| {
            let gateway = if self.gateway_may_start() { self.gateway.start_at() } else { None };
            [self.egress.start_at(), gateway].into_iter().flatten().min()
        });
        let ready = [self.gateway.ready_by(), self.egress.ready_by(), self.vitals.alive_by()];
        let runtimes = self.runtimes.values().filter_map(Runtime::deadline);
        runtimes.chain(phase).chain(starts.flatten()).chain(ready.into_iter().flatten()).min()
    }

    /// How often the gateway and the egress were started again.
    pub(super) fn restarts(&self) -> (u32, u32) {
        (self.gateway.restarts(), self.egress.restarts())
    }

    fn kept(&mut self, kept: Kept) -> &mut Supervised {
        match kept {
            Kept::Gateway => &mut self.gateway,
            Kept::Egress => &mut self.egress,
        }
    }

    fn kill(&mut self, kept: Kept, actions: &mut Vec<Action>) {
        if self.kept(kept).kill() {
            self.vitals.forget(kept);
            actions.push(Action::Kill(kept));
        }
    }

    /// The egress comes first, so that no runtime starts without its way out; and a new gateway meets no runtime of the old one,
    /// whose numbers it would give again and whose sessions would still be locked.
    fn gateway_may_start(&self) -> bool {
        self.egress.was_ever_ready() && self.runtimes.is_empty()
    }

    fn ready(&mut self, kept: Kept, now: Instant, actions: &mut Vec<Action>) {
        if !self.kept(kept).ready(now) {
            return;
        }
        match kept {
            Kept::Gateway => {
                self.vitals.expect_report(now);
                actions.push(Action::AnnounceReady);
            }
            Kept::Egress => {
                let served = self.runtimes.iter().filter(|(_, runtime)| runtime.has_listener);
                actions.extend(served.map(|(&id, runtime)| runtime.serve(id)));
            }
        }
    }

    fn ended(&mut self, kept: Kept, now: Instant, actions: &mut Vec<Action>) {
        let first = !self.kept(kept).was_ever_ready();
        self.kept(kept).ended(now);
        self.vitals.forget(kept);
        if self.phase != Phase::Running {
            return;
        }
        if kept == Kept::Gateway {
            self.end_runtimes(now + KEEPER_GRACE, actions);
        }
        if first {
            // What fails before it ever served fails again: the supervisor above us decides, and the operator sees it.
            actions.push(Action::Report(format!("the {} ended before it could serve; its own last line says why", kept.name())));
            self.begin_stop(now, exit::FAILURE, actions);
        } else {
            actions.push(Action::Notify(Notice::Restarts(kept)));
        }
    }

    fn asked(&mut self, request: FromGateway, now: Instant, actions: &mut Vec<Action>) {
        match request {
            FromGateway::Ready => self.ready(Kept::Gateway, now, actions),
            FromGateway::Start { runtime, agent, user, granted } => match self.refusal(runtime, &agent) {
                Some(why) => actions.push(Action::TellGateway(ToGateway::Failed { runtime, why })),
                None => {
                    let granted = if granted.len() > GRANTS { Vec::new() } else { granted };
                    self.runtimes.insert(runtime, Runtime::new(agent.clone(), user, granted, now + START));
                    actions.push(Action::StartRuntime(runtime, agent, user));
                }
            },
            FromGateway::Grant { runtime, granted } => self.grant(runtime, granted, actions),
            FromGateway::End { runtime } => {
                if self.runtimes.get_mut(&runtime).is_some_and(|runtime| runtime.end(now + KEEPER_GRACE)) {
                    actions.push(Action::TerminateRuntime(runtime));
                }
            }
            FromGateway::Alive => self.alive(now, actions),
            FromGateway::Ping { number } => self.ping(number, now, actions),
            FromGateway::Fatal { why, code } => {
                actions.push(Action::Report(why));
                if self.phase == Phase::Running {
                    self.begin_stop(now, code, actions);
                }
            }
        }
    }

    /// What was granted before is replaced; an egress that serves the runtime hears of it.
    fn grant(&mut self, id: RuntimeId, granted: Vec<Target>, actions: &mut Vec<Action>) {
        let Some(runtime) = self.runtimes.get_mut(&id).filter(|_| granted.len() <= GRANTS) else { return };
        runtime.granted.clone_from(&granted);
        if runtime.has_listener && self.egress.is_ready() {
            actions.push(Action::TellEgress(ToEgress::Grant { runtime: id, granted }));
        }
    }

    fn refusal(&self, id: RuntimeId, agent: &AgentName) -> Option<String> {
        if self.phase != Phase::Running {
            Some("kiroclaw is stopping.".to_owned())
        } else if !self.agents.contains(agent) {
            Some(format!("There is no agent `{agent}` in the configuration (KIRO_AGENT_NAME or config.json)."))
        } else if self.runtimes.len() >= self.max_runtimes {
            Some(format!("All {} runtimes are in use (MAX_PROCESSES).", self.max_runtimes))
        } else if self.runtimes.contains_key(&id) {
            Some(format!("The runtime {id} is there already."))
        } else {
            None
        }
    }

    fn listener(&mut self, id: RuntimeId, actions: &mut Vec<Action>) {
        if let Some(runtime) = self.runtimes.get_mut(&id) {
            runtime.has_listener = true;
            if self.egress.is_ready() {
                actions.push(runtime.serve(id));
            }
        }
    }

    fn executed(&mut self, id: RuntimeId, actions: &mut Vec<Action>) {
        if self.runtimes.get_mut(&id).is_some_and(Runtime::executed) {
            actions.push(Action::TellGateway(ToGateway::Started { runtime: id }));
        }
    }

    fn failed(&mut self, id: RuntimeId, why: String, now: Instant, actions: &mut Vec<Action>) {
        if self.runtimes.get_mut(&id).is_some_and(|runtime| runtime.failed(now + START)) {
            actions.push(Action::TellGateway(ToGateway::Failed { runtime: id, why }));
        }
    }

    /// Its keeper ends it without being told; if it cannot, it is killed.
    fn exceeded(&mut self, id: RuntimeId, excess: Excess, now: Instant, actions: &mut Vec<Action>) {
        let Some(runtime) = self.runtimes.get_mut(&id) else { return };
        runtime.end(now + KEEPER_GRACE);
        actions.push(Action::TellGateway(ToGateway::Exceeded { runtime: id, excess }));
    }

    fn gone(&mut self, id: RuntimeId, status: i32, actions: &mut Vec<Action>) {
        let Some(runtime) = self.runtimes.remove(&id) else { return };
        if runtime.has_listener && self.egress.is_ready() {
            actions.push(Action::TellEgress(ToEgress::Close { runtime: id }));
        }
        if !runtime.gateway_knows_end {
            actions.push(Action::TellGateway(ToGateway::Ended { runtime: id, status }));
        }
    }

    /// What `now` makes due.
    fn due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for (&id, runtime) in &mut self.runtimes {
            if runtime.phase == RuntimePhase::Starting && runtime.is_due(now) && runtime.failed(now) {
                let why = format!("The agent did not start within {} s.", START.as_secs());
                actions.push(Action::TellGateway(ToGateway::Failed { runtime: id, why }));
            }
            if runtime.is_due(now) {
                runtime.killed();
                actions.push(Action::KillRuntime(id));
            }
        }
        for kept in [Kept::Egress, Kept::Gateway] {
            if self.kept(kept).ready_by().is_some_and(|by| by <= now) {
                actions.push(Action::Report(format!("the {} does not get ready; it is ended", kept.name())));
                self.kill(kept, actions);
            }
        }
        self.judge_gateway(now, actions);
        match self.phase {
            Phase::Running => self.start_what_is_due(now, actions),
            Phase::Draining { .. } | Phase::EndingRuntimes | Phase::EndingEgress { .. } => self.advance_stop(now, actions),
        }
    }

    fn start_what_is_due(&mut self, now: Instant, actions: &mut Vec<Action>) {
        for kept in [Kept::Egress, Kept::Gateway] {
            let may = kept == Kept::Egress || self.gateway_may_start();
            if may && self.kept(kept).start_at().is_some_and(|at| at <= now) {
                self.kept(kept).started(now);
                actions.push(Action::Start(kept));
            }
        }
    }
}

#[cfg(test)]
mod tests;

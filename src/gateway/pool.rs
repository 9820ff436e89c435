//! The runtimes: who gets which, how many there are, and when one ends.
//!
//! Decisions are pure ([`decide`]); this module keeps the state, starts and ends runtimes through the warden, and wakes who waits.

mod decide;
mod ends;
mod runtime;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::{Notify, mpsc, oneshot, watch};

use self::decide::{Candidate, Decision, Limits, Phase, Wanted, decide, reap};
pub(super) use self::runtime::{Runtime, StartError};
use super::faces::Faces;
use super::port::{End, Port};
use crate::config::Config;
use crate::model::control::FromGateway;
use crate::model::{AcpSessionId, AgentName, Excess, RuntimeId, ThreadId, UserId, bounds};
use crate::store::{SessionKey, Store};

/// The pool. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Pool(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Arc<Config>,
    port: Port,
    store: Store,
    faces: Faces,
    state: Mutex<State>,
    /// Something became idle: the reaper may have to look earlier.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    last_runtime: u64,
    last_waiter: u64,
    slots: BTreeMap<RuntimeId, Slot>,
    waiting: Vec<Waiter>,
}

/// The place of a runtime.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    /// Whom it serves.
    pub(super) user: UserId,
    /// What runs in it.
    pub(super) agent: AgentName,
    /// For whose thread it worked last, or is started.
    pub(super) thread: ThreadId,
    phase: Phase,
    /// Whether a turn has it: what becomes of it is that turn's to tell.
    leased: bool,
    last_used: Instant,
    /// Present from the moment that the agent has answered `initialize`.
    runtime: Option<Arc<Runtime>>,
    /// What it used too much of, as soon as that is known; gone with the slot.
    excess: watch::Sender<Option<Excess>>,
}

#[derive(Debug)]
struct Waiter {
    arrival: u64,
    user: UserId,
    agent: AgentName,
    thread: ThreadId,
    session: Option<AcpSessionId>,
    starting: Option<RuntimeId>,
    granted: oneshot::Sender<Result<Lease, StartError>>,
}

/// The right to run one turn in a runtime. Dropping it gives the runtime back.
#[derive(Debug)]
pub(super) struct Lease {
    runtime: Arc<Runtime>,
    pool: Pool,
}

impl Lease {
    /// The runtime.
    pub(super) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Ends the runtime: it does what it should no longer, or no longer what it should.
    pub(super) fn end_runtime(&self) {
        self.pool.end(self.runtime.id);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.pool.give_back(self.runtime.id);
    }
}

/// What `/status` says of the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Usage {
    /// Runtimes there are.
    pub runtimes: usize,
    /// Of these, in a turn.
    pub busy: usize,
    /// Sessions that wait for one.
    pub waiting: usize,
    /// Runtimes there may be.
    pub most: usize,
}

impl Pool {
    /// An empty pool. `ended` is the warden's news of runtimes that are gone.
    pub(super) fn start(config: Arc<Config>, port: Port, store: Store, faces: Faces, ended: mpsc::Receiver<(RuntimeId, End)>) -> Self {
        let pool = Self(Arc::new(Inner { config, port, store, faces, state: Mutex::default(), changed: Notify::new() }));
        tokio::spawn(pool.clone().hear_of_ends(ended));
        tokio::spawn(pool.clone().reap_idle());
        pool
    }

    /// Waits for a runtime of the session's user and agent: the one that holds `session`, else an idle one of theirs, else a new one. Fair among users:
    /// whoever has fewer turns running goes first, then who came first. Dropping the future gives the place up.
    ///
    /// # Errors
    /// The agent could not be started.
    pub(super) async fn lease(&self, key: &SessionKey, session: Option<AcpSessionId>) -> Result<Lease, StartError> {
        let SessionKey { user, thread, agent } = key.clone();
        let (granted, grant) = oneshot::channel();
        {
            let mut state = self.state();
            state.last_waiter += 1;
            let arrival = state.last_waiter;
            state.waiting.push(Waiter { arrival, user, agent, thread, session, starting: None, granted });
        }
        self.serve_waiting();
        grant.await.unwrap_or(Err(StartError::Stopping))
    }

    /// How full it is.
    pub(super) fn usage(&self) -> Usage {
        let state = self.state();
        let busy = state.slots.values().filter(|slot| slot.phase == Phase::Busy).count();
        Usage { runtimes: state.slots.len(), busy, waiting: state.waiting.len(), most: self.0.config.max_processes }
    }

    /// The place of a runtime, as it is.
    pub(super) fn slot(&self, id: RuntimeId) -> Option<Slot> {
        self.state().slots.get(&id).cloned()
    }

    /// The runtimes that are wanted.
    pub(super) fn runtimes(&self, wanted: impl Fn(&Slot) -> bool) -> Vec<RuntimeId> {
        self.state().slots.iter().filter(|(_, slot)| wanted(slot)).map(|(id, _)| *id).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves everybody who can be served now.
    fn serve_waiting(&self) {
        // A lease whose waiter has gone gives itself back when it is dropped, which takes the lock: not while it is held here.
        while let Some(unclaimed) = self.serve_one() {
            drop(unclaimed);
        }
    }

    /// Goes through the waiting once; stops early with a lease that nobody claimed.
    fn serve_one(&self) -> Option<Lease> {
        let mut state = self.state();
        state.waiting.retain(|waiter| !waiter.granted.is_closed());
        let mut order: Vec<(usize, u64)> = state.waiting.iter().map(|waiter| (state.turns_of(&waiter.user), waiter.arrival)).collect();
        order.sort_unstable();
        for (_, arrival) in order {
            let Some(place) = state.waiting.iter().position(|waiter| waiter.arrival == arrival) else { continue };
            match state.decide(place, self.limits()) {
                Decision::Wait => {}
                Decision::Start => self.begin_start(&mut state, place),
                Decision::End(id) => self.begin_end(&mut state, id),
                Decision::Use(id) => {
                    let waiter = state.waiting.swap_remove(place);
                    let Some(lease) = self.take(&mut state, id, waiter.thread) else { continue };
                    if let Err(Ok(unclaimed)) = waiter.granted.send(Ok(lease)) {
                        return Some(unclaimed);
                    }
                }
            }
        }
        None
    }

    fn limits(&self) -> Limits {
        Limits { all: self.0.config.max_processes, per_user: self.0.config.max_processes_per_user }
    }

    fn take(&self, state: &mut State, id: RuntimeId, thread: ThreadId) -> Option<Lease> {
        let slot = state.slots.get_mut(&id)?;
        let runtime = slot.runtime.clone()?;
        (slot.phase, slot.leased) = (Phase::Busy, true);
        slot.thread = thread;
        Some(Lease { runtime, pool: self.clone() })
    }

    fn begin_start(&self, state: &mut State, place: usize) {
        state.last_runtime += 1;
        let id = RuntimeId(state.last_runtime);
        let waiter = &mut state.waiting[place];
        waiter.starting = Some(id);
        let (user, agent, thread) = (waiter.user, waiter.agent.clone(), waiter.thread);
        let (excess, known) = watch::channel(None);
        let phase = Phase::Starting;
        let slot = Slot { user, agent: agent.clone(), thread, phase, leased: false, last_used: Instant::now(), runtime: None, excess };
        state.slots.insert(id, slot);
        tokio::spawn(self.clone().start_runtime(id, user, agent, known));
    }

    async fn start_runtime(self, id: RuntimeId, user: UserId, agent: AgentName, excess: watch::Receiver<Option<Excess>>) {
        let Some(settings) = self.0.config.agent(&agent).cloned() else { return };
        // Without what was granted it runs, and what it misses is asked for.
        let granted = self.0.store.granted(&agent).unwrap_or_else(|error| {
            tracing::warn!(%error, %agent, "granted hosts cannot be read");
            Vec::new()
        });
        match runtime::start(&self.0.port, id, user, &settings, granted, excess).await {
            Ok(runtime) => self.started(id, runtime),
            Err(error) => self.failed(id, &error).await,
        }
        self.serve_waiting();
    }

    fn started(&self, id: RuntimeId, runtime: Runtime) {
        let mut state = self.state();
        let Some(slot) = state.slots.get_mut(&id).filter(|slot| slot.phase == Phase::Starting) else { return };
        slot.phase = Phase::Idle;
        slot.last_used = Instant::now();
        let closed = runtime.client.closed();
        slot.runtime = Some(Arc::new(runtime));
        for waiter in state.waiting.iter_mut().filter(|waiter| waiter.starting == Some(id)) {
            waiter.starting = None;
        }
        drop(state);
        self.0.changed.notify_one();
        let pool = self.clone();
        tokio::spawn(async move {
            // Whoever closes its stdout serves nobody any more, whether its process knows it or not.
            closed.await;
            pool.end(id);
        });
    }

    /// The one for whom it was started learns why it failed.
    async fn failed(&self, id: RuntimeId, error: &StartError) {
        tracing::warn!(runtime = %id, %error, "a runtime did not start");
        {
            let mut state = self.state();
            if let Some(place) = state.waiting.iter().position(|waiter| waiter.starting == Some(id)) {
                // Whoever no longer waits needs no answer.
                let _ = state.waiting.swap_remove(place).granted.send(Err(error.clone()));
            }
            match error {
                // It runs and is of no use.
                StartError::Agent { .. } | StartError::Exceeded(_) | StartError::Pipes(_) => {
                    if let Some(slot) = state.slots.get_mut(&id) {
                        slot.phase = Phase::Ending;
                    }
                }
                StartError::NotStarted(_) | StartError::Stopping => {
                    state.slots.remove(&id);
                }
            }
        }
        if matches!(error, StartError::Agent { .. } | StartError::Exceeded(_) | StartError::Pipes(_)) {
            self.0.port.say(FromGateway::End { runtime: id }).await;
        }
    }

    fn give_back(&self, id: RuntimeId) {
        {
            let mut state = self.state();
            let Some(slot) = state.slots.get_mut(&id) else { return };
            slot.last_used = Instant::now();
            slot.leased = false;
            if slot.phase == Phase::Busy {
                slot.phase = Phase::Idle;
            }
        }
        self.serve_waiting();
        self.0.changed.notify_one();
    }

    fn end(&self, id: RuntimeId) {
        self.begin_end(&mut self.state(), id);
    }

    /// Closes the agent's stdin, gives it time to end by itself, then has the warden end all of it.
    fn begin_end(&self, state: &mut State, id: RuntimeId) {
        let Some(slot) = state.slots.get_mut(&id).filter(|slot| slot.phase != Phase::Ending) else { return };
        slot.phase = Phase::Ending;
        let (runtime, port) = (slot.runtime.clone(), self.0.port.clone());
        tokio::spawn(async move {
            if let Some(runtime) = runtime {
                runtime.client.close();
                // Both outcomes lead to the same next step.
                let _ = tokio::time::timeout(bounds::END_GRACE, runtime.client.closed()).await;
            }
            port.say(FromGateway::End { runtime: id }).await;
        });
    }

    async fn reap_idle(self) {
        loop {
            let next = {
                let mut state = self.state();
                let candidates = state.candidates(None);
                let (over, next) = reap(&candidates, Instant::now(), self.0.config.idle_timeout);
                for id in over {
                    self.begin_end(&mut state, id);
                }
                next
            };
            let changed = self.0.changed.notified();
            match next {
                // Too early or too late does no harm: the loop looks again.
                Some(next) => drop(tokio::time::timeout_at(next.into(), changed).await),
                None => changed.await,
            }
        }
    }
}

impl State {
    fn turns_of(&self, user: &UserId) -> usize {
        self.slots.values().filter(|slot| slot.user == *user && slot.phase == Phase::Busy).count()
    }

    fn decide(&self, place: usize, limits: Limits) -> Decision {
        let waiter = &self.waiting[place];
        let wanted = Wanted { user: &waiter.user, agent: &waiter.agent, starting: waiter.starting.is_some() };
        decide(&self.candidates(waiter.session.as_ref()), &wanted, limits)
    }

    fn candidates(&self, session: Option<&AcpSessionId>) -> Vec<Candidate> {
        let one = |(id, slot): (&RuntimeId, &Slot)| Candidate {
            id: *id,
            user: slot.user,
            agent: slot.agent.clone(),
            // An agent that has ended is of no use, also before the warden has told of it.
            phase: if slot.runtime.as_ref().is_some_and(|runtime| runtime.client.is_closed()) { Phase::Ending } else { slot.phase },
            last_used: slot.last_used,
            holds: session.is_some_and(|session| slot.runtime.as_ref().is_some_and(|runtime| runtime.holds(session))),
        };
        self.slots.iter().map(one).collect()
    }
}

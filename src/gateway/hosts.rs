//! Hosts that agents were refused: who is told of them, and what operators grant.
//!
//! The refusal has been said to the agent already; nobody waits for an answer. A grant reaches one host at one port, on public addresses
//! alone, which the egress sees to.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::faces::Faces;
use super::person::Person;
use super::pool::{Pool, Slot};
use super::port::{Port, Refused};
use super::texts::Mend;
use super::{clock, session};
use crate::config::Config;
use crate::model::control::FromGateway;
use crate::model::outbound::{Message, Show};
use crate::model::{AgentName, RuntimeId, Target, ThreadId, UserId, bounds};
use crate::store::{ALWAYS, HostAnswer, HostRecord, Store, StoreError};

/// Notices to one person in one thread within an [`HOUR`]: a person answers some and is not to be driven to tap "always". What is more is told of in one line.
const NOTICES: u8 = 3;

/// Within this time notices are counted.
const HOUR: Duration = Duration::from_secs(3600);

/// For so long a "no" holds, in seconds: the next day an agent may ask for something else there.
const NO: u64 = 24 * 3600;

/// Hosts that a person was told of and that are not told again, the last of them.
const TOLD: usize = 24;

/// People in threads of whom that is remembered; the longest silent one is forgotten first.
const LISTENERS: usize = 256;

/// Hosts granted to one runtime for its life.
const ONCE: usize = bounds::GRANTS - ALWAYS;

/// All that is known of refused hosts. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Hosts(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Arc<Config>,
    store: Store,
    faces: Faces,
    port: Port,
    pool: Pool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    told: BTreeMap<Listener, Told>,
    /// What runtimes were granted for their life.
    once: BTreeMap<RuntimeId, Vec<Target>>,
}

/// A person in a thread: in a group, nobody's agent uses up the notices of another's.
type Listener = (ThreadId, UserId);

/// What somebody was told of.
#[derive(Debug)]
struct Told {
    since: Instant,
    notices: u8,
    targets: VecDeque<Target>,
}

/// What is said of a refused host.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    /// A notice of its own.
    Notice,
    /// One line for this and all that follow within the hour.
    Line,
    /// Nothing.
    Nothing,
}

impl Told {
    fn new(now: Instant) -> Self {
        Self { since: now, notices: 0, targets: VecDeque::new() }
    }

    fn take(&mut self, target: &Target, now: Instant) -> Word {
        if now.duration_since(self.since) >= HOUR {
            (self.since, self.notices) = (now, 0);
        }
        if self.targets.contains(target) || self.notices > NOTICES {
            return Word::Nothing;
        }
        self.notices += 1;
        if self.notices > NOTICES {
            return Word::Line;
        }
        if self.targets.len() >= TOLD {
            self.targets.pop_front();
        }
        self.targets.push_back(target.clone());
        Word::Notice
    }
}

impl Hosts {
    /// Serves what the warden tells of refusals, in a task of its own.
    pub(super) fn start(config: Arc<Config>, store: Store, faces: Faces, port: Port, pool: Pool, refused: mpsc::Receiver<Refused>) -> Self {
        let hosts = Self(Arc::new(Inner { config, store, faces, port, pool, state: Mutex::default() }));
        tokio::spawn(hosts.clone().hear(refused));
        hosts
    }

    /// Allows a host to the runtimes of this person that run its agent now, for their lives. Returns whether there is one with room for it.
    pub(super) async fn once(&self, record: &HostRecord, user: UserId) -> Result<bool, StoreError> {
        let runtimes = self.0.pool.runtimes(|slot| slot.agent == record.agent && slot.user == user);
        let granted: Vec<RuntimeId> = {
            let mut state = self.state();
            let all = self.0.pool.runtimes(|_| true);
            state.once.retain(|runtime, _| all.contains(runtime));
            state.forget(&record.target);
            let add = |runtime: &RuntimeId| {
                let targets = state.once.entry(*runtime).or_default();
                let room = targets.len() < ONCE || targets.contains(&record.target);
                if room && !targets.contains(&record.target) {
                    targets.push(record.target.clone());
                }
                room
            };
            runtimes.into_iter().filter(add).collect()
        };
        for runtime in &granted {
            tracing::info!(%runtime, agent = %record.agent, host = %record.target, by = %user, "an operator allowed a host once");
            self.grant(*runtime, &record.agent).await?;
        }
        Ok(!granted.is_empty())
    }

    /// Remembers an answer for all runtimes of the agent, those that run and those to come. Returns whether there was room for it.
    pub(super) async fn answer(&self, record: HostRecord, answer: HostAnswer, by: UserId) -> Result<bool, StoreError> {
        self.state().forget(&record.target);
        let record = HostRecord { answer, by: Some(by), at: clock::unix_now(), ..record };
        let stored = self.0.store.put_host(&record)?;
        if stored {
            tracing::info!(agent = %record.agent, host = %record.target, ?answer, %by, "an operator answered for a host");
            self.changed(&record).await?;
        }
        Ok(stored)
    }

    /// Takes back whatever was said of a host.
    pub(super) async fn forget(&self, record: &HostRecord, by: UserId) -> Result<(), StoreError> {
        tracing::info!(agent = %record.agent, host = %record.target, %by, "an operator took back what was said of a host");
        {
            let mut state = self.state();
            state.forget(&record.target);
            state.once.values_mut().for_each(|targets| targets.retain(|target| *target != record.target));
        }
        self.0.store.forget_host(record)?;
        self.changed(record).await
    }

    /// What was said is durable, and every runtime of the agent has it.
    async fn changed(&self, record: &HostRecord) -> Result<(), StoreError> {
        self.0.store.flush().await?;
        for runtime in self.0.pool.runtimes(|slot| slot.agent == record.agent) {
            self.grant(runtime, &record.agent).await?;
        }
        Ok(())
    }

    async fn grant(&self, runtime: RuntimeId, agent: &AgentName) -> Result<(), StoreError> {
        let mut granted = self.0.store.granted(agent)?;
        granted.extend(self.state().once.get(&runtime).into_iter().flatten().cloned());
        self.0.port.say(FromGateway::Grant { runtime, granted }).await;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn hear(self, mut refused: mpsc::Receiver<Refused>) {
        while let Some(refused) = refused.recv().await {
            if let Err(error) = self.tell(&refused).await {
                tracing::warn!(%error, runtime = %refused.runtime, "a refused host could not be told of");
            }
        }
    }

    /// Tells the person in whose thread the runtime works.
    async fn tell(&self, Refused { runtime, target, grantable }: &Refused) -> Result<(), StoreError> {
        let Some(Slot { user, agent, thread, .. }) = self.0.pool.slot(*runtime) else { return Ok(()) };
        let (now, known) = (clock::unix_now(), self.0.store.host(&agent, target)?);
        if known.as_ref().is_some_and(|known| !is_to_be_told(known, now)) {
            return Ok(());
        }
        let person = Person::of(&self.0.store, &user);
        let texts = person.texts();
        let notice = match self.state().told_to((thread, user)).take(target, Instant::now()) {
            Word::Nothing => return Ok(()),
            Word::Line => person.notice(thread, texts.more_hosts_refused()),
            Word::Notice => {
                let record = HostRecord { agent, target: target.clone(), answer: HostAnswer::Asked, by: None, at: now };
                let kept = *grantable && self.0.store.put_host(&record)?;
                let mend = match (kept, self.0.config.is_operator(&user)) {
                    (false, _) => Mend::Settings,
                    (true, false) => Mend::Operator,
                    (true, true) => Mend::Buttons,
                };
                let buttons = if mend == Mend::Buttons { session::host_buttons(&record, &user, texts) } else { Vec::new() };
                Message { buttons, ..person.notice(thread, texts.host_refused(&record.agent, target, mend)) }
            }
        };
        self.0.store.post(&notice)?;
        self.0.faces.show(thread, Show::Deliver).await;
        Ok(())
    }
}

/// Whether a refusal is told of although something is known of the host.
fn is_to_be_told(known: &HostRecord, now: u64) -> bool {
    match known.answer {
        HostAnswer::Asked => true,
        HostAnswer::No => now.saturating_sub(known.at) >= NO,
        // The grant is on its way.
        HostAnswer::Always => false,
    }
}

impl State {
    fn told_to(&mut self, listener: Listener) -> &mut Told {
        if self.told.len() >= LISTENERS && !self.told.contains_key(&listener) {
            let oldest = self.told.iter().min_by_key(|(_, told)| told.since).map(|(listener, _)| *listener);
            oldest.map(|oldest| self.told.remove(&oldest));
        }
        self.told.entry(listener).or_insert_with(|| Told::new(Instant::now()))
    }

    /// It was answered: should it be refused again, that is news.
    fn forget(&mut self, target: &Target) {
        self.told.values_mut().for_each(|told| told.targets.retain(|known| known != target));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(number: usize) -> Target {
        format!("h{number}.example:443").parse().unwrap()
    }

    #[test]
    fn three_hosts_an_hour_are_told_one_by_one_and_the_rest_in_one_line() {
        let start = Instant::now();
        let mut told = Told::new(start);
        let words: Vec<Word> = (0..10_000).map(|number| told.take(&target(number), start)).collect();
        assert_eq!(words[..4], [Word::Notice, Word::Notice, Word::Notice, Word::Line]);
        assert!(words[4..].iter().all(|word| *word == Word::Nothing));
        assert_eq!(told.take(&target(0), start + HOUR), Word::Nothing, "it was told of");
        assert_eq!(told.take(&target(4), start + HOUR), Word::Notice);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let start = Instant::now();
        let mut told = Told::new(start);
        for hour in 0..100 {
            for number in 0..4 {
                let _ = told.take(&target(hour as usize * 4 + number), start + HOUR * hour);
            }
        }
        assert_eq!(told.targets.len(), TOLD);
        let mut state = State::default();
        for chat in 0..1000 {
            let _ = state.told_to((ThreadId::telegram(chat, None), UserId::telegram(7))).take(&target(1), start);
        }
        assert_eq!(state.told.len(), LISTENERS);
        state.forget(&target(1));
        assert!(state.told.values().all(|told| told.targets.is_empty()));
    }

    #[test]
    fn a_no_holds_for_a_day() {
        let known = |answer| HostRecord { agent: "a".parse().unwrap(), target: target(1), answer, by: None, at: 1000 };
        assert!(!is_to_be_told(&known(HostAnswer::No), 1000 + NO - 1) && is_to_be_told(&known(HostAnswer::No), 1000 + NO));
        assert!(is_to_be_told(&known(HostAnswer::Asked), 1001) && !is_to_be_told(&known(HostAnswer::Always), 1001));
    }
}

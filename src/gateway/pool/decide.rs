//! Which runtime serves a waiting session: decided here, acted on in the pool.

use std::time::{Duration, Instant};

use crate::model::{AgentName, RuntimeId, UserId};

/// How far a runtime is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Being started.
    Starting,
    /// Ready for a turn.
    Idle,
    /// In a turn.
    Busy,
    /// Being ended.
    Ending,
}

/// A runtime as far as the decision needs it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) id: RuntimeId,
    pub(super) user: UserId,
    pub(super) agent: AgentName,
    pub(super) phase: Phase,
    pub(super) last_used: Instant,
    /// Whether it holds the session that waits.
    pub(super) holds: bool,
}

/// Who waits.
#[derive(Debug)]
pub(super) struct Wanted<'a> {
    pub(super) user: &'a UserId,
    pub(super) agent: &'a AgentName,
    /// A runtime is being started for this one already.
    pub(super) starting: bool,
}

/// How many runtimes there may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) all: usize,
    pub(super) per_user: usize,
}

/// What to do.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// This runtime is theirs and idle.
    Use(RuntimeId),
    /// There is room for another.
    Start,
    /// There is no room, but this one is idle: end it, then look again.
    End(RuntimeId),
    /// Nothing can be done until something changes.
    Wait,
}

/// Decides. A session stays with the runtime that holds it, since Kiro locks it for the life of the process; a runtime never serves two users.
pub(super) fn decide(runtimes: &[Candidate], wanted: &Wanted<'_>, limits: Limits) -> Decision {
    if let Some(holder) = runtimes.iter().find(|one| one.holds) {
        // A second process would find the session's lock taken, also while the first one ends.
        return if holder.phase == Phase::Idle { Decision::Use(holder.id) } else { Decision::Wait };
    }
    let theirs = |one: &&Candidate| one.user == *wanted.user && one.agent == *wanted.agent && one.phase == Phase::Idle;
    if let Some(idle) = runtimes.iter().filter(theirs).max_by_key(|one| one.last_used) {
        return Decision::Use(idle.id);
    }
    if wanted.starting {
        return Decision::Wait;
    }
    let share_left = runtimes.iter().filter(|one| one.user == *wanted.user).count() < limits.per_user;
    if share_left && runtimes.len() < limits.all {
        return Decision::Start;
    }
    let in_the_way = |one: &&Candidate| share_left || one.user == *wanted.user;
    if runtimes.iter().filter(in_the_way).any(|one| one.phase == Phase::Ending) {
        return Decision::Wait;
    }
    let idle = runtimes.iter().filter(in_the_way).filter(|one| one.phase == Phase::Idle);
    idle.min_by_key(|one| one.last_used).map_or(Decision::Wait, |victim| Decision::End(victim.id))
}

/// The runtimes that have been idle too long, and when to look again. The one used last is kept warm.
pub(super) fn reap(runtimes: &[Candidate], now: Instant, timeout: Duration) -> (Vec<RuntimeId>, Option<Instant>) {
    let mut idle: Vec<&Candidate> = runtimes.iter().filter(|one| one.phase == Phase::Idle).collect();
    idle.sort_by_key(|one| one.last_used);
    idle.pop();
    let (over, later): (Vec<_>, Vec<_>) = idle.into_iter().partition(|one| now.duration_since(one.last_used) >= timeout);
    (over.iter().map(|one| one.id).collect(), later.first().map(|one| one.last_used + timeout))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { all: 3, per_user: 2 };

    fn one(id: u64, user: i64, phase: Phase, holds: bool) -> Candidate {
        let last_used = Instant::now() + Duration::from_secs(id);
        Candidate { id: RuntimeId(id), user: UserId::telegram(user), agent: agent(), phase, last_used, holds }
    }

    fn agent() -> AgentName {
        "tg-acp".parse().unwrap()
    }

    fn decision(runtimes: &[Candidate], user: i64) -> Decision {
        decide(runtimes, &Wanted { user: &UserId::telegram(user), agent: &agent(), starting: false }, LIMITS)
    }

    #[test]
    fn a_session_stays_with_the_runtime_that_holds_it() {
        let runtimes = [one(1, 1, Phase::Busy, true), one(2, 1, Phase::Idle, false)];
        assert_eq!(decision(&runtimes, 1), Decision::Wait);
        let runtimes = [one(1, 1, Phase::Idle, true), one(2, 1, Phase::Idle, false)];
        assert_eq!(decision(&runtimes, 1), Decision::Use(RuntimeId(1)));
        assert_eq!(decision(&[one(1, 1, Phase::Ending, true)], 1), Decision::Wait);
    }

    #[test]
    fn a_runtime_never_serves_two_users() {
        assert_eq!(decision(&[one(1, 2, Phase::Idle, false)], 1), Decision::Start);
    }

    #[test]
    fn another_thread_takes_an_idle_runtime_of_its_user() {
        assert_eq!(decision(&[one(1, 1, Phase::Idle, false)], 1), Decision::Use(RuntimeId(1)));
    }

    #[test]
    fn a_user_has_no_more_than_their_share() {
        let runtimes = [one(1, 1, Phase::Busy, false), one(2, 1, Phase::Busy, false)];
        assert_eq!(decision(&runtimes, 1), Decision::Wait);
        assert_eq!(decision(&runtimes, 2), Decision::Start);
    }

    #[test]
    fn when_all_places_are_taken_the_longest_idle_one_makes_room() {
        let runtimes = [one(1, 1, Phase::Busy, false), one(3, 2, Phase::Idle, false), one(2, 4, Phase::Idle, false)];
        assert_eq!(decision(&runtimes, 3), Decision::End(RuntimeId(2)));
        let runtimes = [one(1, 1, Phase::Busy, false), one(3, 2, Phase::Ending, false), one(2, 4, Phase::Idle, false)];
        assert_eq!(decision(&runtimes, 3), Decision::Wait, "one at a time");
    }

    #[test]
    fn nobody_starts_two_for_one_prompt() {
        let wanted = Wanted { user: &UserId::telegram(1), agent: &agent(), starting: true };
        assert_eq!(decide(&[one(1, 1, Phase::Starting, false)], &wanted, LIMITS), Decision::Wait);
    }

    #[test]
    fn all_idle_runtimes_but_the_last_used_end_after_the_time_out() {
        let timeout = Duration::from_secs(30);
        let runtimes =
            [one(1, 1, Phase::Idle, false), one(2, 1, Phase::Idle, false), one(3, 2, Phase::Idle, false), one(0, 3, Phase::Busy, false)];
        let (over, next) = reap(&runtimes, runtimes[0].last_used + timeout, timeout);
        assert_eq!(over, [RuntimeId(1)]);
        assert_eq!(next, Some(runtimes[1].last_used + timeout));
        let (over, next) = reap(&runtimes, runtimes[2].last_used + timeout, timeout);
        assert_eq!((over, next), (vec![RuntimeId(1), RuntimeId(2)], None));
    }
}

//! What follows from what was looked at: whether the gateway goes on, and whether all is as it should be.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::gateway::pool::Usage;
use crate::model::Signs;
use crate::model::control::Standing;
use crate::model::health::{Check, Health};
use crate::store::RESERVE;

/// A poller may be so late: processors and timers are.
const LATE: Duration = Duration::from_secs(10);

/// Failures in a row from which Telegram counts as out of reach. Each is waited out before the next; one or two happen on any network.
const FAILURES: u32 = 3;

/// Longest reason that is shown, in characters.
const WHY: usize = 200;

/// What was looked at, and when.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) now: Instant,
    pub(super) since: Instant,
    /// `None` without a token.
    pub(super) polls: Option<Signs>,
    pub(super) sent: Option<Instant>,
    pub(super) answered: Option<Instant>,
    pub(super) written: Option<Instant>,
    pub(super) store: StoreFact,
    /// `None` where the warden did not answer.
    pub(super) standing: Option<Standing>,
    pub(super) egress: bool,
    pub(super) pool: Usage,
    pub(super) inbox: usize,
    pub(super) outbox: usize,
}

/// What the store does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum StoreFact {
    /// What was written is durable.
    Writes,
    /// There is too little room.
    Full,
    /// It says why it does not.
    Failed(String),
    /// It says nothing.
    Hangs,
}

/// Why a restart is wanted; `None` where the gateway goes on.
pub(super) fn stuck(facts: &Facts) -> Option<String> {
    match &facts.store {
        // Nobody has more room after a restart.
        StoreFact::Writes | StoreFact::Full => {}
        StoreFact::Failed(why) => return Some(format!("the store fails: {why}")),
        StoreFact::Hangs => return Some("the store does not answer".to_owned()),
    }
    let due = facts.polls.as_ref().and_then(|polls| polls.due)?;
    let late = facts.now.saturating_duration_since(due);
    (late > LATE).then(|| format!("the poller shows no sign of life, {} s after one was due", late.as_secs()))
}

/// The report.
pub(super) fn health(facts: &Facts) -> Health {
    let checks = vec![poller(facts), store(facts), warden(facts), egress(facts)];
    let ages = [
        ("poll", facts.polls.as_ref().and_then(|polls| polls.succeeded)),
        ("send", facts.sent),
        ("turn", facts.answered),
        ("store", facts.written),
    ];
    let ages = ages.into_iter().filter_map(|(what, at)| Some((what.to_owned(), facts.age(at?))));
    Health {
        healthy: checks.iter().all(|check| check.ok),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        uptime_seconds: facts.age(facts.since),
        checks,
        last_success_seconds: ages.collect(),
        counts: counts(facts),
    }
}

impl Facts {
    fn age(&self, at: Instant) -> u64 {
        self.now.saturating_duration_since(at).as_secs()
    }
}

fn check(name: &str, found: Result<String, (String, &str)>) -> Check {
    let ok = found.is_ok();
    let (detail, remedy) = found.map_or_else(|wrong| wrong, |detail| (detail, ""));
    Check { name: name.to_owned(), ok, detail, remedy: remedy.to_owned() }
}

fn poller(facts: &Facts) -> Check {
    let found = match &facts.polls {
        None => Ok("no Telegram: there is no bot token".to_owned()),
        Some(polls) if stuck_poller(facts, polls) => {
            Err(("the poller shows no sign of life".to_owned(), "it is started anew within a minute or two; the log says more"))
        }
        Some(polls) if polls.failures >= FAILURES => {
            let why: String = polls.why.chars().filter(|c| !c.is_control()).take(WHY).collect();
            let detail = format!("Telegram was tried {} times in vain: {why}", polls.failures);
            Err((detail, "check this machine's network and name servers; it goes on by itself"))
        }
        Some(Signs { succeeded: Some(at), .. }) => Ok(format!("Telegram answered {} s ago", facts.age(*at))),
        Some(_) => Err(("Telegram has not answered yet".to_owned(), "wait a moment")),
    };
    check("poller", found)
}

fn stuck_poller(facts: &Facts, polls: &Signs) -> bool {
    polls.due.is_some_and(|due| facts.now.saturating_duration_since(due) > LATE)
}

fn store(facts: &Facts) -> Check {
    let found = match &facts.store {
        StoreFact::Writes => Ok(format!("wrote durably {} s ago", facts.written.map_or(0, |at| facts.age(at)))),
        StoreFact::Full => Err((
            format!("the disk is full: less than {} MiB are free for the store", RESERVE / 1024 / 1024),
            "free some space on the disk of STATE_DIR; it goes on by itself",
        )),
        StoreFact::Failed(why) => Err((why.chars().filter(|c| !c.is_control()).take(WHY).collect(), "check the disk of STATE_DIR")),
        StoreFact::Hangs => Err(("a write does not become durable".to_owned(), "check the disk of STATE_DIR: it hangs")),
    };
    check("store", found)
}

fn warden(facts: &Facts) -> Check {
    let hangs = "restart kiroclaw: its first process hangs";
    check("warden", facts.standing.map(|_| "answers".to_owned()).ok_or_else(|| ("does not answer".to_owned(), hangs)))
}

fn egress(facts: &Facts) -> Check {
    let hangs = "agents have no network; it is started anew by itself, and the log says why it ended";
    check("egress", if facts.egress { Ok("answers".to_owned()) } else { Err(("does not answer".to_owned(), hangs)) })
}

fn counts(facts: &Facts) -> BTreeMap<String, u64> {
    let standing = facts.standing.unwrap_or_default();
    let size = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let counts = [
        ("runtimes", size(facts.pool.runtimes)),
        ("runtimes_busy", size(facts.pool.busy)),
        ("runtimes_max", size(facts.pool.most)),
        ("queued", size(facts.pool.waiting)),
        ("inbox", size(facts.inbox)),
        ("outbox", size(facts.outbox)),
        ("warden_memory_bytes", standing.warden_memory),
        ("gateway_memory_bytes", standing.gateway_memory),
        ("egress_memory_bytes", standing.egress_memory),
        ("gateway_restarts_total", u64::from(standing.gateway_restarts)),
        ("egress_restarts_total", u64::from(standing.egress_restarts)),
    ];
    counts.into_iter().map(|(name, count)| (name.to_owned(), count)).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::health::COUNTS;

    /// All goes well, an hour after the start.
    pub(in crate::gateway::health) fn well() -> Facts {
        let since = Instant::now();
        let now = since + Duration::from_secs(3600);
        let ago = |seconds| Some(now - Duration::from_secs(seconds));
        Facts {
            now,
            since,
            polls: Some(Signs { succeeded: ago(12), due: Some(now + Duration::from_secs(53)), ..Signs::default() }),
            sent: ago(60),
            answered: None,
            written: ago(5),
            store: StoreFact::Writes,
            standing: Some(Standing { gateway_restarts: 1, ..Standing::default() }),
            egress: true,
            pool: Usage { runtimes: 2, busy: 1, waiting: 0, most: 5 },
            inbox: 1,
            outbox: 3,
        }
    }

    fn failing(facts: &Facts) -> Vec<String> {
        let checks = health(facts).checks.into_iter().filter(|check| !check.ok);
        checks.inspect(|check| assert!(!check.remedy.is_empty(), "{check:?}")).map(|check| check.name).collect()
    }

    fn polls(change: impl Fn(&mut Signs)) -> Facts {
        let mut facts = well();
        facts.polls.as_mut().into_iter().for_each(change);
        facts
    }

    #[test]
    fn who_goes_on_is_healthy_and_fed() {
        let facts = well();
        assert_eq!((failing(&facts), stuck(&facts)), (vec![], None));
        let health = health(&facts);
        assert!(health.healthy && health.uptime_seconds == 3600);
        assert_eq!(health.last_success_seconds, BTreeMap::from([("poll", 12), ("send", 60), ("store", 5)].map(|(k, v)| (k.to_owned(), v))));
        assert_eq!((health.counts["outbox"], health.counts["gateway_restarts_total"]), (3, 1));
        let named: Vec<&str> = COUNTS.iter().map(|count| count.name).collect();
        assert!(health.counts.len() == named.len() && health.counts.keys().all(|name| named.contains(&name.as_str())));
    }

    #[test]
    fn a_telegram_out_of_reach_is_told_and_no_reason_for_a_restart() {
        let facts = polls(|polls| (polls.failures, polls.why) = (FAILURES, "connection\u{7} refused".to_owned()));
        assert_eq!((failing(&facts), stuck(&facts)), (vec!["poller".to_owned()], None));
        assert!(health(&facts).checks[0].detail.ends_with("connection refused"));
        assert!(failing(&polls(|polls| polls.failures = FAILURES - 1)).is_empty(), "it happens on any network");
        let before_the_first = polls(|polls| polls.succeeded = None);
        assert_eq!((failing(&before_the_first), stuck(&before_the_first)), (vec!["poller".to_owned()], None));
    }

    #[test]
    fn a_poller_that_hangs_starves_the_watchdog() {
        let late = |by: Duration| {
            let mut facts = well();
            let due = facts.now.checked_sub(by);
            facts.polls.as_mut().into_iter().for_each(|polls| polls.due = due);
            facts
        };
        let facts = late(LATE + Duration::from_secs(1));
        assert_eq!(failing(&facts), ["poller"]);
        assert!(stuck(&facts).is_some_and(|why| why.contains("poller")));
        assert_eq!(stuck(&late(LATE)), None);
    }

    #[test]
    fn a_store_that_fails_or_hangs_starves_it_too_and_a_full_disk_does_not() {
        for store in [StoreFact::Failed("no".to_owned()), StoreFact::Hangs] {
            let facts = Facts { store, ..well() };
            assert!(failing(&facts) == ["store"] && stuck(&facts).is_some_and(|why| why.contains("store")), "{facts:?}");
        }
        let full = Facts { store: StoreFact::Full, ..well() };
        assert_eq!((failing(&full), stuck(&full)), (vec!["store".to_owned()], None));
    }

    #[test]
    fn who_does_not_answer_is_named() {
        assert_eq!(failing(&Facts { egress: false, ..well() }), ["egress"]);
        assert_eq!(failing(&Facts { standing: None, egress: false, ..well() }), ["warden", "egress"]);
    }

    #[test]
    fn without_a_token_there_is_no_telegram_to_be_unwell() {
        let facts = Facts { polls: None, sent: None, ..well() };
        assert_eq!((failing(&facts), stuck(&facts)), (vec![], None));
    }
}

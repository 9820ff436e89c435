use proptest::prelude::*;

use super::*;
use crate::model::UserId;
use crate::model::bounds::DRAIN;

/// The machine with a clock of its own, and everything it has asked for.
pub(super) struct Table {
    state: State,
    now: Instant,
    last: Vec<Action>,
}

/// The gateway goes on, which it has to say now and then.
pub(super) const ALIVE: Event = Event::Asked(FromGateway::Alive);

impl Table {
    fn new() -> Self {
        let now = Instant::now();
        let state = State::new(BTreeSet::from([agent()]), 2, now);
        Self { state, now, last: Vec::new() }
    }

    /// Both roles serve.
    pub(super) fn serving() -> Self {
        let mut table = Self::new();
        assert_eq!(table.on(Event::Time), [Action::Start(Kept::Egress)]);
        assert_eq!(table.on(Event::Ready(Kept::Egress)), [Action::Start(Kept::Gateway)]);
        assert_eq!(table.on(Event::Asked(FromGateway::Ready)), [Action::AnnounceReady]);
        table
    }

    fn with_runtime(id: u64) -> Self {
        let mut table = Self::serving();
        table.start(id);
        table.on(Event::Listener(RuntimeId(id)));
        assert_eq!(table.on(Event::Executed(RuntimeId(id))), [Action::TellGateway(ToGateway::Started { runtime: RuntimeId(id) })]);
        table
    }

    pub(super) fn on(&mut self, event: Event) -> &[Action] {
        self.last = self.state.step(self.now, event);
        &self.last
    }

    pub(super) fn after(&mut self, time: Duration) -> &[Action] {
        self.now += time;
        self.on(Event::Time)
    }

    /// Waits exactly as long as the machine wants to.
    pub(super) fn at_deadline(&mut self) -> (Duration, Vec<Action>) {
        let deadline = self.state.deadline().expect("the machine waits for nothing");
        let waited = deadline.saturating_duration_since(self.now);
        (waited, self.after(waited).to_vec())
    }

    fn start(&mut self, id: u64) -> &[Action] {
        self.on(Event::Asked(FromGateway::Start { runtime: RuntimeId(id), agent: agent(), user: UserId::telegram(7), granted: Vec::new() }))
    }
}

fn agent() -> AgentName {
    "tg-acp".parse().unwrap()
}

fn refusal(actions: &[Action]) -> &str {
    match actions {
        [Action::TellGateway(ToGateway::Failed { why, .. })] => why,
        other => panic!("{other:?}"),
    }
}

fn serve(id: u64) -> Action {
    Action::TellEgress(ToEgress::Serve { runtime: RuntimeId(id), agent: agent(), user: UserId::telegram(7), granted: Vec::new() })
}

fn ended(id: u64, status: i32) -> Action {
    Action::TellGateway(ToGateway::Ended { runtime: RuntimeId(id), status })
}

#[test]
fn a_dead_role_is_restarted_after_a_wait_that_doubles_up_to_30_seconds() {
    let mut table = Table::serving();
    let waits: Vec<u128> = (0..9)
        .map(|_| {
            table.on(ALIVE);
            assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Notify(Notice::Restarts(Kept::Egress))]);
            let (waited, actions) = table.at_deadline();
            assert_eq!(actions, [Action::Start(Kept::Egress)]);
            assert_eq!(table.on(Event::Ready(Kept::Egress)), []);
            waited.as_millis()
        })
        .collect();
    assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    for _ in 0..2 {
        table.after(Duration::from_secs(30));
        table.on(ALIVE);
    }
    table.on(Event::Broken(Kept::Egress));
    table.on(Event::Ended(Kept::Egress));
    assert_eq!(table.at_deadline().0, Duration::from_millis(250), "a long life makes the next wait short");
}

#[test]
fn a_role_that_was_never_ready_is_not_tried_for_ever() {
    let mut table = Table::new();
    table.on(Event::Time);
    let actions = table.on(Event::Ended(Kept::Egress));
    assert!(
        matches!(actions, [Action::Report(why), Action::Notify(Notice::Stopping), Action::Exit(1)] if why.contains("egress")),
        "{actions:?}"
    );
}

#[test]
fn a_role_that_does_not_get_ready_is_killed() {
    let mut table = Table::serving();
    table.on(Event::Ended(Kept::Gateway));
    table.at_deadline();
    let (waited, actions) = table.at_deadline();
    assert_eq!(waited, Duration::from_secs(60));
    assert!(matches!(&actions[..], [Action::Report(_), Action::Kill(Kept::Gateway)]));
    assert_eq!(table.on(Event::Ready(Kept::Gateway)), [], "too late");
}

#[test]
fn a_role_that_breaks_the_protocol_is_killed_once() {
    let mut table = Table::serving();
    assert_eq!(table.on(Event::Broken(Kept::Gateway)), [Action::Kill(Kept::Gateway)]);
    assert_eq!(table.on(Event::Broken(Kept::Gateway)), []);
}

#[test]
fn a_new_egress_gets_every_listener_again() {
    let mut table = Table::with_runtime(1);
    table.start(2);
    table.on(Event::Ended(Kept::Egress));
    assert_eq!(table.on(Event::Listener(RuntimeId(2))), [], "there is nobody to serve it yet");
    assert_eq!(table.at_deadline().1, [Action::Start(Kept::Egress)]);
    assert_eq!(table.on(Event::Ready(Kept::Egress)), [serve(1), serve(2)]);
}

#[test]
fn a_dead_gateway_takes_its_runtimes_along_and_comes_back_only_after_them() {
    let mut table = Table::with_runtime(1);
    let restarts = Action::Notify(Notice::Restarts(Kept::Gateway));
    assert_eq!(table.on(Event::Ended(Kept::Gateway)), [Action::TerminateRuntime(RuntimeId(1)), restarts]);
    assert_eq!(table.after(Duration::from_secs(1)), [], "the old runtime still lives");
    assert_eq!(table.after(Duration::from_secs(3)), [Action::KillRuntime(RuntimeId(1))]);
    let close = Action::TellEgress(ToEgress::Close { runtime: RuntimeId(1) });
    assert_eq!(table.on(Event::Gone(RuntimeId(1), 137)), [close, ended(1, 137), Action::Start(Kept::Gateway)]);
}

#[test]
fn a_runtime_starts_serves_and_ends() {
    let mut table = Table::serving();
    assert_eq!(table.start(1), [Action::StartRuntime(RuntimeId(1), agent(), UserId::telegram(7))]);
    assert_eq!(table.on(Event::Listener(RuntimeId(1))), [serve(1)]);
    table.on(Event::Executed(RuntimeId(1)));
    assert_eq!(table.state.deadline(), table.state.vitals.alive_by(), "a running runtime has all the time in the world");
    assert_eq!(table.on(Event::Asked(FromGateway::End { runtime: RuntimeId(1) })), [Action::TerminateRuntime(RuntimeId(1))]);
    assert_eq!(table.on(Event::Asked(FromGateway::End { runtime: RuntimeId(1) })), []);
    assert_eq!(table.at_deadline(), (Duration::from_secs(4), vec![Action::KillRuntime(RuntimeId(1))]));
    let close = Action::TellEgress(ToEgress::Close { runtime: RuntimeId(1) });
    assert_eq!(table.on(Event::Gone(RuntimeId(1), 143)), [close, ended(1, 143)]);
}

#[test]
fn what_cannot_start_is_refused_with_a_sentence() {
    let mut table = Table::serving();
    table.start(1);
    assert!(refusal(table.start(1)).contains("r1"));
    let stranger =
        FromGateway::Start { runtime: RuntimeId(9), agent: "stranger".parse().unwrap(), user: UserId::telegram(7), granted: Vec::new() };
    assert!(refusal(table.on(Event::Asked(stranger))).contains("stranger"));
    table.start(2);
    assert!(refusal(table.start(3)).contains("MAX_PROCESSES"));
    table.on(Event::Gone(RuntimeId(1), 0));
    assert!(matches!(table.start(3), [Action::StartRuntime(..)]));
}

#[test]
fn a_failed_start_is_told_once_and_its_end_not_again() {
    let mut table = Table::serving();
    table.start(1);
    assert_eq!(refusal(table.on(Event::Failed(RuntimeId(1), "no".to_owned()))), "no");
    assert_eq!(table.on(Event::Failed(RuntimeId(1), "no".to_owned())), []);
    assert_eq!(table.on(Event::Executed(RuntimeId(1))), []);
    assert_eq!(table.on(Event::Gone(RuntimeId(1), 1)), []);
}

#[test]
fn a_jail_that_takes_too_long_is_killed_and_reported() {
    let mut table = Table::serving();
    table.start(1);
    let (waited, actions) = table.at_deadline();
    assert_eq!(waited, START);
    assert!(refusal(&actions[..1]).contains("10 s"));
    assert_eq!(actions[1..], [Action::KillRuntime(RuntimeId(1))]);
    assert_eq!(table.on(Event::Gone(RuntimeId(1), 137)), []);
}

#[test]
fn a_jail_that_fails_and_stays_is_killed() {
    let mut table = Table::serving();
    table.start(1);
    table.on(Event::Failed(RuntimeId(1), "no".to_owned()));
    assert_eq!(table.at_deadline().1, [Action::KillRuntime(RuntimeId(1))]);
}

#[test]
fn a_stop_goes_gateway_runtimes_egress_and_exits_with_zero() {
    let mut table = Table::with_runtime(1);
    assert_eq!(table.on(Event::StopAsked), [Action::Notify(Notice::Stopping), Action::TellGateway(ToGateway::Stop)]);
    assert!(refusal(table.start(2)).contains("stopping"));
    assert_eq!(table.on(Event::Broken(Kept::Gateway)), [], "it may still be closing its store");
    assert_eq!(table.on(Event::Ended(Kept::Gateway)), [Action::TerminateRuntime(RuntimeId(1))]);
    let close = Action::TellEgress(ToEgress::Close { runtime: RuntimeId(1) });
    assert_eq!(table.on(Event::Gone(RuntimeId(1), 0)), [close, ended(1, 0), Action::TellEgress(ToEgress::Stop)]);
    assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Exit(0)]);
}

#[test]
fn a_stop_is_over_in_ten_seconds_whoever_does_not_answer() {
    let mut table = Table::with_runtime(1);
    table.on(Event::StopAsked);
    let (drain, actions) = table.at_deadline();
    assert_eq!((drain, actions), (DRAIN, vec![Action::Kill(Kept::Gateway)]));
    table.on(Event::Ended(Kept::Gateway));
    let (grace, actions) = table.at_deadline();
    assert_eq!(actions, [Action::KillRuntime(RuntimeId(1))]);
    table.on(Event::Gone(RuntimeId(1), 137));
    let (last, actions) = table.at_deadline();
    assert_eq!(actions, [Action::Kill(Kept::Egress)]);
    assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Exit(0)]);
    assert!(drain + grace + last <= Duration::from_secs(10));
}

#[test]
fn a_second_signal_hurries() {
    let mut table = Table::with_runtime(1);
    table.on(Event::StopAsked);
    assert_eq!(table.on(Event::StopAsked), [Action::KillRuntime(RuntimeId(1)), Action::Kill(Kept::Gateway)]);
    table.on(Event::Gone(RuntimeId(1), 137));
    assert_eq!(table.on(Event::Ended(Kept::Gateway)), [Action::TellEgress(ToEgress::Stop)]);
    assert_eq!(table.on(Event::StopAsked), [Action::Kill(Kept::Egress)]);
    assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Exit(0)]);
}

#[test]
fn a_stop_before_anything_serves_ends_at_once() {
    let mut table = Table::new();
    table.on(Event::Time);
    assert_eq!(table.on(Event::StopAsked), [Action::Notify(Notice::Stopping), Action::TellEgress(ToEgress::Stop)]);
    assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Exit(0)]);
}

#[test]
fn a_fatal_gateway_stops_everything_with_its_code() {
    let mut table = Table::serving();
    let actions = table.on(Event::Asked(FromGateway::Fatal { why: "token refused".to_owned(), code: 69 }));
    let report = Action::Report("token refused".to_owned());
    assert_eq!(actions, [report, Action::Notify(Notice::Stopping), Action::TellGateway(ToGateway::Stop)]);
    assert_eq!(table.on(Event::Ended(Kept::Gateway)), [Action::TellEgress(ToEgress::Stop)]);
    assert_eq!(table.on(Event::Ended(Kept::Egress)), [Action::Exit(69)]);
}

/// What the outside can do to the machine, in any order.
fn events() -> impl Strategy<Value = Event> {
    let id = || (1_u64..4).prop_map(RuntimeId);
    let kept = || prop_oneof![Just(Kept::Gateway), Just(Kept::Egress)];
    prop_oneof![
        Just(Event::Time),
        kept().prop_map(Event::Ready),
        kept().prop_map(Event::Broken),
        kept().prop_map(Event::Ended),
        id().prop_map(|runtime| Event::Asked(FromGateway::Start {
            runtime,
            agent: agent(),
            user: UserId::telegram(7),
            granted: Vec::new()
        })),
        id().prop_map(|runtime| Event::Asked(FromGateway::End { runtime })),
        id().prop_map(Event::Listener),
        id().prop_map(Event::Executed),
        id().prop_map(|id| Event::Failed(id, String::new())),
        id().prop_map(|id| Event::Gone(id, 0)),
        Just(Event::Asked(FromGateway::Alive)),
        (0_u64..9).prop_map(|number| Event::Asked(FromGateway::Ping { number })),
        (0_u64..9).prop_map(Event::Pong),
    ]
}

#[test]
fn what_is_granted_reaches_the_egress_and_its_successor() {
    let target: Target = "new.example:443".parse().unwrap();
    let mut table = Table::with_runtime(1);
    let refused = |id| Event::Refused(RuntimeId(id), "new.example:443".parse().unwrap(), true);
    let told = ToGateway::Refused { runtime: RuntimeId(1), target: target.clone(), grantable: true };
    assert_eq!(table.on(refused(1)), [Action::TellGateway(told)]);
    assert_eq!(table.on(refused(9)), [], "of a runtime that is not there");
    let grant = |id, granted: &[Target]| Event::Asked(FromGateway::Grant { runtime: RuntimeId(id), granted: granted.to_vec() });
    let granted = vec![target.clone()];
    assert_eq!(table.on(grant(1, &granted)), [Action::TellEgress(ToEgress::Grant { runtime: RuntimeId(1), granted: granted.clone() })]);
    assert_eq!(table.on(grant(1, &vec![target; GRANTS + 1])), [], "more than there may be");
    assert_eq!(table.on(grant(9, &granted)), []);
    table.on(Event::Ended(Kept::Egress));
    table.after(Duration::from_secs(1));
    let (agent, user) = (agent(), UserId::telegram(7));
    let serve = ToEgress::Serve { runtime: RuntimeId(1), agent, user, granted };
    assert_eq!(table.on(Event::Ready(Kept::Egress)), [Action::TellEgress(serve)]);
}

proptest! {
    /// Whatever happened before: once asked to stop, the machine comes to its end when the processes it kills really end.
    #[test]
    fn every_stop_comes_to_its_end(before in proptest::collection::vec((events(), 0_u64..40_000), 0..60)) {
        let mut table = Table::new();
        let mut killed = std::collections::VecDeque::new();
        let mut before = before.into_iter();
        let mut begun = None;
        'ended: loop {
            for action in &table.last {
                match action {
                    Action::Kill(kept) => killed.push_back(Event::Ended(*kept)),
                    Action::KillRuntime(id) => killed.push_back(Event::Gone(*id, 137)),
                    Action::Exit(_) => break 'ended,
                    _ => {}
                }
            }
            if let Some((event, millis)) = before.next() {
                table.now += Duration::from_millis(millis);
                table.on(event);
            } else if begun.is_none() {
                begun = Some(table.now);
                table.on(Event::StopAsked);
            } else if let Some(event) = killed.pop_front() {
                table.on(event);
            } else {
                let past = table.state.deadline().is_some_and(|at| at <= table.now);
                prop_assert!(!past, "the machine waits for the past");
                table.at_deadline();
            }
            prop_assert!(begun.is_none_or(|begun| table.now - begun <= Duration::from_secs(10)));
        }
    }

    /// Never more runtimes than allowed, and never a start of one that is there.
    #[test]
    fn runtimes_are_bounded(events in proptest::collection::vec(events(), 0..80)) {
        let mut table = Table::new();
        let mut live = BTreeSet::new();
        for event in events {
            if let Event::Gone(id, _) = event {
                live.remove(&id);
            }
            for action in table.on(event) {
                if let Action::StartRuntime(id, ..) = action {
                    prop_assert!(live.insert(*id));
                }
            }
            prop_assert!(live.len() <= 2);
        }
    }
}

#[test]
fn a_runtime_that_used_too_much_is_told_of_before_its_end_and_killed_if_its_keeper_cannot() {
    let mut table = Table::with_runtime(1);
    let excess = Excess::Memory { most: 1 };
    assert_eq!(
        table.on(Event::Exceeded(RuntimeId(1), excess)),
        [Action::TellGateway(ToGateway::Exceeded { runtime: RuntimeId(1), excess })]
    );
    assert_eq!(table.on(Event::Asked(FromGateway::End { runtime: RuntimeId(1) })), [], "it is being ended");
    assert_eq!(table.at_deadline(), (KEEPER_GRACE, vec![Action::KillRuntime(RuntimeId(1))]));
    assert!(table.on(Event::Gone(RuntimeId(1), 137)).contains(&ended(1, 137)));
    assert_eq!(table.on(Event::Exceeded(RuntimeId(1), excess)), [], "nobody is left to be told of");
}

//! Whether the appliance goes on: what the gateway reports of itself, and whether the egress answers.
//!
//! It is fed by progress, not by a timer: a gateway whose poller or store hangs reports none, and one that hangs itself even less.

use std::time::{Duration, Instant};

use super::{Action, Kept, Notice, State};
use crate::model::bounds::STUCK;
use crate::model::control::{ToEgress, ToGateway};

/// An egress that leaves a ping unanswered for so long is started anew: it does nothing that blocks its event loop.
const MUTE: Duration = Duration::from_secs(30);

/// The warden looks at a deadline within a moment of it. When it is later than this, all of us were held up together (a container that
/// was paused, a machine that slept), and nobody had the time to report.
const LATE: Duration = Duration::from_secs(5);

/// What is known.
#[derive(Debug, Default)]
pub(super) struct Vitals {
    /// When the oldest ping was passed on that the egress has not answered.
    asked: Option<Instant>,
    /// By when the gateway has to report progress; `None` while it does not serve.
    alive_by: Option<Instant>,
}

impl Vitals {
    /// Its process is gone, and with it what was expected of it.
    pub(super) fn forget(&mut self, kept: Kept) {
        match kept {
            Kept::Gateway => self.alive_by = None,
            Kept::Egress => self.asked = None,
        }
    }

    /// The gateway serves, or has just reported: it has so long for the next report.
    pub(super) fn expect_report(&mut self, now: Instant) {
        self.alive_by = Some(now + STUCK);
    }

    /// By when the gateway has to report progress.
    pub(super) fn alive_by(&self) -> Option<Instant> {
        self.alive_by
    }

    fn egress_is_mute(&self, now: Instant) -> bool {
        self.asked.is_some_and(|asked| now.duration_since(asked) >= MUTE)
    }
}

impl State {
    /// The gateway reports progress. Whoever watches over us hears of it only when the egress goes on as well.
    pub(super) fn alive(&mut self, now: Instant, actions: &mut Vec<Action>) {
        if !self.gateway.is_ready() {
            return;
        }
        self.vitals.expect_report(now);
        if self.egress.is_ready() && !self.vitals.egress_is_mute(now) {
            actions.push(Action::Notify(Notice::Alive));
        }
    }

    /// The gateway wants to know who answers.
    pub(super) fn ping(&mut self, number: u64, now: Instant, actions: &mut Vec<Action>) {
        actions.push(Action::AnswerPing(number));
        if !self.egress.is_ready() {
            return;
        }
        if self.vitals.egress_is_mute(now) {
            actions.push(Action::Report("the egress does not answer; it is ended".to_owned()));
            self.kill(Kept::Egress, actions);
            return;
        }
        self.vitals.asked.get_or_insert(now);
        actions.push(Action::TellEgress(ToEgress::Ping { number }));
    }

    /// The egress answers.
    pub(super) fn pong(&mut self, number: u64, actions: &mut Vec<Action>) {
        self.vitals.asked = None;
        if self.gateway.is_ready() {
            actions.push(Action::TellGateway(ToGateway::EgressAnswered { number }));
        }
    }

    /// Ends a gateway that has reported no progress for too long.
    pub(super) fn judge_gateway(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let Some(by) = self.vitals.alive_by.filter(|by| *by <= now) else { return };
        if now.duration_since(by) > LATE {
            self.vitals.expect_report(now);
            return;
        }
        self.vitals.alive_by = None;
        actions.push(Action::Report(format!("the gateway has reported no progress for {} s; it is ended", STUCK.as_secs())));
        self.kill(Kept::Gateway, actions);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Event;
    use super::super::tests::{ALIVE, Table};
    use super::*;
    use crate::model::control::FromGateway;

    const FED: [Action; 1] = [Action::Notify(Notice::Alive)];

    fn ping(table: &mut Table, number: u64) -> Vec<Action> {
        table.on(Event::Asked(FromGateway::Ping { number })).to_vec()
    }

    #[test]
    fn a_watcher_is_fed_by_the_gateway_s_progress_and_by_nothing_else() {
        let mut table = Table::serving();
        assert_eq!(table.after(Duration::from_secs(30)), [], "time alone feeds nobody");
        assert_eq!(table.on(ALIVE), FED);
        assert_eq!(table.after(Duration::from_secs(30)), []);
    }

    #[test]
    fn a_gateway_without_progress_is_started_anew() {
        let mut table = Table::serving();
        table.on(ALIVE);
        let (waited, actions) = table.at_deadline();
        assert_eq!(waited, STUCK);
        assert!(matches!(&actions[..], [Action::Report(why), Action::Kill(Kept::Gateway)] if why.contains("progress")), "{actions:?}");
        assert_eq!(table.on(ALIVE), [], "too late");
        table.on(Event::Ended(Kept::Gateway));
        assert_eq!(table.at_deadline().1, [Action::Start(Kept::Gateway)]);
    }

    #[test]
    fn a_gateway_that_hangs_before_its_first_report_is_started_anew_too() {
        let mut table = Table::serving();
        let (waited, actions) = table.at_deadline();
        assert_eq!(waited, STUCK);
        assert!(matches!(&actions[..], [Action::Report(_), Action::Kill(Kept::Gateway)]), "{actions:?}");
    }

    #[test]
    fn whoever_slept_together_with_the_gateway_gives_it_time() {
        let mut table = Table::serving();
        table.on(ALIVE);
        assert_eq!(table.after(Duration::from_secs(3600)), []);
        assert_eq!(table.at_deadline().0, STUCK);
    }

    #[test]
    fn a_ping_goes_to_the_egress_and_its_answer_back() {
        let mut table = Table::serving();
        assert_eq!(ping(&mut table, 7), [Action::AnswerPing(7), Action::TellEgress(ToEgress::Ping { number: 7 })]);
        assert_eq!(table.on(Event::Pong(7)), [Action::TellGateway(ToGateway::EgressAnswered { number: 7 })]);
    }

    #[test]
    fn an_egress_that_hangs_feeds_nobody_and_is_started_anew() {
        let mut table = Table::serving();
        ping(&mut table, 1);
        table.after(MUTE);
        assert_eq!(table.on(ALIVE), []);
        let actions = ping(&mut table, 2);
        assert!(matches!(&actions[..], [Action::AnswerPing(2), Action::Report(_), Action::Kill(Kept::Egress)]), "{actions:?}");
        assert_eq!(ping(&mut table, 3), [Action::AnswerPing(3)], "there is nobody to ask");
        table.on(Event::Ended(Kept::Egress));
        table.at_deadline();
        table.on(Event::Ready(Kept::Egress));
        assert_eq!(table.on(ALIVE), FED);
    }
}

//! A turn that the agent works on: from its prompt to its stop reason.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Begun, Press, Signals, TurnEnd};
use crate::acp::{AcpError, StopReason, Turn, TurnEvent};
use crate::gateway::Deps;
use crate::gateway::answer::Answer;
use crate::gateway::permissions::Asks;
use crate::gateway::person::Person;
use crate::gateway::pool::Lease;
use crate::model::bounds;
use crate::model::outbound::Show;
use crate::store::{SessionKey, SessionRecord};

/// Why a turn is being cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancelled {
    ByPerson,
    ByTime,
}

/// A turn that the agent works on.
pub(super) struct Running<'a> {
    deps: &'a Deps,
    key: &'a SessionKey,
    person: Person,
    lease: Lease,
    record: SessionRecord,
    turn: Turn,
    answer: Answer,
    asks: Asks,
    /// When the turn has taken too long.
    deadline: Instant,
    /// Since when, and why, it is being cancelled.
    cancelled: Option<(Instant, Cancelled)>,
}

impl<'a> Running<'a> {
    pub(super) fn new(deps: &'a Deps, key: &'a SessionKey, person: Person, begun: Begun) -> Self {
        let Begun { lease, record, turn } = begun;
        let deadline = Instant::now() + deps.config.turn_timeout;
        let (answer, asks) = (Answer::new(person.texts().truncated()), Asks::new(person.clone()));
        Self { deps, key, person, lease, record, turn, answer, asks, deadline, cancelled: None }
    }

    pub(super) async fn drive(mut self, mut signals: Signals) -> TurnEnd {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                event = self.turn.next() => match event {
                    Some(TurnEvent::Ended(result)) => return self.end(result),
                    Some(event) => self.on_event(event).await,
                    None => return self.end(Err(AcpError::Gone)),
                },
                () = stopped(&mut signals.stop), if self.cancelled.is_none() => self.cancel(Cancelled::ByPerson).await,
                Some(press) = signals.presses.recv() => self.on_press(press).await,
                () = tokio::time::sleep_until(wake.into()) => {
                    if let Some(end) = self.on_time(Instant::now()).await {
                        return end;
                    }
                }
            }
        }
    }

    fn next_wake(&self) -> Instant {
        let turn = match self.cancelled {
            Some((since, _)) => since + bounds::CANCEL_GRACE,
            None => self.deadline,
        };
        self.asks.next_deadline().map_or(turn, |ask| ask.min(turn))
    }

    async fn show(&self, show: Show) {
        self.deps.faces.show(self.key.thread, show).await;
    }

    async fn on_event(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Text(text) => {
                if let Some(text) = self.answer.add(&text) {
                    self.show(Show::Text { text }).await;
                }
            }
            TurnEvent::Thought(text) => self.show(Show::Thought { text }).await,
            TurnEvent::Tool(tool) => {
                self.answer.interrupted_by_tool();
                self.show(Show::Tool(tool)).await;
            }
            TurnEvent::Permission(request) => {
                let deadline = Instant::now() + self.deps.config.permission_timeout;
                let policy = &self.deps.agent(self.key).permissions;
                if let Some(show) = self.asks.take(request, self.key.user, policy, &self.record.always, deadline) {
                    self.show(show).await;
                }
            }
            TurnEvent::Models(models) => {
                self.record.models = models.available.into_iter().map(|model| (model.id, model.name)).collect();
            }
            _ => {}
        }
    }

    async fn on_press(&mut self, press: Press) {
        let settled = self.asks.answer(&press.token, press.by, &mut self.record.always);
        let toast = match &settled {
            Some(Show::Settled { choice, .. }) => choice.clone(),
            _ => self.person.texts().not_yours(),
        };
        self.show(Show::Pressed { press: press.press, toast }).await;
        if let Some(settled) = settled {
            self.show(settled).await;
        }
    }

    async fn cancel(&mut self, why: Cancelled) {
        self.cancelled = Some((Instant::now(), why));
        for settled in self.asks.cancel_all() {
            self.show(settled).await;
        }
        self.turn.cancel().await;
    }

    /// A time has come: for questions, for the turn, or for an agent that does not answer its cancellation.
    async fn on_time(&mut self, now: Instant) -> Option<TurnEnd> {
        for settled in self.asks.expire(now) {
            self.show(settled).await;
        }
        match self.cancelled {
            None if now >= self.deadline => self.cancel(Cancelled::ByTime).await,
            Some((since, why)) if now >= since + bounds::CANCEL_GRACE => {
                self.lease.end_runtime();
                self.keep_record();
                return Some(self.cancelled_end(why, true));
            }
            _ => {}
        }
        None
    }

    fn end(mut self, result: Result<StopReason, AcpError>) -> TurnEnd {
        self.keep_record();
        if let Some((_, why)) = self.cancelled {
            return self.cancelled_end(why, result.is_err());
        }
        let text = std::mem::take(&mut self.answer).finish();
        match result {
            Ok(StopReason::EndTurn) => TurnEnd::Answered(if text.is_empty() { self.person.texts().wordless() } else { text }),
            Ok(reason) => TurnEnd::Answered(self.person.texts().stopped_by_agent(&text, reason.as_str())),
            Err(error) => {
                let why = self.explain(&error);
                if error.spoils_runtime() {
                    self.lease.end_runtime();
                }
                TurnEnd::Failed { partial: text, why }
            }
        }
    }

    fn cancelled_end(&mut self, why: Cancelled, ended: bool) -> TurnEnd {
        let partial = std::mem::take(&mut self.answer).finish();
        match why {
            Cancelled::ByPerson => TurnEnd::Stopped { partial, ended },
            Cancelled::ByTime => TurnEnd::Failed { partial, why: self.person.texts().turn_timeout(minutes(self.deps.config.turn_timeout)) },
        }
    }

    fn explain(&self, error: &AcpError) -> String {
        match (error, self.lease.runtime().last_words().last()) {
            (AcpError::Gone, Some(line)) => format!("{error} Its last words: `{}`", line.replace('`', "'")),
            _ => error.to_string(),
        }
    }

    /// What this turn learnt about its session; `/new` may have changed the record meanwhile, then it is the newer one that counts.
    fn keep_record(&self) {
        let kept = self.deps.store.session(self.key).and_then(|mut now| {
            if now.acp == self.record.acp {
                now.models.clone_from(&self.record.models);
                now.always.clone_from(&self.record.always);
                self.deps.store.put_session(self.key, &now)?;
            }
            Ok(())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "what a turn learnt about its session was not stored");
        }
    }
}

/// Resolves when the person says stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The session is gone, and this future with it.
        std::future::pending::<()>().await;
    }
}

fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

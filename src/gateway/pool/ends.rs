//! What the warden tells of runtimes that end.

use tokio::sync::mpsc;

use super::{Phase, Pool, Slot};
use crate::gateway::person::Person;
use crate::gateway::port::End;
use crate::model::outbound::Show;
use crate::model::{Excess, RuntimeId, ThreadId, UserId};

impl Pool {
    /// Serves what the warden tells, until it is gone.
    pub(super) async fn hear_of_ends(self, mut ended: mpsc::Receiver<(RuntimeId, End)>) {
        while let Some((id, end)) = ended.recv().await {
            match end {
                End::Exceeded(excess) => {
                    tracing::warn!(runtime = %id, ?excess, "a runtime used more than it may");
                    if let Some((user, thread)) = self.state().slots.get_mut(&id).and_then(|slot| slot.exceeded(excess)) {
                        // A face that lags must not hold up the ends of others.
                        tokio::spawn(self.clone().tell(user, thread, excess));
                    }
                }
                End::Gone(status) => {
                    tracing::info!(runtime = %id, status, "a runtime is gone");
                    self.state().slots.remove(&id);
                    self.serve_waiting();
                }
            }
        }
    }

    /// Tells the person of a runtime that was ended between two turns.
    async fn tell(self, user: UserId, thread: ThreadId, excess: Excess) {
        let person = Person::of(&self.0.store, &user);
        match self.0.store.post(&person.notice(thread, person.texts().exceeded_at_rest(&excess))) {
            Ok(()) => self.0.faces.show(thread, Show::Deliver).await,
            Err(error) => tracing::warn!(%error, %thread, "nobody could be told of a runtime that used more than it may"),
        }
    }
}

impl Slot {
    /// Takes note of why it ends. Gives who is to be told and where, unless a turn tells it, it was told, or nobody talked to it yet.
    fn exceeded(&mut self, excess: Excess) -> Option<(UserId, ThreadId)> {
        let is_known = self.excess.send_replace(Some(excess)).is_some();
        let runtime = self.runtime.as_ref().filter(|_| !self.leased)?;
        // Nobody is to get it for a turn any more, who would be told once again.
        self.phase = Phase::Ending;
        (!is_known && runtime.has_sessions()).then_some((self.user, self.thread))
    }
}

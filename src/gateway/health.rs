//! How the appliance goes: looked at now and then for those who watch over it, and for whoever asks at a Unix socket.
//!
//! [`Monitor::beat`] reports progress to the warden, which is what a watchdog is fed with. A way that is broken but tried again and again, such
//! as to a Telegram that cannot be reached, goes on: a restart would not mend it. What hangs does not, nor does a store that fails.
//! Looking costs a durable write, so it is done by one at a time, and what was written a moment ago counts.

mod door;
mod judge;
mod metrics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};

use self::judge::{Facts, StoreFact};
use super::pool::Pool;
use super::port::{Answer, Port};
use crate::model::Pulse;
use crate::model::bounds::BEAT;
use crate::model::control::{FromGateway, Standing};
use crate::model::health::Health;
use crate::store::{Store, StoreError};

/// Time for warden and egress to answer; they do within a millisecond.
const ANSWER: Duration = Duration::from_secs(3);

/// Time for a durable write: a disk that is busy with others' writes takes seconds.
const WRITE: Duration = Duration::from_secs(10);

/// A beat takes a write of so long ago for one of now: an idle appliance should not keep a disk from its rest.
const WRITTEN: Duration = Duration::from_secs(60);

/// Whoever asks gets one that is younger.
const WRITTEN_FOR_WHO_ASKS: Duration = Duration::from_secs(10);

/// The counter that such a write adds to.
const COUNTER: &str = "health";

/// Whoever looks.
#[derive(Debug)]
pub(super) struct Monitor {
    /// How polling and sending goes, where there is a token.
    telegram: Option<(Pulse, Pulse)>,
    turns: Pulse,
    store: Store,
    port: Port,
    pool: Pool,
    since: Instant,
    look: Mutex<Look>,
}

/// What one look leaves for the next.
#[derive(Debug)]
struct Look {
    answers: mpsc::Receiver<Answer>,
    ping: u64,
    written: Option<Instant>,
}

impl Monitor {
    /// A monitor of these parts.
    pub(super) fn new(
        telegram: Option<(Pulse, Pulse)>,
        turns: Pulse,
        store: Store,
        port: Port,
        pool: Pool,
        answers: mpsc::Receiver<Answer>,
    ) -> Arc<Self> {
        let look = Mutex::new(Look { answers, ping: 0, written: None });
        Arc::new(Self { telegram, turns, store, port, pool, since: Instant::now(), look })
    }

    /// Reports progress as long as there is some.
    pub(super) async fn beat(self: Arc<Self>) {
        let mut went_on = true;
        loop {
            let goes_on = judge::stuck(&self.facts(WRITTEN).await);
            match &goes_on {
                None => self.port.say(FromGateway::Alive).await,
                Some(why) if went_on => tracing::error!(%why, "no progress; it will be started anew unless that changes"),
                Some(_) => {}
            }
            went_on = goes_on.is_none();
            sleep(BEAT).await;
        }
    }

    /// The report for whoever asks.
    async fn health(&self) -> Health {
        judge::health(&self.facts(WRITTEN_FOR_WHO_ASKS).await)
    }

    /// Looks. A durable write of at most `age` ago is as good as a new one.
    async fn facts(&self, age: Duration) -> Facts {
        let mut look = self.look.lock().await;
        let Look { answers, ping, written } = &mut *look;
        *ping += 1;
        let ((standing, egress), store) = tokio::join!(self.ask(*ping, answers), self.write(written, age));
        let written = *written;
        drop(look);
        Facts {
            now: Instant::now(),
            since: self.since,
            polls: self.telegram.as_ref().map(|(polls, _)| polls.signs()),
            sent: self.telegram.as_ref().and_then(|(_, sends)| sends.signs().succeeded),
            answered: self.turns.signs().succeeded,
            written,
            store,
            standing,
            egress,
            pool: self.pool.usage(),
            inbox: self.store.inbox_len(),
            outbox: self.store.outbox_len(),
        }
    }

    /// Who answers: the warden, with what it knows, and the egress.
    async fn ask(&self, number: u64, answers: &mut mpsc::Receiver<Answer>) -> (Option<Standing>, bool) {
        let (mut standing, mut egress) = (None, false);
        let both = async {
            self.port.say(FromGateway::Ping { number }).await;
            while standing.is_none() || !egress {
                match answers.recv().await {
                    Some(Answer::Warden(of, told)) if of == number => standing = Some(told),
                    Some(Answer::Egress(of)) if of == number => egress = true,
                    // To a ping that was given up.
                    Some(_) => {}
                    None => return,
                }
            }
        };
        // Who has not answered by then does not.
        let _ = timeout(ANSWER, both).await;
        (standing, egress)
    }

    async fn write(&self, written: &mut Option<Instant>, age: Duration) -> StoreFact {
        match self.store.check_space() {
            Err(StoreError::Full) => return StoreFact::Full,
            Err(error) => return StoreFact::Failed(error.to_string()),
            Ok(()) => {}
        }
        if written.is_some_and(|written| written.elapsed() < age) {
            return StoreFact::Writes;
        }
        let write = async {
            self.store.count(COUNTER)?;
            self.store.flush().await
        };
        match timeout(WRITE, write).await {
            Ok(Ok(())) => {
                *written = Some(Instant::now());
                StoreFact::Writes
            }
            Ok(Err(error)) => StoreFact::Failed(error.to_string()),
            Err(_) => StoreFact::Hangs,
        }
    }
}

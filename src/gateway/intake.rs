//! The one door of all channels: gate, inbox, router.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};

use super::faces::Faces;
use super::gate::{Authorized, Gate, Verdict};
use super::person::Person;
use super::texts::texts;
use crate::model::ThreadId;
use crate::model::inbound::{Content, Inbound};
use crate::model::outbound::{Message, Show};
use crate::store::{EntryId, Phase, Store, StoreError, UserRecord};

/// How often one stranger is told their id, while nobody is allowed.
const PAIRING_PAUSE: Duration = Duration::from_secs(30);

/// Strangers remembered for [`PAIRING_PAUSE`]; beyond them nobody is answered until the pause is over.
const PAIRING_STRANGERS: usize = 64;

/// What the router receives.
#[derive(Debug)]
pub struct Routed {
    /// Its place in the inbox; `None` for a press, which a restart may lose.
    pub entry: Option<EntryId>,
    /// What was done.
    pub inbound: Authorized<Inbound>,
}

/// The door. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Intake {
    gate: Arc<Gate>,
    store: Store,
    faces: Faces,
    router: mpsc::Sender<Routed>,
    told: Arc<Mutex<BTreeMap<ThreadId, Instant>>>,
    /// True when what a crash left has been taken up: only then does anything new come in, behind it.
    open: watch::Sender<bool>,
}

impl Intake {
    /// A door to `router`.
    pub fn new(gate: Gate, store: Store, faces: Faces, router: mpsc::Sender<Routed>) -> Self {
        Self { gate: Arc::new(gate), store, faces, router, told: Arc::default(), open: watch::Sender::new(false) }
    }

    /// Takes in what a person did. Durable after the store's next flush, which the caller awaits before it tells its channel so.
    ///
    /// # Errors
    /// The store failed: the channel must not confirm the event. A full disk is no error here: the person is told and the event is over.
    pub async fn take_in(&self, inbound: Inbound) -> Result<(), StoreError> {
        // The sender lives in this very value.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
        let (thread, language) = (inbound.thread, inbound.language.unwrap_or_default());
        match self.gate.judge(inbound) {
            Verdict::Allowed(inbound) => match self.accept(inbound).await {
                Err(StoreError::Full) => self.notify(thread, texts(language).disk_full()).await,
                other => other,
            },
            Verdict::Pairing => {
                if !self.may_tell(thread) {
                    return Ok(());
                }
                self.notify(thread, texts(language).pairing(thread.chat)).await
            }
            Verdict::Stranger => {
                let strangers = self.store.count("strangers")?;
                tracing::info!(strangers, "a stranger wrote and got no answer");
                Ok(())
            }
        }
    }

    /// Takes up again what a crash left in the inbox, in the order of its arrival, then opens the door.
    ///
    /// # Errors
    /// The store failed.
    pub async fn take_up_again(&self) -> Result<(), StoreError> {
        for (id, entry) in self.store.inbox()? {
            let thread = entry.inbound.thread;
            match (entry.phase, self.gate.judge(entry.inbound)) {
                (Phase::Waiting, Verdict::Allowed(inbound)) => self.route(Some(id), inbound).await,
                (Phase::Delivered, Verdict::Allowed(inbound)) => {
                    let person = Person::of(&self.store, &inbound.get().user);
                    self.store.interrupt(id, &person.interrupted(thread, id))?;
                    self.store.flush().await?;
                    self.faces.show(thread, Show::Deliver).await;
                }
                (Phase::Interrupted, Verdict::Allowed(_)) => {}
                // Whoever is no longer allowed gets nothing done.
                (_, Verdict::Pairing | Verdict::Stranger) => self.store.settle(id, None)?,
            }
        }
        self.open.send_replace(true);
        Ok(())
    }

    async fn accept(&self, inbound: Authorized<Inbound>) -> Result<(), StoreError> {
        self.learn_language(inbound.get())?;
        if matches!(inbound.get().content, Content::Button { .. } | Content::Stop) {
            self.route(None, inbound).await;
            return Ok(());
        }
        if let Some(id) = self.store.take_in(inbound.get())? {
            self.route(Some(id), inbound).await;
        }
        Ok(())
    }

    /// The bot speaks the language of the person's client, unless they chose another.
    fn learn_language(&self, inbound: &Inbound) -> Result<(), StoreError> {
        let Some(language) = inbound.language else { return Ok(()) };
        let known = self.store.user(&inbound.user)?;
        if known.client == Some(language) {
            return Ok(());
        }
        self.store.put_user(&UserRecord { client: Some(language), ..known })
    }

    async fn route(&self, entry: Option<EntryId>, inbound: Authorized<Inbound>) {
        // The router ends only with the gateway; what is in the inbox is taken up again at the next start.
        let _ = self.router.send(Routed { entry, inbound }).await;
    }

    async fn notify(&self, thread: ThreadId, markdown: String) -> Result<(), StoreError> {
        self.store.post(&Message::notice(thread, markdown))?;
        self.faces.show(thread, Show::Deliver).await;
        Ok(())
    }

    fn may_tell(&self, thread: ThreadId) -> bool {
        let now = Instant::now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.duration_since(*at) < PAIRING_PAUSE);
        if told.len() >= PAIRING_STRANGERS || told.contains_key(&thread) {
            return false;
        }
        told.insert(thread, now);
        true
    }
}

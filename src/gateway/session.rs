//! One session's actor: its queue, its turn, its commands. One at a time, in the order of arrival; `/stop` alone overtakes.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, watch};

use super::commands::Command;
use super::turn::{self, Press, Prompt, Signals, TurnEnd};
use super::{Deps, texts, workspace};
use crate::model::bounds;
use crate::model::outbound::{Message, Purpose, Show};
use crate::store::{EntryId, Phase, SessionKey, StoreError};

/// Presses that wait for a turn; a person presses one at a time.
const PRESSES: usize = 8;

/// What the router gives a session.
#[derive(Debug)]
pub(super) enum Order {
    /// A prompt.
    Prompt(Prompt),
    /// One of the bot's own commands.
    Command(EntryId, Command),
    /// A button.
    Press(Press),
    /// Something that is no text.
    Unsupported(EntryId, String),
}

/// A running turn, seen from its session.
struct Running {
    entry: EntryId,
    end: Pin<Box<dyn Future<Output = TurnEnd> + Send>>,
    stop: watch::Sender<bool>,
    presses: mpsc::Sender<Press>,
}

/// The actor.
pub(super) struct Session {
    deps: Arc<Deps>,
    key: SessionKey,
    queue: VecDeque<Prompt>,
    running: Option<Running>,
    /// `/new` came while a turn ran: the conversation is left when it ends.
    leave: bool,
    /// Orders that are not yet wholly dealt with; the router lets go of a session only at 0.
    pending: Arc<AtomicUsize>,
}

impl Session {
    /// Runs until the router lets go of it and its last turn is over.
    pub(super) async fn run(deps: Arc<Deps>, key: SessionKey, pending: Arc<AtomicUsize>, mut orders: mpsc::Receiver<Order>) {
        let mut session = Self { deps, key, queue: VecDeque::new(), running: None, leave: false, pending };
        let mut open = true;
        while open || session.running.is_some() {
            tokio::select! {
                order = orders.recv(), if open => match order {
                    Some(order) => session.on_order(order).await,
                    None => open = false,
                },
                end = end_of(&mut session.running) => session.on_end(end).await,
            }
            session.begin_next();
        }
    }

    fn done(&self) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// Begins the next prompt, unless the gateway is stopping: then it stays in the inbox.
    fn begin_next(&mut self) {
        if self.running.is_some() || self.deps.stopping() {
            return;
        }
        let Some(prompt) = self.queue.pop_front() else { return };
        let (stop, stopped) = watch::channel(false);
        let (presses, pressed) = mpsc::channel(PRESSES);
        let entry = prompt.entry;
        let signals = Signals { stop: stopped, presses: pressed };
        let running = self.deps.turn_begins();
        let turn = turn::run(Arc::clone(&self.deps), self.key.clone(), prompt, signals);
        let end = Box::pin(async move {
            let end = turn.await;
            drop(running);
            end
        });
        self.running = Some(Running { entry, end, stop, presses });
    }

    async fn on_order(&mut self, order: Order) {
        let result = match order {
            Order::Prompt(prompt) => self.on_prompt(prompt).await,
            Order::Command(entry, command) => {
                let result = self.on_command(entry, command).await;
                self.done();
                result
            }
            Order::Unsupported(entry, what) => {
                let result = self.reply(entry, texts::unsupported(&what)).await;
                self.done();
                result
            }
            Order::Press(press) => {
                let result = self.on_press(press).await;
                self.done();
                result
            }
        };
        if let Err(error) = result {
            tracing::error!(%error, thread = %self.key.thread, "an order could not be carried out");
        }
    }

    async fn on_prompt(&mut self, prompt: Prompt) -> Result<(), StoreError> {
        if self.queue.len() >= bounds::QUEUE {
            self.done();
            return self.reply(prompt.entry, texts::queue_full(bounds::QUEUE)).await;
        }
        self.queue.push_back(prompt);
        if self.running.is_some() {
            let waits = Message { purpose: Purpose::Queued, ..Message::notice(self.key.thread, texts::queued(self.queue.len())) };
            self.deps.store.post(&waits)?;
            self.deps.faces.show(self.key.thread, Show::Deliver).await;
        }
        Ok(())
    }

    async fn on_command(&mut self, entry: EntryId, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Start => {
                let text = texts::start(&self.key.agent, self.deps.agent(&self.key).kind.as_words());
                self.reply(entry, text).await
            }
            Command::Help => self.reply(entry, texts::help()).await,
            Command::Status => {
                let text = self.status()?;
                self.reply(entry, text).await
            }
            Command::Stop => self.stop(entry).await,
            Command::New => self.new_conversation(entry).await,
            Command::Model(name) => self.model(entry, name).await,
        }
    }

    async fn stop(&mut self, entry: EntryId) -> Result<(), StoreError> {
        match &self.running {
            // The turn's end says that it was stopped.
            Some(running) => {
                running.stop.send_replace(true);
                self.deps.store.settle(entry, None)
            }
            None => self.reply(entry, texts::nothing_running()).await,
        }
    }

    async fn new_conversation(&mut self, entry: EntryId) -> Result<(), StoreError> {
        match &self.running {
            Some(running) => {
                running.stop.send_replace(true);
                self.leave = true;
            }
            None => self.leave_conversation()?,
        }
        self.reply(entry, texts::new_conversation()).await
    }

    fn leave_conversation(&mut self) -> Result<(), StoreError> {
        self.leave = false;
        let mut record = self.deps.store.session(&self.key)?;
        record.leave();
        self.deps.store.put_session(&self.key, &record)
    }

    async fn model(&mut self, entry: EntryId, name: Option<String>) -> Result<(), StoreError> {
        let mut record = self.deps.store.session(&self.key)?;
        let Some(name) = name else {
            return self.reply(entry, texts::models(record.model.as_deref(), &record.models)).await;
        };
        if !record.models.is_empty() && !record.models.iter().any(|(id, _)| *id == name) {
            return self.reply(entry, texts::unknown_model(&name, &record.models)).await;
        }
        record.model = Some(name.clone());
        self.deps.store.put_session(&self.key, &record)?;
        self.reply(entry, texts::model_chosen(&name)).await
    }

    fn status(&self) -> Result<String, StoreError> {
        let record = self.deps.store.session(&self.key)?;
        Ok(texts::status(&texts::Status {
            agent: &self.key.agent,
            kind: self.deps.agent(&self.key).kind.as_words(),
            session: record.acp.as_ref(),
            model: record.model.as_deref(),
            running: self.running.is_some(),
            queued: self.queue.len(),
            workspace: self.deps.store.workspace(&self.key.user, &self.key.thread)?.map_or(0, |workspace| workspace.size),
            pool: self.deps.pool.usage(),
            strangers: self.deps.store.counter("strangers")?,
        }))
    }

    /// A button: of a question of the running turn, or under a message about an interrupted one.
    async fn on_press(&mut self, press: Press) -> Result<(), StoreError> {
        let again = press.token.split_once(':').and_then(|(word, id)| Some((word, EntryId(id.parse().ok()?))));
        match (again, &self.running) {
            (Some(("retry", id)), _) => self.retry(press.press, id, false).await,
            (Some(("anew", id)), _) => self.retry(press.press, id, true).await,
            (_, Some(running)) => {
                // A full queue means that somebody hammers the button.
                let _ = running.presses.try_send(press);
                Ok(())
            }
            (_, None) => {
                self.toast(press.press, texts::no_longer()).await;
                Ok(())
            }
        }
    }

    async fn retry(&mut self, press: String, id: EntryId, anew: bool) -> Result<(), StoreError> {
        let entry = self.deps.store.entry(id)?;
        let again = entry.filter(|entry| {
            entry.phase == Phase::Interrupted && entry.inbound.user == self.key.user && entry.inbound.thread == self.key.thread
        });
        let Some(prompt) = again.and_then(|entry| Prompt::of(id, entry.inbound.content)) else {
            self.toast(press, texts::no_longer()).await;
            return Ok(());
        };
        if anew {
            self.leave_conversation()?;
        }
        self.deps.store.mark(id, Phase::Waiting)?;
        self.toast(press, texts::retrying()).await;
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.on_prompt(prompt).await
    }

    async fn on_end(&mut self, (entry, end): (EntryId, TurnEnd)) {
        let thread = self.key.thread;
        let stored = match &end {
            TurnEnd::Answered(text) => self.deps.store.settle(entry, Some(&Message::answer(thread, text.clone()))),
            TurnEnd::Stopped { partial, ended } => {
                self.deps.store.settle(entry, Some(&Message::answer(thread, texts::stopped(partial, *ended))))
            }
            TurnEnd::Failed { partial, why } => self.deps.store.interrupt(entry, &texts::failed(thread, entry, partial, why)),
            TurnEnd::CannotRestore { why } => self.deps.store.interrupt(entry, &texts::cannot_restore(thread, entry, why)),
        };
        let stored = match stored {
            Ok(()) if self.leave => self.leave_conversation(),
            other => other,
        };
        let flushed = match stored {
            Ok(()) => self.deps.store.flush().await,
            Err(error) => Err(error),
        };
        if let Err(error) = flushed {
            tracing::error!(%error, %thread, "the end of a turn could not be stored");
        }
        self.deps.faces.show(thread, Show::Deliver).await;
        self.deps.faces.show(thread, Show::TurnEnded).await;
        self.measure_workspace();
        self.done();
    }

    /// Beside everything else: a large workspace takes its time.
    fn measure_workspace(&self) {
        let (deps, key) = (Arc::clone(&self.deps), self.key.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = workspace::measure(&deps, &key) {
                tracing::debug!(%error, thread = %key.thread, "a workspace could not be measured");
            }
        });
    }

    /// Settles an entry with a word of the bot.
    async fn reply(&mut self, entry: EntryId, markdown: String) -> Result<(), StoreError> {
        self.deps.store.settle(entry, Some(&Message::notice(self.key.thread, markdown)))?;
        self.deps.faces.show(self.key.thread, Show::Deliver).await;
        Ok(())
    }

    async fn toast(&mut self, press: String, toast: String) {
        self.deps.faces.show(self.key.thread, Show::Pressed { press, toast }).await;
    }
}

/// The end of the running turn; never resolves without one.
async fn end_of(running: &mut Option<Running>) -> (EntryId, TurnEnd) {
    match running {
        Some(turn) => {
            let end = (&mut turn.end).await;
            let entry = turn.entry;
            *running = None;
            (entry, end)
        }
        None => std::future::pending().await,
    }
}

//! One session's actor: its queue, its turn, its commands. One at a time, in the order of arrival; commands and buttons overtake prompts.

mod commands;
mod menus;
mod queue;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{mpsc, watch};

use super::commands::Command;
use super::person::Person;
use super::prompt::Prompt;
use super::turn::{self, Press, Signals, TurnEnd};
use super::{Deps, workspace};
use crate::model::outbound::{Message, Show};
use crate::store::{EntryId, Phase, SessionKey, SessionRecord, StoreError};

pub(super) use menus::host_buttons;
use queue::{Gathering, Waiting};

/// Presses that wait for a turn; a person presses one at a time.
const PRESSES: usize = 8;

/// What the router gives a session.
#[derive(Debug)]
pub(super) enum Order {
    /// A prompt.
    Prompt(Prompt),
    /// One of the bot's own commands.
    Command(EntryId, Command),
    /// The text of a message was changed.
    Edit(EntryId, i64, String),
    /// A button.
    Press(Press),
    /// The channel's own Stop.
    Stop,
    /// The thread was made or named: whether the person chose its name.
    Topic(EntryId, bool),
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
    /// A prompt of which more may come.
    gathering: Option<Gathering>,
    queue: VecDeque<Waiting>,
    running: Option<Running>,
    /// `/new` came while a turn ran: the conversation is left when it ends.
    leave: bool,
    /// Orders that are not yet wholly dealt with; the router lets go of a session only at 0.
    pending: Arc<AtomicUsize>,
}

impl Session {
    /// Runs until the router lets go of it and its last turn is over.
    pub(super) async fn run(deps: Arc<Deps>, key: SessionKey, pending: Arc<AtomicUsize>, mut orders: mpsc::Receiver<Order>) {
        let mut session = Self { deps, key, gathering: None, queue: VecDeque::new(), running: None, leave: false, pending };
        let mut open = true;
        while open || session.running.is_some() || session.gathering.is_some() {
            let gathered = session.gathering.as_ref().map(|gathering| gathering.until);
            tokio::select! {
                order = orders.recv(), if open => match order {
                    Some(order) => session.on_order(order).await,
                    None => open = false,
                },
                end = end_of(&mut session.running) => session.on_end(end).await,
                () = at(gathered) => {
                    let result = session.gathered().await;
                    session.log(result);
                }
            }
            session.begin_next().await;
        }
    }

    fn done(&self) {
        self.pending.fetch_sub(1, Ordering::Relaxed);
    }

    /// Begins the next prompt, unless the gateway is stopping: then it stays in the inbox.
    async fn begin_next(&mut self) {
        if self.running.is_some() || self.deps.stopping() {
            return;
        }
        let Some(prompt) = self.next_prompt().await else { return };
        let (stop, stopped) = watch::channel(false);
        let (presses, pressed) = mpsc::channel(PRESSES);
        let entry = prompt.entry;
        let signals = Signals { stop: stopped, presses: pressed };
        let running = self.deps.turn_begins();
        let turn = turn::run(Arc::clone(&self.deps), self.key.clone(), prompt, signals);
        let answered = self.deps.answered.clone();
        let end = Box::pin(async move {
            let end = turn.await;
            if matches!(end, TurnEnd::Answered(_)) {
                answered.succeeded();
            }
            drop(running);
            end
        });
        self.running = Some(Running { entry, end, stop, presses });
    }

    async fn on_order(&mut self, order: Order) {
        // A prompt is dealt with when its turn is over, everything else at once.
        let is_prompt = matches!(order, Order::Prompt(_));
        let result = match order {
            Order::Prompt(prompt) => self.on_prompt(prompt).await,
            Order::Command(entry, command) => self.on_command(entry, command).await,
            Order::Edit(entry, message, text) => self.on_edit(entry, message, &text).await,
            Order::Topic(entry, named) => self.on_topic(entry, named),
            Order::Unsupported(entry, what) => self.reply(entry, self.person().texts().unsupported(&what)).await,
            Order::Press(press) => self.on_press(press).await,
            Order::Stop => {
                self.stop_turn();
                Ok(())
            }
        };
        if !is_prompt {
            self.done();
        }
        self.log(result);
    }

    fn log(&self, result: Result<(), StoreError>) {
        if let Err(error) = result {
            tracing::error!(%error, thread = %self.key.thread, "an order could not be carried out");
        }
    }

    /// A thread without a name of the person's own is named by its first prompt.
    fn on_topic(&self, entry: EntryId, named: bool) -> Result<(), StoreError> {
        let record = self.deps.store.session(&self.key)?;
        self.deps.store.put_session(&self.key, &SessionRecord { unnamed: !named, ..record })?;
        self.deps.store.settle(entry, None)
    }

    /// Stops the running turn; returns whether there is one.
    fn stop_turn(&self) -> bool {
        match &self.running {
            Some(running) => {
                running.stop.send_replace(true);
                true
            }
            None => false,
        }
    }

    /// Who is spoken to, with their settings as they are.
    fn person(&self) -> Person {
        Person::of(&self.deps.store, &self.key.user)
    }

    /// A button: of a question of the running turn, or under a message about an interrupted one.
    async fn on_press(&mut self, press: Press) -> Result<(), StoreError> {
        if press.token.starts_with(menus::PREFIX) {
            return self.on_menu_press(press).await;
        }
        let of_entry = press.token.split_once(':').and_then(|(word, id)| Some((word, EntryId(id.parse().ok()?))));
        match of_entry {
            Some(("retry", id)) => return self.retry(press.press, id, false).await,
            Some(("anew", id)) => return self.retry(press.press, id, true).await,
            Some(("now", id)) => {
                let toast = if self.send_now(id) { String::new() } else { self.in_vain(id)? };
                self.toast(press.press, toast).await;
            }
            Some(("drop", id)) => {
                let toast = if self.drop_waiting(id).await? { String::new() } else { self.in_vain(id)? };
                self.toast(press.press, toast).await;
            }
            _ => match &self.running {
                Some(running) => {
                    // A full queue means that somebody hammers the button.
                    let _ = running.presses.try_send(press);
                }
                None => self.toast(press.press, self.person().texts().no_longer()).await,
            },
        }
        Ok(())
    }

    async fn retry(&mut self, press: String, id: EntryId, anew: bool) -> Result<(), StoreError> {
        let entry = self.deps.store.entry(id)?;
        let again = entry.filter(|entry| {
            entry.phase == Phase::Interrupted && entry.inbound.user == self.key.user && entry.inbound.thread == self.key.thread
        });
        let Some(prompt) = again.and_then(|entry| Prompt::of(id, entry.inbound.content)) else {
            let toast = self.in_vain(id)?;
            self.toast(press, toast).await;
            return Ok(());
        };
        if anew {
            self.leave_conversation()?;
        }
        self.forget_notice(id)?;
        self.deps.store.mark(id, Phase::Waiting)?;
        self.toast(press, self.person().texts().retrying()).await;
        self.pending.fetch_add(1, Ordering::Relaxed);
        self.on_prompt(prompt).await
    }

    /// Why a press about an entry does nothing. Plain.
    fn in_vain(&self, id: EntryId) -> Result<String, StoreError> {
        let is_other_s = self.deps.store.entry(id)?.is_some_and(|entry| entry.inbound.user != self.key.user);
        let texts = self.person().texts();
        Ok(if is_other_s { texts.not_yours() } else { texts.no_longer() })
    }

    async fn on_end(&mut self, (entry, end): (EntryId, TurnEnd)) {
        let (thread, person) = (self.key.thread, self.person());
        let stored = match &end {
            TurnEnd::Answered(said) => {
                let answer = person.answer(thread, said.text.clone());
                self.deps.store.settle(entry, Some(&Message { files: said.files.clone(), ..answer }))
            }
            TurnEnd::Stopped { partial, ended } => {
                let answer = person.answer(thread, person.texts().stopped(&partial.text, *ended));
                // It may have been stopped while its files were on their way.
                self.deps.fetcher.forget(entry);
                self.deps.store.settle(entry, Some(&Message { files: partial.files.clone(), ..answer }))
            }
            TurnEnd::Failed { partial, why, details } => {
                let failed = person.failed(thread, entry, &partial.text, why, details.as_deref());
                self.interrupt(entry, &Message { files: partial.files.clone(), ..failed })
            }
            TurnEnd::CannotRestore { why, details } => {
                self.interrupt(entry, &person.cannot_restore(thread, entry, why, details.as_deref()))
            }
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

    /// A prompt can be tried again; one that could be long ago gives way to it, with what was downloaded for it.
    fn interrupt(&self, entry: EntryId, notice: &Message) -> Result<(), StoreError> {
        let given_up = self.deps.store.interrupt(entry, notice)?;
        given_up.into_iter().for_each(|entry| self.deps.fetcher.forget(entry));
        Ok(())
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
        self.deps.store.settle(entry, Some(&self.person().notice(self.key.thread, markdown)))?;
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

/// Resolves at a time; never without one.
async fn at(time: Option<tokio::time::Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

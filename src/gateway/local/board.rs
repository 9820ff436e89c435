//! Who is attached to which thread, and what each is sent.

use std::collections::HashMap;

use tokio::sync::oneshot;

use super::queue::{Outgoing, Overflow, Queue};
use crate::channel::local::ToClient;
use crate::model::ThreadId;
use crate::model::outbound::{AskView, Display, Message, Show};
use crate::store::{OutboxId, Store, StoreError};

/// Questions of one turn that are shown again to who attaches later; a turn has no more open ones.
const ASKS: usize = 8;

/// What a connection tells the board.
#[derive(Debug)]
pub(super) enum Event {
    /// A client is there; the event tells it that it is attached, after what waited for it.
    Attach(ThreadId, Client, ToClient),
    /// The client of that connection is gone.
    Detach(ThreadId, u64),
    /// A client of that thread was written a message of the outbox, and has room for more.
    Delivered(ThreadId, OutboxId),
}

/// A client, as the board sees it.
#[derive(Debug)]
pub(super) struct Client {
    /// The connection's number.
    pub(super) connection: u64,
    /// What it is to be sent.
    pub(super) queue: Queue,
    /// Dropped with the client: its connection ends then.
    pub(super) _hold: oneshot::Sender<()>,
}

#[derive(Debug, Default)]
struct Attached {
    clients: Vec<Client>,
    /// The last message of the outbox that the clients' queues have.
    last: Option<OutboxId>,
}

/// The board.
#[derive(Debug)]
pub(super) struct Board {
    store: Store,
    threads: HashMap<ThreadId, Attached>,
    /// Threads in which a turn runs, with how it is shown and its open questions. As many as there are runtimes.
    turns: HashMap<ThreadId, (Display, Vec<AskView>)>,
}

impl Board {
    /// A board without clients.
    pub(super) fn new(store: Store) -> Self {
        Self { store, threads: HashMap::new(), turns: HashMap::new() }
    }

    /// Clients come and go.
    pub(super) fn hear(&mut self, event: Event) {
        match event {
            Event::Attach(thread, client, greeting) => self.attach(thread, client, greeting),
            Event::Detach(thread, connection) => self.keep(thread, |client| client.connection != connection),
            Event::Delivered(thread, id) => {
                if let Err(error) = self.store.outbox_done(&id) {
                    tracing::error!(%error, %thread, "a delivered message stays in the outbox");
                }
                self.deliver(thread);
            }
        }
    }

    /// Shows something to the clients of a thread. Without any it is dropped, or waits in the outbox.
    pub(super) fn show(&mut self, thread: ThreadId, show: Show) {
        self.remember(thread, &show);
        match show {
            Show::Deliver => self.deliver(thread),
            show => self.send(thread, &Outgoing { event: ToClient::Show(show), obligation: None }),
        }
    }

    fn remember(&mut self, thread: ThreadId, show: &Show) {
        match show {
            Show::Working(display) => self.turns.entry(thread).or_default().0 = *display,
            Show::Ask(view) => {
                let (_, asks) = self.turns.entry(thread).or_default();
                if asks.len() < ASKS {
                    asks.push(view.clone());
                }
            }
            Show::Settled { ask, .. } => {
                if let Some((_, asks)) = self.turns.get_mut(&thread) {
                    asks.retain(|open| open.ask != *ask);
                }
            }
            Show::TurnEnded => {
                self.turns.remove(&thread);
            }
            _ => {}
        }
    }

    /// A client learns what goes on and gets what waited for it. The greeting ends that: a script knows what came before it said anything.
    fn attach(&mut self, thread: ThreadId, client: Client, greeting: ToClient) {
        let turn = self.turns.get(&thread).into_iter();
        for show in turn.flat_map(|(display, asks)| std::iter::once(Show::Working(*display)).chain(asks.iter().cloned().map(Show::Ask))) {
            // A new client's queue has room for these.
            let (Ok(()) | Err(Overflow)) = client.queue.push(ToClient::Show(show));
        }
        let new = client.connection;
        self.threads.entry(thread).or_default().clients.push(client);
        self.deliver(thread);
        self.keep(thread, |client| client.connection != new || client.queue.push(greeting.clone()).is_ok());
    }

    fn deliver(&mut self, thread: ThreadId) {
        loop {
            match self.next_message(thread) {
                Ok(Some(outgoing)) => self.send(thread, &outgoing),
                Ok(None) => return,
                Err(error) => {
                    tracing::error!(%error, %thread, "the outbox cannot be read");
                    return;
                }
            }
        }
    }

    /// The next message that no client's queue has; `None` also when no client has room for it.
    fn next_message(&mut self, thread: ThreadId) -> Result<Option<Outgoing>, StoreError> {
        let Some(attached) = self.threads.get_mut(&thread) else { return Ok(None) };
        if !attached.clients.iter().any(|client| client.queue.has_room()) {
            return Ok(None);
        }
        let Some((id, message)) = self.store.outbox_after(&thread, attached.last.as_ref())? else { return Ok(None) };
        attached.last = Some(id.clone());
        let event = ToClient::Message { purpose: message.purpose, markdown: whole(&message), buttons: message.buttons };
        Ok(Some(Outgoing { event, obligation: Some(id) }))
    }

    fn send(&mut self, thread: ThreadId, outgoing: &Outgoing) {
        self.keep(thread, |client| client.queue.add(outgoing.clone()).is_ok());
    }

    /// Lets go of the clients that `stays` does not want. What a lost one was still to be sent goes to the others, perhaps a second time.
    fn keep(&mut self, thread: ThreadId, stays: impl FnMut(&Client) -> bool) {
        let Some(attached) = self.threads.get_mut(&thread) else { return };
        let before = attached.clients.len();
        attached.clients.retain(stays);
        if attached.clients.is_empty() {
            self.threads.remove(&thread);
        } else if attached.clients.len() < before {
            attached.last = None;
            self.deliver(thread);
        }
    }
}

/// A message as one text: a terminal has no files and folds nothing up.
fn whole(message: &Message) -> String {
    let mut parts = vec![message.markdown.clone()];
    parts.extend(message.details.clone());
    parts.extend(message.documents.iter().map(|(name, text)| format!("{name}:\n{text}")));
    parts.extend(message.files.iter().map(|file| format!("📎 {} {}", file.path, file.caption).trim_end().to_owned()));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n")
}

//! From the gate to the session: one actor per (user, thread).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::Deps;
use super::commands::Command;
use super::gate::Authorized;
use super::intake::Routed;
use super::prompt::Prompt;
use super::session::{Order, Session};
use super::turn::Press;
use crate::model::inbound::{Content, Inbound};
use crate::store::{EntryId, SessionKey};

/// Orders that wait for one session. Prompts wait in its own queue; this one only smooths bursts.
const ORDERS: usize = 64;

/// Sessions in memory above which those without anything to do are let go. Each takes about 2 KiB.
const SESSIONS: usize = 256;

struct Handle {
    orders: mpsc::Sender<Order>,
    pending: Arc<AtomicUsize>,
}

/// Routes until the intake is gone.
pub(super) async fn run(deps: Arc<Deps>, mut routed: mpsc::Receiver<Routed>) {
    let mut sessions: HashMap<SessionKey, Handle> = HashMap::new();
    while let Some(Routed { entry, inbound }) = routed.recv().await {
        if sessions.len() >= SESSIONS {
            sessions.retain(|_, handle| handle.pending.load(Ordering::Relaxed) > 0);
        }
        let key = deps.session_key(inbound.get());
        let Some(order) = order(entry, inbound) else { continue };
        let handle = sessions.entry(key).or_insert_with_key(|key| spawn(&deps, key));
        handle.pending.fetch_add(1, Ordering::Relaxed);
        // A session ends only when it is let go of.
        let _ = handle.orders.send(order).await;
    }
}

fn spawn(deps: &Arc<Deps>, key: &SessionKey) -> Handle {
    let (orders, received) = mpsc::channel(ORDERS);
    let pending = Arc::new(AtomicUsize::new(0));
    tokio::spawn(Session::run(Arc::clone(deps), key.clone(), Arc::clone(&pending), received));
    Handle { orders, pending }
}

/// What a person's doing means to their session; only a press has no place in the inbox.
fn order(entry: Option<EntryId>, inbound: Authorized<Inbound>) -> Option<Order> {
    let inbound = inbound.into_inner();
    let by = inbound.user;
    Some(match inbound.content {
        Content::Button { press, message, token } => Order::Press(Press { press, message, token, by }),
        Content::Unsupported { what, .. } => Order::Unsupported(entry?, what),
        Content::Edited { message, text } => Order::Edit(entry?, message, text),
        Content::Stop => Order::Stop,
        Content::Topic { named } => Order::Topic(entry?, named),
        content @ Content::Text { .. } => match command(&content) {
            Some(command) => Order::Command(entry?, command),
            None => Order::Prompt(Prompt::of(entry?, content)?),
        },
    })
}

/// A text that is one of the bot's commands; with files it is their caption.
fn command(content: &Content) -> Option<Command> {
    match content {
        Content::Text { text, files, .. } if files.is_empty() => Command::parse(text),
        _ => None,
    }
}

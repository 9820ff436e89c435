//! The terminals of this machine: the gateway's Unix socket, served.
//!
//! Every connection is a task of its own and enters by the same door as Telegram ([`Intake`]); one task, the [`board`], knows who is
//! attached to which thread. It never waits for a client: one that does not read what it is sent is disconnected.

mod board;
mod connection;
mod queue;
mod snapshot;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, mpsc};

use super::{Intake, Shows};
use crate::channel::local::{Key, ToClient, VERSION};
use crate::config::{AgentConfig, AgentKind};
use crate::store::Store;
use board::{Board, Event};
use connection::Door;

/// Connections at once: a person's terminals and a script or two.
const CONNECTIONS: usize = 8;

/// Pause after a failed accept(2), which otherwise fails again at once (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// Serves the socket in that directory, to who shows the key and is of that uid, for as long as the gateway runs; returns only when the faces are gone.
pub(super) async fn serve(listener: UnixListener, of: (Key, u32, PathBuf), intake: Intake, store: Store, shows: Shows, agent: AgentConfig) {
    let (key, own_uid, run_dir) = of;
    snapshot::remove_leftovers(&run_dir);
    let (events, heard) = mpsc::channel(CONNECTIONS);
    let door = Door { intake, store: store.clone(), events, greeting: greeting(&agent), own_uid, key, run_dir };
    tokio::select! {
        () = accept(listener, door) => {}
        () = show(Board::new(store), shows, heard) => {}
    }
}

fn greeting(agent: &AgentConfig) -> ToClient {
    let note = match agent.kind {
        AgentKind::BuiltIn => "kiro-cli was not found: this is the built-in demo agent, without a model".to_owned(),
        AgentKind::Kiro(_) | AgentKind::Acp => String::new(),
    };
    ToClient::Hello { version: VERSION, agent: agent.name.clone(), kind: agent.kind, note }
}

async fn accept(listener: UnixListener, door: Door) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut next = 0;
    loop {
        match listener.accept().await {
            Ok((stream, _)) => match Arc::clone(&places).try_acquire_owned() {
                Ok(place) => {
                    next += 1;
                    let served = connection::serve(stream, next, door.clone());
                    tokio::spawn(async move {
                        served.await;
                        drop(place);
                    });
                }
                Err(_) => turn_away(&stream),
            },
            Err(error) => {
                tracing::warn!(%error, "a connection of a terminal could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// One line that fits into the socket's empty buffer; who does not get it sees the connection end.
fn turn_away(stream: &UnixStream) {
    let why = format!("{CONNECTIONS} terminals are connected already; close one of them.");
    let _ = stream.try_write(&connection::line(&ToClient::Refused { why }));
}

async fn show(mut board: Board, mut shows: Shows, mut heard: mpsc::Receiver<Event>) {
    loop {
        tokio::select! {
            shown = shows.recv() => match shown {
                Some((thread, show)) => board.show(thread, show),
                None => return,
            },
            Some(event) = heard.recv() => board.hear(event),
        }
    }
}

#[cfg(test)]
mod tests;

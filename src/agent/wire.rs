//! The agent's connection: a thread reads lines, everything that happens comes through one channel, and answers go out at once.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Instant;

use serde_json::Value;
use serde_json::value::RawValue;

use crate::jsonrpc::{self, Id, Message, RpcError};
use crate::model::bounds;

/// Events that wait for the agent. The reader waits with the next line when it is full.
const EVENTS: usize = 16;

/// Messages put aside while a turn runs. A client asks one or two things meanwhile; more are refused.
const ASIDE: usize = 64;

/// What the client said.
#[derive(Debug)]
pub(super) enum Said {
    Request {
        id: Id,
        method: String,
        params: Option<Box<RawValue>>,
    },
    Notification {
        method: String,
        params: Option<Box<RawValue>>,
    },
    Response {
        id: Id,
        result: Result<Box<RawValue>, RpcError>,
    },
    /// A line that is no message.
    Garbage,
}

/// What happens to the agent.
#[derive(Debug)]
pub(super) enum Event {
    /// The client said something.
    Said(Said),
    /// The client is gone.
    Closed,
    /// The command of this number has said all that it will.
    OutputEnded(u64),
    /// The shell of the command of this number has ended, and waits to be reaped.
    Exited(u64),
}

/// The client is gone: there is nobody to work for.
#[derive(Debug)]
pub(super) struct Gone;

impl From<io::Error> for Gone {
    fn from(_: io::Error) -> Self {
        Self
    }
}

/// The connection.
pub(super) struct Wire {
    out: Box<dyn Write>,
    events: Receiver<Event>,
    sender: SyncSender<Event>,
    aside: VecDeque<Said>,
    last_id: i64,
}

impl Wire {
    /// Starts reading.
    pub(super) fn start(input: impl Read + Send + 'static, out: impl Write + 'static) -> Self {
        let (sender, events) = sync_channel(EVENTS);
        let lines = sender.clone();
        thread::spawn(move || read(input, &lines));
        Self { out: Box::new(out), events, sender, aside: VecDeque::new(), last_id: 0 }
    }

    /// For threads that watch something on the agent's behalf.
    pub(super) fn sender(&self) -> SyncSender<Event> {
        self.sender.clone()
    }

    /// What the client said next, what was put aside first; `None` when it is gone.
    pub(super) fn next(&mut self) -> Option<Said> {
        if let Some(said) = self.aside.pop_front() {
            return Some(said);
        }
        loop {
            match self.events.recv() {
                Ok(Event::Said(said)) => return Some(said),
                Ok(Event::Closed) | Err(_) => return None,
                Ok(Event::OutputEnded(_) | Event::Exited(_)) => {}
            }
        }
    }

    /// The next event; `None` when the time has come.
    pub(super) fn wait(&mut self, until: Instant) -> Result<Option<Event>, Gone> {
        match self.events.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Event::Closed) | Err(RecvTimeoutError::Disconnected) => Err(Gone),
            Ok(event) => Ok(Some(event)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
        }
    }

    /// Puts aside what has to wait for the end of the turn.
    pub(super) fn put_aside(&mut self, said: Said) -> Result<(), Gone> {
        match said {
            Said::Request { id, method, .. } if self.aside.len() >= ASIDE => {
                let busy = RpcError::new(jsonrpc::INTERNAL_ERROR, format!("{method}: too many requests wait for the running turn"));
                self.answer(&id, Err(busy))
            }
            Said::Request { .. } | Said::Garbage => {
                self.aside.push_back(said);
                Ok(())
            }
            Said::Notification { .. } | Said::Response { .. } => Ok(()),
        }
    }

    /// Takes back the requests put aside for which `wanted` holds.
    pub(super) fn take_aside(&mut self, wanted: impl Fn(&str, Option<&RawValue>) -> bool) -> Vec<Id> {
        let mut taken = Vec::new();
        self.aside.retain(|said| match said {
            Said::Request { id, method, params } if wanted(method, params.as_deref()) => {
                taken.push(id.clone());
                false
            }
            _ => true,
        });
        taken
    }

    pub(super) fn answer(&mut self, id: &Id, result: Result<Value, RpcError>) -> Result<(), Gone> {
        self.send(jsonrpc::response(id, result))
    }

    pub(super) fn notify(&mut self, method: &str, params: Value) -> Result<(), Gone> {
        self.send(jsonrpc::notification(method, params))
    }

    /// Asks the client; the id is that of the answer to come.
    pub(super) fn ask(&mut self, method: &str, params: Value) -> Result<Id, Gone> {
        self.last_id += 1;
        self.send(jsonrpc::request(self.last_id, method, params))?;
        Ok(Id::Number(self.last_id))
    }

    fn send(&mut self, mut line: String) -> Result<(), Gone> {
        line.push('\n');
        self.out.write_all(line.as_bytes())?;
        Ok(self.out.flush()?)
    }
}

/// Reads to the end, or to a line that no client of ours sends.
fn read(input: impl Read, events: &SyncSender<Event>) {
    let mut input = BufReader::new(input);
    let mut line = Vec::new();
    let limit = u64::try_from(bounds::ACP_LINE).unwrap_or(u64::MAX);
    loop {
        line.clear();
        match input.by_ref().take(limit).read_until(b'\n', &mut line) {
            Ok(1..) if line.ends_with(b"\n") || line.len() < bounds::ACP_LINE => {}
            _ => break,
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        let said = match Message::parse(&line) {
            Ok(Message::Request { id, method, params }) => Said::Request { id, method, params: params.map(ToOwned::to_owned) },
            Ok(Message::Notification { method, params }) => Said::Notification { method, params: params.map(ToOwned::to_owned) },
            Ok(Message::Response { id, result }) => Said::Response { id, result: result.map(ToOwned::to_owned) },
            Err(_) => Said::Garbage,
        };
        if events.send(Event::Said(said)).is_err() {
            return;
        }
    }
    // Nobody listens when the agent has ended first.
    let _ = events.send(Event::Closed);
}

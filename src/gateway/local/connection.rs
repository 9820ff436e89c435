//! One client's connection: its hello, what it says, what it is sent.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use super::board::{Client, Event};
use super::queue::{Outgoing, Overflow, Queue};
use super::snapshot::Snapshot;
use crate::channel::local::{CLIENT_LINE, FromClient, Key, ToClient, VERSION};
use crate::gateway::{Intake, clock};
use crate::model::inbound::{Content, Inbound};
use crate::model::{ThreadId, UserId, bounds};
use crate::store::Store;

/// Time for a client's hello; it sends it at once.
const HELLO: Duration = Duration::from_secs(5);

/// Time for what a leaving client has still to be sent.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Time to open a copy of the store; it needs a moment, and a copy takes room on the disk.
const COPY: Duration = Duration::from_secs(60);

/// What every connection needs.
#[derive(Debug, Clone)]
pub(super) struct Door {
    /// Where everything enters.
    pub(super) intake: Intake,
    /// What is taken in is durable when this is flushed.
    pub(super) store: Store,
    /// To the board.
    pub(super) events: mpsc::Sender<Event>,
    /// The answer to a hello.
    pub(super) greeting: ToClient,
    /// The gateway's own user.
    pub(super) own_uid: u32,
    /// What a client has to have read.
    pub(super) key: Key,
    /// Where the socket lies, and copies of the store for a while.
    pub(super) run_dir: PathBuf,
}

/// What an admitted client is there for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// To talk in a thread.
    Thread(ThreadId),
    /// To have a copy of the store.
    Snapshot,
}

/// Serves one client to its end.
pub(super) async fn serve(stream: UnixStream, connection: u64, door: Door) {
    match converse(stream, connection, door).await {
        Ok(()) => {}
        Err(error) => tracing::debug!(%error, connection, "the connection of a terminal broke"),
    }
}

async fn converse(stream: UnixStream, connection: u64, door: Door) -> io::Result<()> {
    let uid = stream.peer_cred()?.uid();
    let (read, mut write) = stream.into_split();
    let mut lines = Lines::new(read);
    let thread = match admit(&mut lines, uid, door.own_uid, &door.key).await? {
        Ok(Wish::Thread(thread)) => thread,
        Ok(Wish::Snapshot) => return snapshot(&door, uid, lines, write).await,
        Err(why) => return write.write_all(&line(&ToClient::Refused { why })).await,
    };
    tracing::info!(uid, %thread, connection, "a terminal is attached");
    let queue = Queue::default();
    let (hold, lost) = oneshot::channel();
    let client = Client { connection, queue: queue.clone(), _hold: hold };
    let _ = door.events.send(Event::Attach(thread, client, door.greeting)).await;
    let mut writing = tokio::spawn(write_all(write, queue.clone(), thread, door.events.clone()));
    let speaker = Speaker { user: UserId::local(uid), thread, intake: door.intake, store: door.store, queue: queue.clone() };
    let read = tokio::select! {
        read = speaker.listen(lines) => read,
        _ = &mut writing => Ok(()),
        _ = lost => {
            tracing::info!(connection, "a terminal that does not read was disconnected");
            writing.abort();
            Ok(())
        }
    };
    let _ = door.events.send(Event::Detach(thread, connection)).await;
    queue.close();
    if !writing.is_finished() && tokio::time::timeout(LAST_WORDS, &mut writing).await.is_err() {
        writing.abort();
    }
    read
}

/// Makes a copy of the store, which is there until the client has opened it and leaves.
async fn snapshot(door: &Door, uid: u32, mut lines: Lines, mut write: OwnedWriteHalf) -> io::Result<()> {
    let copy = match Snapshot::make(&door.store, &door.run_dir) {
        Ok(copy) => copy,
        Err(error) => return write.write_all(&line(&ToClient::Refused { why: format!("The store cannot be copied: {error}.") })).await,
    };
    tracing::info!(uid, records = copy.records(), "the store was copied for a backup");
    write.write_all(&line(&ToClient::Snapshot { file: copy.name().to_owned() })).await?;
    // It says nothing more: this is its end. Who has opened the file by then reads on.
    tokio::time::timeout(COPY, lines.next()).await?.map(drop)
}

/// Who may attach, and what for; else why not.
pub(super) async fn admit(lines: &mut Lines, uid: u32, own_uid: u32, key: &Key) -> io::Result<Result<Wish, String>> {
    if uid != own_uid && uid != 0 {
        tracing::warn!(uid, "another user of this machine was turned away from the terminal's socket");
        return Ok(Err(format!("This gateway belongs to uid {own_uid}; you are uid {uid}.")));
    }
    let first = match tokio::time::timeout(HELLO, lines.next()).await {
        Ok(first) => first?,
        Err(_) => return Ok(Err(format!("No hello came within {} seconds.", HELLO.as_secs()))),
    };
    Ok(match first {
        Line::Said(FromClient::Hello { version: VERSION, thread, key: shown }) if shown == *key => {
            Ok(Wish::Thread(ThreadId::local(uid, thread)))
        }
        Line::Said(FromClient::Snapshot { version: VERSION, key: shown }) if shown == *key => Ok(Wish::Snapshot),
        Line::Said(FromClient::Hello { version: VERSION, .. } | FromClient::Snapshot { version: VERSION, .. }) => {
            tracing::warn!(uid, "somebody at the terminal's socket does not know its key: a jailed agent?");
            Err("The key is not the one beside the gateway's socket.".to_owned())
        }
        Line::Said(FromClient::Hello { version, .. } | FromClient::Snapshot { version, .. }) => {
            Err(format!("The gateway speaks version {VERSION} of this protocol, not {version}: use the same kiroclaw for both."))
        }
        Line::Said(_) => Err("The first line has to be a hello.".to_owned()),
        Line::Wrong(why) => Err(why),
        Line::TooLong => Err(too_long()),
        Line::End => Err("No hello came.".to_owned()),
    })
}

fn too_long() -> String {
    format!("A line was longer than {CLIENT_LINE} bytes.")
}

/// An attached client as one who says things.
struct Speaker {
    user: UserId,
    thread: ThreadId,
    intake: Intake,
    store: Store,
    queue: Queue,
}

impl Speaker {
    /// Listens until the client leaves, or says something after which nothing can be understood.
    async fn listen(self, mut lines: Lines) -> io::Result<()> {
        loop {
            let heard = match lines.next().await? {
                Line::Said(said) => self.hear(said).await,
                Line::Wrong(why) => Err(why),
                Line::TooLong => {
                    let _ = self.queue.push(ToClient::Refused { why: too_long() });
                    return Ok(());
                }
                Line::End => return Ok(()),
            };
            let answered = match heard {
                Ok(None) => Ok(()),
                Ok(Some(answer)) => self.queue.push(answer),
                Err(why) => self.queue.push(ToClient::Refused { why }),
            };
            // Who only talks and does not listen is no terminal.
            if answered == Err(Overflow) {
                return Ok(());
            }
        }
    }

    /// Deals with what was said; gives the answer, where there is one, else why it is refused.
    async fn hear(&self, said: FromClient) -> Result<Option<ToClient>, String> {
        match said {
            FromClient::Hello { .. } | FromClient::Snapshot { .. } => Err("This terminal is attached already.".to_owned()),
            FromClient::Text { text, .. } if text.len() > bounds::PROMPT => {
                Err(format!("The text has {} bytes; {} are the most.", text.len(), bounds::PROMPT))
            }
            FromClient::Text { text, .. } if text.trim().is_empty() => Err("The text is empty.".to_owned()),
            FromClient::Text { text, message } => {
                self.take_in(Content::text(message, text)).await?;
                self.store.flush().await.map_err(|error| error.to_string())?;
                Ok(Some(ToClient::Taken { message }))
            }
            FromClient::Button { token } => {
                self.take_in(Content::Button { press: String::new(), message: 0, token }).await?;
                Ok(None)
            }
        }
    }

    /// Through the same door as Telegram.
    async fn take_in(&self, content: Content) -> Result<(), String> {
        let event = event_number()?;
        let inbound = Inbound { user: self.user, thread: self.thread, event, at: clock::unix_now(), language: None, content };
        self.intake.take_in(inbound).await.map_err(|error| error.to_string())
    }
}

/// A number that no other event of this channel has: 64 random bits.
fn event_number() -> Result<i64, String> {
    let mut bytes = [0_u8; 8];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(8) => Ok(i64::from_ne_bytes(bytes)),
        _ => Err("The kernel gave no random number.".to_owned()),
    }
}

/// Writes what waits until the queue is closed or the client is gone.
async fn write_all(mut write: OwnedWriteHalf, queue: Queue, thread: ThreadId, events: mpsc::Sender<Event>) -> io::Result<()> {
    while let Some(Outgoing { event, obligation }) = queue.next().await {
        write.write_all(&line(&event)).await?;
        if let Some(id) = obligation {
            // The board ends only with the gateway.
            let _ = events.send(Event::Delivered(thread, id)).await;
        }
    }
    Ok(())
}

/// An event as a line.
pub(super) fn line(event: &ToClient) -> Vec<u8> {
    // Plain data of ours: this cannot fail, and an empty line would only be skipped.
    let mut line = serde_json::to_vec(event).unwrap_or_default();
    line.push(b'\n');
    line
}

/// What a client's next line was.
#[derive(Debug)]
enum Line {
    Said(FromClient),
    /// Why it is nothing that a client says.
    Wrong(String),
    TooLong,
    End,
}

/// A client's lines, bounded.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<OwnedReadHalf>,
    line: Vec<u8>,
}

impl Lines {
    pub(super) fn new(read: OwnedReadHalf) -> Self {
        Self { reader: BufReader::new(read), line: Vec::new() }
    }

    async fn next(&mut self) -> io::Result<Line> {
        // A prompt's memory is not kept for the next "hi".
        self.line = Vec::new();
        let most = u64::try_from(CLIENT_LINE).unwrap_or(u64::MAX);
        (&mut self.reader).take(most).read_until(b'\n', &mut self.line).await?;
        Ok(match self.line.last() {
            None => Line::End,
            Some(b'\n') => {
                serde_json::from_slice(&self.line).map_or_else(|error| Line::Wrong(format!("That is no request: {error}.")), Line::Said)
            }
            Some(_) if self.line.len() >= CLIENT_LINE => Line::TooLong,
            // What the end of the connection cut off was not said.
            Some(_) => Line::End,
        })
    }
}

//! Copies bytes between two connections until both are done, nothing has moved for long, or the runtime has used up what it may.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::meter::{Limit, Meter};
use super::request::Body;

/// Buffer of one direction at first, in bytes: a TLS record at its longest.
const BUFFER: usize = 16 * 1024;

/// The buffer of a direction that filled the first one, in bytes. Twice this for each of 64 connections are 16 MiB at the worst; twice as
/// large it was no faster.
const LARGE_BUFFER: usize = 128 * 1024;

/// What decides that a relay is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Both sides have closed their direction (a tunnel).
    BothClosed,
    /// The server has answered the one request, of which so much is still to be sent.
    Answered(Body),
}

/// Why a relay was broken off.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// A connection broke, or nothing moved.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The runtime has used up what it may.
    #[error(transparent)]
    Limit(#[from] Limit),
}

/// Bytes that have moved.
#[derive(Debug, Default)]
pub(super) struct Moved {
    up: AtomicU64,
    down: AtomicU64,
}

impl Moved {
    /// From the client.
    pub(super) fn up(&self) -> u64 {
        self.up.load(Ordering::Relaxed)
    }

    /// Counts what was sent on before the relay began.
    ///
    /// # Errors
    /// That was more than there is.
    pub(super) fn sent(&self, count: usize, meter: &Meter) -> Result<(), Limit> {
        Count { moved: &self.up, meter }.add(count)
    }

    /// To the client.
    pub(super) fn down(&self) -> u64 {
        self.down.load(Ordering::Relaxed)
    }
}

/// One direction's counter, and the runtime's.
#[derive(Clone, Copy)]
struct Count<'a> {
    moved: &'a AtomicU64,
    meter: &'a Meter,
}

impl Count<'_> {
    fn add(self, count: usize) -> Result<(), Limit> {
        self.moved.fetch_add(count as u64, Ordering::Relaxed);
        self.meter.moved(count as u64, Instant::now())
    }
}

/// Relays until the end, counting in `moved`. Closes after `idle` to twice `idle` without a byte.
///
/// # Errors
/// [`Broken`].
pub(super) async fn relay(
    client: &mut TcpStream,
    server: &mut TcpStream,
    until: Until,
    idle: Duration,
    (moved, meter): (&Moved, &Meter),
) -> Result<(), Broken> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let (up, down) = (Count { moved: &moved.up, meter }, Count { moved: &moved.down, meter });
    let down = pump(from_server, to_client, down);
    let transfer = async {
        match until {
            Until::BothClosed => tokio::try_join!(pump(from_client, to_server, up), down).map(|_| ()),
            Until::Answered(Body::Chunked) => first(down, pump(from_client, to_server, up)).await,
            Until::Answered(Body::Length(length)) => first(down, send_body(from_client, to_server, length, up)).await,
        }
    };
    tokio::select! {
        end = transfer => end,
        () = silence(moved, idle) => Err(io::Error::from(io::ErrorKind::TimedOut).into()),
    }
}

/// Waits for `answer` while `request` is sent. A server may answer and close without having read the whole request.
async fn first(answer: impl Future<Output = Result<(), Broken>>, request: impl Future<Output = Result<(), Broken>>) -> Result<(), Broken> {
    let request = async {
        match request.await {
            Err(Broken::Limit(limit)) => Err(limit.into()),
            // What else went wrong with the request shows in the answer.
            Ok(()) | Err(Broken::Io(_)) => std::future::pending().await,
        }
    };
    tokio::select! {
        end = answer => end,
        end = request => end,
    }
}

/// Copies until the reader's end, and passes that end on.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, counter: Count<'_>) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await? {
            0 => return Ok(to.shutdown().await?),
            count => {
                to.write_all(&buffer[..count]).await?;
                counter.add(count)?;
                if count >= BUFFER {
                    buffer.resize(LARGE_BUFFER, 0);
                    // A download that is never short of bytes would keep this thread from all others for milliseconds.
                    tokio::task::yield_now().await;
                }
            }
        }
    }
}

/// Copies exactly `length` bytes. The server's side stays open: some servers take its end for a client that has gone.
async fn send_body(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, length: u64, counter: Count<'_>) -> Result<(), Broken> {
    let mut buffer = vec![0; BUFFER];
    let mut left = length;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        match from.read(&mut buffer[..room]).await? {
            0 => return Ok(to.shutdown().await?),
            count => {
                to.write_all(&buffer[..count]).await?;
                left -= count as u64;
                counter.add(count)?;
            }
        }
    }
    Ok(())
}

async fn silence(moved: &Moved, idle: Duration) {
    loop {
        let before = (moved.up(), moved.down());
        tokio::time::sleep(idle).await;
        if (moved.up(), moved.down()) == before {
            return;
        }
    }
}

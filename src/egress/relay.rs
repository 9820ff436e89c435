//! Copies bytes between two connections, in fixed buffers, until both are done or nothing has moved for long.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

use super::request::Body;

/// Buffer of one direction, in bytes: a TLS record at its longest.
const BUFFER: usize = 16 * 1024;

/// What decides that a relay is done.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// Both sides have closed their direction (a tunnel).
    BothClosed,
    /// The server has answered the one request, of which so much is still to be sent.
    Answered(Body),
}

/// Relays until the end; gives the bytes that moved. Closes after `idle` to twice `idle` without a byte.
///
/// # Errors
/// A connection broke, or nothing moved.
pub(super) async fn relay(client: &mut TcpStream, server: &mut TcpStream, until: Until, idle: Duration) -> io::Result<u64> {
    let moved = AtomicU64::new(0);
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let down = pump(from_server, to_client, &moved);
    let transfer = async {
        match until {
            Until::BothClosed => tokio::try_join!(pump(from_client, to_server, &moved), down).map(|_| ()),
            Until::Answered(Body::Chunked) => first(down, pump(from_client, to_server, &moved)).await,
            Until::Answered(Body::Length(length)) => first(down, send_body(from_client, to_server, length, &moved)).await,
        }
    };
    tokio::select! {
        end = transfer => end.map(|()| moved.load(Ordering::Relaxed)),
        () = silence(&moved, idle) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Waits for `answer` while `request` is sent. A server may answer and close without having read the whole request.
async fn first(answer: impl Future<Output = io::Result<()>>, request: impl Future<Output = io::Result<()>>) -> io::Result<()> {
    let request = async {
        // What went wrong with the request shows in the answer.
        let _ = request.await;
        std::future::pending().await
    };
    tokio::select! {
        end = answer => end,
        never = request => never,
    }
}

/// Copies until the reader's end, and passes that end on.
async fn pump(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, moved: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        match from.read(&mut buffer).await? {
            0 => return to.shutdown().await,
            count => {
                to.write_all(&buffer[..count]).await?;
                moved.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    }
}

/// Copies exactly `length` bytes. The server's side stays open: some servers take its end for a client that has gone.
async fn send_body(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, length: u64, moved: &AtomicU64) -> io::Result<()> {
    let mut buffer = vec![0; BUFFER];
    let mut left = length;
    while left > 0 {
        let room = usize::try_from(left).unwrap_or(BUFFER).min(BUFFER);
        match from.read(&mut buffer[..room]).await? {
            0 => return to.shutdown().await,
            count => {
                to.write_all(&buffer[..count]).await?;
                left -= count as u64;
                moved.fetch_add(count as u64, Ordering::Relaxed);
            }
        }
    }
    Ok(())
}

async fn silence(moved: &AtomicU64, idle: Duration) {
    loop {
        let before = moved.load(Ordering::Relaxed);
        tokio::time::sleep(idle).await;
        if moved.load(Ordering::Relaxed) == before {
            return;
        }
    }
}

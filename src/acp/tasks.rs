//! The two tasks of a connection: the reader of the agent's stdout, and the writer of its stdin.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, watch};

use super::connection::{Outgoing, Shared, Stop};
use super::error::AcpError;
use super::lines::{Lines, NoLine};
use crate::jsonrpc::Message;
use crate::model::bounds;

/// Lines in a row that are no messages, after which the program is taken for no agent. Banners and stray logs are shorter.
const BAD_LINES: usize = 100;

/// The reader: to the end of the agent's stdout.
pub(super) async fn read<R: AsyncRead + Unpin>(shared: Arc<Shared>, stdout: R) {
    let mut stop = shared.stop.subscribe();
    let mut lines = Lines::new(stdout, bounds::ACP_LINE);
    let why = tokio::select! {
        why = pump(&shared, &mut lines) => why,
        why = given_up(&mut stop) => why,
    };
    drop(lines);
    shared.finish(why).await;
}

async fn pump<R: AsyncRead + Unpin>(shared: &Shared, lines: &mut Lines<R>) -> AcpError {
    let mut bad = 0;
    loop {
        let line = match lines.next().await {
            Ok(Some(line)) => line,
            Ok(None) => return AcpError::Gone,
            Err(NoLine::TooLong) => return AcpError::LineTooLong { limit: bounds::ACP_LINE },
            Err(NoLine::Io(error)) => {
                tracing::warn!(%error, "an agent's stdout cannot be read");
                return AcpError::Gone;
            }
        };
        if shared.said.fetch_add(line.len() + 1, Ordering::Relaxed) > bounds::ACP_TURN {
            return AcpError::Flood { limit: bounds::ACP_TURN };
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match Message::parse(line) {
            Ok(message) => {
                bad = 0;
                shared.take(message).await;
            }
            Err(_) => {
                bad += 1;
                tracing::debug!(line = %String::from_utf8_lossy(&line[..line.len().min(200)]).escape_debug(), "a line is no message");
                if bad == BAD_LINES {
                    return AcpError::Garbage { lines: BAD_LINES };
                }
            }
        }
    }
}

async fn given_up(stop: &mut watch::Receiver<Stop>) -> AcpError {
    match stop.wait_for(|stop| matches!(stop, Stop::All(_))).await.as_deref() {
        Ok(Stop::All(why)) => why.clone(),
        _ => AcpError::Gone,
    }
}

/// The writer: until the connection, or the agent's stdin, is to end. The pipe is closed when it returns.
pub(super) async fn write<W: AsyncWrite + Unpin>(shared: Arc<Shared>, mut stdin: W, mut lines: mpsc::Receiver<Outgoing>) {
    let mut stop = shared.stop.subscribe();
    let all = async {
        while let Some(outgoing) = lines.recv().await {
            if let Err(error) = send(&shared, &mut stdin, outgoing).await {
                // Not the end yet: what the agent said before it left is still to be read.
                tracing::debug!(%error, "an agent's stdin cannot be written");
                return;
            }
        }
    };
    tokio::select! {
        biased;
        _ = stop.wait_for(|stop| *stop != Stop::No) => {}
        () = all => {}
    }
}

/// Writes one line. A prompt's last byte, its newline, goes by itself: the turn is live from just before it.
async fn send<W: AsyncWrite + Unpin>(shared: &Shared, stdin: &mut W, outgoing: Outgoing) -> io::Result<()> {
    let Outgoing { mut line, prompt } = outgoing;
    let Some((session, request, written)) = prompt else {
        line.push('\n');
        stdin.write_all(line.as_bytes()).await?;
        return stdin.flush().await;
    };
    stdin.write_all(line.as_bytes()).await?;
    shared.go_live(&session, request);
    stdin.write_all(b"\n").await?;
    stdin.flush().await?;
    // Nobody waits where the turn was dropped.
    let _ = written.send(());
    Ok(())
}

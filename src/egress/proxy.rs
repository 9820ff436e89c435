//! One runtime's proxy: accepts on its listener, reads one request a connection, decides, connects, relays.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::journal::Journal;
use super::relay::{Until, relay};
use super::request::{self, BadRequest, Body, MAX_HEAD, Request};
use super::resolve::{ConnectError, Connector, Lookup};
use super::rules::{Refusal, judge};
use crate::config::HostRule;
use crate::model::{AgentName, RuntimeId};

/// The bounds of one runtime's proxy.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Connections at a time; more wait in the listener's queue.
    pub(super) connections: usize,
    /// Time for a request's head.
    pub(super) head: Duration,
    /// Time for the lookup, and again for connecting.
    pub(super) connect: Duration,
    /// Time without a byte after which a connection is closed (at most twice this).
    pub(super) idle: Duration,
}

impl Limits {
    /// What holds outside tests.
    pub(super) const DEFAULT: Self = Self {
        // A package manager opens some 50 at once.
        connections: 64,
        // The client is on this machine: it has its request ready.
        head: Duration::from_secs(10),
        // As long as a resolver's two attempts, or a lost SYN sent three times.
        connect: Duration::from_secs(10),
        // A model may think for minutes without a byte.
        idle: Duration::from_secs(600),
    };
}

/// How long a refused client may take to read why, and how much it may still send meanwhile, in bytes: closing on unread bytes
/// would reset the connection and lose the answer.
const LINGER: (Duration, u64) = (Duration::from_secs(2), 64 * 1024);

/// The pause after a failed accept: descriptors are short, and the end of a connection frees some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The way out of one runtime.
pub(super) struct Proxy {
    rules: Vec<HostRule>,
    connector: Connector,
    journal: Journal,
    limits: Limits,
}

/// What a client is told instead of being connected.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Bad(#[from] BadRequest),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Unconnected(ConnectError),
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(refusal) => Self::Refused(refusal),
            other => Self::Unconnected(other),
        }
    }
}

impl Failure {
    fn status(&self) -> &'static str {
        match self {
            Self::Bad(_) => "400 Bad Request",
            Self::Refused(_) => "403 Forbidden",
            Self::Unconnected(_) => "502 Bad Gateway",
        }
    }
}

impl Proxy {
    /// The proxy of one runtime of `agent`, whose rules are `rules`.
    pub(super) fn new(runtime: RuntimeId, agent: AgentName, rules: Vec<HostRule>, lookup: Lookup, limits: Limits) -> Self {
        Self { rules, connector: Connector::new(lookup, limits.connect), journal: Journal::new(runtime, agent), limits }
    }

    /// Serves `listener` until this future is dropped; its connections end with it.
    pub(super) async fn serve(self, listener: TcpListener) {
        let proxy = Arc::new(self);
        let room = Arc::new(Semaphore::new(proxy.limits.connections));
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            let Ok(permit) = Arc::clone(&room).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((client, _)) => {
                    let proxy = Arc::clone(&proxy);
                    connections.spawn(async move {
                        proxy.connection(client).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    proxy.journal.cannot_accept(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn connection(&self, mut client: TcpStream) {
        let outcome = match timeout(self.limits.head, read_head(&mut client)).await {
            Ok(None) => return,
            Ok(Some(read)) => match read {
                Ok((request, rest)) => self.exchange(&mut client, request, &rest).await,
                Err(bad) => Err(bad.into()),
            },
            Err(_) => Err(BadRequest::TooSlow.into()),
        };
        if let Err(failure) = outcome {
            if let Failure::Bad(bad) = failure {
                self.journal.bad_request(bad);
            }
            refuse(&mut client, &failure).await;
        }
    }

    /// Carries out one request; `rest` is what came behind its head.
    async fn exchange(&self, client: &mut TcpStream, request: Request, rest: &[u8]) -> Result<(), Failure> {
        let target = match &request {
            Request::Tunnel(target) | Request::Forward { target, .. } => target.clone(),
        };
        let connected = match judge(&self.rules, &target) {
            Ok(permission) => self.connector.connect(&permission).await,
            Err(refusal) => Err(refusal.into()),
        };
        self.journal.decision(&target, connected.as_ref());
        let mut server = connected?;
        // Small writes are the rule in what agents do, and both ends wait for them.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let moved = match request {
            Request::Tunnel(_) => {
                let opened = async {
                    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                    server.write_all(rest).await
                };
                match opened.await {
                    Ok(()) => relay(client, &mut server, Until::BothClosed, self.limits.idle).await,
                    Err(error) => Err(error),
                }
            }
            Request::Forward { head, body, .. } => {
                // The origin was told to close: what belongs to no body is dropped.
                let (early, body) = match body {
                    Body::Chunked => (rest, body),
                    Body::Length(length) => {
                        let early = rest.get(..usize::try_from(length).unwrap_or(usize::MAX)).unwrap_or(rest);
                        (early, Body::Length(length - early.len() as u64))
                    }
                };
                match server.write_all(&[&head, early].concat()).await {
                    Ok(()) => relay(client, &mut server, Until::Answered(body), self.limits.idle).await,
                    Err(error) => Err(error),
                }
            }
        };
        self.journal.end(&target, moved);
        Ok(())
    }
}

/// Reads up to the empty line; gives the request and what came behind it. `None`: the client closed without a word.
async fn read_head(client: &mut TcpStream) -> Option<Result<(Request, Vec<u8>), BadRequest>> {
    let mut bytes = Vec::with_capacity(1024);
    loop {
        let seen = bytes.len();
        let mut rest = (&mut *client).take((MAX_HEAD - seen) as u64);
        match rest.read_buf(&mut bytes).await {
            Ok(0) if seen == 0 => return None,
            Ok(0) if seen >= MAX_HEAD => return Some(Err(BadRequest::TooLong)),
            Ok(0) => return Some(Err(BadRequest::Garbage)),
            Ok(_) => {}
            Err(_) => return None,
        }
        if let Some(end) = request::end_of_head(&bytes, seen) {
            let behind = bytes.split_off(end);
            return Some(request::parse(&bytes).map(|request| (request, behind)));
        }
    }
}

async fn refuse(client: &mut TcpStream, failure: &Failure) {
    let text = format!("{failure}\n");
    let answer = format!(
        "HTTP/1.1 {}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
        failure.status(),
        text.len()
    );
    let said = async {
        client.write_all(answer.as_bytes()).await?;
        client.shutdown().await?;
        tokio::io::copy(&mut client.take(LINGER.1), &mut tokio::io::sink()).await
    };
    // A client that does not read its answer needs no further word.
    let _ = timeout(LINGER.0, said).await;
}

#[cfg(test)]
mod tests;

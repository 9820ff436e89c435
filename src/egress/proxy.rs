//! One runtime's proxy: accepts on its listener, reads one request a connection, decides, connects, relays.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::asking::Asking;
use super::failure::Failure;
use super::head::{self, NoRequest, Speech};
use super::journal::{Journal, Whose};
use super::meter::{Limit, Meter, Quota};
use super::relay::{Broken, Moved, Until, relay};
use super::request::{BadRequest, Body, Request};
use super::resolve::{ConnectError, Connector, Lookup};
use super::rules::{Policy, Refusal};
use crate::model::Target;

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
    /// New connections and bytes.
    pub(super) quota: Quota,
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
        quota: Quota::DEFAULT,
    };
}

/// How long a refused client may take to read why, and how much it may still send meanwhile, in bytes: closing on unread bytes
/// would reset the connection and lose the answer.
const LINGER: (Duration, u64) = (Duration::from_secs(2), 64 * 1024);

/// The pause after a failed accept: descriptors are short, and the end of a connection frees some.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The pause after a connection beyond the quota: whoever hammers the listener gets a hundred answers a second, and costs nobody else time.
const FLOOD_PAUSE: Duration = Duration::from_millis(10);

/// The way out of one runtime.
pub(super) struct Proxy {
    policy: Arc<Policy>,
    asking: Asking,
    connector: Connector,
    journal: Journal,
    meter: Meter,
    limits: Limits,
}

impl Proxy {
    /// The proxy of one runtime, which may reach what `policy` says.
    pub(super) fn new(whose: Whose, policy: Arc<Policy>, asking: Asking, lookup: Lookup, limits: Limits) -> Self {
        let (connector, meter) = (Connector::new(lookup, limits.connect), Meter::new(limits.quota, Instant::now()));
        Self { policy, asking, connector, journal: Journal::new(whose), meter, limits }
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
                    let within = proxy.meter.connection(Instant::now());
                    let proxy = Arc::clone(&proxy);
                    connections.spawn(async move {
                        proxy.connection(client, within).await;
                        drop(permit);
                    });
                    if within.is_err() {
                        tokio::time::sleep(FLOOD_PAUSE).await;
                    }
                }
                Err(error) => {
                    proxy.journal.cannot_accept(&error);
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// `within` says whether the runtime may have this connection; the answer is given in the client's own protocol.
    async fn connection(&self, mut client: TcpStream, within: Result<(), Limit>) {
        let mut speech = Speech::Http;
        let read = timeout(self.limits.head, head::read(&mut client, &mut speech)).await;
        let outcome = match read.unwrap_or(Err(NoRequest::Bad(BadRequest::TooSlow))) {
            Ok((request, rest)) => self.exchange(&mut client, speech, within, request, &rest).await,
            Err(NoRequest::Gone) => return,
            Err(NoRequest::Bad(bad)) => {
                self.journal.bad_request(bad);
                Err(bad.into())
            }
        };
        if let Err(failure) = outcome {
            refuse(&mut client, &failure.answer(speech)).await;
        }
    }

    /// Carries out one request; `rest` is what came behind its head.
    async fn exchange(
        &self,
        client: &mut TcpStream,
        speech: Speech,
        within: Result<(), Limit>,
        request: Request,
        rest: &[u8],
    ) -> Result<(), Failure> {
        let target = match &request {
            Request::Tunnel(target) | Request::Forward { target, .. } => target.clone(),
        };
        within.inspect_err(|&limit| self.journal.limited(&target, limit))?;
        let (since, moved) = (Instant::now(), Moved::default());
        let mut server = self.connect(&target).await?;
        // Small writes are the rule in what agents do, and both ends wait for them.
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        let end = self.relay(client, &mut server, speech, request, rest, &moved).await;
        self.journal.end(&target, &moved, since, end);
        Ok(())
    }

    async fn connect(&self, target: &Target) -> Result<TcpStream, ConnectError> {
        let connected = match self.policy.judge(target) {
            Ok(permission) => self.connector.connect(&permission).await,
            Err(refusal) => Err(refusal.into()),
        };
        self.journal.decision(target, connected.as_ref());
        if let Err(ConnectError::Refused(Refusal::NotNamed(target))) = &connected {
            self.asking.refused(target);
        }
        connected
    }

    async fn relay(
        &self,
        client: &mut TcpStream,
        server: &mut TcpStream,
        speech: Speech,
        request: Request,
        rest: &[u8],
        moved: &Moved,
    ) -> Result<(), Broken> {
        let count = (moved, &self.meter);
        match request {
            Request::Tunnel(_) => {
                client.write_all(speech.opened()).await?;
                server.write_all(rest).await?;
                moved.sent(rest.len(), &self.meter)?;
                relay(client, server, Until::BothClosed, self.limits.idle, count).await
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
                let begin = [&head, early].concat();
                server.write_all(&begin).await?;
                moved.sent(begin.len(), &self.meter)?;
                relay(client, server, Until::Answered(body), self.limits.idle, count).await
            }
        }
    }
}

/// Says a last word, and waits until it has been read.
async fn refuse(client: &mut TcpStream, answer: &[u8]) {
    let said = async {
        client.write_all(answer).await?;
        client.shutdown().await?;
        tokio::io::copy(&mut client.take(LINGER.1), &mut tokio::io::sink()).await
    };
    // A client that does not read its answer needs no further word.
    let _ = timeout(LINGER.0, said).await;
}

#[cfg(test)]
mod tests;

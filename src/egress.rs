//! The egress role: the runtimes' only way out. It holds the agents' host rules and nothing else: no secret, no file but the resolver's.
//!
//! A runtime's listener comes from the warden together with the runtime's agent, so the listener itself says who calls;
//! there are no credentials that a runtime could lend or lose. Order of the start: event loop, lock-down, threads, `Ready`, serve.

mod address;
mod asking;
mod failure;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod head;
mod journal;
mod meter;
mod proxy;
mod relay;
mod request;
mod resolve;
mod rules;
mod socks;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use self::asking::Asking;
use self::journal::Whose;
use self::proxy::{Limits, Proxy};
use self::resolve::{Lookup, system_lookup};
use self::rules::Policy;
use crate::config::Config;
use crate::ipc::{AsyncLink, IpcError, Link};
use crate::jail::JailError;
use crate::jail::role::{Role, RoleGrants, lock_down};
use crate::model::control::{FromEgress, ToEgress};
use crate::model::{RuntimeId, Target};

/// Threads on which names are looked up, for all runtimes together: getaddrinfo(3) blocks for as long as the name servers do.
const RESOLVER_THREADS: usize = 4;

/// Words for the warden that wait, of all runtimes together; more are dropped.
const WORDS: usize = 32;

/// Name servers are asked here, by TCP where an answer is long.
const DNS_PORT: u16 = 53;

/// Why the egress cannot serve.
#[derive(Debug, thiserror::Error)]
pub enum EgressError {
    /// The link to the warden failed.
    #[error("the egress lost its warden: {0}")]
    Link(#[from] IpcError),
    /// The lock-down failed; nothing was served.
    #[error("the egress cannot be locked down: {0}")]
    LockDown(#[from] JailError),
    /// The system refused.
    #[error("the egress cannot start: {operation}: {source}")]
    Io {
        /// What was tried.
        operation: &'static str,
        /// The answer.
        source: io::Error,
    },
}

/// The role's whole life, from the lock-down on; `link` leads to the warden. Ends when the warden says so or is gone.
#[must_use]
pub fn run(link: Link, config: &Config) -> ExitCode {
    match serve(link, config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(link: Link, config: &Config) -> Result<(), EgressError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVER_THREADS)
        .build()
        .map_err(|source| EgressError::Io { operation: "making its event loop", source })?;
    // It has no thread yet: Landlock and seccomp bind the calling one and those made after it. What it opened need not be allowed.
    lock_down(Role::Egress, &grants(config))?;
    let done = runtime.block_on(async {
        let link = AsyncLink::new(link).map_err(|source| EgressError::Io { operation: "polling its link", source })?;
        link.send(&FromEgress::Ready, &[]).await?;
        Server::new(config, system_lookup(), Limits::DEFAULT).run(&link).await
    });
    // A lookup may still block for long; nobody waits for its answer.
    runtime.shutdown_background();
    done
}

fn grants(config: &Config) -> RoleGrants {
    let ports: BTreeSet<u16> = config.egress_ports().into_iter().chain([DNS_PORT]).collect();
    // A manager of the network replaces the file by renaming over it: then only its directory leads to the new one. It is granted
    // where it is the manager's own (`/run/systemd/resolve`); in /etc or /run the new file waits for the next start.
    let real = std::fs::canonicalize("/etc/resolv.conf").ok();
    let own = |directory: &&Path| directory.components().count() > 2;
    let directory = real.as_deref().and_then(Path::parent).filter(own).map(Path::to_path_buf);
    RoleGrants {
        read: RoleGrants::name_service().into_iter().chain(directory).collect(),
        write: Vec::new(),
        execute: Vec::new(),
        connect_ports: Some(ports.into_iter().collect()),
        seccomp: config.seccomp,
    }
}

/// The ways out of all runtimes.
struct Server<'c> {
    config: &'c Config,
    lookup: Lookup,
    limits: Limits,
    ports: Arc<BTreeSet<u16>>,
    ways: HashMap<RuntimeId, Way>,
    words: mpsc::Sender<FromEgress>,
    said: mpsc::Receiver<FromEgress>,
}

/// One runtime's way out.
struct Way {
    policy: Arc<Policy>,
    proxy: JoinHandle<()>,
}

impl<'c> Server<'c> {
    fn new(config: &'c Config, lookup: Lookup, limits: Limits) -> Self {
        let (words, said) = mpsc::channel(WORDS);
        Self { config, lookup, limits, ports: Arc::new(config.egress_ports()), ways: HashMap::new(), words, said }
    }

    async fn run(mut self, link: &AsyncLink) -> Result<(), EgressError> {
        loop {
            let message = tokio::select! {
                received = link.recv::<ToEgress>() => received?,
                // Never `None`: a sender lives in this very value.
                Some(word) = self.said.recv() => {
                    link.send(&word, &[]).await?;
                    continue;
                }
            };
            match message {
                // It came before this loop, and comes once.
                Some((ToEgress::Bundle, _)) => {}
                Some((ToEgress::Serve { runtime, agent, user, granted }, fds)) => self.open(Whose { runtime, agent, user }, granted, fds),
                Some((ToEgress::Grant { runtime, granted }, _)) => self.grant(runtime, granted),
                Some((ToEgress::Close { runtime }, _)) => self.close(runtime),
                Some((ToEgress::Ping { number }, _)) => link.send(&FromEgress::Pong { number }, &[]).await?,
                Some((ToEgress::Stop, _)) | None => return Ok(()),
            }
        }
    }

    fn open(&mut self, whose: Whose, granted: Vec<Target>, fds: Vec<OwnedFd>) {
        self.close(whose.runtime);
        let listener = fds.into_iter().next().map(listener);
        let (Some(Ok(listener)), Some(settings)) = (listener, self.config.agent(&whose.agent)) else {
            // Without its proxy the runtime has no network: closed, not open.
            tracing::error!(runtime = %whose.runtime, agent = %whose.agent, "a runtime's listener cannot be served");
            return;
        };
        let runtime = whose.runtime;
        let policy = Arc::new(Policy::new(settings.egress.clone(), granted));
        let asking = Asking::new(runtime, Arc::clone(&self.ports), self.words.clone());
        let proxy = Proxy::new(whose, Arc::clone(&policy), asking, self.lookup.clone(), self.limits);
        self.ways.insert(runtime, Way { policy, proxy: tokio::spawn(proxy.serve(listener)) });
    }

    fn grant(&self, runtime: RuntimeId, granted: Vec<Target>) {
        if let Some(way) = self.ways.get(&runtime) {
            tracing::info!(%runtime, granted = granted.len(), "hosts are granted to a runtime beyond its agent's policy");
            way.policy.grant(granted);
        }
    }

    fn close(&mut self, runtime: RuntimeId) {
        if let Some(way) = self.ways.remove(&runtime) {
            way.proxy.abort();
        }
    }
}

fn listener(fd: OwnedFd) -> io::Result<tokio::net::TcpListener> {
    let listener = TcpListener::from(fd);
    listener.set_nonblocking(true)?;
    tokio::net::TcpListener::from_std(listener)
}

#[cfg(test)]
mod tests;

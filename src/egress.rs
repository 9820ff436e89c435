//! The egress role: the runtimes' only way out. It holds the agents' host rules and nothing else: no secret, no file but the resolver's.
//!
//! A runtime's listener comes from the warden together with the runtime's agent, so the listener itself says who calls;
//! there are no credentials that a runtime could lend or lose. Order of the start: lock-down, threads, `Ready`, serve.

mod address;
mod journal;
mod proxy;
mod relay;
mod request;
mod resolve;
mod rules;

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::ExitCode;

use tokio::task::JoinHandle;

use self::proxy::{Limits, Proxy};
use self::resolve::{Lookup, system_lookup};
use crate::config::Config;
use crate::ipc::{AsyncLink, IpcError, Link};
use crate::jail::JailError;
use crate::jail::role::{Role, RoleGrants, lock_down};
use crate::model::control::{FromEgress, ToEgress};
use crate::model::{AgentName, RuntimeId};

/// Threads on which names are looked up, for all runtimes together: getaddrinfo(3) blocks for as long as the name servers do.
const RESOLVER_THREADS: usize = 4;

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
    lock_down(Role::Egress, &grants(config))?;
    // Only now: Landlock and seccomp bind the calling thread and those made after it.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(RESOLVER_THREADS)
        .build()
        .map_err(|source| EgressError::Io { operation: "making its event loop", source })?;
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
    let rules = config.agents.values().flat_map(|agent| &agent.egress);
    let ports: BTreeSet<u16> = rules.flat_map(|rule| rule.ports().to_vec()).chain([DNS_PORT]).collect();
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
    }
}

/// The proxies of all runtimes.
struct Server<'c> {
    config: &'c Config,
    lookup: Lookup,
    limits: Limits,
    proxies: HashMap<RuntimeId, JoinHandle<()>>,
}

impl<'c> Server<'c> {
    fn new(config: &'c Config, lookup: Lookup, limits: Limits) -> Self {
        Self { config, lookup, limits, proxies: HashMap::new() }
    }

    async fn run(mut self, link: &AsyncLink) -> Result<(), EgressError> {
        while let Some((message, fds)) = link.recv().await? {
            match message {
                // It came before this loop, and comes once.
                ToEgress::Bundle => {}
                ToEgress::Serve { runtime, agent } => self.open(runtime, &agent, fds),
                ToEgress::Close { runtime } => self.close(runtime),
                ToEgress::Stop => break,
            }
        }
        Ok(())
    }

    fn open(&mut self, runtime: RuntimeId, agent: &AgentName, fds: Vec<OwnedFd>) {
        self.close(runtime);
        let listener = fds.into_iter().next().map(listener);
        let (Some(Ok(listener)), Some(settings)) = (listener, self.config.agent(agent)) else {
            // Without its proxy the runtime has no network: closed, not open.
            tracing::error!(%runtime, %agent, "a runtime's listener cannot be served");
            return;
        };
        let proxy = Proxy::new(runtime, agent.clone(), settings.egress.clone(), self.lookup.clone(), self.limits);
        self.proxies.insert(runtime, tokio::spawn(proxy.serve(listener)));
    }

    fn close(&mut self, runtime: RuntimeId) {
        if let Some(proxy) = self.proxies.remove(&runtime) {
            proxy.abort();
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

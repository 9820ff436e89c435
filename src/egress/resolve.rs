//! From a permission to a connection: every resolved address is judged, and the connection goes to a judged address itself.
//!
//! The name is looked up once. Nothing asks for it again afterwards, so an answer that changes between the look and the
//! connection (DNS rebinding) changes nothing.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::rules::{Permission, Refusal};

/// Addresses of one host that are tried. More only make a dead host slower to report.
const MAX_ADDRESSES: usize = 4;

/// Lookups of one runtime at a time. All runtimes share [`super::RESOLVER_THREADS`] threads, and a slow name server holds each up for long.
const MAX_LOOKUPS: usize = 2;

/// From a host and port to addresses. Runs on a thread where it may block.
pub(super) type Lookup = Arc<dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ConnectError {
    /// The addresses are out of bounds.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// No address was found.
    #[error("The host could not be resolved: {0}.")]
    Resolve(io::Error),
    /// No address could be connected to.
    #[error("The host could not be reached: {0}.")]
    Connect(io::Error),
}

/// Looks hosts up and connects to them, for one runtime.
pub(super) struct Connector {
    lookup: Lookup,
    lookups: Arc<Semaphore>,
    limit: Duration,
}

/// The system's resolver (getaddrinfo(3): hosts file and name servers).
pub(super) fn system_lookup() -> Lookup {
    Arc::new(|host, port| (host, port).to_socket_addrs().map(Iterator::collect))
}

impl Connector {
    /// A connector that gives the lookup, and then all connecting together, `limit` each.
    pub(super) fn new(lookup: Lookup, limit: Duration) -> Self {
        Self { lookup, lookups: Arc::new(Semaphore::new(MAX_LOOKUPS)), limit }
    }

    /// Connects to what `permission` allows.
    ///
    /// # Errors
    /// The addresses are refused, or the host is not found, does not answer or refuses.
    pub(super) async fn connect(&self, permission: &Permission) -> Result<TcpStream, ConnectError> {
        let resolved = match permission.target().address() {
            Some(address) => vec![SocketAddr::new(address, permission.target().port())],
            None => self.resolve(permission).await.map_err(ConnectError::Resolve)?,
        };
        let mut admitted = permission.admit(&resolved)?;
        admitted.truncate(MAX_ADDRESSES);
        let share = self.limit / u32::try_from(admitted.len()).unwrap_or(1);
        let mut failure = io::Error::from(io::ErrorKind::NotFound);
        for address in admitted {
            match timeout(share, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => failure = error,
                Err(_) => failure = io::ErrorKind::TimedOut.into(),
            }
        }
        Err(ConnectError::Connect(failure))
    }

    async fn resolve(&self, permission: &Permission) -> io::Result<Vec<SocketAddr>> {
        let answer = async {
            let permit = Arc::clone(&self.lookups).acquire_owned().await.map_err(io::Error::other)?;
            let lookup = Arc::clone(&self.lookup);
            let (host, port) = (permission.target().host().to_owned(), permission.target().port());
            // The thread cannot be interrupted: the permit stays with it, not with us who may give up.
            let task = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                lookup(&host, port)
            });
            task.await.map_err(io::Error::other)?
        };
        match timeout(self.limit, answer).await {
            Ok(Ok(addresses)) if addresses.is_empty() => Err(io::ErrorKind::NotFound.into()),
            Ok(answer) => answer,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

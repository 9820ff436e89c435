//! What watches over the appliance from outside is told that it serves, goes on and stops: systemd, or Podman, by sd_notify(3).
//!
//! A datagram of lines `NAME=VALUE` to the Unix socket that `NOTIFY_SOCKET` names; where there is none, nobody is told. It is connected before
//! the lock-down. Nobody waits for it: what does not fit into its queue is lost, and the next report comes.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::state::{Kept, Notice};

/// The variable that names the socket: a path, or `@` and an abstract name (sd_notify(3)).
pub const NOTIFY_SOCKET: &str = "NOTIFY_SOCKET";

/// Who watches, if anybody does.
#[derive(Debug)]
pub(super) struct Supervisor(Option<UnixDatagram>);

impl Supervisor {
    /// Whoever this process's environment names.
    pub(super) fn of_environment() -> Self {
        let Some(name) = std::env::var_os(NOTIFY_SOCKET).filter(|name| !name.is_empty()) else { return Self(None) };
        match connect(&name) {
            Ok(socket) => Self(Some(socket)),
            Err(error) => {
                tracing::warn!(%error, "{NOTIFY_SOCKET} names nobody who can be told");
                Self(None)
            }
        }
    }

    /// Tells it.
    pub(super) fn tell(&self, notice: Notice) {
        let Some(socket) = &self.0 else { return };
        if let Err(error) = socket.send(words(notice).as_bytes()) {
            tracing::warn!(%error, ?notice, "what watches over kiroclaw could not be told");
        }
    }
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    Ok(socket)
}

fn address(name: &OsStr) -> io::Result<SocketAddr> {
    match name.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        Some((b'/', _)) => SocketAddr::from_pathname(name),
        _ => Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor an abstract name")),
    }
}

fn words(notice: Notice) -> &'static str {
    match notice {
        Notice::Ready => "READY=1\nSTATUS=serving",
        Notice::Alive => "WATCHDOG=1",
        Notice::Restarts(Kept::Gateway) => "STATUS=the gateway ended; it is started again",
        // Nothing tells of its return: it is there a moment later.
        Notice::Restarts(Kept::Egress) => "STATUS=serving; the egress was started again",
        Notice::Stopping => "STOPPING=1\nSTATUS=stopping",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &OsStr, listener: &UnixDatagram) {
        let supervisor = Supervisor(Some(connect(name).unwrap()));
        supervisor.tell(Notice::Ready);
        supervisor.tell(Notice::Alive);
        let mut word = [0; 100];
        let length = listener.recv(&mut word).unwrap();
        assert!(word[..length].starts_with(b"READY=1\n"));
        let length = listener.recv(&mut word).unwrap();
        assert_eq!(&word[..length], b"WATCHDOG=1");
    }

    #[test]
    fn a_watcher_is_told_at_a_path_and_at_an_abstract_name() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        told(path.as_os_str(), &UnixDatagram::bind(&path).unwrap());
        let name = format!("kiroclaw-test-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        told(OsStr::new(&format!("@{name}")), &UnixDatagram::bind_addr(&address).unwrap());
    }

    #[test]
    fn a_watcher_that_does_not_read_holds_nobody_up() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let _listener = UnixDatagram::bind(&path).unwrap();
        let supervisor = Supervisor(Some(connect(path.as_os_str()).unwrap()));
        (0..10_000).for_each(|_| supervisor.tell(Notice::Alive));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for name in ["relative", "vsock:2:1", ""] {
            assert!(address(OsStr::new(name)).is_err(), "{name}");
        }
    }
}

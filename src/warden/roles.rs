//! The processes of the two roles that the warden keeps alive, and what they say.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::{Pid, Signal};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::children::{self, Memory};
use super::state::{Event, Kept};
use crate::ipc::{IpcError, Link};
use crate::model::control::{FromEgress, FromGateway, ToEgress, ToGateway};

/// Why a role has no process.
#[derive(Debug, thiserror::Error)]
pub(super) enum RoleError {
    #[error("its process cannot be made: {0}")]
    Spawn(#[from] std::io::Error),
    #[error("it cannot be given its configuration: {0}")]
    Bundle(#[from] IpcError),
}

/// One role's process.
#[derive(Debug)]
pub(super) struct RoleProcess {
    kept: Kept,
    /// Its process; not reaped as long as this value lives.
    pub(super) pid: Pid,
    /// What it takes.
    pub(super) memory: Memory,
    /// `None` once it is closed: a closed link would be ready for ever.
    link: Option<Link>,
}

impl RoleProcess {
    /// Starts it and sends it its bundle.
    ///
    /// # Errors
    /// The system has no room for one more process.
    pub(super) fn start(kept: Kept, bundle: &OwnedFd) -> Result<Self, RoleError> {
        let (link, theirs) = Link::pair()?;
        let pid = children::spawn(&[kept.name()], theirs)?;
        let role = Self { kept, pid, memory: Memory::of(pid), link: Some(link) };
        let sent = match kept {
            Kept::Gateway => role.send(&ToGateway::Bundle, &[bundle.as_fd()]),
            Kept::Egress => role.send(&ToEgress::Bundle, &[bundle.as_fd()]),
        };
        // One that died at once is reaped and reported like any other.
        match sent {
            Ok(()) | Err(IpcError::Closed) => Ok(role),
            Err(error) => {
                role.kill();
                Err(error.into())
            }
        }
    }

    /// Sends a message; to a closed link nothing is sent, since the role's end is under way.
    ///
    /// # Errors
    /// The role does not read, or is gone.
    pub(super) fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> Result<(), IpcError> {
        self.link.as_ref().map_or(Ok(()), |link| link.send(message, fds))
    }

    /// The link to poll, while it is open.
    pub(super) fn link(&self) -> Option<&Link> {
        self.link.as_ref()
    }

    /// What it says, if it says something.
    pub(super) fn hear(&mut self) -> Option<Event> {
        match self.kept {
            Kept::Gateway => self.hear_as(|said| match said {
                FromGateway::Ready => Event::Ready(Kept::Gateway),
                request => Event::Asked(request),
            }),
            Kept::Egress => self.hear_as(|said| match said {
                FromEgress::Ready => Event::Ready(Kept::Egress),
                FromEgress::Pong { number } => Event::Pong(number),
                FromEgress::Refused { runtime, target, grantable } => Event::Refused(runtime, target, grantable),
            }),
        }
    }

    fn hear_as<T: DeserializeOwned>(&mut self, event: impl Fn(T) -> Event) -> Option<Event> {
        match self.link.as_ref()?.try_recv::<T>() {
            Ok(None) => return None,
            Ok(Some(Some((said, _)))) => return Some(event(said)),
            Ok(Some(None)) => {}
            Err(error) => tracing::error!(role = self.kept.name(), %error, "a role is not understood"),
        }
        self.link = None;
        Some(Event::Broken(self.kept))
    }

    /// SIGKILL.
    pub(super) fn kill(&self) {
        children::signal(self.pid, Signal::KILL);
    }
}

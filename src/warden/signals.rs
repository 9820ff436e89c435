//! Signals as something to poll: they interrupt nothing, and none is lost between two looks.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::process::Signal;

use crate::jail::sys;

/// What came since the last look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Came {
    /// How often the end was asked for (SIGTERM, SIGINT, SIGHUP).
    pub(super) stops: usize,
    /// Whether children have ended.
    pub(super) children: bool,
}

/// The blocked signals of this process.
#[derive(Debug)]
pub(super) struct Signals(OwnedFd);

impl Signals {
    /// From now on the signals wait to be looked at. Children inherit that through fork and execution (the standard library does not
    /// reset it): each of ours unblocks them first of all.
    ///
    /// # Errors
    /// sigprocmask(2) or signalfd(2) refuse.
    pub(super) fn listen() -> io::Result<Self> {
        sys::signal_fd(&[Signal::CHILD, Signal::TERM, Signal::INT, Signal::HUP]).map(Self)
    }

    /// Takes everything that waits.
    ///
    /// # Errors
    /// read(2) fails, which it does not on a good descriptor.
    pub(super) fn take(&self) -> io::Result<Came> {
        let mut came = Came::default();
        while let Some(signal) = sys::next_signal(&self.0)? {
            if signal == Signal::CHILD {
                came.children = true;
            } else {
                came.stops += 1;
            }
        }
        Ok(came)
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

//! A [`Link`] for the roles that have an async runtime.

use std::io;
use std::os::fd::BorrowedFd;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{IpcError, Link, Received};

/// A [`Link`] whose waits are futures. Both directions may be awaited at once, and dropping a wait loses nothing.
#[derive(Debug)]
pub struct AsyncLink(AsyncFd<Link>);

impl AsyncLink {
    /// Registers the link with the runtime of the calling task.
    ///
    /// # Errors
    /// The runtime's poller refuses it.
    #[expect(deprecated, reason = "its successor is unsafe for types that could change their descriptor; a Link owns one for life")]
    pub fn new(link: Link) -> io::Result<Self> {
        AsyncFd::with_interest(link, Interest::READABLE | Interest::WRITABLE).map(Self)
    }

    /// Sends one message as soon as the peer has room for it.
    ///
    /// # Errors
    /// Like [`Link::send`], but never [`IpcError::Full`].
    pub async fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> Result<(), IpcError> {
        loop {
            let mut ready = self.0.writable().await.map_err(|source| IpcError::Io { operation: "poll", source })?;
            match self.0.get_ref().send(message, fds) {
                Err(IpcError::Full) => ready.clear_ready(),
                other => return other,
            }
        }
    }

    /// Waits for one message.
    ///
    /// # Errors
    /// Like [`Link::recv`].
    pub async fn recv<T: DeserializeOwned>(&self) -> Result<Received<T>, IpcError> {
        loop {
            let mut ready = self.0.readable().await.map_err(|source| IpcError::Io { operation: "poll", source })?;
            match self.0.get_ref().try_recv()? {
                None => ready.clear_ready(),
                Some(received) => return Ok(received),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::control::{FromGateway, ToGateway};

    fn run(test: impl Future<Output = ()>) {
        tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap().block_on(test);
    }

    #[test]
    fn messages_go_both_ways_and_the_end_is_seen() {
        run(async {
            let (ours, theirs) = Link::pair().unwrap();
            let (ours, theirs) = (AsyncLink::new(ours).unwrap(), AsyncLink::new(Link::from_fd(theirs)).unwrap());
            let (sent, received) = tokio::join!(ours.send(&ToGateway::Stop, &[]), theirs.recv::<ToGateway>());
            sent.unwrap();
            assert_eq!(received.unwrap().unwrap().0, ToGateway::Stop);
            theirs.send(&FromGateway::Ready, &[]).await.unwrap();
            drop(theirs);
            assert_eq!(ours.recv::<FromGateway>().await.unwrap().unwrap().0, FromGateway::Ready);
            assert!(ours.recv::<FromGateway>().await.unwrap().is_none());
        });
    }

    #[test]
    fn a_dropped_wait_loses_no_message_and_a_full_socket_is_waited_for() {
        run(async {
            let (ours, theirs) = Link::pair().unwrap();
            let (ours, theirs) = (AsyncLink::new(ours).unwrap(), AsyncLink::new(Link::from_fd(theirs)).unwrap());
            let count = 2_000_u32;
            let sender = async {
                for number in 0..count {
                    ours.send(&number, &[]).await.unwrap();
                }
            };
            let receiver = async {
                let mut expected = 0;
                while expected < count {
                    // Every second wait is dropped while it waits.
                    tokio::select! {
                        received = theirs.recv::<u32>() => {
                            assert_eq!(received.unwrap().unwrap().0, expected);
                            expected += 1;
                        }
                        () = tokio::task::yield_now() => {}
                    }
                }
            };
            tokio::join!(sender, receiver);
        });
    }
}

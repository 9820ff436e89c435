//! Messages with file descriptors between our own processes, over a pair of unix sockets that keep message borders.
//!
//! One JSON text is one packet (`SOCK_SEQPACKET`, unix(7)); descriptors go beside it (`SCM_RIGHTS`, cmsg(3)).
//! What is received is bounded in bytes and in descriptors, and what was cut off is an error, never a shorter message.

mod asynchronous;
pub mod bundle;

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use asynchronous::AsyncLink;

use crate::model::bounds;

/// Descriptors in one message at most: the three pipes of a runtime and its keeper's link.
pub const MAX_FDS: usize = 4;

/// Why a message did not go or come.
#[derive(Debug, thiserror::Error)]
pub enum IpcError {
    /// The peer has closed its end.
    #[error("the process at the other end is gone")]
    Closed,
    /// The peer does not read: the socket's buffer is full.
    #[error("the process at the other end does not read its messages")]
    Full,
    /// A message was longer than [`bounds::CONTROL_MESSAGE`] or brought more than [`MAX_FDS`] descriptors.
    #[error("a message between our processes is longer than {} bytes or brings more than {MAX_FDS} descriptors", bounds::CONTROL_MESSAGE)]
    TooLarge,
    /// The text is not the message that was expected.
    #[error("a message between our processes cannot be read or written: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The system refused.
    #[error("{operation} on a socket between our processes: {source}")]
    Io {
        /// The system call.
        operation: &'static str,
        /// Its answer.
        source: io::Error,
    },
}

/// What was received: the message and the descriptors beside it (close-on-exec); `None` when the peer closed its end.
pub type Received<T> = Option<(T, Vec<OwnedFd>)>;

/// One end of a pair of connected unix sockets.
#[derive(Debug)]
pub struct Link(OwnedFd);

impl Link {
    /// Two connected ends, both close-on-exec: one to keep, one to give to a child.
    ///
    /// # Errors
    /// socketpair(2): no descriptors left.
    pub fn pair() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(ours), theirs))
    }

    /// Takes an end that was inherited or received.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// Sends one message. Never blocks: a peer that does not read is an error, because nobody here may be held up by it.
    ///
    /// # Errors
    /// [`IpcError::Full`] and [`IpcError::Closed`] speak of the peer; the others of the message or the system.
    pub fn send<T: Serialize>(&self, message: &T, fds: &[BorrowedFd<'_>]) -> Result<(), IpcError> {
        let text = serde_json::to_vec(message)?;
        if text.len() > bounds::CONTROL_MESSAGE || fds.len() > MAX_FDS {
            return Err(IpcError::TooLarge);
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(IpcError::TooLarge);
        }
        let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
        match retry(|| sendmsg(&self.0, &[IoSlice::new(&text)], &mut control, flags)) {
            Ok(_) => Ok(()),
            Err(Errno::AGAIN) => Err(IpcError::Full),
            Err(Errno::PIPE | Errno::CONNRESET) => Err(IpcError::Closed),
            Err(errno) => Err(IpcError::Io { operation: "sendmsg", source: errno.into() }),
        }
    }

    /// Waits for one message.
    ///
    /// # Errors
    /// A message that is too large, is not a `T`, or a failing system call.
    pub fn recv<T: DeserializeOwned>(&self) -> Result<Received<T>, IpcError> {
        self.receive(RecvFlags::empty()).map(Option::flatten)
    }

    /// Takes one message if there is one; the outer `None` says that there is none yet.
    ///
    /// # Errors
    /// Like [`Link::recv`].
    pub fn try_recv<T: DeserializeOwned>(&self) -> Result<Option<Received<T>>, IpcError> {
        self.receive(RecvFlags::DONTWAIT)
    }

    fn receive<T: DeserializeOwned>(&self, flags: RecvFlags) -> Result<Option<Received<T>>, IpcError> {
        let mut text = vec![0; bounds::CONTROL_MESSAGE];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MAX_FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = flags | RecvFlags::CMSG_CLOEXEC;
        let got = match retry(|| recvmsg(&self.0, &mut [IoSliceMut::new(&mut text)], &mut control, flags)) {
            Ok(got) => got,
            Err(Errno::AGAIN) => return Ok(None),
            // A peer that died with unread messages resets the connection instead of closing it.
            Err(Errno::CONNRESET) => return Ok(Some(None)),
            Err(errno) => return Err(IpcError::Io { operation: "recvmsg", source: errno.into() }),
        };
        let fds: Vec<OwnedFd> = control
            .drain()
            .filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            })
            .flatten()
            .collect();
        if got.flags.intersects(ReturnFlags::TRUNC | ReturnFlags::CTRUNC) {
            return Err(IpcError::TooLarge);
        }
        if got.bytes == 0 {
            return Ok(Some(None));
        }
        Ok(Some(Some((serde_json::from_slice(&text[..got.bytes])?, fds))))
    }
}

impl AsFd for Link {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Link {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

impl From<Link> for OwnedFd {
    fn from(link: Link) -> Self {
        link.0
    }
}

fn retry<T>(mut call: impl FnMut() -> rustix::io::Result<T>) -> rustix::io::Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::model::RuntimeId;
    use crate::model::control::{FromGateway, ToGateway};

    #[test]
    fn a_message_arrives_with_its_descriptors_and_the_end_is_seen() {
        let (ours, theirs) = Link::pair().unwrap();
        let theirs = Link::from_fd(theirs);
        let (mut reader, writer) = std::io::pipe().unwrap();
        ours.send(&ToGateway::Bundle, &[writer.as_fd()]).unwrap();
        ours.send(&ToGateway::Stop, &[]).unwrap();
        drop((writer, ours));
        let (message, mut fds) = theirs.recv::<ToGateway>().unwrap().unwrap();
        assert_eq!((message, fds.len()), (ToGateway::Bundle, 1));
        assert!(rustix::io::fcntl_getfd(&fds[0]).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        let mut file = std::fs::File::from(fds.remove(0));
        file.write_all(b"through").unwrap();
        drop(file);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, "through");
        assert_eq!(theirs.recv::<ToGateway>().unwrap().unwrap().0, ToGateway::Stop);
        assert!(theirs.recv::<ToGateway>().unwrap().is_none());
    }

    #[test]
    fn a_peer_that_died_with_unread_messages_is_gone_not_broken() {
        let (ours, theirs) = Link::pair().unwrap();
        ours.send(&ToGateway::Stop, &[]).unwrap();
        drop(theirs);
        assert!(ours.recv::<FromGateway>().unwrap().is_none());
        assert!(matches!(ours.send(&ToGateway::Stop, &[]), Err(IpcError::Closed)));
    }

    #[test]
    fn silence_and_the_end_are_told_apart() {
        let (ours, theirs) = Link::pair().unwrap();
        assert!(ours.try_recv::<FromGateway>().unwrap().is_none());
        drop(theirs);
        assert!(ours.try_recv::<FromGateway>().unwrap().unwrap().is_none());
    }

    #[test]
    fn what_is_too_large_is_refused_at_both_ends() {
        let (ours, theirs) = Link::pair().unwrap();
        assert!(matches!(ours.send(&"x".repeat(bounds::CONTROL_MESSAGE), &[]), Err(IpcError::TooLarge)));
        let fd = ours.as_fd();
        assert!(matches!(ours.send(&1, &[fd; MAX_FDS + 1]), Err(IpcError::TooLarge)));
        rustix::net::send(&theirs, &vec![b'1'; bounds::CONTROL_MESSAGE + 1], SendFlags::empty()).unwrap();
        assert!(matches!(ours.recv::<u64>(), Err(IpcError::TooLarge)));
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(9))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let fds = [theirs.as_fd(); 9];
        assert!(control.push(SendAncillaryMessage::ScmRights(&fds)));
        sendmsg(&theirs, &[IoSlice::new(b"1")], &mut control, SendFlags::empty()).unwrap();
        assert!(matches!(ours.recv::<u64>(), Err(IpcError::TooLarge)));
    }

    #[test]
    fn a_peer_that_does_not_read_holds_nobody_up() {
        let (ours, _theirs) = Link::pair().unwrap();
        let message = FromGateway::End { runtime: RuntimeId(1) };
        let refused = (0..100_000).find_map(|_| ours.send(&message, &[]).err());
        assert!(matches!(refused, Some(IpcError::Full)));
    }

    #[test]
    fn what_is_not_the_message_is_an_error() {
        let (ours, theirs) = Link::pair().unwrap();
        Link::from_fd(theirs).send(&"else", &[]).unwrap();
        assert!(matches!(ours.recv::<FromGateway>(), Err(IpcError::Malformed(_))));
    }
}

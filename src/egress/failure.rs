//! What a client is told instead of being connected, in the protocol that it speaks.

use std::io::ErrorKind;

use super::head::Speech;
use super::meter::Limit;
use super::request::BadRequest;
use super::resolve::ConnectError;
use super::rules::Refusal;
use super::socks::{self, Reply};

/// Why a request is not carried out.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// It was not understood.
    #[error(transparent)]
    Bad(#[from] BadRequest),
    /// The runtime has used up what it may.
    #[error(transparent)]
    Limited(#[from] Limit),
    /// The host is out of bounds, or cannot be reached.
    #[error(transparent)]
    Unconnected(#[from] ConnectError),
}

impl Speech {
    /// What a client hears when its tunnel stands.
    pub(super) fn opened(self) -> &'static [u8] {
        const OPENED: [u8; 10] = Reply::Succeeded.bytes();
        match self {
            Self::Http => b"HTTP/1.1 200 Connection established\r\n\r\n",
            Self::Socks => &OPENED,
        }
    }
}

impl Failure {
    /// The whole answer. HTTP has a sentence in it; SOCKS has but a number.
    pub(super) fn answer(&self, speech: Speech) -> Vec<u8> {
        match (speech, self) {
            (Speech::Http, _) => {
                let (status, text) = (self.status(), format!("{self}\n"));
                let fields = format!("Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close", text.len());
                format!("HTTP/1.1 {status}\r\n{fields}\r\n\r\n{text}").into_bytes()
            }
            (Speech::Socks, Self::Bad(BadRequest::Socks4)) => socks::REFUSED_4.to_vec(),
            (Speech::Socks, Self::Bad(BadRequest::Login)) => socks::NO_METHOD.to_vec(),
            (Speech::Socks, _) => self.reply().bytes().to_vec(),
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Bad(_) => "400 Bad Request",
            Self::Limited(_) => "429 Too Many Requests",
            Self::Unconnected(ConnectError::Refused(_)) => "403 Forbidden",
            Self::Unconnected(_) => "502 Bad Gateway",
        }
    }

    fn reply(&self) -> Reply {
        match self {
            Self::Bad(BadRequest::Command) => Reply::CommandNotSupported,
            Self::Bad(BadRequest::AddressType | BadRequest::Host) => Reply::AddressNotSupported,
            Self::Unconnected(ConnectError::Refused(Refusal::NotNamed(_) | Refusal::NotPublic(_))) => Reply::NotAllowed,
            Self::Unconnected(ConnectError::Resolve(_)) => Reply::HostUnreachable,
            Self::Unconnected(ConnectError::Connect(error)) => match error.kind() {
                ErrorKind::ConnectionRefused => Reply::Refused,
                ErrorKind::NetworkUnreachable => Reply::NetworkUnreachable,
                _ => Reply::HostUnreachable,
            },
            Self::Bad(_) | Self::Limited(_) => Reply::GeneralFailure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_number_in_both_protocols() {
        let target = || "a.example:443".parse().unwrap();
        let broken = |kind: ErrorKind| Failure::Unconnected(ConnectError::Connect(kind.into()));
        for (failure, status, reply) in [
            (Failure::Bad(BadRequest::Garbage), "400", 1),
            (Failure::Bad(BadRequest::Command), "400", 7),
            (Failure::Bad(BadRequest::Host), "400", 8),
            (Failure::Limited(Limit::Bytes(1)), "429", 1),
            (Failure::Unconnected(Refusal::NotNamed(target()).into()), "403", 2),
            (Failure::Unconnected(Refusal::NotPublic(target()).into()), "403", 2),
            (Failure::Unconnected(ConnectError::Resolve(ErrorKind::NotFound.into())), "502", 4),
            (broken(ErrorKind::ConnectionRefused), "502", 5),
            (broken(ErrorKind::NetworkUnreachable), "502", 3),
            (broken(ErrorKind::TimedOut), "502", 4),
        ] {
            let http = String::from_utf8(failure.answer(Speech::Http)).unwrap();
            assert!(http.starts_with(&format!("HTTP/1.1 {status} ")) && http.contains(&failure.to_string()), "{http}");
            assert_eq!(failure.answer(Speech::Socks), [5, reply, 0, 1, 0, 0, 0, 0, 0, 0], "{failure}");
        }
        assert_eq!(Failure::Bad(BadRequest::Login).answer(Speech::Socks), [5, 0xff]);
        assert_eq!(Failure::Bad(BadRequest::Socks4).answer(Speech::Socks), [0, 0x5b, 0, 0, 0, 0, 0, 0]);
    }
}

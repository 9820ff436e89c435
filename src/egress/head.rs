//! How a connection begins: its first byte tells the protocol, then comes one request, in as many parts as it likes.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::request::{self, BadRequest, MAX_HEAD, Request};
use super::socks;

/// The protocol that a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// HTTP/1: CONNECT, or plain HTTP to be forwarded.
    Http,
    /// SOCKS 5.
    Socks,
}

/// Why there is no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoRequest {
    /// The client closed, without a word or amid SOCKS' first ones.
    Gone,
    /// It is refused.
    Bad(BadRequest),
}

impl From<BadRequest> for NoRequest {
    fn from(bad: BadRequest) -> Self {
        Self::Bad(bad)
    }
}

/// Reads one request, and gives what came behind it. `speech` becomes the client's as soon as that is known.
///
/// # Errors
/// [`NoRequest`].
pub(super) async fn read(client: &mut TcpStream, speech: &mut Speech) -> Result<(Request, Vec<u8>), NoRequest> {
    let mut bytes = Vec::with_capacity(1024);
    if !more(client, &mut bytes).await? {
        return Err(NoRequest::Gone);
    }
    match bytes.first() {
        Some(&socks::VERSION) => {
            *speech = Speech::Socks;
            by_socks(client, bytes).await
        }
        Some(&socks::VERSION_4) => {
            *speech = Speech::Socks;
            Err(BadRequest::Socks4.into())
        }
        _ => by_http(client, bytes).await,
    }
}

async fn by_http(client: &mut TcpStream, mut bytes: Vec<u8>) -> Result<(Request, Vec<u8>), NoRequest> {
    let mut seen = 0;
    loop {
        if let Some(end) = request::end_of_head(&bytes, seen) {
            let behind = bytes.split_off(end);
            return Ok((request::parse(&bytes)?, behind));
        }
        seen = bytes.len();
        if seen >= MAX_HEAD {
            return Err(BadRequest::TooLong.into());
        }
        if !more(client, &mut bytes).await? {
            return Err(BadRequest::Garbage.into());
        }
    }
}

async fn by_socks(client: &mut TcpStream, mut bytes: Vec<u8>) -> Result<(Request, Vec<u8>), NoRequest> {
    let greeted = loop {
        match socks::greeting(&bytes)? {
            Some(length) => break length,
            None if more(client, &mut bytes).await? => {}
            None => return Err(NoRequest::Gone),
        }
    };
    let mut bytes = bytes.split_off(greeted);
    client.write_all(&socks::NO_LOGIN).await.map_err(|_| NoRequest::Gone)?;
    loop {
        match socks::request(&bytes)? {
            Some((target, length)) => return Ok((Request::Tunnel(target), bytes.split_off(length))),
            None if more(client, &mut bytes).await? => {}
            None => return Err(NoRequest::Gone),
        }
    }
}

/// Reads what there is, up to [`MAX_HEAD`] bytes in all; whether anything came before the client's end.
async fn more(client: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<bool, NoRequest> {
    let mut rest = client.take((MAX_HEAD - bytes.len().min(MAX_HEAD)) as u64);
    rest.read_buf(bytes).await.map(|count| count > 0).map_err(|_| NoRequest::Gone)
}

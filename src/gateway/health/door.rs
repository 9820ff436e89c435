//! The socket at which the report is to be had, by as much of HTTP/1.1 as `curl --unix-socket` speaks: `GET /health`, `GET /metrics`.
//!
//! It tells numbers, and no words of anybody. Its directory is private, and the peer's uid is looked at; an agent that shares the machine's
//! files could still come here, as it has our uid, and learn how busy we are. So there is no key as for terminals, and little to ask for.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::{Monitor, metrics};

/// Connections at once: a check, a scraper and a person.
const CONNECTIONS: usize = 4;

/// Longest head of a request, in bytes; curl's has a hundred.
const HEAD: usize = 4096;

/// Time for a request to come and for its answer to go; both ends are here.
const TIME: Duration = Duration::from_secs(2);

/// Pause after a failed accept(2), which otherwise fails again at once (out of descriptors).
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Health,
    Metrics,
    /// Something that is not here, or no request: what HTTP answers then.
    No(&'static str),
}

impl Monitor {
    /// Serves the socket to this uid and to root, for as long as the gateway runs.
    pub(in crate::gateway) async fn serve(self: Arc<Self>, listener: UnixListener, own_uid: u32) {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, _)) => {
                    let monitor = Arc::clone(&self);
                    tokio::spawn(async move {
                        if let Err(error) = monitor.answer(stream, own_uid).await {
                            tracing::debug!(%error, "whoever asked for our health is gone");
                        }
                        drop(place);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection of whoever asks for our health could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn answer(&self, mut stream: UnixStream, own_uid: u32) -> io::Result<()> {
        let uid = stream.peer_cred()?.uid();
        let wanted = if [own_uid, 0].contains(&uid) { timeout(TIME, read(&mut stream)).await?? } else { Wanted::No("403 Forbidden") };
        let answer = match wanted {
            Wanted::Health => {
                let health = self.health().await;
                let status = if health.healthy { "200 OK" } else { "503 Service Unavailable" };
                response(status, "application/json", &(serde_json::to_string(&health)? + "\n"))
            }
            Wanted::Metrics => response("200 OK", "text/plain; version=0.0.4", &metrics::text(&self.health().await)),
            Wanted::No(status) => response(status, "text/plain", "GET /health or GET /metrics\n"),
        };
        timeout(TIME, stream.write_all(answer.as_bytes())).await?
    }
}

async fn read(stream: &mut UnixStream) -> io::Result<Wanted> {
    let mut head = Vec::new();
    let mut some = [0; 512];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut some).await?;
        head.extend_from_slice(some.get(..count).unwrap_or_default());
        if count == 0 || head.len() > HEAD {
            return Ok(Wanted::No("400 Bad Request"));
        }
    }
    Ok(wanted(&head))
}

fn wanted(head: &[u8]) -> Wanted {
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some(b"GET"), Some(b"/health"), Some(b"HTTP/1.1" | b"HTTP/1.0"), None) => Wanted::Health,
        (Some(b"GET"), Some(b"/metrics"), Some(b"HTTP/1.1" | b"HTTP/1.0"), None) => Wanted::Metrics,
        (Some(b"GET"), Some(_), Some(b"HTTP/1.1" | b"HTTP/1.0"), None) => Wanted::No("404 Not Found"),
        (Some(_), Some(_), Some(b"HTTP/1.1" | b"HTTP/1.0"), None) => Wanted::No("405 Method Not Allowed"),
        _ => Wanted::No("400 Bad Request"),
    }
}

fn response(status: &str, kind: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_things_can_be_asked_for() {
        let asked = |line: &str| wanted(format!("{line}\r\nHost: x\r\n\r\n").as_bytes());
        assert_eq!(asked("GET /health HTTP/1.1"), Wanted::Health);
        assert_eq!(asked("GET /metrics HTTP/1.0"), Wanted::Metrics);
        for (line, status) in [("GET / HTTP/1.1", "404"), ("POST /health HTTP/1.1", "405"), ("GET /health", "400"), ("", "400")] {
            assert!(matches!(asked(line), Wanted::No(answer) if answer.starts_with(status)), "{line}");
        }
    }

    #[test]
    fn whoever_says_too_much_or_ends_early_is_told_so() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        for said in [vec![b'x'; HEAD + 1], b"GET /health HTTP/1.1\r\n".to_vec()] {
            runtime.block_on(async {
                let (mut ours, mut theirs) = UnixStream::pair().unwrap();
                theirs.write_all(&said).await.unwrap();
                theirs.shutdown().await.unwrap();
                assert_eq!(read(&mut ours).await.unwrap(), Wanted::No("400 Bad Request"));
            });
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_something(head in prop::collection::vec(any::<u8>(), 0..200)) {
            wanted(&head);
        }
    }
}

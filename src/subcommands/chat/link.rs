//! The connection to the gateway.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use crate::channel::local::{FromClient, GATEWAY_LINE, Key, ToClient, VERSION};
use crate::config::AgentKind;
use crate::model::AgentName;

/// Time for the answer to a hello; a gateway that serves answers at once.
const HELLO: Duration = Duration::from_secs(10);

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub(super) enum LinkError {
    /// The connection broke.
    #[error("the connection to the gateway broke: {0}")]
    Io(#[from] io::Error),
    /// It does not want us.
    #[error("the gateway refused: {0}")]
    Refused(String),
    /// It said something else than is said there.
    #[error("the gateway closed the connection, or is of another version: use the same kiroclaw for both")]
    Strange,
}

/// Who answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Greeting {
    pub(super) agent: AgentName,
    pub(super) kind: AgentKind,
    pub(super) note: String,
}

impl Greeting {
    /// The event that it came as.
    pub(super) fn into_event(self) -> ToClient {
        ToClient::Hello { version: VERSION, agent: self.agent, kind: self.kind, note: self.note }
    }
}

/// An attached connection.
#[derive(Debug)]
pub(super) struct Attached {
    pub(super) greeting: Greeting,
    /// What waited for us.
    pub(super) early: Vec<ToClient>,
    pub(super) events: Events,
    pub(super) voice: Voice,
}

/// Says hello, and hears what comes before its answer.
///
/// # Errors
/// The gateway refuses, or is gone.
pub(super) fn attach(stream: UnixStream, key: Key, thread: i64) -> Result<Attached, LinkError> {
    stream.set_read_timeout(Some(HELLO))?;
    let mut voice = Voice(stream.try_clone()?);
    let mut events = Events(BufReader::new(stream));
    voice.say(&FromClient::Hello { version: VERSION, thread, key })?;
    let mut early = Vec::new();
    loop {
        match events.next()?.ok_or(LinkError::Strange)? {
            ToClient::Hello { version: VERSION, agent, kind, note } => {
                events.0.get_ref().set_read_timeout(None)?;
                return Ok(Attached { greeting: Greeting { agent, kind, note }, early, events, voice });
            }
            ToClient::Refused { why } => return Err(LinkError::Refused(why)),
            ToClient::Hello { .. } => return Err(LinkError::Strange),
            event => early.push(event),
        }
    }
}

/// What we say.
#[derive(Debug)]
pub(super) struct Voice(UnixStream);

impl Voice {
    /// Says something.
    ///
    /// # Errors
    /// The gateway is gone.
    pub(super) fn say(&mut self, said: &FromClient) -> io::Result<()> {
        let mut line = serde_json::to_vec(said)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }

    /// Says nothing more; the gateway then closes its side.
    pub(super) fn end(&self) {
        // A connection that is gone has ended anyway.
        let _ = self.0.shutdown(Shutdown::Write);
    }
}

/// What the gateway says.
#[derive(Debug)]
pub(super) struct Events(BufReader<UnixStream>);

impl Events {
    /// The next event; `None` at the end.
    ///
    /// # Errors
    /// The connection broke, or the line is none of this protocol.
    pub(super) fn next(&mut self) -> io::Result<Option<ToClient>> {
        let mut line = Vec::new();
        let most = u64::try_from(GATEWAY_LINE).unwrap_or(u64::MAX);
        Read::by_ref(&mut self.0).take(most).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&line)?))
    }
}

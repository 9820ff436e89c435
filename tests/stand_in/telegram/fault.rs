//! What can go wrong on the way, on order of the test.

use std::time::Duration;

use super::answer::{Answer, Refusal, flood, refused};

/// Something that goes wrong with a call.
#[derive(Debug, Clone)]
pub enum Fault {
    /// Refused with this HTTP status and description, in the Bot API's shape.
    Refuse(u16, &'static str),
    /// Refused with 429 and this `retry_after`, in seconds.
    Flood(u64),
    /// 409: another instance of the bot polls.
    Conflict,
    /// 400: the entities cannot be parsed.
    BadEntities,
    /// 502 with a page of HTML, as proxies answer.
    BadGateway,
    /// 200 with a body that is not JSON.
    Garbage,
    /// No answer for this long, then the connection is closed; the call is not carried out.
    Hang(Duration),
    /// The connection is closed at once; the call is not carried out.
    Close,
    /// The call is carried out and answered after this time.
    Slow(Duration),
    /// A download that ends after so many bytes of its body: the connection is closed.
    Cut(usize),
    /// A download that comes in pieces of so many bytes, with a pause before each.
    Drip(usize, Duration),
    /// The call is carried out, but the connection is closed without an answer.
    LoseReply,
}

/// Stands for the method where the content of a file is fetched.
pub const DOWNLOAD: &str = "download";

/// A fault that waits for calls.
#[derive(Debug)]
pub struct Planned {
    /// The method, `*` for any, [`DOWNLOAD`] for the content of a file.
    pub method: String,
    /// How many calls more.
    pub times: usize,
    /// What happens to them.
    pub fault: Fault,
}

impl Fault {
    /// Whether the call is carried out in spite of it.
    pub fn carries_out(&self) -> bool {
        matches!(self, Self::Slow(_) | Self::LoseReply)
    }

    /// The refusal that stands for it.
    pub fn refusal(&self) -> Option<Refusal> {
        Some(match self {
            Self::Refuse(code, description) => refused(*code, *description),
            Self::Flood(seconds) => flood(*seconds),
            Self::Conflict => refused(409, super::updates::OTHER_POLLER),
            Self::BadEntities => refused(400, "Bad Request: can't parse entities: Can't find end of the entity starting at byte offset 0"),
            _ => return None,
        })
    }

    /// For the record of the call.
    pub fn outcome(&self) -> Answer {
        Err(self.refusal().unwrap_or_else(|| refused(0, format!("{self:?}"))))
    }
}

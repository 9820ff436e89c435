//! Identities. Each is a type of its own, so that a chat's number cannot be taken for a user's.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Why a text is not one of our identities.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct BadId {
    /// What was given, shortened to 80 characters.
    pub text: String,
    /// What would have been right.
    pub what: &'static str,
}

impl BadId {
    pub(super) fn new(text: &str, what: &'static str) -> Self {
        Self { text: text.chars().take(80).collect(), what }
    }
}

/// The way by which a person reaches the bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ChannelKind {
    /// A Telegram chat.
    Telegram,
    /// The terminal of this machine, over the gateway's Unix socket.
    Local,
}

impl ChannelKind {
    /// The channel's name in keys, paths and texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Telegram => "telegram",
            Self::Local => "local",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Telegram, Self::Local].into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A person: a channel and a number in it. Never a username, since those can be registered anew by somebody else.
///
/// Written `telegram:42`; in paths `telegram-42`. For the local channel the number is the uid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserId {
    /// Where the person writes from.
    pub channel: ChannelKind,
    /// The person's number there.
    pub number: i64,
}

impl UserId {
    /// A Telegram user by numeric id.
    pub fn telegram(number: i64) -> Self {
        Self { channel: ChannelKind::Telegram, number }
    }

    /// The person at this machine's terminal, by uid.
    pub fn local(uid: u32) -> Self {
        Self { channel: ChannelKind::Local, number: i64::from(uid) }
    }

    /// The name of this user's directories: `[a-z]+-[0-9n]+`, unique per user, safe as a path component.
    pub fn dir_name(&self) -> String {
        format!("{}-{}", self.channel, number_name(self.number))
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.channel, self.number)
    }
}

impl FromStr for UserId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new(text, "a user (`telegram:42`)");
        let (channel, number) = text.split_once(':').ok_or_else(bad)?;
        Ok(Self { channel: ChannelKind::parse(channel).ok_or_else(bad)?, number: number.parse().map_err(|_| bad())? })
    }
}

/// One line of conversation: a chat and, where the chat has topics, the topic. The topic's number alone collides across chats.
///
/// Written `telegram:42/7`; topic 0 stands for a chat without topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThreadId {
    /// Where the thread is.
    pub channel: ChannelKind,
    /// The chat's number there.
    pub chat: i64,
    /// The topic in the chat, 0 without one.
    pub topic: i64,
}

impl ThreadId {
    /// A Telegram chat's topic; `None` for a chat without topics.
    pub fn telegram(chat: i64, topic: Option<i64>) -> Self {
        Self { channel: ChannelKind::Telegram, chat, topic: topic.unwrap_or(0) }
    }

    /// A numbered thread of the terminal of the given uid.
    pub fn local(uid: u32, number: i64) -> Self {
        Self { channel: ChannelKind::Local, chat: i64::from(uid), topic: number }
    }

    /// The topic, where there is one.
    pub fn topic(&self) -> Option<i64> {
        (self.topic != 0).then_some(self.topic)
    }

    /// The name of this thread's directory below its user's: `42.7`, with `n` for a minus sign.
    pub fn dir_name(&self) -> String {
        format!("{}.{}", number_name(self.chat), number_name(self.topic))
    }
}

impl fmt::Display for ThreadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.channel, self.chat, self.topic)
    }
}

impl FromStr for ThreadId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let bad = || BadId::new(text, "a thread (`telegram:42/7`)");
        let (channel, rest) = text.split_once(':').ok_or_else(bad)?;
        let (chat, topic) = rest.split_once('/').ok_or_else(bad)?;
        Ok(Self {
            channel: ChannelKind::parse(channel).ok_or_else(bad)?,
            chat: chat.parse().map_err(|_| bad())?,
            topic: topic.parse().map_err(|_| bad())?,
        })
    }
}

/// A minus sign at the front of a path component reads as an option, so `n` stands for it.
fn number_name(number: i64) -> String {
    if number < 0 { format!("n{}", number.unsigned_abs()) } else { number.to_string() }
}

/// The name of an agent: 1 to 32 of `a-z 0-9 - _`, starting with a letter or digit. Safe as a path component.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(String);

impl AgentName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AgentName {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let right = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
            && !text.starts_with(['-', '_']);
        if !right {
            return Err(BadId::new(text, "an agent's name (1 to 32 of a-z 0-9 - _, a letter or digit first)"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A session's id as the agent gave it: opaque, 1 to 256 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AcpSessionId(String);

impl AcpSessionId {
    /// The id as the agent wrote it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AcpSessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for AcpSessionId {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        let right = (1..=256).contains(&text.len()) && !text.chars().any(char::is_control);
        if !right {
            return Err(BadId::new(text, "a session id (1 to 256 bytes, no control characters)"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// A runtime's number, given by the gateway, never used twice within the gateway's life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RuntimeId(pub u64);

impl fmt::Display for RuntimeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "r{}", self.0)
    }
}

/// Identities travel as their text in JSON and in the store.
macro_rules! serde_as_text {
    ($($name:ty),*) => {$(
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

pub(super) use serde_as_text;

serde_as_text!(UserId, ThreadId, AgentName, AcpSessionId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_back_what_they_write() {
        let user = UserId::telegram(42);
        let thread = ThreadId::telegram(-100_123, Some(7));
        assert_eq!(user.to_string().parse(), Ok(user));
        assert_eq!(thread.to_string().parse(), Ok(thread));
        assert_eq!(thread.dir_name(), "n100123.7");
    }

    #[test]
    fn names_that_could_leave_their_directory_are_refused() {
        for bad in ["", "..", "a/b", "-x", "A", "a b", "a\n"] {
            assert!(bad.parse::<AgentName>().is_err(), "{bad:?}");
        }
        assert!("x\n".parse::<AcpSessionId>().is_err());
    }
}

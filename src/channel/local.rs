//! The local channel: JSON lines over the gateway's Unix socket, between `kiroclaw chat` and the gateway.
//!
//! A client says [`FromClient::Hello`] first and is attached to a numbered thread of its own user; who that is, the kernel tells
//! (`SO_PEERCRED`, unix(7)), not the client; that it is none of our own agents, a [`Key`] proves. What follows are one-line events both ways. `kiroclaw chat --json` passes them through
//! as they are, so scripts depend on these types.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use serde::{Deserialize, Serialize};

use crate::config::AgentKind;
use crate::model::outbound::{Purpose, Show};
use crate::model::{AgentName, Secret, bounds};

/// The version of this protocol. Another one is refused: both ends are the same program.
pub const VERSION: u32 = 1;

/// Longest line from a client, in bytes: a prompt in which a script has escaped every character, and what is around it.
pub const CLIENT_LINE: usize = 6 * bounds::PROMPT + 4096;

/// Longest line from the gateway, in bytes: the longest answer, likewise.
pub const GATEWAY_LINE: usize = 6 * bounds::ANSWER + 64 * 1024;

/// Longest path that fits into a socket's address with its final zero, in bytes (`sun_path`, unix(7)).
const LONGEST_PATH: usize = 107;

/// What a client says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum FromClient {
    /// The first line: attaches to a thread.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// Which of the user's threads; each is a conversation of its own.
        thread: i64,
        /// What stands in the [`Key`]'s file.
        key: Key,
    },
    /// A prompt, or a command when it begins with `/`.
    Text {
        /// The text, at most [`bounds::PROMPT`] bytes.
        text: String,
        /// The client's own number of it, by which [`ToClient::Taken`] and [`Show::Seen`] name it.
        #[serde(default)]
        message: i64,
    },
    /// In place of a hello: a copy of the store is wanted, and nothing else.
    Snapshot {
        /// [`VERSION`].
        version: u32,
        /// What stands in the [`Key`]'s file.
        key: Key,
    },
    /// A button under a message, or an option of a question.
    Button {
        /// The button's token; of an option it is the question's, a colon and the option's index.
        token: String,
    },
}

/// What the gateway says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ToClient {
    /// The answer to a client's hello: it is attached. What waited for it came before this.
    Hello {
        /// [`VERSION`].
        version: u32,
        /// The agent that answers in this thread.
        agent: AgentName,
        /// What sort of agent it is.
        kind: AgentKind,
        /// What the person should know of it, one sentence; empty for none.
        note: String,
    },
    /// A text is in the inbox and survives a crash.
    Taken {
        /// The client's number of it.
        message: i64,
    },
    /// A message that must arrive: the agent's answer, or a word of the bot.
    Message {
        /// Why it is sent.
        purpose: Purpose,
        /// The text, as Markdown.
        markdown: String,
        /// Buttons under it: label and token.
        buttons: Vec<(String, String)>,
    },
    /// The copy of the store, as it was at one moment. It is removed when the connection ends.
    Snapshot {
        /// The file's name, beside the socket.
        file: String,
    },
    /// What was sent last was not taken. The connection ends when it was the hello.
    Refused {
        /// Why, one sentence.
        why: String,
    },
    /// What the session shows while it works; never [`Show::Deliver`].
    #[serde(untagged)]
    Show(Show),
}

/// Proof that a client may read the gateway's private directory, made anew with each socket and kept beside it.
///
/// The peer's uid alone proves nothing against a jailed agent, which has the same one: Landlock keeps it from files, but before its
/// ABI 9 (Linux 7.1) not from connecting to a socket by its path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(Secret<String>);

impl Key {
    fn path(socket: &Path) -> PathBuf {
        socket.with_extension("key")
    }

    fn make(socket: &Path) -> io::Result<Self> {
        let mut bytes = [0; 32];
        rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())?;
        let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = Self::path(socket);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        Ok(Self(Secret::new(text)))
    }

    fn read(socket: &Path) -> io::Result<Self> {
        let mut text = String::new();
        File::open(Self::path(socket))?.take(128).read_to_string(&mut text)?;
        Ok(Self(Secret::new(text)))
    }
}

/// Binds the socket and makes its key. The caller has made its directory, which is private.
///
/// # Errors
/// The directory cannot be opened, bind(2) failed, or the key cannot be written.
pub fn bind(path: &Path) -> io::Result<(UnixListener, Key)> {
    let key = Key::make(path)?;
    Ok((listen(path)?, key))
}

/// Binds a socket without a key, for what anybody may know who gets to it. In place of one that a dead gateway left: the warden's lock says
/// that it is dead.
///
/// # Errors
/// What lies there cannot be removed, its directory cannot be opened, or bind(2) failed.
pub fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = at(path, |path| UnixListener::bind(path))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Connects to a gateway's socket, and reads its key.
///
/// # Errors
/// `NotFound` or `ConnectionRefused` when no gateway serves there; else what connect(2) or the key's file says.
pub fn connect(path: &Path) -> io::Result<(UnixStream, Key)> {
    let stream = call(path)?;
    Ok((stream, Key::read(path)?))
}

/// Connects to a socket without a key.
///
/// # Errors
/// As [`connect`].
pub fn call(path: &Path) -> io::Result<UnixStream> {
    at(path, |path| UnixStream::connect(path))
}

/// A path that is too long for a socket's address is reached through its directory's descriptor.
fn at<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= LONGEST_PATH {
        return act(path);
    }
    let (directory, name) = (path.parent().unwrap_or(Path::new("/")), path.file_name().unwrap_or(OsStr::from_bytes(b"")));
    let directory = rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    act(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_show_is_an_event_of_its_own_name() {
        let event = ToClient::Show(Show::Text { text: "hi".to_owned() });
        let json = serde_json::to_string(&event).unwrap();
        assert_eq!(json, r#"{"type":"text","text":"hi"}"#);
        assert_eq!(serde_json::from_str::<ToClient>(&json).unwrap(), event);
        assert_eq!(serde_json::to_string(&ToClient::Show(Show::TurnEnded)).unwrap(), r#"{"type":"turn_ended"}"#);
    }

    #[test]
    fn every_event_reads_back() {
        let agent: AgentName = "tg-acp".parse().unwrap();
        let events = [
            ToClient::Hello { version: VERSION, agent, kind: AgentKind::BuiltIn, note: String::new() },
            ToClient::Taken { message: -1 },
            ToClient::Message {
                purpose: Purpose::Notice,
                markdown: "*x*".to_owned(),
                buttons: vec![("Retry".to_owned(), "retry:1".to_owned())],
            },
            ToClient::Refused { why: "no".to_owned() },
            ToClient::Show(Show::Working(crate::model::outbound::Display::default())),
            ToClient::Show(Show::Seen { message: 3 }),
        ];
        for event in events {
            assert_eq!(serde_json::from_str::<ToClient>(&serde_json::to_string(&event).unwrap()).unwrap(), event);
        }
    }

    #[test]
    fn a_script_needs_no_number_and_its_typing_errors_are_seen() {
        let text = serde_json::from_str::<FromClient>(r#"{"type":"text","text":"hi"}"#).unwrap();
        assert_eq!(text, FromClient::Text { text: "hi".to_owned(), message: 0 });
        assert!(serde_json::from_str::<FromClient>(r#"{"type":"text","txt":"hi"}"#).is_err());
    }

    #[test]
    fn a_path_too_long_for_an_address_is_served_and_reached() {
        let temporary = tempfile::tempdir().unwrap();
        let directory = temporary.path().join("d".repeat(120));
        std::fs::create_dir(&directory).unwrap();
        let path = directory.join("chat.sock");
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::NotFound);
        let (listener, _) = bind(&path).unwrap();
        connect(&path).unwrap();
        listener.accept().unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        // In place of closing it: a child of another test may have a copy until its exec.
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
        assert_eq!(connect(&path).unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }

    proptest! {
        #[test]
        fn the_longest_prompt_fits_into_a_line_however_it_is_escaped(text in any::<String>()) {
            let escaped: String = text.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
            prop_assert!(escaped.len() <= 6 * text.len());
            let line = format!(r#"{{"type":"text","text":"{escaped}"}}"#);
            prop_assert_eq!(serde_json::from_str::<FromClient>(&line).unwrap(), FromClient::Text { text, message: 0 });
        }
    }
}

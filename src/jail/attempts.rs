//! What is tried from inside of a jail, so that `doctor` tells what holds because it was tried.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixStream};

use rustix::process::Pid;

/// Things of the machine that nobody inside should reach. The names hold no spaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outside {
    /// A process of the same user.
    pub process: i32,
    /// A TCP port on the loopback interface, where somebody listens.
    pub port: u16,
    /// An abstract Unix socket, where somebody listens.
    pub socket: String,
}

impl Outside {
    /// As the arguments of a program.
    pub fn to_words(&self) -> [String; 3] {
        [self.process.to_string(), self.port.to_string(), self.socket.clone()]
    }

    /// From those arguments.
    pub fn of_words(words: &[String]) -> Option<Self> {
        let [process, port, socket] = words else { return None };
        Some(Self { process: process.parse().ok()?, port: port.parse().ok()?, socket: socket.clone() })
    }
}

/// A directory that every system has and no jail grants.
const ELSEWHERE: &str = "/var";

/// All attempts: their names, and the errno with which each was refused; 0 for what went through.
pub(super) fn all(outside: &Outside) -> Vec<(&'static str, i32)> {
    let loopback = Ipv4Addr::LOCALHOST;
    let environment = format!("/proc/{}/environ", outside.process);
    let process = Pid::from_raw(outside.process).ok_or(io::Error::from(rustix::io::Errno::SRCH));
    let socket = SocketAddr::from_abstract_name(&outside.socket).and_then(|address| UnixStream::connect_addr(&address));
    let own = || {
        let server = TcpListener::bind((loopback, 0))?;
        TcpStream::connect(server.local_addr()?)
    };
    [
        ("process", process.and_then(|pid| Ok(rustix::process::test_kill_process(pid)?))),
        ("memory", std::fs::File::open(environment).map(drop)),
        ("socket", socket.map(drop)),
        ("port", TcpStream::connect((loopback, outside.port)).map(drop)),
        ("file", std::fs::metadata(ELSEWHERE).map(drop)),
        ("server", own().map(drop)),
    ]
    .map(|(name, outcome)| (name, outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1))))
    .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_outside_reads_back_from_its_words() {
        let outside = Outside { process: 7, port: 80, socket: "x".to_owned() };
        assert_eq!(Outside::of_words(&outside.to_words()), Some(outside));
        assert_eq!(Outside::of_words(&["7".to_owned()]), None);
    }

    #[test]
    fn outside_of_a_jail_everything_goes_through() {
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("kiroclaw-attempts-{}", std::process::id());
        let _socket = std::os::unix::net::UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let process = rustix::process::getpid().as_raw_nonzero().get();
        let outside = Outside { process, port: tcp.local_addr().unwrap().port(), socket: name };
        assert!(all(&outside).iter().all(|(_, errno)| *errno == 0), "{:?}", all(&outside));
    }
}

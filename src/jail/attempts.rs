//! What is tried from inside of a jail, so that it is told what holds because it was tried.

use std::fs::{self, File, Permissions};
use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixStream};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::process::Pid;
use serde::{Deserialize, Serialize};

use super::guarantees::Means;
use crate::model::Guarantee;

/// Things of the machine that nobody inside should reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outside {
    /// A process of the same user, and when it began, by which it is known from one inside with its number.
    pub process: (i32, String),
    /// A TCP port on the loopback interface, where somebody listens.
    pub port: u16,
    /// An abstract Unix socket, where somebody listens.
    pub abstract_socket: String,
    /// A Unix socket, where somebody listens.
    pub socket: PathBuf,
    /// A file of the same user, in a directory that the user may write to.
    pub file: PathBuf,
    /// The same in /dev/shm, where there is one.
    pub shared: Option<PathBuf>,
    /// What holds secrets.
    pub private: Vec<PathBuf>,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What should have refused it.
    pub guarantee: Guarantee,
    /// What was tried, in words.
    pub what: String,
    /// The errno; 0 where it went through.
    pub errno: i32,
}

/// An address of nobody's (RFC 5737), to which a datagram leaves whatever machine has a way out.
const ELSEWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// When a process began, in ticks since the machine's start (proc_pid_stat(5), field 22).
///
/// # Errors
/// There is no such process to be seen.
pub fn began(process: i32) -> io::Result<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    let began = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(19));
    began.map(str::to_owned).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// All attempts with these means; `workspace` is where `.kiro` should be guarded.
pub(super) fn all(outside: &Outside, means: &Means, workspace: Option<&Path>) -> Vec<Tried> {
    let mut all = Vec::new();
    let mut attempt = |guarantee, what: &str, outcome: io::Result<()>| {
        let errno = outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1));
        all.push(Tried { guarantee, what: what.to_owned(), errno });
    };
    attempt(Guarantee::Files, "reading a file outside", File::open(&outside.file).map(drop));
    attempt(Guarantee::Files, "making a file outside", File::create(outside.file.with_extension("planted")).map(drop));
    for path in &outside.private {
        attempt(Guarantee::Files, &format!("reading {}", path.display()), File::open(path).map(drop));
    }
    let address = (Ipv4Addr::LOCALHOST, outside.port);
    attempt(Guarantee::Network, "a server on this machine's loopback", TcpStream::connect(address).map(drop));
    attempt(Guarantee::Network, "a datagram to elsewhere", datagram());
    for name in ["environ", "mem"] {
        let path = format!("/proc/{}/{name}", outside.process.0);
        let what = format!("reading a process' {name}");
        attempt(Guarantee::Memory, &what, File::open(path).and_then(|file| same(outside).map(|()| drop(file))));
    }
    attempt(Guarantee::Signals, "signalling a process outside", signal(outside));
    let socket = SocketAddr::from_abstract_name(&outside.abstract_socket).and_then(|address| UnixStream::connect_addr(&address));
    attempt(Guarantee::AbstractSockets, "an abstract socket outside", socket.map(drop));
    // Elsewhere nothing refuses it: what counts is that there is none.
    if means.way.has_files() {
        attempt(Guarantee::UnixSockets, "a socket outside by its path", UnixStream::connect(&outside.socket).map(drop));
    }
    if let Some(shared) = &outside.shared {
        attempt(Guarantee::Ipc, "shared memory of others", File::open(shared).map(drop));
    }
    if let Some(workspace) = workspace {
        attempt(Guarantee::Planting, "planting a .kiro/agents", fs::create_dir(workspace.join(".kiro/agents")));
    }
    attempt(Guarantee::Metadata, "looking at a file outside", fs::metadata(&outside.file).map(drop));
    let mode = fs::set_permissions(&outside.file, Permissions::from_mode(0o600));
    attempt(Guarantee::Metadata, "changing the mode of a file outside", mode);
    attempt(Guarantee::Processes, "seeing a process outside", same(outside));
    all
}

/// Whether servers of its own can be reached.
pub(super) fn own_servers_work() -> bool {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    server.and_then(|server| TcpStream::connect(server.local_addr()?)).is_ok()
}

fn datagram() -> io::Result<()> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?.send_to(b"x", ELSEWHERE).map(drop)
}

/// An error unless the process of that number is the one outside.
fn same(outside: &Outside) -> io::Result<()> {
    let (process, expected) = &outside.process;
    if began(*process)? == *expected { Ok(()) } else { Err(Errno::SRCH.into()) }
}

fn signal(outside: &Outside) -> io::Result<()> {
    let process = Pid::from_raw(outside.process.0).ok_or(Errno::SRCH)?;
    rustix::process::test_kill_process(process)?;
    // It may be one of its own. One that cannot be seen, but signalled, is not.
    match same(outside) {
        Err(error) if error.raw_os_error() == Some(Errno::SRCH.raw_os_error()) => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jail::Apart;
    use std::os::unix::net::UnixListener;

    #[test]
    fn outside_of_a_jail_everything_goes_through() {
        let directory = tempfile::tempdir().unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let name = format!("kiroclaw-attempts-{}", std::process::id());
        let _abstract = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        let _socket = UnixListener::bind(directory.path().join("s")).unwrap();
        fs::write(directory.path().join("file"), "x").unwrap();
        fs::create_dir_all(directory.path().join(".kiro")).unwrap();
        let process = rustix::process::getpid().as_raw_nonzero().get();
        let outside = Outside {
            process: (process, began(process).unwrap()),
            port: tcp.local_addr().unwrap().port(),
            abstract_socket: name,
            socket: directory.path().join("s"),
            file: directory.path().join("file"),
            shared: Some(directory.path().join("file")),
            private: vec![directory.path().to_owned()],
        };
        let means = Means { way: Apart::Wholly, abi: 0, hosts: true, filtered: true, socket: None };
        for tried in all(&outside, &means, Some(directory.path())) {
            // A machine without a way out sends nothing there.
            assert!(tried.errno == 0 || tried.what == "a datagram to elsewhere", "{tried:?}");
        }
    }

    #[test]
    fn another_process_with_that_number_is_not_the_one_outside() {
        let process = rustix::process::getpid().as_raw_nonzero().get();
        let outside = Outside {
            process: (process, "1".to_owned()),
            port: 0,
            abstract_socket: String::new(),
            socket: PathBuf::new(),
            file: PathBuf::new(),
            shared: None,
            private: Vec::new(),
        };
        assert!(signal(&outside).is_err() && same(&outside).is_err());
    }
}

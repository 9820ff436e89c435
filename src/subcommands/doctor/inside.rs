//! What holds, tried by a process in the very jail of a runtime with hosts, against ourselves.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;

use super::command::ask;
use super::report::{Area, Finding};
use crate::jail::{Apart, Outside};

/// Time for a jail to be made and six attempts; both take milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    /// How far a jail is set apart.
    pub(super) way: Apart,
    /// The attempts by name, with their errno or 0.
    pub(super) tried: Vec<(String, i32)>,
}

/// The attempts that have to be refused, in words.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "process",
        "signalling processes outside",
        "an agent can end other processes of the same user, the gateway too, which is then restarted",
    ),
    ("memory", "reading the environment of processes outside", "an agent can read what other processes of the same user hold"),
    ("socket", "abstract Unix sockets outside", "an agent can talk to whoever listens on one"),
    ("port", "servers on this machine's loopback", "an agent can talk to whoever listens there"),
    ("file", "names, modes and times of files outside", "those of the same user can be seen and changed, though not what is in them"),
];

/// Makes such a jail and tries.
///
/// # Errors
/// Why nothing could be tried.
pub(super) fn look() -> Result<Seen, String> {
    let port = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    let name = format!("kiroclaw-doctor-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).map_err(|error| error.to_string())?;
    let _socket = UnixListener::bind_addr(&address).map_err(|error| error.to_string())?;
    let outside = Outside {
        process: rustix::process::getpid().as_raw_nonzero().get(),
        port: port.local_addr().map_err(|error| error.to_string())?.port(),
        socket: name,
    };
    let [process, port, name] = outside.to_words();
    let answer = ask(Path::new("/proc/self/exe"), &["jail", "--probe", &process, &port, &name], None, PATIENCE);
    let answer = answer.map_err(|error| error.to_string())?;
    read(&answer.text).filter(|_| answer.status.success()).ok_or_else(|| format!("it could not be made ({})", answer.status))
}

fn read(text: &str) -> Option<Seen> {
    let mut lines = text.lines();
    let way = lines.next().and_then(Apart::of_name)?;
    let attempt = |line: &str| line.split_once(' ').and_then(|(name, errno)| Some((name.to_owned(), errno.parse().ok()?)));
    Some(Seen { way, tried: lines.map(attempt).collect::<Option<_>>()? })
}

/// What was seen, in words.
pub(super) fn findings(seen: &Result<Seen, String>) -> Vec<Finding> {
    match seen {
        Ok(seen) => seen.tried.iter().filter_map(|(name, errno)| judge(name, *errno)).collect(),
        Err(why) => vec![Finding::warn(
            Area::Kernel,
            format!("tried from inside a jail – nothing: {why}"),
            "run `kiroclaw jail --workspace DIR -- true` in an empty directory; it says why",
        )],
    }
}

fn judge(name: &str, errno: i32) -> Option<Finding> {
    if name == "server" {
        let (works, not) =
            ("tried: servers of an agent's own – work", "tried: servers of an agent's own – refused, without a network of its own");
        return Some(if errno == 0 { Finding::ok(Area::Kernel, works) } else { Finding::warn(Area::Kernel, not, "") });
    }
    let (_, what, open) = REFUSED.iter().find(|(known, ..)| *known == name)?;
    Some(match errno {
        0 => Finding::warn(
            Area::Kernel,
            format!("tried: {what} – open: {open}"),
            "allow unprivileged user namespaces, or use a newer kernel",
        ),
        _ => Finding::ok(Area::Kernel, format!("tried: {what} – refused by {}", mechanism(name, errno))),
    })
}

/// Whose answer an errno is.
fn mechanism(name: &str, errno: i32) -> &'static str {
    match Errno::from_raw_os_error(errno) {
        Errno::PERM | Errno::ACCESS => "Landlock or seccomp",
        Errno::CONNREFUSED => "a network namespace: nobody listens there",
        _ if name == "file" => "a mount namespace: they are not there",
        _ => "a process namespace: they are not there",
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn an_attempt_that_went_through_is_told_and_one_that_was_refused_names_what_did_it() {
        let open = judge("port", 0).unwrap();
        assert!(open.state == State::Warn && open.what.contains("open"), "{open:?}");
        for (name, errno, by) in
            [("port", 111, "network namespace"), ("port", 13, "Landlock"), ("process", 3, "process namespace"), ("file", 2, "mount")]
        {
            let finding = judge(name, errno).unwrap();
            assert!(finding.state == State::Ok && finding.what.contains(by), "{finding:?}");
        }
        assert_eq!(judge("server", 0).unwrap().state, State::Ok);
        assert_eq!(judge("server", 13).unwrap().state, State::Warn);
    }

    #[test]
    fn only_a_whole_answer_counts() {
        let seen = read("SharingFiles\nprocess 1\nserver 0\n").unwrap();
        assert_eq!(seen, Seen { way: Apart::SharingFiles, tried: vec![("process".to_owned(), 1), ("server".to_owned(), 0)] });
        for broken in ["", "Somehow\n", "Wholly\nprocess\n", "Wholly\nprocess x\n"] {
            assert_eq!(read(broken), None, "{broken:?}");
        }
    }
}

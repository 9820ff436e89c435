//! The tries themselves. Each touches nothing that it could break: what it can write it removes, what it can read it does not show.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, getpid, getppid, test_kill_process};

use super::{Outcome, Try};
use crate::model::permission::ToolKind;

/// Time for one connection. A refusal by the kernel comes at once.
const CONNECT: Duration = Duration::from_secs(2);

/// Processes looked at. A small server has some hundreds.
const PROCESSES: usize = 4096;

/// All tries for an agent that works in `cwd`.
pub(super) fn all(cwd: &Path) -> Vec<Try> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    // WORKSPACE_BASE_PATH/<user>/<thread>, and STATE_DIR/homes/<user>/<agent>/home: what lies beside them is other people's.
    let users = ancestor(cwd, 2);
    let homes = home.ancestors().find(|path| path.ends_with("homes")).map_or_else(|| ancestor(&home, 3), Path::to_owned);
    let state = ancestor(&homes, 1);
    let parent = getppid();
    let read = |what: &str, act: Box<dyn FnOnce() -> Outcome>| Try { what: what.to_owned(), kind: ToolKind::Read, act };
    let mut tries = vec![
        read(
            "list other users' workspaces",
            Box::new({
                let users = users.clone();
                move || list(&users)
            }),
        ),
        read("list other users' homes", Box::new(move || list(&homes))),
        read(
            "list the gateway's state",
            Box::new({
                let state = state.clone();
                move || list(&state)
            }),
        ),
        read(
            "open the gateway's store",
            Box::new({
                let state = state.clone();
                move || list(&state.join("store"))
            }),
        ),
        read("read /etc/shadow", Box::new(|| open(Path::new("/etc/shadow")))),
        read("list root's home", Box::new(|| list(Path::new("/root")))),
    ];
    for (what, file) in [
        ("read the environment of the process above (a bot token?)", "environ"),
        ("read the memory of the process above", "mem"),
        ("see which files the process above has open", "fd"),
        ("open a file that the process above has open", "fd/0"),
        ("read the .env beside the process above (a bot token?)", "cwd/.env"),
    ] {
        tries.push(read(what, Box::new(move || of_process(parent, file))));
    }
    tries.push(read("read the environment of every other process", Box::new(environments)));
    let edit =
        |what: &str, directory: PathBuf| Try { what: what.to_owned(), kind: ToolKind::Edit, act: Box::new(move || create(&directory)) };
    tries.extend([
        edit("write among other users' workspaces", users),
        edit("write into the gateway's state", state),
        edit("write into /etc", "/etc".into()),
    ]);
    let shared = Path::new("/tmp");
    if !is_own(shared) {
        tries.push(edit("write into /tmp", shared.to_owned()));
    }
    let fetch = |what: &str, act: Box<dyn FnOnce() -> Outcome>| Try { what: what.to_owned(), kind: ToolKind::Fetch, act };
    tries.extend([
        fetch("connect to 192.0.2.1:443", Box::new(|| connect(SocketAddr::from(([192, 0, 2, 1], 443))))),
        fetch("connect to this machine's port 22", Box::new(|| connect(SocketAddr::from(([127, 0, 0, 1], 22))))),
        fetch("send a datagram to 192.0.2.1:53", Box::new(datagram)),
    ]);
    if let Some(proxy) = proxy() {
        tries.push(fetch("reach 192.0.2.1:443 by the way out that is given", Box::new(move || by_proxy(proxy))));
    }
    let signal = move || signal(parent);
    tries.push(Try { what: "signal the process above".to_owned(), kind: ToolKind::Execute, act: Box::new(signal) });
    tries
}

fn ancestor(path: &Path, steps: usize) -> PathBuf {
    path.ancestors().nth(steps).unwrap_or(Path::new("/")).to_owned()
}

fn unseen() -> Outcome {
    Outcome::Unclear("the process above cannot be seen from here".to_owned())
}

/// Whether it is the very directory that a runtime is given for what it writes and forgets: a jail with files of its own has that as its /tmp.
fn is_own(directory: &Path) -> bool {
    let given = std::env::var_os("TMPDIR").map(fs::metadata);
    match (given, fs::metadata(directory)) {
        (Some(Ok(given)), Ok(there)) => (given.dev(), given.ino()) == (there.dev(), there.ino()),
        _ => false,
    }
}

/// Below a process 1, one is in a process namespace whose process 1 belongs to the jail: it may be signalled, and nobody outside has a number there.
fn signal(process: Option<Pid>) -> Outcome {
    match process.map(|process| (process.is_init(), test_kill_process(process))) {
        Some((_, Err(errno))) => Outcome::of(&errno.into()),
        Some((true, Ok(()))) => Outcome::Unclear("it is the jail's own, and nobody else can be seen".to_owned()),
        Some((false, Ok(()))) => Outcome::Reached("it could be signalled".to_owned()),
        None => unseen(),
    }
}

fn list(directory: &Path) -> Outcome {
    match fs::read_dir(directory) {
        Ok(entries) => Outcome::Reached(format!("{} entries are there to see", entries.take(10_000).count())),
        Err(error) => Outcome::of(&error),
    }
}

fn open(path: &Path) -> Outcome {
    match File::open(path) {
        Ok(_) => Outcome::Reached("it could be opened".to_owned()),
        Err(error) => Outcome::of(&error),
    }
}

fn link(path: &Path) -> Outcome {
    match fs::read_link(path) {
        Ok(_) => Outcome::Reached("it can be seen".to_owned()),
        Err(error) => Outcome::of(&error),
    }
}

fn of_process(process: Option<Pid>, file: &str) -> Outcome {
    let Some(process) = process else { return unseen() };
    let path = PathBuf::from(format!("/proc/{}/{file}", process.as_raw_nonzero()));
    // How many there are, root may count; what they are is what matters.
    if file == "fd" { link(&path.join("0")) } else { open(&path) }
}

/// Every process but this one. Only those whose environment really comes out count.
fn environments() -> Outcome {
    // As this /proc counts: where it is the machine's, a jail with processes of its own has another number in there.
    let own = fs::read_link("/proc/self").unwrap_or_default();
    let entries = match fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => return Outcome::of(&error),
    };
    let (mut read, mut refused, mut why) = (0_u32, 0_u32, None);
    for entry in entries.flatten().take(PROCESSES) {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| name.bytes().all(|b| b.is_ascii_digit()) && own != Path::new(name)) else {
            continue;
        };
        let mut first = [0];
        match File::open(format!("/proc/{name}/environ")).and_then(|mut file| file.read(&mut first)).map_err(|error| Outcome::of(&error)) {
            Ok(1..) => read += 1,
            Err(Outcome::Refused(error)) => (refused, why) = (refused + 1, Some(error)),
            // Without an environment, or gone meanwhile.
            Ok(0) | Err(_) => {}
        }
    }
    match (read, why) {
        (1.., _) => Outcome::Reached(format!("{read} could be read")),
        (0, Some(why)) => Outcome::Refused(format!("{why} ({refused} processes)")),
        (0, None) => Outcome::Unclear("no other process can be seen from here".to_owned()),
    }
}

fn create(directory: &Path) -> Outcome {
    let path = directory.join(format!("kiroclaw-demo-escape-{}", getpid().as_raw_nonzero()));
    match OpenOptions::new().write(true).create_new(true).open(&path) {
        Ok(_) => match fs::remove_file(&path) {
            Ok(()) => Outcome::Reached("a file was made there, and removed".to_owned()),
            Err(error) => Outcome::Reached(format!("{} was made and could not be removed: {error}", path.display())),
        },
        Err(error) => Outcome::of(&error),
    }
}

fn connect(address: SocketAddr) -> Outcome {
    match TcpStream::connect_timeout(&address, CONNECT) {
        Ok(_) => Outcome::Reached("the connection stands".to_owned()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Outcome::Unclear("nobody listens there, but the attempt itself was let through".to_owned())
        }
        Err(error) => Outcome::of(&error),
    }
}

fn datagram() -> Outcome {
    let sent = UdpSocket::bind(("0.0.0.0", 0)).and_then(|socket| socket.send_to(&[0], ("192.0.2.1", 53)));
    match sent {
        Ok(_) => Outcome::Reached("it was sent".to_owned()),
        Err(error) => Outcome::of(&error),
    }
}

/// The runtime's way out, where it has one.
fn proxy() -> Option<SocketAddr> {
    let url = std::env::var("HTTPS_PROXY").or_else(|_| std::env::var("https_proxy")).ok()?;
    url.trim_start_matches("http://").trim_end_matches('/').parse().ok()
}

fn by_proxy(proxy: SocketAddr) -> Outcome {
    let asked = (|| {
        let mut stream = TcpStream::connect_timeout(&proxy, CONNECT)?;
        stream.set_read_timeout(Some(CONNECT))?;
        stream.write_all(b"CONNECT 192.0.2.1:443 HTTP/1.1\r\nHost: 192.0.2.1:443\r\n\r\n")?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer)?;
        Ok::<_, io::Error>(String::from_utf8_lossy(&answer).into_owned())
    })();
    match asked {
        Ok(answer) if answer.ends_with(" 200") => Outcome::Reached("the way out let it through".to_owned()),
        Ok(answer) => Outcome::Refused(format!("the way out answered {answer}")),
        Err(error) => Outcome::of(&error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gets_through_is_said_to_get_through() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(list(directory.path()), Outcome::Reached(_)));
        assert!(matches!(create(directory.path()), Outcome::Reached(_)));
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "what was made was removed");
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
        assert!(matches!(connect(listener.local_addr().unwrap()), Outcome::Reached(_)));
        assert!(matches!(of_process(Some(getpid()), "environ"), Outcome::Reached(_)));
    }

    #[test]
    fn only_a_jail_s_own_process_1_may_be_signalled_without_a_hole() {
        assert!(matches!(signal(Some(getpid())), Outcome::Reached(_)));
        // Where one may signal it at all, and not as an ordinary user beside a machine's own.
        assert!(!matches!(signal(Some(Pid::INIT)), Outcome::Reached(_)));
        assert!(matches!(signal(None), Outcome::Unclear(_)));
    }

    #[test]
    fn a_directory_is_one_s_own_by_what_it_is() {
        assert!(!is_own(Path::new("/etc")) && !is_own(Path::new("/no/such/directory")));
    }

    #[test]
    fn only_what_was_forbidden_counts_as_refused() {
        let free = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
        assert!(matches!(connect(free), Outcome::Unclear(_)), "nobody listens there any more");
        assert!(matches!(list(Path::new("/no/such/directory")), Outcome::Unclear(_)));
        let denied = io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error());
        assert!(matches!(Outcome::of(&denied), Outcome::Refused(_)));
    }

    #[test]
    fn a_way_out_that_says_no_is_a_refusal() {
        for (answer, is_refusal) in [("HTTP/1.1 403 Forbidden\r\n\r\n", true), ("HTTP/1.1 200 OK\r\n\r\n", false)] {
            let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let address = listener.local_addr().unwrap();
            let proxy = std::thread::spawn(move || {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 20];
                stream.read_exact(&mut request).unwrap();
                stream.write_all(answer.as_bytes()).unwrap();
            });
            assert_eq!(matches!(by_proxy(address), Outcome::Refused(_)), is_refusal);
            proxy.join().unwrap();
        }
    }
}

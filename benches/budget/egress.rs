//! What the way out costs: the real egress process, locked down, between a client and a server on loopback.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use kiroclaw::config::{self, Secrets, Sources};
use kiroclaw::ipc::Link;
use kiroclaw::ipc::bundle::{self, Bundle};
use kiroclaw::model::control::{FromEgress, ToEgress};
use kiroclaw::model::{RuntimeId, UserId};

use super::machine::{Spread, milliseconds};

/// How often a connection is made each way, in turn.
const CONNECTIONS: usize = 501;

/// Bytes that are moved to measure by; the first quarter warms up.
const BYTES: u64 = 2 * 1024 * 1024 * 1024;

/// How much is written and read at once.
const PIECE: usize = 256 * 1024;

/// An egress that serves one listener, whose rules name one server.
pub(crate) struct Egress {
    child: Child,
    _link: Link,
    way: SocketAddr,
    server: SocketAddr,
}

impl Egress {
    /// Starts the product's own role, as its warden does, with a server behind it.
    pub(crate) fn start(program: &Path) -> io::Result<Self> {
        let server = serve()?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let environment =
            [("EGRESS_ALLOW", server.to_string()), ("AGENT_COMMAND", "/bin/true".to_owned()), ("LOG_LEVEL", "ERROR".to_owned())];
        let environment = environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let (config, _) = config::load(&Sources { environment, directory: "/nonexistent".into() }).map_err(io::Error::other)?;
        let agent = config.default_agent.clone();
        let bundle = bundle::seal(&Bundle { config, secrets: Secrets::default() }).map_err(io::Error::other)?;
        let (link, theirs) = Link::pair()?;
        let child = Command::new(program).arg0("kiroclaw").arg("egress").env_clear().stdin(theirs).stdout(Stdio::null()).spawn()?;
        link.send(&ToEgress::Bundle, &[bundle.as_fd()]).map_err(io::Error::other)?;
        match link.recv::<FromEgress>().map_err(io::Error::other)? {
            Some((FromEgress::Ready, _)) => {}
            other => return Err(io::Error::other(format!("the egress did not start: {other:?}"))),
        }
        let serve = ToEgress::Serve { runtime: RuntimeId(1), agent, user: UserId::local(0), granted: Vec::new() };
        link.send(&serve, &[listener.as_fd()]).map_err(io::Error::other)?;
        Ok(Self { child, way: listener.local_addr()?, _link: link, server })
    }

    /// What it adds to a connection and its first byte there and back: the difference of the medians of connections in turn.
    pub(crate) fn latency(&self) -> io::Result<String> {
        let (mut by_way, mut direct) = (Vec::new(), Vec::new());
        for _ in 0..CONNECTIONS {
            by_way.push(timed(|| echo(self.tunnel()?))?);
            direct.push(timed(|| echo(TcpStream::connect(self.server)?))?);
        }
        let (by_way, direct) = (Spread::of(&mut by_way), Spread::of(&mut direct));
        let added = by_way.median.saturating_sub(direct.median).as_secs_f64() * 1e3;
        Ok(format!("{added:.2} ms ({} against {})", milliseconds(&by_way), milliseconds(&direct)))
    }

    /// Bytes a second from the server to a client, through it and without it; and by its own time on a processor, which other programs on
    /// this machine change less.
    pub(crate) fn throughput(&self) -> io::Result<String> {
        let before = self.worked()?;
        let by_way = flow(self.tunnel()?)?;
        let worked = self.worked()?.saturating_sub(before).as_secs_f64();
        let direct = flow(TcpStream::connect(self.server)?)?;
        let own = (BYTES + BYTES / 4) as f64 / 1e6 / worked;
        Ok(format!("{by_way:.0} MB/s ({direct:.0} without it; {own:.0} MB in a second of its own work)"))
    }

    /// Its time on a processor so far (`schedstat` in proc(5)).
    fn worked(&self) -> io::Result<Duration> {
        let text = std::fs::read_to_string(format!("/proc/{}/schedstat", self.child.id()))?;
        let nanoseconds = text.split(' ').next().and_then(|number| number.parse().ok());
        nanoseconds.map(Duration::from_nanos).ok_or_else(|| io::Error::other(text))
    }

    fn tunnel(&self) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(self.way)?;
        stream.set_nodelay(true)?;
        write!(stream, "CONNECT {} HTTP/1.1\r\n\r\n", self.server)?;
        let mut head = [0; 39];
        stream.read_exact(&mut head)?;
        if head.starts_with(b"HTTP/1.1 200") { Ok(stream) } else { Err(io::Error::other(String::from_utf8_lossy(&head).into_owned())) }
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        // It holds nothing that would have to be ended in order.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server that gives a byte back, or without end after an `f`.
fn serve() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut byte = [0];
    stream.read_exact(&mut byte)?;
    if byte != *b"f" {
        return stream.write_all(&byte);
    }
    let piece = vec![0; PIECE];
    loop {
        stream.write_all(&piece)?;
    }
}

fn echo(mut stream: TcpStream) -> io::Result<()> {
    stream.write_all(b"e")?;
    stream.read_exact(&mut [0])
}

fn timed(act: impl FnOnce() -> io::Result<()>) -> io::Result<Duration> {
    let began = Instant::now();
    act()?;
    Ok(began.elapsed())
}

/// MB of 1,000,000 bytes in a second.
fn flow(mut stream: TcpStream) -> io::Result<f64> {
    stream.write_all(b"f")?;
    let mut piece = vec![0; PIECE];
    let mut take = |mut left: u64| {
        let began = Instant::now();
        while left > 0 {
            match stream.read(&mut piece)? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                count => left = left.saturating_sub(count as u64),
            }
        }
        Ok(began.elapsed())
    };
    take(BYTES / 4)?;
    let took = take(BYTES)?;
    Ok(BYTES as f64 / 1e6 / took.as_secs_f64())
}

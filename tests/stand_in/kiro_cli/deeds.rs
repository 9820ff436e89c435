//! What the agent really does to the machine, each answered by what came of it.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use crate::args::Engine;
use crate::disk::kiro_dir;

/// What a connection may take.
const CONNECT: Duration = Duration::from_secs(3);

/// Most of an output that is said.
const OUTPUT: usize = 64 * 1024;

fn said(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes.get(..OUTPUT).unwrap_or(bytes)).into_owned()
}

pub(crate) fn cat(path: &Path) -> String {
    std::fs::read(path).map_or_else(|error| format!("error: {error}"), |bytes| said(&bytes))
}

pub(crate) fn put(path: &Path, text: &str) -> String {
    let made = path.parent().map_or(Ok(()), std::fs::create_dir_all).and_then(|()| std::fs::write(path, text));
    made.map_or_else(|error| format!("error: {error}"), |()| "written".into())
}

pub(crate) fn list(path: &Path) -> String {
    match std::fs::read_dir(path) {
        Ok(entries) => {
            let mut names: Vec<String> = entries.flatten().map(|e| e.file_name().to_string_lossy().into_owned()).collect();
            names.sort();
            names.join(" ")
        }
        Err(error) => format!("error: {error}"),
    }
}

/// Runs a command by the shell: whether it succeeded, and its output.
pub(crate) fn run(command: &str, cwd: &Path) -> (bool, String) {
    let shell = Command::new("/bin/sh").args(["-c", command]).current_dir(cwd).stdin(Stdio::null()).output();
    match shell {
        Ok(output) => (output.status.success(), said(&[output.stdout, output.stderr].concat())),
        Err(error) => (false, format!("error: {error}")),
    }
}

/// The steering files and skills that a session in that directory sees, by path.
pub(crate) fn context(cwd: &Path, engine: Engine) -> String {
    let mut found = Vec::new();
    for kiro in [cwd.join(".kiro"), kiro_dir(engine)] {
        for (dir, inner) in [("steering", ""), ("skills", "SKILL.md")] {
            for entry in std::fs::read_dir(kiro.join(dir)).into_iter().flatten().flatten() {
                let path = if inner.is_empty() { entry.path() } else { entry.path().join(inner) };
                if std::fs::read(&path).is_ok() {
                    found.push(path.display().to_string());
                }
            }
        }
    }
    found.sort();
    found.join(" ")
}

fn open(host: &str, port: u16) -> Result<TcpStream, String> {
    let addresses = (host, port).to_socket_addrs().map_err(|error| format!("cannot resolve: {error}"))?;
    let mut last = "no address".to_owned();
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

pub(crate) fn connect(host: &str, port: u16) -> String {
    match open(host, port) {
        Ok(_) => "connected".into(),
        Err(why) => format!("refused: {why}"),
    }
}

/// CONNECT by the proxy of the environment; then `text` and a line's end go through, and what comes back is said.
pub(crate) fn connect_by_proxy(host: &str, port: u16, text: &str) -> String {
    tunnel(host, port, text).unwrap_or_else(|why| format!("refused: {why}"))
}

fn tunnel(host: &str, port: u16, text: &str) -> Result<String, String> {
    let proxy = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"].iter().find_map(|name| std::env::var(name).ok());
    let proxy = proxy.ok_or("no proxy in the environment")?;
    let address = proxy.trim_start_matches("http://").trim_end_matches('/');
    let (proxy_host, proxy_port) = address.rsplit_once(':').ok_or("a proxy without a port")?;
    let mut stream = open(proxy_host, proxy_port.parse().map_err(|_| "a proxy without a port")?)?;
    let io = |error: std::io::Error| error.to_string();
    stream.set_read_timeout(Some(CONNECT)).map_err(io)?;
    write!(stream, "CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").map_err(io)?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && head.len() < 4096 && stream.read(&mut byte).map_err(io)? == 1 {
        head.push(byte[0]);
    }
    let head = said(&head);
    let status = head.lines().next().unwrap_or_default().to_owned();
    if status.split(' ').nth(1) != Some("200") || text.is_empty() {
        return Ok(status);
    }
    stream.write_all(format!("{text}\n").as_bytes()).map_err(io)?;
    let mut answer = [0; 512];
    let length = stream.read(&mut answer).map_err(io)?;
    Ok(format!("{status}\n{}", said(&answer[..length])))
}

/// Starts a sleeper that leaves our session and our parentage. Says its pid.
pub(crate) fn spawn_orphan(stubborn: bool) -> String {
    let mut command = Command::new(crate::own_dir().join("kiro-cli-chat"));
    command.arg("orphan").args(stubborn.then_some("stubborn")).stdin(Stdio::null()).stderr(Stdio::null());
    match command.output() {
        Ok(output) => said(&output.stdout).trim().to_owned(),
        Err(error) => format!("error: {error}"),
    }
}

/// The middle process: a session of its own, the sleeper in it, and gone.
pub(crate) fn make_orphan(stubborn: bool) -> ExitCode {
    let _ = rustix::process::setsid();
    let chat = crate::own_dir().join("kiro-cli-chat");
    let mut command = if stubborn {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", r#"trap "" TERM HUP; exec "$0" sleeper"#]).arg(chat);
        command
    } else {
        let mut command = Command::new(chat);
        command.arg("sleeper");
        command
    };
    match command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
        Ok(child) => crate::say(&child.id().to_string()),
        Err(error) => {
            crate::complain(&error.to_string());
            ExitCode::FAILURE
        }
    }
}

/// Ten minutes: longer than any test, shorter than an annoyance.
pub(crate) fn sleep_long() -> ExitCode {
    let until = std::time::Instant::now() + Duration::from_secs(600);
    while let Some(left) = until.checked_duration_since(std::time::Instant::now()) {
        std::thread::park_timeout(left);
    }
    ExitCode::SUCCESS
}

//! A stand-in for the servers of models, in the test's own process: OpenAI's chat completions and Google's Gemini API, both streamed.
//!
//! What the "model" does stands in what the person asks for, a line a step ([`script`]):
//!
//! ```text
//! call write {"filePath":"a.txt","content":"hello"}
//! say I wrote it.
//! ```
//!
//! It is reached by a name that is not `localhost`, as agents go past their proxy to that one. It refuses what the real servers refuse: a
//! key that is not its own, a model that is not there, a request that is none, a conversation in which the answer to a call is missing.

mod gemini;
mod openai;
mod script;

use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::telegram::http::{self, Request, Response};
use script::Move;

/// The key that the stand-in takes; nothing else contains it, so a test may look for leaks of it.
pub const KEY: &str = "sk-stand-in-7f3a9c51d2e84b60";

/// The only model there is.
pub const MODEL: &str = "gemini-2.5-flash";

/// A request that was not taken: the status, and the body in the words of the API in question.
type Refusal = (u16, Value);

/// How an API shows what the model does.
struct Answer {
    does: Move,
    /// As one body, or as pieces of a stream.
    streamed: bool,
    /// The events of the stream, or the only body.
    pieces: Vec<String>,
}

/// The server. Its threads end with the process.
pub struct Model {
    name: String,
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Model {
    /// Starts it under a name of this machine; without one there is nothing that an agent could be told to reach.
    pub fn start() -> Result<Self, String> {
        let (name, listener) = names().find_map(|name| Some((name.clone(), listen(&name)?))).ok_or(
            "this machine has no name of its own that leads to itself (`hostname` and `ip6-localhost` were tried; see /etc/hosts)",
        )?;
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let record = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().filter_map(Result::ok) {
                let record = Arc::clone(&record);
                // A client that hangs up in mid-answer ends its connection here as it does there.
                std::thread::spawn(move || drop(connection(stream, &record)));
            }
        });
        Ok(Self { name, address, seen })
    }

    /// `NAME:PORT`, as a rule of the egress has it.
    pub fn host(&self) -> String {
        format!("{}:{}", self.name, self.address.port())
    }

    /// `http://NAME:PORT`.
    pub fn base(&self) -> String {
        format!("http://{}", self.host())
    }

    /// What was asked so far: status, method, target, each on a line.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Names under which a machine knows itself.
fn names() -> impl Iterator<Item = String> {
    let own = rustix::system::uname().nodename().to_string_lossy().into_owned();
    [own, "ip6-localhost".to_owned(), "localhost.localdomain".to_owned()].into_iter().filter(|name| name != "localhost")
}

/// A listener at the first address of that name that is one of this machine's.
fn listen(name: &str) -> Option<TcpListener> {
    let addresses: Vec<IpAddr> = (name, 0).to_socket_addrs().ok()?.map(|address| address.ip()).collect();
    addresses.into_iter().find_map(|address| TcpListener::bind((address, 0)).ok())
}

fn connection(mut stream: TcpStream, seen: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    while let Some(request) = http::read_request(&mut reader)? {
        let answer = answer(&request);
        let status = answer.as_ref().map_or_else(|(status, _)| *status, |_| 200);
        seen.lock().unwrap_or_else(PoisonError::into_inner).push(format!("{status} {} {}", request.method, request.target));
        match answer {
            Ok(answer) if answer.streamed => return stream_out(&mut stream, &answer),
            Ok(answer) => respond(&mut stream, 200, answer.pieces.concat())?,
            Err((status, body)) => respond(&mut stream, status, body.to_string())?,
        }
        if !request.keep_alive {
            break;
        }
    }
    Ok(())
}

fn answer(request: &Request) -> Result<Answer, Refusal> {
    let path = request.target.split('?').next().unwrap_or_default();
    if path.starts_with("/v1beta/") { gemini::answer(request, path) } else { openai::answer(request, path) }
}

fn respond(stream: &mut TcpStream, status: u16, body: String) -> io::Result<()> {
    http::write_response(stream, &Response::new(status, "application/json", body.into_bytes()))
}

/// Server-sent events, each in a chunk of its own. A model that hesitates says its first words, and then waits until nobody listens.
fn stream_out(stream: &mut TcpStream, answer: &Answer) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n")?;
    let hesitates = matches!(answer.does, Move::Hesitate(_));
    let said = if hesitates { 1 } else { answer.pieces.len() };
    for piece in answer.pieces.iter().take(said) {
        let event = format!("data: {piece}\n\n");
        write!(stream, "{:x}\r\n{event}\r\n", event.len())?;
    }
    if hesitates {
        return io::copy(&mut stream.take(u64::MAX), &mut io::sink()).map(drop);
    }
    stream.write_all(b"0\r\n\r\n")
}

/// The body as JSON.
fn parsed(request: &Request) -> Option<Value> {
    serde_json::from_slice(&request.body).ok().filter(Value::is_object)
}

//! As much of HTTP/1.1 as a Bot API server speaks: requests with a length or in chunks, answers, kept connections.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

/// Longest head of a request that is read.
const HEAD: usize = 32 * 1024;

/// Longest body of a request that is read: an album of files of 50 MB, as far as tests send one.
const BODY: usize = 128 * 1024 * 1024;

/// One request.
pub struct Request {
    /// The method.
    pub method: String,
    /// The target as sent: path and query.
    pub target: String,
    /// `Content-Type`, empty for none.
    pub content_type: String,
    /// `Range`, empty for none.
    pub range: String,
    /// `Authorization`, or Google's `x-goog-api-key`; empty for neither.
    pub key: String,
    /// The body, its chunks joined.
    pub body: Vec<u8>,
    /// Whether the client wants the connection kept.
    pub keep_alive: bool,
}

/// What goes back.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status line's number.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// Further lines of the head.
    pub headers: Vec<String>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without further headers.
    pub fn new(status: u16, content_type: &'static str, body: Vec<u8>) -> Self {
        Self { status, content_type, headers: Vec::new(), body }
    }
}

/// Reads the next request; `None` when the client closed the connection.
///
/// # Errors
/// `InvalidData` when it is not HTTP, or too long.
pub fn read_request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let Some(head) = read_head(stream)? else { return Ok(None) };
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(&head) {
        Ok(httparse::Status::Complete(_)) => {}
        other => return Err(invalid(format!("not a request: {other:?}"))),
    }
    let header = |name: &str| {
        let found = parsed.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| String::from_utf8_lossy(header.value).trim().to_owned()).unwrap_or_default()
    };
    let body = if header("transfer-encoding").eq_ignore_ascii_case("chunked") {
        read_chunks(stream)?
    } else {
        let length = header("content-length");
        let length = if length.is_empty() { 0 } else { length.parse().map_err(|_| invalid("bad Content-Length"))? };
        read_exactly(stream, length)?
    };
    Ok(Some(Request {
        method: parsed.method.unwrap_or_default().to_owned(),
        target: parsed.path.unwrap_or_default().to_owned(),
        content_type: header("content-type"),
        range: header("range"),
        key: header("authorization") + &header("x-goog-api-key"),
        body,
        keep_alive: !header("connection").eq_ignore_ascii_case("close"),
    }))
}

/// Writes an answer.
///
/// # Errors
/// The client is gone.
pub fn write_response(stream: &mut TcpStream, response: &Response) -> io::Result<()> {
    stream.write_all(&[head(response).as_bytes(), &response.body].concat())
}

/// The head of an answer, with the empty line that ends it.
pub fn head(response: &Response) -> String {
    let reason = match response.status {
        200 => "OK",
        206 => "Partial Content",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        409 => "Conflict",
        413 => "Request Entity Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        _ => "Error",
    };
    let further: String = response.headers.iter().map(|header| format!("{header}\r\n")).collect();
    format!(
        "HTTP/1.1 {} {reason}\r\nServer: stand-in\r\nContent-Type: {}\r\nContent-Length: {}\r\n{further}Connection: keep-alive\r\n\r\n",
        response.status,
        response.content_type,
        response.body.len()
    )
}

fn read_head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.by_ref().take(HEAD as u64).read_until(b'\n', &mut head)?;
        if read == 0 {
            return if head.is_empty() { Ok(None) } else { Err(invalid("closed within a head")) };
        }
        if head.len() > HEAD {
            return Err(invalid("head too long"));
        }
    }
    Ok(Some(head))
}

fn read_chunks(stream: &mut BufReader<TcpStream>) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        stream.by_ref().take(1024).read_line(&mut line)?;
        let size = line.trim().split(';').next().unwrap_or_default();
        let size = usize::from_str_radix(size, 16).map_err(|_| invalid("bad chunk size"))?;
        if body.len() + size > BODY {
            return Err(invalid("body too long"));
        }
        body.extend(read_exactly(stream, size)?);
        read_exactly(stream, 2)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(stream: &mut BufReader<TcpStream>, length: usize) -> io::Result<Vec<u8>> {
    if length > BODY {
        return Err(invalid("body too long"));
    }
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn invalid(what: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.into())
}

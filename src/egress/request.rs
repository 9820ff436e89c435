//! The head of one proxy request, from bytes that the agent chose.
//!
//! `CONNECT host:port` (RFC 9110, 9.3.6) and plain `http` in absolute form (RFC 9112, 3.2.2). Everything else is refused:
//! a proxy that guesses can be talked into something.

use crate::model::Target;

/// Longest head, in bytes: servers in the field take 8 to 16 KiB.
pub(super) const MAX_HEAD: usize = 16 * 1024;

/// Header fields at most.
pub(super) const MAX_HEADERS: usize = 100;

/// What the client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// A tunnel of bytes.
    Tunnel(Target),
    /// One exchange of plain HTTP.
    Forward {
        /// With whom.
        target: Target,
        /// The head as the origin gets it.
        head: Vec<u8>,
        /// How much of what follows belongs to it.
        body: Body,
    },
}

/// The extent of a request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Body {
    /// So many bytes.
    Length(u64),
    /// In chunks, which the origin reads. What a client sends after the last chunk reaches the same origin only, and that was told to close.
    Chunked,
}

/// Why a head is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRequest {
    #[error("The request is not HTTP/1.1.")]
    Garbage,
    #[error("The request's head is longer than {MAX_HEAD} bytes or has more than {MAX_HEADERS} fields.")]
    TooLong,
    #[error("The request's head did not come in time.")]
    TooSlow,
    #[error("This is a proxy: ask for `CONNECT host:port` or for a full `http://` address, without a login in it.")]
    NotForProxy,
    #[error("The request names no valid host and port; an address is written as four numbers, or as IPv6.")]
    Host,
    #[error("The length of the request's body is not clear.")]
    Framing,
    #[error("SOCKS 4 is not spoken here: use SOCKS 5 or HTTP.")]
    Socks4,
    #[error("There is no login here: ask SOCKS 5 for none.")]
    Login,
    #[error("Of SOCKS 5 only CONNECT is served here.")]
    Command,
    #[error("SOCKS 5 has no such kind of address.")]
    AddressType,
}

/// Where the head ends in `bytes` (behind its empty line), looking only at what came after `seen` bytes.
pub(super) fn end_of_head(bytes: &[u8], seen: usize) -> Option<usize> {
    // The empty line may have begun in what was seen.
    let from = seen.saturating_sub(2);
    let new = bytes.get(from..)?;
    let end = |mark: &[u8]| new.windows(mark.len()).position(|window| window == mark).map(|at| from + at + mark.len());
    [end(b"\n\n"), end(b"\n\r\n")].into_iter().flatten().min()
}

/// Understands a head that ends with its empty line.
///
/// # Errors
/// What is not understood in full is refused.
pub(super) fn parse(head: &[u8]) -> Result<Request, BadRequest> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(BadRequest::TooLong),
        Ok(_) | Err(_) => return Err(BadRequest::Garbage),
    }
    let (Some(method), Some(address), Some(version)) = (request.method, request.path, request.version) else {
        return Err(BadRequest::Garbage);
    };
    if method == "CONNECT" {
        return Target::of_authority(address, None).map(Request::Tunnel).ok_or(BadRequest::Host);
    }
    let (target, path) = absolute_form(method, address)?;
    let body = body(request.headers, version)?;
    let head = origin_head(method, &path, version, &target, request.headers);
    Ok(Request::Forward { target, head, body })
}

/// The target and what the origin is asked for.
fn absolute_form(method: &str, address: &str) -> Result<(Target, String), BadRequest> {
    let scheme = address.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let rest = scheme.and(address.get(7..)).ok_or(BadRequest::NotForProxy)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') {
        return Err(BadRequest::NotForProxy);
    }
    let target = Target::of_authority(authority, Some(80)).ok_or(BadRequest::Host)?;
    let path = path.split('#').next().unwrap_or_default();
    let path = match path {
        "" if method == "OPTIONS" => "*".to_owned(),
        path if path.starts_with('/') => path.to_owned(),
        path => format!("/{path}"),
    };
    Ok((target, path))
}

/// RFC 9112, 6.3; two lengths, or a length and chunks, are how requests are smuggled.
fn body(headers: &[httparse::Header<'_>], version: u8) -> Result<Body, BadRequest> {
    let values =
        |name: &'static str| headers.iter().filter(move |header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value);
    let (mut lengths, mut codings) = (values("content-length"), values("transfer-encoding"));
    match (lengths.next(), codings.next(), lengths.next().is_some() || codings.next().is_some()) {
        (None, None, _) => Ok(Body::Length(0)),
        (None, Some(coding), false) if version == 1 && coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::Chunked),
        (Some(length), None, false) if !length.is_empty() && length.iter().all(u8::is_ascii_digit) => {
            std::str::from_utf8(length).ok().and_then(|text| text.parse().ok()).map(Body::Length).ok_or(BadRequest::Framing)
        }
        _ => Err(BadRequest::Framing),
    }
}

/// What the origin gets: its own path and host, no field that was meant for this proxy, and the wish to close afterwards.
fn origin_head(method: &str, path: &str, version: u8, target: &Target, headers: &[httparse::Header<'_>]) -> Vec<u8> {
    let connection: Vec<String> = headers
        .iter()
        .filter(|header| header.name.eq_ignore_ascii_case("connection"))
        .flat_map(|header| header.value.split(|&b| b == b','))
        .map(|name| String::from_utf8_lossy(name).trim().to_ascii_lowercase())
        .collect();
    let host = match target.port() {
        80 => target.to_string().trim_end_matches(":80").to_owned(),
        _ => target.to_string(),
    };
    let mut head = format!("{method} {path} HTTP/1.{version}\r\nHost: {host}\r\n").into_bytes();
    for header in headers {
        let name = header.name.to_ascii_lowercase();
        let dropped = match name.as_str() {
            // The framing stays whatever `Connection` says of it: the body passes as it is.
            "content-length" | "transfer-encoding" => false,
            "host" | "connection" | "keep-alive" | "te" | "trailer" | "upgrade" => true,
            name => name.starts_with("proxy-") || connection.iter().any(|listed| listed == name),
        };
        if !dropped {
            head.extend_from_slice(header.name.as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(header.value);
            head.extend_from_slice(b"\r\n");
        }
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    head
}

#[cfg(test)]
mod tests;

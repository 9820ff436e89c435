use proptest::prelude::*;

use super::*;

fn forward(head: &str) -> (String, String, Body) {
    match parse(head.as_bytes()) {
        Ok(Request::Forward { target, head, body }) => (target.to_string(), String::from_utf8(head).unwrap(), body),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_tunnel_names_host_and_port() {
    let tunnel = |address: &str| match parse(format!("CONNECT {address} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()) {
        Ok(Request::Tunnel(target)) => Some(target.to_string()),
        _ => None,
    };
    assert_eq!(tunnel("API.Example.com.:443").unwrap(), "api.example.com:443");
    assert_eq!(tunnel("[0:0::1]:8443").unwrap(), "[::1]:8443");
    assert_eq!(tunnel("10.0.0.5:443").unwrap(), "10.0.0.5:443");
    for bad in
        ["example.com", "example.com:", "example.com:0", "example.com:65536", "example.com:+443", ":443", "::1:443", "[::1]", "[::1:443"]
    {
        assert_eq!(tunnel(bad), None, "{bad}");
    }
    for bad in ["a@b:443", "a/b:443", "a..b:443", "[fe80::1%25eth0]:443", "[1.2.3.4]:443", "http://a:443", "-a:443", "a%00b:443"] {
        assert_eq!(tunnel(bad), None, "{bad}");
    }
}

#[test]
fn a_plain_request_goes_on_in_the_origins_form_without_the_proxys_fields() {
    let (target, head, body) = forward(
        "POST http://Example.com:8080/a?b=c#d HTTP/1.1\r\nHost: other.example\r\nProxy-Authorization: Basic eA==\r\nProxy-Connection: x\r\n\
         Connection: keep-alive, X-Hop, content-length\r\nKeep-Alive: 5\r\nX-Hop: 1\r\nUpgrade: websocket\r\nTE: trailers\r\nContent-Length: 3\r\n\
         Accept: */*\r\n\r\n",
    );
    assert_eq!(target, "example.com:8080");
    assert_eq!(body, Body::Length(3));
    assert_eq!(head, "POST /a?b=c HTTP/1.1\r\nHost: example.com:8080\r\nContent-Length: 3\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

#[test]
fn a_path_is_always_there() {
    assert!(forward("GET http://a HTTP/1.1\r\n\r\n").1.starts_with("GET / HTTP/1.1\r\nHost: a\r\n"));
    assert!(forward("GET HTTP://a?x HTTP/1.0\r\n\r\n").1.starts_with("GET /?x HTTP/1.0\r\nHost: a\r\n"));
    assert!(forward("OPTIONS http://[::1]:80 HTTP/1.1\r\n\r\n").1.starts_with("OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n"));
}

#[test]
fn a_body_whose_length_is_not_clear_is_refused() {
    let fields = |fields: &str| parse(format!("POST http://a/ HTTP/1.1\r\n{fields}\r\n").as_bytes());
    for bad in [
        "Content-Length: 3\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Content-Length: +3\r\n",
        "Content-Length: 3, 3\r\n",
        "Content-Length: \r\n",
        "Content-Length: 99999999999999999999\r\n",
    ] {
        assert_eq!(fields(bad), Err(BadRequest::Framing), "{bad}");
    }
    assert!(matches!(fields("Transfer-Encoding: Chunked\r\n"), Ok(Request::Forward { body: Body::Chunked, .. })));
    assert_eq!(parse(b"POST http://a/ HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), Err(BadRequest::Framing));
}

#[test]
fn what_is_not_for_a_proxy_is_refused() {
    for (head, why) in [
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", BadRequest::NotForProxy),
        ("GET https://a/ HTTP/1.1\r\n\r\n", BadRequest::NotForProxy),
        ("GET ftp://a/ HTTP/1.1\r\n\r\n", BadRequest::NotForProxy),
        ("GET http://user:word@a/ HTTP/1.1\r\n\r\n", BadRequest::NotForProxy),
        ("GET http:///x HTTP/1.1\r\n\r\n", BadRequest::Host),
        ("GET http://a:b/ HTTP/1.1\r\n\r\n", BadRequest::Host),
        ("\x16\x03\x01\r\n\r\n", BadRequest::Garbage),
        ("GET http://a/ HTTP/2.0\r\n\r\n", BadRequest::Garbage),
        ("GET http://a/ HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", BadRequest::Garbage),
    ] {
        assert_eq!(parse(head.as_bytes()), Err(why), "{head}");
    }
    let many = format!("GET http://a/ HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(MAX_HEADERS + 1));
    assert_eq!(parse(many.as_bytes()), Err(BadRequest::TooLong));
}

#[test]
fn the_end_of_a_head_is_found_however_it_arrives() {
    let head = b"GET http://a/ HTTP/1.1\r\nA: b\r\n\r\nrest";
    for seen in 0..head.len() - 4 {
        assert_eq!(end_of_head(&head[..seen], 0), None, "{seen}");
        assert_eq!(end_of_head(head, seen), Some(head.len() - 4), "{seen}");
    }
    assert_eq!(end_of_head(b"GET x\n\nrest", 0), Some(7));
}

proptest! {
    #[test]
    fn no_bytes_break_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
        let _ = end_of_head(&bytes, bytes.len() / 2);
    }

    #[test]
    fn a_head_never_smuggles_a_line(
        method in "[A-Z]{1,7}",
        address in "(http://)?[!-~]{0,60}",
        fields in proptest::collection::vec(("[A-Za-z-]{1,20}", "[ -~\r\n\t]{0,30}"), 0..8),
    ) {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        if let Ok(Request::Forward { head, .. }) = parse(format!("{method} {address} HTTP/1.1\r\n{fields}\r\n").as_bytes()) {
            let head = String::from_utf8(head).unwrap();
            prop_assert_eq!(head.find("\r\n\r\n"), Some(head.len() - 4));
            prop_assert_eq!(head.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).count(), 1);
            prop_assert!(!head.to_ascii_lowercase().contains("\r\nproxy-"));
        }
    }
}

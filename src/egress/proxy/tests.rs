use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use super::super::request::MAX_HEAD;
use super::*;
use crate::model::{RuntimeId, UserId};

const QUICK: Limits = Limits {
    connections: 8,
    head: Duration::from_secs(5),
    connect: Duration::from_secs(5),
    idle: Duration::from_secs(5),
    quota: Quota { connections: 1_000_000, bytes: u64::MAX },
};

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test);
}

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

/// A proxy with these rules, and its address.
async fn proxy(rules: &[String], lookup: Lookup, limits: Limits) -> SocketAddr {
    let rules = rules.iter().map(|rule| rule.parse().unwrap()).collect();
    let whose = Whose { runtime: RuntimeId(1), agent: "tg-acp".parse().unwrap(), user: UserId::telegram(7) };
    let asking = Asking::new(whose.runtime, Arc::new(BTreeSet::from([443])), mpsc::channel(1).0);
    let proxy = Proxy::new(whose, Arc::new(Policy::new(rules, Vec::new())), asking, lookup, limits);
    let (listener, port) = listen().await;
    tokio::spawn(proxy.serve(listener));
    SocketAddr::from(([127, 0, 0, 1], port))
}

fn no_lookup() -> Lookup {
    Arc::new(|host, _| panic!("{host} was looked up"))
}

fn leads_to(address: &str) -> Lookup {
    let address: std::net::IpAddr = address.parse().unwrap();
    Arc::new(move |_, port| Ok(vec![SocketAddr::new(address, port)]))
}

async fn say(proxy: SocketAddr, text: &str) -> TcpStream {
    let mut client = TcpStream::connect(proxy).await.unwrap();
    client.write_all(text.as_bytes()).await.unwrap();
    client
}

async fn hear(mut stream: impl tokio::io::AsyncRead + Unpin) -> String {
    let mut text = Vec::new();
    stream.read_to_end(&mut text).await.unwrap();
    String::from_utf8(text).unwrap()
}

async fn hear_exactly(stream: &mut TcpStream, text: &str) {
    let mut heard = vec![0; text.len()];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(String::from_utf8(heard).unwrap(), text);
}

const OPENED: &str = "HTTP/1.1 200 Connection established\r\n\r\n";

#[test]
fn a_tunnel_carries_bytes_both_ways_and_each_end_closes_by_itself() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), QUICK).await;
        let mut client = say(proxy, &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\nearly ")).await;
        let (mut served, _) = server.accept().await.unwrap();
        hear_exactly(&mut client, OPENED).await;
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(hear(&mut served).await, "early late");
        served.write_all(b"answer after the client's end").await.unwrap();
        drop(served);
        assert_eq!(hear(client).await, "answer after the client's end");
    });
}

#[test]
fn an_unnamed_host_is_refused_and_never_contacted() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&["api.example.com".to_owned()], no_lookup(), QUICK).await;
        for request in [format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n"), format!("GET http://127.0.0.1:{port}/ HTTP/1.1\r\n\r\n")] {
            let answer = hear(say(proxy, &request).await).await;
            assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
            assert!(answer.contains(&format!("127.0.0.1:{port}")) && answer.contains("EGRESS_ALLOW"), "{answer}");
        }
        // The server's first connection is this one.
        let mut own = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        own.write_all(b"own").await.unwrap();
        hear_exactly(&mut server.accept().await.unwrap().0, "own").await;
    });
}

#[test]
fn a_name_that_leads_to_this_machine_is_refused_unless_it_is_named_exactly() {
    run(async {
        let (server, port) = listen().await;
        let request = format!("CONNECT db.example.com:{port} HTTP/1.1\r\n\r\n");
        let by_suffix = proxy(&[format!("*.example.com:{port}")], leads_to("127.0.0.1"), QUICK).await;
        let answer = hear(say(by_suffix, &request).await).await;
        assert!(answer.starts_with("HTTP/1.1 403 ") && answer.contains("not on the public internet"), "{answer}");
        let by_name = proxy(&[format!("db.example.com:{port}")], leads_to("127.0.0.1"), QUICK).await;
        hear_exactly(&mut say(by_name, &request).await, OPENED).await;
        server.accept().await.unwrap();
        let metadata = proxy(&[format!("db.example.com:{port}")], leads_to("169.254.169.254"), QUICK).await;
        assert!(hear(say(metadata, &request).await).await.starts_with("HTTP/1.1 403 "));
    });
}

#[test]
fn a_name_is_looked_up_once_so_a_changing_answer_changes_nothing() {
    run(async {
        let (server, port) = listen().await;
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // The second answer would be one that no rule allows.
        let rebinding: Lookup = Arc::new(move |_, port| {
            let address = if count.fetch_add(1, Ordering::SeqCst) == 0 { [127, 0, 0, 1] } else { [169, 254, 169, 254] };
            Ok(vec![SocketAddr::from((address, port))])
        });
        let proxy = proxy(&[format!("db.example.com:{port}")], rebinding, QUICK).await;
        let mut client = say(proxy, &format!("CONNECT db.example.com:{port} HTTP/1.1\r\n\r\n")).await;
        hear_exactly(&mut client, OPENED).await;
        assert_eq!(server.accept().await.unwrap().1.ip(), std::net::Ipv4Addr::LOCALHOST);
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let again = hear(say(proxy, &format!("CONNECT db.example.com:{port} HTTP/1.1\r\n\r\n")).await).await;
        assert!(again.starts_with("HTTP/1.1 403 "), "{again}");
    });
}

#[test]
fn plain_http_is_forwarded_once_and_what_follows_the_request_is_dropped() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), QUICK).await;
        let request = format!("POST http://127.0.0.1:{port}/a?b HTTP/1.1\r\nContent-Length: 8\r\nProxy-Authorization: x\r\n\r\nhalf");
        let mut client = say(proxy, &request).await;
        let (mut served, _) = server.accept().await.unwrap();
        let head = format!("POST /a?b HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Length: 8\r\nConnection: close\r\n\r\nhalf");
        hear_exactly(&mut served, &head).await;
        client.write_all(b"restGET / HTTP/1.1\r\n\r\n").await.unwrap();
        hear_exactly(&mut served, "rest").await;
        served.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        served.shutdown().await.unwrap();
        hear_exactly(&mut client, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
        assert_eq!(hear(&mut served).await, "", "the second request went nowhere");
    });
}

#[test]
fn a_chunked_body_is_streamed() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), QUICK).await;
        let head = format!("PUT http://127.0.0.1:{port}/ HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
        let mut client = say(proxy, &head).await;
        let (mut served, _) = server.accept().await.unwrap();
        let head = format!("PUT / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n1\r\na\r\n");
        hear_exactly(&mut served, &head).await;
        client.write_all(b"0\r\n\r\n").await.unwrap();
        hear_exactly(&mut served, "0\r\n\r\n").await;
        served.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        drop(served);
        assert_eq!(hear(client).await, "HTTP/1.1 204 No Content\r\n\r\n");
    });
}

#[test]
fn hosts_that_cannot_be_found_or_reached_are_a_bad_gateway() {
    run(async {
        let failing: Lookup = Arc::new(|_, _| Err(io::Error::other("no such host is known")));
        let unknown = proxy(&["*.example.com".to_owned()], failing, QUICK).await;
        let answer = hear(say(unknown, "CONNECT a.example.com:443 HTTP/1.1\r\n\r\n").await).await;
        assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("no such host is known"), "{answer}");
        let (closed, port) = listen().await;
        drop(closed);
        let unreachable = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), QUICK).await;
        let answer = hear(say(unreachable, &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")).await).await;
        assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    });
}

#[test]
fn what_is_not_understood_too_long_or_too_slow_is_a_bad_request() {
    run(async {
        let proxy = proxy(&[], no_lookup(), Limits { head: Duration::from_millis(200), ..QUICK }).await;
        let long = format!("GET http://a/ HTTP/1.1\r\nA: {}", "x".repeat(MAX_HEAD));
        for (request, word) in
            [("\x16\x03\x01\n\n", "HTTP/1.1"), ("GET / HTTP/1.1\r\n\r\n", "proxy"), (&long, "longer"), ("GET", "in time")]
        {
            let answer = hear(say(proxy, request).await).await;
            assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(word), "{answer}");
        }
    });
}

#[test]
fn a_connection_on_which_nothing_moves_is_closed() {
    run(async {
        let (server, port) = listen().await;
        let limits = Limits { idle: Duration::from_millis(50), ..QUICK };
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), limits).await;
        let mut client = say(proxy, &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")).await;
        let (served, _) = server.accept().await.unwrap();
        hear_exactly(&mut client, OPENED).await;
        assert_eq!(hear(client).await, "");
        assert_eq!(hear(served).await, "");
    });
}

#[test]
fn more_connections_than_allowed_wait_for_their_turn() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), Limits { connections: 1, ..QUICK }).await;
        let request = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n");
        let mut first = say(proxy, &request).await;
        hear_exactly(&mut first, OPENED).await;
        let (served, _) = server.accept().await.unwrap();
        let mut second = say(proxy, &request).await;
        // The first one's traffic goes through the same single thread: had the second been accepted, it would have been answered by now.
        let mut nothing = [0; 1];
        let answered = timeout(Duration::from_millis(100), second.read(&mut nothing)).await;
        assert!(answered.is_err(), "the second connection was served beside the first");
        drop((first, served));
        hear_exactly(&mut second, OPENED).await;
    });
}

/// SOCKS 5 without a login, and a request by name.
fn socks(host: &str, port: u16) -> Vec<u8> {
    let length = u8::try_from(host.len()).unwrap();
    [&[5, 1, 0, 5, 1, 0, 3, length], host.as_bytes(), &port.to_be_bytes()].concat()
}

async fn say_bytes(proxy: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut client = TcpStream::connect(proxy).await.unwrap();
    client.write_all(bytes).await.unwrap();
    client
}

async fn hear_bytes(mut stream: TcpStream) -> Vec<u8> {
    let mut heard = Vec::new();
    stream.read_to_end(&mut heard).await.unwrap();
    heard
}

#[test]
fn socks_carries_bytes_both_ways_to_a_name_that_is_resolved_here() {
    run(async {
        let (server, port) = listen().await;
        let proxy = proxy(&[format!("db.example.com:{port}")], leads_to("127.0.0.1"), QUICK).await;
        // All at once, with the first bytes of the tunnel behind it; and byte by byte.
        let mut client = say_bytes(proxy, &[&socks("DB.example.com", port)[..], b"early "].concat()).await;
        let (mut served, _) = server.accept().await.unwrap();
        let mut answers = [0; 12];
        client.read_exact(&mut answers).await.unwrap();
        assert_eq!(answers, [5, 0, 5, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        client.write_all(b"late").await.unwrap();
        client.shutdown().await.unwrap();
        assert_eq!(hear(&mut served).await, "early late");
        served.write_all(b"answer").await.unwrap();
        drop(served);
        assert_eq!(hear(client).await, "answer");
        let mut slow = TcpStream::connect(proxy).await.unwrap();
        for byte in socks("db.example.com", port) {
            slow.write_all(&[byte]).await.unwrap();
            tokio::task::yield_now().await;
        }
        slow.read_exact(&mut answers).await.unwrap();
        assert_eq!(answers[3], 0);
    });
}

#[test]
fn socks_is_under_the_same_rules_and_says_why_by_its_numbers() {
    run(async {
        let (closed, port) = listen().await;
        drop(closed);
        let rules = [format!("127.0.0.1:{port}"), format!("*.example.com:{port}")];
        let proxy = proxy(&rules, leads_to("169.254.169.254"), QUICK).await;
        for (host, port, reply) in
            [("evil.example", 443, 2), ("a.example.com", port, 2), ("127.0.0.1", port, 5), ("127.1", port, 8), ("2130706433", port, 8)]
        {
            let heard = hear_bytes(say_bytes(proxy, &socks(host, port)).await).await;
            assert_eq!(heard, [5, 0, 5, reply, 0, 1, 0, 0, 0, 0, 0, 0], "{host}");
        }
        for (asked, answer) in [
            (&[5, 1, 0, 5, 2, 0, 1, 1, 1, 1, 1, 0, 80][..], &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0][..]),
            (&[5, 1, 0, 5, 3, 0, 1, 1, 1, 1, 1, 0, 80], &[5, 0, 5, 7, 0, 1, 0, 0, 0, 0, 0, 0]),
            (&[5, 1, 2], &[5, 255]),
            (&[4, 1, 0, 80, 1, 1, 1, 1, 0], &[0, 0x5b, 0, 0, 0, 0, 0, 0]),
        ] {
            assert_eq!(hear_bytes(say_bytes(proxy, asked).await).await, answer, "{asked:?}");
        }
    });
}

#[test]
fn a_connection_beyond_the_quota_is_refused_with_a_sentence_that_names_it() {
    run(async {
        let limits = Limits { quota: Quota { connections: 2, bytes: u64::MAX }, ..QUICK };
        let proxy = proxy(&[], no_lookup(), limits).await;
        let request = "CONNECT a.example:443 HTTP/1.1\r\n\r\n";
        for status in ["403", "403", "429"] {
            let answer = hear(say(proxy, request).await).await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
            assert_eq!(answer.contains("2 connections within a minute"), status == "429", "{answer}");
        }
        assert_eq!(hear_bytes(say_bytes(proxy, &socks("a.example", 443)).await).await[3], 1);
    });
}

#[test]
fn a_tunnel_ends_when_the_bytes_are_used_up_and_no_other_is_opened() {
    run(async {
        let (server, port) = listen().await;
        let limits = Limits { quota: Quota { connections: 100, bytes: 1_000_000 }, ..QUICK };
        let proxy = proxy(&[format!("127.0.0.1:{port}")], no_lookup(), limits).await;
        let request = format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n");
        let mut client = say(proxy, &request).await;
        let (mut served, _) = server.accept().await.unwrap();
        hear_exactly(&mut client, OPENED).await;
        // Its writer sees the connection break once more is sent than there is room for.
        let sends = tokio::spawn(async move { while served.write_all(&[7; 4096]).await.is_ok() {} });
        let mut got = 0;
        let mut buffer = vec![0; 4096];
        while let Ok(count @ 1..) = client.read(&mut buffer).await {
            got += count;
        }
        sends.await.unwrap();
        assert!((1_000_000..1_300_000).contains(&got), "{got}");
        let answer = hear(say(proxy, &request).await).await;
        assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("within an hour"), "{answer}");
    });
}

#[test]
fn a_flood_of_one_runtime_does_not_slow_another() {
    run(async {
        let (server, port) = listen().await;
        let rules = [format!("127.0.0.1:{port}")];
        let flooded = proxy(&rules, no_lookup(), Limits { quota: Quota { connections: 50, bytes: u64::MAX }, ..QUICK }).await;
        let other = proxy(&rules, no_lookup(), QUICK).await;
        let answers = Arc::new(AtomicUsize::new(0));
        let floods: Vec<_> = (0..16)
            .map(|_| {
                let answers = Arc::clone(&answers);
                tokio::spawn(async move {
                    loop {
                        let heard = hear(say(flooded, "CONNECT evil.example:443 HTTP/1.1\r\n\r\n").await).await;
                        answers.fetch_add(usize::from(heard.contains("429")), Ordering::Relaxed);
                    }
                })
            })
            .collect();
        while answers.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        let (begun, before) = (Instant::now(), answers.load(Ordering::Relaxed));
        for _ in 0..100 {
            let mut client = say(other, &format!("CONNECT 127.0.0.1:{port} HTTP/1.1\r\n\r\n")).await;
            let (_served, _) = server.accept().await.unwrap();
            hear_exactly(&mut client, OPENED).await;
        }
        let (took, flood) = (begun.elapsed(), answers.load(Ordering::Relaxed) - before);
        floods.iter().for_each(tokio::task::JoinHandle::abort);
        // A hundred a second at most, however hard it hammers; the other has its hundred connections meanwhile.
        let most = 10 + took.as_millis() / 10;
        assert!((flood as u128) <= most, "{flood} refusals in {took:?}");
    });
}

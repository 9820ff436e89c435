//! What the proxy promises of any bytes. See [`crate::fuzzing`].

use super::request::{MAX_HEAD, Request, end_of_head, parse};
use crate::model::Target;

/// A request's head: what is forwarded is one head for the origin that was named, and nothing else can be read into it.
pub(crate) fn head(bytes: &[u8]) {
    let bytes = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    let Some(end) = end_of_head(bytes, 0) else { return };
    // However it arrives, it ends at the same place.
    for seen in [1, end / 2, end.saturating_sub(1)] {
        let found = end_of_head(bytes.get(..end).unwrap_or_default(), 0);
        assert!(found == Some(end) && (seen >= end || end_of_head(bytes, seen) == Some(end)), "the head ends at {found:?} after {seen}");
    }
    match parse(bytes.get(..end).unwrap_or_default()) {
        Ok(Request::Tunnel(target)) => check_target(&target),
        Ok(Request::Forward { target, head, .. }) => {
            check_target(&target);
            check_forwarded(&head, &target);
        }
        Err(_) => {}
    }
}

/// A name that a resolver and a log can be given, which reads back as itself.
fn check_target(target: &Target) {
    let clean = target.host().bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() || b"-_.:".contains(&b));
    assert!(clean && target.port() != 0, "{target:?}");
    assert_eq!(Target::of_authority(&target.to_string(), None).as_ref(), Some(target));
}

/// The origin reads one request with one host, as we did, and closes behind it.
fn check_forwarded(head: &[u8], target: &Target) {
    assert_eq!(end_of_head(head, 0), Some(head.len()), "an end before the end");
    let mut headers = [httparse::EMPTY_HEADER; 200];
    let mut request = httparse::Request::new(&mut headers);
    assert!(matches!(request.parse(head), Ok(httparse::Status::Complete(length)) if length == head.len()), "{:?}", head.escape_ascii());
    assert!(request.path.is_some_and(|path| path == "*" || path.starts_with('/')), "{:?}", request.path);
    let values = |name: &str| {
        request.headers.iter().filter(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value).collect::<Vec<_>>()
    };
    let host = values("host");
    let named = host.first().and_then(|host| Target::of_authority(std::str::from_utf8(host).ok()?, Some(80)));
    assert!(host.len() == 1 && named.as_ref() == Some(target), "{host:?}");
    assert_eq!(values("connection"), [b"close"]);
    assert!(values("content-length").len() + values("transfer-encoding").len() <= 1);
    let ours = |name: &str| name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("proxy-"));
    assert!(!request.headers.iter().any(|header| ours(header.name)), "what was meant for the proxy went on");
}

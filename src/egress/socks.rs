//! SOCKS 5 (RFC 1928): no login, CONNECT alone; names are resolved here, under the same rules as HTTP's.
//!
//! Pure: from the bytes that have come to what they ask for, or to how many are still to come.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::request::BadRequest;
use crate::model::Target;

/// The first byte of every message.
pub(super) const VERSION: u8 = 5;

/// The first byte of SOCKS 4, which is refused: it has no names and no IPv6.
pub(super) const VERSION_4: u8 = 4;

/// The answer to a greeting: no login (RFC 1928, 3).
pub(super) const NO_LOGIN: [u8; 2] = [VERSION, 0];

/// The answer to a greeting that wants a login (RFC 1928, 3).
pub(super) const NO_METHOD: [u8; 2] = [VERSION, 0xff];

/// SOCKS 4's "request rejected".
pub(super) const REFUSED_4: [u8; 8] = [0, 0x5b, 0, 0, 0, 0, 0, 0];

/// Bytes of a request before its address.
const HEAD: usize = 4;

/// The replies (RFC 1928, 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reply {
    Succeeded = 0,
    GeneralFailure = 1,
    NotAllowed = 2,
    NetworkUnreachable = 3,
    HostUnreachable = 4,
    Refused = 5,
    CommandNotSupported = 7,
    AddressNotSupported = 8,
}

impl Reply {
    /// The reply as it is sent. The address that we connected from is nobody's business: it is left at zero, which clients ignore.
    pub(super) const fn bytes(self) -> [u8; 10] {
        [VERSION, self as u8, 0, 1, 0, 0, 0, 0, 0, 0]
    }
}

/// Understands a greeting: its length, once it is whole.
///
/// # Errors
/// The client insists on a login.
pub(super) fn greeting(bytes: &[u8]) -> Result<Option<usize>, BadRequest> {
    let Some(length) = bytes.get(1).map(|&methods| 2 + usize::from(methods)) else { return Ok(None) };
    match bytes.get(2..length) {
        None => Ok(None),
        Some(methods) if methods.contains(&0) => Ok(Some(length)),
        Some(_) => Err(BadRequest::Login),
    }
}

/// Understands a request: where to, and its length, once it is whole. At most 262 bytes.
///
/// # Errors
/// It is no SOCKS 5, no CONNECT, or names nothing that can be connected to.
pub(super) fn request(bytes: &[u8]) -> Result<Option<(Target, usize)>, BadRequest> {
    let &[version, command, _, kind, ref rest @ ..] = bytes else { return Ok(None) };
    if version != VERSION {
        return Err(BadRequest::Garbage);
    }
    if command != 1 {
        return Err(BadRequest::Command);
    }
    let end = match kind {
        1 => 4,
        4 => 16,
        3 => 1 + rest.first().map_or(0, |&length| usize::from(length)),
        _ => return Err(BadRequest::AddressType),
    };
    let (Some(address), Some(&port)) = (rest.get(..end), rest.get(end..).and_then(<[u8]>::first_chunk)) else { return Ok(None) };
    let host = match *address {
        [a, b, c, d] if kind == 1 => Ipv4Addr::new(a, b, c, d).to_string(),
        [_, ref name @ ..] if kind == 3 => String::from_utf8_lossy(name).into_owned(),
        _ => address.first_chunk::<16>().map(|octets| Ipv6Addr::from(*octets).to_string()).unwrap_or_default(),
    };
    let target = Target::new(&host, u16::from_be_bytes(port)).ok_or(BadRequest::Host)?;
    Ok(Some((target, HEAD + end + port.len())))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(kind: u8, address: &[u8], port: [u8; 2]) -> Vec<u8> {
        [&[5, 1, 0, kind], address, &port].concat()
    }

    fn target(bytes: &[u8]) -> Option<String> {
        request(bytes).unwrap().map(|(target, length)| {
            assert_eq!(length, bytes.len());
            target.to_string()
        })
    }

    #[test]
    fn all_three_kinds_of_address_are_understood() {
        assert_eq!(target(&asked(1, &[1, 2, 3, 4], [1, 187])).unwrap(), "1.2.3.4:443");
        assert_eq!(target(&asked(3, b"\x0bExample.com", [0, 80])).unwrap(), "example.com:80");
        assert_eq!(target(&asked(3, b"\x091.2.3.4.", [0, 80])), None, "a length beyond the bytes is waited for");
        let loopback = Ipv6Addr::LOCALHOST.octets();
        assert_eq!(target(&asked(4, &loopback, [31, 144])).unwrap(), "[::1]:8080");
    }

    #[test]
    fn what_comes_in_parts_is_waited_for_and_what_follows_is_left() {
        let whole = asked(3, b"\x0bexample.com", [1, 187]);
        for end in 0..whole.len() {
            assert_eq!(request(&whole[..end]), Ok(None), "{end}");
        }
        let longer = [&whole[..], b"GET /"].concat();
        assert_eq!(request(&longer).unwrap().unwrap().1, whole.len());
        assert_eq!(
            [greeting(&[5]), greeting(&[5, 2, 2]), greeting(&[5, 2, 2, 0]), greeting(&[5, 1, 0, 5])],
            [Ok(None), Ok(None), Ok(Some(4)), Ok(Some(3))]
        );
    }

    #[test]
    fn other_commands_logins_and_what_is_no_host_are_refused() {
        assert_eq!(greeting(&[5, 1, 2]), Err(BadRequest::Login));
        assert_eq!(greeting(&[5, 0]), Err(BadRequest::Login));
        for command in [0, 2, 3, 255] {
            assert_eq!(request(&[5, command, 0, 1, 1, 2, 3, 4, 0, 80]), Err(BadRequest::Command));
        }
        assert_eq!(request(&asked(2, &[1, 2, 3, 4], [0, 80])), Err(BadRequest::AddressType));
        assert_eq!(request(&[4, 1, 0, 80, 1, 2, 3, 4, 0]), Err(BadRequest::Garbage));
        assert_eq!(request(&asked(1, &[1, 2, 3, 4], [0, 0])), Err(BadRequest::Host));
        for name in [&b"\x00"[..], b"\x03a\0b", b"\x05127.1", b"\x0a2130706433", b"\x07b\xc3\xbccher", b"\x03a:b"] {
            assert_eq!(request(&asked(3, name, [0, 80])), Err(BadRequest::Host), "{name:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = greeting(&bytes);
            let framed = [&[5, 1, 0], &bytes[..]].concat();
            for text in [&bytes, &framed] {
                if let Ok(Some((_, length))) = request(text) {
                    prop_assert!(length <= text.len() && length <= 262);
                }
            }
        }
    }
}

//! A host and port as a client named them, in the one form that is let further in.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use super::ids::{BadId, serde_as_text};

/// A host and port: a DNS name in lower case (RFC 1123, and `_`) or an address, never anything else. So nothing else ever reaches a
/// resolver, a log or a chat. Names in other scripts come as their ASCII form (`xn--`), which no other name can be mistaken for.
///
/// Written `host:port`, `[v6]:port`; at most 259 bytes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// A host, with an address of version 6 written without brackets, and a port; `None` for what is neither name nor address, and for port 0.
    pub fn new(host: &str, port: u16) -> Option<Self> {
        let host = match host.parse::<Ipv6Addr>() {
            Ok(address) => address.to_string(),
            Err(_) => name_or_v4(host)?,
        };
        (port != 0).then_some(Self { host, port })
    }

    /// Takes `host:port`, `[v6]:port`, or a host alone where there is a default port.
    pub fn of_authority(text: &str, default_port: Option<u16>) -> Option<Self> {
        let (host, port) = match text.rsplit_once(':') {
            Some((_, after)) if after.contains(']') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let port = match port {
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => port.parse().ok()?,
            Some(_) => return None,
            None => default_port?,
        };
        match host.strip_prefix('[') {
            Some(rest) => Self::new(&rest.strip_suffix(']')?.parse::<Ipv6Addr>().ok()?.to_string(), port),
            None if host.contains(':') => None,
            None => Self::new(host, port),
        }
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, never 0.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address, where the host is one.
    pub fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

impl FromStr for Target {
    type Err = BadId;

    fn from_str(text: &str) -> Result<Self, BadId> {
        Self::of_authority(text, None).ok_or_else(|| BadId::new(text, "a host and port (`example.com:443`)"))
    }
}

serde_as_text!(Target);

/// Whether a text is a name that DNS could have: labels of letters, digits, `-` and `_`. One that ends in a number is none: resolvers take
/// `127.1`, `0x7f000001` and `2130706433` for addresses, and only the one usual way of writing those is let in (WHATWG URL, 3.5).
pub fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
            && !label.starts_with('-')
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let number = last.bytes().all(|b| b.is_ascii_digit()) || hexadecimal.is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
    name.len() <= 253 && !number && name.split('.').all(label)
}

fn name_or_v4(host: &str) -> Option<String> {
    let host = host.strip_suffix('.').unwrap_or(host);
    (is_host_name(host) || host.parse::<std::net::Ipv4Addr>().is_ok()).then(|| host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_is_taken_in_lower_case_and_without_its_final_dot() {
        let taken = |text: &str| Target::of_authority(text, None).map(|target| target.to_string());
        assert_eq!(taken("API.Example.com.:443").unwrap(), "api.example.com:443");
        assert_eq!(taken("[0:0::1]:8443").unwrap(), "[::1]:8443");
        assert_eq!(taken("10.0.0.5.:443").unwrap(), "10.0.0.5:443");
        assert_eq!(taken("xn--bcher-kva.example:443").unwrap(), "xn--bcher-kva.example:443");
    }

    #[test]
    fn what_is_neither_name_nor_address_is_refused() {
        let bad = "example.com example.com: example.com:0 example.com:00 example.com:65536 example.com:+443 :443 ::1:443 [::1] [::1:443 \
                   a@b:443 user:word@b:443 a/b:443 a..b:443 a..:443 .a:443 [fe80::1%25eth0]:443 [1.2.3.4]:443 http://a:443 -a:443 a%00b:443 \
                   bücher.example:443 例え.jp:443 a\u{202e}b:443";
        for text in bad.split_whitespace() {
            assert_eq!(Target::of_authority(text, None), None, "{text}");
        }
    }

    #[test]
    fn other_ways_of_writing_an_address_are_refused() {
        let bad = "2130706433 127.1 127.0.1 0x7f.1 0x7f000001 0X7F000001 0177.0.0.1 127.0.0.01 0x7f.0.0.0x1 1.2.3.4.5 256.1.1.1 127.0.0.1.. \
                   a.0x a.b.12 017700000001 0";
        for host in bad.split_whitespace() {
            assert_eq!(Target::new(host, 443), None, "{host}");
        }
        for good in ["127.0.0.1", "0x7f.example", "1.2.3.4.example", "4chan.example", "0xg.example.0xg"] {
            assert!(Target::new(good, 443).is_some(), "{good}");
        }
    }

    proptest! {
        #[test]
        fn a_target_is_a_clean_name_or_an_address(text in "\\PC{0,80}") {
            if let Some(target) = Target::of_authority(&text, Some(80)) {
                let clean = target.host().bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
                prop_assert!(clean && target.port() != 0);
                prop_assert_eq!(target.to_string().parse(), Ok(target));
            }
        }
    }
}

//! A rule that names hosts: exact or by suffix, with or without a port.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::model::target::is_host_name;

/// The ports that a rule without one means.
pub(super) const DEFAULT_PORTS: [u16; 2] = [443, 80];

/// Hosts that may be reached: `host`, `*.suffix`, either with `:port`; `[v6]:port` for an address. Without a port: 443 and 80.
///
/// Names are compared in lower case, without a final dot. `*.suffix` does not match `suffix` itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostRule {
    host: Pattern,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Pattern {
    Exact(String),
    Below(String),
}

/// Why a text is no rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadRule {
    /// The host has a character that no host has, or an empty label.
    #[error("`{0}` is not a host name, `*.suffix` or address")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("`{0}` has no port from 1 to 65535 behind its colon")]
    Port(String),
}

impl HostRule {
    /// Whether a connection to `host` (as the client named it) at `port` is allowed.
    pub fn matches(&self, host: &str, port: u16) -> bool {
        let host = normal(host);
        let by_name = match &self.host {
            Pattern::Exact(exact) => *exact == host,
            Pattern::Below(suffix) => host.strip_suffix(suffix).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.')),
        };
        by_name && self.ports().contains(&port)
    }

    /// The ports at which it allows connections.
    pub fn ports(&self) -> &[u16] {
        self.port.as_ref().map_or(&DEFAULT_PORTS, std::slice::from_ref)
    }

    /// Whether the rule names exactly this host: only then may the host lead to a private address.
    pub fn names_exactly(&self, host: &str) -> bool {
        matches!(&self.host, Pattern::Exact(exact) if *exact == normal(host))
    }
}

fn normal(host: &str) -> String {
    let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
    bare.strip_suffix('.').unwrap_or(bare).to_ascii_lowercase()
}

impl FromStr for HostRule {
    type Err = BadRule;

    fn from_str(text: &str) -> Result<Self, BadRule> {
        let text = text.trim();
        let (host, port) = match text.rsplit_once(':') {
            // More than one colon and no bracket: an address of version 6, without a port.
            Some((before, _)) if before.contains(':') && !before.ends_with(']') => (text, None),
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let port = match port.map(str::parse::<u16>) {
            None => None,
            Some(Ok(port)) if port != 0 => Some(port),
            Some(_) => return Err(BadRule::Port(text.to_owned())),
        };
        let host = normal(host);
        let (below, name) = host.strip_prefix("*.").map_or((false, host.as_str()), |suffix| (true, suffix));
        let address = name.parse::<std::net::IpAddr>().ok().filter(|_| !below);
        if address.is_none() && !is_host_name(name) {
            return Err(BadRule::Host(text.chars().take(80).collect()));
        }
        // As clients' addresses are written.
        let name = address.map_or_else(|| name.to_owned(), |address| address.to_string());
        Ok(Self { host: if below { Pattern::Below(name) } else { Pattern::Exact(name) }, port })
    }
}

impl fmt::Display for HostRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Pattern::Exact(host) if host.contains(':') => write!(f, "[{host}]")?,
            Pattern::Exact(host) => f.write_str(host)?,
            Pattern::Below(suffix) => write!(f, "*.{suffix}")?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Serialize for HostRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for HostRule {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> HostRule {
        text.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn a_rule_matches_what_it_names_and_nothing_like_it() {
        assert!(rule("api.example.com").matches("API.example.com.", 443));
        assert!(!rule("api.example.com").matches("api.example.com", 8443));
        assert!(!rule("api.example.com").matches("api.example.com.evil.net", 443));
        assert!(rule("*.example.com").matches("a.b.example.com", 80));
        assert!(!rule("*.example.com").matches("example.com", 80));
        assert!(!rule("*.example.com").matches("evilexample.com", 80));
        assert!(!rule("*.example.com").matches(".example.com", 80));
        assert!(rule("db:5432").matches("db", 5432));
        assert!(rule("[::1]:8080").matches("[::1]", 8080));
        assert!(rule("::1").matches("::1", 443));
        assert!(rule("[0:0::1]:80").matches("::1", 80));
    }

    #[test]
    fn a_rule_reads_back_what_it_writes() {
        for text in ["a.b", "*.a.b:1", "[::1]:80", "[fe80::1]", "127.0.0.1:9"] {
            assert_eq!(rule(&rule(text).to_string()), rule(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for bad in [
            "",
            "*",
            "*.",
            "a..b",
            "a b",
            "a/b",
            "http://a",
            "a:0",
            "a:70000",
            "a:x",
            "*.1.2.3.4",
            "127.1",
            "0x7f000001",
            "2130706433:80",
            "bücher.de",
        ] {
            assert!(bad.parse::<HostRule>().is_err(), "{bad:?}");
        }
    }
}

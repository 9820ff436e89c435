//! Whether a runtime may reach a host: decided by the name, and again by every address that the name leads to.

use std::net::{IpAddr, SocketAddr};

use super::address::Place;
use super::request::Target;
use crate::config::HostRule;

/// Why a host is out of reach. Each text names the host and the way to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No rule names the host and port.
    #[error("This agent may not reach {0}; whoever runs kiroclaw can allow it by adding it to EGRESS_ALLOW.")]
    NotNamed(Target),
    /// The host leads to a private or special address, and no rule allows that.
    #[error(
        "{0} leads to an address that is not on the public internet; \
         whoever runs kiroclaw can allow that by adding exactly this host (no `*`), or the address itself, to EGRESS_ALLOW."
    )]
    NotPublic(Target),
}

/// The permission to connect to one target. [`judge`] is its only maker; it says which of the target's addresses may be used.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permission {
    target: Target,
    reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Named by a suffix: public addresses.
    Public,
    /// A name that a rule names exactly: private networks and this machine too.
    Private,
    /// An address that a rule names exactly: that address, whatever it is.
    Named(IpAddr),
}

/// Decides by name and port.
///
/// # Errors
/// [`Refusal::NotNamed`].
pub(super) fn judge(rules: &[HostRule], target: &Target) -> Result<Permission, Refusal> {
    let fitting = || rules.iter().filter(|rule| rule.matches(target.host(), target.port()));
    if fitting().next().is_none() {
        return Err(Refusal::NotNamed(target.clone()));
    }
    let reach = match (fitting().any(|rule| rule.names_exactly(target.host())), target.address()) {
        (true, Some(address)) => Reach::Named(address),
        (true, None) => Reach::Private,
        (false, _) => Reach::Public,
    };
    Ok(Permission { target: target.clone(), reach })
}

impl Permission {
    /// What may be connected to.
    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// The addresses among `resolved` that may be connected to; at least one.
    ///
    /// # Errors
    /// [`Refusal::NotPublic`] when there is none.
    pub(super) fn admit(&self, resolved: &[SocketAddr]) -> Result<Vec<SocketAddr>, Refusal> {
        let admitted: Vec<SocketAddr> = resolved.iter().copied().filter(|address| self.admits(address.ip())).collect();
        if admitted.is_empty() { Err(Refusal::NotPublic(self.target.clone())) } else { Ok(admitted) }
    }

    fn admits(&self, address: IpAddr) -> bool {
        match (self.reach, Place::of(address)) {
            (Reach::Named(named), _) => named == address,
            (_, Place::Public) | (Reach::Private, Place::Private) => true,
            (Reach::Public, Place::Private) | (Reach::Public | Reach::Private, Place::Special) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(texts: &[&str]) -> Vec<HostRule> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn target(text: &str) -> Target {
        Target::of_authority(text, None).unwrap()
    }

    fn reaches(rule: &[&str], asked: &str, address: &str) -> bool {
        let Ok(permission) = judge(&rules(rule), &target(asked)) else { return false };
        permission.admit(&[SocketAddr::new(address.parse().unwrap(), 443)]).is_ok()
    }

    #[test]
    fn what_no_rule_names_is_refused_with_the_way_to_mend_it() {
        let refused = judge(&rules(&["api.example.com"]), &target("evil.example:443")).unwrap_err().to_string();
        assert!(refused.contains("evil.example:443") && refused.contains("EGRESS_ALLOW"), "{refused}");
        assert!(judge(&rules(&["api.example.com"]), &target("api.example.com:22")).is_err());
        assert!(judge(&[], &target("api.example.com:443")).is_err());
    }

    #[test]
    fn private_addresses_need_the_exact_name_and_special_ones_the_very_address() {
        assert!(reaches(&["*.example.com"], "a.example.com:443", "1.1.1.1"));
        assert!(!reaches(&["*.example.com"], "a.example.com:443", "10.0.0.5"));
        assert!(!reaches(&["*.example.com"], "a.example.com:443", "127.0.0.1"));
        assert!(reaches(&["db.example.com"], "db.example.com:443", "10.0.0.5"));
        assert!(reaches(&["localhost:8080"], "localhost:8080", "::1"));
        assert!(!reaches(&["db.example.com"], "db.example.com:443", "169.254.169.254"));
        assert!(!reaches(&["db.example.com"], "db.example.com:443", "::ffff:10.0.0.5"));
        assert!(reaches(&["169.254.169.254"], "169.254.169.254:443", "169.254.169.254"));
        assert!(reaches(&["10.0.0.5"], "10.0.0.5:443", "10.0.0.5"));
        assert!(!reaches(&["10.0.0.5"], "10.0.0.5:443", "10.0.0.6"));
    }

    #[test]
    fn an_exact_name_for_one_port_gives_no_private_address_at_another() {
        assert!(!reaches(&["db.example.com:5432", "*.example.com"], "db.example.com:443", "10.0.0.5"));
    }

    #[test]
    fn of_several_addresses_only_the_admitted_remain() {
        let permission = judge(&rules(&["*.example.com"]), &target("a.example.com:443")).unwrap();
        let resolved = ["127.0.0.1:443", "1.1.1.1:443", "[::1]:443"].map(|text| text.parse().unwrap());
        assert_eq!(permission.admit(&resolved).unwrap(), ["1.1.1.1:443".parse().unwrap()]);
        assert!(matches!(permission.admit(&[]), Err(Refusal::NotPublic(_))));
    }
}

//! Whether a runtime may reach a host: decided by the name, and again by every address that the name leads to.

use std::net::{IpAddr, SocketAddr};
use std::sync::{PoisonError, RwLock};

use super::address::Place;
use crate::config::HostRule;
use crate::model::Target;

/// Why a host is out of reach. Each text names the host and the way to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    /// No rule names the host and port.
    #[error("This agent may not reach {0}; an operator of kiroclaw can allow it, where the chat asks or by adding it to EGRESS_ALLOW.")]
    NotNamed(Target),
    /// The host leads to a private or special address, and no rule allows that.
    #[error(
        "{0} leads to an address that is not on the public internet; \
         whoever runs kiroclaw can allow that by adding exactly this host (no `*`), or the address itself, to EGRESS_ALLOW."
    )]
    NotPublic(Target),
}

/// What one runtime may reach: what its agent's configuration names, and what operators have granted since.
#[derive(Debug, Default)]
pub(super) struct Policy {
    rules: Vec<HostRule>,
    granted: RwLock<Vec<Target>>,
}

/// The permission to connect to one target. [`Policy::judge`] is its only maker; it says which of the target's addresses may be used.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Permission {
    target: Target,
    reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Named by a suffix, or granted: public addresses.
    Public,
    /// A name that a rule names exactly: private networks and this machine too.
    Private,
    /// An address that a rule names exactly: that address, whatever it is.
    Named(IpAddr),
}

impl Policy {
    /// The rules of the configuration, and what is granted beyond them.
    pub(super) fn new(rules: Vec<HostRule>, granted: Vec<Target>) -> Self {
        Self { rules, granted: RwLock::new(granted) }
    }

    /// From now on this is what is granted beyond the rules. Connections that stand go on.
    pub(super) fn grant(&self, targets: Vec<Target>) {
        *self.granted.write().unwrap_or_else(PoisonError::into_inner) = targets;
    }

    /// Decides by name and port. What was granted by a tap leads to public addresses alone, whatever the target is.
    ///
    /// # Errors
    /// [`Refusal::NotNamed`].
    pub(super) fn judge(&self, target: &Target) -> Result<Permission, Refusal> {
        let fitting = || self.rules.iter().filter(|rule| rule.matches(target.host(), target.port()));
        let reach = match (fitting().any(|rule| rule.names_exactly(target.host())), target.address()) {
            (true, Some(address)) => Reach::Named(address),
            (true, None) => Reach::Private,
            (false, _) if fitting().next().is_some() || self.is_granted(target) => Reach::Public,
            (false, _) => return Err(Refusal::NotNamed(target.clone())),
        };
        Ok(Permission { target: target.clone(), reach })
    }

    fn is_granted(&self, target: &Target) -> bool {
        self.granted.read().unwrap_or_else(PoisonError::into_inner).contains(target)
    }
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

    fn judge(rule: &[&str], asked: &str) -> Result<Permission, Refusal> {
        Policy::new(rules(rule), Vec::new()).judge(&target(asked))
    }

    fn reaches(rule: &[&str], asked: &str, address: &str) -> bool {
        let Ok(permission) = judge(rule, asked) else { return false };
        permission.admit(&[SocketAddr::new(address.parse().unwrap(), 443)]).is_ok()
    }

    #[test]
    fn what_no_rule_names_is_refused_with_the_way_to_mend_it() {
        let refused = judge(&["api.example.com"], "evil.example:443").unwrap_err().to_string();
        assert!(refused.contains("evil.example:443") && refused.contains("EGRESS_ALLOW"), "{refused}");
        assert!(judge(&["api.example.com"], "api.example.com:22").is_err());
        assert!(judge(&[], "api.example.com:443").is_err());
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
        let permission = judge(&["*.example.com"], "a.example.com:443").unwrap();
        let resolved = ["127.0.0.1:443", "1.1.1.1:443", "[::1]:443"].map(|text| text.parse().unwrap());
        assert_eq!(permission.admit(&resolved).unwrap(), ["1.1.1.1:443".parse().unwrap()]);
        assert!(matches!(permission.admit(&[]), Err(Refusal::NotPublic(_))));
    }

    #[test]
    fn what_is_granted_is_that_host_and_port_on_public_addresses_until_it_is_taken_back() {
        let policy = Policy::new(rules(&["api.example.com"]), vec![target("a.example:443")]);
        let admits = |asked: &str, address: &str| {
            policy.judge(&target(asked)).is_ok_and(|it| it.admit(&[SocketAddr::new(address.parse().unwrap(), 443)]).is_ok())
        };
        assert!(admits("A.example.:443", "1.1.1.1") && !admits("a.example:80", "1.1.1.1") && !admits("b.a.example:443", "1.1.1.1"));
        for private in ["10.0.0.1", "127.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"] {
            assert!(!admits("a.example:443", private), "{private}");
        }
        policy.grant(vec![target("10.0.0.5:443"), target("1.1.1.1:443")]);
        assert!(!admits("a.example:443", "1.1.1.1"), "the new grants are all there are");
        assert!(admits("1.1.1.1:443", "1.1.1.1") && !admits("10.0.0.5:443", "10.0.0.5"), "a private address is never granted");
        assert!(admits("api.example.com:443", "10.0.0.5"), "the rules stay");
    }
}

//! What sort of place an address is (IANA special-purpose registries, RFC 6890 and its successors).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The public internet.
    Public,
    /// This machine or its own networks: only for hosts that a rule names exactly.
    Private,
    /// Link-local addresses (the metadata services of clouds among them), groups, documentation, and addresses that hide another one:
    /// only where a rule names the very address.
    Special,
}

type Block4 = (Ipv4Addr, u32, Place);
type Block6 = (Ipv6Addr, u32, Place);

const fn v4(a: u8, b: u8, c: u8, prefix: u32, place: Place) -> Block4 {
    (Ipv4Addr::new(a, b, c, 0), prefix, place)
}

const fn v6(a: u16, b: u16, c: u16, prefix: u32, place: Place) -> Block6 {
    (Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix, place)
}

/// The metadata service of a cloud, in the block of carriers' networks.
const METADATA_OF_CARRIERS: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 200);

/// What a cloud serves its machines at a public address.
const SERVICES_OF_A_CLOUD: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// Every block of version 4 that is not the public internet; the first that fits.
const BLOCKS4: &[Block4] = &[
    (METADATA_OF_CARRIERS, 32, Place::Special),
    (SERVICES_OF_A_CLOUD, 32, Place::Special),
    v4(0, 0, 0, 8, Place::Special),       // "this network", unspecified
    v4(10, 0, 0, 8, Place::Private),      // private use
    v4(100, 64, 0, 10, Place::Private),   // carrier-grade NAT, also used by overlay networks
    v4(127, 0, 0, 8, Place::Private),     // loopback
    v4(169, 254, 0, 16, Place::Special),  // link-local, 169.254.169.254
    v4(172, 16, 0, 12, Place::Private),   // private use
    v4(192, 0, 0, 24, Place::Special),    // protocol assignments
    v4(192, 0, 2, 24, Place::Special),    // documentation
    v4(192, 88, 99, 24, Place::Special),  // 6to4 relays
    v4(192, 168, 0, 16, Place::Private),  // private use
    v4(198, 18, 0, 15, Place::Special),   // benchmarks
    v4(198, 51, 100, 24, Place::Special), // documentation
    v4(203, 0, 113, 24, Place::Special),  // documentation
    v4(224, 0, 0, 4, Place::Special),     // multicast
    v4(240, 0, 0, 4, Place::Special),     // reserved, broadcast
];

/// The metadata service of a cloud.
const METADATA: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);

/// Blocks of version 6, the first that fits. What fits none is [`Place::Special`]: unspecified, mapped and compatible (::/96,
/// ::ffff:0:0/96), NAT64 (64:ff9b::/96, 64:ff9b:1::/48), discard, link-local, site-local, multicast, and what is not given out yet.
const BLOCKS6: &[Block6] = &[
    (Ipv6Addr::LOCALHOST, 128, Place::Private),
    (METADATA, 128, Place::Special),
    v6(0xfd20, 0xce, 0, 32, Place::Special),  // another cloud's
    v6(0xfc00, 0, 0, 7, Place::Private),      // unique local
    v6(0x2001, 0, 0, 23, Place::Special),     // protocol assignments: Teredo, benchmarks, ORCHID
    v6(0x2001, 0xdb8, 0, 32, Place::Special), // documentation
    v6(0x2002, 0, 0, 16, Place::Special),     // 6to4: hides an address of version 4
    v6(0x3fff, 0, 0, 20, Place::Special),     // documentation
    v6(0x2000, 0, 0, 3, Place::Public),       // the rest of what is given out
];

/// Whether the last 64 bits are those of a tunnel that hides an address of version 4, whatever the network (ISATAP, RFC 5214, 6.1).
fn hides_v4(address: Ipv6Addr) -> bool {
    matches!(address.segments(), [.., 0 | 0x200, 0x5efe, _, _])
}

impl Place {
    /// Where `address` leads.
    pub(super) fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => {
                let within = |&&(block, prefix, _): &&Block4| (address.to_bits() ^ block.to_bits()) >> (32 - prefix) == 0;
                BLOCKS4.iter().find(within).map_or(Self::Public, |&(.., place)| place)
            }
            IpAddr::V6(address) if hides_v4(address) => Self::Special,
            IpAddr::V6(address) => {
                let within = |&&(block, prefix, _): &&Block6| (address.to_bits() ^ block.to_bits()) >> (128 - prefix) == 0;
                BLOCKS6.iter().find(within).map_or(Self::Special, |&(.., place)| place)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_block_is_known() {
        let table = [
            (Place::Public, "1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0"),
            (Place::Public, "172.15.255.255 172.32.0.0 192.0.1.0 192.167.255.255 198.17.255.255 198.20.0.0 223.255.255.255"),
            (Place::Public, "2606:4700:4700::1111 2a00:1450:4001::1 2001:4860:4860::8888 2003::1 3fff:1000::1"),
            (Place::Private, "10.0.0.0 10.255.255.255 127.0.0.1 127.255.255.255 172.16.0.0 172.31.255.255 192.168.0.1 192.168.255.255"),
            (Place::Private, "100.64.0.0 100.100.100.199 100.100.100.201 100.127.255.255 ::1 fc00::1 fd00:ec2::253 fdff::"),
            (Place::Special, "0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.0 192.0.0.192 192.0.2.1 192.88.99.1 198.18.0.0 198.19.255.255"),
            (Place::Special, "198.51.100.7 203.0.113.7 224.0.0.1 239.255.255.255 240.0.0.1 255.255.255.255"),
            (Place::Special, ":: ::2 ::7f00:1 ::10.0.0.1 ::ffff:127.0.0.1 ::ffff:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1"),
            (Place::Special, "100::1 2001::1 2001:0:53aa:64c::1 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1:: 2002:a00:1::"),
            (Place::Special, "100.100.100.200 168.63.129.16 fd00:ec2::254 fd20:ce::254 2a00:1450::5efe:a00:1 2a00:1450::200:5efe:7f00:1"),
            (Place::Public, "168.63.129.15 168.63.129.17 2a00:1450::5eff:a00:1"),
            (Place::Special, "3fff::1 5f00::1 fe80::1 febf::1 fec0::1 ff02::1 4000::1 8000::1"),
        ];
        for (place, addresses) in table {
            for address in addresses.split(' ') {
                assert_eq!(Place::of(address.parse().unwrap()), place, "{address}");
            }
        }
    }

    #[test]
    fn the_standard_library_agrees_where_it_has_a_word() {
        for bits in (0..=u32::MAX).step_by(65_537) {
            let address = Ipv4Addr::from_bits(bits);
            let special = address.is_link_local()
                || address.is_multicast()
                || address.is_documentation()
                || address.is_unspecified()
                || address.is_broadcast();
            if address.is_private() || address.is_loopback() {
                assert_eq!(Place::of(address.into()), Place::Private, "{address}");
            } else if special {
                assert_eq!(Place::of(address.into()), Place::Special, "{address}");
            }
        }
    }
}

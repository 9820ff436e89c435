//! The seccomp filters that `build.rs` compiled from `seccomp/*.json`.

use seccompiler::sock_filter;

use super::JailError;

/// A profile: what it allows, and the stack of what it refuses by numbers of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Profile {
    name: &'static str,
    allow: &'static [u8],
    refuse: &'static [u8],
}

macro_rules! compiled {
    ($file:literal) => {
        include_bytes!(concat!(env!("OUT_DIR"), "/", $file))
    };
}

/// For the warden, and so for everything below it.
pub(crate) const WARDEN: Profile = Profile { name: "warden", allow: compiled!("warden.allow.bpf"), refuse: compiled!("warden.refuse.bpf") };
/// For the gateway.
pub(crate) const GATEWAY: Profile =
    Profile { name: "gateway", allow: compiled!("gateway.allow.bpf"), refuse: compiled!("gateway.refuse.bpf") };
/// For the egress.
pub(crate) const EGRESS: Profile = Profile { name: "egress", allow: compiled!("egress.allow.bpf"), refuse: compiled!("egress.refuse.bpf") };
/// For runtimes.
pub(crate) const AGENT: Profile = Profile { name: "agent", allow: compiled!("agent.allow.bpf"), refuse: compiled!("agent.refuse.bpf") };
/// On top of that for runtimes without a network namespace and without hosts.
pub(crate) const OFFLINE: Profile = Profile { name: "offline", allow: &[], refuse: compiled!("offline.refuse.bpf") };
/// On top of that for runtimes without a network namespace.
pub(crate) const SHARED_NETWORK: Profile = Profile { name: "shared-network", allow: &[], refuse: compiled!("shared-network.refuse.bpf") };
/// On top of that where Landlock does not know truncate(2).
pub(crate) const NO_TRUNCATE: Profile = Profile { name: "no-truncate", allow: &[], refuse: compiled!("no-truncate.refuse.bpf") };

/// Applies a profile to this thread, for good. Needs `no_new_privs`. The allowing filter goes last: it does not allow the call itself.
pub(crate) fn apply(profile: Profile) -> Result<(), JailError> {
    let mut rest = profile.refuse;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (program, after) = after.split_at(length.min(after.len()));
        apply_program(profile.name, program)?;
        rest = after;
    }
    if profile.allow.is_empty() { Ok(()) } else { apply_program(profile.name, profile.allow) }
}

fn apply_program(name: &'static str, bytes: &[u8]) -> Result<(), JailError> {
    let program: Vec<sock_filter> = bytes
        .as_chunks::<8>()
        .0
        .iter()
        .map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| sock_filter {
            code: u16::from_le_bytes([c0, c1]),
            jt,
            jf,
            k: u32::from_le_bytes([k0, k1, k2, k3]),
        })
        .collect();
    seccompiler::apply_filter(&program).map_err(|error| JailError::Seccomp(name, error.to_string()))
}

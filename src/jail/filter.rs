//! The seccomp filters that `build.rs` compiled from `seccomp/*.json`.

use seccompiler::sock_filter;

use super::JailError;
use crate::config::SeccompMode;

/// BPF_RET | BPF_K: the instruction that answers (linux/bpf_common.h).
const ANSWER: u16 = 0x06;

/// The part of an answer that says what is done (linux/seccomp.h).
const ACTION: u32 = 0xffff_0000;

/// SECCOMP_RET_ERRNO.
const REFUSE: u32 = 0x0005_0000;

/// SECCOMP_RET_LOG: the call is made, and logged where /proc/sys/kernel/seccomp/actions_logged lists `log` (Linux 4.14).
const LOG: u32 = 0x7ffc_0000;

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
///
/// The mode is about what is not allowed. What is refused by a number of its own stays refused: programs fall back at those answers, the
/// store's durability among them, and a network that is not a runtime's own stays closed.
pub(crate) fn apply(profile: Profile, mode: SeccompMode) -> Result<(), JailError> {
    let mut rest = profile.refuse;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (program, after) = after.split_at(length.min(after.len()));
        apply_program(profile.name, instructions(program).collect())?;
        rest = after;
    }
    if profile.allow.is_empty() {
        return Ok(());
    }
    let program = instructions(profile.allow);
    apply_program(profile.name, if mode == SeccompMode::Log { program.map(logging).collect() } else { program.collect() })
}

fn instructions(bytes: &[u8]) -> impl Iterator<Item = sock_filter> {
    bytes.as_chunks::<8>().0.iter().map(|&[c0, c1, jt, jf, k0, k1, k2, k3]| sock_filter {
        code: u16::from_le_bytes([c0, c1]),
        jt,
        jf,
        k: u32::from_le_bytes([k0, k1, k2, k3]),
    })
}

/// The same instruction, but that it logs what it refused. A foreign architecture's calls still end the process.
fn logging(instruction: sock_filter) -> sock_filter {
    let refuses = instruction.code == ANSWER && instruction.k & ACTION == REFUSE;
    if refuses { sock_filter { k: LOG, ..instruction } } else { instruction }
}

fn apply_program(name: &'static str, program: Vec<sock_filter>) -> Result<(), JailError> {
    seccompiler::apply_filter(&program).map_err(|error| JailError::Seccomp(name, error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often a program answers so.
    fn answers(program: impl Iterator<Item = sock_filter>, action: u32) -> usize {
        program.filter(|instruction| instruction.code == ANSWER && instruction.k & ACTION == action).count()
    }

    #[test]
    fn a_logging_filter_refuses_nothing_and_is_the_same_otherwise() {
        for profile in [WARDEN, GATEWAY, EGRESS, AGENT] {
            let refusals = answers(instructions(profile.allow), REFUSE);
            assert!(refusals > 0 && answers(instructions(profile.allow), LOG) == 0, "{profile:?}");
            let logging = || instructions(profile.allow).map(super::logging);
            assert_eq!((answers(logging(), REFUSE), answers(logging(), LOG)), (0, refusals));
            let changed = instructions(profile.allow).zip(logging()).filter(|(before, after)| before.k != after.k).count();
            assert_eq!(changed, refusals);
        }
    }

    #[test]
    fn every_program_fits_into_the_kernel_s_limits() {
        /// BPF_MAXINSNS (linux/bpf_common.h).
        const MOST: usize = 4096;
        for profile in [WARDEN, GATEWAY, EGRESS, AGENT] {
            let length = instructions(profile.allow).count();
            assert!((1..=MOST).contains(&length), "{}: {length}", profile.name);
        }
    }
}

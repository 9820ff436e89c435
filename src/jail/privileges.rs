//! Privileges, given up for good.

use caps::{CapSet, Capability, CapsHashSet};
use rustix::io::Errno;
use rustix::process::DumpableBehavior;
use rustix::thread::CapabilitySet;

use super::JailError;

/// No core dumps, no ptrace, no reading of `/proc/PID/{environ,mem,maps,fd}` by processes of the same user (prctl(2), PR_SET_DUMPABLE).
/// Undone by `exec`, so each of our programs says it first thing.
pub(crate) fn make_undumpable() -> Result<(), JailError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(JailError::step("PR_SET_DUMPABLE"))
}

/// Undoes [`make_undumpable`] in a process that is about to `exec` a stranger's program: until then its own /proc files are root's.
pub(crate) fn make_dumpable() -> Result<(), JailError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(JailError::step("PR_SET_DUMPABLE"))
}

/// Drops all capabilities in all five sets and forbids new ones (capabilities(7), PR_SET_NO_NEW_PRIVS), then looks whether it is so.
///
/// The bounding set cannot be emptied without CAP_SETPCAP; with nothing permitted and no new privileges it grants nothing.
pub(crate) fn drop_all() -> Result<(), JailError> {
    drop_all_but(&CapsHashSet::new())
}

/// As [`drop_all`], in a user namespace of one's own that is left by `exec` or by nobody. Where even giving up is refused (capset(2), as by
/// systemd's `SystemCallFilter=~@privileged`), it is enough that `exec` gives up all: then the command has nothing, and whoever stays inside,
/// which is ours, keeps powers over nothing but the namespaces of that command.
pub(crate) fn drop_all_by_exec() -> Result<(), JailError> {
    drop_all().or_else(|error| if exec_leaves_nothing()? { Ok(()) } else { Err(error) })
}

/// Whether an executed program has none (capabilities(7), "Transformation of capabilities during execve()"). For who is not root only what is
/// inheritable is passed on, of which what is ambient is a part, and what a file has as far as it is bounded.
fn exec_leaves_nothing() -> Result<bool, JailError> {
    let root = rustix::process::geteuid().is_root() || rustix::process::getuid().is_root();
    let is_empty = |set| caps::read(None, set).map(|held| held.is_empty()).map_err(failed);
    Ok(!root && is_empty(CapSet::Inheritable)? && is_empty(CapSet::Bounding)?)
}

/// As [`drop_all`], but leaves root what it needs to be mapped into a user namespace (user_namespaces(7): CAP_SETFCAP, since Linux 5.12);
/// for whoever makes jails, until they are made. An ordinary user needs, has and keeps none.
pub(crate) fn drop_all_but_mapping() -> Result<(), JailError> {
    let held = caps::has_cap(None, CapSet::Permitted, Capability::CAP_SETFCAP).map_err(failed)?;
    let needed = held && rustix::process::geteuid().is_root();
    drop_all_but(&needed.then_some(Capability::CAP_SETFCAP).into_iter().collect())
}

fn failed(error: caps::errors::CapsError) -> JailError {
    JailError::Capabilities(error.to_string())
}

fn drop_all_but(kept: &CapsHashSet) -> Result<(), JailError> {
    rustix::thread::set_no_new_privs(true).map_err(JailError::step("PR_SET_NO_NEW_PRIVS"))?;
    caps::clear(None, CapSet::Ambient).map_err(failed)?;
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP).map_err(failed)? {
        for capability in caps::all().difference(kept) {
            match rustix::thread::remove_capability_from_bounding_set(CapabilitySet::from_bits_retain(capability.bitmask())) {
                // This kernel has no such capability.
                Ok(()) | Err(Errno::INVAL) => {}
                Err(errno) => return Err(JailError::step("PR_CAPBSET_DROP")(errno)),
            }
        }
    }
    let none = CapsHashSet::new();
    for (set, kept) in [(CapSet::Inheritable, &none), (CapSet::Effective, kept), (CapSet::Permitted, kept)] {
        // Who holds nothing has nothing to ask for: capset(2) may be refused.
        if caps::read(None, set).map_err(failed)? != *kept {
            caps::set(None, set, kept).map_err(failed)?;
        }
    }
    // What is ambient is always inheritable too (capabilities(7)).
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        let left = caps::read(None, set).map_err(failed)?;
        if !left.is_subset(kept) {
            return Err(JailError::Capabilities(format!("{set:?} still holds {left:?}")));
        }
    }
    Ok(())
}

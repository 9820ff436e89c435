//! The lock-down of our own roles: what each may do from the moment that it serves.

use std::path::PathBuf;

use rustix::process::Signal;

use super::domain::{Grants, Network};
use super::{JailError, Plan, apart, domain, filter, limits, plan, privileges, sys};
use crate::config::{Config, SeccompMode};

/// Our roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Starts the others. Its filter is the widest, since all below inherit it.
    Warden,
    /// Telegram, store, sessions.
    Gateway,
    /// The runtimes' way out.
    Egress,
}

/// What a role may see and reach.
#[derive(Debug, Clone, Default)]
pub struct RoleGrants {
    /// To read and list; what does not exist is left out.
    pub read: Vec<PathBuf>,
    /// To read and write.
    pub write: Vec<PathBuf>,
    /// To read and execute.
    pub execute: Vec<PathBuf>,
    /// The TCP ports to connect to; `None` for any.
    pub connect_ports: Option<Vec<u16>>,
    /// Whether its filter refuses, or logs.
    pub seccomp: SeccompMode,
}

impl RoleGrants {
    /// What name lookups read (resolv.conf(5), hosts(5), nsswitch.conf(5)).
    pub fn name_service() -> Vec<PathBuf> {
        ["resolv.conf", "hosts", "nsswitch.conf", "host.conf", "gai.conf", "services"]
            .iter()
            .map(|name| PathBuf::from("/etc").join(name))
            .collect()
    }

    /// What the warden needs: everything that it has to be able to pass on.
    pub fn of_warden(config: &Config) -> Self {
        let mut execute = plan::executable_for_any(config);
        execute.push(PathBuf::from("/proc/self/exe"));
        let mut read: Vec<PathBuf> = ["/proc", "/etc", "/sys/devices/system/cpu"].iter().map(PathBuf::from).collect();
        read.push(config.kiro_config.clone());
        read.extend(config.kiro_login.iter().filter_map(|login| login.parent()).map(PathBuf::from));
        Self { read, write: plan::writable_for_any(config), execute, connect_ports: None, seccomp: config.seccomp }
    }
}

/// Locks this process down, for good: non-dumpable, a bound to its memory, no capabilities in any set, no new privileges, Landlock, seccomp.
///
/// A warden whose jails may have a view of files of their own goes without Landlock, since nobody in a domain may mount (landlock(7)); it
/// gives its jails more than it had. As root it keeps what root needs to be mapped into their namespaces.
///
/// # Errors
/// There is a second thread already, or the kernel refuses a part; the role must not serve then.
pub fn lock_down(role: Role, grants: &RoleGrants) -> Result<(), JailError> {
    match sys::thread_count().map_err(JailError::step("counting threads"))? {
        1 => {}
        threads => return Err(JailError::Threads(threads)),
    }
    privileges::make_undumpable()?;
    if role == Role::Warden {
        if grants.seccomp == SeccompMode::Log {
            tracing::warn!(
                "SECCOMP=log: no filter refuses anything, of agents neither; `kiroclaw doctor` says where to read what is logged"
            );
        }
        privileges::drop_all_but_mapping()?;
        if apart::may_have_files()? {
            return filter::apply(filter::WARDEN, grants.seccomp);
        }
    } else {
        limits::apply_to_role()?;
        privileges::drop_all()?;
        // Whatever it waits for at that moment, a store that hangs included: without its warden it is of no use, and the next start goes on
        // from what is durable. After the capabilities, since a change of credentials may clear it (prctl(2)).
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(JailError::step("PR_SET_PDEATHSIG"))?;
    }
    let network = grants.connect_ports.clone().map_or(Network::Unrestricted, Network::ConnectToIfPossible);
    domain::restrict(&Grants {
        read: grants.read.iter().filter(|path| path.exists()).cloned().collect(),
        execute: grants.execute.clone(),
        device: if role == Role::Warden { warden_devices() } else { Vec::new() },
        write: if role == Role::Warden { Vec::new() } else { grants.write.clone() },
        // Below the warden are agents, who may execute what they write.
        write_execute: if role == Role::Warden { grants.write.clone() } else { Vec::new() },
        network,
        scoped: role != Role::Warden,
    })?;
    let profile = match role {
        Role::Warden => filter::WARDEN,
        Role::Gateway => filter::GATEWAY,
        Role::Egress => filter::EGRESS,
    };
    filter::apply(profile, grants.seccomp)
}

/// The devices of jails, and /proc, where a jail raises its `oom_score_adj`.
fn warden_devices() -> Vec<PathBuf> {
    let mut devices = Plan::devices();
    devices.push(PathBuf::from("/proc"));
    devices
}

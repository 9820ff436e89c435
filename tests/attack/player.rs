//! Plays one of our roles for the attack battery: locks itself down just as the role does, and ends. What was loaded into it (LD_PRELOAD)
//! then makes its attempt, as if an attacker had code execution there.
//!
//! Arguments: the role, and the directory of the stage.
#![allow(clippy::print_stderr, reason = "a test says what failed")]

use std::path::{Path, PathBuf};

use kiroclaw::jail::role::{Role, RoleGrants, lock_down};
use kiroclaw::jail::sys;

/// HTTPS and name lookups, as the roles have them with the real Bot API and a named host.
const PORTS: [u16; 2] = [443, 53];

fn main() {
    let words: Vec<String> = std::env::args().collect();
    let stage = Path::new(&words[2]);
    let role = match words[1].as_str() {
        "gateway" => Role::Gateway,
        "egress" => Role::Egress,
        "warden" => Role::Warden,
        other => panic!("{other} is no role"),
    };
    // As each role begins.
    let swept = sys::close_from(3).map_err(|error| error.to_string());
    if let Err(error) = swept.and_then(|()| lock_down(role, &grants(role, stage)).map_err(|error| error.to_string())) {
        eprintln!("{}: {error}", words[1]);
        // Not by exit: then the attempt would be made without the lock-down.
        std::process::abort();
    }
}

/// As `gateway.rs`, `egress.rs` and [`RoleGrants::of_warden`] have them, for the places of the stage.
fn grants(role: Role, stage: &Path) -> RoleGrants {
    let below = |names: &[&str]| names.iter().map(|name| stage.join(name)).collect();
    match role {
        Role::Gateway => RoleGrants {
            read: RoleGrants::name_service(),
            write: below(&["state/store", "state/incoming", "workspaces", "state/run"]),
            execute: Vec::new(),
            connect_ports: Some(PORTS.to_vec()),
            ..RoleGrants::default()
        },
        Role::Egress => RoleGrants { read: RoleGrants::name_service(), connect_ports: Some(PORTS.to_vec()), ..RoleGrants::default() },
        Role::Warden => RoleGrants {
            read: ["/proc", "/etc", "/sys/devices/system/cpu"].iter().map(PathBuf::from).collect(),
            write: below(&["state", "workspaces"]),
            execute: [PathBuf::from("/usr")].into(),
            ..RoleGrants::default()
        },
    }
}

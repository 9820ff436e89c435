//! What our own roles can still do after their lock-down, tried by a process that has locked itself down just so.
//!
//! Without the test harness: this program starts itself once for each role, and that process, with one thread, makes the attempts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test: a failed step fails it, and it says what it did"
)]

#[path = "roles/care.rs"]
mod care;

use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use kiroclaw::config::SeccompMode;
use kiroclaw::jail::role::{Role, RoleGrants, lock_down};
use kiroclaw::jail::sys;
use rustix::fs::{AtFlags, CWD, Mode};
use rustix::net::{AddressFamily, Protocol, SendFlags, SocketType};
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};

/// Names the role to the process that is to play it.
const ROLE: &str = "ROLES_TEST_ROLE";

/// Names its own directory to it.
const DIRECTORY: &str = "ROLES_TEST_DIRECTORY";

/// EPERM: the filter's answer.
const REFUSED: i32 = 1;

/// EACCES: Landlock's.
const DENIED: i32 = 13;

fn main() -> ExitCode {
    if let Some(role) = std::env::var_os(ROLE) {
        let directory = || std::env::var_os(DIRECTORY).unwrap();
        match role.to_str().unwrap() {
            "gateway" => play(Role::Gateway, Path::new(&directory())),
            "egress" => play(Role::Egress, Path::new(&directory())),
            "care" => care::play(Path::new(&directory())),
            "aborting gateway" => {
                lock_down(Role::Gateway, &RoleGrants::default()).unwrap();
                std::process::abort();
            }
            _ => play_warden(),
        }
        return ExitCode::SUCCESS;
    }
    // As the harness answers those who ask what there is.
    if std::env::args().any(|word| word == "--list") {
        return ExitCode::SUCCESS;
    }
    a_role_can_execute_and_fork_nothing("gateway", &[("make a file in its directory", 0)]);
    a_role_can_execute_and_fork_nothing("egress", &[("make a file in its directory", REFUSED)]);
    let directory = tempfile::tempdir().unwrap();
    care::nobody_hostile_leads_the_gateway_out_of_a_workspace(player("care", directory.path()), directory.path());
    a_role_that_aborts_ends_although_it_may_signal_nobody();
    what_neither_the_warden_nor_anybody_below_it_needs_is_refused();
    ExitCode::SUCCESS
}

/// The attempts; each prints its name and errno, 0 when it succeeded.
fn play(role: Role, directory: &Path) {
    let egress = role == Role::Egress;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let stranger = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let strange = stranger.local_addr().unwrap();
    let myself = rustix::process::getpid();
    let tcp = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let grants = RoleGrants {
        // To count its threads before a fork.
        read: vec![PathBuf::from("/proc"), PathBuf::from("/usr")],
        write: vec![directory.to_owned()],
        execute: if egress { Vec::new() } else { vec![PathBuf::from("/usr/bin")] },
        connect_ports: Some(vec![port]),
        seccomp: SeccompMode::Enforce,
    };
    lock_down(role, &grants).unwrap();
    let attempt = |name: &str, outcome: io::Result<()>| {
        println!("{name}: {}", outcome.err().map_or(0, |error| error.raw_os_error().unwrap_or(-1)));
    };
    // What it needs.
    attempt("start a thread", std::thread::Builder::new().spawn(|| ()).map(|thread| thread.join().unwrap()));
    attempt("connect to its port", std::net::TcpStream::connect(("127.0.0.1", port)).map(drop));
    attempt("read a file", File::open("/proc/self/stat").map(drop));
    attempt("make a file in its directory", File::create(directory.join("made")).map(drop));
    // What nobody should be able to make it do.
    attempt("execve", Err(Command::new("/usr/bin/true").exec()));
    attempt("posix_spawn", Command::new("/usr/bin/true").spawn().map(drop));
    attempt("fork", sys::fork().map(|side| assert_ne!(side, sys::Fork::Child)));
    attempt("connect elsewhere", std::net::TcpStream::connect(strange).map(drop));
    attempt("bind", rustix::net::bind(&tcp, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).map_err(Into::into));
    attempt("listen", rustix::net::listen(&tcp, 1).map_err(Into::into));
    for (name, family, kind) in [
        ("netlink socket", AddressFamily::NETLINK, SocketType::RAW),
        ("unix socket", AddressFamily::UNIX, SocketType::STREAM),
        ("packet socket", AddressFamily::PACKET, SocketType::RAW),
        ("raw socket", AddressFamily::INET, SocketType::RAW),
    ] {
        attempt(name, rustix::net::socket(family, kind, None).map(drop).map_err(Into::into));
    }
    for (name, kind, protocol) in
        [("multipath TCP", SocketType::STREAM, 262), ("SCTP", SocketType::STREAM, 132), ("ping socket", SocketType::DGRAM, 1)]
    {
        let protocol = Protocol::from_raw(protocol.try_into().unwrap());
        attempt(name, rustix::net::socket(AddressFamily::INET, kind, Some(protocol)).map(drop).map_err(Into::into));
    }
    let fast_open = SendFlags::from_bits_retain(0x2000_0000);
    attempt("TCP fast open", rustix::net::sendto(&tcp, b"x", fast_open, &strange).map(drop).map_err(Into::into));
    attempt("reuse of addresses", rustix::net::sockopt::set_socket_reuseaddr(&tcp, true).map_err(Into::into));
    attempt("fcntl beyond flags", rustix::fs::fcntl_get_seals(&tcp).map(drop).map_err(Into::into));
    attempt("kill", rustix::process::kill_process(myself, Signal::CONT).map_err(Into::into));
    attempt("pidfd", rustix::process::pidfd_open(myself, rustix::process::PidfdFlags::empty()).map(drop).map_err(Into::into));
    attempt("memfd", rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).map(drop).map_err(Into::into));
    attempt("dumpable", rustix::process::set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(Into::into));
    attempt("chroot", rustix::process::chroot("/").map_err(Into::into));
    attempt("session", rustix::process::setsid().map(drop).map_err(Into::into));
    attempt("priority", rustix::process::setpriority_process(None, 1).map_err(Into::into));
    let limit = Rlimit { current: Some(64), maximum: Some(64) };
    attempt("limits", rustix::process::setrlimit(Resource::Nofile, limit).map_err(Into::into));
    attempt("read beyond", File::open("/etc/passwd").map(drop));
    attempt("write beyond", File::options().append(true).open("/usr/bin/true").map(drop));
}

/// What nobody below the warden may do, it may not do either; what they may, it may.
fn play_warden() {
    let tcp = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    let somewhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    lock_down(Role::Warden, &RoleGrants { execute: vec![PathBuf::from("/usr")], ..RoleGrants::default() }).unwrap();
    let attempt =
        |name: &str, outcome: rustix::io::Result<()>| println!("{name}: {}", outcome.err().map_or(0, |errno| errno.raw_os_error()));
    let socket =
        |family, kind, protocol: u32| rustix::net::socket(family, kind, Some(Protocol::from_raw(protocol.try_into().unwrap()))).map(drop);
    attempt("unix socket", rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).map(drop));
    attempt("chroot", rustix::process::chroot("/"));
    attempt("memfd", rustix::fs::memfd_create("x", rustix::fs::MemfdFlags::empty()).map(drop));
    attempt("multipath TCP", socket(AddressFamily::INET, SocketType::STREAM, 262));
    attempt("raw socket", socket(AddressFamily::INET, SocketType::RAW, 6));
    attempt("packet socket", rustix::net::socket(AddressFamily::PACKET, SocketType::RAW, None).map(drop));
    attempt("TCP fast open", rustix::net::sendto(&tcp, b"x", SendFlags::from_bits_retain(0x2000_0000), &somewhere).map(drop));
    attempt("setuid file", rustix::fs::chmodat(CWD, "/nowhere", Mode::SUID | Mode::RWXU, AtFlags::empty()));
}

/// A thread's number is any process's too, so the call with which abort(3) begins is refused; a fault ends it then.
fn a_role_that_aborts_ends_although_it_may_signal_nobody() {
    let output = Command::new(std::env::current_exe().unwrap()).env(ROLE, "aborting gateway").output().unwrap();
    assert!(output.status.signal().is_some(), "{output:?}");
    println!("abort: ends by signal {:?}", output.status.signal());
}

fn what_neither_the_warden_nor_anybody_below_it_needs_is_refused() {
    let output = Command::new(std::env::current_exe().unwrap()).env(ROLE, "warden").output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    let answers: Vec<&str> = shown.lines().collect();
    assert_eq!(answers.first(), Some(&"unix socket: 0"), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert!(answers.len() == 8 && answers.iter().skip(1).all(|answer| answer.ends_with(": 1")), "{shown}");
    println!("warden: {} attempts as expected", answers.len());
}

/// This program in a process of its own, which plays a role.
fn player(role: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.env(ROLE, role).env(DIRECTORY, directory);
    command
}

fn a_role_can_execute_and_fork_nothing(role: &str, also: &[(&str, i32)]) {
    let directory = tempfile::tempdir().unwrap();
    let output = player(role, directory.path()).output().unwrap();
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{role}: {shown}{}", String::from_utf8_lossy(&output.stderr));
    // Landlock knows TCP since ABI 4 (Linux 6.7); before, a role's filter is its only wall.
    let knows_ports = sys::landlock_abi().is_some_and(|abi| abi >= 4);
    let mut expected = vec![
        ("start a thread", 0),
        ("connect to its port", 0),
        ("read a file", 0),
        ("execve", REFUSED),
        ("posix_spawn", REFUSED),
        ("fork", REFUSED),
        ("connect elsewhere", if knows_ports { DENIED } else { 0 }),
        ("netlink socket", REFUSED),
        ("unix socket", REFUSED),
        ("packet socket", REFUSED),
        ("raw socket", REFUSED),
        ("multipath TCP", REFUSED),
        ("SCTP", REFUSED),
        ("ping socket", REFUSED),
        ("TCP fast open", REFUSED),
        ("reuse of addresses", REFUSED),
        ("fcntl beyond flags", REFUSED),
        ("kill", REFUSED),
        ("pidfd", REFUSED),
        ("memfd", REFUSED),
        ("dumpable", REFUSED),
        ("chroot", REFUSED),
        ("session", REFUSED),
        ("priority", REFUSED),
        ("limits", REFUSED),
        ("read beyond", DENIED),
        ("write beyond", if role == "egress" { REFUSED } else { DENIED }),
        ("bind", if knows_ports { DENIED } else { 0 }),
        ("listen", REFUSED),
    ];
    expected.extend_from_slice(also);
    let wrong: Vec<_> = expected.iter().filter(|(name, errno)| !shown.lines().any(|line| line == format!("{name}: {errno}"))).collect();
    assert!(wrong.is_empty(), "{role} should have been answered {wrong:?}, and was:\n{shown}");
    assert_eq!(shown.lines().count(), expected.len(), "{role} made attempts that nobody looks at:\n{shown}");
    println!("{role}: {} attempts as expected", expected.len());
}

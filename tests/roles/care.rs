//! The gateway's own care in a workspace, under its filter and with few descriptors, while somebody hostile exchanges everything beneath it.
//!
//! The attacker is a thread of the process that is not locked down: it knows every name, and is as fast as the one it attacks.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use kiroclaw::beneath::{Beneath, BeneathError};
use kiroclaw::jail::role::{Role, RoleGrants, lock_down};
use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, RenameFlags};
use rustix::process::{Resource, Rlimit};

/// How long they race at least, and at most: until a careless reader would have been led out, so that it is known that they race.
const RACE: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);

/// Levels of a tree that no path can name, and descriptors to remove it with.
const DEPTH: usize = 5000;
const DESCRIPTORS: u64 = 32;

/// What an agent finds outside of its workspace, and must never get.
const SECRET: &str = "theirs";

/// Both live in `directory`: what is `work/…` is the agent's, what is `outside/…` somebody else's.
fn furnish(directory: &Path) {
    for part in ["work/a/b", "outside/b"] {
        std::fs::create_dir_all(directory.join(part)).unwrap();
    }
    std::fs::write(directory.join("outside/b/file"), SECRET).unwrap();
    std::fs::write(directory.join("work/file"), "mine").unwrap();
    std::os::unix::fs::symlink("../outside", directory.join("work/link")).unwrap();
    std::os::unix::fs::symlink("../../outside/b/file", directory.join("work/file-link")).unwrap();
    let fifo = directory.join("work/fifo");
    rustix::fs::mknodat(CWD, fifo, FileType::Fifo, Mode::RWXU, 0).unwrap();
    // To see a change of mode.
    std::fs::set_permissions(directory.join("outside"), std::os::unix::fs::PermissionsExt::from_mode(0o500)).unwrap();
}

/// Everything of somebody else's as it was.
fn assert_untouched(directory: &Path) {
    let outside = directory.join("outside");
    let mode = |path: &Path| std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(path).unwrap()) & 0o777;
    assert_eq!(mode(&outside), 0o500, "its mode was changed");
    let names = |path: &Path| std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
    assert_eq!((names(&outside), names(&outside.join("b"))), (vec!["b".into()], vec!["file".into()]));
    assert_eq!(std::fs::read_to_string(outside.join("b/file")).unwrap(), SECRET);
}

/// The directory above a path, and its last name. Through no link, since what is done through one's own link is one's own work; and not by
/// openat2(2), which services refuse: then the attacker would do nothing.
fn above<'a>(work: &OwnedFd, path: &'a str) -> rustix::io::Result<(OwnedFd, &'a str)> {
    let (dir, name) = path.rsplit_once('/').unwrap_or((".", path));
    let open = |at: &OwnedFd, name| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        rustix::fs::openat(at, name, flags, Mode::empty())
    };
    Ok((dir.split('/').try_fold(open(work, ".")?, |at, part| open(&at, part))?, name))
}

fn rename(work: &OwnedFd, from: &str, to: &str, flags: RenameFlags) -> rustix::io::Result<()> {
    let ((from_dir, from), (to_dir, to)) = (above(work, from)?, above(work, to)?);
    rustix::fs::renameat_with(from_dir, from, to_dir, to, flags)
}

/// Takes all permissions from a directory.
fn forbid(work: &OwnedFd, path: &str) -> rustix::io::Result<()> {
    let (dir, name) = above(work, path)?;
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    rustix::fs::chmodat(CWD, format!("/proc/self/fd/{}", dir.as_raw_fd()), Mode::empty(), AtFlags::empty())
}

/// Puts back what the names stand for.
fn put_back(work: &OwnedFd) -> rustix::io::Result<()> {
    let _ = rustix::fs::symlinkat("../outside", work, "link");
    let _ = rustix::fs::mkdirat(work, "a", Mode::RWXU);
    let (dir, name) = above(work, "a/b")?;
    let _ = rustix::fs::mkdirat(&dir, name, Mode::RWXU);
    let (dir, name) = above(work, "a/b/file")?;
    rustix::fs::linkat(work, "file", &dir, name, AtFlags::empty())
}

/// Exchanges what has the names that the other works with, puts back what is missing, and takes away permissions.
fn attack(work: &Path, over: &AtomicBool) {
    let work = rustix::fs::open(work, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).unwrap();
    let pairs = [("a", "link"), ("a/b", "link"), ("a", "fifo"), ("a/b/file", "file-link"), ("a/b/file", "fifo"), ("file", "a")];
    while !over.load(Ordering::Relaxed) {
        for (one, other) in pairs {
            // What does not work is in the state that the other left it in.
            let _ = rename(&work, one, other, RenameFlags::EXCHANGE);
            let _ = forbid(&work, one);
            let _ = rename(&work, one, other, RenameFlags::EXCHANGE);
            // Out of its parent, so that its `..` is another.
            let _ = rename(&work, "a/b", "b", RenameFlags::empty());
            let _ = rename(&work, "a", "b", RenameFlags::EXCHANGE);
            let _ = put_back(&work);
        }
    }
}

/// What the gateway and a runtime's keeper do in a workspace, again and again. Failures are the agent's own; how often each succeeded is told.
pub(crate) fn play(directory: &Path) {
    let limit = Rlimit { current: Some(DESCRIPTORS), maximum: Some(DESCRIPTORS) };
    rustix::process::setrlimit(Resource::Nofile, limit).unwrap();
    let grants = RoleGrants {
        read: vec![PathBuf::from("/proc")],
        // Others' workspaces are within the gateway's own reach: it is care alone that keeps it out of them.
        write: vec![directory.to_owned()],
        execute: Vec::new(),
        connect_ports: Some(Vec::new()),
        ..RoleGrants::default()
    };
    lock_down(Role::Gateway, &grants).unwrap();
    let work = Beneath::open(&directory.join("work")).unwrap();
    let deep = work.remove_tree(Path::new("deep"), 10 * DEPTH).unwrap();
    println!("deep: {}", u8::from(deep));
    let (begin, mut done, mut careless) = (Instant::now(), [0_u32; 7], 0);
    while begin.elapsed() < RACE || ((careless == 0 || done.contains(&0)) && begin.elapsed() < PATIENCE) {
        careless += u32::from(careless_read(directory).is_some_and(|read| read == SECRET));
        let results = [
            work.read(Path::new("a/b/file"), 100).map(|read| assert_ne!(read.as_deref(), Some(SECRET.as_bytes()))),
            work.write_atomically(Path::new("a/b/file"), b"new", 0o600),
            work.make_dirs(Path::new("a/b/c")),
            work.remove_tree(Path::new("a/b"), 1000).map(drop),
            place(&work),
            work.list_some(Path::new("a"), 1000).map(|_| ()),
            work.remove_file(Path::new("a/b/file")).map(drop),
        ];
        for (count, result) in done.iter_mut().zip(results) {
            *count += u32::from(result.is_ok());
        }
        let _ = kiroclaw::provision::set_aside_planted(&directory.join("work/a"));
    }
    println!("careless: {careless}\ndone: {done:?}");
}

/// As one reads who trusts a look before. Without waiting for a FIFO's writer, which would be for ever.
fn careless_read(directory: &Path) -> Option<String> {
    let path = directory.join("work/a/b/file");
    std::fs::metadata(&path).ok().filter(std::fs::Metadata::is_file)?;
    let file = rustix::fs::open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC, Mode::empty()).ok()?;
    std::io::read_to_string(std::fs::File::from(file)).ok()
}

/// As a file from a person is placed.
fn place(work: &Beneath) -> Result<(), BeneathError> {
    work.make_dirs(Path::new("a"))?;
    let (fresh, _file) = work.create_fresh(Path::new("a"), 0o600)?;
    let placed = work.rename(&fresh, Path::new("a/placed"));
    let _ = work.remove_file(&fresh).and_then(|_| work.remove_file(Path::new("a/placed")));
    placed
}

/// A tree of [`DEPTH`] levels.
fn dig(work: &Path) {
    let mut at = rustix::fs::open(work, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    for _ in 0..DEPTH {
        rustix::fs::mkdirat(&at, "deep", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "deep", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
}

/// `command` is this program, told to [`play`].
pub(crate) fn nobody_hostile_leads_the_gateway_out_of_a_workspace(mut command: Command, directory: &Path) {
    furnish(directory);
    dig(&directory.join("work"));
    let over = AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        let attacker = scope.spawn(|| attack(&directory.join("work"), &over));
        let output = command.output();
        over.store(true, Ordering::Relaxed);
        attacker.join().unwrap();
        output.unwrap()
    });
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && shown.contains("deep: 1\n"), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    assert_untouched(directory);
    let done = shown.split_once("done: [").unwrap().1.trim_end().trim_end_matches(']');
    assert!(done.split(", ").all(|count| count != "0"), "something never succeeded, so it proves nothing: {shown}");
    assert!(!shown.contains("careless: 0\n"), "nobody would have been led out, so it proves nothing: {shown}");
    std::fs::set_permissions(directory.join("outside"), std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    println!("gateway: led out of no workspace; read, wrote, made, removed, placed, listed and unlinked {done} times");
}

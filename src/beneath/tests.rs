use std::os::unix::fs::{PermissionsExt as _, symlink};

use proptest::prelude::*;
use tempfile::TempDir;

use rustix::fs::CWD;

use super::*;

/// A root with something outside of it that nothing may touch.
fn place() -> (TempDir, Beneath) {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir_all(dir.path().join("root")).unwrap();
    std::fs::create_dir_all(dir.path().join("outside/deep")).unwrap();
    std::fs::write(dir.path().join("outside/secret"), "secret").unwrap();
    let beneath = Beneath::open(&dir.path().join("root")).unwrap();
    (dir, beneath)
}

fn p(path: &str) -> &Path {
    Path::new(path)
}

fn assert_outside_is_whole(dir: &TempDir) {
    assert_eq!(std::fs::read(dir.path().join("outside/secret")).unwrap(), b"secret");
    assert_eq!(std::fs::read_dir(dir.path().join("outside")).unwrap().count(), 2);
}

#[test]
fn paths_that_are_not_beneath_are_refused_before_anything_is_opened() {
    let (dir, root) = place();
    for path in ["", "..", "a/../../outside", "/etc/passwd", ".", "../root"] {
        assert!(matches!(root.read(p(path), 9), Err(BeneathError::NotBeneath { .. })), "{path}");
        assert!(matches!(root.make_dirs(p(path)), Err(BeneathError::NotBeneath { .. })), "{path}");
        assert!(root.write_atomically(p(path), b"x", 0o600).is_err(), "{path}");
        assert!(root.remove_tree(p(path), 9).is_err(), "{path}");
        assert!(root.look(p(path)).is_err(), "{path}");
    }
    assert_outside_is_whole(&dir);
}

#[test]
fn a_planted_link_leads_nowhere() {
    let (dir, root) = place();
    symlink("../outside", dir.path().join("root/link")).unwrap();
    symlink("../outside/secret", dir.path().join("root/file")).unwrap();
    symlink(dir.path().join("outside"), dir.path().join("root/absolute")).unwrap();
    symlink("/proc/self/root", dir.path().join("root/magic")).unwrap();
    for path in ["file", "link/secret", "absolute/secret", "magic/etc/passwd"] {
        let error = root.read(p(path), 100).unwrap_err();
        assert!(error.to_string().contains("symbolic link"), "{path}: {error}");
    }
    for path in ["link/new", "absolute/new", "magic/tmp/new"] {
        assert!(root.write_atomically(p(path), b"x", 0o600).is_err(), "{path}");
        assert!(root.make_dirs(p(path)).is_err(), "{path}");
        assert!(root.remove_file(p(path)).is_err(), "{path}");
        assert!(root.rename(p("file"), p(path)).is_err(), "{path}");
        assert!(root.look(p(path)).is_err(), "{path}");
        assert!(root.list(p(path), 9).is_err(), "{path}");
    }
    assert!(root.make_dirs(p("link")).is_err(), "a link is no directory");
    assert!(root.descend(p("link")).is_err());
    assert!(root.remove_file(p("link/secret")).is_err());
    assert_eq!(root.look(p("link")).unwrap().unwrap().kind, Kind::Link);
    root.write_atomically(p("file"), b"mine", 0o600).unwrap();
    assert_eq!(root.read(p("file"), 4).unwrap().unwrap(), b"mine", "the link itself was replaced");
    assert!(root.remove_tree(p("link"), 9).unwrap());
    assert_outside_is_whole(&dir);
}

#[test]
fn a_name_that_is_told_twice_is_there_once() {
    assert_eq!(in_order(["b", "a", "b"].map(OsString::from).to_vec()), ["a", "b"]);
}

#[test]
fn name_by_name_the_same_is_opened_and_the_same_refused() {
    let (dir, root) = place();
    root.make_dirs(p("a/b")).unwrap();
    root.write_atomically(p("a/b/file"), b"mine", 0o600).unwrap();
    symlink("../outside", dir.path().join("root/link")).unwrap();
    symlink("../outside/secret", dir.path().join("root/file")).unwrap();
    symlink("/proc/self/root", dir.path().join("root/magic")).unwrap();
    let both = |path: &str, flags: OFlags| {
        let same = |opened: rustix::io::Result<OwnedFd>| opened.and_then(rustix::fs::fstat).map(|stat| (stat.st_dev, stat.st_ino));
        let walked = same(walk::walk(&root.root, p(path), flags, Mode::empty()));
        assert_eq!(walked, same(root.resolve(p(path), flags, Mode::empty())), "{path} {flags:?}");
        walked
    };
    for path in ["a", "a/b", "./a/./b", "a/b/file", "none", "none/x", "a/b/file/x", "link", "link/deep", "link/secret", "file", "magic/etc"]
    {
        let directory = both(path, OFlags::PATH | OFlags::DIRECTORY);
        let file = both(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW);
        assert!(directory.is_err() && file.is_err() || path.ends_with(['a', 'b']) || path == "a/b/file", "{path}");
    }
    for path in ["..", "a/../..", "/etc"] {
        assert_eq!(both(path, OFlags::PATH | OFlags::DIRECTORY), Err(Errno::XDEV), "{path}");
    }
    assert!(walk::walk(&root.root, p("."), OFlags::PATH | OFlags::DIRECTORY, Mode::empty()).is_ok());
}

#[test]
fn the_root_itself_may_not_be_a_link() {
    let (dir, _root) = place();
    symlink("outside", dir.path().join("alias")).unwrap();
    assert!(Beneath::open(&dir.path().join("alias")).is_err());
}

#[test]
fn directories_are_made_private_and_a_second_time_is_no_error() {
    let (dir, root) = place();
    root.make_dirs(p("a/b/c")).unwrap();
    std::fs::set_permissions(dir.path().join("root/a"), std::fs::Permissions::from_mode(0o000)).unwrap();
    root.make_dirs(p("a/b/c")).unwrap();
    assert_eq!(root.look(p("a")).unwrap().unwrap().mode, 0o700, "usable again");
    assert_eq!(std::fs::metadata(dir.path().join("root/a/b")).unwrap().permissions().mode() & 0o777, 0o700);
    root.write_atomically(p("a/file"), b"", 0o600).unwrap();
    assert!(root.make_dirs(p("a/file/x")).is_err());
    assert!(root.make_dirs(p("a/file")).is_err());
}

#[test]
fn only_regular_files_within_the_bound_are_read() {
    let (dir, root) = place();
    rustix::fs::mknodat(CWD, dir.path().join("root/fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
    assert!(matches!(root.read(p("fifo"), 9), Err(BeneathError::NotAFile { .. })), "and it does not block");
    root.make_dirs(p("dir")).unwrap();
    assert!(matches!(root.read(p("dir"), 9), Err(BeneathError::NotAFile { .. })));
    root.write_atomically(p("file"), b"12345", 0o600).unwrap();
    assert_eq!(root.read(p("file"), 5).unwrap().unwrap(), b"12345");
    assert!(matches!(root.read(p("file"), 4), Err(BeneathError::TooLong { limit: 4, .. })));
    assert_eq!(root.read(p("none/file"), 4).unwrap(), None);
}

#[test]
fn an_open_file_stays_the_one_that_was_checked() {
    let (dir, root) = place();
    root.write_atomically(p("file"), b"mine", 0o600).unwrap();
    let file = root.open_file(p("file")).unwrap().unwrap();
    std::fs::remove_file(dir.path().join("root/file")).unwrap();
    symlink("../outside/secret", dir.path().join("root/file")).unwrap();
    assert_eq!(std::io::read_to_string(file).unwrap(), "mine");
    assert!(root.open_file(p("file")).unwrap_err().is_link());
    assert!(root.open_file(p("none")).unwrap().is_none());
    let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("root/socket")).unwrap();
    assert!(matches!(root.open_file(p("socket")), Err(BeneathError::NotAFile { .. })));
}

#[test]
fn a_fresh_file_is_private_and_gets_its_name_when_it_is_whole() {
    let (dir, root) = place();
    root.make_dirs(p("d")).unwrap();
    let (fresh, mut file) = root.create_fresh(p("d"), 0o600).unwrap();
    file.write_all(b"12345").unwrap();
    assert_ne!(root.create_fresh(p("d"), 0o600).unwrap().0, fresh);
    root.rename(&fresh, p("d/name")).unwrap();
    let entry = root.look(p("d/name")).unwrap().unwrap();
    assert_eq!((entry.kind, entry.mode, entry.length), (Kind::File, 0o600, 5));
    symlink("../outside", dir.path().join("root/link")).unwrap();
    assert!(root.create_fresh(p("link"), 0o600).unwrap_err().is_link());
    assert_outside_is_whole(&dir);
}

#[test]
fn a_write_replaces_whole_and_leaves_nothing_beside_it() {
    let (_dir, root) = place();
    root.make_dirs(p("d")).unwrap();
    root.write_atomically(p("d/f"), b"old", 0o600).unwrap();
    root.write_atomically(p("d/f"), b"new", 0o400).unwrap();
    assert_eq!(root.list(p("d"), 9).unwrap().unwrap(), ["f"]);
    assert_eq!(root.read(p("d/f"), 9).unwrap().unwrap(), b"new");
    root.make_dirs(p("d/dir")).unwrap();
    assert!(root.write_atomically(p("d/dir"), b"x", 0o600).is_err(), "a directory is not replaced");
    assert_eq!(root.list(p("d"), 9).unwrap().unwrap(), ["dir", "f"]);
}

#[test]
fn a_rename_takes_no_name_that_is_taken() {
    let (_dir, root) = place();
    root.write_atomically(p("a"), b"a", 0o600).unwrap();
    root.write_atomically(p("b"), b"b", 0o600).unwrap();
    assert!(root.rename(p("a"), p("b")).unwrap_err().is_taken());
    root.rename(p("a"), p("c")).unwrap();
    assert_eq!(root.list(p(""), 9).unwrap().unwrap(), ["b", "c"]);
    assert!(matches!(root.list(p(""), 1), Err(BeneathError::TooMany { .. })));
    assert_eq!(root.list_some(p(""), 1).unwrap().unwrap().len(), 1);
    assert_eq!(root.list(p("none"), 1).unwrap(), None);
}

#[test]
fn a_tree_deeper_than_a_path_can_name_is_removed() {
    // In memory where it has the room: a disk's journal would take minutes for as many, which is not what is tested.
    let memory = rustix::fs::statvfs("/dev/shm").is_ok_and(|memory| memory.f_favail > 200_000);
    let (dir, levels) = if memory { (TempDir::new_in("/dev/shm"), 100_000) } else { (TempDir::new(), 5000) };
    let dir = dir.unwrap();
    std::fs::create_dir(dir.path().join("root")).unwrap();
    let root = Beneath::open(&dir.path().join("root")).unwrap();
    let mut at = rustix::fs::open(dir.path().join("root"), OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    for _ in 0..levels {
        rustix::fs::mkdirat(&at, "deeper", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "deeper", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
    }
    drop(at);
    assert!(root.remove_tree(p("deeper"), 1_000_000).unwrap());
    assert_eq!(root.look(p("deeper")).unwrap(), None);
    assert!(!root.remove_tree(p("deeper"), 1).unwrap());
}

#[test]
fn a_removal_is_bounded_and_a_further_call_goes_on() {
    let (dir, root) = place();
    for number in 0..50 {
        root.make_dirs(&PathBuf::from(format!("t/{number}/x"))).unwrap();
    }
    symlink("../../outside", dir.path().join("root/t/link")).unwrap();
    assert!(matches!(root.remove_tree(p("t"), 20), Err(BeneathError::TooMany { limit: 20, .. })));
    let mut calls = 1;
    while root.remove_tree(p("t"), 20).is_err() {
        calls += 1;
        assert!(calls < 20);
    }
    assert_eq!(root.look(p("t")).unwrap(), None);
    assert_outside_is_whole(&dir);
}

#[test]
fn directories_without_permissions_are_removed_too() {
    let (dir, root) = place();
    root.make_dirs(p("t/closed/inner")).unwrap();
    for closed in ["t/closed/inner", "t/closed", "t"] {
        let path = dir.path().join("root").join(closed);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o000)).unwrap();
    }
    assert!(root.remove_tree(p("t"), 100).unwrap());
}

#[test]
fn errors_show_names_escaped() {
    let (_dir, root) = place();
    let error = root.descend(p("evil\n\x1b[31m\u{202e}")).unwrap_err().to_string();
    assert!(error.contains(r"evil\n\u{1b}[31m\u{202e}") && !error.contains(['\n', '\x1b', '\u{202e}']), "{error}");
}

proptest! {
    #[test]
    fn no_path_ever_leads_out(path in "[a./\\\\-]{0,12}") {
        let (dir, root) = place();
        symlink("../outside", dir.path().join("root/a")).unwrap();
        let path = Path::new(&path);
        let _ = root.write_atomically(path, b"x", 0o600);
        let _ = root.make_dirs(path);
        let _ = root.remove_tree(path, 100);
        assert_outside_is_whole(&dir);
        prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}

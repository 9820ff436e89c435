use std::os::unix::fs::{PermissionsExt as _, symlink};

use super::*;
use crate::archive::Reader;

/// Everything beneath a directory as an archive, and what was said of it.
fn archived(directory: &Path) -> (Vec<u8>, Report) {
    let (mut writer, mut report) = (Writer::new(Vec::new()), Report::default());
    let root = Beneath::open(directory).unwrap();
    Walk::new(&root, &mut writer, &mut report).tree(Path::new("in"), Path::new("to")).unwrap();
    (writer.finish(Path::new("end"), |_| Vec::new()).unwrap(), report)
}

fn names(archive: &[u8]) -> Vec<String> {
    let mut reader = Reader::new(archive);
    let mut names = Vec::new();
    while let Some(member) = reader.next_member().unwrap() {
        names.push(member.path.display().to_string());
    }
    names
}

#[test]
fn all_that_can_be_kept_is_kept_in_order_and_the_rest_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join("in").join(name);
    std::fs::create_dir_all(at("b/deep")).unwrap();
    for name in ["z", "a\n\u{202e}x", "b/run"] {
        std::fs::write(at(name), name).unwrap();
    }
    std::fs::set_permissions(at("b/run"), std::fs::Permissions::from_mode(0o6755)).unwrap();
    symlink("/etc/passwd", at("link")).unwrap();
    std::fs::hard_link(at("b/run"), at("b/same")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, at("fifo"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    let (archive, report) = archived(directory.path());
    assert_eq!(names(&archive), ["to", "to/a\n\u{202e}x", "to/link", "to/z", "to/b", "to/b/run", "to/b/same", "to/b/deep", "end"]);
    assert_eq!(archived(directory.path()).0, archive, "the same tree gives the same archive");
    assert_eq!((report.members, report.left_out.count, report.changed.count), (8, 1, 0));
    assert_eq!(report.left_out.names, ["to/fifo: it is a socket, a FIFO or a device"]);
    let mut reader = Reader::new(archive.as_slice());
    let made = tempfile::tempdir().unwrap();
    let root = Beneath::open(made.path()).unwrap();
    let mut maker = Maker::new(&root);
    while let Some(member) = reader.next_member().unwrap() {
        match member.kind {
            Kind::File(length) => maker.bytes(&member, &reader.read_all(length).unwrap()).unwrap(),
            _ => Sink::member(&mut maker, &member).unwrap(),
        }
    }
    let mode = |name: &str| made.path().join(name).symlink_metadata().unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("to/b/run"), mode("to/z"), mode("to/b")), (0o700, 0o600, 0o700), "no setuid bit, nothing for others");
    assert_eq!(std::fs::read_link(made.path().join("to/link")).unwrap(), Path::new("/etc/passwd"));
    assert_eq!(std::fs::metadata(made.path().join("to/b/same")).unwrap().nlink(), 2);
}

#[test]
fn what_looks_large_and_takes_no_room_takes_none_in_the_archive() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("in")).unwrap();
    for number in 0..20 {
        let file = File::create(directory.path().join(format!("in/{number:02}"))).unwrap();
        file.set_len(2 << 30).unwrap();
    }
    let real = directory.path().join("in/99");
    std::fs::write(&real, vec![1; 3_000_000]).unwrap();
    for name in 0..100 {
        std::fs::hard_link(&real, directory.path().join(format!("in/name{name}"))).unwrap();
    }
    let (archive, report) = archived(directory.path());
    assert!(archive.len() < 3_500_000, "{} bytes", archive.len());
    assert_eq!(report.members, 122);
}

#[test]
fn a_path_too_long_for_any_program_is_left_out_and_said_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let root = Beneath::open(directory.path()).unwrap();
    let mut path = PathBuf::from("in");
    for _ in 0..15 {
        path.push("d".repeat(255));
    }
    root.make_dirs(&path).unwrap();
    let deep = root.descend(&path).unwrap();
    deep.make_dirs(&PathBuf::from("e".repeat(250)).join("f".repeat(20))).unwrap();
    let (archive, report) = archived(directory.path());
    assert_eq!((report.left_out.count, names(&archive).len()), (1, 18));
    root.remove_tree(Path::new("in"), 100).unwrap();
}

#[test]
fn directories_that_are_still_to_come_take_no_room_for_their_paths() {
    let directory = tempfile::tempdir().unwrap();
    let root = Beneath::open(directory.path()).unwrap();
    let path: PathBuf = ["in"].into_iter().chain(std::iter::repeat_n("d".repeat(255).as_str(), 14)).collect();
    (10..60).for_each(|number| root.make_dirs(&path.join(number.to_string())).unwrap());
    let (mut writer, mut report) = (Writer::new(Vec::new()), Report::default());
    let level = Walk::new(&root, &mut writer, &mut report).directory(path.clone(), path).unwrap().unwrap();
    assert_eq!(level.below.iter().map(|name| name.len()).sum::<usize>(), 100);
    assert_eq!(level.below.last().unwrap(), "10");
}

#[test]
fn a_tree_that_does_not_end_is_left_at_its_bound() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["in/a", "in/b/c", "in/d"] {
        std::fs::create_dir_all(directory.path().join(name)).unwrap();
    }
    let (mut writer, mut report) = (Writer::new(Vec::new()), Report::default());
    let root = Beneath::open(directory.path()).unwrap();
    Walk::new(&root, &mut writer, &mut report).at_most(3).tree(Path::new("in"), Path::new("to")).unwrap();
    assert_eq!((report.members, report.left_out.names), (4, vec!["to/b/c: there are too many files before it".to_owned()]));
}

#[test]
fn names_that_are_as_long_and_strange_as_can_be_leave_a_report_that_is_read_again() {
    let directory = tempfile::tempdir().unwrap();
    let root = Beneath::open(directory.path()).unwrap();
    let path: PathBuf = ["in"].into_iter().chain(std::iter::repeat_n("\u{1}".repeat(255).as_str(), 14)).collect();
    root.make_dirs(&path).unwrap();
    for number in 0..110 {
        let at = directory.path().join(&path).join(number.to_string());
        rustix::fs::mknodat(rustix::fs::CWD, at, rustix::fs::FileType::Fifo, rustix::fs::Mode::RWXU, 0).unwrap();
    }
    let (_, report) = archived(directory.path());
    assert_eq!((report.left_out.count, report.left_out.names.len()), (110, 100));
    let of_one_list = u64::try_from(serde_json::to_vec_pretty(&report.left_out.names).unwrap().len()).unwrap();
    assert!(of_one_list * 2 < crate::subcommands::manifest::LENGTH / 2, "{of_one_list}");
}

#[test]
fn the_levels_of_a_deep_tree_are_not_gone_through_for_each_of_its_files() {
    let directory = tempfile::tempdir().unwrap();
    let root = Beneath::open(directory.path()).unwrap();
    let mut maker = Maker::new(&root);
    let member = |path: &str, kind| Member { path: path.into(), kind, executable: false, modified: 0 };
    maker.bytes(&member("a/b/f", Kind::File(0)), b"").unwrap();
    Sink::member(&mut maker, &member("a/b/c", Kind::Directory)).unwrap();
    maker.bytes(&member("a/b/c/f", Kind::File(0)), b"").unwrap();
    root.remove_tree(Path::new("a"), 100).unwrap();
    // Whoever went through the levels would make them again.
    assert!(Sink::member(&mut maker, &member("a/b/c/d", Kind::Directory)).is_err());
    assert!(maker.bytes(&member("a/b/c/g", Kind::File(0)), b"").is_err());
    assert!(!directory.path().join("a").exists());
    maker.bytes(&member("e/f", Kind::File(0)), b"").unwrap();
}

#[test]
fn files_that_are_written_to_meanwhile_are_whole_or_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("in/log");
    std::fs::create_dir(directory.path().join("in")).unwrap();
    std::fs::write(&path, vec![b'x'; 500_000]).unwrap();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let writer = std::thread::spawn(move || {
        let mut file = File::options().append(true).open(path).unwrap();
        while stopped.try_recv() == Err(std::sync::mpsc::TryRecvError::Empty) {
            file.write_all(b"more\n").unwrap();
        }
    });
    for _ in 0..20 {
        let (archive, report) = archived(directory.path());
        assert_eq!(names(&archive), ["to", "to/log", "end"]);
        assert_eq!(report.left_out.count, 0);
    }
    drop(stop);
    writer.join().unwrap();
}

#[test]
fn nothing_is_made_over_what_is_there_or_through_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let outside = tempfile::tempdir().unwrap();
    symlink(outside.path(), directory.path().join("out")).unwrap();
    let root = Beneath::open(directory.path()).unwrap();
    let mut maker = Maker::new(&root);
    let member = |path: &str, kind: Kind| Member { path: path.into(), kind, executable: false, modified: 0 };
    maker.bytes(&member("out/file", Kind::File(1)), b"x").unwrap_err();
    maker.bytes(&member("out", Kind::File(1)), b"x").unwrap_err();
    Sink::member(&mut maker, &member("out/dir", Kind::Directory)).unwrap_err();
    Sink::member(&mut maker, &member("name", Kind::Same("out/passwd".into()))).unwrap_err();
    assert_eq!(std::fs::read_dir(outside.path()).unwrap().count(), 0);
}

use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

fn member(path: &str, kind: Kind) -> Member {
    Member { path: path.into(), kind, executable: false, modified: 1_700_000_000 }
}

/// An archive of one of each, and the sum that its manifest was given.
fn archive(directory: &Path) -> Vec<u8> {
    let long = format!("deep/{0}/{0}/file", "d".repeat(150));
    let holed = directory.join("holed");
    let file = std::fs::File::create(&holed).unwrap();
    file.set_len(9_000_000_000).unwrap();
    file.write_all_at(b"begin", 0).unwrap();
    file.write_all_at(b"middle", 5_000_000_000).unwrap();
    let file = std::fs::File::open(&holed).unwrap();
    let mut writer = Writer::new(Vec::new());
    writer.member(&member("deep", Kind::Directory)).unwrap();
    writer.bytes(Path::new(&long), 7, true, b"content\n").unwrap();
    writer.member(&member("link", Kind::Link(PathBuf::from("../\n".repeat(60))))).unwrap();
    writer.member(&member("same", Kind::Same(PathBuf::from(long)))).unwrap();
    let segments = Segments::of(&file, 9_000_000_000).unwrap().unwrap();
    assert!(segments.content() < 1_000_000, "this file system keeps holes");
    assert_eq!(writer.file(&member("holed", Kind::File(9_000_000_000)), &segments, &file).unwrap(), 0);
    writer.finish(Path::new("sum"), String::into_bytes).unwrap()
}

#[test]
fn what_is_written_is_read_again_with_its_sum() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = archive(directory.path());
    let mut reader = Reader::new(bytes.as_slice());
    assert_eq!(reader.next_member().unwrap(), Some(member("deep", Kind::Directory)));
    let file = reader.next_member().unwrap().unwrap();
    assert!(file.path.ends_with("file") && file.executable && file.modified == 7 && file.kind == Kind::File(8));
    assert_eq!(reader.read_all(8).unwrap(), b"content\n");
    assert_eq!(reader.next_member().unwrap().unwrap().kind, Kind::Link(PathBuf::from("../\n".repeat(60))));
    assert_eq!(reader.next_member().unwrap().unwrap().kind, Kind::Same(file.path));
    assert_eq!(reader.next_member().unwrap().unwrap().kind, Kind::File(9_000_000_000));
    let mut middle = Vec::new();
    let put = |at: u64, piece: &[u8]| {
        middle.extend(piece.iter().zip(at..).filter(|(_, at)| (5_000_000_000..5_000_000_006).contains(at)).map(|(byte, _)| *byte));
        Ok(())
    };
    reader.read_into(put).unwrap();
    assert_eq!(middle, b"middle");
    assert_eq!(reader.next_member().unwrap().unwrap().path, Path::new("sum"));
    let sum = reader.sum_before();
    assert_eq!(reader.read_all(64).unwrap(), sum.as_bytes());
    assert_eq!(reader.next_member().unwrap(), None);
}

#[test]
fn the_system_s_tar_unpacks_it() {
    let directory = tempfile::tempdir().unwrap();
    let bytes = archive(directory.path());
    let out = directory.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let mut tar = Command::new("tar").arg("-x").arg("-C").arg(&out).stdin(Stdio::piped()).spawn().unwrap();
    tar.stdin.take().unwrap().write_all(&bytes).unwrap();
    assert!(tar.wait().unwrap().success());
    assert_eq!(std::fs::read(out.join("same")).unwrap(), b"content\n");
    assert_eq!(std::fs::read_link(out.join("link")).unwrap(), PathBuf::from("../\n".repeat(60)));
    let mut middle = [0; 6];
    std::fs::File::open(out.join("holed")).unwrap().read_exact_at(&mut middle, 5_000_000_000).unwrap();
    assert_eq!(&middle, b"middle");
}

#[test]
fn a_file_that_became_shorter_is_filled_up_and_said_to_be_short() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    std::fs::write(&path, b"four").unwrap();
    let file = std::fs::File::open(&path).unwrap();
    let mut writer = Writer::new(Vec::new());
    assert_eq!(writer.file(&member("file", Kind::File(10)), &Segments::dense(10), &file).unwrap(), 6);
    let bytes = writer.finish(Path::new("end"), |_| Vec::new()).unwrap();
    let mut reader = Reader::new(bytes.as_slice());
    reader.next_member().unwrap();
    assert_eq!(reader.read_all(10).unwrap(), b"four\0\0\0\0\0\0");
}

#[test]
fn a_member_that_leads_elsewhere_is_neither_written_nor_read() {
    let mut writer = Writer::new(Vec::new());
    writer.bytes(Path::new("aaaa"), 0, false, b"").unwrap();
    let bytes = writer.finish(Path::new("end"), |_| Vec::new()).unwrap();
    for bad in ["/abs", "../x", "a/..", "./.."] {
        assert!(Writer::new(Vec::new()).bytes(Path::new(bad), 0, false, b"").is_err(), "{bad}");
        let mut evil = bytes.clone();
        evil[..4].copy_from_slice(bad.as_bytes());
        let sum = format!("{:06o}\0 ", super::write::checksum(&evil[..BLOCK]));
        evil[148..156].copy_from_slice(sum.as_bytes());
        let error = Reader::new(evil.as_slice()).next_member().unwrap_err().to_string();
        assert!(error.contains("beneath"), "{bad}: {error}");
    }
}

#[test]
fn pieces_lie_in_order_and_within_their_file() {
    assert!(Segments::checked(vec![(0, 4), (4, 4)], 10).is_some());
    assert!(Segments::checked(vec![(0, 4), (2, 4)], 10).is_none(), "they overlap");
    assert!(Segments::checked(vec![(0, 4), (8, 4)], 10).is_none(), "they end behind it");
    assert!(Segments::checked(vec![(u64::MAX, 4)], u64::MAX).is_none());
}

proptest! {
    #[test]
    fn whatever_byte_is_changed_nothing_breaks_and_no_name_leads_out(at in 0..12_000_usize, to in any::<u8>(), fix in any::<bool>()) {
        static WHOLE: std::sync::LazyLock<Vec<u8>> = std::sync::LazyLock::new(|| archive(tempfile::tempdir().unwrap().path()));
        let mut bytes = WHOLE.clone();
        let at = at % bytes.len();
        bytes[at] = to;
        let block = at / BLOCK * BLOCK;
        if fix && bytes[block + 257..].starts_with(b"ustar") {
            let sum = format!("{:06o}\0 ", super::write::checksum(&bytes[block..block + BLOCK]));
            bytes[block + 148..block + 156].copy_from_slice(sum.as_bytes());
        }
        let mut reader = Reader::new(bytes.as_slice());
        while let Ok(Some(member)) = reader.next_member() {
            prop_assert!(is_beneath(&member.path));
        }
    }

    #[test]
    fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..4000)) {
        let mut reader = Reader::new(bytes.as_slice());
        while let Ok(Some(_)) = reader.next_member() {}
    }
}

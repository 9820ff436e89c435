use std::io::Read as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;

use super::*;

/// The example keys of the format's description (age.md, "The X25519 recipient type").
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";
const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";

fn to_keys() -> Lock {
    Lock::Recipients(vec![RECIPIENT.parse().unwrap()])
}

fn by_keys() -> Unlock {
    Unlock::Identities(vec![IDENTITY.parse().unwrap()])
}

fn phrase(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

fn sealed(lock: &Lock, plain: &[u8]) -> Vec<u8> {
    let mut writer = encrypt(lock, Vec::new()).unwrap();
    writer.write_all(plain).unwrap();
    writer.finish().unwrap()
}

fn opened(unlock: &Unlock, sealed: &[u8]) -> Result<Vec<u8>, String> {
    let mut plain = Vec::new();
    let read = decrypt(unlock, sealed).map_err(|error| error.to_string())?.read_to_end(&mut plain);
    read.map(|_| plain).map_err(|error| error.to_string())
}

#[test]
fn what_is_sealed_opens_at_every_length_around_a_chunk() {
    for length in [0, 1, 65_535, 65_536, 65_537, 131_072, 200_000] {
        let plain: Vec<u8> = (0..length).map(|n: u32| n.to_le_bytes()[0]).collect();
        assert!(opened(&by_keys(), &sealed(&to_keys(), &plain)).unwrap() == plain, "{length}");
    }
}

#[test]
fn a_passphrase_opens_what_it_sealed_and_another_does_not() {
    let sealed = sealed(&Lock::Passphrase(phrase("correct horse")), b"secret");
    assert_eq!(opened(&Unlock::Passphrase(phrase("correct horse")), &sealed).unwrap(), b"secret");
    assert!(opened(&Unlock::Passphrase(phrase("wrong")), &sealed).unwrap_err().contains("wrong"));
    assert!(opened(&by_keys(), &sealed).unwrap_err().contains("passphrase"));
}

#[test]
fn what_is_for_so_many_that_it_would_not_be_read_again_is_not_written() {
    let to = |count| Lock::Recipients(vec![RECIPIENT.parse().unwrap(); count]);
    assert_eq!(opened(&by_keys(), &sealed(&to(600), b"x")).unwrap(), b"x");
    assert!(matches!(encrypt(&to(700), Vec::new()), Err(AgeError::Crowded)));
}

#[test]
fn every_recipient_opens_it_and_nobody_else() {
    let other = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";
    let both = Lock::Recipients(vec![other.parse().unwrap(), RECIPIENT.parse().unwrap()]);
    assert_eq!(opened(&by_keys(), &sealed(&both, b"x")).unwrap(), b"x");
    let theirs = sealed(&Lock::Recipients(vec![other.parse().unwrap()]), b"x");
    assert!(opened(&by_keys(), &theirs).unwrap_err().contains("none of the private keys"));
    assert!(opened(&Unlock::Passphrase(phrase("x")), &theirs).unwrap_err().contains("for keys"));
}

#[test]
fn whatever_byte_is_changed_or_cut_off_is_noticed() {
    let plain = vec![7; 70_000];
    let whole = sealed(&to_keys(), &plain);
    for at in (0..whole.len()).step_by(997).chain(whole.len() - 40..whole.len()) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        assert!(opened(&by_keys(), &changed).is_err(), "byte {at}");
        assert!(opened(&by_keys(), &whole[..at]).is_err(), "cut at {at}");
    }
    let mut longer = whole.clone();
    longer.push(0);
    assert!(opened(&by_keys(), &longer).is_err());
}

#[test]
fn a_file_cut_between_its_chunks_is_said_to_be_cut_off() {
    let whole = sealed(&to_keys(), &vec![7; 200_000]);
    let first = whole.windows(5).position(|part| part.starts_with(b"\n--- ")).unwrap() + 5 + 43 + 1 + 16;
    assert!(opened(&by_keys(), &whole[..first + 65_536 + 16]).unwrap_err().contains("cut off"));
}

#[test]
fn other_files_are_said_to_be_none_of_this_format() {
    for foreign in [&b""[..], b"PK\x03\x04", b"age-encryption.org/v2\n", &[0; 5000]] {
        assert!(opened(&by_keys(), foreign).unwrap_err().contains("no file in the age format"));
    }
    assert!(opened(&by_keys(), b"-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n").unwrap_err().contains("armored"));
}

#[test]
fn a_header_that_asks_for_much_is_refused_before_it_costs_anything() {
    let header = |work: &str| {
        format!("age-encryption.org/v1\n-> scrypt rF0/NwblUHHTpgQgRpe5CQ {work}\n{}\n--- {}\n", "A".repeat(43), "A".repeat(43))
    };
    let unlock = Unlock::Passphrase(phrase("x"));
    assert!(opened(&unlock, header("21").as_bytes()).unwrap_err().contains("2048 MiB"));
    for bad in ["0", "-1", "+9", "09", "x", "999999999999", ""] {
        assert!(opened(&unlock, header(bad).as_bytes()).unwrap_err().contains("header"), "{bad:?}");
    }
    let endless = format!("age-encryption.org/v1\n-> {}", "x".repeat(1_000_000));
    assert!(opened(&unlock, endless.as_bytes()).unwrap_err().contains("too long"));
}

#[test]
fn keys_are_read_only_as_they_were_written() {
    assert!(RECIPIENT.parse::<Recipient>().is_ok() && IDENTITY.to_lowercase().parse::<Identity>().is_ok());
    for bad in ["", "age1", RECIPIENT.trim_end_matches('j'), &RECIPIENT.replacen('z', "Z", 1), IDENTITY, "ssh-ed25519 AAAA"] {
        assert!(bad.parse::<Recipient>().is_err(), "{bad}");
    }
    assert!(!format!("{:?}", IDENTITY.parse::<Identity>().unwrap()).contains('6'), "a private key is never shown");
}

/// `age` of the system with a file of its own; `None`, loudly, where it is not installed.
fn real_age(arguments: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let child = Command::new("age").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn();
    let Ok(mut child) = child else {
        eprintln!("skipped: there is no `age` here (Debian: apt install age)");
        return None;
    };
    let (mut stdin, input) = (child.stdin.take().unwrap(), input.to_vec());
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "age {arguments:?}");
    Some(output.stdout)
}

#[test]
fn the_real_age_reads_what_we_write_and_we_read_what_it_writes() {
    let directory = tempfile::tempdir().unwrap();
    let identity = directory.path().join("key");
    std::fs::write(&identity, format!("{IDENTITY}\n")).unwrap();
    let plain: Vec<u8> = (0..150_000_u32).flat_map(u32::to_le_bytes).collect();
    let Some(read) = real_age(&["-d", "-i", identity.to_str().unwrap()], &sealed(&to_keys(), &plain)) else { return };
    assert!(read == plain, "what we wrote");
    let written = real_age(&["-r", RECIPIENT], &plain).unwrap();
    assert!(opened(&by_keys(), &written).unwrap() == plain, "what it wrote");
}

proptest! {
    #[test]
    fn no_bytes_bring_the_reader_down(bytes in proptest::collection::vec(any::<u8>(), 0..2000), text in "(-> [ -~]{0,80}\n|[A-Za-z0-9+/]{0,64}\n|--- [A-Za-z0-9+/]{43}\n){0,12}") {
        let header = [b"age-encryption.org/v1\n".as_slice(), text.as_bytes(), &bytes].concat();
        for input in [&bytes, &header] {
            prop_assert!(opened(&by_keys(), input).is_err());
        }
    }
}

/// One of the format's own test vectors (tests/age/README): what is to come of it, its keys, the sum of its content, and the file.
struct Vector<'a> {
    expect: &'a str,
    sum: Option<&'a str>,
    unlocks: Vec<Unlock>,
    file: &'a [u8],
}

fn vector(bytes: &[u8]) -> Vector<'_> {
    let end = bytes.windows(2).position(|pair| pair == b"\n\n").unwrap();
    let lines = std::str::from_utf8(&bytes[..end]).unwrap().lines().map(|line| line.split_once(": ").unwrap());
    let mut vector = Vector { expect: "", sum: None, unlocks: Vec::new(), file: &bytes[end + 2..] };
    for (name, value) in lines {
        match name {
            "expect" => vector.expect = value,
            "payload" => vector.sum = Some(value),
            "passphrase" => vector.unlocks.push(Unlock::Passphrase(phrase(value))),
            "identity" => vector.unlocks.extend(value.parse().ok().map(|identity| Unlock::Identities(vec![identity]))),
            _ => {}
        }
    }
    vector
}

#[test]
fn the_format_s_own_vectors_come_out_as_they_are_to() {
    let (mut tried, mut opens) = (0, 0);
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/age")).unwrap().map(Result::unwrap) {
        let bytes = std::fs::read(entry.path()).unwrap();
        if entry.file_name() == "README" {
            continue;
        }
        let vector = vector(&bytes);
        let results: Vec<_> = vector.unlocks.iter().map(|unlock| opened(unlock, vector.file)).collect();
        let good = results.iter().find_map(|result| result.as_ref().ok());
        let sum = good.map(|plain| ring::digest::digest(&ring::digest::SHA256, plain));
        let sum = sum.map(|sum| sum.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>());
        let name = entry.file_name();
        assert_eq!(sum.as_deref(), vector.sum.filter(|_| vector.expect == "success"), "{name:?}: {results:?}");
        tried += 1;
        opens += usize::from(good.is_some());
    }
    assert!(tried > 70 && opens >= 8, "{tried} of which {opens} open");
}

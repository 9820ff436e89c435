//! Passphrases and keys: from files, from standard input, or from the terminal; never from arguments or the environment, which others can see.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

use crate::age::{Lock, Unlock};
use crate::model::Secret;

/// Largest file of keys or of a passphrase, in bytes.
const LENGTH: u64 = 64 * 1024;

/// Shortest passphrase for something new, in characters: whoever has the file may try as many as they like.
const SHORTEST: usize = 12;

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocksError {
    /// A file cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A line of it is no key.
    #[error("{place}: {what}")]
    Key {
        /// The file and line, or the option.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// Both ways are given.
    #[error("give either a passphrase or keys, not both")]
    Both,
    /// One standard input cannot be two things.
    #[error("standard input cannot be both the backup and the passphrase; give one of them as a file")]
    Twice,
    /// The passphrase is too short.
    #[error("the passphrase has fewer than {SHORTEST} characters: whoever gets the file can try them all")]
    Short,
    /// There is no passphrase.
    #[error("the passphrase is empty")]
    Empty,
    /// The two are not the same.
    #[error("the two passphrases differ")]
    Differ,
    /// Nobody can be asked.
    #[error("there is no terminal to ask for a passphrase: give --passphrase-file FILE, or a key ({0})")]
    NoTerminal(io::Error),
}

/// What a backup is encrypted for.
///
/// # Errors
/// [`LocksError`].
pub(crate) fn lock(passphrase: Option<&str>, recipients: &[String], files: &[PathBuf]) -> Result<Lock, LocksError> {
    let mut keys = Vec::new();
    for text in recipients {
        keys.push(parse("--recipient", text)?);
    }
    for file in files {
        keys.extend(keys_of(file)?);
    }
    match (passphrase, keys.is_empty()) {
        (Some(_), false) => Err(LocksError::Both),
        (None, false) => Ok(Lock::Recipients(keys)),
        (given, true) => {
            let phrase = match given {
                Some(file) => from_file(file)?,
                None => {
                    let phrase = asked("Passphrase for the backup: ")?;
                    if *asked("Once more: ")?.expose() != *phrase.expose() {
                        return Err(LocksError::Differ);
                    }
                    phrase
                }
            };
            if phrase.expose().chars().count() < SHORTEST { Err(LocksError::Short) } else { Ok(Lock::Passphrase(phrase)) }
        }
    }
}

/// What opens a backup that comes `from` there.
///
/// # Errors
/// [`LocksError`].
pub(crate) fn unlock(passphrase: Option<&str>, identities: &[PathBuf], from: &str) -> Result<Unlock, LocksError> {
    let mut keys = Vec::new();
    for file in identities {
        keys.extend(keys_of(file)?);
    }
    match (passphrase, keys.is_empty()) {
        (Some(_), false) => Err(LocksError::Both),
        (None, false) => Ok(Unlock::Identities(keys)),
        (Some("-"), true) if from == "-" => Err(LocksError::Twice),
        (Some(file), true) => Ok(Unlock::Passphrase(from_file(file)?)),
        (None, true) => Ok(Unlock::Passphrase(asked("Passphrase of the backup: ")?)),
    }
}

/// The keys in a file, one a line; `#` begins a comment.
fn keys_of<K: FromStr<Err = impl std::fmt::Display>>(path: &Path) -> Result<Vec<K>, LocksError> {
    let text = File::open(path).and_then(read_text).map_err(|source| LocksError::File { path: path.to_owned(), source })?;
    let place = |line: usize| format!("{} line {}", path.display(), line + 1);
    let lines = text.expose().lines().map(str::trim).enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let keys: Vec<K> = lines.map(|(number, line)| parse(&place(number), line)).collect::<Result<_, _>>()?;
    if keys.is_empty() { Err(LocksError::Key { place: path.display().to_string(), what: "it holds no key".to_owned() }) } else { Ok(keys) }
}

fn parse<K: FromStr<Err = impl std::fmt::Display>>(place: &str, text: &str) -> Result<K, LocksError> {
    text.trim().parse().map_err(|error: K::Err| LocksError::Key { place: place.to_owned(), what: error.to_string() })
}

/// The first line of a file, or of standard input.
fn from_file(path: &str) -> Result<Secret<String>, LocksError> {
    let read = if path == "-" { read_text(io::stdin()) } else { File::open(path).and_then(read_text) };
    let text = read.map_err(|source| LocksError::File { path: path.into(), source })?;
    let line = text.expose().lines().next().unwrap_or_default();
    if line.is_empty() { Err(LocksError::Empty) } else { Ok(Secret::new(line.to_owned())) }
}

fn read_text(from: impl Read) -> io::Result<Secret<String>> {
    let mut text = String::new();
    from.take(LENGTH + 1).read_to_string(&mut text)?;
    // A list that was cut off would leave somebody out who is to be able to open the backup.
    if u64::try_from(text.len()).is_ok_and(|length| length > LENGTH) {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {LENGTH} bytes")));
    }
    Ok(Secret::new(text))
}

/// What a person types, unseen.
fn asked(question: &str) -> Result<Secret<String>, LocksError> {
    let mut terminal = File::options().read(true).write(true).open("/dev/tty").map_err(LocksError::NoTerminal)?;
    let typed = terminal.write_all(question.as_bytes()).and_then(|()| typed_unseen(&mut terminal));
    let ended = terminal.write_all(b"\n");
    let phrase = typed.and_then(|phrase| ended.map(|()| phrase)).map_err(LocksError::NoTerminal)?;
    if phrase.expose().is_empty() { Err(LocksError::Empty) } else { Ok(phrase) }
}

/// Reads a line byte by byte with neither echo nor signals, so that Ctrl-C does not leave a terminal that shows nothing.
fn typed_unseen(terminal: &mut File) -> io::Result<Secret<String>> {
    let before = tcgetattr(&*terminal)?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
    let _restored = Restored(terminal.try_clone()?, before);
    tcsetattr(&*terminal, OptionalActions::Flush, &silent)?;
    let mut bytes = Vec::new();
    let mut byte = [0];
    while terminal.read(&mut byte)? > 0 {
        match byte[0] {
            b'\n' | b'\r' | 4 => break,
            3 => return Err(io::ErrorKind::Interrupted.into()),
            // A character's last byte, and those before it.
            8 | 127 => while bytes.pop().is_some_and(|last: u8| last & 0xc0 == 0x80) {},
            typed if bytes.len() < 4096 => bytes.push(typed),
            _ => {}
        }
    }
    String::from_utf8(bytes).map(Secret::new).map_err(|_| io::Error::other("what was typed is no UTF-8"))
}

/// A terminal that is as it was when this is dropped.
struct Restored(File, Termios);

impl Drop for Restored {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(&self.0, OptionalActions::Flush, &self.1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPIENT: &str = "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj";
    const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn the_first_line_of_a_file_is_the_passphrase_and_a_short_one_is_refused() {
        let (good, short) = (file("correct horse battery\r\nmore\n"), file("short\n"));
        let lock = |path: &Path| lock(path.to_str(), &[], &[]);
        assert!(matches!(lock(good.path()), Ok(Lock::Passphrase(phrase)) if phrase.expose() == "correct horse battery"));
        assert!(matches!(lock(short.path()), Err(LocksError::Short)));
        assert!(matches!(unlock(short.path().to_str(), &[], "x"), Ok(Unlock::Passphrase(_))), "what there is opens by what it has");
        assert!(matches!(lock(file("\nx").path()), Err(LocksError::Empty)));
    }

    #[test]
    fn keys_come_one_a_line_and_a_bad_one_is_named_by_its_line_and_never_shown() {
        let good = file(&format!("# ana\n{RECIPIENT}\n\n"));
        assert!(matches!(lock(None, &[RECIPIENT.to_owned()], &[good.path().to_owned()]), Ok(Lock::Recipients(keys)) if keys.len() == 2));
        let private = file(&format!("# key\n{IDENTITY}x\n"));
        let error = unlock(None, &[private.path().to_owned()], "x").unwrap_err().to_string();
        assert!(error.contains("line 2") && !error.contains("GFPYY"), "{error}");
        let phrase = file("correct horse battery");
        assert!(matches!(lock(phrase.path().to_str(), &[RECIPIENT.to_owned()], &[]), Err(LocksError::Both)));
        assert!(matches!(unlock(Some("-"), &[], "-"), Err(LocksError::Twice)));
    }
}

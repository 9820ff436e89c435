//! The header: who may open the file, and by what.

use std::io::{BufRead, Read};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use ring::hmac;

use super::{AgeError, FILE_KEY, KEY, Lock, Unlock, cut_off, header_key, random, unwrap, wrap};
use crate::model::Secret;

/// The first line.
const VERSION: &str = "age-encryption.org/v1\n";

/// The first line of a file that was made text.
const ARMOR: &[u8] = b"-----BEGIN AGE ENC";

/// Characters in a full line of a stanza's body.
const COLUMNS: usize = 64;

/// Longest header that is read, in bytes: some hundred recipients.
const LENGTH: usize = 64 * 1024;

/// Bytes of salt for a passphrase.
const SALT: usize = 16;

/// What stands before the salt of a passphrase.
const SALT_LABEL: &[u8] = b"age-encryption.org/v1/scrypt";

/// How much work a passphrase is made to cost, as the exponent of two: 64 MiB of memory and a fifth of a second on a small server, whose
/// 512 MB the usual 256 MiB would take from the bot.
const WORK: u8 = 16;

/// The most work that a file may ask for: 1 GiB.
const MOST_WORK: u32 = 20;

/// A stanza: its arguments, and its body.
struct Stanza {
    arguments: Vec<String>,
    body: Vec<u8>,
}

/// The whole header.
pub(super) fn write(lock: &Lock, file_key: &Secret<[u8; FILE_KEY]>) -> Result<Vec<u8>, AgeError> {
    let mut text = VERSION.to_owned();
    match lock {
        Lock::Passphrase(passphrase) => {
            let salt = random::<SALT>()?;
            let key = passphrase_key(passphrase, &salt, WORK)?;
            let body = wrap(&key, file_key).ok_or(AgeError::Crypto("a file key cannot be wrapped"))?;
            write_stanza(&mut text, &["scrypt", &BASE64.encode(salt), &WORK.to_string()], &body);
        }
        Lock::Recipients(recipients) => {
            for recipient in recipients {
                let (share, body) = recipient.wrap(file_key)?;
                write_stanza(&mut text, &["X25519", &BASE64.encode(share)], &body);
            }
        }
    }
    text.push_str("---");
    let sum = hmac::sign(&header_key(file_key), text.as_bytes());
    text.push_str(&format!(" {}\n", BASE64.encode(sum)));
    // What is longer is not read again.
    if text.len() <= LENGTH { Ok(text.into_bytes()) } else { Err(AgeError::Crowded) }
}

fn write_stanza(text: &mut String, arguments: &[&str], body: &[u8]) {
    let body = BASE64.encode(body);
    text.push_str(&format!("-> {}\n", arguments.join(" ")));
    // A file key's body is 43 characters: one line, which is also the last.
    text.push_str(&format!("{body}\n"));
}

/// The file key; what follows in `input` is the content.
pub(super) fn read(unlock: &Unlock, input: &mut impl BufRead) -> Result<Secret<[u8; FILE_KEY]>, AgeError> {
    let mut reader = HeaderReader { input, text: Vec::new() };
    reader.version()?;
    let mut stanzas = Vec::new();
    let sum = loop {
        let line = reader.line()?;
        if let Some(arguments) = line.strip_prefix("-> ") {
            stanzas.push(Stanza { arguments: arguments_of(arguments)?, body: reader.body()? });
        } else if let Some(sum) = line.strip_prefix("--- ") {
            break decode(sum)?;
        } else {
            return Err(AgeError::Header("a line of it is none of a header"));
        }
    };
    if stanzas.is_empty() {
        return Err(AgeError::Header("it names nobody who may open it"));
    }
    let file_key = open(unlock, &stanzas)?;
    // All but what follows the three dashes of the last line.
    let signed = reader.text.len().saturating_sub(sum_line_rest(&sum));
    let text = reader.text.get(..signed).unwrap_or_default();
    hmac::verify(&header_key(&file_key), text, &sum).map_err(|_| AgeError::Header("its checksum is another"))?;
    Ok(file_key)
}

/// Bytes of ` SUM\n`.
fn sum_line_rest(sum: &[u8]) -> usize {
    BASE64.encode(sum).len() + 2
}

fn open(unlock: &Unlock, stanzas: &[Stanza]) -> Result<Secret<[u8; FILE_KEY]>, AgeError> {
    let is = |stanza: &Stanza, kind: &str| stanza.arguments.first().is_some_and(|first| first == kind);
    let by_passphrase = stanzas.iter().any(|stanza| is(stanza, "scrypt"));
    if by_passphrase && stanzas.len() > 1 {
        // Who encrypts for a passphrase and a key lets each reader think that the other is not there (age.md, "scrypt").
        return Err(AgeError::Header("a passphrase is not its only lock"));
    }
    match unlock {
        Unlock::Passphrase(_) if !by_passphrase => Err(AgeError::NoPassphrase),
        Unlock::Identities(_) if by_passphrase => Err(AgeError::NeedsPassphrase),
        Unlock::Passphrase(passphrase) => stanzas.first().map_or(Err(AgeError::NoPassphrase), |stanza| open_scrypt(passphrase, stanza)),
        Unlock::Identities(identities) => {
            for stanza in stanzas.iter().filter(|stanza| is(stanza, "X25519")) {
                let share = exactly::<KEY>(&stanza.arguments, 2)?;
                let body = wrapped(&stanza.body)?;
                for identity in identities {
                    if let Some(file_key) = identity.unwrap(&share, body)? {
                        return Ok(file_key);
                    }
                }
            }
            Err(AgeError::NoMatch)
        }
    }
}

fn open_scrypt(passphrase: &Secret<String>, stanza: &Stanza) -> Result<Secret<[u8; FILE_KEY]>, AgeError> {
    let salt = exactly::<SALT>(&stanza.arguments, 3)?;
    let work = stanza.arguments.get(2).filter(|work| work.len() <= 2 && !work.starts_with(['0', '+']));
    let work: u8 = work.and_then(|work| work.parse().ok()).ok_or(AgeError::Header("its work factor is no number"))?;
    if u32::from(work) > MOST_WORK {
        return Err(AgeError::TooCostly(work.into()));
    }
    let body = wrapped(&stanza.body)?;
    unwrap(&passphrase_key(passphrase, &salt, work)?, body).ok_or(AgeError::WrongPassphrase)
}

/// scrypt (RFC 7914) with the format's own parameters.
fn passphrase_key(passphrase: &Secret<String>, salt: &[u8], work: u8) -> Result<Secret<[u8; KEY]>, AgeError> {
    let failed = || AgeError::Header("its work factor is none of scrypt");
    let parameters = scrypt::Params::new(work, 8, 1, KEY).map_err(|_| failed())?;
    let mut key = [0; KEY];
    let salt = [SALT_LABEL, salt].concat();
    scrypt::scrypt(passphrase.expose().as_bytes(), &salt, &parameters, &mut key).map_err(|_| failed())?;
    Ok(Secret::new(key))
}

/// The second of so many arguments, which is `N` bytes.
fn exactly<const N: usize>(arguments: &[String], count: usize) -> Result<[u8; N], AgeError> {
    let bad = || AgeError::Header("a stanza has arguments of another kind");
    if arguments.len() != count {
        return Err(bad());
    }
    let bytes = decode(arguments.get(1).ok_or_else(bad)?)?;
    bytes.try_into().map_err(|_| bad())
}

/// A body of another length is never tried: it could be made to open by several keys (age.md, "partitioning oracle").
fn wrapped(body: &[u8]) -> Result<&[u8], AgeError> {
    if body.len() == FILE_KEY + 16 { Ok(body) } else { Err(AgeError::Header("a stanza's body has another length")) }
}

fn arguments_of(text: &str) -> Result<Vec<String>, AgeError> {
    let arguments: Vec<String> = text.split(' ').map(str::to_owned).collect();
    let right = |argument: &String| !argument.is_empty() && argument.bytes().all(|byte| byte.is_ascii_graphic());
    if arguments.iter().all(right) { Ok(arguments) } else { Err(AgeError::Header("a stanza has an argument that is none")) }
}

/// Canonical base64 without padding.
fn decode(text: &str) -> Result<Vec<u8>, AgeError> {
    BASE64.decode(text).map_err(|_| AgeError::Header("a part of it is no base64"))
}

/// Reads lines, and keeps all that it read for the checksum.
struct HeaderReader<'a, R> {
    input: &'a mut R,
    text: Vec<u8>,
}

impl<R: BufRead> HeaderReader<'_, R> {
    /// The first line tells other files apart before more of them is read.
    fn version(&mut self) -> Result<(), AgeError> {
        let length = u64::try_from(VERSION.len()).unwrap_or_default();
        self.input.by_ref().take(length).read_to_end(&mut self.text)?;
        if self.text == VERSION.as_bytes() {
            Ok(())
        } else if self.text.starts_with(ARMOR) {
            Err(AgeError::Armored)
        } else {
            Err(AgeError::Foreign)
        }
    }

    /// The next line without its end.
    fn line(&mut self) -> Result<String, AgeError> {
        let begin = self.text.len();
        let most = u64::try_from(LENGTH.saturating_sub(begin)).unwrap_or_default();
        self.input.by_ref().take(most).read_until(b'\n', &mut self.text).map_err(cut_off)?;
        let line = self.text.get(begin..).unwrap_or_default();
        match line.split_last() {
            Some((b'\n', line)) => String::from_utf8(line.to_vec()).map_err(|_| AgeError::Header("a line of it is no text")),
            _ if self.text.len() >= LENGTH => Err(AgeError::Header("it is too long")),
            _ => Err(AgeError::Truncated),
        }
    }

    /// A stanza's body, which ends with a line that is not full.
    fn body(&mut self) -> Result<Vec<u8>, AgeError> {
        let mut text = String::new();
        loop {
            let line = self.line()?;
            text.push_str(&line);
            if line.len() < COLUMNS {
                return decode(&text);
            }
            if line.len() > COLUMNS {
                return Err(AgeError::Header("a line of a stanza is too long"));
            }
        }
    }
}

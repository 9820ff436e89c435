//! The age file format, version 1 ([C2SP age.md](https://c2sp.org/age)), with its two oldest kinds of recipient: a passphrase (scrypt) and
//! X25519 keys. What is written here, `age -d` and `rage -d` read, and the other way round.
//!
//! Ours is the format, a few hundred lines that have not changed since 2019. The cryptography is `ring`'s, `scrypt`'s and `x25519-dalek`'s.

mod bech32;
mod header;
mod keys;
mod stream;

use std::io::{self, BufRead, Write};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, Salt};
use ring::hmac;

pub use keys::{Identity, Recipient};
pub use stream::{Decryptor, Encryptor};

use crate::model::Secret;

/// The key of one file, from which all others are derived, in bytes.
const FILE_KEY: usize = 16;

/// Length of every other key, and of SHA-256.
const KEY: usize = 32;

/// For whom a file is encrypted.
#[derive(Debug, Clone)]
pub enum Lock {
    /// Whoever knows the passphrase.
    Passphrase(Secret<String>),
    /// The holders of these keys; at least one.
    Recipients(Vec<Recipient>),
}

/// What opens a file.
#[derive(Debug, Clone)]
pub enum Unlock {
    /// The passphrase.
    Passphrase(Secret<String>),
    /// Any of these keys.
    Identities(Vec<Identity>),
}

/// Why a file cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AgeError {
    /// Reading or writing failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is something else.
    #[error("it is no file in the age format")]
    Foreign,
    /// It is armored.
    #[error("it is armored; `age -d` reads it, and age without `-a` writes it as it is read here")]
    Armored,
    /// Its beginning is damaged.
    #[error("its header is damaged: {0}")]
    Header(&'static str),
    /// The passphrase is another.
    #[error("the passphrase is wrong, or the file was changed")]
    WrongPassphrase,
    /// It has no passphrase.
    #[error("it is encrypted for keys, not by a passphrase: give a file with the private key")]
    NoPassphrase,
    /// None of the keys fits.
    #[error("none of the private keys opens it")]
    NoMatch,
    /// It has a passphrase.
    #[error("it is encrypted by a passphrase, not for a key")]
    NeedsPassphrase,
    /// Its passphrase costs more memory than is spent on it.
    #[error("its passphrase is made to cost {} MiB of memory, more than is spent here", 1_u64 << .0.saturating_sub(10))]
    TooCostly(u32),
    /// Its content was changed.
    #[error("it was changed or is damaged")]
    Tampered,
    /// Its end is missing.
    #[error("it is cut off: its end is missing")]
    Truncated,
    /// Its header would be longer than one that is read.
    #[error("there are too many recipients: some six hundred fit")]
    Crowded,
    /// The kernel gave no random numbers, or a key has no secret in it.
    #[error("{0}")]
    Crypto(&'static str),
}

/// Begins a file; what is written to the result is encrypted into `out`. It is whole only after [`Encryptor::finish`].
///
/// # Errors
/// `out` failed, the kernel gave no random numbers, or there are too many recipients.
pub fn encrypt<W: Write>(lock: &Lock, mut out: W) -> Result<Encryptor<W>, AgeError> {
    let file_key = Secret::new(random::<FILE_KEY>()?);
    out.write_all(&header::write(lock, &file_key)?)?;
    let nonce = random::<{ stream::NONCE }>()?;
    out.write_all(&nonce)?;
    Ok(Encryptor::new(out, stream::Key::derive(&file_key, &nonce)))
}

/// Opens a file; what is read from the result was authenticated before.
///
/// # Errors
/// All of [`AgeError`] but those of the content, which reading gives.
pub fn decrypt<R: BufRead>(unlock: &Unlock, mut input: R) -> Result<Decryptor<R>, AgeError> {
    let file_key = header::read(unlock, &mut input)?;
    let mut nonce = [0; stream::NONCE];
    input.read_exact(&mut nonce).map_err(cut_off)?;
    Ok(Decryptor::new(input, stream::Key::derive(&file_key, &nonce)))
}

fn cut_off(error: io::Error) -> AgeError {
    if error.kind() == io::ErrorKind::UnexpectedEof { AgeError::Truncated } else { AgeError::Io(error) }
}

fn random<const N: usize>() -> Result<[u8; N], AgeError> {
    let mut bytes = [0; N];
    match rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()) {
        Ok(count) if count == N => Ok(bytes),
        _ => Err(AgeError::Crypto("the kernel gave no random numbers")),
    }
}

/// HKDF-SHA-256 (RFC 5869).
fn derive(from: &[u8], salt: &[u8], info: &[u8]) -> Secret<[u8; KEY]> {
    let mut key = [0; KEY];
    let info = [info];
    // Both fail only for keys longer than 255 hashes.
    if let Ok(expanded) = Salt::new(HKDF_SHA256, salt).extract(from).expand(&info, HKDF_SHA256) {
        let _ = expanded.fill(&mut key);
    }
    Secret::new(key)
}

/// The key of the header's checksum.
fn header_key(file_key: &Secret<[u8; FILE_KEY]>) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, derive(file_key.expose(), &[], b"header").expose())
}

/// ChaCha20-Poly1305 (RFC 8439).
fn cipher(key: &Secret<[u8; KEY]>) -> Option<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key.expose()).ok().map(LessSafeKey::new)
}

/// Encrypts a file key, which is wrapped by each wrapping key only once: so the nonce may be zero.
fn wrap(key: &Secret<[u8; KEY]>, file_key: &Secret<[u8; FILE_KEY]>) -> Option<Vec<u8>> {
    let mut body = file_key.expose().to_vec();
    cipher(key)?.seal_in_place_append_tag(zero(), Aad::empty(), &mut body).ok()?;
    Some(body)
}

/// The file key in a stanza's body; `None` when the key is another.
fn unwrap(key: &Secret<[u8; KEY]>, body: &[u8]) -> Option<Secret<[u8; FILE_KEY]>> {
    let mut body = body.to_vec();
    let plain = cipher(key)?.open_in_place(zero(), Aad::empty(), &mut body).ok()?;
    <[u8; FILE_KEY]>::try_from(&*plain).ok().map(Secret::new)
}

fn zero() -> Nonce {
    Nonce::assume_unique_for_key([0; NONCE_LEN])
}

#[cfg(test)]
mod tests;

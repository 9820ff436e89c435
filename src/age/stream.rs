//! The content: chunks of 64 KiB, each authenticated with its number and whether it is the last.

use std::io::{self, BufRead, Read, Write};

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};

use super::{AgeError, FILE_KEY, cipher, derive};
use crate::model::Secret;

/// Bytes of the file's own nonce.
pub(super) const NONCE: usize = 16;

/// Plain bytes of a chunk; the last may have fewer.
const CHUNK: usize = 64 * 1024;

/// Bytes of its authentication.
const TAG: usize = 16;

/// The key of a file's content, with the number of the next chunk.
#[derive(Debug)]
pub(super) struct Key {
    cipher: Option<LessSafeKey>,
    next: u64,
}

impl Key {
    pub(super) fn derive(file_key: &Secret<[u8; FILE_KEY]>, nonce: &[u8; NONCE]) -> Self {
        Self { cipher: cipher(&derive(file_key.expose(), nonce, b"payload")), next: 0 }
    }

    /// Eleven bytes of counting, of which eight suffice for 2^64 chunks, and one that says whether this is the last.
    fn nonce(&mut self, last: bool) -> Nonce {
        let mut nonce = [0; NONCE_LEN];
        let (number, flag) = nonce.split_at_mut(NONCE_LEN - 1);
        number.iter_mut().rev().zip(self.next.to_le_bytes()).for_each(|(place, byte)| *place = byte);
        flag.fill(u8::from(last));
        self.next = self.next.wrapping_add(1);
        Nonce::assume_unique_for_key(nonce)
    }

    fn seal(&mut self, chunk: &mut Vec<u8>, last: bool) -> io::Result<()> {
        let nonce = self.nonce(last);
        let cipher = self.cipher.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        cipher.seal_in_place_append_tag(nonce, Aad::empty(), chunk).map_err(|_| io::ErrorKind::InvalidInput.into())
    }

    /// Leaves the plain bytes in `chunk`.
    fn open(&mut self, chunk: &mut Vec<u8>, last: bool) -> Result<(), AgeError> {
        let nonce = self.nonce(last);
        let cipher = self.cipher.as_ref().ok_or(AgeError::Tampered)?;
        let length = cipher.open_in_place(nonce, Aad::empty(), chunk).map_err(|_| AgeError::Tampered)?.len();
        chunk.truncate(length);
        Ok(())
    }
}

/// Encrypts what is written to it.
#[derive(Debug)]
pub struct Encryptor<W> {
    out: W,
    key: Key,
    chunk: Vec<u8>,
}

impl<W: Write> Encryptor<W> {
    pub(super) fn new(out: W, key: Key) -> Self {
        Self { out, key, chunk: Vec::with_capacity(CHUNK + TAG) }
    }

    /// Writes the last chunk. Without it no reader takes the file for whole.
    ///
    /// # Errors
    /// The writer below failed.
    pub fn finish(mut self) -> io::Result<W> {
        self.emit(true)?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn emit(&mut self, last: bool) -> io::Result<()> {
        self.key.seal(&mut self.chunk, last)?;
        self.out.write_all(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

impl<W: Write> Write for Encryptor<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full chunk goes out only when more follows: the last one may be full, and must not be empty.
        if self.chunk.len() == CHUNK && !bytes.is_empty() {
            self.emit(false)?;
        }
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        Ok(taken)
    }

    /// What does not fill a chunk waits.
    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Decrypts what is read from it. Its errors of the content hold an [`AgeError`].
#[derive(Debug)]
pub struct Decryptor<R> {
    input: R,
    key: Key,
    chunk: Vec<u8>,
    /// What of the chunk was read.
    at: usize,
    ended: bool,
}

impl<R: BufRead> Decryptor<R> {
    pub(super) fn new(input: R, key: Key) -> Self {
        Self { input, key, chunk: Vec::with_capacity(CHUNK + TAG), at: 0, ended: false }
    }

    fn next_chunk(&mut self) -> Result<(), AgeError> {
        let first = self.key.next == 0;
        let most = u64::try_from(CHUNK + TAG).unwrap_or_default();
        self.chunk.clear();
        self.at = 0;
        self.input.by_ref().take(most).read_to_end(&mut self.chunk)?;
        self.ended = self.chunk.len() < CHUNK + TAG || self.input.fill_buf()?.is_empty();
        if self.chunk.len() < TAG {
            return Err(AgeError::Truncated);
        }
        if self.ended {
            return self.open_last(first);
        }
        self.key.open(&mut self.chunk, false)
    }

    /// What is authentic but not the last says that the rest is missing.
    fn open_last(&mut self, first: bool) -> Result<(), AgeError> {
        let (number, full) = (self.key.next, self.chunk.len() == CHUNK + TAG);
        let sealed = if full { self.chunk.clone() } else { Vec::new() };
        match self.key.open(&mut self.chunk, true) {
            // An empty last chunk is a full one that was taken for the last but one.
            Ok(()) if self.chunk.is_empty() && !first => Err(AgeError::Tampered),
            Err(AgeError::Tampered) if full => {
                (self.key.next, self.chunk) = (number, sealed);
                let rest_is_missing = self.key.open(&mut self.chunk, false).is_ok();
                self.chunk.clear();
                Err(if rest_is_missing { AgeError::Truncated } else { AgeError::Tampered })
            }
            // A chunk that was cut in its middle cannot be told from one that was changed.
            other => other,
        }
    }
}

impl<R: BufRead> Read for Decryptor<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.at >= self.chunk.len() {
            if self.ended {
                return Ok(0);
            }
            self.next_chunk().inspect_err(|_| self.chunk.clear()).map_err(|error| match error {
                AgeError::Io(error) => error,
                error => io::Error::new(io::ErrorKind::InvalidData, error),
            })?;
        }
        let rest = self.chunk.get(self.at..).unwrap_or_default();
        let taken = rest.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.at += taken;
        Ok(taken)
    }
}

//! Reading.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use ring::digest::{Context, SHA256};

use super::write::{checksum, hexadecimal};
use super::{ArchiveError, BLOCK, EXTENDED, Kind, Member, NAME, PIECE, Segments, is_beneath, padding};

/// An archive that is read.
pub struct Reader<R> {
    input: R,
    sum: Context,
    /// The sum of all before the present member.
    before: Context,
    /// Bytes of the present member's content that were not read yet.
    left: u64,
    /// The padding behind them.
    padding: u64,
    /// Of a file with holes: its length.
    sparse: Option<u64>,
}

/// What an extended header says.
#[derive(Default)]
struct Extended {
    path: Option<PathBuf>,
    target: Option<PathBuf>,
    size: Option<u64>,
    /// Length of a file with holes.
    real: Option<u64>,
}

fn damaged<T>(what: &'static str) -> Result<T, ArchiveError> {
    Err(ArchiveError::Damaged(what))
}

impl<R: Read> Reader<R> {
    /// The archive that comes out of `input`.
    pub fn new(input: R) -> Self {
        let sum = Context::new(&SHA256);
        Self { input, before: sum.clone(), sum, left: 0, padding: 0, sparse: None }
    }

    /// The next member; what was not read of the last one is passed over. `None` at the end.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn next_member(&mut self) -> Result<Option<Member>, ArchiveError> {
        self.read_into(|_, _| Ok(()))?;
        self.before = self.sum.clone();
        let mut block = self.block()?;
        if block.iter().all(|byte| *byte == 0) {
            return self.end().map(|()| None);
        }
        let mut extended = Extended::default();
        if kind(&block) == b'x' {
            let size = number(&block, 124..136)?;
            if size > EXTENDED {
                return damaged("an extended header is too long");
            }
            let mut records = vec![0; usize::try_from(size + padding(size)).unwrap_or_default()];
            self.fill(&mut records)?;
            records.truncate(usize::try_from(size).unwrap_or_default());
            extended = parse_records(&records)?;
            block = self.block()?;
        }
        self.member(&block, extended).map(Some)
    }

    /// The sum (SHA-256, in hexadecimal) of everything before the present member.
    pub fn sum_before(&self) -> String {
        hexadecimal(&self.before)
    }

    /// Gives the present file's content, piece by piece, each with its place. Between them are holes.
    ///
    /// # Errors
    /// [`ArchiveError`], those of `put` among them.
    pub fn read_into(&mut self, mut put: impl FnMut(u64, &[u8]) -> io::Result<()>) -> Result<(), ArchiveError> {
        let segments = match self.sparse.take() {
            Some(length) => self.map(length)?,
            None => Segments::dense(self.left),
        };
        if segments.content() != self.left {
            return damaged("a file's pieces are not as long as its content");
        }
        let mut buffer = vec![0; PIECE];
        for (offset, length) in &segments.pieces {
            let mut at = 0;
            while at < *length {
                let most = usize::try_from(length - at).unwrap_or(PIECE).min(PIECE);
                let piece = buffer.get_mut(..most).unwrap_or_default();
                self.fill(piece)?;
                put(offset.saturating_add(at), piece)?;
                at = at.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
            }
        }
        self.left = 0;
        let mut rest = [0; BLOCK];
        let padding = usize::try_from(std::mem::take(&mut self.padding)).unwrap_or_default();
        self.fill(rest.get_mut(..padding).unwrap_or_default())
    }

    /// The present file's content, at most `most` bytes.
    ///
    /// # Errors
    /// [`ArchiveError`].
    pub fn read_all(&mut self, most: u64) -> Result<Vec<u8>, ArchiveError> {
        if self.left > most || self.sparse.is_some() {
            return damaged("a member that is to be short is long");
        }
        let mut content = Vec::new();
        self.read_into(|_, piece| {
            content.extend_from_slice(piece);
            Ok(())
        })?;
        Ok(content)
    }

    fn member(&mut self, block: &[u8], extended: Extended) -> Result<Member, ArchiveError> {
        let header_size = number(block, 124..136)?;
        let path = extended.path.unwrap_or_else(|| text(block, 0..100));
        if !is_beneath(&path) {
            return damaged("a name in it does not lie beneath");
        }
        let target = extended.target.unwrap_or_else(|| text(block, 157..257));
        let size = extended.size.unwrap_or(header_size);
        let kind = match kind(block) {
            b'0' => Kind::File(extended.real.unwrap_or(size)),
            b'5' => Kind::Directory,
            b'2' if !target.as_os_str().is_empty() && target.as_os_str().len() < NAME => Kind::Link(target),
            b'1' if is_beneath(&target) => Kind::Same(target),
            b'1' | b'2' => return damaged("a link in it leads nowhere"),
            _ => return damaged("a member is of a kind that is never written"),
        };
        let is_file = matches!(kind, Kind::File(_));
        if !is_file && (size > 0 || extended.real.is_some()) {
            return damaged("a member that has no content has some");
        }
        (self.left, self.padding, self.sparse) = (size, padding(size), extended.real);
        let executable = is_file && number(block, 100..108)? & 0o100 != 0;
        Ok(Member { path, kind, executable, modified: number(block, 136..148)? })
    }

    /// The map at the beginning of a file with holes.
    fn map(&mut self, length: u64) -> Result<Segments, ArchiveError> {
        let mut lines = MapReader { block: Vec::new(), at: 0 };
        let count = lines.number(self)?;
        if count > Segments::most() {
            return damaged("a file has too many pieces");
        }
        let mut pieces = Vec::new();
        for _ in 0..count {
            pieces.push((lines.number(self)?, lines.number(self)?));
        }
        Segments::checked(pieces, length).ok_or(ArchiveError::Damaged("a file's pieces are out of order"))
    }

    fn end(&mut self) -> Result<(), ArchiveError> {
        if self.block()?.iter().any(|byte| *byte != 0) {
            return damaged("its end is none");
        }
        let mut more = [0];
        if self.input.read(&mut more)? > 0 { damaged("something follows its end") } else { Ok(()) }
    }

    /// A header's block. Its own sum is checked, but for the end's.
    fn block(&mut self) -> Result<[u8; BLOCK], ArchiveError> {
        let mut block = [0; BLOCK];
        self.fill(&mut block)?;
        let is_end = block.iter().all(|byte| *byte == 0);
        if !is_end && (block.get(257..262) != Some(b"ustar".as_slice()) || number(&block, 148..156)? != checksum(&block)) {
            return damaged("a header is none");
        }
        Ok(block)
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), ArchiveError> {
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::Damaged("its end is missing"),
            _ => ArchiveError::Io(error),
        })?;
        self.sum.update(buffer);
        Ok(())
    }
}

/// The lines of a map, which takes whole blocks.
struct MapReader {
    block: Vec<u8>,
    at: usize,
}

impl MapReader {
    fn number<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<u64, ArchiveError> {
        let mut number = None;
        loop {
            match self.byte(reader)? {
                b'\n' => return number.ok_or(ArchiveError::Damaged("a map of pieces has an empty line")),
                digit @ b'0'..=b'9' => {
                    let next = number.unwrap_or(0_u64).checked_mul(10).and_then(|ten| ten.checked_add(u64::from(digit - b'0')));
                    number = Some(next.ok_or(ArchiveError::Damaged("a map of pieces has a number that is too large"))?);
                }
                _ => return damaged("a map of pieces has something else than numbers"),
            }
        }
    }

    fn byte<R: Read>(&mut self, reader: &mut Reader<R>) -> Result<u8, ArchiveError> {
        if self.at >= self.block.len() {
            self.block.resize(BLOCK, 0);
            self.at = 0;
            reader.left = reader.left.checked_sub(BLOCK as u64).ok_or(ArchiveError::Damaged("a map of pieces is cut off"))?;
            reader.fill(&mut self.block)?;
        }
        let byte = self.block.get(self.at).copied().unwrap_or_default();
        self.at += 1;
        Ok(byte)
    }
}

fn kind(block: &[u8]) -> u8 {
    block.get(156).copied().unwrap_or_default()
}

/// A field's text, up to its first zero.
fn text(block: &[u8], field: std::ops::Range<usize>) -> PathBuf {
    let bytes = block.get(field).unwrap_or_default().split(|byte| *byte == 0).next().unwrap_or_default();
    PathBuf::from(OsString::from_vec(bytes.to_vec()))
}

/// A field's octal number.
fn number(block: &[u8], field: std::ops::Range<usize>) -> Result<u64, ArchiveError> {
    let digits = text(block, field);
    let digits = digits.to_str().map(str::trim).unwrap_or_default();
    u64::from_str_radix(digits, 8).or(damaged("a header has a number that is none"))
}

/// `LENGTH KEY=VALUE\n`, one after the other.
fn parse_records(mut records: &[u8]) -> Result<Extended, ArchiveError> {
    let mut extended = Extended::default();
    while !records.is_empty() {
        let (key, value, rest) = split_record(records).ok_or(ArchiveError::Damaged("an extended header has a record that is none"))?;
        let path = || Some(PathBuf::from(OsString::from_vec(value.to_vec())));
        let number =
            || std::str::from_utf8(value).ok().and_then(|value| value.parse().ok()).ok_or(ArchiveError::Damaged("a record has no number"));
        match key {
            b"path" | b"GNU.sparse.name" => extended.path = path(),
            b"linkpath" => extended.target = path(),
            b"size" => extended.size = Some(number()?),
            b"GNU.sparse.realsize" => extended.real = Some(number()?),
            b"GNU.sparse.major" if value == b"1" => {}
            b"GNU.sparse.minor" if value == b"0" => {}
            _ => return damaged("an extended header has a record that is never written"),
        }
        records = rest;
    }
    Ok(extended)
}

fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(records.get(..space)?).ok()?.parse().ok()?;
    let record = records.get(space + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    Some((record.get(..equals)?, record.get(equals + 1..)?, records.get(length..)?))
}

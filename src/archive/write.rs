//! Writing.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use ring::digest::{Context, SHA256};

use super::{ArchiveError, BLOCK, Kind, Member, PIECE, Segments, is_beneath, padding};

/// Longest name, and longest target of a link, in a header itself.
const SHORT: usize = 100;

/// Largest number in a header's eleven octal digits.
const LARGEST: u64 = 0o777_7777_7777;

/// An archive that is written. It is whole only after [`Writer::finish`].
pub struct Writer<W> {
    out: W,
    sum: Context,
}

impl<W: Write> Writer<W> {
    /// An archive that goes into `out`.
    pub fn new(out: W) -> Self {
        Self { out, sum: Context::new(&SHA256) }
    }

    /// A directory, a symbolic link, or a further name of an earlier file.
    ///
    /// # Errors
    /// The writer below failed, or the name does not lie beneath.
    pub fn member(&mut self, member: &Member) -> Result<(), ArchiveError> {
        self.header(member, 0, &[])
    }

    /// A file of these bytes.
    ///
    /// # Errors
    /// The writer below failed, or the name does not lie beneath.
    pub fn bytes(&mut self, path: &Path, modified: u64, executable: bool, content: &[u8]) -> Result<(), ArchiveError> {
        let size = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.header(&Member { path: path.to_owned(), kind: Kind::File(size), executable, modified }, size, &[])?;
        self.put(content)?;
        self.zeros(padding(size))
    }

    /// A file, its content read from where `segments` says that it lies. Gives how many bytes were missing there: in the archive they are
    /// zeros, since a header that was written cannot be taken back.
    ///
    /// # Errors
    /// The writer below failed, the file cannot be read, or the name does not lie beneath.
    pub fn file(&mut self, member: &Member, segments: &Segments, file: &File) -> Result<u64, ArchiveError> {
        let stored = segments.content();
        let map = if segments.is_dense() { Vec::new() } else { segments.map() };
        let size = stored.saturating_add(u64::try_from(map.len()).unwrap_or(u64::MAX));
        let sparse = (!map.is_empty()).then(|| {
            let name = member.path.as_os_str().as_bytes().to_vec();
            let number = |number: u64| number.to_string().into_bytes();
            [
                ("GNU.sparse.major", number(1)),
                ("GNU.sparse.minor", number(0)),
                ("GNU.sparse.name", name),
                ("GNU.sparse.realsize", number(segments.length)),
            ]
        });
        self.header(member, size, sparse.as_ref().map_or(&[], |records| records))?;
        self.put(&map)?;
        let mut missing = 0_u64;
        for (offset, length) in &segments.pieces {
            missing = missing.saturating_add(self.piece(file, *offset, *length)?);
        }
        self.zeros(padding(stored))?;
        Ok(missing)
    }

    /// The last member, made by `manifest` from the sum (SHA-256, in hexadecimal) of everything before it; then the end.
    ///
    /// # Errors
    /// The writer below failed.
    pub fn finish(mut self, path: &Path, manifest: impl FnOnce(String) -> Vec<u8>) -> Result<W, ArchiveError> {
        let manifest = manifest(hexadecimal(&self.sum.clone()));
        self.bytes(path, 0, false, &manifest)?;
        self.zeros(2 * BLOCK as u64)?;
        Ok(self.out)
    }

    fn piece(&mut self, file: &File, offset: u64, length: u64) -> Result<u64, ArchiveError> {
        let (mut at, end) = (offset, offset.saturating_add(length));
        let mut buffer = vec![0; PIECE];
        while at < end {
            let most = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
            match file.read_at(buffer.get_mut(..most).unwrap_or_default(), at) {
                Ok(0) => break,
                Ok(count) => {
                    self.put(buffer.get(..count).unwrap_or_default())?;
                    at = at.saturating_add(u64::try_from(count).unwrap_or_default());
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.zeros(end - at)?;
        Ok(end - at)
    }

    /// The member's header, and before it an extended one for what does not fit into it.
    fn header(&mut self, member: &Member, size: u64, more: &[(&str, Vec<u8>)]) -> Result<(), ArchiveError> {
        if !is_beneath(&member.path) {
            return Err(ArchiveError::Damaged("a name in it does not lie beneath"));
        }
        let (kind, target) = match &member.kind {
            Kind::Directory => (b'5', None),
            Kind::File(_) => (b'0', None),
            Kind::Link(target) => (b'2', Some(target)),
            Kind::Same(earlier) => (b'1', Some(earlier)),
        };
        let name = member.path.as_os_str().as_bytes();
        let target = target.map(|target| target.as_os_str().as_bytes()).unwrap_or_default();
        let mut extended = Vec::new();
        let long = [("path", name), ("linkpath", target)].into_iter().filter(|(_, value)| value.len() > SHORT);
        long.for_each(|(key, value)| record(&mut extended, key, value));
        if size > LARGEST {
            record(&mut extended, "size", size.to_string().as_bytes());
        }
        more.iter().for_each(|(key, value)| record(&mut extended, key, value));
        if !extended.is_empty() {
            let length = u64::try_from(extended.len()).unwrap_or(u64::MAX);
            self.put(&block(b"pax", b'x', length, 0o644, 0, b""))?;
            self.put(&extended)?;
            self.zeros(padding(length))?;
        }
        let mode = if member.executable || kind == b'5' { 0o700 } else { 0o600 };
        let fits = if size > LARGEST { 0 } else { size };
        self.put(&block(name, kind, fits, mode, member.modified.min(LARGEST), target))
    }

    fn zeros(&mut self, count: u64) -> Result<(), ArchiveError> {
        let zeros = [0; PIECE];
        let mut left = count;
        while left > 0 {
            let most = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
            self.put(zeros.get(..most).unwrap_or_default())?;
            left = left.saturating_sub(u64::try_from(most).unwrap_or(left));
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        self.sum.update(bytes);
        Ok(self.out.write_all(bytes)?)
    }
}

/// A sum as text.
pub(super) fn hexadecimal(sum: &Context) -> String {
    sum.clone().finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself.
fn record(records: &mut Vec<u8>, key: &str, value: &[u8]) {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    records.extend_from_slice(format!("{length} {key}=").as_bytes());
    records.extend_from_slice(value);
    records.push(b'\n');
}

/// A header (tar(5), "POSIX ustar Archives"). The owner is nobody: whoever unpacks it.
fn block(name: &[u8], kind: u8, size: u64, mode: u32, modified: u64, target: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(BLOCK);
    let mut field = |content: &[u8], width: usize| {
        let begin = block.len();
        block.extend(content.iter().take(width));
        block.resize(begin + width, 0);
    };
    field(name, SHORT);
    field(format!("{mode:07o}").as_bytes(), 8);
    field(b"0000000", 8);
    field(b"0000000", 8);
    field(format!("{size:011o}").as_bytes(), 12);
    field(format!("{modified:011o}").as_bytes(), 12);
    field(b"        ", 8);
    field(&[kind], 1);
    field(target, SHORT);
    field(b"ustar\x0000", 8);
    field(b"", BLOCK - 265);
    let sum = format!("{:06o}\0 ", checksum(&block));
    block.splice(148..156, sum.bytes());
    block
}

/// The sum of a header's bytes, those of the sum itself taken for spaces.
pub(super) fn checksum(block: &[u8]) -> u64 {
    block.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum()
}

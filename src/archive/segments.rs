//! Where a file has content, and where holes.

use std::fs::File;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

/// Most pieces of content that are told apart in one file: 1 MiB of memory. Disk images and databases have thousands.
const MOST: usize = 65_536;

/// The pieces of a file that hold content, in order, and its length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// Offset and length of each piece; none is empty.
    pub(super) pieces: Vec<(u64, u64)>,
    /// The file's length.
    pub(super) length: u64,
}

impl Segments {
    /// A file without holes.
    pub fn dense(length: u64) -> Self {
        Self { pieces: if length > 0 { vec![(0, length)] } else { Vec::new() }, length }
    }

    /// The file's pieces as the file system tells them (SEEK_DATA, lseek(2)); `None` where there are more than 65,536.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn of(file: &File, length: u64) -> std::io::Result<Option<Self>> {
        let (mut pieces, mut at) = (Vec::new(), 0);
        while at < length {
            let begin = match rustix::fs::seek(file, SeekFrom::Data(at)) {
                Ok(begin) => begin.min(length),
                // Nothing but a hole from here on.
                Err(Errno::NXIO) => break,
                // A file system that knows of no holes.
                Err(Errno::INVAL | Errno::OPNOTSUPP) => return Ok(Some(Self::dense(length))),
                Err(errno) => return Err(errno.into()),
            };
            let end = match rustix::fs::seek(file, SeekFrom::Hole(begin)) {
                Ok(end) => end.min(length),
                // It became shorter in between.
                Err(Errno::NXIO) => length,
                Err(errno) => return Err(errno.into()),
            };
            if end > begin {
                if pieces.len() >= MOST {
                    return Ok(None);
                }
                pieces.push((begin, end - begin));
            }
            at = end.max(begin.saturating_add(1));
        }
        Ok(Some(Self { pieces, length }))
    }

    /// Whether it has no holes.
    pub fn is_dense(&self) -> bool {
        *self == Self::dense(self.length)
    }

    /// Offset and length of each piece, in order.
    pub fn pieces(&self) -> &[(u64, u64)] {
        &self.pieces
    }

    /// Bytes of content.
    pub fn content(&self) -> u64 {
        self.pieces.iter().map(|(_, length)| length).sum()
    }

    /// GNU tar's map of them: how many, then offset and length of each, a line each, filled up to a block.
    pub(super) fn map(&self) -> Vec<u8> {
        let mut map = format!("{}\n", self.pieces.len()).into_bytes();
        for (offset, length) in &self.pieces {
            map.extend_from_slice(format!("{offset}\n{length}\n").as_bytes());
        }
        map.resize(map.len().next_multiple_of(super::BLOCK), 0);
        map
    }

    /// Takes in the pieces of a map; they must be in order, apart, and within the file. `None` for anything else.
    pub(super) fn checked(pieces: Vec<(u64, u64)>, length: u64) -> Option<Self> {
        let mut free = 0;
        for (offset, size) in &pieces {
            let end = offset.checked_add(*size)?;
            if *offset < free || end > length {
                return None;
            }
            free = end;
        }
        Some(Self { pieces, length })
    }

    /// Most pieces that a map may have.
    pub(super) const fn most() -> u64 {
        MOST as u64
    }
}

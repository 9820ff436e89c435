//! Lines of a pipe, each bounded.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};

/// Bytes kept allocated between lines. A line may be far longer; its room is given back afterwards.
const KEPT: usize = 64 * 1024;

/// Reads lines of at most `limit` bytes.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    line: Vec<u8>,
    limit: usize,
}

/// Why there is no next line.
#[derive(Debug)]
pub(super) enum NoLine {
    /// The line is longer than the limit.
    TooLong,
    /// The pipe cannot be read.
    Io(io::Error),
}

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, limit: usize) -> Self {
        Self { reader: BufReader::new(reader), line: Vec::new(), limit }
    }

    /// The next line without its line end; `None` at the end. A last line without a newline counts.
    /// Not to be called again after a failure, nor after the future was dropped.
    pub(super) async fn next(&mut self) -> Result<Option<&[u8]>, NoLine> {
        self.line.clear();
        self.line.shrink_to(KEPT);
        loop {
            let available = self.reader.fill_buf().await.map_err(NoLine::Io)?;
            if available.is_empty() {
                return Ok((!self.line.is_empty()).then_some(self.line.as_slice()));
            }
            let end = available.iter().position(|&byte| byte == b'\n');
            let part = &available[..end.unwrap_or(available.len())];
            if self.line.len() + part.len() > self.limit {
                return Err(NoLine::TooLong);
            }
            self.line.extend_from_slice(part);
            let used = part.len() + usize::from(end.is_some());
            self.reader.consume(used);
            if end.is_some() {
                return Ok(Some(&self.line));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn lines_end_at_newlines_and_at_the_end() {
        let mut lines = Lines::new(&b"a\n\nbc"[..], 2);
        for wanted in [&b"a"[..], b"", b"bc"] {
            assert_eq!(lines.next().await.unwrap(), Some(wanted));
        }
        assert_eq!(lines.next().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_line_over_the_limit_is_refused_before_it_is_held() {
        let mut lines = Lines::new(&b"ab\nabc\n"[..], 2);
        assert_eq!(lines.next().await.unwrap(), Some(&b"ab"[..]));
        assert!(matches!(lines.next().await, Err(NoLine::TooLong)));
        assert!(lines.line.capacity() <= KEPT);
    }
}

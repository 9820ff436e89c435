//! What an agent wants sent: `<send_file path="…">caption</send_file>` in its text, taken out while the text streams.
//!
//! What the filter decides depends on the text alone and never on how it was cut into chunks: [`scan`] looks at what is held, and
//! either decides for good or waits for more. What it waits for is bounded by [`WINDOW`], so little is ever held.

mod lines;
mod scan;

use lines::Lines;
use scan::{Step, scan};

/// Longest path as it is written in a tag, in bytes: PATH_MAX of Linux.
pub(crate) const PATH: usize = 4096;

/// Longest caption as it is written in a tag, in bytes: Telegram takes 1,024 UTF-16 units, which are at most 3,072 bytes.
pub(crate) const CAPTION: usize = 4096;

/// Tags of one turn, failed ones too. Telegram takes about 20 messages a minute in a group.
pub(crate) const TAGS: usize = 20;

/// Longest beginning of a tag, and longest caption, that is waited for, in bytes: room for both bounds, so that what is somewhat too long
/// is seen to its end and taken out whole.
const WINDOW: usize = 2 * PATH;

/// A file that the agent wants sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FileTag {
    /// The path as the agent wrote it: not empty, not checked.
    pub(crate) path: String,
    /// May be empty.
    pub(crate) caption: String,
}

/// Why a tag cannot be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TagError {
    #[error("A file was not sent: its tag is not of the form <send_file path=\"…\">caption</send_file>.")]
    Malformed,
    #[error("A file was not sent: its tag names no path.")]
    NoPath,
    #[error("A file was not sent: its path is longer than {PATH} bytes.")]
    PathTooLong,
    #[error("A file was not sent: its caption is longer than {CAPTION} bytes.")]
    CaptionTooLong,
    /// The words behind the tag's beginning are shown: they are more likely the answer than a caption.
    #[error("A file was not sent: its tag was not closed by </send_file>.")]
    Unclosed,
    #[error("More than {TAGS} files were to be sent at once; the others were left out.")]
    TooMany,
}

/// What came of a chunk.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filtered {
    /// To be shown.
    pub(crate) text: String,
    /// The files of the tags that ended here, in their order.
    pub(crate) files: Vec<Result<FileTag, TagError>>,
    /// The text ended inside a tag. Only [`SendFileFilter::finish`] can tell.
    pub(crate) broken: bool,
}

/// Takes the tags out of the text of one turn.
#[derive(Debug, Default)]
pub(crate) struct SendFileFilter {
    /// What is not decided yet: empty, or it begins with `<`.
    held: String,
    /// A tag that was too long is passed over, up to its `>` or the line's end.
    skipping: bool,
    tags: usize,
    lines: Lines,
}

impl SendFileFilter {
    /// Takes the next piece of the text.
    pub(crate) fn push(&mut self, chunk: &str) -> Filtered {
        self.held.push_str(chunk);
        self.drain(false)
    }

    /// The text has ended: what was held is decided. A tag that was not closed is reported as [`TagError::Unclosed`] too.
    pub(crate) fn finish(mut self) -> Filtered {
        self.drain(true)
    }

    fn drain(&mut self, last: bool) -> Filtered {
        let mut out = Filtered::default();
        let held = std::mem::take(&mut self.held);
        let mut rest = held.as_str();
        while !rest.is_empty() {
            if self.skipping {
                let Some(end) = rest.find(['>', '\n']) else { return out };
                self.skipping = false;
                let (_, end) = rest.split_at(end);
                rest = end.strip_prefix('>').unwrap_or(end);
                continue;
            }
            rest = match scan(rest, last) {
                Step::More => break,
                // Half of the closing of a tag that was not closed: of anything else that begins like a tag, only the bracket is here.
                Step::Text(text, after) if out.broken && text.starts_with("</") => after,
                Step::Text(text, after) => {
                    self.lines.show(text, &mut out.text);
                    after
                }
                Step::Gone(found, after) => {
                    self.lines.removed();
                    out.broken |= last && found == Some(Err(TagError::Unclosed));
                    self.report(found, &mut out);
                    after
                }
                Step::Endless(after) => {
                    self.lines.removed();
                    self.skipping = true;
                    self.report(Some(Err(TagError::PathTooLong)), &mut out);
                    after
                }
            };
        }
        rest.clone_into(&mut self.held);
        out
    }

    fn report(&mut self, found: Option<Result<FileTag, TagError>>, out: &mut Filtered) {
        let Some(found) = found else { return };
        self.tags += 1;
        match self.tags.checked_sub(TAGS) {
            None | Some(0) => out.files.push(found),
            Some(1) => out.files.push(Err(TagError::TooMany)),
            Some(_) => {}
        }
    }
}

#[cfg(test)]
mod tests;

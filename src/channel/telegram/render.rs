//! Markdown as Telegram wants it: plain text with entities, in pieces that fit into a message.
//!
//! Made by a real parser, entities cannot fail as Telegram's own markup does, and no text can break out of its formatting.
//! All of it takes linear time, so that an agent's worst text costs no more than its length.

mod clean;
mod draft;
mod link;
mod markdown;
mod split;
mod table;

pub use clean::clean;
pub use draft::render_draft;

use super::types::{Entity, EntityKind};

/// A text that fits into one message. Never empty, never with white space at its ends outside code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text, at most [`super::methods::TEXT`] UTF-16 units.
    pub text: String,
    /// Its formatting, ordered by offset, outer before inner, at most [`super::methods::ENTITIES`].
    pub entities: Vec<Entity>,
}

/// Renders Markdown into the pieces to be sent one after the other. Empty only when there is nothing to be seen.
///
/// A piece ends at a paragraph's end if that leaves it at least half full, else at a line's end, else at a space. Code that is cut goes on
/// as code of the same language. Text is cleaned as by [`clean`].
pub fn render(markdown: &str) -> Vec<Piece> {
    let pieces = split::split(&markdown::format(markdown));
    // Markup alone, like an empty fence, is shown as it was written.
    if pieces.is_empty() { plain(markdown) } else { pieces }
}

/// A text as it is, without any formatting, in pieces.
pub fn plain(text: &str) -> Vec<Piece> {
    split::split(&Formatted { text: clean(text).into_owned(), spans: Vec::new() })
}

/// Some lines of text, each with its own formatting or none, in pieces. For the bot's own messages, whose parts are not Markdown.
pub fn lines(parts: &[(Option<EntityKind>, &str)]) -> Vec<Piece> {
    let mut formatted = Formatted::default();
    for (kind, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
        if !formatted.text.is_empty() {
            formatted.text.push('\n');
        }
        let start = formatted.text.len();
        formatted.text.push_str(&clean(part));
        formatted.spans.extend(kind.clone().map(|kind| Span { start, end: formatted.text.len(), kind }));
    }
    split::split(&formatted)
}

/// A text of any length and its formatting in bytes. Spans are properly nested, and ordered by start, outer before inner.
#[derive(Debug, Default)]
struct Formatted {
    text: String,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Span {
    start: usize,
    end: usize,
    kind: EntityKind,
}

impl Span {
    /// Whether white space counts in it, and no other span is allowed in it.
    fn is_code(&self) -> bool {
        matches!(self.kind, EntityKind::Code | EntityKind::Pre { .. })
    }
}

#[cfg(test)]
mod tests;

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

use super::methods::{CAPTION, ENTITIES, TEXT};
use super::types::{Entity, EntityKind};

/// Longest title over a collapsed text, in UTF-16 units: more of it would leave too little for the text.
const TITLE: usize = 1024;

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
    split::split(&joined(parts))
}

/// A title, and below it some lines as in [`lines`] that clients show collapsed. In one piece: what does not fit ends with `…`.
pub fn expandable(title: &str, parts: &[(Option<EntityKind>, &str)]) -> Piece {
    let mut formatted = joined(&[(None, title)]);
    formatted.limit(TITLE);
    let body = joined(parts);
    if !body.text.is_empty() {
        formatted.text.push('\n');
        let start = formatted.text.len();
        formatted.text.push_str(&body.text);
        formatted.spans.push(Span { start, end: formatted.text.len(), kind: EntityKind::ExpandableBlockquote });
        formatted.spans.extend(body.spans.into_iter().map(|span| Span { start: span.start + start, end: span.end + start, ..span }));
    }
    formatted.limit(TEXT);
    split::split(&formatted).into_iter().next().unwrap_or(Piece { text: "…".to_owned(), entities: Vec::new() })
}

/// Renders Markdown as the text under a file, in one piece of at most [`CAPTION`] units: what does not fit ends with `…`. `None` when nothing
/// is to be seen.
pub fn caption(markdown: &str) -> Option<Piece> {
    let mut formatted = markdown::format(markdown);
    if formatted.text.trim().is_empty() {
        formatted = Formatted { text: clean(markdown).into_owned(), spans: Vec::new() };
    }
    formatted.limit(CAPTION);
    split::split(&formatted).into_iter().next()
}

fn joined(parts: &[(Option<EntityKind>, &str)]) -> Formatted {
    let mut formatted = Formatted::default();
    for (kind, part) in parts.iter().filter(|(_, part)| !part.is_empty()) {
        if !formatted.text.is_empty() {
            formatted.text.push('\n');
        }
        let start = formatted.text.len();
        formatted.text.push_str(&clean(part));
        formatted.spans.extend(kind.clone().map(|kind| Span { start, end: formatted.text.len(), kind }));
    }
    formatted
}

/// A text of any length and its formatting in bytes. Spans are properly nested, and ordered by start, outer before inner.
#[derive(Debug, Default)]
struct Formatted {
    text: String,
    spans: Vec<Span>,
}

impl Formatted {
    /// Cuts it so that it is one piece of so many UTF-16 units.
    fn limit(&mut self, units: usize) {
        self.spans.truncate(ENTITIES);
        if split::window(&self.text, 0, units) < self.text.len() {
            let end = split::whole(&self.text, split::window(&self.text, 0, units - 1));
            self.text.truncate(end);
            // What was cut holds the sign for it too; ends within that sign would be none of a character.
            self.spans.retain(|span| span.start < end);
            self.text.push('…');
            let all = self.text.len();
            self.spans.iter_mut().filter(|span| span.end > end).for_each(|span| span.end = all);
        }
    }
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

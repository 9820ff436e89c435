//! One text into pieces that fit into messages.

use super::{Formatted, Piece, Span};
use crate::channel::telegram::methods::{ENTITIES, TEXT};
use crate::channel::telegram::types::{Entity, EntityKind};

/// How far before the limit a hard cut may move to spare a character that is made of several, in characters.
const CLUSTER: usize = 16;

/// Splits a text. Nothing but white space at the seams is lost; each piece takes at least an eighth of what fits, so the time is linear.
pub(super) fn split(formatted: &Formatted) -> Vec<Piece> {
    let Formatted { text, spans } = formatted;
    let mut pieces = Vec::new();
    // Spans that reach into the current piece: at most one of each kind, since they are nested.
    let mut active: Vec<&Span> = Vec::new();
    let mut coming = spans.iter().peekable();
    let mut position = 0;
    while position < text.len() {
        let blank = text.len() - text[position..].trim_start().len();
        let starting = coming.clone().take_while(|span| span.start < blank);
        // Code's indentation counts, its blank lines do not.
        if let Some(code) = active.iter().copied().chain(starting).find(|span| span.is_code() && span.start < blank && span.end > position)
        {
            position = position.max(code.start);
            position = text.len() - text[position..].trim_start_matches('\n').len();
        } else {
            position = blank;
        }
        let mut end = window(text, position, TEXT);
        while let Some(span) = coming.next_if(|span| span.start < end) {
            active.push(span);
        }
        active.retain(|span| span.end > position);
        if active.len() > ENTITIES {
            end = end.min(active[ENTITIES].start).max(position + next_char(text, position));
        }
        if end < text.len() {
            end = cut(text, position, end, &active);
        }
        pieces.extend(piece(text, position, end, &active));
        position = end;
    }
    pieces
}

fn next_char(text: &str, position: usize) -> usize {
    text[position..].chars().next().map_or(0, char::len_utf8)
}

/// The end of so many UTF-16 units from there.
pub(super) fn window(text: &str, position: usize, limit: usize) -> usize {
    let mut units = 0;
    let over = text[position..].char_indices().find(|(_, c)| {
        units += c.len_utf16();
        units > limit
    });
    over.map_or(text.len(), |(offset, _)| position + offset)
}

/// Where to cut at or before `end`: after a paragraph, a line or a word, each only if enough is left, else between two characters.
fn cut(text: &str, start: usize, end: usize, active: &[&Span]) -> usize {
    let window = &text[start..end];
    // One character more, since a break right at the end of the window is the best one.
    let seen = &text[start..end + next_char(text, end)];
    let fits = |at: Option<usize>, part: usize| at.filter(|at| *at >= (window.len() / part).max(1));
    let blocks: Vec<&&Span> = active.iter().filter(|span| matches!(span.kind, EntityKind::Pre { .. })).collect();
    let in_code = |at: usize| blocks.iter().any(|span| span.start < start + at && start + at < span.end);
    let paragraph = seen.rmatch_indices("\n\n").map(|(at, _)| at).take_while(|at| *at >= window.len() / 2).find(|at| !in_code(*at));
    let at = fits(paragraph, 2).or_else(|| fits(seen.rfind('\n'), 4)).or_else(|| fits(seen.rfind(' '), 8));
    start + at.unwrap_or_else(|| between_clusters(window, text[end..].chars().next()))
}

/// That position, or a little before it, where no character is torn.
pub(super) fn whole(text: &str, end: usize) -> usize {
    between_clusters(&text[..end], text[end..].chars().next())
}

/// The end of the text, or a little before it, where no character is torn from its accents, its skin colour or its joiner.
fn between_clusters(window: &str, after: Option<char>) -> usize {
    let mut next = after;
    for (at, c) in window.char_indices().rev().take(CLUSTER) {
        if !next.is_some_and(extends) && c != '\u{200d}' {
            return at + c.len_utf8();
        }
        next = Some(c);
    }
    window.len()
}

/// Whether a character only continues the one before it. The common ones; a wrong guess tears a sign, not the text.
fn extends(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0020}'..='\u{e007f}')
}

/// The piece from `start` to `end`, or `None` when only white space is in it.
fn piece(text: &str, start: usize, end: usize, active: &[&Span]) -> Option<Piece> {
    let slice = text[start..end].trim_end();
    if slice.trim_start().is_empty() {
        return None;
    }
    let mut units = vec![0; slice.len() + 1];
    let mut before = 0;
    for (at, c) in slice.char_indices() {
        units[at] = before;
        before += c.len_utf16();
    }
    units[slice.len()] = before;
    // What reaches into the piece, and where: at most `ENTITIES`.
    let parts: Vec<(&Span, usize, usize)> = active
        .iter()
        .map(|span| (*span, span.start.saturating_sub(start), span.end.saturating_sub(start).min(slice.len())))
        .filter(|(_, from, to)| from < to && !slice[*from..*to].trim().is_empty())
        .collect();
    let entities = parts.iter().map(|part| {
        let (from, to) = without_blank_ends(slice, part, &parts);
        Entity { kind: part.0.kind.clone(), offset: units[from], length: units[to] - units[from] }
    });
    Some(Piece { text: slice.to_owned(), entities: entities.collect() })
}

/// A span's range without white space at its ends, which Telegram would cut off, unless that is code's own.
fn without_blank_ends(slice: &str, (span, from, to): &(&Span, usize, usize), parts: &[(&Span, usize, usize)]) -> (usize, usize) {
    if span.is_code() {
        return (*from, *to);
    }
    let inner = &slice[*from..*to];
    let first = from + inner.len() - inner.trim_start().len();
    let last = from + inner.trim_end().len();
    let code =
        || parts.iter().filter(|(other, ..)| other.is_code()).map(|(_, from, to)| (*from, *to)).filter(|(a, b)| from <= a && b <= to);
    (code().map(|(a, _)| a).fold(first, usize::min), code().map(|(_, b)| b).fold(last, usize::max))
}

//! What stands at the beginning of a text: words, a tag, or something that more text has to decide.

use super::{CAPTION, FileTag, PATH, TagError, WINDOW};

const OPENING: &str = "<send_file";
const CLOSING: &str = "</send_file";

/// What was found, and the text behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// More text decides.
    More,
    /// Ordinary text.
    Text(&'a str, &'a str),
    /// Something that is not shown: a tag, with what it asks for, or a closing without one.
    Gone(Option<Result<FileTag, TagError>>, &'a str),
    /// The beginning of a tag that does not end within [`WINDOW`]; what is left of it has to be passed over.
    Endless(&'a str),
}

/// Looks at a text that is not empty. `last` says that nothing comes behind it; then the answer is never [`Step::More`].
pub(super) fn scan(text: &str, last: bool) -> Step<'_> {
    if !text.starts_with('<') {
        let (words, after) = text.split_at(text.find('<').unwrap_or(text.len()));
        return Step::Text(words, after);
    }
    match (named(text, OPENING), named(text, CLOSING)) {
        (Named::Yes(inner), _) => tag(text, inner, last),
        (_, Named::Yes(inner)) => match closing_end(inner) {
            Some(after) => Step::Gone(None, after),
            None if last => Step::Gone(None, ""),
            None => Step::More,
        },
        (Named::Maybe { .. }, _) | (_, Named::Maybe { .. }) if !last => Step::More,
        (Named::Maybe { whole: true }, _) => Step::Gone(Some(Err(TagError::Unclosed)), ""),
        (_, Named::Maybe { whole: true }) => Step::Gone(None, ""),
        (Named::Maybe { .. }, _) | (_, Named::Maybe { .. }) => Step::Text(text, ""),
        (Named::No, Named::No) => {
            let (bracket, after) = text.split_at(1);
            Step::Text(bracket, after)
        }
    }
}

/// Whether a text begins with a name.
enum Named<'a> {
    No,
    /// It ends too early to tell; perhaps the name is there and only its end is not.
    Maybe {
        whole: bool,
    },
    /// With what stands behind it.
    Yes(&'a str),
}

fn named<'a>(text: &'a str, name: &str) -> Named<'a> {
    let same = text.bytes().zip(name.bytes()).all(|(a, b)| a.eq_ignore_ascii_case(&b));
    match text.get(name.len()..) {
        _ if !same => Named::No,
        None => Named::Maybe { whole: false },
        Some("") => Named::Maybe { whole: true },
        Some(rest) if rest.starts_with(is_name) => Named::No,
        Some(rest) => Named::Yes(rest),
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ':')
}

/// The text's first [`WINDOW`] bytes, and whether it has as many: then nothing that follows changes what is decided.
fn window(text: &str) -> (&str, bool) {
    let end = (0..=WINDOW.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    (text.split_at(end).0, text.len() >= WINDOW)
}

/// What stands behind the `>` of a closing, or where that is missing.
fn closing_end(inner: &str) -> Option<&str> {
    let (seen, full) = window(inner);
    let behind = inner.split_at(seen.len() - seen.trim_start().len()).1;
    match behind.strip_prefix('>') {
        Some(after) => Some(after),
        None if behind.is_empty() && !full => None,
        None => Some(behind),
    }
}

/// A tag from its name on; `inner` is what stands behind the name.
fn tag<'a>(text: &'a str, inner: &'a str, last: bool) -> Step<'a> {
    let (seen, full) = window(inner);
    let behind = |rest: &str| inner.split_at(seen.len() - rest.len()).1;
    let (path, content) = match opening(seen) {
        Opening::Open { path, rest } => (path, behind(rest)),
        Opening::Empty { path, rest } => return Step::Gone(Some(path.map(|path| FileTag { path, caption: String::new() })), behind(rest)),
        Opening::Broken { rest } => return Step::Gone(Some(Err(TagError::Malformed)), behind(rest)),
        Opening::Unended if full => return Step::Endless(behind("")),
        Opening::Unended if last => return Step::Gone(Some(Err(TagError::Unclosed)), ""),
        Opening::Unended => return Step::More,
    };
    debug_assert!(content.len() < text.len(), "every step goes on");
    match caption(content) {
        Caption::Closed { caption, rest } => Step::Gone(Some(with_caption(path, caption)), rest),
        Caption::Unended if !last => Step::More,
        Caption::Unended | Caption::Unclosed => Step::Gone(Some(Err(TagError::Unclosed)), content),
    }
}

fn with_caption(path: Result<String, TagError>, caption: &str) -> Result<FileTag, TagError> {
    let path = path?;
    if caption.len() > CAPTION {
        return Err(TagError::CaptionTooLong);
    }
    Ok(FileTag { path, caption: decoded(caption.trim()) })
}

/// The beginning of a tag, from behind its name to its `>`.
enum Opening<'a> {
    Open {
        path: Result<String, TagError>,
        rest: &'a str,
    },
    /// `/>`
    Empty {
        path: Result<String, TagError>,
        rest: &'a str,
    },
    /// Not of this form, and its line ends.
    Broken {
        rest: &'a str,
    },
    Unended,
}

/// Reads `name="value"` up to `>` or `/>`. Attributes other than the path are passed over.
fn opening(seen: &str) -> Opening<'_> {
    let mut path = Err(TagError::NoPath);
    let mut rest = seen;
    loop {
        rest = rest.trim_start();
        if let Some(rest) = rest.strip_prefix('>') {
            return Opening::Open { path, rest };
        }
        if let Some(rest) = rest.strip_prefix("/>") {
            return Opening::Empty { path, rest };
        }
        match attribute(rest) {
            Attribute::Unended => return Opening::Unended,
            Attribute::Broken(at) => return malformed(at),
            Attribute::Read { name, value, rest: after } => {
                if name.eq_ignore_ascii_case("path") {
                    path = checked_path(value);
                }
                rest = after;
            }
        }
    }
}

fn checked_path(value: &str) -> Result<String, TagError> {
    match value.len() {
        0 => Err(TagError::NoPath),
        1..=PATH => Ok(decoded(value)),
        _ => Err(TagError::PathTooLong),
    }
}

/// What cannot be read is passed over to its `>`, and not beyond its line.
fn malformed(at: &str) -> Opening<'_> {
    match at.find(['>', '\n']).map(|end| at.split_at(end)) {
        None => Opening::Unended,
        Some((before, end)) => match end.strip_prefix('>') {
            None => Opening::Broken { rest: end },
            Some(rest) if before.ends_with('/') => Opening::Empty { path: Err(TagError::Malformed), rest },
            Some(rest) => Opening::Open { path: Err(TagError::Malformed), rest },
        },
    }
}

enum Attribute<'a> {
    Read { name: &'a str, value: &'a str, rest: &'a str },
    Broken(&'a str),
    Unended,
}

/// One `name="value"` or `name='value'`, with space around the sign. A value has no line end.
fn attribute(text: &str) -> Attribute<'_> {
    let (name, rest) = text.split_at(text.find(|c| !is_name(c)).unwrap_or(text.len()));
    let rest = rest.trim_start();
    if rest.is_empty() || name.is_empty() && rest == "/" {
        return Attribute::Unended;
    }
    let Some(rest) = rest.strip_prefix('=').filter(|_| !name.is_empty()).map(str::trim_start) else { return Attribute::Broken(rest) };
    let Some(quote) = rest.chars().next() else { return Attribute::Unended };
    let Some(inner) = rest.strip_prefix(['"', '\'']) else { return Attribute::Broken(rest) };
    match inner.find([quote, '\n']).map(|end| inner.split_at(end)) {
        None => Attribute::Unended,
        Some((value, end)) => match end.strip_prefix(quote) {
            Some(rest) => Attribute::Read { name, value, rest },
            None => Attribute::Broken(end),
        },
    }
}

/// What stands between a tag's beginning and its end.
enum Caption<'a> {
    Closed {
        caption: &'a str,
        rest: &'a str,
    },
    /// Another tag begins, or it is far too long.
    Unclosed,
    Unended,
}

fn caption(content: &str) -> Caption<'_> {
    let (seen, full) = window(content);
    for (at, _) in seen.match_indices('<') {
        let (caption, from) = content.split_at(at);
        match (named(from, OPENING), named(from, CLOSING)) {
            (Named::Yes(_), _) => return Caption::Unclosed,
            (_, Named::Yes(inner)) => return closing_end(inner).map_or(Caption::Unended, |rest| Caption::Closed { caption, rest }),
            (Named::Maybe { .. }, _) | (_, Named::Maybe { .. }) => return Caption::Unended,
            (Named::No, Named::No) => {}
        }
    }
    if full { Caption::Unclosed } else { Caption::Unended }
}

/// The five entities that XML has by itself, decoded; others stay as they are.
fn decoded(text: &str) -> String {
    const ENTITIES: [(&str, char); 5] = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&apos;", '\'')];
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.find('&').map(|at| rest.split_at(at)) {
        let entity = ENTITIES.iter().find_map(|(entity, c)| Some((from.strip_prefix(entity)?, *c)));
        let (after, c) = entity.unwrap_or((from.split_at(1).1, '&'));
        out.push_str(before);
        out.push(c);
        rest = after;
    }
    out + rest
}

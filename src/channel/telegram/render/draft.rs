//! Previews: the end of a text that is still being written.

use std::borrow::Cow;

use super::{Piece, render};

/// How much of the end is shown, in bytes: rendered, it fits into one message with room for what lists and tables add.
const TAIL: usize = 3500;

/// Renders the end of unfinished Markdown into one piece: what is not closed yet is shown as if it were. `None` when nothing is to be seen.
pub fn render_draft(markdown: &str) -> Option<Piece> {
    render(&heal(&tail(markdown))).into_iter().next_back()
}

/// The last lines of a long text, with the fence that they are in.
fn tail(markdown: &str) -> Cow<'_, str> {
    if markdown.len() <= TAIL {
        return Cow::Borrowed(markdown);
    }
    let least = markdown.len() - TAIL;
    let from = (least..=markdown.len()).find(|at| markdown.is_char_boundary(*at)).unwrap_or(least);
    let rest = &markdown[from..];
    let line = rest.find('\n').filter(|at| *at < TAIL / 2).map_or(0, |at| at + 1);
    let (before, after) = markdown.split_at(from + line);
    Cow::Owned(match open_fence(before) {
        Some(fence) => format!("…\n\n{fence}\n{after}"),
        None => format!("…\n\n{after}"),
    })
}

/// The line that opened the fence in which the text ends, if it ends in one.
fn open_fence(text: &str) -> Option<&str> {
    text.lines().map(str::trim).fold(None, |open: Option<&str>, line| {
        let run = fence_run(line);
        match open {
            None if run >= 3 => Some(line),
            Some(fence) if run == line.len() && run >= fence_run(fence) && line.as_bytes()[..1] == fence.as_bytes()[..1] => None,
            _ => open,
        }
    })
}

/// How many of the same fence characters a line begins with.
fn fence_run(line: &str) -> usize {
    match line.bytes().next() {
        Some(first @ (b'`' | b'~')) => line.bytes().take_while(|b| *b == first).count(),
        _ => 0,
    }
}

/// Closes inline markers that are open in the last paragraph.
fn heal(markdown: &str) -> Cow<'_, str> {
    let last_line = markdown.rfind('\n').map_or(0, |at| at + 1);
    let line = markdown[last_line..].trim();
    // The first marks of a fence that is being opened or closed.
    if !line.is_empty() && fence_run(line) == line.len() {
        return Cow::Borrowed(&markdown[..last_line]);
    }
    if open_fence(markdown).is_some() {
        return Cow::Borrowed(markdown);
    }
    let paragraph = markdown.rfind("\n\n").map_or(0, |at| at + 2);
    let open = open_markers(&markdown[paragraph..]);
    if open.is_empty() {
        return Cow::Borrowed(markdown);
    }
    let mut healed = markdown.trim_end().to_owned();
    for marker in open.iter().rev() {
        // A marker with nothing behind it formats nothing; one behind which white space stands is none.
        match healed.strip_suffix(marker) {
            Some(shorter) => healed.truncate(shorter.trim_end().len()),
            None => healed.push_str(marker),
        }
    }
    Cow::Owned(healed)
}

/// The markers of bold, struck and code that are open at the end of a paragraph, in the order of their opening.
fn open_markers(paragraph: &str) -> Vec<&str> {
    let mut open: Vec<&str> = Vec::new();
    let mut at = 0;
    while at < paragraph.len() {
        let rest = &paragraph[at..];
        let run = rest.bytes().take_while(|b| *b == rest.as_bytes()[0]).count();
        let in_code = open.last().is_some_and(|marker| marker.starts_with('`'));
        let marker = match rest.as_bytes()[0] {
            b'`' => &rest[..run],
            b'*' | b'~' if run >= 2 && !in_code => &rest[..2],
            b'\\' if !in_code => {
                at += 1 + rest[1..].chars().next().map_or(0, char::len_utf8);
                continue;
            }
            _ => {
                at += rest.chars().next().map_or(1, char::len_utf8);
                continue;
            }
        };
        if open.last() == Some(&marker) {
            open.pop();
        } else if !in_code {
            open.push(marker);
        }
        at += run.max(marker.len());
    }
    open
}

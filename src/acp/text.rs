//! Texts of an agent made fit to be shown: what is hidden in them becomes visible, and they have an end.

/// Longest title, in characters: a line on a phone.
pub(super) const TITLE: usize = 200;

/// Longest detail, in characters: a Telegram message has room for 4,096 with all around it.
pub(super) const DETAIL: usize = 3000;

/// One line: line ends and tabs become spaces, what is hidden becomes visible, at most `limit` characters.
pub(super) fn line(text: &str, limit: usize) -> String {
    cut(text.trim().chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { ' ' } else { c }), limit)
}

/// Several lines: newlines and tabs stay, what is hidden becomes visible, at most `limit` characters.
pub(super) fn block(text: &str, limit: usize) -> String {
    cut(text.chars(), limit)
}

/// Shortened text ends in an ellipsis, so that nobody takes it for the whole.
fn cut(mut characters: impl Iterator<Item = char>, limit: usize) -> String {
    let mut out = String::new();
    let mut left = limit;
    for c in characters.by_ref() {
        let shown: &mut dyn Iterator<Item = char> = if is_hidden(c) { &mut c.escape_unicode() } else { &mut std::iter::once(c) };
        for c in shown {
            let Some(rest) = left.checked_sub(1) else {
                out.pop();
                out.push('…');
                return out;
            };
            left = rest;
            out.push(c);
        }
    }
    out
}

/// The text as it is up to `limit` bytes; a cut one ends in a line that says how much is missing.
pub(super) fn head(mut text: String, limit: usize) -> String {
    let at = boundary(&text, limit);
    let missing = text.len() - at;
    if missing > 0 {
        text.truncate(at);
        text.push_str(&format!("\n… ({missing} more bytes)"));
        text.shrink_to_fit();
    }
    text
}

/// The last place between two characters at or before `limit` bytes.
pub(super) fn boundary(text: &str, limit: usize) -> usize {
    (0..=limit.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Characters that show nothing, or that make other text show differently than it is: controls and the reordering of bidirectional text.
pub(super) fn is_hidden(c: char) -> bool {
    let ordinary = matches!(c, '\n' | '\t');
    let misleading = matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    // Emoji are joined by U+200D, which hides nothing.
    (c.is_control() && !ordinary) || (misleading && c != '\u{200d}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_becomes_visible() {
        assert_eq!(line("a\u{1b}[2Kb\nc", 50), "a\\u{1b}[2Kb c");
        assert_eq!(block("rm \u{202e}fr-\n\tx", 50), "rm \\u{202e}fr-\n\tx");
        assert_eq!(line("👨\u{200d}👩", 50), "👨\u{200d}👩");
    }

    #[test]
    fn a_boundary_is_never_inside_a_character() {
        assert_eq!((boundary("aé", 0), boundary("aé", 1), boundary("aé", 2), boundary("aé", 9)), (0, 1, 1, 3));
    }

    #[test]
    fn the_head_of_a_text_says_what_is_missing() {
        assert_eq!(head("aé".to_owned(), 3), "aé");
        assert_eq!(head("aéb".to_owned(), 2), "a\n… (3 more bytes)");
    }

    #[test]
    fn a_shortened_text_says_so() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcde…");
        assert_eq!(line(&"\u{1b}".repeat(9), 5).chars().count(), 5);
    }
}

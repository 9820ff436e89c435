//! Text without what Telegram would change or a screen would hide.

use std::borrow::Cow;

/// The text without carriage returns, with other control characters as spaces, and without the invisible characters that turn the
/// direction of writing: with those a command could look like another one. Telegram strips most of these itself, which would shift entities.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(is_special) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter_map(cleaned).collect())
}

fn is_special(c: char) -> bool {
    cleaned(c) != Some(c)
}

fn cleaned(c: char) -> Option<char> {
    match c {
        '\n' | '\t' => Some(c),
        '\u{2028}' | '\u{2029}' => Some('\n'),
        '\r' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => None,
        c if c.is_control() => Some(' '),
        c => Some(c),
    }
}

//! How wide texts are. The fonts are the viewer's own, so these are widths of common ones, taken generously.

/// How a stretch of text looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Style {
    pub(crate) bold: bool,
    pub(crate) italic: bool,
    pub(crate) code: bool,
    pub(crate) link: bool,
    pub(crate) struck: bool,
}

/// Size of letters in pixels.
pub(crate) const SIZE: f64 = 14.5;

/// Size of letters of code in pixels.
pub(crate) const CODE: f64 = 13.0;

/// The width of a character in pixels.
pub(crate) fn width(c: char, style: Style) -> f64 {
    if style.code {
        return CODE * if wide(c) { 1.3 } else { 0.605 };
    }
    let share = match c {
        _ if wide(c) => 1.3,
        '\u{fe0f}' | '\u{200d}' => 0.0,
        'i' | 'j' | 'l' | '.' | ',' | ':' | ';' | '\'' | '|' | '!' => 0.3,
        'f' | 't' | 'r' | ' ' | '(' | ')' | '[' | ']' | '-' | '/' => 0.37,
        'm' | 'w' | 'M' | 'W' | '@' | '—' | '…' => 0.92,
        c if c.is_uppercase() => 0.7,
        _ => 0.62,
    };
    SIZE * share * if style.bold { 1.1 } else { 1.0 }
}

/// The width of a text in pixels.
pub(crate) fn of(text: &str, style: Style) -> f64 {
    text.chars().map(|c| width(c, style)).sum()
}

/// Symbols and scripts with square characters.
fn wide(c: char) -> bool {
    matches!(c, '\u{2300}'..='\u{23ff}' | '\u{2600}'..='\u{27bf}' | '\u{2b00}'..='\u{2bff}' | '\u{2e80}'..='\u{d7ff}' | '\u{1f000}'..)
}

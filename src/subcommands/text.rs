//! What an agent wrote, made safe for a terminal.
//!
//! An agent's text may hold escape sequences that move the cursor, rename the window, fill the clipboard or write what the person seems
//! to have typed; and direction marks that show a command other than it is. None of them reaches the terminal.

/// `text` with line breaks and tabs, and every other control character as a visible sign.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|c| *c != '\r').map(|c| if matches!(c, '\n' | '\t') { c } else { visible(c) }).collect()
}

/// `text` in one line.
pub(crate) fn clean_line(text: &str) -> String {
    text.chars().map(|c| if c.is_whitespace() { ' ' } else { visible(c) }).collect()
}

fn visible(c: char) -> char {
    match c {
        // Unicode has a picture for each of the C0 controls, in their order.
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '\u{2421}',
        c if c.is_control() || turns_direction(c) => '\u{fffd}',
        c => c,
    }
}

/// Marks by which what is shown stands in another order than what is meant (Unicode, UAX #9), and those that break lines.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(clean("a\x1b[2Jb\r\nc\td\u{9b}31m"), "a␛[2Jb\nc\td\u{fffd}31m");
        assert_eq!(clean_line("rm -rf /\nls\x07"), "rm -rf / ls␇");
        assert_eq!(clean("a\u{202e}b"), "a\u{fffd}b");
    }

    proptest! {
        #[test]
        fn no_control_character_reaches_the_terminal(text in any::<String>()) {
            prop_assert!(clean(&text).chars().all(|c| matches!(c, '\n' | '\t') || !c.is_control() && !turns_direction(c)));
            prop_assert!(clean_line(&text).chars().all(|c| !c.is_control() && !turns_direction(c)));
        }
    }
}

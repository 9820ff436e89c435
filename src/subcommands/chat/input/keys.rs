//! Keys that are pressed while no line is edited: type-ahead, and the answer to a question.

/// What a key means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// Ctrl-C.
    Interrupt,
    /// Enter.
    Enter,
    /// Backspace.
    Erase,
    /// A character.
    Char(char),
}

/// Keys from the bytes that a terminal sends. Bytes come in any portions; sequences of cursor and function keys mean nothing here.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    /// The beginning of a character of several bytes.
    part: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Plain,
    /// After an escape.
    Escape,
    /// In a sequence that ends with a letter or `~` (ECMA-48, CSI and SS3).
    Sequence,
}

impl Decoder {
    /// The key that `byte` completes, if it completes one.
    pub(super) fn feed(&mut self, byte: u8) -> Option<Key> {
        match (self.state, byte) {
            // Whatever stood before it, Ctrl-C is Ctrl-C.
            (_, 0x03) => {
                *self = Self::default();
                Some(Key::Interrupt)
            }
            (State::Escape, b'[' | b'O') => self.go(State::Sequence),
            (State::Escape, _) => self.go(State::Plain),
            (State::Sequence, 0x40..=0x7e) => self.go(State::Plain),
            (State::Sequence, _) => None,
            (State::Plain, 0x1b) => self.go(State::Escape),
            (State::Plain, b'\r' | b'\n') => Some(Key::Enter),
            (State::Plain, 0x08 | 0x7f) => Some(Key::Erase),
            (State::Plain, b'\t') => Some(Key::Char('\t')),
            (State::Plain, 0..=0x1f) => None,
            (State::Plain, byte) => self.character(byte),
        }
    }

    fn go(&mut self, state: State) -> Option<Key> {
        self.state = state;
        self.part.clear();
        None
    }

    fn character(&mut self, byte: u8) -> Option<Key> {
        self.part.push(byte);
        match std::str::from_utf8(&self.part) {
            Ok(text) => {
                let key = text.chars().next().map(Key::Char);
                self.part.clear();
                key
            }
            Err(error) => {
                if error.error_len().is_some() {
                    self.part.clear();
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn keys(bytes: &[u8]) -> Vec<Key> {
        let mut decoder = Decoder::default();
        bytes.iter().filter_map(|byte| decoder.feed(*byte)).collect()
    }

    #[test]
    fn cursor_keys_and_broken_characters_mean_nothing() {
        let bytes = b"a\x1b[A\x1bOB\x1b[1;5C\xff\xc3\xa4\x7f\r";
        assert_eq!(keys(bytes), [Key::Char('a'), Key::Char('ä'), Key::Erase, Key::Enter]);
    }

    proptest! {
        #[test]
        fn ctrl_c_is_heard_after_whatever(mut bytes in any::<Vec<u8>>()) {
            bytes.push(3);
            prop_assert_eq!(keys(&bytes).pop(), Some(Key::Interrupt));
        }

        #[test]
        fn typed_text_comes_through(text in "[^\\p{Cc}]*") {
            let typed: String = keys(text.as_bytes()).into_iter().map(|key| match key {
                Key::Char(c) => c,
                other => panic!("{other:?}"),
            }).collect();
            prop_assert_eq!(typed, text);
        }
    }
}

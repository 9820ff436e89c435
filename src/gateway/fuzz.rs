//! What the gateway promises of any text of an agent, and any name of a file. See [`crate::fuzzing`].

use super::files::name::{is_invisible, safe_name, shown};
use super::files::tag::{CAPTION, Filtered, PATH, SendFileFilter, TAGS};
pub(crate) use super::telegram::fuzz::update;

/// A text with tags in it: what is found does not depend on how the text was cut, and no tag is shown.
pub(crate) fn send_file(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let whole = filtered([text]);
    let mut characters = [0; 4];
    let mut by_characters = Filter::default();
    text.chars().for_each(|c| by_characters.push(c.encode_utf8(&mut characters)));
    assert_eq!(by_characters.finish(), whole);
    let middle = (0..=text.len() / 2).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    let (before, after) = text.split_at(middle);
    assert_eq!(filtered([before, after]), whole);
    assert!(whole.text.len() <= text.len() && whole.files.len() <= TAGS + 1);
    for tag in whole.files.iter().flatten() {
        assert!((1..=PATH).contains(&tag.path.len()) && tag.caption.len() <= CAPTION, "{tag:?}");
        check_names(&tag.path);
    }
    check_names(text);
}

fn check_names(wanted: &str) {
    let name = safe_name(Some(wanted), "file", None);
    let whole = !name.is_empty() && name.len() <= 120 && !name.contains(['/', '\\', '<', '>']) && !name.contains(is_invisible);
    assert!(whole && !name.starts_with(['.', '-']), "{name:?}");
    assert!(!shown(wanted).contains(is_invisible) && !shown(wanted).contains('`'), "{:?}", shown(wanted));
}

#[derive(Default)]
struct Filter {
    filter: SendFileFilter,
    all: Filtered,
}

impl Filter {
    fn push(&mut self, chunk: &str) {
        let part = self.filter.push(chunk);
        self.add(part);
    }

    fn add(&mut self, part: Filtered) {
        self.all.text.push_str(&part.text);
        self.all.files.extend(part.files);
        self.all.broken |= part.broken;
    }

    fn finish(mut self) -> Filtered {
        let end = std::mem::take(&mut self.filter).finish();
        self.add(end);
        self.all
    }
}

fn filtered<const N: usize>(chunks: [&str; N]) -> Filtered {
    let mut filter = Filter::default();
    chunks.into_iter().for_each(|chunk| filter.push(chunk));
    filter.finish()
}

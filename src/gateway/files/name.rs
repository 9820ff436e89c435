//! Names for files that come from outside: one path component that shows what it is and misleads neither a shell nor an eye. And paths
//! made fit to be shown.

/// Longest name, in bytes. File systems take 255; there is room for what others add, and a line on a phone has fewer.
const NAME: usize = 120;

/// Longest extension that is kept whole, in bytes.
const EXTENSION: usize = 16;

/// Longest path in a text, in characters: three lines on a phone.
const SHOWN: usize = 120;

/// A name made of the one that was wanted, else of the fallback (such as `photo`): one path component of at most [`NAME`] bytes, never
/// empty, without what is invisible or reserved on any system, not hidden, and no option of a command. A name without an extension gets
/// that of its MIME type.
pub(crate) fn safe_name(wanted: Option<&str>, fallback: &str, extension_by_mime: Option<&str>) -> String {
    let cleaned = wanted.map(clean).filter(|name| !name.is_empty()).unwrap_or_else(|| clean(fallback));
    let name = if cleaned.is_empty() { "file" } else { &cleaned };
    match (split(name), extension_by_mime.filter(|extension| is_extension(extension))) {
        ((stem, None), Some(extension)) => join(stem, "", Some(extension)),
        ((stem, extension), _) => join(stem, "", extension),
    }
}

/// The name with a number before its extension, as `report (2).pdf`, of at most [`NAME`] bytes.
pub(crate) fn numbered(name: &str, n: u32) -> String {
    let (stem, extension) = split(name);
    join(stem, &format!(" ({n})"), extension)
}

/// A path to be shown in a text, as code: what is invisible in it is escaped, and of a long one the end is kept, which tells more.
pub(crate) fn shown(path: &str) -> String {
    let mut out = String::new();
    for c in path.chars() {
        match c {
            '`' => out.push('\''),
            c if is_invisible(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    match out.char_indices().rev().nth(SHOWN) {
        Some((at, c)) => format!("…{}", out.split_at(at + c.len_utf8()).1),
        None => out,
    }
}

/// Characters that show nothing, or that make others show differently than they are: controls, direction, joiners, fillers, selectors.
pub(crate) fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

fn clean(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        match c {
            c if c.is_whitespace() && out.ends_with(' ') => {}
            c if c.is_whitespace() => out.push(' '),
            c if is_invisible(c) => {}
            '<' | '>' | ':' | '"' | '/' | '\\' | '|' | '?' | '*' => out.push('_'),
            c => out.push(c),
        }
    }
    out.trim_start_matches(['.', '-', ' ']).trim_end_matches(['.', ' ']).to_owned()
}

/// Stem and extension.
fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && is_extension(extension) => (stem, Some(extension)),
        _ => (name, None),
    }
}

fn is_extension(text: &str) -> bool {
    (1..=EXTENSION).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The parts as one name; the stem is cut to what is left of [`NAME`].
fn join(stem: &str, number: &str, extension: Option<&str>) -> String {
    let ending = extension.map(|extension| format!(".{extension}")).unwrap_or_default();
    let room = NAME.saturating_sub(number.len() + ending.len()).min(stem.len());
    let end = (0..=room).rev().find(|&at| stem.is_char_boundary(at)).unwrap_or(0);
    let kept = stem.split_at(end).0.trim_end_matches(['.', ' ']);
    format!("{kept}{number}{ending}")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn named(wanted: &str) -> String {
        safe_name(Some(wanted), "photo", None)
    }

    #[test]
    fn an_ordinary_name_stays_as_it_is() {
        for name in ["report.pdf", "Übersicht 2024 (final).tar.gz", "a-b_c", "写真.jpg", "x.y z"] {
            assert_eq!(named(name), name);
        }
    }

    #[test]
    fn what_leads_out_hides_or_misleads_is_gone() {
        for (wanted, name) in [
            ("../../etc/passwd", "_.._etc_passwd"),
            ("/etc/passwd", "_etc_passwd"),
            ("..", "photo"),
            (".", "photo"),
            ("", "photo"),
            (" . ", "photo"),
            ("\u{200b}\u{202e}", "photo"),
            (".bashrc", "bashrc"),
            ("-rf", "rf"),
            (".-.x", "x"),
            ("a\nb\tc", "a b c"),
            ("\u{1b}[31mred", "[31mred"),
            ("a\0b", "ab"),
            ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
            ("C:\\temp\\a?.txt", "C__temp_a_.txt"),
            ("name. . .", "name"),
        ] {
            assert_eq!(named(wanted), name, "{wanted:?}");
        }
    }

    #[test]
    fn a_missing_name_or_extension_is_made_up() {
        assert_eq!(safe_name(None, "photo", Some("jpg")), "photo.jpg");
        assert_eq!(safe_name(Some("cat"), "photo", Some("jpg")), "cat.jpg");
        assert_eq!(safe_name(Some("cat.png"), "photo", Some("jpg")), "cat.png");
        assert_eq!(safe_name(Some("cat"), "photo", Some("../x")), "cat");
        assert_eq!(safe_name(None, "..", None), "file");
    }

    #[test]
    fn numbers_stand_before_the_extension() {
        assert_eq!(numbered("report.pdf", 2), "report (2).pdf");
        assert_eq!(numbered("report", 10), "report (10)");
        assert_eq!(numbered(&format!("{}.pdf", "é".repeat(58)), 12).len(), NAME - 1);
    }

    #[test]
    fn a_shown_path_hides_nothing_and_has_an_end() {
        assert_eq!(shown("a b/`c`\u{202e}\n.txt"), "a b/'c'\\u{202e}\\u{a}.txt");
        assert_eq!(shown(&"é".repeat(SHOWN)), "é".repeat(SHOWN));
        assert_eq!(shown(&format!("{}.txt", "é".repeat(SHOWN))), format!("…{}.txt", "é".repeat(SHOWN - 4)));
    }

    fn assert_safe(name: &str) {
        assert!(!name.is_empty() && name.len() <= NAME, "{name:?}");
        assert!(!name.contains(is_invisible) && !name.contains(['<', '>', ':', '"', '/', '\\', '|', '?', '*']), "{name:?}");
        assert!(!name.starts_with(['.', '-', ' ']) && !name.ends_with(['.', ' ']), "{name:?}");
    }

    proptest! {
        #[test]
        fn every_name_is_safe(wanted in prop::option::of(any::<String>()), fallback in any::<String>(), extension in prop::option::of("\\PC{0,20}")) {
            assert_safe(&safe_name(wanted.as_deref(), &fallback, extension.as_deref()));
        }

        #[test]
        fn long_names_keep_their_extension(stem in "[a-zé. \\u{202e}/-]{0,300}", extension in "[a-z0-9]{1,16}") {
            let name = safe_name(Some(&format!("a{stem}b.{extension}")), "file", Some("jpg"));
            assert_safe(&name);
            let ending = format!(".{extension}");
            prop_assert!(name.ends_with(&ending));
            prop_assert_eq!(&named(&name), &name, "a safe name stays");
        }

        #[test]
        fn numbered_names_are_safe_and_all_different(wanted in any::<String>(), long in 0_usize..200, a in 2_u32..500, b in 2_u32..500) {
            let name = named(&format!("{wanted}{}", "x".repeat(long)));
            assert_safe(&numbered(&name, a));
            prop_assert_eq!(numbered(&name, a) == numbered(&name, b), a == b);
        }
    }
}

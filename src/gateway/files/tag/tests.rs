use proptest::prelude::*;

use super::*;

fn whole(text: &str) -> Filtered {
    chunked(&[text])
}

fn chunked(chunks: &[&str]) -> Filtered {
    let mut filter = SendFileFilter::default();
    let mut all = Filtered::default();
    for chunk in chunks {
        let part = filter.push(chunk);
        assert!(!part.broken, "only the end tells");
        all.text.push_str(&part.text);
        all.files.extend(part.files);
    }
    let end = filter.finish();
    all.text.push_str(&end.text);
    all.files.extend(end.files);
    all.broken = end.broken;
    all
}

fn by_characters(text: &str) -> Filtered {
    let characters: Vec<String> = text.chars().map(String::from).collect();
    chunked(&characters.iter().map(String::as_str).collect::<Vec<_>>())
}

fn file(path: &str, caption: &str) -> Result<FileTag, TagError> {
    Ok(FileTag { path: path.to_owned(), caption: caption.to_owned() })
}

/// Text and files of a whole text, which are the same when it comes in single characters.
fn seen(text: &str) -> (String, Vec<Result<FileTag, TagError>>) {
    let all = whole(text);
    assert_eq!(all, by_characters(text), "{text:?}");
    (all.text, all.files)
}

#[test]
fn a_tag_is_taken_out_in_every_form() {
    for tag in [
        "<send_file path=\"a b.txt\">Hi &amp; bye</send_file>",
        "<send_file path='a b.txt'>Hi & bye</send_file>",
        "<SEND_FILE\n  Path = \"a b.txt\"\t>\nHi &amp; bye\n</Send_File >",
        "<send_file kind='x>y' path=\"a b.txt\" >Hi & bye</send_file\n>",
    ] {
        assert_eq!(seen(&format!("See {tag}!")), ("See !".to_owned(), vec![file("a b.txt", "Hi & bye")]), "{tag}");
    }
    for tag in ["<send_file path='x'/>", "<send_file path='x' />", "<send_file path='x'></send_file>"] {
        assert_eq!(seen(tag), (String::new(), vec![file("x", "")]), "{tag}");
    }
}

#[test]
fn entities_are_decoded_once_and_strange_ones_stay() {
    let (_, files) = seen("<send_file path=\"&lt;&gt;&quot;&apos;&amp;lt;\">&nbsp; &amp;amp; <b>&</b></send_file>");
    assert_eq!(files, [file("<>\"'&lt;", "&nbsp; &amp; <b>&</b>")]);
}

#[test]
fn what_only_begins_like_a_tag_is_shown() {
    for text in ["<send_fil", "<send_filter>", "<send_files path='x'/>", "a <b>c</b> < d <", "</send_fi", "</send_filed>", "<<send_fil<"] {
        assert_eq!(seen(text), (text.to_owned(), vec![]), "{text}");
    }
    let mut filter = SendFileFilter::default();
    assert_eq!(filter.push("a <send_fil").text, "a ");
    assert_eq!(filter.push("ter").text, "<send_filter", "shown as soon as it is decided");
    assert_eq!(filter.push(" <").text, " ");
    assert_eq!(filter.push("b> c").text, "<b> c");
}

#[test]
fn a_tag_alone_on_its_line_takes_its_line_along() {
    for (text, shown) in [
        ("A\n\nT\n\nB", "A\n\nB"),
        ("A\nT\nB", "A\nB"),
        ("A\nT  \n\nB", "A\n\nB"),
        ("A\n\nT\nT\r\n\nB", "A\n\nB"),
        ("A\nT T\nB", "A\nB"),
        ("A\nT\n  B", "A\n  B"),
        ("A\nT B", "A\n B"),
        ("T\n\nA\n\nT", "A\n\n"),
        ("A T\n\n\nB", "A \n\n\nB"),
    ] {
        assert_eq!(seen(&text.replace('T', "<send_file path='x'>c</send_file>")).0, shown, "{text:?}");
    }
}

#[test]
fn a_malformed_tag_is_swallowed_and_reported() {
    for (tag, error) in [
        ("<send_file path=x>caption</send_file>", TagError::Malformed),
        ("<send_file path=x/>", TagError::Malformed),
        ("<send_file path>caption</send_file>", TagError::Malformed),
        ("<send_file = 'x'>caption</send_file>", TagError::Malformed),
        ("<send_file / path='x'>caption</send_file>", TagError::Malformed),
        ("<send_file>caption</send_file>", TagError::NoPath),
        ("<send_file path=''/>", TagError::NoPath),
        ("<send_file file='x'>caption</send_file>", TagError::NoPath),
    ] {
        assert_eq!(seen(&format!("a {tag} b")), ("a  b".to_owned(), vec![Err(error)]), "{tag}");
    }
    assert_eq!(seen("a <send_file path=\"x>c</send_file>\nb"), ("a \nb".to_owned(), vec![Err(TagError::Malformed)]));
    assert_eq!(seen("a</send_file> b</send_file\t>c"), ("a bc".to_owned(), vec![]));
}

#[test]
fn what_is_too_long_is_swallowed_and_reported() {
    let long = |path: usize, caption: usize| format!("a<send_file path='{}'>{}</send_file>b", "p".repeat(path), "c".repeat(caption));
    assert_eq!(seen(&long(PATH, CAPTION)), ("ab".to_owned(), vec![file(&"p".repeat(PATH), &"c".repeat(CAPTION))]));
    assert_eq!(seen(&long(PATH + 1, 1)), ("ab".to_owned(), vec![Err(TagError::PathTooLong)]));
    assert_eq!(seen(&long(1, CAPTION + 1)), ("ab".to_owned(), vec![Err(TagError::CaptionTooLong)]));
    let (text, files) = seen(&long(5 * WINDOW, 2));
    assert_eq!((text.as_str(), files), ("accb", vec![Err(TagError::PathTooLong)]));
    let (text, files) = seen(&format!("a<send_file{}path='x'>c", " ".repeat(2 * WINDOW)));
    assert_eq!((text.as_str(), files), ("ac", vec![Err(TagError::PathTooLong)]));
}

#[test]
fn words_behind_a_tag_that_is_never_closed_are_not_lost() {
    let words = "é".repeat(WINDOW);
    assert_eq!(seen(&format!("<send_file path='x'>{words}")), (words, vec![Err(TagError::Unclosed)]));
    let (text, files) = seen("<send_file path='x'>one\n<send_file path='y'>two</send_file>three");
    assert_eq!((text.as_str(), files), ("one\nthree", vec![Err(TagError::Unclosed), file("y", "two")]));
}

#[test]
fn a_tag_that_the_end_cuts_off_is_broken_and_not_shown() {
    for (text, shown) in [
        ("a <send_file", "a "),
        ("a <send_file pa", "a "),
        ("a <send_file path='x' /", "a "),
        ("a <send_file path=x", "a "),
        ("a <send_file path='x'>cap", "a cap"),
        ("a <send_file path='x'>cap</send_file", "a cap"),
        ("a <send_file path='x'>cap</send_f", "a cap"),
        ("a <send_file path='x'>cap</b> <", "a cap</b> <"),
    ] {
        let all = whole(text);
        assert_eq!((all.text.as_str(), all.broken), (shown, true), "{text}");
        assert_eq!(all, by_characters(text));
        assert_eq!(all.files, [Err(TagError::Unclosed)]);
    }
    assert!(!whole("a <send_fil").broken);
}

#[test]
fn the_tags_of_a_turn_are_bounded_and_the_excess_is_said_once() {
    let (text, files) = seen(&"<send_file path='x'/>.".repeat(TAGS + 5));
    assert_eq!(text, ".".repeat(TAGS + 5));
    assert_eq!(files.len(), TAGS + 1);
    assert_eq!(files.last(), Some(&Err(TagError::TooMany)));
    assert!(files.iter().take(TAGS).all(Result::is_ok));
}

/// Cuts a text at some of its characters.
fn cut<'a>(text: &'a str, cuts: &[bool]) -> Vec<&'a str> {
    let mut chunks = Vec::new();
    let mut begin = 0;
    for ((at, _), _) in text.char_indices().zip(cuts.iter().cycle()).filter(|(_, cut)| **cut) {
        chunks.push(&text[begin..at]);
        begin = at;
    }
    chunks.push(&text[begin..]);
    chunks
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&apos;")
}

proptest! {
    #[test]
    fn any_chunking_shows_the_same_and_finds_the_same(
        pieces in prop::collection::vec(prop_oneof![
            "[ab<>/ \\n\"'=é]{0,6}",
            Just("<send_file".to_owned()), Just("</send_file>".to_owned()), Just(" path=".to_owned()), Just("'x y'".to_owned()),
            Just("<send_file path=\"p\">c</send_file>".to_owned()), Just("</send".to_owned()), Just("/>".to_owned()), Just("\n\n".to_owned()),
        ], 0..12),
        cuts in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let text = pieces.concat();
        let all = whole(&text);
        prop_assert_eq!(&all, &chunked(&cut(&text, &cuts)));
        prop_assert_eq!(&all, &by_characters(&text));
        let shown = all.text.to_lowercase();
        for name in ["<send_file", "</send_file"] {
            for (at, _) in shown.match_indices(name) {
                let next = shown[at + name.len()..].chars().next();
                prop_assert!(next.is_some_and(|c| c.is_alphanumeric()), "{:?} shows {:?}", text, all.text);
            }
        }
    }

    #[test]
    fn tags_are_found_and_no_other_text_is_lost(
        words in prop::collection::vec("[a-z<>&é.][a-z<>&é ./\\n]{0,10}[a-z>&é.]", 1..8),
        tags in prop::collection::vec(("[^\\n\\x00]{1,12}", "\\PC{0,12}"), 7),
        cuts in prop::collection::vec(any::<bool>(), 1..40),
    ) {
        let mut text = String::new();
        let mut expected = Vec::new();
        for (word, (path, caption)) in words.iter().zip(&tags) {
            text += &format!("{word}<send_file path=\"{}\">{}</send_file>", escaped(path), escaped(caption));
            expected.push(file(path, caption.trim()));
        }
        let all = chunked(&cut(&text, &cuts));
        prop_assert_eq!(all.files, expected);
        prop_assert_eq!(all.text, words.concat());
    }

    #[test]
    fn no_text_makes_it_hold_much(text in "(<send_file|[ -~\\n]{0,30}| path='[a-z]{0,3000}'?){0,12}") {
        let mut filter = SendFileFilter::default();
        for chunk in text.as_bytes().chunks(100) {
            let _ = filter.push(std::str::from_utf8(chunk).unwrap());
            prop_assert!(filter.held.len() <= 3 * WINDOW);
        }
    }
}

use proptest::prelude::*;

use super::super::methods::{ENTITIES, TEXT};
use super::*;

/// The texts of a piece's entities, with their kinds.
fn marked(piece: &Piece) -> Vec<(EntityKind, String)> {
    let units: Vec<u16> = piece.text.encode_utf16().collect();
    let text = |entity: &Entity| String::from_utf16(&units[entity.offset..entity.offset + entity.length]).unwrap();
    piece.entities.iter().map(|entity| (entity.kind.clone(), text(entity))).collect()
}

fn one(markdown: &str) -> Piece {
    let mut pieces = render(markdown);
    assert_eq!(pieces.len(), 1, "{pieces:?}");
    pieces.remove(0)
}

fn pre(language: Option<&str>) -> EntityKind {
    EntityKind::Pre { language: language.map(str::to_owned) }
}

fn assert_valid(piece: &Piece) {
    let units: Vec<u16> = piece.text.encode_utf16().collect();
    assert!(!piece.text.trim().is_empty());
    assert!(units.len() <= TEXT);
    assert!(piece.entities.len() <= ENTITIES);
    let mut last = (0, 0);
    for entity in &piece.entities {
        let end = entity.offset + entity.length;
        assert!(entity.length > 0 && end <= units.len());
        let inner = String::from_utf16(&units[entity.offset..end]).expect("an entity that cuts no surrogate pair");
        assert!(!inner.trim().is_empty());
        let order = (entity.offset, usize::MAX - entity.length);
        assert!(last <= order, "outer entities come first: {:?}", piece.entities);
        last = order;
    }
    for (at, outer) in piece.entities.iter().enumerate() {
        for inner in &piece.entities[at + 1..] {
            let overlap = inner.offset < outer.offset + outer.length;
            let nested = inner.offset + inner.length <= outer.offset + outer.length;
            assert!(!overlap || nested, "entities cross: {outer:?} {inner:?}");
            assert!(!overlap || !matches!(outer.kind, EntityKind::Code | EntityKind::Pre { .. }), "code holds {inner:?}");
            let same = std::mem::discriminant(&inner.kind) == std::mem::discriminant(&outer.kind);
            assert!(!overlap || !same, "an entity within its like: {outer:?} {inner:?}");
        }
    }
}

fn without_space(text: &str) -> String {
    text.chars().filter(|c| !c.is_whitespace()).collect()
}

#[test]
fn inline_markup_becomes_entities_in_utf16_units() {
    let piece = one("😀 **bold** and *it* and ~~no~~ and `code`");
    assert_eq!(piece.text, "😀 bold and it and no and code");
    let expected = [(EntityKind::Bold, "bold"), (EntityKind::Italic, "it"), (EntityKind::Strikethrough, "no"), (EntityKind::Code, "code")];
    assert_eq!(marked(&piece), expected.map(|(kind, text)| (kind, text.to_owned())));
    assert_eq!(piece.entities[0].offset, 3);
}

#[test]
fn code_interrupts_what_cannot_hold_it() {
    let piece = one("**a `b` c**");
    assert_eq!(piece.text, "a b c");
    let expected = [(EntityKind::Bold, "a"), (EntityKind::Code, "b"), (EntityKind::Bold, "c")];
    assert_eq!(marked(&piece), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn only_addresses_that_telegram_takes_hide_behind_their_text() {
    let piece = one("[`docs`](https://docs.rs/x) [file](src/main.rs) [up](#top) <https://a.example/b>");
    assert_eq!(piece.text, "docs file (src/main.rs) up https://a.example/b");
    assert_eq!(marked(&piece), [(EntityKind::TextLink { url: "https://docs.rs/x".into() }, "docs".to_owned())]);
    for bad in ["https://localhost/", "https://user@evil.example/", "http://.", "ftp://a.b/", "https://a..b/", "https://exämple.org/"] {
        assert!(one(&format!("[x]({bad})")).entities.is_empty(), "{bad}");
    }
}

#[test]
fn headings_lists_rules_and_quotes_read_well() {
    let markdown = "# Title\ntext\n\n- one\n  - inner\n    more\n- two\n\n3. three\n4. [x] four\n\n---\n> wise **words**\n> here\n\nend";
    let piece = one(markdown);
    assert_eq!(piece.text, "Title\n\ntext\n\n• one\n  • inner\n    more\n• two\n\n3. three\n4. ☑ four\n\n———\n\nwise words\nhere\n\nend");
    let expected = [(EntityKind::Bold, "Title"), (EntityKind::Blockquote, "wise words\nhere"), (EntityKind::Bold, "words")];
    assert_eq!(marked(&piece), expected.map(|(kind, text)| (kind, text.to_owned())));
}

#[test]
fn code_blocks_keep_language_and_indentation() {
    let piece = one("see\n```rust,ignore\n    fn main() {}\n\n}\n```\nend");
    assert_eq!(piece.text, "see\n\n    fn main() {}\n\n}\n\nend");
    assert_eq!(marked(&piece), [(pre(Some("rust")), "    fn main() {}\n\n}".to_owned())]);
    let alone = one("```\n  indented\n```");
    assert_eq!(marked(&alone), [(pre(None), "  indented".to_owned())]);
}

#[test]
fn narrow_tables_are_drawn_and_wide_ones_told() {
    let narrow = one("| a | long |\n|---|---|\n| 1 | **2** |\n");
    assert_eq!(marked(&narrow), [(pre(None), "a │ long\n──┼─────\n1 │ 2".to_owned())]);
    let wide = one("| name | what |\n|---|---|\n| x | it is a sentence that is far too long for a column |\n");
    assert_eq!(wide.text, "name: x\n  what: it is a sentence that is far too long for a column");
}

#[test]
fn html_is_shown_as_written() {
    assert_eq!(one("Vec<String> a<br>b\n\n<div>\nx\n</div>\n\nend").text, "Vec<String> a\nb\n\n<div>\nx\n</div>\n\nend");
}

#[test]
fn markup_alone_is_shown_and_nothing_is_nothing() {
    assert_eq!(one("```\n```").text, "```\n```");
    assert!(render(" \n\t ").is_empty());
}

#[test]
fn what_disguises_a_text_is_removed() {
    assert_eq!(one("a\u{202e}b\u{7}c").text, "ab c");
    assert_eq!(clean("a\r\nb"), "a\nb");
    assert_eq!(clean("plain\ttext\n"), "plain\ttext\n");
}

#[test]
fn a_long_text_is_cut_at_paragraphs_then_lines_then_words() {
    let paragraph = "word ".repeat(500);
    let pieces = render(&format!("{paragraph}\n\n{paragraph}\n\n{paragraph}"));
    assert_eq!(pieces.len(), 3);
    let lines = "a line of text that is not very long\n".repeat(300);
    for piece in render(&lines) {
        assert!(piece.text.starts_with("a line") && piece.text.ends_with("long"));
    }
    for piece in render(&"word ".repeat(3000)) {
        assert!(piece.text.starts_with("word") && piece.text.ends_with("word"));
    }
    assert_eq!(render(&"x".repeat(9000)).iter().map(|piece| piece.text.len()).collect::<Vec<_>>(), [4096, 4096, 808]);
}

#[test]
fn characters_are_not_torn() {
    let family = "👩\u{200d}👩\u{200d}👧";
    for piece in render(&family.repeat(2000)) {
        assert!(piece.text.starts_with('👩') && piece.text.ends_with('👧'), "{:?}", piece.text.chars().last());
    }
}

#[test]
fn code_and_bold_go_on_in_the_next_piece() {
    let code = "let x = 1;\n".repeat(800);
    let pieces = render(&format!("```rust\n{code}```"));
    assert!(pieces.len() > 2);
    for piece in &pieces {
        assert_eq!(marked(piece), [(pre(Some("rust")), piece.text.clone())]);
    }
    for piece in render(&format!("**{}x**", "bold ".repeat(2000))) {
        assert_eq!(marked(&piece), [(EntityKind::Bold, piece.text.clone())]);
    }
}

#[test]
fn no_piece_has_more_entities_than_telegram_keeps() {
    let pieces = render(&"`a` b ".repeat(450));
    assert_eq!(pieces.iter().map(|piece| piece.entities.len()).sum::<usize>(), 450);
    pieces.iter().for_each(assert_valid);
}

#[test]
fn a_draft_shows_the_end_as_if_it_were_finished() {
    let draft = render_draft("Hello **wor").unwrap();
    assert_eq!(marked(&draft), [(EntityKind::Bold, "wor".to_owned())]);
    assert_eq!(render_draft("Hello **").unwrap().text, "Hello");
    assert_eq!(marked(&render_draft("run `ls -").unwrap()), [(EntityKind::Code, "ls -".to_owned())]);
    let fence = render_draft("x\n```sh\nls\n``").unwrap();
    assert_eq!(marked(&fence), [(pre(Some("sh")), "ls".to_owned())]);
    let long = render_draft(&format!("intro\n```py\n{}", "print(1)\n".repeat(3000))).unwrap();
    assert!(long.text.starts_with("…\n") && long.text.ends_with("print(1)"));
    assert!(matches!(&marked(&long)[..], [(kind, _)] if *kind == pre(Some("py"))));
    assert!(render_draft("**").is_none_or(|piece| piece.text == "**"));
}

#[test]
fn parts_of_the_bots_own_messages_are_not_markdown() {
    let piece = lines(&[(Some(EntityKind::Bold), "May I?"), (Some(pre(None)), "rm *a* `b`"), (None, "")]).remove(0);
    assert_eq!(piece.text, "May I?\nrm *a* `b`");
    assert_eq!(marked(&piece), [(EntityKind::Bold, "May I?".to_owned()), (pre(None), "rm *a* `b`".to_owned())]);
}

#[test]
fn the_worst_texts_take_linear_time() {
    let worst = [
        ">",
        "- ",
        "[",
        "*",
        "**a ",
        "`",
        "|",
        "| a ",
        "a|b\n-|-\n",
        "<",
        "![](",
        "1. ",
        "#\n",
        "\n",
        "> - ",
        "_a",
        "~~",
        "&amp;",
        "``` a\n",
    ];
    for pattern in worst {
        // The best of three, since other tests run beside it.
        let time = |bytes: usize| {
            let text = pattern.repeat(bytes / pattern.len());
            let run = || {
                let start = std::time::Instant::now();
                render(&text).iter().for_each(assert_valid);
                start.elapsed()
            };
            (0..3).map(|_| run()).min().unwrap()
        };
        let (small, large) = (time(16 * 1024), time(128 * 1024));
        // Eight times the length: a quadratic one would take 64 times as long.
        assert!(large < small * 30 + std::time::Duration::from_millis(300), "{pattern:?}: {small:?}, then {large:?}");
    }
}

/// Text made of what Markdown reacts to.
fn markdown() -> impl Strategy<Value = String> {
    let atoms = prop::sample::select(vec![
        "**",
        "*",
        "_",
        "~~",
        "`",
        "```",
        "```rust\n",
        "\n",
        "\n\n",
        "> ",
        "- ",
        "1. ",
        "# ",
        "[",
        "](",
        ")",
        "https://a.example",
        "| ",
        "|-|\n",
        " ",
        "    ",
        "a",
        "word ",
        "😀",
        "é",
        "👩\u{200d}👧",
        "<br>",
        "<b>",
        "\\",
        "&lt;",
        "---\n",
        "\t",
        "- [ ] ",
        "![",
        "\u{202e}",
        "\r\n",
    ]);
    prop::collection::vec(prop_oneof![6 => atoms.prop_map(str::to_owned), 1 => ".{0,8}", 1 => "[a-z ]{100,900}"], 0..80)
        .prop_map(|parts| parts.concat())
}

#[test]
fn a_title_stands_over_its_collapsed_lines() {
    let piece = expandable("⚙ 2 steps · 4 s", &[(None, "✅ 😀 read"), (Some(EntityKind::Code), "ls -l"), (None, "")]);
    assert_eq!(piece.text, "⚙ 2 steps · 4 s\n✅ 😀 read\nls -l");
    let expected = [(EntityKind::ExpandableBlockquote, "✅ 😀 read\nls -l"), (EntityKind::Code, "ls -l")];
    assert_eq!(marked(&piece), expected.map(|(kind, text)| (kind, text.to_owned())));
    assert_eq!(expandable("alone", &[]), Piece { text: "alone".to_owned(), entities: Vec::new() });
}

#[test]
fn collapsed_lines_that_do_not_fit_end_with_an_ellipsis() {
    let steps: Vec<String> = (0..300).map(|step| format!("😀 step {step}, which is not the last of them")).collect();
    let parts: Vec<_> = steps.iter().map(|step| (Some(EntityKind::Italic), step.as_str())).collect();
    for title in ["t", &"title".repeat(999)] {
        let piece = expandable(title, &parts);
        assert_valid(&piece);
        assert_eq!(piece.text.encode_utf16().count(), TEXT);
        assert!(piece.text.ends_with('…'));
        let (kind, body) = marked(&piece).remove(0);
        assert!(kind == EntityKind::ExpandableBlockquote && body.starts_with("😀 step 0") && body.ends_with('…'));
    }
}

#[test]
fn a_caption_is_one_piece_and_says_when_it_is_cut() {
    assert_eq!(caption(" \n"), None);
    assert_eq!(caption("```\n```").unwrap().text, "```\n```");
    let short = caption("**Plan** of the _house_").unwrap();
    assert_eq!((short.text.as_str(), short.entities.len()), ("Plan of the house", 2));
    let long = caption(&format!("**{}**", "é😀".repeat(999))).unwrap();
    assert_valid(&long);
    assert!(long.text.ends_with('…') && (CAPTION - 3..=CAPTION).contains(&long.text.encode_utf16().count()));
    assert_eq!(long.entities.len(), 1);
}

#[test]
fn formatting_that_ends_where_a_caption_is_cut_ends_with_it() {
    for before in CAPTION - 8..CAPTION + 4 {
        let piece = caption(&format!("{}**bb** `c` dd", "a".repeat(before))).unwrap();
        assert_valid(&piece);
        assert!(piece.text.encode_utf16().count() <= CAPTION);
    }
}

proptest! {
    // A case is long; many short ones would find less.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_piece_is_what_telegram_takes(text in markdown()) {
        let formatted = markdown::format(&text);
        let pieces = split::split(&formatted);
        pieces.iter().for_each(assert_valid);
        let all: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        prop_assert_eq!(without_space(&all), without_space(&formatted.text));
    }

    #[test]
    fn every_letter_of_a_text_arrives(text in "[a-z0-9A-Z ,.:!?😀é\n*_>#-]{0,6000}") {
        let letters = |text: &str| text.chars().filter(|c| c.is_alphabetic() || *c == '😀').collect::<String>();
        let all: String = render(&text).iter().map(|piece| piece.text.clone()).collect();
        prop_assert_eq!(letters(&all), letters(&text));
    }

    #[test]
    fn drafts_of_any_beginning_are_what_telegram_takes(text in markdown(), at in 0_usize..2000) {
        let part: String = text.chars().take(at).collect();
        render_draft(&part).iter().for_each(assert_valid);
        render_draft(&part.repeat(40)).iter().for_each(assert_valid);
    }

    #[test]
    fn captions_and_collapsed_lines_of_any_text_are_what_telegram_takes(text in markdown(), title in "\\PC{0,2000}") {
        if let Some(piece) = caption(&text) {
            assert_valid(&piece);
            prop_assert!(piece.text.encode_utf16().count() <= CAPTION);
        }
        let code = Some(EntityKind::Code);
        assert_valid(&expandable(&title, &[(None, &text), (code.clone(), &text), (Some(EntityKind::Bold), &text), (code, &title)]));
    }

    #[test]
    fn any_text_survives_as_plain_text(text in "\\PC{0,9000}") {
        let pieces = plain(&text);
        pieces.iter().for_each(assert_valid);
        let all: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        prop_assert_eq!(without_space(&all), without_space(&clean(&text)));
    }
}

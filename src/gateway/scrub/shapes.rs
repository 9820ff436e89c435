//! What is a secret by its own shape.

use std::ops::Range;

/// What tokens with a telling beginning are made of.
#[derive(Debug, Clone, Copy)]
enum Letters {
    /// `A-Z a-z 0-9 _ -`
    Word,
    /// `A-Z 0-9`
    Capital,
}

/// Beginnings that tell a token, what follows them, and how much of it at least.
const TOKENS: [(&str, Letters, usize); 22] = [
    ("sk-", Letters::Word, 16),
    ("sk_live_", Letters::Word, 16),
    ("rk_live_", Letters::Word, 16),
    ("ghp_", Letters::Word, 20),
    ("gho_", Letters::Word, 20),
    ("ghu_", Letters::Word, 20),
    ("ghs_", Letters::Word, 20),
    ("ghr_", Letters::Word, 20),
    ("github_pat_", Letters::Word, 20),
    ("glpat-", Letters::Word, 16),
    ("xoxa-", Letters::Word, 10),
    ("xoxb-", Letters::Word, 10),
    ("xoxc-", Letters::Word, 10),
    ("xoxd-", Letters::Word, 10),
    ("xoxe-", Letters::Word, 10),
    ("xoxp-", Letters::Word, 10),
    ("xoxr-", Letters::Word, 10),
    ("xoxs-", Letters::Word, 10),
    ("xapp-", Letters::Word, 10),
    ("AKIA", Letters::Capital, 16),
    ("ASIA", Letters::Capital, 16),
    ("AIza", Letters::Word, 30),
];

/// The secret that a text begins with, or begins with what leads to one; `before` is the byte before it.
pub(super) fn secret(text: &[u8], before: Option<u8>) -> Option<Range<usize>> {
    match text.first()? {
        b'0'..=b'9' => bot_token(text, before).map(|end| 0..end),
        b'-' => private_key(text).map(|end| 0..end),
        b':' => user_info(text),
        b'B' | b'b' => bearer(text, before),
        b'e' => web_token(text, before).map(|end| 0..end),
        _ => None,
    }
    .or_else(|| token(text, before).map(|end| 0..end))
}

/// Whether a word can begin after this byte.
fn begins_word(before: Option<u8>) -> bool {
    before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != b'_')
}

/// How many bytes at the beginning are such.
fn run(text: &[u8], is_such: impl Fn(u8) -> bool) -> usize {
    text.iter().take_while(|byte| is_such(**byte)).count()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

fn token(text: &[u8], before: Option<u8>) -> Option<usize> {
    if !begins_word(before) {
        return None;
    }
    let (beginning, letters, least) = TOKENS.iter().find(|(beginning, ..)| text.starts_with(beginning.as_bytes()))?;
    let rest = text.get(beginning.len()..)?;
    let length = match letters {
        Letters::Word => run(rest, is_word),
        Letters::Capital => run(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit()),
    };
    (length >= *least).then_some(beginning.len() + length)
}

/// A Telegram bot's: the bot's number, a colon, 35 characters. In a URL `bot` stands right before it.
fn bot_token(text: &[u8], before: Option<u8>) -> Option<usize> {
    if before.is_some_and(|before| before.is_ascii_digit()) {
        return None;
    }
    let digits = run(text, |byte| byte.is_ascii_digit());
    let length = run(text.get(digits..)?.strip_prefix(b":")?, is_word);
    ((6..=14).contains(&digits) && length >= 30).then_some(digits + 1 + length)
}

/// A JSON web token: three parts in Base64, the first of which is an object; without its signature it has two.
fn web_token(text: &[u8], before: Option<u8>) -> Option<usize> {
    if !begins_word(before) || !text.starts_with(b"eyJ") {
        return None;
    }
    let head = run(text, is_word);
    let body = run(text.get(head..)?.strip_prefix(b".")?, is_word);
    let end = head + 1 + body;
    let signature = text.get(end..)?.strip_prefix(b".").map_or(0, |rest| 1 + run(rest, is_word));
    (head >= 10 && body >= 10).then_some(end + signature)
}

/// A private key in PEM, to its end; where that is cut off, all that follows.
fn private_key(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"-----BEGIN ")?;
    let kind = run(rest, |byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ');
    if !rest.get(..kind)?.ends_with(b"PRIVATE KEY") {
        return None;
    }
    let end = place(text, b"-----END ").and_then(|end| Some(end + 9 + place(text.get(end + 9..)?, b"-----")? + 5));
    Some(end.unwrap_or(text.len()))
}

fn place(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// `user:password` of a URL, which begins at its colon here.
fn user_info(text: &[u8]) -> Option<Range<usize>> {
    let rest = text.strip_prefix(b"://")?;
    let authority = rest.get(..run(rest, |byte| !byte.is_ascii_whitespace() && !b"/?#\"'<>`\\".contains(&byte)))?;
    let end = authority.iter().rposition(|byte| *byte == b'@')?;
    authority.get(..end)?.contains(&b':').then_some(3..3 + end)
}

/// What follows the word of an HTTP header.
fn bearer(text: &[u8], before: Option<u8>) -> Option<Range<usize>> {
    let is_bearer = text.get(..7)?.eq_ignore_ascii_case(b"bearer ");
    let length = run(text.get(7..)?, |byte| is_word(byte) || b"._~+/=".contains(&byte));
    (is_bearer && begins_word(before) && length >= 16).then_some(7..7 + length)
}

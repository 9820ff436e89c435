//! What is a secret by the name before it: `API_KEY=…`, `"token": "…"`, `Authorization: …`.

use std::ops::Range;

/// Parts of a variable's name, in capitals, that tell a secret.
const IN_CAPITALS: [&str; 6] = ["KEY", "TOKEN", "SECRET", "PASS", "AUTH", "COOKIE"];

/// Words of another name that tell one. In prose `key:`, `auth:` and `pass:` mean something else, so alone they count before `=` only.
const WORDS: [&str; 12] =
    ["key", "apikey", "token", "secret", "password", "passwd", "passphrase", "pass", "auth", "authorization", "cookie", "credential"];

/// Words that are ordinary when they stand alone.
const ORDINARY: [&str; 3] = ["key", "pass", "auth"];

/// Longest name, in bytes. Longer ones are no names.
const NAME: usize = 100;

/// The value at the beginning of a text that is a name and its value; `before` is the byte before it.
pub(super) fn value(text: &[u8], before: Option<u8>) -> Option<Range<usize>> {
    if before.is_some_and(is_name) || !text.first().copied().is_some_and(is_name) {
        return None;
    }
    let name = text.get(..text.iter().take(NAME + 1).take_while(|byte| is_name(**byte)).count())?;
    let mut at = name.len();
    at += run(text, at, |byte| byte == b'\\');
    at += run(text, at, |byte| byte == b'"' || byte == b'\'').min(1);
    at += run(text, at, |byte| byte == b' ');
    let separator = *text.get(at)?;
    at += separator_length(text.get(at..)?)?;
    if name.len() > NAME || !tells(name, separator) {
        return None;
    }
    at += run(text, at, |byte| byte == b' ' || byte == b'\t');
    let is_header = separator == b':' && [b"auth".as_slice(), b"cookie"].iter().any(|part| contains(name, part));
    let (begin, end) = quoted(text, at).unwrap_or_else(|| (at, at + bare(text, at, is_header)));
    (end > begin).then_some(begin..end)
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-' || byte == b'.'
}

/// How many bytes from there are such.
fn run(text: &[u8], at: usize, is_such: impl Fn(u8) -> bool) -> usize {
    text.get(at..).unwrap_or_default().iter().take_while(|byte| is_such(**byte)).count()
}

/// `=`, `:`, `:=` and `=>`, but no comparison and no path.
fn separator_length(text: &[u8]) -> Option<usize> {
    match text {
        [b'=', b'=', ..] | [b':', b':', ..] | [b':', b'/', b'/', ..] => None,
        [b':', b'=', ..] | [b'=', b'>', ..] => Some(2),
        [b'=' | b':', ..] => Some(1),
        _ => None,
    }
}

/// Whether what has this name is a secret.
fn tells(name: &[u8], separator: u8) -> bool {
    let Ok(name) = std::str::from_utf8(name) else { return false };
    if !name.contains(|c: char| c.is_ascii_lowercase()) {
        return IN_CAPITALS.iter().any(|part| name.contains(part)) || name.ends_with("DATABASE_URL") || name.ends_with("_DSN");
    }
    let words = words(name);
    let alone = words.len() == 1 && separator == b':';
    words.iter().any(|word| WORDS.contains(&word.trim_end_matches('s')) && !(alone && ORDINARY.contains(&word.as_str())))
        || words.last().is_some_and(|word| word == "dsn")
        || words.ends_with(&["database".to_owned(), "url".to_owned()])
}

/// The words of a name, in small letters: `apiKey`, `api_key` and `X-Api-Key` have the same last two.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in name.chars() {
        if !c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_small) {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut()
            && c.is_ascii_alphanumeric()
        {
            word.push(c.to_ascii_lowercase());
        }
        was_small = c.is_ascii_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn contains(name: &[u8], part: &[u8]) -> bool {
    name.windows(part.len()).any(|window| window.eq_ignore_ascii_case(part))
}

/// The inside of a quoted value, to the line's end where the quotation does not end. Quotes may themselves be escaped, as in JSON in JSON.
fn quoted(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let escapes = run(text, at, |byte| byte == b'\\');
    let quote = *text.get(at + escapes)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    let begin = at + escapes + 1;
    let mut end = begin;
    while let Some(byte) = text.get(end).filter(|byte| **byte != b'\n') {
        let slashes = run(text, end, |byte| byte == b'\\');
        if slashes > 0 {
            // The quote that ends it has as many before it as the one that began it.
            if slashes == escapes && text.get(end + slashes) == Some(&quote) {
                break;
            }
            end += slashes + usize::from(text.get(end + slashes) == Some(&quote));
        } else if *byte == quote {
            break;
        } else {
            end += 1;
        }
    }
    Some((begin, end))
}

/// The length of a value without quotes: a word, or of a header all of its line.
fn bare(text: &[u8], at: usize, is_header: bool) -> usize {
    run(text, at, |byte| match byte {
        b'\r' | b'\n' | b'"' | b'\'' | b'`' => false,
        b' ' | b'\t' | b',' | b';' | b'&' | b')' | b']' | b'}' | b'<' | b'>' => is_header,
        _ => true,
    })
}

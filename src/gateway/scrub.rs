//! Secrets taken out of what is shown as details: an agent's last words, an error's text. What is known is found in every spelling, what
//! is not known by its shape. In doubt something is hidden too much: details explain a failure, and nobody acts on them.

mod names;
mod shapes;

use std::ops::Range;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// What stands in a secret's place. No shape of a secret has such a character, so what was scrubbed once stays as it is.
const MASK: &str = "•••";

/// Shortest known secret that is looked for, in bytes; a shorter one would be found in ordinary words.
const SECRET: usize = 6;

/// The text without `secrets` and without what looks like one. Scrubbing it again changes nothing.
pub(crate) fn scrub(text: &str, secrets: &[&str]) -> String {
    let known: Vec<Vec<u8>> = secrets.iter().filter(|secret| secret.len() >= SECRET).flat_map(|secret| spellings(secret)).collect();
    let mut text = text.to_owned();
    // What was hidden can lay something bare that stood right beside it. Each time something is hidden there is less left.
    loop {
        // What is known goes first: a shape could cover a part of it and leave the rest.
        let scrubbed = hide(&text, |rest, _| known.iter().filter_map(|secret| spelled(rest, secret)).max().map(|length| 0..length));
        let scrubbed = hide(&scrubbed, |rest, before| shapes::secret(rest, before).or_else(|| names::value(rest, before)));
        if scrubbed == text {
            return text;
        }
        text = scrubbed;
    }
}

/// The text with everything hidden that `find` finds at the beginning of what it is given, or after what leads to it; beside that it is
/// given the byte before.
fn hide(text: &str, find: impl Fn(&[u8], Option<u8>) -> Option<Range<usize>>) -> String {
    let bytes = text.as_bytes();
    let mut out = String::with_capacity(text.len());
    let (mut at, mut done) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before)).copied();
        let found = find(rest, before).map(|found| at + found.start..at + found.end).filter(|found| found.end > at);
        // What does not begin and end between characters is no text that could be a secret.
        match found.and_then(|found| Some((text.get(done..found.start)?, text.get(found.clone())?, found.end))) {
            Some((before, _, end)) => {
                out.push_str(before);
                out.push_str(MASK);
                (at, done) = (end, end);
            }
            None => at += 1,
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    out
}

/// The secret itself, and what is the same in its Base64 whatever stands before it.
fn spellings(secret: &str) -> Vec<Vec<u8>> {
    let mut spellings = vec![secret.as_bytes().to_vec()];
    for offset in 0..3 {
        let shifted = [&[0; 3][..offset], secret.as_bytes()].concat();
        // A character holds six bits: those that hold a neighbour's too are left out.
        let (from, to) = ((offset * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            spellings.extend(encoded.get(from..to).map(|own| own.as_bytes().to_vec()));
        }
    }
    spellings
}

/// The length of what spells the secret at the beginning of a text, each byte as it is or percent-encoded.
fn spelled(text: &[u8], secret: &[u8]) -> Option<usize> {
    let mut length = 0;
    for byte in secret {
        length += match text.get(length..)? {
            [first, ..] if first == byte => 1,
            [b'%', high, low, ..] if hex(*high)? * 16 + hex(*low)? == *byte => 3,
            _ => return None,
        };
    }
    Some(length)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests;

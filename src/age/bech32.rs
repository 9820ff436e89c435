//! Bech32 (BIP 173), without its bound of 90 characters: how age writes keys. Only what reading them takes.

/// The digits, in the order of their values.
const DIGITS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";

/// The bytes behind `prefix` (in lower case); `None` for anything else, and for text that was mistyped.
pub(super) fn decode(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let has = |test: fn(&u8) -> bool| text.as_bytes().iter().any(test);
    if has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let digits = text.strip_prefix(prefix)?.strip_prefix('1')?.bytes();
    let values: Vec<u8> =
        digits.map(|digit| DIGITS.iter().zip(0_u8..).find(|(known, _)| **known == digit).map(|(_, value)| value)).collect::<Option<_>>()?;
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    if checksum(high.chain([0]).chain(low).chain(values.iter().copied())) != 1 {
        return None;
    }
    bytes(values.get(..values.len().checked_sub(6)?)?)
}

/// The checksum's polynomial (BIP 173, "Checksum").
fn checksum(values: impl Iterator<Item = u8>) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    values.fold(1_u32, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        GENERATOR.iter().enumerate().fold(shifted, |sum, (bit, term)| if top >> bit & 1 == 1 { sum ^ term } else { sum })
    })
}

/// Groups of five bits as bytes; what is left over must be less than a group, and zero.
fn bytes(values: &[u8]) -> Option<Vec<u8>> {
    let (mut held, mut bits, mut bytes) = (0_u32, 0_u32, Vec::new());
    for value in values {
        held = (held << 5 | u32::from(*value)) & 0xfff;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits & 0xff).ok()?);
        }
    }
    (bits < 5 && held & ((1 << bits) - 1) == 0).then_some(bytes)
}

//! What a file is, by its content: a name says what somebody wants it to be.

/// How much of a file's beginning is looked at, in bytes: a photo's size stands behind its EXIF data, which is at most this long.
pub(crate) const HEAD: usize = 64 * 1024;

/// Largest photo, in bytes; what is larger goes as a document (Bot API, sendPhoto).
const PHOTO: u64 = 10 * 1024 * 1024;

/// Largest sum of a photo's width and height, in pixels (Bot API, sendPhoto).
const PHOTO_SIDES: u64 = 10_000;

/// Largest ratio of a photo's sides (Bot API, sendPhoto).
const PHOTO_RATIO: u64 = 20;

/// How a file is sent: each is a method of the Bot API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OutKind {
    /// PNG, JPEG or still WebP within the bounds of a photo.
    Photo,
    /// MP4.
    Video,
    /// Ogg with Opus.
    Voice,
    /// MP3 or M4A.
    Audio,
    /// GIF.
    Animation,
    /// Anything else.
    Document,
}

/// What a file of that length is whose first [`HEAD`] bytes these are.
pub(crate) fn kind(head: &[u8], size: u64) -> OutKind {
    if let Some(mime) = image_mime(head) {
        return match mime {
            "image/gif" => OutKind::Animation,
            _ if size <= PHOTO && dimensions(head).is_some_and(is_photo) => OutKind::Photo,
            _ => OutKind::Document,
        };
    }
    match head {
        [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..] => of_brand(brand),
        [b'O', b'g', b'g', b'S', ..] if ogg_payload(head).is_some_and(|payload| payload.starts_with(b"OpusHead")) => OutKind::Voice,
        [b'I', b'D', b'3', ..] => OutKind::Audio,
        [0xff, second, third, ..] if is_mp3_frame(*second, *third) => OutKind::Audio,
        _ => OutKind::Document,
    }
}

/// The MIME type of an image that agents take, by its content; `None` for everything else.
pub(crate) fn image_mime(head: &[u8]) -> Option<&'static str> {
    match head {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

/// The major brand of a file of the MP4 family (ISO/IEC 14496-12); those that phones play. Pictures (HEIC, AVIF) are of this family too.
fn of_brand(brand: &[u8]) -> OutKind {
    match brand {
        [b'M', b'4', b'A' | b'B', ..] => OutKind::Audio,
        [b'i', b's', b'o', ..] | [b'm', b'p', b'4', ..] | [b'M', b'4', b'V', ..] => OutKind::Video,
        [b'a', b'v', b'c', b'1', ..] | [b'd', b'a', b's', b'h', ..] | [b'M', b'S', b'N', b'V', ..] => OutKind::Video,
        _ => OutKind::Document,
    }
}

/// The first page's content (RFC 3533, section 6).
fn ogg_payload(head: &[u8]) -> Option<&[u8]> {
    head.get(27 + usize::from(*head.get(26)?)..)
}

/// The header of an MPEG frame of layer III, without its reserved values (ISO/IEC 11172-3).
fn is_mp3_frame(second: u8, third: u8) -> bool {
    let (sync, version, layer) = (second & 0xe0 == 0xe0, second >> 3 & 3, second >> 1 & 3);
    let (bit_rate, frequency) = (third >> 4, third >> 2 & 3);
    sync && version != 1 && layer == 1 && (1..=14).contains(&bit_rate) && frequency != 3
}

fn is_photo((width, height): (u64, u64)) -> bool {
    let (short, long) = (width.min(height), width.max(height));
    short > 0 && short + long <= PHOTO_SIDES && long <= short * PHOTO_RATIO
}

/// Width and height of a still PNG, JPEG or WebP, in pixels.
fn dimensions(head: &[u8]) -> Option<(u64, u64)> {
    match head {
        [0x89, ..] if head.get(12..16)? == b"IHDR" => Some((big(head.get(16..20)?), big(head.get(20..24)?))),
        [0xff, ..] => jpeg(head),
        [b'R', ..] => webp(head),
        _ => None,
    }
}

/// The first frame header (ITU-T T.81, annex B): segments are passed over by their lengths.
fn jpeg(head: &[u8]) -> Option<(u64, u64)> {
    let mut rest = head.get(2..)?;
    loop {
        match rest {
            [0xff, 0xff, ..] => rest = rest.get(1..)?,
            [0xff, 0x01 | 0xd0..=0xd8, after @ ..] => rest = after,
            // C4, C8 and CC among the frame headers are tables and an extension.
            [0xff, 0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf, _, _, _, h1, h2, w1, w2, ..] => {
                return Some((big(&[*w1, *w2]), big(&[*h1, *h2])));
            }
            [0xff, 0xc0..=0xcf | 0xda..=0xfe, l1, l2, ..] => rest = rest.get(2 + usize::from(u16::from_be_bytes([*l1, *l2]).max(2))..)?,
            _ => return None,
        }
    }
}

/// RFC 9649. Animated ones are no photos.
fn webp(head: &[u8]) -> Option<(u64, u64)> {
    let data = head.get(20..)?;
    match (head.get(12..16)?, data) {
        (b"VP8 ", [_, _, _, 0x9d, 0x01, 0x2a, w1, w2, h1, h2, ..]) => Some((little(&[*w1, *w2]) & 0x3fff, little(&[*h1, *h2]) & 0x3fff)),
        (b"VP8L", [0x2f, bits @ ..]) => {
            let bits = little(bits.get(..4)?);
            Some(((bits & 0x3fff) + 1, (bits >> 14 & 0x3fff) + 1))
        }
        (b"VP8X", [flags, _, _, _, sides @ ..]) if flags & 2 == 0 => Some((little(sides.get(..3)?) + 1, little(sides.get(3..6)?) + 1)),
        _ => None,
    }
}

fn big(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

fn little(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        [b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), b"\x08\x02\0\0\0"].concat()
    }

    fn jpeg(width: u16, height: u16, before: usize) -> Vec<u8> {
        let length = u16::try_from(before + 2).unwrap().to_be_bytes();
        let frame = [b"\xff\xff\xc2\0\x11\x08".as_slice(), &height.to_be_bytes(), &width.to_be_bytes(), b"\x03"].concat();
        [b"\xff\xd8\xff\xe1".as_slice(), &length, &vec![0xff; before], b"\xff\xc4\0\x04ab", &frame].concat()
    }

    fn webp(chunk: &[u8], data: &[u8]) -> Vec<u8> {
        [b"RIFF\x40\0\0\0WEBP", chunk, b"\x30\0\0\0", data].concat()
    }

    #[test]
    fn every_kind_is_told_by_its_content() {
        for (head, expected) in [
            (png(640, 480), OutKind::Photo),
            (jpeg(640, 480, 5000), OutKind::Photo),
            (webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x80\x42\xe0\x41"), OutKind::Photo),
            (webp(b"VP8L", b"\x2f\x7f\xc2\x77\x00"), OutKind::Photo),
            (webp(b"VP8X", b"\x10\0\0\0\x7f\x02\0\xdf\x01\0"), OutKind::Photo),
            (webp(b"VP8X", b"\x02\0\0\0\x7f\x02\0\xdf\x01\0"), OutKind::Document),
            (b"GIF89a\x01\0\x01\0".to_vec(), OutKind::Animation),
            (b"\0\0\0\x20ftypisom\0\0\x02\0".to_vec(), OutKind::Video),
            (b"\0\0\0\x20ftypmp42".to_vec(), OutKind::Video),
            (b"\0\0\0\x20ftypM4A ".to_vec(), OutKind::Audio),
            (b"\0\0\0\x20ftypheic".to_vec(), OutKind::Document),
            ([b"OggS\0\x02".as_slice(), &[0; 20], b"\x01\x13OpusHead\x01"].concat(), OutKind::Voice),
            ([b"OggS\0\x02".as_slice(), &[0; 20], b"\x01\x1e\x01vorbis"].concat(), OutKind::Document),
            (b"ID3\x04\0".to_vec(), OutKind::Audio),
            (b"\xff\xfb\x90\x64".to_vec(), OutKind::Audio),
            (b"\xff\xfeh\0i\0".to_vec(), OutKind::Document),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), OutKind::Document),
            (b"%PDF-1.7".to_vec(), OutKind::Document),
            (Vec::new(), OutKind::Document),
        ] {
            assert_eq!(kind(&head, 1000), expected, "{:?}", head.escape_ascii().to_string());
        }
    }

    #[test]
    fn sizes_are_read_from_the_headers() {
        for head in [
            png(640, 480),
            jpeg(640, 480, 9),
            webp(b"VP8 ", b"\0\0\0\x9d\x01\x2a\x80\x42\xe0\x41"),
            webp(b"VP8L", b"\x2f\x7f\xc2\x77\x00"),
            webp(b"VP8X", b"\x10\0\0\0\x7f\x02\0\xdf\x01\0"),
        ] {
            assert_eq!(dimensions(&head), Some((640, 480)), "{:?}", head.escape_ascii().to_string());
        }
    }

    #[test]
    fn what_telegram_takes_as_no_photo_goes_as_a_document() {
        assert_eq!(kind(&png(5000, 5000), PHOTO), OutKind::Photo);
        assert_eq!(kind(&png(5000, 5000), PHOTO + 1), OutKind::Document);
        assert_eq!(kind(&png(5001, 5000), 1), OutKind::Document);
        assert_eq!(kind(&png(2000, 100), 1), OutKind::Photo);
        assert_eq!(kind(&png(2001, 100), 1), OutKind::Document);
        assert_eq!(kind(&png(0, 100), 1), OutKind::Document);
        assert_eq!(kind(&png(u32::MAX, u32::MAX), 1), OutKind::Document);
        assert_eq!(kind(b"\x89PNG\r\n\x1a\n", 1), OutKind::Document);
        assert_eq!(kind(b"\xff\xd8\xff\xd9", 1), OutKind::Document);
    }

    #[test]
    fn images_for_an_agent_are_told_by_their_content() {
        assert_eq!(image_mime(&png(1, 1)), Some("image/png"));
        assert_eq!(image_mime(&jpeg(1, 1, 0)), Some("image/jpeg"));
        assert_eq!(image_mime(b"GIF87a"), Some("image/gif"));
        assert_eq!(image_mime(&webp(b"VP8 ", b"")), Some("image/webp"));
        assert_eq!(image_mime(b"<svg/>"), None);
    }

    proptest! {
        #[test]
        fn no_content_is_too_strange(
            begin in prop::sample::select(vec![
                b"".to_vec(), png(9, 9), jpeg(9, 9, 3), b"\xff\xd8\xff".to_vec(), b"OggS".to_vec(), b"....ftyp".to_vec(),
                webp(b"VP8 ", b""), webp(b"VP8L", b""), webp(b"VP8X", b""),
            ]),
            cut in 0_usize..50,
            rest in prop::collection::vec(prop_oneof![Just(0xff_u8), any::<u8>()], 0..200),
            size in any::<u64>(),
        ) {
            let mut head = begin;
            head.truncate(cut);
            head.extend(rest);
            let told = kind(&head, size);
            prop_assert!(told != OutKind::Photo || (size <= PHOTO && dimensions(&head).is_some_and(is_photo)));
        }
    }
}

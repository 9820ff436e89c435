//! Files made to order, and what a prompt's own blocks hold.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What a file is to be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Make {
    /// That many bytes that are no text.
    Bytes(u64),
    /// A picture of that width and height.
    Png(u32, u32),
    /// These bytes, in hexadecimal.
    Hex(String),
    /// A symbolic link to that path.
    Link(String),
}

pub(crate) fn make(path: &Path, what: &Make) -> String {
    let dir = path.parent().map_or(Ok(()), std::fs::create_dir_all);
    let made = dir.and_then(|()| match what {
        Make::Bytes(count) => bytes(path, *count),
        Make::Png(width, height) => std::fs::write(path, png(*width, *height)),
        Make::Hex(digits) => std::fs::write(path, unhex(digits)),
        Make::Link(target) => std::os::unix::fs::symlink(target, path),
    });
    made.map_or_else(|error| format!("error: {error}"), |()| "made".into())
}

/// Sparse, so that a file over every limit costs nothing. Its first bytes are of no known type.
fn bytes(path: &Path, count: u64) -> std::io::Result<()> {
    let head = b"\x7f\x00\xffBIN\x00\x01";
    let mut file = File::create(path)?;
    file.write_all(head.get(..usize::try_from(count).unwrap_or(usize::MAX)).unwrap_or(head))?;
    file.set_len(count)
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).unwrap_or_default());
    pairs.map(|pair| u8::from_str_radix(pair, 16).unwrap_or_default()).collect()
}

/// A black picture, one bit a pixel, not compressed (PNG, RFC 2083; zlib, RFC 1950; stored blocks, RFC 1951).
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let chunk = |name: &[u8; 4], data: &[u8]| {
        let body = [name.as_slice(), data].concat();
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        [length.to_be_bytes().as_slice(), &body, &crc32fast::hash(&body).to_be_bytes()].concat()
    };
    let row = 1 + width.div_ceil(8);
    let pixels = vec![0; usize::try_from(u64::from(row) * u64::from(height)).unwrap_or_default()];
    let mut packed = vec![0x78, 0x01];
    let blocks = pixels.chunks(0xffff).count();
    for (number, block) in pixels.chunks(0xffff).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        packed.push(u8::from(number + 1 == blocks));
        packed.extend(length.to_le_bytes());
        packed.extend((!length).to_le_bytes());
        packed.extend(block);
    }
    // Adler-32 of zeros: the first sum stays 1, the second counts them.
    let adler = u32::try_from(pixels.len() % 65_521).unwrap_or_default() << 16 | 1;
    packed.extend(adler.to_be_bytes());
    let head = [width.to_be_bytes().as_slice(), &height.to_be_bytes(), &[1, 0, 0, 0, 0]].concat();
    [b"\x89PNG\r\n\x1a\n".as_slice(), &chunk(b"IHDR", &head), &chunk(b"IDAT", &packed), &chunk(b"IEND", &[])].concat()
}

/// How many bytes an image's data has; `None` where it is not base64.
pub(crate) fn decoded(data: &str) -> Option<usize> {
    STANDARD.decode(data).ok().map(|bytes| bytes.len())
}

/// A prompt's blocks, one a line: texts as they are, of an image its type and size, of a link all that is told.
pub(crate) fn described(blocks: &Value, with_texts: bool) -> String {
    let text = |block: &Value, key: &str| block[key].as_str().unwrap_or("-").to_owned();
    let describe = |block: &Value| match block["type"].as_str() {
        Some("text") if with_texts => Some(text(block, "text")),
        Some("image") => {
            let bytes = decoded(block["data"].as_str().unwrap_or_default()).unwrap_or_default();
            Some(format!("image {} {bytes} bytes", text(block, "mimeType")))
        }
        Some("resource_link") => {
            let size = block["size"].as_u64().map_or_else(|| "-".to_owned(), |size| size.to_string());
            let (name, uri, mime) = (text(block, "name"), text(block, "uri"), text(block, "mimeType"));
            Some(format!("link {name} {uri} {size} bytes {mime}"))
        }
        _ => None,
    };
    let lines: Vec<String> = blocks.as_array().into_iter().flatten().filter_map(describe).collect();
    if lines.is_empty() { "nothing attached".into() } else { lines.join("\n") }
}

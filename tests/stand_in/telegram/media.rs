//! Files that the bot sends, alone and as albums.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::answer::{Answer, Refusal, ours, refused};
use super::chat::Media;
use super::messages::{self, Content};
use super::params::Params;
use super::state::State;
use super::text::CAPTION;
use super::{files, image, topics};

/// Largest file that a bot may upload, in bytes.
const UPLOAD: usize = 50 * 1024 * 1024;

/// Largest photo, in bytes.
const PHOTO: usize = 10 * 1024 * 1024;

/// Largest sum of a photo's width and height, in pixels.
const SIDES: u32 = 10_000;

/// How many times as long as wide a photo may be, or as wide as long.
const RATIO: u32 = 20;

/// `sendDocument`, `sendPhoto`, `sendVideo`, `sendVoice`, `sendAudio`, `sendAnimation`; `kind` is also the parameter's name.
pub fn send(state: &mut State, params: &Params, kind: &str) -> Answer {
    let topic = topics::named(state, &params.values)?;
    let mut content = Content::read(state, &params.values, "caption", "caption_entities", CAPTION)?;
    let named = params.values[kind].as_str().unwrap_or_default();
    let file = find(state, params, named).ok_or_else(|| ours(format!("Bad Request: there is no {kind} in the request")))?;
    attach(state, &mut content, kind, file)?;
    messages::add(state, &params.values, topic, content)
}

/// `sendMediaGroup`. Nothing is sent where one of the files is refused.
pub fn send_group(state: &mut State, params: &Params) -> Answer {
    let topic = topics::named(state, &params.values)?;
    let items = params.values["media"].as_array().cloned().unwrap_or_default();
    if items.len() > 10 {
        return Err(ours("Bad Request: too many messages to send as an album"));
    }
    if items.len() < 2 {
        // The real server sends a single one as a plain message, against its description.
        return Err(ours("Bad Request: there are no messages to send: an album must include 2-10 items"));
    }
    let kinds: BTreeSet<&str> = items.iter().filter_map(|item| item["type"].as_str()).collect();
    if let Some(kind) = kinds.iter().find(|kind| kinds.len() > 1 && ["audio", "document"].contains(*kind)) {
        return Err(ours(format!("Bad Request: {kind} can't be mixed with other media types")));
    }
    let album = state.number().to_string();
    let mut contents = Vec::new();
    for item in &items {
        let Value::Object(fields) = item else { continue };
        let mut content = Content::read(state, fields, "caption", "caption_entities", CAPTION)?;
        let named = item["media"].as_str().unwrap_or_default();
        let file = find(state, params, named).ok_or_else(|| ours("Bad Request: can't parse InputMedia: media not found"))?;
        attach(state, &mut content, item["type"].as_str().unwrap_or_default(), file)?;
        content.album = Some(album.clone());
        contents.push(content);
    }
    contents.into_iter().map(|content| messages::add(state, &params.values, topic, content)).collect()
}

/// Name and content of the file that a parameter names: an uploaded part, or a file that the server has.
fn find(state: &State, params: &Params, named: &str) -> Option<(String, Arc<Vec<u8>>)> {
    match named.strip_prefix("attach://") {
        Some(part) => {
            let upload = params.uploads.iter().find(|upload| upload.field == part)?;
            Some((upload.name.clone(), Arc::clone(&upload.bytes)))
        }
        None => state.files.get(named).map(|file| (file.name.clone(), Arc::clone(&file.bytes))),
    }
}

/// Checks a file and gives it to a message, as what the real server makes of its content.
fn attach(state: &mut State, content: &mut Content, kind: &str, (name, bytes): (String, Arc<Vec<u8>>)) -> Result<(), Refusal> {
    if bytes.is_empty() {
        return Err(ours("Bad Request: file must be non-empty"));
    }
    if bytes.len() > UPLOAD {
        return Err(refused(413, "Request Entity Too Large"));
    }
    if kind == "photo" {
        check_photo(&bytes)?;
    }
    let kind = shown(kind, &bytes);
    let id = files::store(state, kind, &name, Arc::clone(&bytes), (bytes.len() as u64, Some(bytes.len() as u64)));
    content.fields = files::fields(state, kind, &id, Some("application/octet-stream"));
    content.media = Some(Media { kind: kind.to_owned(), name, bytes, id });
    Ok(())
}

fn check_photo(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes.len() > PHOTO {
        let size = bytes.len();
        return Err(refused(
            400,
            format!("Bad Request: file of size {size} bytes is too big for a photo; the maximum size is {PHOTO} bytes"),
        ));
    }
    let (width, height) = image::size(bytes).ok_or_else(|| refused(400, "Bad Request: IMAGE_PROCESS_FAILED"))?;
    let (short, long) = (width.min(height), width.max(height));
    if short == 0 || width.saturating_add(height) > SIDES || long / short > RATIO || (long / short == RATIO && long % short > 0) {
        return Err(refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"));
    }
    Ok(())
}

/// What a file is shown as: what is no Ogg, MP3 or MPEG-4 of the kind asked for is shown as a plain document.
fn shown<'a>(kind: &'a str, bytes: &[u8]) -> &'a str {
    let mpeg4 = bytes.get(4..8) == Some(b"ftyp");
    let sound = mpeg4 || bytes.starts_with(b"ID3") || bytes.starts_with(b"\xff\xfb") || bytes.starts_with(b"OggS");
    let right = match kind {
        "voice" | "audio" => sound,
        "video" => mpeg4,
        "animation" => mpeg4 || bytes.starts_with(b"GIF8"),
        _ => true,
    };
    if right { kind } else { "document" }
}

/// How many messages a call makes.
pub fn count(params: &Map<String, Value>) -> usize {
    params.get("media").and_then(Value::as_array).map_or(1, Vec::len)
}

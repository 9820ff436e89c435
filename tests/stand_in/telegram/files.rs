//! Files: what the server keeps, how messages tell of them, and how they are fetched.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, refused};
use super::http::{Request, Response};
use super::image;
use super::state::State;

/// Largest file that a bot may fetch, in bytes.
const DOWNLOAD: u64 = 20 * 1024 * 1024;

/// A file that the server keeps.
#[derive(Debug, Clone)]
pub struct Stored {
    /// What is in it.
    pub bytes: Arc<Vec<u8>>,
    /// Its size in bytes, which is that of `bytes` unless the test says otherwise.
    pub size: u64,
    /// The size that messages and `getFile` tell.
    pub told: Option<u64>,
    /// Its name, empty for none.
    pub name: String,
    /// Where it can be fetched.
    pub path: String,
    /// Whether `getFile` has made it ready.
    pub ready: bool,
}

/// One try to fetch a file.
#[derive(Debug, Clone)]
pub struct Download {
    /// When it was asked for.
    pub at: SystemTime,
    /// The path asked for, without the token.
    pub path: String,
    /// The `Range` asked for, empty for none.
    pub range: String,
    /// The status of the answer; 0 when a fault took its place.
    pub status: u16,
}

/// Keeps a file and gives its id.
pub fn store(state: &mut State, kind: &str, name: &str, bytes: Arc<Vec<u8>>, sizes: (u64, Option<u64>)) -> String {
    let number = state.number();
    let (prefix, folder) = match kind {
        "photo" => ("AgACAgI", "photos"),
        "video" => ("BAACAgI", "videos"),
        "audio" => ("CQACAgI", "music"),
        "voice" => ("AwACAgI", "voice"),
        "video_note" => ("DQACAgI", "video_notes"),
        "animation" => ("CgACAgI", "animations"),
        "sticker" => ("CAACAgI", "stickers"),
        _ => ("BQACAgI", "documents"),
    };
    let ending = name.rsplit_once('.').map(|(_, ending)| ending).filter(|ending| ending.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let ending = ending.map(|ending| format!(".{ending}")).unwrap_or_default();
    let id = format!("{prefix}AAxkBAAI{number:056}");
    let (path, (size, told)) = (format!("{folder}/file_{number}{ending}"), sizes);
    state.files.insert(id.clone(), Stored { bytes, size, told, name: name.to_owned(), path, ready: false });
    id
}

/// The fields of a message that tell of a file, by the kind that it is shown as.
pub fn fields(state: &State, kind: &str, id: &str, mime: Option<&str>) -> Map<String, Value> {
    let file = &state.files[id];
    let mut object = json!({"file_id": id, "file_unique_id": unique(id)});
    let mut put = |name: &str, value: Option<Value>| value.into_iter().for_each(|value| object[name] = value);
    put("file_size", file.told.map(Value::from));
    let (width, height) = image::size(&file.bytes).unwrap_or((1280, 960));
    if ["photo", "video", "animation", "sticker"].contains(&kind) {
        put("width", Some(json!(width)));
        put("height", Some(json!(height)));
    }
    if ["video", "animation", "audio", "voice", "video_note"].contains(&kind) {
        put("duration", Some(json!(3)));
    }
    if !["photo", "sticker", "voice", "video_note"].contains(&kind) {
        put("file_name", (!file.name.is_empty()).then(|| json!(file.name)));
    }
    if !["photo", "sticker", "video_note"].contains(&kind) {
        put("mime_type", mime.map(Value::from));
    }
    match kind {
        "video_note" => put("length", Some(json!(240))),
        "sticker" => {
            object["type"] = json!("regular");
            object["is_animated"] = json!(false);
            object["is_video"] = json!(false);
            object["emoji"] = json!("👍");
        }
        _ => {}
    }
    let fields = match kind {
        "photo" => json!({"photo": [object]}),
        "animation" => {
            let plain = ["file_id", "file_unique_id", "file_name", "mime_type", "file_size"];
            let document = plain.iter().filter_map(|name| Some(((*name).to_owned(), object.get(*name)?.clone())));
            json!({"document": Value::Object(document.collect()), "animation": object})
        }
        _ => json!({kind: object}),
    };
    fields.as_object().cloned().unwrap_or_default()
}

/// `file_unique_id`.
fn unique(id: &str) -> String {
    format!("AQAD{}", &id[id.len().saturating_sub(10)..])
}

/// `getFile`. A file whose told size is too large needs no asking; one that hides it does.
pub fn get(state: &mut State, params: &Map<String, Value>) -> Answer {
    let id = params["file_id"].as_str().unwrap_or_default();
    let Some(file) = state.files.get_mut(id) else {
        let invented = !state.foreign_files.contains(id);
        return Err(Refusal { violation: invented, ..refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable") });
    };
    if file.size > DOWNLOAD {
        let foreseen = file.told.is_some_and(|told| told > DOWNLOAD);
        return Err(Refusal { violation: foreseen, ..refused(400, "Bad Request: file is too big") });
    }
    file.ready = true;
    let mut answer = json!({"file_id": id, "file_unique_id": unique(id), "file_path": file.path});
    file.told.into_iter().for_each(|told| answer["file_size"] = json!(told));
    Ok(answer)
}

/// Collects the file ids in a value.
pub fn note_ids(value: &Value, ids: &mut BTreeSet<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| note_ids(value, ids)),
        Value::Object(fields) => {
            ids.extend(fields.get("file_id").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| note_ids(value, ids));
        }
        _ => {}
    }
}

/// The content of a file, or the part of it that the request names; 404 without `getFile` before.
pub fn content(state: &State, request: &Request, path: &str) -> Response {
    let Some(file) = state.files.values().find(|file| file.path == path && file.ready) else { return not_found() };
    let kind = "application/octet-stream";
    if request.range.is_empty() {
        return Response::new(200, kind, file.bytes.to_vec());
    }
    let length = file.bytes.len();
    let Some((from, to)) = part(&request.range, length) else {
        let refused = Response::new(416, kind, Vec::new());
        return Response { headers: vec![format!("Content-Range: bytes */{length}")], ..refused };
    };
    let headers = vec![format!("Content-Range: bytes {from}-{}/{length}", to - 1)];
    Response { headers, ..Response::new(206, kind, file.bytes[from..to].to_vec()) }
}

/// What is answered for a path under which there is nothing.
pub fn not_found() -> Response {
    Response::new(404, "application/json", br#"{"ok":false,"error_code":404,"description":"Not Found"}"#.to_vec())
}

/// Reads `bytes=a-b`, `bytes=a-` and `bytes=-n` (RFC 9110, 14.1.2) as the part from the first byte to before the second.
fn part(range: &str, length: usize) -> Option<(usize, usize)> {
    let (from, to) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (from, to) = match (from, to) {
        ("", last) => (length.saturating_sub(last.parse().ok()?), length),
        (from, "") => (from.parse().ok()?, length),
        (from, to) => (from.parse().ok()?, to.parse::<usize>().ok()?.saturating_add(1).min(length)),
    };
    (from < to).then_some((from, to))
}

/// How the content goes over the wire.
#[derive(Debug, Clone, Copy)]
pub enum Pace {
    /// No more than so many bytes; then the connection is closed.
    Cut(usize),
    /// So many bytes at a time, with a pause before each.
    Drip(usize, Duration),
}

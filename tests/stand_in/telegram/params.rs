//! The parameters of a request in the forms that the Bot API takes: query, form, multipart and JSON.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::http::Request;

/// A file that came with a multipart body.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The name of its part.
    pub field: String,
    /// The file's name.
    pub name: String,
    /// What is in it.
    pub bytes: Vec<u8>,
}

/// The parameters of one request.
#[derive(Debug, Default)]
pub struct Params {
    /// By name.
    pub values: Map<String, Value>,
    /// Names whose value came as text, so that numbers, booleans and objects are still to be read from it.
    pub textual: bool,
    /// Files.
    pub uploads: Vec<Upload>,
}

/// Reads them.
///
/// # Errors
/// What is wrong with the body, in words for a violation.
pub fn read(request: &Request) -> Result<Params, String> {
    let mut params = Params::default();
    if let Some((_, query)) = request.target.split_once('?') {
        params.textual = true;
        params.values.extend(pairs(query));
    }
    let (kind, options) = request.content_type.split_once(';').unwrap_or((&request.content_type, ""));
    match kind.trim() {
        _ if request.body.is_empty() => {}
        "application/json" => match serde_json::from_slice(&request.body) {
            Ok(Value::Object(values)) => params.values.extend(values),
            Ok(other) => return Err(format!("the body is not an object: {other}")),
            Err(error) => return Err(format!("the body is not JSON: {error}")),
        },
        "application/x-www-form-urlencoded" => {
            params.textual = true;
            params.values.extend(pairs(&String::from_utf8_lossy(&request.body)));
        }
        "multipart/form-data" => {
            params.textual = true;
            let boundary = options.split_once("boundary=").ok_or("multipart without a boundary")?.1;
            multipart(&request.body, boundary.trim_matches('"'), &mut params)?;
        }
        other => return Err(format!("the Bot API takes no bodies of type `{other}`")),
    }
    Ok(params)
}

fn pairs(text: &str) -> impl Iterator<Item = (String, Value)> {
    text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decoded(name), Value::String(percent_decoded(value)))
    })
}

/// Undoes percent encoding and `+`.
pub fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = tail.get(..2).and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (first, hex) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            (b'+', _) => {
                bytes.push(b' ');
                rest = tail;
            }
            (other, _) => {
                bytes.push(*other);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn multipart(body: &[u8], boundary: &str, params: &mut Params) -> Result<(), String> {
    let delimiter = format!("--{boundary}");
    for part in split(body, delimiter.as_bytes()).into_iter().skip(1) {
        if part.starts_with(b"--") {
            return Ok(());
        }
        let part = part.strip_prefix(b"\r\n").and_then(|part| part.strip_suffix(b"\r\n")).ok_or("a part without line ends")?;
        let end = find(part, b"\r\n\r\n").ok_or("a part without a head")?;
        let (head, content) = (String::from_utf8_lossy(&part[..end]).into_owned(), &part[end + 4..]);
        let attributes = disposition(&head);
        let field = attributes.get("name").ok_or("a part without a name")?.clone();
        match attributes.get("filename") {
            Some(name) => params.uploads.push(Upload { field, name: name.clone(), bytes: content.to_vec() }),
            None => {
                params.values.insert(field, Value::String(String::from_utf8_lossy(content).into_owned()));
            }
        }
    }
    Err("a multipart body without an end".to_owned())
}

fn disposition(head: &str) -> BTreeMap<String, String> {
    let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with("content-disposition:")).unwrap_or_default();
    let attributes = line.split(';').skip(1).filter_map(|attribute| attribute.trim().split_once('='));
    attributes.map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned())).collect()
}

fn split<'a>(bytes: &'a [u8], delimiter: &[u8]) -> Vec<&'a [u8]> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while let Some(at) = find(rest, delimiter) {
        parts.push(&rest[..at]);
        rest = &rest[at + delimiter.len()..];
    }
    parts.push(rest);
    parts
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

//! The parameters of a request in the forms that the Bot API takes: query, form, multipart and JSON.

use std::collections::BTreeMap;
use std::io::BufRead;
use std::sync::Arc;

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
    pub bytes: Arc<Vec<u8>>,
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
            let boundary = boundary.split(';').next().unwrap_or_default().trim().trim_matches('"');
            if !(1..=70).contains(&boundary.len()) {
                return Err(format!("`{boundary}` is no boundary: RFC 2046 wants 1 to 70 characters"));
            }
            multipart(&request.body, boundary, &mut params)?;
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

/// Reads the parts of a body (RFC 7578): between lines that begin with two hyphens and the boundary.
fn multipart(body: &[u8], boundary: &str, params: &mut Params) -> Result<(), String> {
    let delimiter = format!("\r\n--{boundary}");
    let first = &delimiter.as_bytes()[2..];
    let mut rest = body.strip_prefix(first).ok_or("a multipart body that does not begin with its boundary")?;
    while !rest.starts_with(b"--") {
        let part = rest.strip_prefix(b"\r\n").ok_or("a boundary without a line end")?;
        let end = find(part, delimiter.as_bytes()).ok_or("a multipart body without an end")?;
        read_part(&part[..end], params)?;
        rest = &part[end + delimiter.len()..];
    }
    Ok(())
}

fn read_part(part: &[u8], params: &mut Params) -> Result<(), String> {
    let end = find(part, b"\r\n\r\n").ok_or("a part without a head")?;
    let (head, content) = (String::from_utf8_lossy(&part[..end]).into_owned(), &part[end + 4..]);
    let attributes = disposition(&head).ok_or_else(|| format!("a part whose Content-Disposition cannot be read: {head}"))?;
    let field = attributes.get("name").ok_or("a part without a name")?.clone();
    if params.values.contains_key(&field) || params.uploads.iter().any(|upload| upload.field == field) {
        return Err(format!("two parts are named `{field}`"));
    }
    match attributes.get("filename") {
        Some(name) => params.uploads.push(Upload { field, name: name.clone(), bytes: Arc::new(content.to_vec()) }),
        None => {
            params.values.insert(field, Value::String(String::from_utf8_lossy(content).into_owned()));
        }
    }
    Ok(())
}

/// The attributes of `Content-Disposition: form-data; name="…"; filename="…"`; in quotes a backslash takes the next character as it is.
fn disposition(head: &str) -> Option<BTreeMap<String, String>> {
    let line = head.split("\r\n").find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
    let mut rest = line.split_once(':')?.1.trim().strip_prefix("form-data")?.trim_start();
    let mut attributes = BTreeMap::new();
    while let Some(attribute) = rest.strip_prefix(';') {
        let (name, value) = attribute.split_once('=')?;
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            None => {
                let end = value.find(';').unwrap_or(value.len());
                (value[..end].trim().to_owned(), &value[end..])
            }
        };
        attributes.insert(name.trim().to_owned(), value);
        rest = after.trim_start();
    }
    rest.is_empty().then_some(attributes)
}

/// Reads up to the closing quotation mark; gives what follows it as well.
fn unquoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut characters = text.char_indices();
    loop {
        match characters.next()? {
            (at, '"') => return Some((value, &text[at + 1..])),
            (_, '\\') => value.push(characters.next()?.1),
            (_, other) => value.push(other),
        }
    }
}

/// Where `what` begins. `skip_until` is quick also where this crate is not optimised, which counts for uploads of 50 MB.
fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let (first, mut at) = (*what.first()?, 0);
    loop {
        let mut rest = &bytes[at..];
        at += rest.skip_until(first).ok()?;
        let begin = at.checked_sub(1).filter(|begin| bytes.get(*begin) == Some(&first))?;
        if bytes[begin..].starts_with(what) {
            return Some(begin);
        }
        if at == bytes.len() {
            return None;
        }
    }
}

//! A form with files (multipart/form-data, RFC 7578) as the body of a request: as long as announced, read from the disk as it is sent.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use serde_json::Value;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::channel::telegram::render::clean;

/// How much of a file is in memory at a time, in bytes.
const CHUNK: u64 = 64 * 1024;

/// A file on its way to Telegram. Cheap to clone, so that it can be sent again.
#[derive(Debug, Clone)]
pub struct Upload {
    content: Content,
    size: u64,
    name: String,
}

#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Text(Arc<str>),
}

impl Upload {
    /// A regular file as long as it is at this moment, under a name that its receiver sees. It is read by position: whoever else uses the
    /// file does not disturb.
    ///
    /// # Errors
    /// When its size cannot be found out.
    pub fn new(file: File, name: &str) -> io::Result<Self> {
        let size = file.metadata()?.len();
        Ok(Self { content: Content::File(Arc::new(file)), size, name: safe(name) })
    }

    /// A text, under a name that its receiver sees.
    pub fn text(text: Arc<str>, name: &str) -> Self {
        Self { size: text.len() as u64, content: Content::Text(text), name: safe(name) }
    }

    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }
}

/// Some servers undo escapes in a name and some do not, so it has nothing that wants one.
fn safe(name: &str) -> String {
    clean(name).replace(|c: char| c.is_control() || c == '"' || c == '\\', "_")
}

/// Why a file could not be sent to its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreadable(io::Error);

/// The body.
pub(super) struct Form {
    boundary: String,
    parts: VecDeque<Part>,
    /// Bytes that are still to be sent.
    left: u64,
    sent: Arc<AtomicU64>,
}

enum Part {
    Bytes(Vec<u8>),
    File(Reader),
}

impl Form {
    /// A form of a request's fields and files, each under the name of its part.
    pub(super) fn new(fields: &Value, files: Vec<(String, Upload)>) -> io::Result<Self> {
        let mut random = [0; 16];
        rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty())?;
        // 128 random bits are in no file.
        let mut form = Self {
            boundary: format!("kiroclaw-{:032x}", u128::from_ne_bytes(random)),
            parts: VecDeque::new(),
            left: 0,
            sent: Arc::default(),
        };
        for (name, value) in fields.as_object().into_iter().flatten() {
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            form.text(&format!("--{}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n", form.boundary));
        }
        for (part, Upload { content, size, name }) in files {
            let head = format!("form-data; name=\"{part}\"; filename=\"{name}\"\r\nContent-Type: application/octet-stream");
            form.text(&format!("--{}\r\nContent-Disposition: {head}\r\n\r\n", form.boundary));
            match content {
                Content::File(file) => {
                    form.parts.push_back(Part::File(Reader { file, at: 0, size, reading: None }));
                    form.left += size;
                }
                Content::Text(text) => form.text(&text),
            }
            form.text("\r\n");
        }
        form.text(&format!("--{}--\r\n", form.boundary));
        Ok(form)
    }

    /// The value of its `Content-Type`.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// How many bytes it has, from here on.
    pub(super) fn size(&self) -> u64 {
        self.left
    }

    /// A counter of the bytes that were sent.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    fn text(&mut self, text: &str) {
        self.left += text.len() as u64;
        match self.parts.back_mut() {
            Some(Part::Bytes(bytes)) => bytes.extend_from_slice(text.as_bytes()),
            _ => self.parts.push_back(Part::Bytes(text.as_bytes().to_vec())),
        }
    }
}

impl Body for Form {
    type Data = Bytes;
    type Error = Unreadable;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Unreadable>>> {
        let form = self.get_mut();
        let (chunk, over) = match form.parts.front_mut() {
            None => return Poll::Ready(None),
            Some(Part::Bytes(bytes)) => (std::mem::take(bytes), true),
            Some(Part::File(reader)) => match ready!(reader.poll_chunk(cx)) {
                Ok(chunk) => (chunk, reader.at == reader.size),
                Err(error) => return Poll::Ready(Some(Err(Unreadable(error)))),
            },
        };
        if over {
            form.parts.pop_front();
        }
        form.left = form.left.saturating_sub(chunk.len() as u64);
        form.sent.fetch_add(chunk.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(chunk.into()))))
    }

    fn is_end_stream(&self) -> bool {
        self.parts.is_empty()
    }

    /// Exact, so that it is announced.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// A file that is read chunk by chunk. No thread is held between two of them, however slow the network is.
struct Reader {
    file: Arc<File>,
    at: u64,
    size: u64,
    reading: Option<JoinHandle<io::Result<Vec<u8>>>>,
}

impl Reader {
    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Vec<u8>>> {
        let (at, size) = (self.at, self.size);
        let reading = self.reading.get_or_insert_with(|| {
            let file = Arc::clone(&self.file);
            spawn_blocking(move || read(&file, at, size))
        });
        let read = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        let chunk = read.map_err(io::Error::other)??;
        self.at += chunk.len() as u64;
        Poll::Ready(Ok(chunk))
    }
}

/// The next chunk. A file that is not as long as announced would spoil the form, or leave out its end unseen.
fn read(file: &File, at: u64, size: u64) -> io::Result<Vec<u8>> {
    let length = CHUNK.min(size - at);
    let mut chunk = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    file.read_exact_at(&mut chunk, at)?;
    if at + length == size && file.read_at(&mut [0], size)? > 0 {
        return Err(io::Error::other("it grew while it was sent"));
    }
    Ok(chunk)
}

#[cfg(test)]
mod tests;

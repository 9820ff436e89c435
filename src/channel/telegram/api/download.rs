//! Fetching files.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_RANGE, RANGE};
use reqwest::{Response, StatusCode};
use tokio::time::timeout;

use super::error::{broken, judge};
use super::{Api, ApiError, read};
use crate::channel::telegram::methods::Done;

/// What stands for the method in errors.
const METHOD: &str = "download";

/// How long nothing may come.
const IDLE: Duration = Duration::from_secs(30);

/// Slowest download that is worth its while, in bytes per second: the largest file then takes a little more than ten minutes.
const SLOWEST: u64 = 32 * 1024;

/// Longest path of a file, in bytes. Telegram's are shorter than 100.
const PATH: usize = 1024;

/// A file on its way from Telegram.
#[derive(Debug)]
pub struct Download {
    /// Where the first bytes belong: where they were asked for, or 0 if the server begins anew all the same.
    pub from: u64,
    /// The size of the whole file in bytes, if the server says it.
    pub size: Option<u64>,
    response: Response,
    /// Bytes that may still come.
    left: u64,
}

impl Api {
    /// Begins to fetch a file by the path that [`GetFile`](crate::channel::telegram::methods::GetFile) gave, from an offset on. A file of
    /// more than `limit` bytes is refused, at the latest when so many have come.
    ///
    /// # Errors
    /// As [`Api::call`]. What cannot be fetched is a [`ApiError::BadRequest`]: the path has expired, is none, or has nothing at the offset.
    pub async fn download(&self, path: &str, offset: u64, limit: u64) -> Result<Download, ApiError> {
        let path = encoded(path).ok_or_else(|| refused("Telegram gave no path of a file"))?;
        let longest = IDLE + Duration::from_secs(limit / SLOWEST);
        let mut request = self.client.get(format!("{}{path}", self.files.expose())).timeout(longest);
        if offset > 0 {
            request = request.header(RANGE, format!("bytes={offset}-"));
        }
        let response = in_time(request.send()).await?;
        let from = match response.status() {
            StatusCode::OK => 0,
            StatusCode::PARTIAL_CONTENT if begins_at(&response, offset) => offset,
            StatusCode::NOT_FOUND | StatusCode::GONE => return Err(refused("the file is not there any more")),
            StatusCode::RANGE_NOT_SATISFIABLE => return Err(refused("the file has nothing there")),
            status => return Err(refusal(status, &read(METHOD, response).await?)),
        };
        let size = response.content_length().map(|rest| from.saturating_add(rest));
        if from > limit || size.is_some_and(|size| size > limit) {
            return Err(too_large());
        }
        Ok(Download { from, size, response, left: limit - from })
    }
}

impl Download {
    /// The next bytes, in the order of the file; `None` at its end.
    ///
    /// # Errors
    /// As [`Api::download`]. What has come is good, and the next download can begin behind it.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let Some(chunk) = in_time(self.response.chunk()).await? else { return Ok(None) };
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(too_large)?;
        Ok(Some(chunk))
    }
}

async fn in_time<T>(step: impl Future<Output = reqwest::Result<T>>) -> Result<T, ApiError> {
    match timeout(IDLE, step).await {
        Ok(done) => done.map_err(|error| broken(METHOD, error)),
        Err(_) => Err(ApiError::Timeout { method: METHOD }),
    }
}

/// The path as a part of a URL; `None` when it could lead elsewhere than to a file of the bot.
fn encoded(path: &str) -> Option<String> {
    let is_plain = |segment: &str| !matches!(segment, "" | "." | "..") && !segment.contains(char::is_control);
    if path.len() > PATH || !path.split('/').all(is_plain) {
        return None;
    }
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    Some(encoded)
}

/// Whether a part of the file is the one that was asked for.
fn begins_at(response: &Response, offset: u64) -> bool {
    let range = response.headers().get(CONTENT_RANGE).and_then(|range| range.to_str().ok());
    range.and_then(|range| range.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(offset)
}

fn refusal(status: StatusCode, answer: &[u8]) -> ApiError {
    match judge::<Done>(METHOD, status, answer) {
        Ok(Done) => ApiError::Garbage { method: METHOD, status: status.as_u16() },
        Err(error) => error,
    }
}

fn too_large() -> ApiError {
    refused("the file is too large")
}

fn refused(description: &str) -> ApiError {
    ApiError::BadRequest { method: METHOD, description: description.to_owned() }
}

#[cfg(test)]
mod tests;

//! Sending files.

use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Body, StatusCode};
use serde_json::Value;
use tokio::time::timeout;

use super::error::judge;
use super::form::{Form, Upload};
use super::{Api, ApiError, exchange};
use crate::channel::telegram::methods::{AlbumItem, SendFile, SendMediaGroup};
use crate::channel::telegram::types::Sent;

/// How long nothing may move. When all is sent, Telegram may take its time to look at a video.
const IDLE: Duration = Duration::from_secs(60);

/// Slowest upload that is worth its while, in bytes per second: the largest file then takes less than half an hour.
const SLOWEST: u64 = 32 * 1024;

impl Api {
    /// Sends one file once.
    ///
    /// # Errors
    /// As [`Api::call`], and [`ApiError::File`].
    pub async fn send_file(&self, request: &SendFile, file: Upload) -> Result<Sent, ApiError> {
        let method = request.kind.method();
        let files = vec![(request.kind.name().to_owned(), file)];
        let (status, answer) = self.upload(method, serde_json::to_value(request), files).await?;
        self.judged(method, judge(method, status, &answer))
    }

    /// Sends several files as an album once: for each item of the request its file, in the same order.
    ///
    /// # Errors
    /// As [`Api::call`], and [`ApiError::File`].
    pub async fn send_album(&self, request: &SendMediaGroup, files: Vec<Upload>) -> Result<Vec<Sent>, ApiError> {
        let method = "sendMediaGroup";
        let files = files.into_iter().enumerate().map(|(index, file)| (AlbumItem::part(index), file)).collect();
        let (status, answer) = self.upload(method, serde_json::to_value(request), files).await?;
        self.judged(method, judge(method, status, &answer))
    }

    async fn upload(
        &self,
        method: &'static str,
        fields: serde_json::Result<Value>,
        files: Vec<(String, Upload)>,
    ) -> Result<(StatusCode, Vec<u8>), ApiError> {
        let fields = fields.map_err(|error| ApiError::Client(error.to_string()))?;
        let form = Form::new(&fields, files).map_err(|error| ApiError::Client(error.to_string()))?;
        let (sent, longest) = (form.sent(), IDLE + Duration::from_secs(form.size() / SLOWEST));
        let request = self.post(method).timeout(longest).header(CONTENT_TYPE, form.content_type()).body(Body::wrap(form));
        let mut exchange = pin!(exchange(method, request));
        let mut before = 0;
        loop {
            if let Ok(answered) = timeout(IDLE, &mut exchange).await {
                return answered;
            }
            let now = sent.load(Ordering::Relaxed);
            if now == before {
                return Err(ApiError::Timeout { method });
            }
            before = now;
        }
    }
}

//! The client: one request, one answer, and what a failure means.
//!
//! The token is a part of every URL. So no URL leaves this module: errors are stripped of theirs, redirects are not followed, no proxy is used.

mod download;
mod error;
mod form;
mod upload;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder, Response, StatusCode};

use super::methods::Method;
use crate::model::{Pulse, Secret};

pub use download::Download;
pub use error::ApiError;
pub use form::Upload;

use error::{broken, detail, judge};

/// Longest answer that is read, in bytes. A hundred events with the longest texts and all their entities stay below 4 MiB.
const ANSWER: usize = 16 * 1024 * 1024;

/// Time for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// Unused connections that are kept: one for the poll, and some for a burst of messages.
const IDLE_CONNECTIONS: usize = 4;

/// A client for one bot. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    /// `BASE/bot<token>/`.
    methods: Arc<Secret<String>>,
    /// `BASE/file/bot<token>/`.
    files: Arc<Secret<String>>,
    /// How polling goes.
    pub polls: Pulse,
    /// How sending and editing goes.
    pub sends: Pulse,
}

impl Api {
    /// A client for the bot of that token, at a base without a trailing slash.
    ///
    /// # Errors
    /// [`ApiError::NotAToken`], [`ApiError::Client`].
    pub fn new(base: &str, token: &Secret<String>) -> Result<Self, ApiError> {
        if !is_token(token.expose()) {
            return Err(ApiError::NotAToken);
        }
        let client = Client::builder()
            .tls_backend_preconfigured(tls()?)
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .pool_max_idle_per_host(IDLE_CONNECTIONS)
            .tcp_nodelay(true)
            .build()
            .map_err(|error| ApiError::Client(detail(error)))?;
        let prefix = |path: &str| Arc::new(Secret::new(format!("{base}{path}/bot{}/", token.expose())));
        Ok(Self { client, methods: prefix(""), files: prefix("/file"), polls: Pulse::default(), sends: Pulse::default() })
    }

    /// Calls a method once.
    ///
    /// # Errors
    /// Every variant but [`ApiError::NotAToken`].
    pub async fn call<M: Method>(&self, request: &M) -> Result<M::Reply, ApiError> {
        let body = serde_json::to_vec(request).map_err(|error| ApiError::Client(error.to_string()))?;
        let request = self.post(M::NAME).timeout(M::TIMEOUT).header(CONTENT_TYPE, "application/json").body(body);
        let (status, answer) = exchange(M::NAME, request).await?;
        self.judged(M::NAME, judge(M::NAME, status, &answer))
    }

    /// Notes what was shown to somebody.
    fn judged<T>(&self, method: &str, answer: Result<T, ApiError>) -> Result<T, ApiError> {
        if answer.is_ok() && (method.starts_with("send") || method.starts_with("edit")) {
            self.sends.succeeded();
        }
        answer
    }

    fn post(&self, method: &str) -> RequestBuilder {
        self.client.post(format!("{}{method}", self.methods.expose()))
    }
}

/// Apart from [`Api::call`], so that it is there once and not for every method.
async fn exchange(method: &'static str, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), ApiError> {
    let response = request.send().await.map_err(|error| broken(method, error))?;
    Ok((response.status(), read(method, response).await?))
}

/// Anything else would change the URL that it becomes a part of.
fn is_token(token: &str) -> bool {
    token.split_once(':').is_some_and(|(bot, key)| {
        !bot.is_empty()
            && bot.bytes().all(|b| b.is_ascii_digit())
            && !key.is_empty()
            && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    })
}

/// TLS with Mozilla's roots from the binary itself, so that an image needs no CA files.
fn tls() -> Result<rustls::ClientConfig, ApiError> {
    let roots: rustls::RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| ApiError::Client(error.to_string()))?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

async fn read(method: &'static str, mut response: Response) -> Result<Vec<u8>, ApiError> {
    let mut answer = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| broken(method, error))? {
        if answer.len() + chunk.len() > ANSWER {
            return Err(ApiError::TooLarge { method });
        }
        answer.extend_from_slice(&chunk);
    }
    Ok(answer)
}

#[cfg(test)]
mod tests;

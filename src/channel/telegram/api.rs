//! The client: one request, one answer, and what a failure means.
//!
//! The token is a part of every URL. So no URL leaves this module: errors are stripped of theirs, redirects are not followed, no proxy is used.

use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;

use super::methods::Method;
use crate::model::Secret;

/// Longest answer that is read, in bytes. A hundred events with the longest texts and all their entities stay below 4 MiB.
const ANSWER: usize = 16 * 1024 * 1024;

/// Time for a connection, TLS included.
const CONNECT: Duration = Duration::from_secs(10);

/// Unused connections that are kept: one for the poll, and some for a burst of messages.
const IDLE_CONNECTIONS: usize = 4;

/// Longest text of a failure that is kept, in characters. Telegram's own are shorter than 100.
const DETAIL: usize = 300;

/// Longest wait that is believed. More than a day is a broken clock, not a flood.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What is waited for when Telegram forgets to say it.
const USUAL_WAIT: Duration = Duration::from_secs(5);

/// Why a method did not succeed. No text of a message and no token is ever in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// What was given as a token cannot be one.
    #[error("BOT_TOKEN is not a bot's token; it looks like 123456789:AAE… and comes from @BotFather")]
    NotAToken,
    /// The client could not be made.
    #[error("the client for the Bot API cannot be made: {0}")]
    Client(String),
    /// Too many requests (429).
    #[error("{method}: too many requests, Telegram wants {} s of silence", retry_after.as_secs())]
    Flood {
        /// The method.
        method: &'static str,
        /// How long to wait.
        retry_after: Duration,
    },
    /// The token is refused (401, or the Bot API's own 404).
    #[error("{method}: Telegram refuses the token; check BOT_TOKEN with @BotFather")]
    Unauthorized {
        /// The method.
        method: &'static str,
    },
    /// A webhook is set, and with it no poll is served (409).
    #[error("a webhook is set for this bot, and with it Telegram serves no polls; remove it with deleteWebhook")]
    ConflictWebhook,
    /// Somebody else polls with this token (409).
    #[error("another program polls with this bot's token; stop it, or give each its own bot")]
    ConflictPoller,
    /// The request is wrong, or its object is gone (400 and others).
    #[error("{method}: {description}")]
    BadRequest {
        /// The method.
        method: &'static str,
        /// Telegram's words.
        description: String,
    },
    /// The group has become a supergroup, which has another number (400).
    #[error("{method}: the group is now a supergroup with the number {to}")]
    Migrated {
        /// The method.
        method: &'static str,
        /// The new number.
        to: i64,
    },
    /// The person has blocked the bot, or the bot is not in the chat (403).
    #[error("{method}: {description}")]
    Forbidden {
        /// The method.
        method: &'static str,
        /// Telegram's words.
        description: String,
    },
    /// Telegram has failed (5xx).
    #[error("{method}: the Bot API answered {status}")]
    Server {
        /// The method.
        method: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// No answer in time.
    #[error("{method}: no answer in time")]
    Timeout {
        /// The method.
        method: &'static str,
    },
    /// No connection, or it broke.
    #[error("{method}: {detail}")]
    Network {
        /// The method.
        method: &'static str,
        /// What the network says.
        detail: String,
    },
    /// The answer is not the Bot API's.
    #[error("{method}: the answer (status {status}) is not the Bot API's; is TELEGRAM_API_BASE right?")]
    Garbage {
        /// The method.
        method: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The answer is too long.
    #[error("{method}: the answer is longer than {} MiB", ANSWER / 1024 / 1024)]
    TooLarge {
        /// The method.
        method: &'static str,
    },
}

impl ApiError {
    /// Whether the same request may succeed later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            Self::Flood { .. }
                | Self::Server { .. }
                | Self::Timeout { .. }
                | Self::Network { .. }
                | Self::Garbage { .. }
                | Self::TooLarge { .. }
                | Self::ConflictPoller
                | Self::ConflictWebhook
        )
    }
}

/// A client for one bot. Cheap to clone; all clones share their connections.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    /// `BASE/bot<token>/`.
    prefix: Arc<Secret<String>>,
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
        Ok(Self { client, prefix: Arc::new(Secret::new(format!("{base}/bot{}/", token.expose()))) })
    }

    /// Calls a method once.
    ///
    /// # Errors
    /// Every variant but [`ApiError::NotAToken`].
    pub async fn call<M: Method>(&self, request: &M) -> Result<M::Reply, ApiError> {
        let body = serde_json::to_vec(request).map_err(|error| ApiError::Client(error.to_string()))?;
        let url = format!("{}{}", self.prefix.expose(), M::NAME);
        let request = self.client.post(url).timeout(M::TIMEOUT).header(CONTENT_TYPE, "application/json").body(body);
        let response = request.send().await.map_err(|error| broken(M::NAME, error))?;
        let status = response.status();
        let answer = read(M::NAME, response).await?;
        judge(M::NAME, status, &answer)
    }
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

/// The Bot API's envelope around every answer.
#[derive(Deserialize)]
struct Envelope<T> {
    ok: bool,
    result: Option<T>,
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    retry_after: Option<u64>,
    migrate_to_chat_id: Option<i64>,
}

fn judge<T: serde::de::DeserializeOwned>(method: &'static str, status: StatusCode, answer: &[u8]) -> Result<T, ApiError> {
    let envelope: Envelope<T> = match serde_json::from_slice(answer) {
        Ok(envelope) => envelope,
        Err(_) if status.is_server_error() => return Err(ApiError::Server { method, status: status.as_u16() }),
        Err(_) => return Err(ApiError::Garbage { method, status: status.as_u16() }),
    };
    match envelope {
        Envelope { ok: true, result: Some(result), .. } => Ok(result),
        Envelope { ok: true, .. } => Err(ApiError::Garbage { method, status: status.as_u16() }),
        refused => Err(refusal(method, refused.error_code.unwrap_or(status.as_u16()), &refused.description, &refused.parameters)),
    }
}

fn refusal(method: &'static str, code: u16, description: &str, parameters: &Parameters) -> ApiError {
    let description = short(description);
    match code {
        429 => {
            let retry_after = parameters.retry_after.map_or(USUAL_WAIT, Duration::from_secs).min(LONGEST_WAIT);
            ApiError::Flood { method, retry_after }
        }
        401 | 404 => ApiError::Unauthorized { method },
        409 if description.contains("webhook") => ApiError::ConflictWebhook,
        409 => ApiError::ConflictPoller,
        403 => ApiError::Forbidden { method, description },
        500.. => ApiError::Server { method, status: code },
        _ => match parameters.migrate_to_chat_id {
            Some(to) => ApiError::Migrated { method, to },
            None => ApiError::BadRequest { method, description },
        },
    }
}

fn broken(method: &'static str, error: reqwest::Error) -> ApiError {
    if error.is_timeout() { ApiError::Timeout { method } } else { ApiError::Network { method, detail: detail(error) } }
}

/// What happened and why, without the URL.
fn detail(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    short(&text)
}

fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL).collect()
}

#[cfg(test)]
mod tests;

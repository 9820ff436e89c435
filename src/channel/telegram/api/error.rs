//! What a failure means, and what callers may want to know of it.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::form::Unreadable;

/// Longest text of a failure that is kept, in characters. Telegram's own are shorter than 100.
const DETAIL: usize = 300;

/// Longest wait that is believed. More than a day is a broken clock, not a flood.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// What is waited for when Telegram forgets to say it.
pub(super) const USUAL_WAIT: Duration = Duration::from_secs(5);

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
    #[error("{method}: the answer is longer than {} MiB", super::ANSWER / 1024 / 1024)]
    TooLarge {
        /// The method.
        method: &'static str,
    },
    /// A file that was to be sent cannot be read, or its size changed meanwhile.
    #[error("{method}: the file cannot be read: {detail}")]
    File {
        /// The method.
        method: &'static str,
        /// Why.
        detail: String,
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

    /// Whether the topic is not there, or closed: the chat as a whole may still be written to.
    pub fn lacks_topic(&self) -> bool {
        self.says(&["thread not found", "topic_deleted", "topic_closed", "topic_id_invalid"])
    }

    /// Whether the bot may not write to the chat: it was blocked, removed or silenced, or the chat is gone.
    pub fn lacks_chat(&self) -> bool {
        let words = ["chat not found", "not enough rights", "have no rights", "chat_write_forbidden", "chat was deactivated"];
        matches!(self, Self::Forbidden { .. }) || self.says(&words)
    }

    /// Whether the formatting is refused: the same may arrive as plain text.
    pub fn is_formatting(&self) -> bool {
        self.says(&["entit"])
    }

    /// Whether there was nothing to change; as good as done.
    pub fn is_not_modified(&self) -> bool {
        self.says(&["not modified", "not_modified"])
    }

    /// Whether the message that was to be changed or removed is gone, or too old for it.
    pub fn lacks_message(&self) -> bool {
        self.says(&["message to edit not found", "message to delete not found", "message can't be ", "message_id_invalid"])
    }

    /// Whether a file is larger than Telegram gives out or takes.
    pub fn is_too_large(&self) -> bool {
        self.says(&["too big", "too large"])
    }

    /// Whether a file is not taken as what it was sent as; it may be as a document.
    pub fn refuses_media(&self) -> bool {
        self.says(&["photo_", "image_process_failed", "video_", "voice_", "wrong type of", "wrong file"])
    }

    fn says(&self, words: &[&str]) -> bool {
        let Self::BadRequest { description, .. } = self else { return false };
        let lower = description.to_lowercase();
        words.iter().any(|word| lower.contains(word))
    }
}

/// The Bot API's envelope around every answer.
#[derive(Deserialize)]
struct Envelope<'a> {
    ok: bool,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
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

/// What an answer says.
pub(super) fn judge<T: DeserializeOwned>(method: &'static str, status: StatusCode, answer: &[u8]) -> Result<T, ApiError> {
    let result = result(method, status, answer)?;
    serde_json::from_str(result.get()).map_err(|_| ApiError::Garbage { method, status: status.as_u16() })
}

fn result<'a>(method: &'static str, status: StatusCode, answer: &'a [u8]) -> Result<&'a RawValue, ApiError> {
    let status = status.as_u16();
    match serde_json::from_slice(answer) {
        Ok(Envelope { ok: true, result: Some(result), .. }) => Ok(result),
        Ok(Envelope { ok: true, .. }) => Err(ApiError::Garbage { method, status }),
        Ok(refused) => Err(refusal(method, refused.error_code.unwrap_or(status), &refused.description, &refused.parameters)),
        Err(_) if status >= 500 => Err(ApiError::Server { method, status }),
        Err(_) => Err(ApiError::Garbage { method, status }),
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

/// What a broken exchange means.
pub(super) fn broken(method: &'static str, error: reqwest::Error) -> ApiError {
    if error.is_timeout() {
        return ApiError::Timeout { method };
    }
    let unreadable = causes(&error).find_map(|cause| cause.downcast_ref::<Unreadable>()).map(ToString::to_string);
    match unreadable {
        Some(detail) => ApiError::File { method, detail },
        None => ApiError::Network { method, detail: detail(error) },
    }
}

/// What happened and why, without the URL.
pub(super) fn detail(error: reqwest::Error) -> String {
    let error = error.without_url();
    let text = causes(&error).fold(error.to_string(), |text, cause| format!("{text}: {cause}"));
    short(&text)
}

fn causes<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause: &&'a (dyn Error + 'static)| cause.source())
}

fn short(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(DETAIL).collect()
}

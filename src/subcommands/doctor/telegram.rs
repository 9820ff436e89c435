//! Whether Telegram knows the token.

use super::report::{Area, Finding};
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::methods::GetMe;
use crate::channel::telegram::types::User;
use crate::config::{Config, Secrets};
use crate::model::Secret;

/// Asks getMe. Without a token there is nothing to ask, and the settings say so.
pub(super) fn findings(config: &Config, secrets: &Secrets) -> Vec<Finding> {
    let Some(token) = &secrets.bot_token else { return Vec::new() };
    vec![judge(get_me(&config.telegram_api, token))]
}

fn get_me(base: &str, token: &Secret<String>) -> Result<User, ApiError> {
    let client = |error: std::io::Error| ApiError::Client(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(client)?;
    let api = Api::new(base, token)?;
    runtime.block_on(api.call(&GetMe {}))
}

fn judge(answer: Result<User, ApiError>) -> Finding {
    match answer {
        Ok(user) => {
            let name = user.username.map_or(String::new(), |name| format!("@{name}, "));
            Finding::ok(Area::Telegram, format!("the token is good: {name}id {}", user.id))
        }
        // `run` starts and goes on trying.
        Err(error) if error.is_passing() => Finding::warn(
            Area::Telegram,
            format!("the token could not be checked: {error}"),
            "see that this machine reaches TELEGRAM_API_BASE",
        ),
        Err(error) => Finding::fail(Area::Telegram, error.to_string(), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn a_refused_token_fails_and_a_silent_network_warns() {
        assert_eq!(judge(Err(ApiError::Unauthorized { method: "getMe" })).state, State::Fail);
        assert_eq!(judge(Err(ApiError::Timeout { method: "getMe" })).state, State::Warn);
    }

    #[test]
    fn nobody_answers_on_a_closed_port_and_that_is_no_failure() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        drop(listener);
        let token = Secret::new(format!("1:{}", "A".repeat(35)));
        let finding = judge(get_me(&base, &token));
        assert_eq!(finding.state, State::Warn, "{}", finding.what);
        assert!(!finding.what.contains("AAAA"), "the token is in no text: {}", finding.what);
    }
}

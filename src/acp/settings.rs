//! A session's model and mode: set by the way that the agent offers, and believed only as far as its answer goes.

use serde_json::{Value, json};

use super::error::AcpError;
use super::session::{Session, Setting};
use super::types::{Models, Modes};
use super::{Client, text, wire};
use crate::model::AcpSessionId;

/// What can be chosen.
#[derive(Clone, Copy)]
enum Choice {
    Model,
    Mode,
}

/// How it stands with a choice.
struct Standing {
    setting: Setting,
    current: String,
    offered: Vec<String>,
}

impl Choice {
    fn standing(self, session: &Session) -> Standing {
        let models = |models: &Models| (models.current.clone(), models.available.iter().map(|model| model.id.clone()).collect());
        let modes = |modes: &Modes| (modes.current.clone(), modes.available.iter().map(|mode| mode.id.clone()).collect());
        let (setting, known) = match self {
            Self::Model => (&session.model_setting, session.facts.models.as_ref().map(models)),
            Self::Mode => (&session.mode_setting, session.facts.modes.as_ref().map(modes)),
        };
        let (current, offered) = known.unwrap_or_default();
        Standing { setting: setting.clone(), current, offered }
    }

    /// The method that sets it where there is no option for it.
    fn method(self, session: &AcpSessionId, value: &str) -> (&'static str, Value) {
        match self {
            Self::Model => ("session/set_model", json!({"sessionId": session, "modelId": value})),
            Self::Mode => ("session/set_mode", json!({"sessionId": session, "modeId": value})),
        }
    }

    fn took(self, session: &mut Session, value: &str) {
        let current = match self {
            Self::Model => session.facts.models.as_mut().map(|models| &mut models.current),
            Self::Mode => session.facts.modes.as_mut().map(|modes| &mut modes.current),
        };
        if let Some(current) = current {
            value.clone_into(current);
        }
    }

    fn no_choice(self) -> AcpError {
        match self {
            Self::Model => AcpError::NoModels,
            Self::Mode => AcpError::NoModes,
        }
    }

    fn refused(self, value: &str, offered: Vec<String>) -> AcpError {
        let value = text::line(value, text::TITLE);
        match self {
            Self::Model => AcpError::NoSuchModel { model: value, offered },
            Self::Mode => AcpError::NoSuchMode { mode: value, offered },
        }
    }
}

impl Client {
    /// Sets a session's model, by the way that the agent offers. Between turns, or by the holder of the session's turn in one.
    ///
    /// # Errors
    /// [`AcpError::NoModels`], [`AcpError::NoSuchModel`] when it is not on offer or the agent kept another, or an error of the agent.
    pub async fn set_model(&self, id: &AcpSessionId, model: &str) -> Result<(), AcpError> {
        self.choose(Choice::Model, id, model).await
    }

    /// Sets a session's mode (Kiro: its agent), by the way that the agent offers. When: as [`Client::set_model`].
    ///
    /// # Errors
    /// [`AcpError::NoModes`], [`AcpError::NoSuchMode`] when it is not on offer or the agent kept another, or an error of the agent.
    pub async fn set_mode(&self, id: &AcpSessionId, mode: &str) -> Result<(), AcpError> {
        self.choose(Choice::Mode, id, mode).await
    }

    async fn choose(&self, choice: Choice, id: &AcpSessionId, value: &str) -> Result<(), AcpError> {
        let standing = |client: &Self| client.shared().lock().sessions.get(id).map(|session| choice.standing(session));
        let Standing { setting, current: before, offered } = standing(self).ok_or(AcpError::NotOpen)?;
        // Kiro takes any name here, and then fails the next prompt.
        if !offered.is_empty() && !offered.iter().any(|offered| offered == value) {
            return Err(choice.refused(value, offered));
        }
        match setting {
            Setting::None if !self.shared().dialect.has_set_methods() => return Err(choice.no_choice()),
            Setting::None | Setting::Method => {
                let (method, params) = choice.method(id, value);
                self.call(method, params).await?;
                // What the agent said of it meanwhile counts more than that it answered.
                let now = standing(self).ok_or(AcpError::NotOpen)?.current;
                if now != before && now != value {
                    return Err(choice.refused(value, offered));
                }
                if let Some(session) = self.shared().lock().sessions.get_mut(id) {
                    choice.took(session, value);
                }
            }
            Setting::Option(option) => {
                let raw = self.set_option(id, &option, json!(value)).await?;
                let options = wire::config_options(&raw);
                if let Some(session) = self.shared().lock().sessions.get_mut(id) {
                    session.set_options(&options);
                }
                if !options.iter().any(|set| set.id == option && set.is(value)) {
                    return Err(choice.refused(value, offered));
                }
            }
        }
        Ok(())
    }
}

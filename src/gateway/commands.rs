//! The bot's own commands. Any other text that begins with `/` is the agent's and goes to it as it is.

/// A command of the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// `/start`
    Start,
    /// `/help`
    Help,
    /// `/new`: leaves this conversation and begins another.
    New,
    /// `/stop`: cancels the turn.
    Stop,
    /// `/status`
    Status,
    /// `/model [NAME]`: shows the models, or chooses one for this thread.
    Model(Option<String>),
}

/// The commands in the order of a client's menu; what each does, the texts of a language tell.
pub const MENU: &[&str] = &["new", "stop", "status", "model", "help", "start"];

impl Command {
    /// The command that a text is, if it is one.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let command = match words.next()? {
            "/start" => Self::Start,
            "/help" => Self::Help,
            "/new" => Self::New,
            "/stop" => Self::Stop,
            "/status" => Self::Status,
            "/model" => Self::Model(words.next().map(|name| name.chars().take(100).collect())),
            _ => return None,
        };
        Some(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_menu_is_understood() {
        for name in MENU {
            assert!(Command::parse(&format!("/{name}")).is_some(), "{name}");
        }
    }

    #[test]
    fn what_is_no_command_of_ours_is_the_agent_s() {
        assert_eq!(Command::parse("/compact now"), None);
        assert_eq!(Command::parse("/newer"), None);
        assert_eq!(Command::parse("please /stop"), None);
        assert_eq!(Command::parse("/model  opus "), Some(Command::Model(Some("opus".to_owned()))));
    }
}

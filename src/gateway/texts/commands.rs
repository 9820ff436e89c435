//! What the bot's own commands say.

use super::{English, German, code};
use crate::gateway::pool::Usage;
use crate::model::{AcpSessionId, AgentName};

/// What `/status` says.
pub(in crate::gateway) struct Status<'a> {
    pub(in crate::gateway) agent: &'a AgentName,
    pub(in crate::gateway) kind: &'a str,
    pub(in crate::gateway) session: Option<&'a AcpSessionId>,
    pub(in crate::gateway) model: Option<&'a str>,
    pub(in crate::gateway) running: bool,
    pub(in crate::gateway) queued: usize,
    /// Bytes.
    pub(in crate::gateway) workspace: u64,
    pub(in crate::gateway) pool: Usage,
    pub(in crate::gateway) strangers: u64,
}

/// Texts of commands.
pub(in crate::gateway) trait CommandTexts {
    /// What a command does, for menu and help; empty for one that is not ours. Plain.
    fn describe(&self, command: &str) -> &'static str;
    /// `/new`
    fn new_conversation(&self) -> String;
    /// `/start`
    fn start(&self, agent: &AgentName, what: &str) -> String;
    /// `/help`: before and after the list of commands.
    fn help(&self) -> (&'static str, &'static str);
    /// `/model` without a name.
    fn models(&self, current: Option<&str>, models: &[(String, String)]) -> String;
    /// A model was chosen.
    fn model_chosen(&self, model: &str) -> String;
    /// The agent has no such model.
    fn unknown_model(&self, model: &str, models: &[(String, String)]) -> String;
    /// `/status`
    fn status(&self, status: &Status<'_>) -> String;
}

impl CommandTexts for English {
    fn describe(&self, command: &str) -> &'static str {
        match command {
            "new" => "begin a new conversation in this thread",
            "stop" => "stop what the agent is doing",
            "status" => "what is running here",
            "model" => "show the models, or choose one",
            "help" => "what this bot does",
            "start" => "begin",
            _ => "",
        }
    }

    fn new_conversation(&self) -> String {
        "🆕 A new conversation begins with your next message. The old one is kept.".to_owned()
    }

    fn start(&self, agent: &AgentName, what: &str) -> String {
        format!(
            "Hello. Write to me, and **{agent}** ({what}) answers. It runs on this server in a jail of its own, in a workspace that is yours alone.\n\n/help shows what I can do."
        )
    }

    fn help(&self) -> (&'static str, &'static str) {
        (
            "Write a message: the agent answers it. Each thread is a conversation of its own, with a workspace of its own. What could do harm is asked first, with buttons.",
            "Any other /command goes to the agent.",
        )
    }

    fn models(&self, current: Option<&str>, models: &[(String, String)]) -> String {
        let mut text = current.map_or("The agent chooses the model.".to_owned(), |model| format!("This thread uses {}.", code(model)));
        if models.is_empty() {
            text.push_str("\n\nThe agent tells which models it has with its first answer. `/model NAME` chooses one now.");
        }
        for (id, name) in models {
            text.push_str(&format!("\n- {}{}", code(id), if name == id { String::new() } else { format!(" {name}") }));
        }
        if !models.is_empty() {
            text.push_str("\n\n`/model NAME` chooses one for this thread.");
        }
        text
    }

    fn model_chosen(&self, model: &str) -> String {
        format!("This thread uses {} from the next message on.", code(model))
    }

    fn unknown_model(&self, model: &str, models: &[(String, String)]) -> String {
        let names: Vec<String> = models.iter().map(|(id, _)| code(id)).collect();
        format!("The agent has no model {}. It has {}.", code(model), names.join(", "))
    }

    fn status(&self, status: &Status<'_>) -> String {
        let Usage { runtimes, busy, waiting, most } = status.pool;
        let session = status.session.map_or("begins with your next message".to_owned(), |id| code(id.as_str()));
        let model = status.model.map_or("the agent's choice".to_owned(), code);
        let here = if status.running { "a turn is running" } else { "idle" };
        format!(
            "**kiroclaw {}**\n\n- agent: {} ({})\n- conversation: {session}\n- model: {model}\n- here: {here}, {} queued\n- workspace: {} KiB\n- runtimes: {runtimes} of {most}, {busy} busy, {waiting} waiting\n- strangers turned away: {}",
            env!("CARGO_PKG_VERSION"),
            status.agent,
            status.kind,
            status.queued,
            status.workspace / 1024,
            status.strangers,
        )
    }
}

impl CommandTexts for German {
    fn describe(&self, command: &str) -> &'static str {
        match command {
            "new" => "ein neues Gespräch in diesem Thema beginnen",
            "stop" => "den Agenten anhalten",
            "status" => "was hier läuft",
            "model" => "die Modelle zeigen, oder eines wählen",
            "help" => "was dieser Bot tut",
            "start" => "anfangen",
            _ => "",
        }
    }

    fn new_conversation(&self) -> String {
        "🆕 Mit deiner nächsten Nachricht beginnt ein neues Gespräch. Das alte bleibt erhalten.".to_owned()
    }

    fn start(&self, agent: &AgentName, what: &str) -> String {
        format!(
            "Hallo. Schreib mir, und **{agent}** ({what}) antwortet. Er läuft auf diesem Server in einem Gefängnis für sich, in einem Arbeitsverzeichnis, das nur dir gehört.\n\n/help zeigt, was ich kann."
        )
    }

    fn help(&self) -> (&'static str, &'static str) {
        (
            "Schreib eine Nachricht: Der Agent beantwortet sie. Jedes Thema ist ein Gespräch für sich, mit eigenem Arbeitsverzeichnis. Was schaden könnte, wird vorher gefragt, mit Knöpfen.",
            "Jedes andere /kommando geht an den Agenten.",
        )
    }

    fn models(&self, current: Option<&str>, models: &[(String, String)]) -> String {
        let mut text = current.map_or("Der Agent wählt das Modell.".to_owned(), |model| format!("Dieses Thema benutzt {}.", code(model)));
        if models.is_empty() {
            text.push_str("\n\nWelche Modelle er hat, sagt der Agent mit seiner ersten Antwort. `/model NAME` wählt jetzt schon eines.");
        }
        for (id, name) in models {
            text.push_str(&format!("\n- {}{}", code(id), if name == id { String::new() } else { format!(" {name}") }));
        }
        if !models.is_empty() {
            text.push_str("\n\n`/model NAME` wählt eines für dieses Thema.");
        }
        text
    }

    fn model_chosen(&self, model: &str) -> String {
        format!("Dieses Thema benutzt {} ab der nächsten Nachricht.", code(model))
    }

    fn unknown_model(&self, model: &str, models: &[(String, String)]) -> String {
        let names: Vec<String> = models.iter().map(|(id, _)| code(id)).collect();
        format!("Der Agent hat kein Modell {}. Er hat {}.", code(model), names.join(", "))
    }

    fn status(&self, status: &Status<'_>) -> String {
        let Usage { runtimes, busy, waiting, most } = status.pool;
        let session = status.session.map_or("beginnt mit deiner nächsten Nachricht".to_owned(), |id| code(id.as_str()));
        let model = status.model.map_or("wählt der Agent".to_owned(), code);
        let here = if status.running { "der Agent arbeitet" } else { "Ruhe" };
        format!(
            "**kiroclaw {}**\n\n- Agent: {} ({})\n- Gespräch: {session}\n- Modell: {model}\n- hier: {here}, {} in der Warteschlange\n- Arbeitsverzeichnis: {} KiB\n- Agenten: {runtimes} von {most}, {busy} beschäftigt, {waiting} warten\n- Fremde abgewiesen: {}",
            env!("CARGO_PKG_VERSION"),
            status.agent,
            status.kind,
            status.queued,
            status.workspace / 1024,
            status.strangers,
        )
    }
}

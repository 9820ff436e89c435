//! What the bot's own commands say.

use super::{English, German, code};
use crate::gateway::pool::Usage;
use crate::model::{AcpSessionId, AgentName};
use crate::store::LastUsage;

/// What `/status` says.
pub(in crate::gateway) struct Status<'a> {
    pub(in crate::gateway) agent: &'a AgentName,
    pub(in crate::gateway) kind: &'a str,
    pub(in crate::gateway) session: Option<&'a AcpSessionId>,
    pub(in crate::gateway) model: Option<&'a str>,
    pub(in crate::gateway) mode: Option<&'a str>,
    pub(in crate::gateway) usage: &'a LastUsage,
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
    /// `/help`: before the commands, the name of each of their groups, and after them.
    fn help(&self) -> Help;
    /// `/retry` without a prompt to give again.
    fn nothing_to_retry(&self) -> String;
    /// `/usage`; `ago` is the time since the last turn, in words.
    fn usage(&self, usage: &LastUsage, ago: Option<&str>) -> String;
    /// What stands under an answer about the use of it; `None` where the agent said nothing. Plain.
    fn usage_foot(&self, usage: &LastUsage) -> Option<String>;
    /// `/status`
    fn status(&self, status: &Status<'_>) -> String;
}

/// What `/help` says around the commands.
pub(in crate::gateway) struct Help {
    pub(in crate::gateway) before: &'static str,
    pub(in crate::gateway) groups: [&'static str; 3],
    pub(in crate::gateway) after: &'static str,
}

/// How full the context is, in percent; `None` where the agent did not say.
fn percent(usage: &LastUsage) -> Option<u64> {
    let counted = usage.used.zip(usage.size).filter(|(_, size)| *size > 0);
    usage
        .permille
        .map(|permille| u64::from(permille.saturating_add(5) / 10))
        .or(counted.map(|(used, size)| used.saturating_mul(100) / size))
}

/// Tokens, with a mark between thousands.
fn tokens(number: u64, mark: char) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(mark);
        }
        grouped.push(digit);
    }
    grouped
}

impl CommandTexts for English {
    fn describe(&self, command: &str) -> &'static str {
        match command {
            "new" => "begin a new conversation in this thread",
            "stop" => "stop what the agent is doing",
            "retry" => "give your last message to the agent again",
            "sessions" => "the conversations of this thread",
            "resume" => "take up one of them again",
            "model" => "show the models, or choose one",
            "mode" => "show the agent's modes, or choose one",
            "files" => "what is in the workspace",
            "usage" => "how full the context is, and what it cost",
            "status" => "what is running here",
            "settings" => "sounds, language, how much you see",
            "hosts" => "what agents may reach, for operators",
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

    fn help(&self) -> Help {
        Help {
            before: "Write a message or send a file: the agent answers. Each thread is a conversation of its own, with a workspace of its own. What could do harm is asked first, with buttons.",
            groups: ["Conversations", "The agent", "The rest"],
            after: "Any other /command goes to the agent.",
        }
    }

    fn nothing_to_retry(&self) -> String {
        "There is nothing to give again: this conversation has no message yet.".to_owned()
    }

    fn usage(&self, usage: &LastUsage, ago: Option<&str>) -> String {
        let counted = usage.used.zip(usage.size).map(|(used, size)| format!("{} of {} tokens", tokens(used, ','), tokens(size, ',')));
        let context = match (percent(usage), counted) {
            (Some(percent), Some(counted)) => Some(format!("- context: {percent} % full ({counted})")),
            (Some(percent), None) => Some(format!("- context: {percent} % full")),
            (None, _) => usage.used.map(|used| format!("- context: {} tokens", tokens(used, ','))),
        };
        let cost = usage.cost.as_ref().map(|cost| format!("- cost: {cost}"));
        let said = context.into_iter().chain(cost).collect::<Vec<String>>().join("\n");
        let said = if said.is_empty() { "The agent has said nothing about its use in this conversation.".to_owned() } else { said };
        ago.map_or(said.clone(), |ago| format!("{said}\n\nThe last turn: {ago}."))
    }

    fn usage_foot(&self, usage: &LastUsage) -> Option<String> {
        let context = percent(usage).map(|percent| format!("{percent} % of the context"));
        let parts: Vec<String> = context.into_iter().chain(usage.cost.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    fn status(&self, status: &Status<'_>) -> String {
        let Usage { runtimes, busy, waiting, most } = status.pool;
        let session = status.session.map_or("begins with your next message".to_owned(), |id| code(id.as_str()));
        let model = status.model.map_or("the agent's choice".to_owned(), code);
        let mode = status.mode.map_or(String::new(), |mode| format!("\n- mode: {}", code(mode)));
        let usage = self.usage_foot(status.usage).map_or(String::new(), |usage| format!("\n- usage: {usage}"));
        let here = if status.running { "a turn is running" } else { "idle" };
        format!(
            "**kiroclaw {}**\n\n- agent: {} ({})\n- conversation: {session}\n- model: {model}{mode}{usage}\n- here: {here}, {} queued\n- workspace: {} KiB\n- runtimes: {runtimes} of {most}, {busy} busy, {waiting} waiting\n- strangers turned away: {}",
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
            "retry" => "deine letzte Nachricht noch einmal geben",
            "sessions" => "die Gespräche dieses Themas",
            "resume" => "eines davon wieder aufnehmen",
            "model" => "die Modelle zeigen, oder eines wählen",
            "mode" => "die Modi des Agenten zeigen, oder einen wählen",
            "files" => "was im Arbeitsverzeichnis liegt",
            "usage" => "wie voll der Kontext ist und was es kostete",
            "status" => "was hier läuft",
            "settings" => "Töne, Sprache, wie viel du siehst",
            "hosts" => "was Agenten erreichen dürfen, für Betreiber",
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

    fn help(&self) -> Help {
        Help {
            before: "Schreib eine Nachricht oder sende eine Datei: Der Agent antwortet. Jedes Thema ist ein Gespräch für sich, mit eigenem Arbeitsverzeichnis. Was schaden könnte, wird vorher gefragt, mit Knöpfen.",
            groups: ["Gespräche", "Der Agent", "Sonst"],
            after: "Jedes andere /kommando geht an den Agenten.",
        }
    }

    fn nothing_to_retry(&self) -> String {
        "Es gibt nichts zu wiederholen: Dieses Gespräch hat noch keine Nachricht.".to_owned()
    }

    fn usage(&self, usage: &LastUsage, ago: Option<&str>) -> String {
        let counted = usage.used.zip(usage.size).map(|(used, size)| format!("{} von {} Token", tokens(used, '.'), tokens(size, '.')));
        let context = match (percent(usage), counted) {
            (Some(percent), Some(counted)) => Some(format!("- Kontext: zu {percent} % voll ({counted})")),
            (Some(percent), None) => Some(format!("- Kontext: zu {percent} % voll")),
            (None, _) => usage.used.map(|used| format!("- Kontext: {} Token", tokens(used, '.'))),
        };
        let cost = usage.cost.as_ref().map(|cost| format!("- Kosten: {cost}"));
        let said = context.into_iter().chain(cost).collect::<Vec<String>>().join("\n");
        let said =
            if said.is_empty() { "Der Agent hat in diesem Gespräch nichts über seinen Verbrauch gesagt.".to_owned() } else { said };
        ago.map_or(said.clone(), |ago| format!("{said}\n\nZuletzt gearbeitet: {ago}."))
    }

    fn usage_foot(&self, usage: &LastUsage) -> Option<String> {
        let context = percent(usage).map(|percent| format!("{percent} % des Kontexts"));
        let parts: Vec<String> = context.into_iter().chain(usage.cost.clone()).collect();
        (!parts.is_empty()).then(|| parts.join(" · "))
    }

    fn status(&self, status: &Status<'_>) -> String {
        let Usage { runtimes, busy, waiting, most } = status.pool;
        let session = status.session.map_or("beginnt mit deiner nächsten Nachricht".to_owned(), |id| code(id.as_str()));
        let model = status.model.map_or("wählt der Agent".to_owned(), code);
        let mode = status.mode.map_or(String::new(), |mode| format!("\n- Modus: {}", code(mode)));
        let usage = self.usage_foot(status.usage).map_or(String::new(), |usage| format!("\n- Verbrauch: {usage}"));
        let here = if status.running { "der Agent arbeitet" } else { "Ruhe" };
        format!(
            "**kiroclaw {}**\n\n- Agent: {} ({})\n- Gespräch: {session}\n- Modell: {model}{mode}{usage}\n- hier: {here}, {} in der Warteschlange\n- Arbeitsverzeichnis: {} KiB\n- Agenten: {runtimes} von {most}, {busy} beschäftigt, {waiting} warten\n- Fremde abgewiesen: {}",
            env!("CARGO_PKG_VERSION"),
            status.agent,
            status.kind,
            status.queued,
            status.workspace / 1024,
            status.strangers,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::commands::MENU;

    #[test]
    fn every_command_is_described_in_every_language() {
        for name in MENU {
            assert!(!English.describe(name).is_empty() && !German.describe(name).is_empty(), "{name}");
        }
    }

    #[test]
    fn use_is_told_as_far_as_the_agent_told_it() {
        let nothing = LastUsage::default();
        assert_eq!(English.usage_foot(&nothing), None);
        assert!(English.usage(&nothing, None).contains("said nothing"));
        let acp = LastUsage { used: Some(34_000), size: Some(100_000), permille: None, cost: Some("0.25 USD".to_owned()) };
        assert_eq!(English.usage_foot(&acp).as_deref(), Some("34 % of the context · 0.25 USD"));
        assert_eq!(
            English.usage(&acp, Some("2 h ago")),
            "- context: 34 % full (34,000 of 100,000 tokens)\n- cost: 0.25 USD\n\nThe last turn: 2 h ago."
        );
        let kiro = LastUsage { permille: Some(126), ..LastUsage::default() };
        assert_eq!(German.usage_foot(&kiro).as_deref(), Some("13 % des Kontexts"));
        let senseless = LastUsage { used: Some(u64::MAX), size: Some(0), ..LastUsage::default() };
        assert_eq!(English.usage(&senseless, None), "- context: 18,446,744,073,709,551,615 tokens");
    }
}

//! What a face itself says around the messages of sessions. All plain.

use super::{English, German};

/// Texts of faces.
pub(in crate::gateway) trait FaceTexts {
    /// A message was refused for good; `why` are Telegram's words.
    fn undeliverable(&self, why: &str) -> String;
    /// The person who chose, where it is the reader.
    fn you(&self) -> &'static str;
    /// A question that a restart left open.
    fn ask_lost(&self) -> String;
    /// The person who chose, by their number on the channel, where no name is known.
    fn somebody(&self, number: i64) -> String;
    /// Over a trace: how many steps, how many seconds.
    fn steps(&self, steps: usize, seconds: u64) -> String;
    /// Over what the agent thought, where it used no tool.
    fn thought_for(&self, seconds: u64) -> String;
    /// In place of lines that are left out of a list.
    fn left_out(&self, lines: usize) -> String;
    /// Stands under a long answer whose whole is in the document that follows.
    fn goes_on_in(&self, document: &str) -> String;
}

impl FaceTexts for English {
    fn undeliverable(&self, why: &str) -> String {
        format!("⚠ A message could not be delivered. Telegram says: {why}")
    }

    fn you(&self) -> &'static str {
        "you"
    }

    fn ask_lost(&self) -> String {
        "the bot was restarted: ask the agent again".to_owned()
    }

    fn steps(&self, steps: usize, seconds: u64) -> String {
        let word = if steps == 1 { "step" } else { "steps" };
        format!("⚙ {steps} {word} · {seconds} s")
    }

    fn somebody(&self, number: i64) -> String {
        format!("user {number}")
    }

    fn thought_for(&self, seconds: u64) -> String {
        format!("💭 {seconds} s")
    }

    fn left_out(&self, lines: usize) -> String {
        format!("… {lines} more …")
    }

    fn goes_on_in(&self, document: &str) -> String {
        format!("… The whole answer is in {document}.")
    }
}

impl FaceTexts for German {
    fn undeliverable(&self, why: &str) -> String {
        format!("⚠ Eine Nachricht ließ sich nicht zustellen. Telegram sagt: {why}")
    }

    fn you(&self) -> &'static str {
        "du"
    }

    fn ask_lost(&self) -> String {
        "der Bot wurde neu gestartet: frage den Agenten noch einmal".to_owned()
    }

    fn steps(&self, steps: usize, seconds: u64) -> String {
        let word = if steps == 1 { "Schritt" } else { "Schritte" };
        format!("⚙ {steps} {word} · {seconds} s")
    }

    fn somebody(&self, number: i64) -> String {
        format!("Nutzer {number}")
    }

    fn thought_for(&self, seconds: u64) -> String {
        format!("💭 {seconds} s")
    }

    fn left_out(&self, lines: usize) -> String {
        format!("… {lines} weitere …")
    }

    fn goes_on_in(&self, document: &str) -> String {
        format!("… Die ganze Antwort steht in {document}.")
    }
}

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
    /// The last line of a trace: how many steps, how many seconds.
    fn steps(&self, steps: usize, seconds: u64) -> String;
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

    fn goes_on_in(&self, document: &str) -> String {
        format!("… Die ganze Antwort steht in {document}.")
    }
}

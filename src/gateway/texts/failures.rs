//! Why a turn failed, in one sentence that a person can act on. In English that is the error's own.

use super::{English, German};
use crate::acp::{AcpError, sentence};
use crate::gateway::pool::StartError;
use crate::model::Excess;
use crate::model::excess::MEGABYTE;

/// Texts about failures; whole sentences.
pub(in crate::gateway) trait FailureTexts {
    /// The agent did not do what it was asked.
    fn agent_failed(&self, error: &AcpError) -> String;
    /// The agent used more than it may.
    fn exceeded(&self, excess: &Excess) -> String;
    /// The same by what it had left running after a turn; a message of its own.
    fn exceeded_at_rest(&self, excess: &Excess) -> String;
    /// There is no runtime.
    fn not_started(&self, error: &StartError) -> String;
    /// The disk, the store or a workspace failed; `why` is for the operator.
    fn server_failed(&self, why: &str) -> String;
}

impl FailureTexts for English {
    fn agent_failed(&self, error: &AcpError) -> String {
        error.to_string()
    }

    fn exceeded(&self, excess: &Excess) -> String {
        excess.to_string()
    }

    fn exceeded_at_rest(&self, excess: &Excess) -> String {
        format!("⚠ Between your messages: {excess} The conversation goes on when you write.")
    }

    fn not_started(&self, error: &StartError) -> String {
        error.to_string()
    }

    fn server_failed(&self, why: &str) -> String {
        why.to_owned()
    }
}

impl FailureTexts for German {
    fn agent_failed(&self, error: &AcpError) -> String {
        const MIB: usize = 1024 * 1024;
        match error {
            AcpError::Gone => "Der Agent hat sich beendet; sende deine Nachricht noch einmal, dann beginnt er neu.".to_owned(),
            AcpError::LineTooLong { limit } => {
                format!("Der Agent schickte etwas von mehr als {} MiB und wurde getrennt; gib ihm kleinere Dateien.", limit / MIB)
            }
            AcpError::Flood { limit } => {
                format!("Der Agent schrieb mehr als {} MiB für eine Antwort und wurde beendet; verlange weniger auf einmal.", limit / MIB)
            }
            AcpError::Garbage { lines } => {
                format!(
                    "Das Programm spricht nicht das Agent Client Protocol: {lines} seiner Zeilen waren keine Nachrichten; prüfe AGENT_COMMAND."
                )
            }
            AcpError::TimedOut { method, limit } => {
                format!("Der Agent antwortete {} Sekunden lang nicht auf `{method}`; versuche es noch einmal.", limit.as_secs())
            }
            AcpError::Version { version } => {
                format!("Der Agent spricht Version {version} des Agent Client Protocol, dieses Programm Version 1.")
            }
            AcpError::BadAnswer { method, why } => format!("Die Antwort des Agenten auf `{method}` ist unverständlich: {why}."),
            AcpError::Agent { message, data, .. } => {
                format!("Der Agent meldet einen Fehler: {}.", sentence(message, data.as_deref()))
            }
            AcpError::AuthRequired => {
                "Der Agent ist nicht angemeldet; melde ihn auf dem Server an (Kiro: `kiro-cli login --use-device-flow`, oder KIRO_API_KEY)."
                    .to_owned()
            }
            AcpError::NotFound => "Der Agent kennt dieses Gespräch nicht mehr; beginne mit /new ein neues.".to_owned(),
            AcpError::Locked { pid } => {
                format!("Ein anderer Prozess ({pid}) hat das Gespräch noch offen; versuche es, wenn er beendet ist.")
            }
            AcpError::AgentNotFound { requested, fallback } => {
                format!("Kiro kennt den Agenten `{requested}` nicht und nähme `{fallback}`; lege seine Datei nach KIRO_CONFIG_PATH/agents.")
            }
            AcpError::AutopilotOn => {
                "Kiros Autopilot ließ sich nicht abschalten, Werkzeuge liefen ungefragt; erneuere kiro-cli, oder nimm v2.".to_owned()
            }
            AcpError::CannotRestore => "Dieser Agent kann frühere Gespräche nicht aufnehmen; beginne mit /new ein neues.".to_owned(),
            AcpError::NotOpen => "Das Gespräch ist in diesem Agenten nicht offen; beginne mit /new ein neues.".to_owned(),
            AcpError::Busy => "Der Agent arbeitet noch an der Nachricht davor; warte, oder halte ihn mit /stop an.".to_owned(),
            AcpError::PromptTooLong { limit } => {
                format!("Die Nachricht hat mit ihren Dateien mehr als {} MiB; sende kleinere Bilder, oder weniger.", limit / MIB)
            }
            AcpError::NoImages => "Dieser Agent nimmt keine Bilder an; er kann die Datei in seinem Verzeichnis lesen.".to_owned(),
            AcpError::NoList => "Dieser Agent führt keine Liste seiner Gespräche.".to_owned(),
            AcpError::NoModels => "Dieser Agent bietet keine Modelle zur Wahl.".to_owned(),
            AcpError::NoSuchModel { model, offered } => format!("Der Agent hat kein Modell `{model}`, aber: {}.", offered.join(", ")),
            AcpError::NoModes => "Dieser Agent bietet keine Modi zur Wahl.".to_owned(),
            AcpError::NoSuchMode { mode, offered } => format!("Der Agent hat keinen Modus `{mode}`, aber: {}.", offered.join(", ")),
        }
    }

    fn exceeded(&self, excess: &Excess) -> String {
        let less = |key: &str| format!("verlange weniger auf einmal, oder lass den Betreiber `{key}` erhöhen.");
        let delete = |key: &str| format!("Lösche etwas mit /files, oder lass den Betreiber `{key}` erhöhen.");
        match excess {
            Excess::Memory { most } => {
                format!("Der Agent brauchte mehr als {} MB Speicher und wurde beendet; {}", most / MEGABYTE, less("memoryMegabytes"))
            }
            Excess::Processes { most } => {
                format!("Der Agent hatte mehr als {most} Prozesse zugleich und wurde beendet; {}", less("processes"))
            }
            Excess::Cpu => format!("Der Agent beschäftigte den Prozessor zu lange und wurde beendet; {}", less("cpuPercent")),
            Excess::Disk { used, most } => format!(
                "In den Arbeitsverzeichnissen und beim Agenten liegen {} MB, erlaubt sind {} MB: der Agent wurde beendet. {}",
                used / MEGABYTE,
                most / MEGABYTE,
                delete("workspaceMegabytes")
            ),
            Excess::Files { most } => format!(
                "In den Arbeitsverzeichnissen und beim Agenten liegen mehr als {most} Dateien: der Agent wurde beendet. {}",
                delete("workspaceFiles")
            ),
            Excess::Unmeasurable => "Der Agent legte Verzeichnisse an, die sich nicht messen lassen, und wurde beendet; lösche sie mit \
                /files, oder lass den Betreiber nachsehen."
                .to_owned(),
        }
    }

    fn exceeded_at_rest(&self, excess: &Excess) -> String {
        format!("⚠ Zwischen deinen Nachrichten: {} Das Gespräch geht weiter, sobald du schreibst.", self.exceeded(excess))
    }

    fn not_started(&self, error: &StartError) -> String {
        match error {
            StartError::Exceeded(excess) => self.exceeded(excess),
            StartError::NotStarted(why) => format!("Der Agent ließ sich nicht starten. {why}"),
            StartError::Agent { error, .. } => format!("Der Agent wurde gestartet, taugt aber nicht. {}", self.agent_failed(error)),
            StartError::Pipes(why) => format!("Mit dem Agenten ist nicht zu reden: {why}."),
            StartError::Stopping => "Der Bot hält gerade an; deine Nachricht bleibt erhalten.".to_owned(),
        }
    }

    fn server_failed(&self, why: &str) -> String {
        format!("Auf dem Server ging etwas schief: {why}")
    }
}

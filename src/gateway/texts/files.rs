//! What is said about files, to people and to agents.

use super::{English, German, size};
use crate::gateway::files::fetch::FetchError;
use crate::gateway::files::outgoing::{LARGEST, SendFileError};

/// Texts about files.
pub(in crate::gateway) trait FileTexts {
    /// A file is larger than may be fetched; sizes in MiB, rounded up. Its own is not always known.
    fn file_too_large(&self, name: &str, size: Option<u64>, most: u64) -> String;
    /// A file could not be fetched; `why` is a sentence.
    fn file_not_fetched(&self, name: &str, why: &str) -> String;
    /// A file that the agent wanted to send could not be; `why` is a sentence.
    fn file_not_sent(&self, path: &str, why: &str) -> String;
    /// Why a file cannot be sent; a sentence.
    fn not_sendable(&self, error: &SendFileError) -> String;
    /// Why a file could not be fetched; a sentence.
    fn not_fetchable(&self, error: &FetchError) -> String;
    /// Telegram refuses a file; a sentence. `why` are its words.
    fn telegram_refuses(&self, why: &str) -> String;
    /// A file changed while it was sent, or could not be read to its end; a sentence.
    fn file_changed(&self) -> &'static str;
    /// More files came with one message than are taken.
    fn too_many_files(&self, most: usize) -> String;
}

impl FileTexts for English {
    fn file_too_large(&self, name: &str, size: Option<u64>, most: u64) -> String {
        let name = super::code(name);
        let has = size.map_or(format!("{name} is too large"), |size| format!("{name} has {size} MiB"));
        format!("⚠ {has}; Telegram lets a bot fetch at most {most} MiB. Send it in parts, or put it on the server.")
    }

    fn file_not_fetched(&self, name: &str, why: &str) -> String {
        format!("⚠ {} could not be fetched: {why}", super::code(name))
    }

    fn file_not_sent(&self, path: &str, why: &str) -> String {
        format!("⚠ The agent wanted to send {}, but: {why}", super::code(path))
    }

    fn not_sendable(&self, error: &SendFileError) -> String {
        error.to_string()
    }

    fn not_fetchable(&self, error: &FetchError) -> String {
        format!("{error}.")
    }

    fn telegram_refuses(&self, why: &str) -> String {
        format!("Telegram refuses it ({why}).")
    }

    fn file_changed(&self) -> &'static str {
        "it changed while it was sent."
    }

    fn too_many_files(&self, most: usize) -> String {
        format!("⚠ Only the first {most} files were taken.")
    }
}

impl FileTexts for German {
    fn file_too_large(&self, name: &str, size: Option<u64>, most: u64) -> String {
        let name = super::code(name);
        let has = size.map_or(format!("{name} ist zu groß"), |size| format!("{name} hat {size} MiB"));
        format!("⚠ {has}; Telegram lässt einen Bot höchstens {most} MiB abholen. Sende es in Teilen, oder lege es auf den Server.")
    }

    fn file_not_fetched(&self, name: &str, why: &str) -> String {
        format!("⚠ {} ließ sich nicht abholen: {why}", super::code(name))
    }

    fn file_not_sent(&self, path: &str, why: &str) -> String {
        format!("⚠ Der Agent wollte {} senden, aber: {why}", super::code(path))
    }

    fn not_sendable(&self, error: &SendFileError) -> String {
        match error {
            SendFileError::Outside => "sie liegt außerhalb des Arbeitsverzeichnisses und muss erst dorthin kopiert werden.".to_owned(),
            SendFileError::Missing => "im Arbeitsverzeichnis gibt es keine solche Datei; der Pfad zählt von dessen Anfang.".to_owned(),
            SendFileError::Link => "ein symbolischer Verweis steht im Weg; der Pfad muss die Datei selbst nennen.".to_owned(),
            SendFileError::NotAFile => "es ist keine gewöhnliche Datei; ein Verzeichnis muss erst in ein Archiv gepackt werden.".to_owned(),
            SendFileError::Empty => "sie ist leer, und Telegram nimmt keine leeren Dateien.".to_owned(),
            SendFileError::TooLarge(bytes) => format!(
                "sie hat {}, und Telegram nimmt von einem Bot höchstens {}; sie muss verkleinert oder geteilt werden.",
                size(*bytes),
                size(LARGEST)
            ),
            SendFileError::Unreadable(why) => format!("sie lässt sich nicht lesen ({why})."),
            SendFileError::Changing => "sie ändert sich ständig.".to_owned(),
            SendFileError::Tag(why) => format!("die Angabe des Agenten ist fehlerhaft ({why})."),
        }
    }

    fn not_fetchable(&self, error: &FetchError) -> String {
        match error {
            FetchError::TooLarge => "sie ist zu groß.".to_owned(),
            FetchError::Refused(why) => format!("Telegram gibt sie nicht her ({why})."),
            FetchError::Unreachable(why) => format!("Telegram ist nicht zu erreichen ({why})."),
            FetchError::Keep(why) => format!("sie lässt sich nicht aufbewahren ({why})."),
            FetchError::Workspace(why) => format!("sie lässt sich nicht ins Arbeitsverzeichnis legen ({why})."),
            FetchError::NoChannel => "der Kanal, aus dem sie kommt, ist nicht verbunden.".to_owned(),
        }
    }

    fn telegram_refuses(&self, why: &str) -> String {
        format!("Telegram nimmt sie nicht an ({why}).")
    }

    fn file_changed(&self) -> &'static str {
        "sie wurde währenddessen geändert."
    }

    fn too_many_files(&self, most: usize) -> String {
        format!("⚠ Nur die ersten {most} Dateien wurden angenommen.")
    }
}

//! What menus say: messages with buttons that are rewritten as their buttons are pressed.

use super::{English, German, code};
use crate::model::Language;
use crate::store::{Notifications, UserRecord, Verbosity};

/// What can be chosen of what the agent offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway) enum Choice {
    Model,
    Mode,
}

/// Texts of menus. Labels are plain.
pub(in crate::gateway) trait MenuTexts {
    /// What is chosen; `any` says whether the agent has told what there is.
    fn choices(&self, choice: Choice, current: Option<&str>, any: bool) -> String;
    /// It is chosen.
    fn chosen(&self, choice: Choice, name: &str) -> String;
    /// The agent offers no such thing, but these.
    fn unknown_choice(&self, choice: Choice, name: &str, offered: &[(String, String)]) -> String;
    /// Above the list of conversations; `any` says whether there are some, `present` whether one of them is the present one.
    fn conversations(&self, any: bool, present: bool) -> String;
    /// A conversation that has no title. Plain.
    fn untitled(&self) -> &'static str;
    /// A conversation was taken up. As Markdown or plain, like the title.
    fn taken_up(&self, title: &str) -> String;
    /// It is the present one already. Plain.
    fn is_present(&self) -> String;
    /// No conversation can be taken up while the agent works. Plain.
    fn busy(&self) -> String;
    /// There is no conversation of that number.
    fn no_conversation(&self, number: usize) -> String;
    /// Above the list of files; `more` says that not all are in it.
    fn files(&self, count: usize, more: bool) -> String;
    /// One file; `sendable` says whether it can be sent.
    fn file(&self, path: &str, size: &str, ago: &str, sendable: bool) -> String;
    /// Whether the file is to be deleted.
    fn delete_file(&self, path: &str) -> String;
    /// It is deleted. Plain.
    fn deleted(&self) -> String;
    /// It could not be deleted. Plain.
    fn not_deleted(&self) -> String;
    /// It is on its way. Plain.
    fn sending(&self) -> String;
    /// The workspace cannot be read.
    fn no_workspace(&self) -> String;
    /// The labels of Send, Delete and Back.
    fn file_labels(&self) -> [&'static str; 3];
    /// Above the settings.
    fn settings(&self) -> &'static str;
    /// The labels of the settings as they stand, in the order of the menu.
    fn setting_labels(&self, record: &UserRecord) -> [String; 6];
    /// An age in seconds, as short as it goes. Plain.
    fn age(&self, seconds: u64) -> String;
    /// How long ago something was, by its age in seconds. Plain.
    fn ago(&self, seconds: u64) -> String;
}

/// A size for people.
pub(in crate::gateway) fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes / 1024),
        _ => format!("{}.{} MiB", bytes / 1_048_576, bytes % 1_048_576 * 10 / 1_048_576),
    }
}

/// A time in the largest unit that it fills, by the words for those.
fn age(seconds: u64, [now, minutes, hours, days]: [&str; 4]) -> String {
    match seconds {
        0..60 => now.to_owned(),
        60..3600 => format!("{} {minutes}", seconds / 60),
        3600..86_400 => format!("{} {hours}", seconds / 3600),
        _ => format!("{} {days}", seconds / 86_400),
    }
}

fn names(offered: &[(String, String)]) -> String {
    offered.iter().map(|(id, _)| code(id)).collect::<Vec<String>>().join(", ")
}

impl MenuTexts for English {
    fn choices(&self, choice: Choice, current: Option<&str>, any: bool) -> String {
        let (what, command) = match choice {
            Choice::Model => ("model", "/model"),
            Choice::Mode => ("mode", "/mode"),
        };
        let current =
            current.map_or(format!("The agent chooses the {what}."), |name| format!("This thread uses the {what} {}.", code(name)));
        let tells = format!("The agent tells with its first answer which {what}s it has. `{command} NAME` chooses one now.");
        if any { current } else { format!("{current}\n\n{tells}") }
    }

    fn chosen(&self, choice: Choice, name: &str) -> String {
        let what = if choice == Choice::Model { "model" } else { "mode" };
        format!("This thread uses the {what} {} from the next message on.", code(name))
    }

    fn unknown_choice(&self, choice: Choice, name: &str, offered: &[(String, String)]) -> String {
        let what = if choice == Choice::Model { "model" } else { "mode" };
        format!("The agent has no {what} {}. It has {}.", code(name), names(offered))
    }

    fn conversations(&self, any: bool, present: bool) -> String {
        match (any, present) {
            (false, _) => "There is no conversation here yet. One begins with your next message.".to_owned(),
            (true, true) => "The conversations of this thread. Tap one to take it up again.".to_owned(),
            (true, false) => "Your next message begins a new conversation. Tap a former one to take it up again.".to_owned(),
        }
    }

    fn untitled(&self) -> &'static str {
        "without a title"
    }

    fn taken_up(&self, title: &str) -> String {
        format!("▶ It goes on: {title}")
    }

    fn is_present(&self) -> String {
        "This is the conversation that goes on here.".to_owned()
    }

    fn busy(&self) -> String {
        "The agent is working here: stop it first, or wait.".to_owned()
    }

    fn no_conversation(&self, number: usize) -> String {
        format!("There is no conversation {number}. /sessions lists them.")
    }

    fn files(&self, count: usize, more: bool) -> String {
        match (count, more) {
            (0, false) => "The workspace has no files yet.".to_owned(),
            (count, false) => format!("{count} files in the workspace, the newest first."),
            (count, true) => format!("The newest {count} files of the workspace; there are more."),
        }
    }

    fn file(&self, path: &str, size: &str, ago: &str, sendable: bool) -> String {
        let note = if sendable { "" } else { "\n\nIts name cannot be written as text, so it cannot be sent." };
        format!("{}\n{size}, changed {ago}{note}", code(path))
    }

    fn delete_file(&self, path: &str) -> String {
        format!("Delete {}? It cannot be brought back.", code(path))
    }

    fn deleted(&self) -> String {
        "Deleted.".to_owned()
    }

    fn not_deleted(&self) -> String {
        "It could not be deleted.".to_owned()
    }

    fn sending(&self) -> String {
        "It is on its way.".to_owned()
    }

    fn no_workspace(&self) -> String {
        "⚠ The workspace cannot be read.".to_owned()
    }

    fn file_labels(&self) -> [&'static str; 3] {
        ["Send", "Delete", "Back"]
    }

    fn settings(&self) -> &'static str {
        "Your settings, in every chat. Tap one to change it."
    }

    fn setting_labels(&self, record: &UserRecord) -> [String; 6] {
        let shown = match record.verbosity {
            Verbosity::Quiet => "answers only",
            Verbosity::Normal => "with steps",
            Verbosity::Verbose => "with steps and changes",
        };
        let sounds = match record.notifications {
            Notifications::Final => "answers and questions",
            Notifications::Questions => "questions only",
            Notifications::None => "none",
        };
        let on = |on| if on { "on" } else { "off" };
        let language = match record.chosen {
            None => "automatic",
            Some(Language::English) => "English",
            Some(Language::German) => "Deutsch",
        };
        [
            format!("What you see: {shown}"),
            format!("Sounds: {sounds}"),
            format!("The agent's thoughts: {}", on(record.thoughts)),
            format!("Rich formatting: {}", on(record.rich)),
            format!("Usage under answers: {}", on(record.usage)),
            format!("Language: {language}"),
        ]
    }

    fn age(&self, seconds: u64) -> String {
        age(seconds, ["now", "min", "h", "d"])
    }

    fn ago(&self, seconds: u64) -> String {
        age(seconds, ["just now", "min ago", "h ago", "d ago"])
    }
}

impl MenuTexts for German {
    fn choices(&self, choice: Choice, current: Option<&str>, any: bool) -> String {
        let (chooses, uses, which, one, command) = match choice {
            Choice::Model => ("das Modell", "das Modell", "Welche Modelle", "eines", "/model"),
            Choice::Mode => ("den Modus", "den Modus", "Welche Modi", "einen", "/mode"),
        };
        let current = current.map_or(format!("Der Agent wählt {chooses}."), |name| format!("Dieses Thema benutzt {uses} {}.", code(name)));
        let tells = format!("{which} er hat, sagt der Agent mit seiner ersten Antwort. `{command} NAME` wählt jetzt schon {one}.");
        if any { current } else { format!("{current}\n\n{tells}") }
    }

    fn chosen(&self, choice: Choice, name: &str) -> String {
        let what = if choice == Choice::Model { "das Modell" } else { "den Modus" };
        format!("Dieses Thema benutzt {what} {} ab der nächsten Nachricht.", code(name))
    }

    fn unknown_choice(&self, choice: Choice, name: &str, offered: &[(String, String)]) -> String {
        let what = if choice == Choice::Model { "kein Modell" } else { "keinen Modus" };
        format!("Der Agent hat {what} {}. Er hat {}.", code(name), names(offered))
    }

    fn conversations(&self, any: bool, present: bool) -> String {
        match (any, present) {
            (false, _) => "Hier gibt es noch kein Gespräch. Eines beginnt mit deiner nächsten Nachricht.".to_owned(),
            (true, true) => "Die Gespräche dieses Themas. Tippe auf eines, um es wieder aufzunehmen.".to_owned(),
            (true, false) => {
                "Mit deiner nächsten Nachricht beginnt ein neues Gespräch. Tippe auf ein früheres, um es wieder aufzunehmen.".to_owned()
            }
        }
    }

    fn untitled(&self) -> &'static str {
        "ohne Titel"
    }

    fn taken_up(&self, title: &str) -> String {
        format!("▶ Weiter geht es mit: {title}")
    }

    fn is_present(&self) -> String {
        "Dieses Gespräch läuft hier gerade.".to_owned()
    }

    fn busy(&self) -> String {
        "Der Agent arbeitet hier gerade: halte ihn erst an, oder warte.".to_owned()
    }

    fn no_conversation(&self, number: usize) -> String {
        format!("Es gibt kein Gespräch {number}. /sessions zeigt, welche es gibt.")
    }

    fn files(&self, count: usize, more: bool) -> String {
        match (count, more) {
            (0, false) => "Im Arbeitsverzeichnis liegt noch nichts.".to_owned(),
            (count, false) => format!("{count} Dateien im Arbeitsverzeichnis, die neuesten zuerst."),
            (count, true) => format!("Die neuesten {count} Dateien im Arbeitsverzeichnis; es gibt noch mehr."),
        }
    }

    fn file(&self, path: &str, size: &str, ago: &str, sendable: bool) -> String {
        let note = if sendable { "" } else { "\n\nIhr Name lässt sich nicht als Text schreiben, daher kann sie nicht gesendet werden." };
        format!("{}\n{size}, geändert {ago}{note}", code(path))
    }

    fn delete_file(&self, path: &str) -> String {
        format!("{} löschen? Das lässt sich nicht rückgängig machen.", code(path))
    }

    fn deleted(&self) -> String {
        "Gelöscht.".to_owned()
    }

    fn not_deleted(&self) -> String {
        "Sie ließ sich nicht löschen.".to_owned()
    }

    fn sending(&self) -> String {
        "Sie ist unterwegs.".to_owned()
    }

    fn no_workspace(&self) -> String {
        "⚠ Das Arbeitsverzeichnis lässt sich nicht lesen.".to_owned()
    }

    fn file_labels(&self) -> [&'static str; 3] {
        ["Senden", "Löschen", "Zurück"]
    }

    fn settings(&self) -> &'static str {
        "Deine Einstellungen, in jedem Chat. Tippe auf eine, um sie zu ändern."
    }

    fn setting_labels(&self, record: &UserRecord) -> [String; 6] {
        let shown = match record.verbosity {
            Verbosity::Quiet => "nur Antworten",
            Verbosity::Normal => "mit Schritten",
            Verbosity::Verbose => "mit Schritten und Änderungen",
        };
        let sounds = match record.notifications {
            Notifications::Final => "Antworten und Fragen",
            Notifications::Questions => "nur Fragen",
            Notifications::None => "keine",
        };
        let on = |on| if on { "an" } else { "aus" };
        let language = match record.chosen {
            None => "automatisch",
            Some(Language::English) => "English",
            Some(Language::German) => "Deutsch",
        };
        [
            format!("Was du siehst: {shown}"),
            format!("Töne: {sounds}"),
            format!("Gedanken des Agenten: {}", on(record.thoughts)),
            format!("Reiche Formatierung: {}", on(record.rich)),
            format!("Verbrauch unter Antworten: {}", on(record.usage)),
            format!("Sprache: {language}"),
        ]
    }

    fn age(&self, seconds: u64) -> String {
        age(seconds, ["jetzt", "Min.", "Std.", "T."])
    }

    fn ago(&self, seconds: u64) -> String {
        match seconds {
            0..60 => "gerade eben".to_owned(),
            86_400..172_800 => "vor 1 Tag".to_owned(),
            seconds => format!("vor {}", age(seconds, ["", "Min.", "Std.", "Tagen"])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_sizes_are_told_in_their_largest_unit() {
        let ages: Vec<String> = [0, 59, 60, 7199, 7200, 86_399, 86_400, u64::MAX].map(|age| English.ago(age)).into();
        let max = format!("{} d ago", u64::MAX / 86_400);
        assert_eq!(ages, ["just now", "just now", "1 min ago", "1 h ago", "2 h ago", "23 h ago", "1 d ago", &max]);
        assert_eq!((English.age(7200), German.age(172_800)), ("2 h".to_owned(), "2 T.".to_owned()));
        assert_eq!((German.ago(90), German.ago(86_400)), ("vor 1 Min.".to_owned(), "vor 1 Tag".to_owned()));
        assert_eq!([0, 1023, 1024, 1_048_576, 1_600_000].map(size), ["0 B", "1023 B", "1 KiB", "1.0 MiB", "1.5 MiB"]);
    }
}

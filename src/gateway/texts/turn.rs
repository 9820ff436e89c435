//! What is said about a turn and the prompts that wait for one.

use super::{English, German};

/// Texts about turns.
pub(in crate::gateway) trait TurnTexts {
    /// The disk has no room for a message.
    fn disk_full(&self) -> String;
    /// Nobody is allowed yet; `id` is the writer's.
    fn pairing(&self, id: i64) -> String;
    /// The gateway went down in mid-turn.
    fn interrupted(&self) -> String;
    /// The end of an answer that is not whole; `why` is a sentence.
    fn incomplete(&self, partial: &str, why: &str) -> String;
    /// The conversation cannot be opened again.
    fn cannot_restore(&self, why: &str) -> String;
    /// The label of the button that gives a prompt to the agent again. Plain.
    fn retry_label(&self) -> &'static str;
    /// The label of the button that opens the conversation once more. Plain.
    fn try_again_label(&self) -> &'static str;
    /// The label of the button that goes on in a new conversation. Plain.
    fn anew_label(&self) -> &'static str;
    /// The person stopped the turn; `ended` says that the agent did not answer and its process was ended.
    fn stopped(&self, partial: &str, ended: bool) -> String;
    /// The turn took too long; a sentence.
    fn turn_timeout(&self, minutes: u64) -> String;
    /// A prompt waits as the `place`th.
    fn queued(&self, place: usize) -> String;
    /// The button that stops what runs and gives this prompt to the agent at once. Plain.
    fn send_now_label(&self) -> &'static str;
    /// The button that takes a waiting prompt away. Plain.
    fn drop_label(&self) -> &'static str;
    /// What the notice of a waiting prompt becomes when its turn comes.
    fn queue_over(&self) -> String;
    /// What it becomes when the prompt was dropped.
    fn dropped(&self) -> String;
    /// Too many prompts wait.
    fn queue_full(&self, most: usize) -> String;
    /// A waiting prompt was changed as the person changed its message.
    fn edited(&self, place: usize) -> String;
    /// The agent cannot be given this; `what` is one of the channel's words for it, which are English ("a poll").
    fn unsupported(&self, what: &str) -> String;
    /// `/stop` with nothing running.
    fn nothing_running(&self) -> String;
    /// The answer went beyond its bound.
    fn truncated(&self) -> &'static str;
    /// A press by somebody else, or too late. Plain.
    fn not_yours(&self) -> String;
    /// A press on something that is over. Plain.
    fn no_longer(&self) -> String;
    /// A press on Retry. Plain.
    fn retrying(&self) -> String;
    /// Nobody answered a question. Plain.
    fn ask_timeout(&self) -> String;
    /// The turn was stopped before its question was answered. Plain.
    fn ask_stopped(&self) -> String;
    /// The agent refused the model that the person chose.
    fn model_refused(&self, model: &str, why: &str) -> String;
    /// The agent refused the mode that the person chose.
    fn mode_refused(&self, mode: &str, why: &str) -> String;
    /// The agent uses another model than the one chosen.
    fn model_fallback(&self, from: &str, to: &str, cause: Option<&str>) -> String;
    /// A turn without an answer.
    fn wordless(&self) -> String;
    /// A turn whose words were all sent before its end.
    fn done(&self) -> String;
    /// The agent broke off; `reason` is ACP's word.
    fn stopped_by_agent(&self, partial: &str, reason: &str) -> String;
}

impl TurnTexts for English {
    fn disk_full(&self) -> String {
        "Your message was not taken: the disk of the server is full. Free some space, then send it again.".to_owned()
    }

    fn pairing(&self, id: i64) -> String {
        format!(
            "This bot is not paired with anybody yet.\n\nYour Telegram id is `{id}`. To use the bot, its operator sets\n\n```\nALLOWED_TELEGRAM_IDS={id}\n```\n\nand restarts it."
        )
    }

    fn interrupted(&self) -> String {
        "⚠ Interrupted: the bot was restarted while the agent worked on this. It was not given to the agent again.".to_owned()
    }

    fn incomplete(&self, partial: &str, why: &str) -> String {
        format!("{partial}\n\n⚠ The answer is incomplete. {why}")
    }

    fn cannot_restore(&self, why: &str) -> String {
        format!("⚠ The conversation of this thread could not be opened again. {why} It is kept; you can try again, or go on in a new one.")
    }

    fn retry_label(&self) -> &'static str {
        "Retry"
    }

    fn try_again_label(&self) -> &'static str {
        "Try again"
    }

    fn anew_label(&self) -> &'static str {
        "New conversation"
    }

    fn stopped(&self, partial: &str, ended: bool) -> String {
        let how = if ended { "⏹ Stopped. The agent did not answer in time, so its process was ended." } else { "⏹ Stopped." };
        if partial.is_empty() { how.to_owned() } else { format!("{partial}\n\n{how}") }
    }

    fn turn_timeout(&self, minutes: u64) -> String {
        format!("The turn took longer than {minutes} minutes and was stopped.")
    }

    fn queued(&self, place: usize) -> String {
        format!("⏳ Queued ({place}). Its turn comes when the agent is done.")
    }

    fn send_now_label(&self) -> &'static str {
        "Send now"
    }

    fn drop_label(&self) -> &'static str {
        "Drop"
    }

    fn queue_over(&self) -> String {
        "▶ The agent has it.".to_owned()
    }

    fn dropped(&self) -> String {
        "🗑 Dropped: the agent does not get it.".to_owned()
    }

    fn queue_full(&self, most: usize) -> String {
        format!("Your message was not taken: {most} messages wait in this thread already.")
    }

    fn edited(&self, place: usize) -> String {
        format!("⏳ Queued ({place}), as you changed it.")
    }

    fn unsupported(&self, what: &str) -> String {
        format!("The agent cannot be given {what}.")
    }

    fn nothing_running(&self) -> String {
        "Nothing is running here.".to_owned()
    }

    fn truncated(&self) -> &'static str {
        "\n\n… The rest of this answer was too long and was dropped."
    }

    fn not_yours(&self) -> String {
        "This is not yours, or is settled already.".to_owned()
    }

    fn no_longer(&self) -> String {
        "This is settled already.".to_owned()
    }

    fn retrying(&self) -> String {
        "Once more…".to_owned()
    }

    fn ask_timeout(&self) -> String {
        "nobody answered in time: denied".to_owned()
    }

    fn ask_stopped(&self) -> String {
        "stopped before an answer".to_owned()
    }

    fn model_refused(&self, model: &str, why: &str) -> String {
        format!("⚠ The model {} could not be set: {why} The agent's own choice is used.", super::code(model))
    }

    fn mode_refused(&self, mode: &str, why: &str) -> String {
        format!("⚠ The mode {} could not be set: {why} The agent's own choice is used.", super::code(mode))
    }

    fn model_fallback(&self, from: &str, to: &str, cause: Option<&str>) -> String {
        let cause = cause.map_or(String::new(), |cause| format!(" ({cause})"));
        format!("⚠ The agent answers with {} in place of {}{cause}.", super::code(to), super::code(from))
    }

    fn wordless(&self) -> String {
        "The agent ended its turn without a word.".to_owned()
    }

    fn done(&self) -> String {
        "✅ Done.".to_owned()
    }

    fn stopped_by_agent(&self, partial: &str, reason: &str) -> String {
        let why = match reason {
            "max_tokens" => "the answer reached the model's longest length",
            "max_turn_requests" => "the agent reached its limit of steps for one turn",
            "refusal" => "the agent refuses to go on",
            _ => "the agent broke the turn off",
        };
        if partial.is_empty() { format!("⚠ There is no answer: {why}.") } else { format!("{partial}\n\n⚠ It ends here because {why}.") }
    }
}

impl TurnTexts for German {
    fn disk_full(&self) -> String {
        "Deine Nachricht wurde nicht angenommen: Der Speicher des Servers ist voll. Schaffe Platz und sende sie dann noch einmal."
            .to_owned()
    }

    fn pairing(&self, id: i64) -> String {
        format!(
            "Dieser Bot gehört noch niemandem.\n\nDeine Telegram-Nummer ist `{id}`. Damit du ihn benutzen kannst, setzt sein Betreiber\n\n```\nALLOWED_TELEGRAM_IDS={id}\n```\n\nund startet ihn neu."
        )
    }

    fn interrupted(&self) -> String {
        "⚠ Unterbrochen: Der Bot wurde neu gestartet, während der Agent daran arbeitete. Der Agent hat es nicht noch einmal bekommen."
            .to_owned()
    }

    fn incomplete(&self, partial: &str, why: &str) -> String {
        format!("{partial}\n\n⚠ Die Antwort ist unvollständig. {why}")
    }

    fn cannot_restore(&self, why: &str) -> String {
        format!(
            "⚠ Das Gespräch dieses Themas ließ sich nicht wieder öffnen. {why} Es ist nicht verloren; versuche es noch einmal, oder beginne ein neues."
        )
    }

    fn retry_label(&self) -> &'static str {
        "Wiederholen"
    }

    fn try_again_label(&self) -> &'static str {
        "Noch einmal"
    }

    fn anew_label(&self) -> &'static str {
        "Neues Gespräch"
    }

    fn stopped(&self, partial: &str, ended: bool) -> String {
        let how = if ended { "⏹ Angehalten. Der Agent antwortete nicht rechtzeitig, daher wurde er beendet." } else { "⏹ Angehalten." };
        if partial.is_empty() { how.to_owned() } else { format!("{partial}\n\n{how}") }
    }

    fn turn_timeout(&self, minutes: u64) -> String {
        format!("Es dauerte länger als {minutes} Minuten und wurde angehalten.")
    }

    fn queued(&self, place: usize) -> String {
        format!("⏳ In der Warteschlange ({place}). Es kommt dran, wenn der Agent fertig ist.")
    }

    fn send_now_label(&self) -> &'static str {
        "Jetzt senden"
    }

    fn drop_label(&self) -> &'static str {
        "Verwerfen"
    }

    fn queue_over(&self) -> String {
        "▶ Der Agent hat es.".to_owned()
    }

    fn dropped(&self) -> String {
        "🗑 Verworfen: Der Agent bekommt es nicht.".to_owned()
    }

    fn queue_full(&self, most: usize) -> String {
        format!("Deine Nachricht wurde nicht angenommen: Hier warten schon {most} Nachrichten.")
    }

    fn edited(&self, place: usize) -> String {
        format!("⏳ In der Warteschlange ({place}), so wie du es geändert hast.")
    }

    fn unsupported(&self, what: &str) -> String {
        let what = match what {
            "a photo" | "a live photo" => "ein Foto",
            "a voice message" => "eine Sprachnachricht",
            "a video message" => "eine Videonachricht",
            "an animation" => "eine Animation",
            "a file" => "eine Datei",
            "a video" => "ein Video",
            "an audio file" => "eine Tondatei",
            "a sticker" => "ein Sticker",
            "a place" => "ein Ort",
            "a contact" => "ein Kontakt",
            "a poll" => "eine Umfrage",
            "a checklist" => "eine Liste",
            "a story" => "eine Story",
            "a rich message" => "so eine Nachricht",
            "a dice" => "ein Würfel",
            "a game" => "ein Spiel",
            "a giveaway" => "eine Verlosung",
            "so long a text" => "ein so langer Text",
            _ => "so etwas",
        };
        format!("Das kann der Agent nicht bekommen: {what}.")
    }

    fn nothing_running(&self) -> String {
        "Hier läuft gerade nichts.".to_owned()
    }

    fn truncated(&self) -> &'static str {
        "\n\n… Der Rest dieser Antwort war zu lang und fehlt."
    }

    fn not_yours(&self) -> String {
        "Das gilt nicht dir, oder es ist schon entschieden.".to_owned()
    }

    fn no_longer(&self) -> String {
        "Das ist schon entschieden.".to_owned()
    }

    fn retrying(&self) -> String {
        "Noch einmal…".to_owned()
    }

    fn ask_timeout(&self) -> String {
        "niemand antwortete rechtzeitig: abgelehnt".to_owned()
    }

    fn ask_stopped(&self) -> String {
        "vor der Antwort angehalten".to_owned()
    }

    fn model_refused(&self, model: &str, why: &str) -> String {
        format!("⚠ Das Modell {} ließ sich nicht einstellen: {why} Der Agent wählt selbst.", super::code(model))
    }

    fn mode_refused(&self, mode: &str, why: &str) -> String {
        format!("⚠ Der Modus {} ließ sich nicht einstellen: {why} Der Agent wählt selbst.", super::code(mode))
    }

    fn model_fallback(&self, from: &str, to: &str, cause: Option<&str>) -> String {
        let cause = cause.map_or(String::new(), |cause| format!(" ({cause})"));
        format!("⚠ Der Agent antwortet mit {} statt mit {}{cause}.", super::code(to), super::code(from))
    }

    fn wordless(&self) -> String {
        "Der Agent ist ohne ein Wort fertig.".to_owned()
    }

    fn done(&self) -> String {
        "✅ Fertig.".to_owned()
    }

    fn stopped_by_agent(&self, partial: &str, reason: &str) -> String {
        let why = match reason {
            "max_tokens" => "die Antwort hat die größte Länge des Modells erreicht",
            "max_turn_requests" => "der Agent hat die Zahl seiner Schritte aufgebraucht",
            "refusal" => "der Agent macht nicht weiter",
            _ => "der Agent hat abgebrochen",
        };
        if partial.is_empty() { format!("⚠ Keine Antwort: {why}.") } else { format!("{partial}\n\n⚠ Hier ist Schluss: {why}.") }
    }
}

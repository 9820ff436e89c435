//! A permission request as a Telegram message, before and after its answer.

use super::fold::line;
use crate::channel::telegram::methods::{CALLBACK_DATA, TEXT};
use crate::channel::telegram::render::{Piece, lines};
use crate::channel::telegram::types::{EntityKind, InlineButton, InlineKeyboard};
use crate::gateway::texts::texts;
use crate::model::outbound::AskView;

/// Longest label of a button, in characters: what a phone shows in one line.
const LABEL: usize = 48;

/// Longest label that shares its row, in characters.
const SHORT: usize = 14;

/// Buttons in one row, at most: what a phone shows of short labels without cutting them.
const SIDE_BY_SIDE: usize = 3;

/// How a question was settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    /// The name of who chose; `None` when nobody did.
    pub(super) by: Option<String>,
    /// The label chosen, or why nobody chose.
    pub(super) choice: String,
    /// When, in Unix seconds.
    pub(super) at: u64,
}

/// The question. Usually one piece; a detail that does not fit into one goes on in the next, since nobody may approve what was cut off.
/// The buttons belong under the last.
pub(super) fn question(view: &AskView) -> Vec<Piece> {
    let title = title(view);
    lines(&[(Some(EntityKind::Bold), &title), (Some(EntityKind::Pre { language: None }), &view.detail)])
}

/// A button per option of the agent.
pub(super) fn options(view: &AskView) -> Option<InlineKeyboard> {
    let labels = view.options.iter().enumerate().map(|(index, option)| (option.label.as_str(), format!("{}:{index}", view.ask)));
    keyboard(labels)
}

/// What the question's last message says once it is settled.
pub(super) fn settled(view: &AskView, outcome: &Outcome) -> Piece {
    let (title, outcome) = (title(view), self::outcome(view, outcome));
    let head = (Some(EntityKind::Bold), title.as_str());
    let detail = (Some(EntityKind::Pre { language: None }), view.detail.as_str());
    let mut pieces = lines(&[head.clone(), detail, (None, &outcome)]);
    if pieces.len() > 1 {
        pieces = lines(&[head, (None, &outcome)]);
    }
    pieces.into_iter().next().unwrap_or(Piece { text: outcome, entities: Vec::new() })
}

/// What the question's last message says when a restart has left it open; `text` is what it said before.
pub(super) fn lost(view: &AskView, text: &str) -> String {
    let outcome = format!("⌛ {}", texts(view.language).ask_lost());
    let whole = format!("{text}\n{outcome}");
    if whole.encode_utf16().count() > TEXT { format!("{}\n{outcome}", title(view)) } else { whole }
}

/// Buttons with their labels and tokens, short ones side by side; those that turn a menu's pages, of which `‹` is the first, begin a row
/// of their own. One whose token Telegram would not take is left out, for it would take the message with it.
pub(super) fn keyboard<'a>(buttons: impl Iterator<Item = (&'a str, String)>) -> Option<InlineKeyboard> {
    let mut rows: Vec<Vec<InlineButton>> = Vec::new();
    let mut room = 0;
    for (text, callback_data) in buttons.filter(|(_, token)| (1..=CALLBACK_DATA).contains(&token.len())) {
        let button = InlineButton { text: label(text), callback_data };
        let is_short = button.text.chars().count() <= SHORT;
        match rows.last_mut() {
            Some(row) if is_short && room > 0 && button.text != "‹" => {
                row.push(button);
                room -= 1;
            }
            _ => {
                rows.push(vec![button]);
                room = if is_short { SIDE_BY_SIDE - 1 } else { 0 };
            }
        }
    }
    (!rows.is_empty()).then_some(InlineKeyboard { inline_keyboard: rows })
}

fn title(view: &AskView) -> String {
    let title = if view.title.trim().is_empty() { view.kind.as_str() } else { &view.title };
    format!("🔐 {title}")
}

fn outcome(view: &AskView, outcome: &Outcome) -> String {
    let Outcome { by, choice, at } = outcome;
    let minutes = at / 60 % (24 * 60);
    let time = format!("{:02}:{:02} UTC", minutes / 60, minutes % 60);
    let allowed = view.options.iter().any(|option| option.label == *choice && option.kind.starts_with("allow"));
    match by {
        Some(by) => format!("{} {choice} ({by}, {time})", if allowed { "✅" } else { "🚫" }),
        None => format!("⌛ {choice} ({time})"),
    }
}

fn label(label: &str) -> String {
    let label = line(label, LABEL);
    if label.is_empty() { "…".to_owned() } else { label }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::outbound::AskOption;
    use crate::model::permission::ToolKind;
    use crate::model::{Language, UserId};

    fn view(detail: &str) -> AskView {
        let option = |label: &str, kind: &str| AskOption { label: label.to_owned(), kind: kind.to_owned() };
        AskView {
            ask: "abcdefghijklmnop".to_owned(),
            user: UserId::telegram(7),
            title: "Run a command".to_owned(),
            detail: detail.to_owned(),
            kind: ToolKind::Execute,
            options: vec![option("Allow once", "allow_once"), option("Deny", "reject_once")],
            language: Default::default(),
            silent: false,
        }
    }

    #[test]
    fn a_question_shows_the_command_and_the_agent_s_options() {
        let view = view("rm -rf *x*");
        let pieces = question(&view);
        assert_eq!(pieces.len(), 1);
        assert_eq!(pieces[0].text, "🔐 Run a command\nrm -rf *x*");
        let rows = options(&view).unwrap().inline_keyboard;
        let shown: Vec<_> = rows.iter().flatten().map(|button| (button.text.as_str(), button.callback_data.as_str())).collect();
        assert_eq!(shown, [("Allow once", "abcdefghijklmnop:0"), ("Deny", "abcdefghijklmnop:1")]);
    }

    #[test]
    fn nothing_of_a_long_command_is_hidden() {
        let command = format!("{}; rm -rf /", "😀".repeat(2990));
        let all: String = question(&view(&command)).into_iter().map(|piece| piece.text).collect();
        assert!(all.ends_with("; rm -rf /") && all.matches('😀').count() == 2990);
    }

    #[test]
    fn a_settled_question_says_who_what_and_when() {
        let outcome = |by: Option<&str>, choice: &str| Outcome { by: by.map(str::to_owned), choice: choice.to_owned(), at: 50_640 };
        assert_eq!(settled(&view("ls"), &outcome(Some("Ann"), "Allow once")).text, "🔐 Run a command\nls\n✅ Allow once (Ann, 14:04 UTC)");
        assert!(settled(&view("ls"), &outcome(Some("Ann"), "Deny")).text.ends_with("🚫 Deny (Ann, 14:04 UTC)"));
        let long = settled(&view(&"😀".repeat(3000)), &outcome(None, "nobody answered in time"));
        assert_eq!(long.text, "🔐 Run a command\n⌛ nobody answered in time (14:04 UTC)");
    }

    #[test]
    fn a_question_that_a_restart_left_open_says_so_in_its_person_s_language() {
        assert_eq!(lost(&view("ls"), "🔐 Run a command\nls"), "🔐 Run a command\nls\n⌛ the bot was restarted: ask the agent again");
        let german = AskView { language: Language::German, ..view("ls") };
        assert!(lost(&german, "ls").contains("neu gestartet"));
        assert!(lost(&view("ls"), &"😀".repeat(2040)).starts_with("🔐 Run a command\n⌛"));
    }

    #[test]
    fn a_button_that_telegram_refuses_is_left_out() {
        assert!(keyboard([("a", String::new()), ("b", "x".repeat(65))].into_iter()).is_none());
        let rows = keyboard([(" \n", "t".to_owned()), (&*"l".repeat(99), "t".to_owned())].into_iter()).unwrap().inline_keyboard;
        assert_eq!(rows[0][0].text, "…");
        assert_eq!(rows[1][0].text.chars().count(), LABEL);
    }

    #[test]
    fn short_labels_stand_side_by_side_and_long_ones_alone() {
        let rows = |labels: &[&str]| {
            let keyboard = keyboard(labels.iter().map(|label| (*label, "t".to_owned()))).unwrap();
            let row = |row: Vec<InlineButton>| row.into_iter().map(|button| button.text).collect::<Vec<String>>().join("|");
            keyboard.inline_keyboard.into_iter().map(row).collect::<Vec<String>>()
        };
        assert_eq!(rows(&["Send", "Delete", "Back", "More"]), ["Send|Delete|Back", "More"]);
        assert_eq!(rows(&["fourteen chars", "a label of fifteen", "a", "b"]), ["fourteen chars", "a label of fifteen", "a|b"]);
        assert_eq!(rows(&["one", "two", "‹", "1/2", "›"]), ["one|two", "‹|1/2|›"]);
    }
}

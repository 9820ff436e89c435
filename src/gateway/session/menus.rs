//! Menus: messages of the bot with buttons, rewritten in place as those are pressed.
//!
//! A button's token says what a tap on it means, and for whom ([`tap`]). What it stands for is looked up again at the tap: a menu may be
//! as old as the chat.

mod choices;
mod conversations;
mod files;
mod hosts;
mod settings;
mod tap;

use super::Session;
use crate::gateway::turn::Press;
use crate::model::UserId;
use crate::model::outbound::{Edit, Message, Show};
use crate::store::{EntryId, StoreError};

pub(in crate::gateway) use hosts::host_buttons;
pub(super) use tap::PREFIX;
use tap::{Deed, Menu, Tap, Wrong};

/// Rows of a page: what a phone shows without scrolling.
const ROWS: usize = 8;

/// A menu as it is shown.
struct View {
    /// Markdown.
    text: String,
    /// Labels and tokens.
    buttons: Vec<(String, String)>,
}

/// What comes of a tap.
struct Outcome {
    /// What the person is told for a moment; plain, empty for nothing.
    toast: String,
    /// What the menu becomes; `None` when it stays.
    view: Option<View>,
}

impl Outcome {
    /// The menu stays, and the person is told something.
    fn word(toast: String) -> Self {
        Self { toast, view: None }
    }

    /// The menu changes.
    fn view(view: View) -> Self {
        Self { toast: String::new(), view: Some(view) }
    }
}

impl Session {
    /// A button of a menu.
    pub(super) async fn on_menu_press(&mut self, press: Press) -> Result<(), StoreError> {
        let texts = self.person().texts();
        let outcome = match Tap::read(&press.token, &press.by) {
            Err(Wrong::NotYours) => Outcome::word(texts.not_yours()),
            Err(Wrong::Unknown) => Outcome::word(texts.no_longer()),
            Ok(tap) => match tap.menu {
                Menu::Models | Menu::Modes => self.on_choice(tap)?,
                Menu::Conversations => self.on_conversation(tap)?,
                Menu::Files => self.on_file(tap).await?,
                Menu::Settings => self.on_setting(tap).await?,
                Menu::Hosts => self.on_host(tap).await?,
            },
        };
        let Press { press, message, .. } = press;
        // A terminal has neither toasts nor messages that are rewritten.
        let edit = (message != 0).then_some(Edit::Number(message));
        let view = match outcome.view {
            None if edit.is_none() && !outcome.toast.is_empty() => Some(View { text: outcome.toast.clone(), buttons: Vec::new() }),
            view => view,
        };
        let posted = match view {
            Some(view) => self.post(&Message { edit, ..self.menu(view) }).await,
            None => Ok(()),
        };
        // The press is over when it is answered: a script may press the next button then, and that is one of the new menu.
        self.toast(press, outcome.toast).await;
        posted
    }

    /// Answers a command with a menu.
    async fn answer_with(&mut self, entry: EntryId, view: View) -> Result<(), StoreError> {
        self.deps.store.settle(entry, Some(&self.menu(view)))?;
        self.deps.faces.show(self.key.thread, Show::Deliver).await;
        Ok(())
    }

    fn menu(&self, View { text, buttons }: View) -> Message {
        Message { buttons, ..self.person().notice(self.key.thread, text) }
    }
}

/// The buttons of one page: a row each, and below them those that turn the pages, where there is more than one.
fn page(owner: &UserId, menu: Menu, rows: &[(String, u64)], number: usize) -> Vec<(String, String)> {
    let pages = rows.len().div_ceil(ROWS).max(1);
    let number = number.min(pages - 1);
    let token = |deed, item, number| Tap { menu, deed, item, number }.token(owner);
    let shown = rows.iter().skip(number * ROWS).take(ROWS);
    let mut buttons: Vec<(String, String)> = shown.map(|(label, item)| (label.clone(), token(Deed::Pick, *item, number))).collect();
    if pages > 1 {
        buttons.push(("‹".to_owned(), token(Deed::Turn, 0, (number + pages - 1) % pages)));
        buttons.push((format!("{}/{pages}", number + 1), token(Deed::Turn, 0, number)));
        buttons.push(("›".to_owned(), token(Deed::Turn, 0, (number + 1) % pages)));
    }
    buttons
}

/// The beginning of a text that is to stand in a label beside something else.
fn short(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", text.split_at(end).0.trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(count: u64, number: usize) -> Vec<String> {
        let rows: Vec<(String, u64)> = (0..count).map(|row| (row.to_string(), row)).collect();
        page(&UserId::telegram(1), Menu::Files, &rows, number).into_iter().map(|(label, _)| label).collect()
    }

    #[test]
    fn a_page_has_eight_rows_and_turns_where_there_are_more() {
        assert!(labels(0, 0).is_empty());
        assert_eq!(labels(8, 0).len(), 8);
        assert_eq!(labels(17, 1), ["8", "9", "10", "11", "12", "13", "14", "15", "‹", "2/3", "›"]);
        assert_eq!(labels(17, 99), ["16", "‹", "3/3", "›"], "a page that is there no more is the last");
    }

    #[test]
    fn pages_turn_in_a_circle() {
        let rows: Vec<(String, u64)> = (0..17).map(|row| (row.to_string(), row)).collect();
        let owner = UserId::telegram(1);
        let turned = |number| {
            let buttons = page(&owner, Menu::Models, &rows, number);
            let to = |label: &str| Tap::read(&buttons.iter().find(|(l, _)| l == label).unwrap().1, &owner).unwrap().number;
            (to("‹"), to("›"))
        };
        assert_eq!((turned(0), turned(1), turned(2)), ((2, 1), (0, 2), (1, 0)));
    }

    #[test]
    fn a_long_label_is_cut_between_characters() {
        assert_eq!((short("äöü", 3), short("äö üx", 3)), ("äöü".to_owned(), "äö…".to_owned()));
    }
}

//! `/model` and `/mode`: what the agent offers, chosen for one thread. The next turn sets it, and says so where the agent refuses.

use super::tap::{Deed, Menu, Tap, mark, marked};
use super::{Outcome, View, page, short};
use crate::gateway::session::Session;
use crate::gateway::texts::Choice;
use crate::store::{EntryId, SessionRecord, StoreError};

/// Longest name on a button, in characters: one line of a phone.
const NAME: usize = 40;

impl Choice {
    fn menu(self) -> Menu {
        match self {
            Self::Model => Menu::Models,
            Self::Mode => Menu::Modes,
        }
    }

    /// What the person chose for the thread.
    pub(in crate::gateway) fn chosen_in(self, record: &mut SessionRecord) -> &mut Option<String> {
        match self {
            Self::Model => &mut record.model,
            Self::Mode => &mut record.mode,
        }
    }

    fn offered_in(self, record: &SessionRecord) -> &[(String, String)] {
        match self {
            Self::Model => &record.models,
            Self::Mode => &record.modes,
        }
    }
}

impl Session {
    /// The command without a name.
    pub(in crate::gateway::session) async fn show_choices(&mut self, entry: EntryId, choice: Choice) -> Result<(), StoreError> {
        let record = self.deps.store.session(&self.key)?;
        let view = self.choices(choice, record, 0);
        self.answer_with(entry, view).await
    }

    /// The command with a name.
    pub(in crate::gateway::session) async fn choose(&mut self, entry: EntryId, choice: Choice, name: String) -> Result<(), StoreError> {
        let texts = self.person().texts();
        let mut record = self.deps.store.session(&self.key)?;
        let offered = choice.offered_in(&record);
        if !offered.is_empty() && !offered.iter().any(|(id, _)| *id == name) {
            return self.reply(entry, texts.unknown_choice(choice, &name, offered)).await;
        }
        *choice.chosen_in(&mut record) = Some(name.clone());
        self.deps.store.put_session(&self.key, &record)?;
        self.reply(entry, texts.chosen(choice, &name)).await
    }

    pub(super) fn on_choice(&self, tap: Tap) -> Result<Outcome, StoreError> {
        let choice = if tap.menu == Menu::Models { Choice::Model } else { Choice::Mode };
        let mut record = self.deps.store.session(&self.key)?;
        if tap.deed == Deed::Pick {
            let Some((id, _)) = marked(choice.offered_in(&record), tap.item, |(id, _)| id.as_bytes()).cloned() else {
                return Ok(Outcome::word(self.person().texts().no_longer()));
            };
            *choice.chosen_in(&mut record) = Some(id);
            self.deps.store.put_session(&self.key, &record)?;
        }
        Ok(Outcome::view(self.choices(choice, record, tap.number)))
    }

    fn choices(&self, choice: Choice, mut record: SessionRecord, number: usize) -> View {
        let current = choice.chosen_in(&mut record).clone();
        let offered = choice.offered_in(&record);
        let row = |(id, name): &(String, String)| {
            let tick = if current.as_ref() == Some(id) { "✓ " } else { "" };
            (format!("{tick}{}", short(name, NAME)), mark(id.as_bytes()))
        };
        let rows: Vec<(String, u64)> = offered.iter().map(row).collect();
        let text = self.person().texts().choices(choice, current.as_deref(), !rows.is_empty());
        View { text, buttons: page(&self.key.user, choice.menu(), &rows, number) }
    }
}

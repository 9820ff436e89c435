//! `/settings`: what a person wants of the bot, in every thread. A tap takes the next value; its button names that value, so that two
//! quick taps on one button do what one does.

use super::tap::{Deed, Menu, Tap};
use super::{Outcome, View};
use crate::gateway::session::Session;
use crate::model::Language;
use crate::store::{EntryId, Notifications, StoreError, UserRecord, Verbosity};

const VERBOSITIES: [Verbosity; 3] = [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose];
const NOTIFICATIONS: [Notifications; 3] = [Notifications::Final, Notifications::Questions, Notifications::None];
const SWITCH: [bool; 2] = [false, true];
const LANGUAGES: [Option<Language>; 3] = [None, Some(Language::English), Some(Language::German)];

/// The place of the language in the menu.
const LANGUAGE: u64 = 5;

impl Session {
    pub(in crate::gateway::session) async fn show_settings(&mut self, entry: EntryId) -> Result<(), StoreError> {
        let view = self.settings();
        self.answer_with(entry, view).await
    }

    pub(super) async fn on_setting(&mut self, tap: Tap) -> Result<Outcome, StoreError> {
        if tap.deed == Deed::Pick {
            let mut record = self.deps.store.user(&self.key.user)?;
            if !set(&mut record, tap.item, tap.number) {
                return Ok(Outcome::word(self.person().texts().no_longer()));
            }
            self.deps.store.put_user(&record)?;
            if tap.item == LANGUAGE {
                self.renew_menu().await?;
            }
        }
        Ok(Outcome::view(self.settings()))
    }

    /// The client's menu of commands speaks the language that was chosen.
    async fn renew_menu(&mut self) -> Result<(), StoreError> {
        let menu = self.person().menu(&self.deps.store.session(&self.key)?.commands);
        self.deps.faces.show(self.key.thread, menu).await;
        Ok(())
    }

    fn settings(&self) -> View {
        let person = self.person();
        let record = person.settings();
        let labels = person.texts().setting_labels(record);
        let button = |(label, (item, number)): (String, (u64, usize))| {
            (label, Tap { menu: Menu::Settings, deed: Deed::Pick, item, number }.token(&self.key.user))
        };
        let buttons = labels.into_iter().zip((0..).zip(next(record))).map(button).collect();
        View { text: person.texts().settings().to_owned(), buttons }
    }
}

/// The value of each setting after the present one, in the order of the menu.
fn next(record: &UserRecord) -> [usize; 6] {
    [
        after(&VERBOSITIES, record.verbosity),
        after(&NOTIFICATIONS, record.notifications),
        after(&SWITCH, record.thoughts),
        after(&SWITCH, record.rich),
        after(&SWITCH, record.usage),
        after(&LANGUAGES, record.chosen),
    ]
}

fn after<T: PartialEq>(values: &[T], present: T) -> usize {
    values.iter().position(|value| *value == present).map_or(0, |place| (place + 1) % values.len())
}

/// Sets a setting by its place in the menu to a value by its place among its values. Returns whether there are such.
fn set(record: &mut UserRecord, setting: u64, value: usize) -> bool {
    match setting {
        0 => put(&mut record.verbosity, &VERBOSITIES, value),
        1 => put(&mut record.notifications, &NOTIFICATIONS, value),
        2 => put(&mut record.thoughts, &SWITCH, value),
        3 => put(&mut record.rich, &SWITCH, value),
        4 => put(&mut record.usage, &SWITCH, value),
        LANGUAGE => put(&mut record.chosen, &LANGUAGES, value),
        _ => false,
    }
}

fn put<T: Copy>(setting: &mut T, values: &[T], value: usize) -> bool {
    let found = values.get(value).copied();
    found.map(|value| *setting = value).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UserId;

    #[test]
    fn every_setting_goes_through_all_its_values_and_back() {
        let begun = UserRecord::new(UserId::telegram(1));
        for (setting, values) in (0_u64..).zip([3, 3, 2, 2, 2, 3]) {
            let mut record = begun.clone();
            for step in 0..values {
                assert_eq!(record == begun, step == 0, "setting {setting} after {step} taps");
                let value = next(&record)[usize::try_from(setting).unwrap()];
                assert!(set(&mut record, setting, value));
            }
            assert_eq!(record, begun);
        }
    }

    #[test]
    fn what_is_no_setting_changes_nothing() {
        let mut record = UserRecord::new(UserId::telegram(1));
        assert!(!set(&mut record, 6, 0) && !set(&mut record, 0, 3) && !set(&mut record, u64::MAX, usize::MAX));
        assert_eq!(record, UserRecord::new(UserId::telegram(1)));
    }
}

//! `/hosts`: what agents may reach beyond their policy and what they wanted to, for operators; and the buttons of a notice about a refusal.

use super::tap::{Deed, Menu, Tap, mark, marked};
use super::{Outcome, View, page};
use crate::gateway::session::Session;
use crate::gateway::texts::Texts;
use crate::model::UserId;
use crate::store::{EntryId, HostAnswer, HostRecord, StoreError};

/// The buttons of a notice to an operator: once, always, no.
pub(in crate::gateway) fn host_buttons(record: &HostRecord, operator: &UserId, texts: &dyn Texts) -> Vec<(String, String)> {
    let [once, always, no, _, _] = texts.host_labels();
    let button = |label: &str, deed| (label.to_owned(), tap(record, deed, 0).token(operator));
    vec![button(once, Deed::Once), button(always, Deed::Always), button(no, Deed::No)]
}

fn tap(record: &HostRecord, deed: Deed, number: usize) -> Tap {
    Tap { menu: Menu::Hosts, deed, item: mark(&record.key()), number }
}

impl Session {
    pub(in crate::gateway::session) async fn show_hosts(&mut self, entry: EntryId) -> Result<(), StoreError> {
        let view = match self.is_operator() {
            true => self.hosts(&self.deps.store.hosts()?, 0),
            false => View { text: self.person().texts().operators_only(), buttons: Vec::new() },
        };
        self.answer_with(entry, view).await
    }

    /// A button of the menu or of a notice. The settings may have changed since it was shown: who taps it has to be an operator still.
    pub(super) async fn on_host(&mut self, tap: Tap) -> Result<Outcome, StoreError> {
        let texts = self.person().texts();
        if !self.is_operator() {
            return Ok(Outcome::word(texts.operators_only()));
        }
        let records = self.deps.store.hosts()?;
        if tap.deed == Deed::Turn {
            return Ok(Outcome::view(self.hosts(&records, tap.number)));
        }
        let keys: Vec<(Vec<u8>, &HostRecord)> = records.iter().map(|record| (record.key(), record)).collect();
        let Some((_, record)) = marked(&keys, tap.item, |(key, _)| key) else {
            return Ok(Outcome { toast: texts.no_longer(), view: Some(self.hosts(&records, tap.number)) });
        };
        let (hosts, by) = (&self.deps.hosts, self.key.user);
        let text = match tap.deed {
            Deed::Once if hosts.once(record, by).await? => texts.host_once(&record.target),
            Deed::Once => return Ok(Outcome::word(texts.host_not_once())),
            Deed::Always if hosts.answer((*record).clone(), HostAnswer::Always, by).await? => {
                texts.host_always(&record.agent, &record.target)
            }
            Deed::Always => return Ok(Outcome::word(texts.too_many_hosts())),
            Deed::No => {
                hosts.answer((*record).clone(), HostAnswer::No, by).await?;
                texts.host_no(&record.target)
            }
            Deed::Forget => {
                hosts.forget(record, by).await?;
                texts.host_forgotten(&record.target)
            }
            _ => return Ok(Outcome::view(self.host(record, tap.number))),
        };
        Ok(Outcome { toast: String::new(), view: Some(View { text, buttons: Vec::new() }) })
    }

    fn is_operator(&self) -> bool {
        self.deps.config.is_operator(&self.key.user)
    }

    fn hosts(&self, records: &[HostRecord], number: usize) -> View {
        let row = |record: &HostRecord| (format!("{} {} · {}", sign(record.answer), record.target, record.agent), mark(&record.key()));
        let rows: Vec<(String, u64)> = records.iter().map(row).collect();
        View { text: self.person().texts().hosts(rows.is_empty()).to_owned(), buttons: page(&self.key.user, Menu::Hosts, &rows, number) }
    }

    /// One host, with what can be said of it.
    fn host(&self, record: &HostRecord, number: usize) -> View {
        let texts = self.person().texts();
        let [_, always, no, forget, back] = texts.host_labels();
        let deeds = match record.answer {
            HostAnswer::Asked => vec![(always, Deed::Always), (no, Deed::No)],
            HostAnswer::Always => vec![(forget, Deed::Forget)],
            HostAnswer::No => vec![(always, Deed::Always), (forget, Deed::Forget)],
        };
        let deeds = deeds.into_iter().chain([(back, Deed::Turn)]);
        let buttons = deeds.map(|(label, deed)| (label.to_owned(), tap(record, deed, number).token(&self.key.user))).collect();
        View { text: texts.host(record), buttons }
    }
}

fn sign(answer: HostAnswer) -> char {
    match answer {
        HostAnswer::Asked => '?',
        HostAnswer::Always => '✓',
        HostAnswer::No => '✗',
    }
}

//! `/files`: what is in the thread's workspace, file by file, to be sent or deleted.

use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::tap::{Deed, Menu, Tap, mark, marked};
use super::{Outcome, View, page};
use crate::gateway::files::listing::{Listed, Listing, delete, list};
use crate::gateway::session::Session;
use crate::gateway::texts::size;
use crate::gateway::{clock, workspace};
use crate::model::outbound::{FileOut, Message};
use crate::store::{EntryId, StoreError};

/// Files that are listed: 25 pages, which nobody turns to their end.
const FILES: usize = 200;

/// Longest path on a button, in characters; its end is kept, which tells more.
const PATH: usize = 28;

impl Session {
    pub(in crate::gateway::session) async fn show_files(&mut self, entry: EntryId) -> Result<(), StoreError> {
        let view = self.files(0).await;
        self.answer_with(entry, view).await
    }

    pub(super) async fn on_file(&mut self, tap: Tap) -> Result<Outcome, StoreError> {
        if tap.deed == Deed::Turn {
            return Ok(Outcome::view(self.files(tap.number).await));
        }
        let texts = self.person().texts();
        let Some(listing) = self.listing().await else { return Ok(Outcome::view(self.files_of(None, 0))) };
        let Some(file) = marked(&listing.files, tap.item, |file| file.path.as_os_str().as_bytes()) else {
            // It is gone, or has another name: the list shows what there is.
            return Ok(Outcome { toast: texts.no_longer(), view: Some(self.files_of(Some(listing), tap.number)) });
        };
        match tap.deed {
            Deed::Send => {
                let toast = self.send_file(file).await?;
                Ok(Outcome::word(toast))
            }
            Deed::Delete => {
                let [_, delete, back] = texts.file_labels();
                let buttons = vec![self.file_button(delete, Deed::DeleteNow, tap), self.file_button(back, Deed::Pick, tap)];
                Ok(Outcome::view(View { text: texts.delete_file(&file.shown), buttons }))
            }
            Deed::DeleteNow => {
                let deleted = self.delete_file(file.path.clone()).await;
                let toast = if deleted { texts.deleted() } else { texts.not_deleted() };
                Ok(Outcome { toast, view: Some(self.files(tap.number).await) })
            }
            _ => Ok(Outcome::view(self.file(file, tap))),
        }
    }

    async fn send_file(&mut self, file: &Listed) -> Result<String, StoreError> {
        let person = self.person();
        let Some(path) = file.path.to_str().map(str::to_owned) else { return Ok(person.texts().no_longer()) };
        let file = FileOut { owner: self.key.user, path, caption: String::new() };
        let message = Message { files: vec![file], ..person.notice(self.key.thread, String::new()) };
        self.post(&message).await?;
        Ok(person.texts().sending())
    }

    async fn delete_file(&mut self, path: PathBuf) -> bool {
        let (deps, key) = (Arc::clone(&self.deps), self.key.clone());
        let deleted = tokio::task::spawn_blocking(move || match workspace::open(&deps, &key) {
            Ok(Some(workspace)) => delete(&workspace, &path).unwrap_or_else(|error| {
                tracing::debug!(%error, thread = %key.thread, "a file was not deleted");
                false
            }),
            _ => false,
        });
        deleted.await.unwrap_or(false)
    }

    /// One file, with what can be done with it.
    fn file(&self, file: &Listed, tap: Tap) -> View {
        let texts = self.person().texts();
        let [send, delete, back] = texts.file_labels();
        let sendable = file.path.to_str().is_some();
        let send = sendable.then(|| self.file_button(send, Deed::Send, tap));
        let others = [self.file_button(delete, Deed::Delete, tap), self.file_button(back, Deed::Turn, tap)];
        let text = texts.file(&file.shown, &size(file.size), &texts.ago(age(file)), sendable);
        View { text, buttons: send.into_iter().chain(others).collect() }
    }

    fn file_button(&self, label: &str, deed: Deed, tap: Tap) -> (String, String) {
        (label.to_owned(), Tap { deed, ..tap }.token(&self.key.user))
    }

    async fn files(&mut self, number: usize) -> View {
        let listing = self.listing().await;
        self.files_of(listing, number)
    }

    fn files_of(&self, listing: Option<Listing>, number: usize) -> View {
        let texts = self.person().texts();
        let Some(Listing { files, more }) = listing else { return View { text: texts.no_workspace(), buttons: Vec::new() } };
        let row = |file: &Listed| {
            let label = format!("{} · {} · {}", end_of(&file.shown), size(file.size), texts.age(age(file)));
            (label, mark(file.path.as_os_str().as_bytes()))
        };
        let rows: Vec<(String, u64)> = files.iter().map(row).collect();
        View { text: texts.files(rows.len(), more), buttons: page(&self.key.user, Menu::Files, &rows, number) }
    }

    /// The files as they are; `None` when they cannot be read. It blocks a thread for some 20 ms at most, so another than this one.
    async fn listing(&mut self) -> Option<Listing> {
        let (deps, key) = (Arc::clone(&self.deps), self.key.clone());
        let listed = tokio::task::spawn_blocking(move || match workspace::open(&deps, &key) {
            Ok(workspace) => Some(workspace.map_or_else(Listing::default, |workspace| list(&workspace, FILES))),
            Err(error) => {
                tracing::warn!(%error, thread = %key.thread, "a workspace cannot be listed");
                None
            }
        });
        listed.await.ok().flatten()
    }
}

/// Seconds since a file changed, by the agent's word: what it dates into the future is new.
fn age(file: &Listed) -> u64 {
    clock::unix_now().saturating_sub(u64::try_from(file.modified).unwrap_or_default())
}

fn end_of(path: &str) -> String {
    match path.char_indices().rev().nth(PATH) {
        Some((at, c)) => format!("…{}", path.split_at(at + c.len_utf8()).1),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_long_path_the_end_is_shown() {
        assert_eq!(end_of("src/main.rs"), "src/main.rs");
        assert_eq!(end_of(&format!("{}/müsli.txt", "d".repeat(50))), format!("…{}/müsli.txt", "d".repeat(18)));
    }

    #[test]
    fn a_file_from_the_future_is_new_and_one_from_before_1970_is_old() {
        let file = |modified| Listed { path: PathBuf::new(), shown: String::new(), size: 0, modified };
        assert_eq!(age(&file(i64::MAX)), 0);
        assert!(age(&file(-5)) > 1_000_000_000);
    }
}

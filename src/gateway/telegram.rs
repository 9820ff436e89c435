//! The Telegram face: what people do there becomes [`Inbound`](crate::model::inbound::Inbound), and what sessions show becomes messages.

mod board;
mod delivery;
mod fold;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod inbound;
mod names;
mod pace;
mod pacer;
mod plan;
mod preview;
mod question;
mod screen;
mod topics;
mod trace;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::time::sleep;

use super::clock::unix_now;
use super::texts::texts;
use super::{Intake, MENU, Shows};
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::methods::{BotCommand, GetMe, Method, SetMyCommands};
use crate::channel::telegram::poll::{PollEnd, Poller};
use crate::channel::telegram::types::{Update, User};
use crate::model::Language;
use crate::store::{Store, StoreError};

use inbound::note;
use names::Names;
use screen::Screens;

/// Why Telegram cannot be served, in a way that no waiting mends.
#[derive(Debug, thiserror::Error)]
pub enum TelegramError {
    /// The token is refused.
    #[error(transparent)]
    Refused(#[from] PollEnd),
    /// The outbox cannot be read.
    #[error("the messages that wait for Telegram cannot be read: {0}")]
    Outbox(#[from] StoreError),
}

/// What the face works with.
#[derive(Debug)]
pub struct Telegram {
    /// The client.
    pub api: Api,
    /// Where what people do is taken in.
    pub intake: Intake,
    /// The outbox, and what stands in the chats.
    pub store: Store,
    /// What sessions show.
    pub shows: Shows,
    /// Below it are the workspaces from which files are sent.
    pub workspaces: PathBuf,
    /// Becomes true when no more is to be taken in.
    pub stop: watch::Receiver<bool>,
}

/// Serves Telegram until the sessions are gone.
///
/// # Errors
/// [`TelegramError`]; everything else is waited out.
pub async fn run(face: Telegram) -> Result<(), TelegramError> {
    let Telegram { api, intake, store, shows, workspaces, stop } = face;
    let names = Names::default();
    let screens = Screens::new(api.clone(), store.clone(), names.clone(), workspaces);
    let ears = Ears { intake, store, names, screens: Arc::clone(&screens) };
    tokio::select! {
        end = screens.serve(shows) => Ok(end?),
        end = listen(api, ears, stop) => Err(end.into()),
    }
}

/// Resolves when no more is to be taken in.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending().await
    }
}

/// What events go to.
struct Ears {
    intake: Intake,
    store: Store,
    names: Names,
    screens: Arc<Screens>,
}

/// Polls until it is to stop; then what was taken in last is confirmed, so that it does not come again.
async fn listen(api: Api, ears: Ears, mut stop: watch::Receiver<bool>) -> PollEnd {
    let bot = match who_am_i(&api).await {
        Ok(bot) => bot,
        Err(end) => return end,
    };
    tracing::info!(bot = bot.id, "Telegram takes the token; polling");
    tokio::spawn(set_menu(api.clone()));
    let mut poller = Poller::new(api);
    loop {
        tokio::select! {
            updates = poller.next() => match updates {
                Ok(updates) => ears.take_in(updates, &bot).await,
                Err(end) => return end,
            },
            () = stopped(&mut stop) => break,
        }
    }
    poller.confirm().await;
    std::future::pending().await
}

impl Ears {
    /// Takes a batch in. When it returns, all of it is durable, and the next poll may confirm it.
    async fn take_in(&self, updates: Vec<Update>, bot: &User) {
        for update in updates {
            self.names.learn(&update);
            if let Some(note) = note(&update) {
                insist(async || self.screens.heed_note(note)).await;
            }
            let Some(inbound) = inbound::read(update, bot, unix_now()) else { continue };
            insist(|| self.intake.take_in(inbound.clone())).await;
        }
        insist(|| self.store.flush()).await;
    }
}

/// Until the store takes it: what Telegram is told to forget must be in it.
async fn insist<F: Future<Output = Result<(), StoreError>>>(mut attempt: impl FnMut() -> F) {
    let mut backoff = Backoff::usual();
    while let Err(error) = attempt().await {
        tracing::error!(%error, "what came from Telegram cannot be stored; trying again");
        sleep(backoff.pause()).await;
    }
}

/// Checks the token, however long Telegram cannot be reached.
async fn who_am_i(api: &Api) -> Result<User, PollEnd> {
    let mut backoff = Backoff::usual();
    loop {
        api.polls.expect_within(GetMe::TIMEOUT);
        match api.call(&GetMe {}).await {
            Ok(bot) => {
                api.polls.succeeded();
                return Ok(bot);
            }
            Err(ApiError::Unauthorized { .. }) => return Err(PollEnd::Refused),
            Err(error) => {
                tracing::warn!(%error, "Telegram does not answer yet; trying again");
                let least = if let ApiError::Flood { retry_after, .. } = error { retry_after } else { std::time::Duration::ZERO };
                let pause = backoff.pause().max(least);
                api.polls.failed(error.to_string());
                api.polls.expect_within(pause);
                sleep(pause).await;
            }
        }
    }
}

/// The menu in every language; English for all that we do not speak. Without it the commands work all the same; clients only do not offer them.
async fn set_menu(api: Api) {
    for language in Language::ALL {
        let command = |name: &&str| BotCommand { command: (*name).to_owned(), description: texts(language).describe(name).to_owned() };
        let language_code = (language != Language::English).then(|| language.code().to_owned());
        let request = SetMyCommands { commands: MENU.iter().map(command).collect(), scope: None, language_code };
        if let Err(error) = api.call(&request).await {
            tracing::warn!(%error, language = language.code(), "the menu of commands could not be set");
        }
    }
}

//! The Telegram face: what people do there becomes [`Inbound`](crate::model::inbound::Inbound), and what sessions show becomes messages.

mod board;
mod delivery;
mod fold;
mod inbound;
mod names;
mod pace;
mod pacer;
mod plan;
mod preview;
mod question;
mod screen;
mod trace;

use tokio::time::sleep;

use super::clock::unix_now;
use super::texts::texts;
use super::{Intake, MENU, Shows};
use crate::channel::telegram::api::{Api, ApiError};
use crate::channel::telegram::backoff::Backoff;
use crate::channel::telegram::methods::{BotCommand, GetMe, SetMyCommands};
use crate::channel::telegram::poll::{PollEnd, Poller};
use crate::channel::telegram::types::{Update, User};
use crate::model::Language;
use crate::store::{Store, StoreError};

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

/// Serves Telegram until the sessions are gone.
///
/// # Errors
/// [`TelegramError`]; everything else is waited out.
pub async fn run(api: Api, intake: Intake, store: Store, shows: Shows) -> Result<(), TelegramError> {
    let names = Names::default();
    let screens = Screens::new(api.clone(), store.clone(), names.clone());
    tokio::select! {
        end = screens.serve(shows) => Ok(end?),
        end = listen(api, intake, store, names) => Err(end.into()),
    }
}

/// Polls for ever.
async fn listen(api: Api, intake: Intake, store: Store, names: Names) -> PollEnd {
    let bot = match who_am_i(&api).await {
        Ok(bot) => bot,
        Err(end) => return end,
    };
    tracing::info!(bot = bot.id, "Telegram takes the token; polling");
    tokio::spawn(set_menu(api.clone()));
    let mut poller = Poller::new(api);
    loop {
        match poller.next().await {
            Ok(updates) => take_in(updates, &bot, &intake, &store, &names).await,
            Err(end) => return end,
        }
    }
}

/// Takes a batch in. When it returns, all of it is durable, and the next poll may confirm it.
async fn take_in(updates: Vec<Update>, bot: &User, intake: &Intake, store: &Store, names: &Names) {
    for update in updates {
        names.learn(&update);
        let Some(inbound) = inbound::read(update, bot, unix_now()) else { continue };
        insist(|| intake.take_in(inbound.clone())).await;
    }
    insist(|| store.flush()).await;
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
        match api.call(&GetMe {}).await {
            Ok(bot) => return Ok(bot),
            Err(ApiError::Unauthorized { .. }) => return Err(PollEnd::Refused),
            Err(error) => {
                tracing::warn!(%error, "Telegram does not answer yet; trying again");
                let least = if let ApiError::Flood { retry_after, .. } = error { retry_after } else { std::time::Duration::ZERO };
                sleep(backoff.pause().max(least)).await;
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

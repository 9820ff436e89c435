//! A stand-in for Telegram's Bot API server, in the test's own process.
//!
//! It checks every call against the published description of the Bot API, refuses what the real server refuses in its words and shapes,
//! records everything in order, and lets tests act as people:
//!
//! ```ignore
//! let telegram = Telegram::start();
//! let ana = telegram.private_chat(1001, "en");
//! // … start the product with TELEGRAM_API_BASE = telegram.base() and BOT_TOKEN = telegram.token() …
//! ana.sends("run the tests");
//! let question = ana.waits_for_message(|message| message.buttons().contains(&"Allow once".to_owned()));
//! ana.presses("Allow once");
//! ana.waits_for_message(|message| message.text.contains("all passed"));
//! ```
//!
//! A call that a right client never makes is a *violation* and fails the test when the stand-in is dropped, whatever else happened.

mod answer;
mod chat;
mod commands;
mod fault;
mod files;
mod flood;
mod generate;
pub(super) mod http;
mod image;
mod media;
mod messages;
mod methods;
mod params;
mod person;
mod record;
mod rich;
mod schema;
mod server;
mod state;
mod tally;
mod text;
mod topics;
mod trouble;
mod updates;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

pub use chat::{BOT, Draft, Media, Message};
pub use fault::{DOWNLOAD, Fault};
pub use files::Download;
pub use flood::{Rate, Rates};
pub use generate::{Cast, Generator, misfits};
pub use image::png;
pub use person::{File, Person, Post};
pub use state::{Call, State};
pub use tally::{Mark, Tally};
pub use trouble::KillNote;

use chat::{Chat, Kind};

/// The token that the stand-in takes; nothing else contains it, so a test may look for leaks of it.
pub const TOKEN: &str = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw-stand-in";

/// How long a test waits for something to happen: the machine may be busy with other tests.
const PATIENCE: Duration = Duration::from_secs(30);

/// Patience begins anew so often while the bot goes on.
const RENEWALS: u32 = 10;

/// What the server's threads and the people share.
pub struct Shared {
    state: Mutex<State>,
    /// Something happened.
    changed: Condvar,
    patience: Mutex<Duration>,
}

impl Shared {
    /// The state. A test that panicked while it held it has failed already; the others may go on.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, at most this long.
    fn pause<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Changes the state and wakes all who wait for a change.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.notify_all();
        result
    }

    /// Waits until `find` finds something, at most this long.
    fn wait_at_most<T>(&self, most: Duration, mut find: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        let until = Instant::now() + most;
        let mut state = self.lock();
        loop {
            let found = find(&mut state);
            let left = until.saturating_duration_since(Instant::now());
            if found.is_some() || left.is_zero() {
                return found;
            }
            state = self.pause(state, left);
        }
    }

    /// Waits until `find` finds something, for as long as the bot goes on: a busy machine makes it slow, but not silent. Otherwise panics
    /// with `what` and `report`.
    #[track_caller]
    fn wait<T>(&self, what: &str, mut find: impl FnMut(&mut State) -> Option<T>, report: impl FnOnce(&State) -> String) -> T {
        let patience = *self.patience.lock().unwrap();
        for _ in 0..RENEWALS {
            let done = self.lock().deeds();
            if let Some(found) = self.wait_at_most(patience, &mut find) {
                return found;
            }
            if self.lock().deeds() == done {
                break;
            }
        }
        panic!("waited {patience:?} after the bot's last deed for {what}, in vain\n{}", report(&self.lock()))
    }
}

/// The server. It ends when dropped, and then fails the test if there were violations.
pub struct Telegram {
    shared: Arc<Shared>,
    address: SocketAddr,
}

impl Telegram {
    /// Starts a server whose bot has topics in private chats, on a port of its own on the loopback.
    pub fn start() -> Self {
        Self::start_with(true)
    }

    /// Starts a server whose bot has no topics in private chats.
    pub fn start_without_topics() -> Self {
        Self::start_with(false)
    }

    fn start_with(topics: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port on the loopback");
        let address = listener.local_addr().expect("its number");
        let state = Mutex::new(State::new(TOKEN, topics));
        let shared = Arc::new(Shared { state, changed: Condvar::new(), patience: Mutex::new(PATIENCE) });
        let served = Arc::clone(&shared);
        std::thread::spawn(move || server::serve(&listener, &served));
        Self { shared, address }
    }

    /// For `TELEGRAM_API_BASE`.
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// For `BOT_TOKEN`.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// A person's private chat with the bot, already started.
    pub fn private_chat(&self, user: i64, language: &str) -> Person {
        self.chat(user, Kind::Private);
        Person::new(Arc::clone(&self.shared), user, user, language)
    }

    /// A member of a group, which is made at first mention; `chat` is negative. `forum` gives it topics.
    pub fn group_member(&self, chat: i64, forum: bool, user: i64, language: &str) -> Person {
        assert!(chat < 0, "groups have negative numbers");
        self.chat(chat, Kind::Group(forum));
        Person::new(Arc::clone(&self.shared), chat, user, language)
    }

    /// A member of a small group, which is made at first mention and can become a supergroup; `chat` is negative.
    pub fn basic_group_member(&self, chat: i64, user: i64, language: &str) -> Person {
        assert!(chat < 0, "groups have negative numbers");
        self.chat(chat, Kind::Basic);
        Person::new(Arc::clone(&self.shared), chat, user, language)
    }

    fn chat(&self, id: i64, kind: Kind) {
        self.shared.change(|state| {
            state.chats.entry(id).or_insert_with(|| Chat::new(id, kind));
        });
    }

    /// Queues an update as it is, unchecked but for its being an object, under the next number; gives the number, or nothing where the
    /// bot has not asked for its kind.
    pub fn pushes(&self, update: Value) -> Option<i64> {
        let fields = update.as_object().expect("an update is an object");
        let kind = fields.keys().find(|name| Generator::kinds().contains(&name.as_str())).cloned().unwrap_or_default();
        self.shared.change(|state| {
            files::note_ids(&update, &mut state.foreign_files);
            state.push(update, &kind)
        })
    }

    /// How long waits wait before they fail the test.
    pub fn patience(&self, patience: Duration) {
        *self.shared.patience.lock().unwrap() = patience;
    }

    /// Waits for a call among all so far and to come, and gives it.
    #[track_caller]
    pub fn waits_for_call(&self, what: &str, wanted: impl Fn(&Call) -> bool) -> Call {
        self.waits(what, |state| state.calls.iter().find(|call| wanted(call)).cloned())
    }

    /// Waits until the bot polls and has confirmed everything that it was given.
    #[track_caller]
    pub fn waits_for_poll(&self) {
        let polls = |call: &Call| call.method == "getUpdates" && call.answer.is_none();
        self.waits("a poll with nothing unconfirmed", |state| (state.queue.is_empty() && state.calls.iter().any(polls)).then_some(()));
    }

    /// Waits for anything in the state.
    #[track_caller]
    pub fn waits<T>(&self, what: &str, find: impl FnMut(&mut State) -> Option<T>) -> T {
        self.shared.wait(what, find, report)
    }

    /// Waits for anything in the state, at most this long.
    pub fn waits_at_most<T>(&self, most: Duration, find: impl FnMut(&mut State) -> Option<T>) -> Option<T> {
        self.shared.wait_at_most(most, find)
    }

    /// Looks at the state.
    pub fn look<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.lock())
    }

    /// The violations so far, for tests that provoke them: they do not fail the test any more.
    pub fn take_violations(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().violations)
    }

    /// Fails the test if there were violations.
    #[track_caller]
    pub fn assert_clean(&self) {
        let violations = self.take_violations();
        assert!(violations.is_empty(), "calls that a right client never makes:\n  {}", violations.join("\n  "));
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.shared.change(|state| state.stopped = true);
        // Wakes the listener, which then sees that it has to end.
        drop(TcpStream::connect(self.address));
        if !std::thread::panicking() {
            self.assert_clean();
        }
    }
}

/// The last calls and all chats, for the text of a failed test.
fn report(state: &State) -> String {
    let from = state.calls.len().saturating_sub(30);
    let mut lines = vec!["--- last calls ---".to_owned()];
    for call in &state.calls[from..] {
        let answer = match &call.answer {
            None => "…".to_owned(),
            Some(Ok(_)) => "ok".to_owned(),
            Some(Err(refusal)) => format!("{} {}", refusal.code, refusal.description),
        };
        lines.push(format!("{} {} → {answer}", call.method, Value::Object(call.params.clone())));
    }
    lines.extend(state.violations.iter().map(|violation| format!("violation: {violation}")));
    lines.extend(state.chats.values().map(Chat::transcript));
    lines.join("\n")
}

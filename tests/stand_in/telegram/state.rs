//! All that the server knows: people, chats, messages, updates, and what the bot asked for.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use super::answer::{Answer, Refusal, migrated, refused};
use super::chat::{Chat, Kind};
use super::fault::{Fault, Planned};
use super::files::{Download, Stored};
use super::flood::Flood;
use super::schema::SCHEMA;

/// One call of the bot, as it came.
#[derive(Debug, Clone)]
pub struct Call {
    /// When it had been read.
    pub at: SystemTime,
    /// The method.
    pub method: String,
    /// Its parameters.
    pub params: Map<String, Value>,
    /// What it was answered; `None` until then.
    pub answer: Option<Answer>,
}

impl Call {
    /// The chat that it names.
    pub fn chat(&self) -> Option<i64> {
        self.params.get("chat_id").and_then(Value::as_i64)
    }

    /// The text that it carries, empty for none.
    pub fn text(&self) -> &str {
        self.params.get("text").and_then(Value::as_str).unwrap_or_default()
    }

    /// Whether it was carried out.
    pub fn succeeded(&self) -> bool {
        matches!(self.answer, Some(Ok(_)))
    }
}

/// Everything, behind one lock.
#[derive(Debug)]
pub struct State {
    /// The token that opens.
    pub token: String,
    /// Whether the bot's private chats have topics.
    pub topics: bool,
    /// Users by number.
    pub people: BTreeMap<i64, Value>,
    /// Chats by number.
    pub chats: BTreeMap<i64, Chat>,
    /// Updates that are not confirmed.
    pub queue: VecDeque<Value>,
    /// Updates that are delivered once more whatever the offset.
    pub again: Vec<Value>,
    /// Every update that there was.
    pub updates: Vec<Value>,
    /// The number of the next update.
    pub next_update: i64,
    /// The number of the next message, press, topic or file.
    pub next_number: i64,
    /// The kinds of update asked for; empty for Telegram's default.
    pub allowed: Vec<String>,
    /// Counts polls: an older one ends when a newer one begins.
    pub poll: u64,
    /// The webhook's address.
    pub webhook: Option<String>,
    /// Presses by id; `true` while they can be answered.
    pub presses: HashMap<String, bool>,
    /// The toasts shown, in order: press and text.
    pub toasts: Vec<(String, String)>,
    /// Commands by scope and language.
    pub commands: BTreeMap<String, Value>,
    /// Files by id.
    pub files: BTreeMap<String, Stored>,
    /// File ids in updates that tests made by hand: the server has no such files, but the bot cannot know.
    pub foreign_files: BTreeSet<String>,
    /// Every try to fetch a file, in order.
    pub downloads: Vec<Download>,
    /// Every call, in order.
    pub calls: Vec<Call>,
    /// What the bot should not have done.
    pub violations: Vec<String>,
    /// What is to go wrong.
    pub faults: Vec<Planned>,
    /// Methods with which something went wrong.
    pub faulted: Vec<String>,
    /// The limits, where there are any.
    pub flood: Option<Flood>,
    /// Methods, by chat, that were told with 429 to wait: when, and for how long.
    pub told_to_wait: HashMap<(String, Option<i64>), (Instant, Duration)>,
    /// How many calls there had been when the bot was killed last.
    pub killed: Option<usize>,
    /// Whether the server ends.
    pub stopped: bool,
}

impl State {
    /// A bot without chats.
    pub fn new(token: &str, topics: bool) -> Self {
        Self {
            token: token.to_owned(),
            topics,
            people: BTreeMap::new(),
            chats: BTreeMap::new(),
            queue: VecDeque::new(),
            again: Vec::new(),
            updates: Vec::new(),
            next_update: 731_000_001,
            next_number: 100,
            allowed: Vec::new(),
            poll: 0,
            webhook: None,
            presses: HashMap::new(),
            toasts: Vec::new(),
            commands: BTreeMap::new(),
            files: BTreeMap::new(),
            foreign_files: BTreeSet::new(),
            downloads: Vec::new(),
            calls: Vec::new(),
            violations: Vec::new(),
            faults: Vec::new(),
            faulted: Vec::new(),
            flood: None,
            told_to_wait: HashMap::new(),
            killed: None,
            stopped: false,
        }
    }

    /// The next number.
    pub fn number(&mut self) -> i64 {
        self.next_number += 1;
        self.next_number
    }

    /// Makes an update, checked against the description as well; dropped when the bot has not asked for its kind, as Telegram does.
    pub fn update(&mut self, kind: &str, content: Value) {
        let update = json!({"update_id": self.next_update, kind: content});
        let wrong = SCHEMA.check("Update", &update, "update");
        assert!(wrong.is_empty(), "the test makes an update that Telegram would not: {wrong:?}");
        self.push(update, kind);
    }

    /// Queues an update under the next number, whatever is in it; gives the number, or nothing where the bot has not asked for its kind.
    pub fn push(&mut self, mut update: Value, kind: &str) -> Option<i64> {
        let unasked = ["chat_member", "message_reaction", "message_reaction_count"];
        let wanted = if self.allowed.is_empty() { !unasked.contains(&kind) } else { self.allowed.iter().any(|allowed| allowed == kind) };
        if !wanted {
            return None;
        }
        let number = self.next_update;
        update["update_id"] = json!(number);
        self.next_update += 1;
        self.queue.push_back(update.clone());
        self.updates.push(update);
        Some(number)
    }

    /// The chat that a call names, if the bot may write there.
    pub fn chat(&mut self, params: &Map<String, Value>) -> Result<&mut Chat, Refusal> {
        let id = params.get("chat_id").and_then(Value::as_i64);
        let chat = id.and_then(|id| self.chats.get_mut(&id)).ok_or_else(|| refused(400, "Bad Request: chat not found"))?;
        if let Some(to) = chat.migrated {
            return Err(migrated(to));
        }
        match (chat.blocked, chat.kind) {
            (false, _) => Ok(chat),
            (true, Kind::Private) => Err(refused(403, "Forbidden: bot was blocked by the user")),
            (true, Kind::Basic) => Err(refused(403, "Forbidden: bot was kicked from the group chat")),
            (true, Kind::Group(_)) => Err(refused(403, "Forbidden: bot was kicked from the supergroup chat")),
        }
    }

    /// The next fault planned for a method.
    pub fn take_fault(&mut self, method: &str) -> Option<Fault> {
        let planned = self.faults.iter_mut().find(|planned| planned.times > 0 && (planned.method == "*" || planned.method == method))?;
        planned.times -= 1;
        self.faulted.push(method.to_owned());
        Some(planned.fault.clone())
    }
}

/// A call that was on its way when the one before it was told to wait may still come.
const ON_ITS_WAY: Duration = Duration::from_millis(250);

impl State {
    /// How much the bot did so far: calls, but for those that come whether it goes on or not.
    pub fn deeds(&self) -> usize {
        self.calls.iter().filter(|call| !["getUpdates", "sendChatAction"].contains(&call.method.as_str())).count()
    }

    /// Whether a call comes before the time that a 429 named has passed.
    pub fn is_impatient(&self, call: &Call) -> bool {
        let told = self.told_to_wait.get(&(call.method.clone(), call.chat()));
        told.is_some_and(|(at, wait)| (ON_ITS_WAY..*wait).contains(&at.elapsed()))
    }

    /// Whether the last call says once more what one before it said, and the bot was killed: it may not have come to note the first.
    /// That excuses one repetition of a call, not two.
    pub fn repeats_after_a_kill(&self) -> bool {
        let (Some(killed), Some((last, before))) = (self.killed, self.calls.split_last()) else { return false };
        let same = |call: &&Call| (&call.method, &call.params) == (&last.method, &last.params);
        let again = before.iter().skip(killed).filter(same).any(|call| !call.succeeded());
        before.iter().filter(same).any(Call::succeeded) && !again
    }

    /// Records the answer of a call.
    pub fn answered(&mut self, index: usize, answer: Answer) {
        let call = &mut self.calls[index];
        if let Some(seconds) = answer.as_ref().err().and_then(|refusal| refusal.retry_after) {
            let wait = (Instant::now(), Duration::from_secs(seconds));
            self.told_to_wait.insert((call.method.clone(), call.chat()), wait);
        }
        call.answer = Some(answer);
    }
}

/// Seconds since 1970.
pub fn unix(at: SystemTime) -> u64 {
    at.duration_since(UNIX_EPOCH).map(|since| since.as_secs()).unwrap_or_default()
}

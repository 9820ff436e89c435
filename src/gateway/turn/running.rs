//! A turn that the agent works on: from its prompt to its stop reason.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::{Begun, Press, Said, Signals, TurnEnd, TurnError, learn_commands};
use crate::acp::{AcpError, PlanEntry, StopReason, Turn, TurnEvent, Usage};
use crate::gateway::answer::Answer;
use crate::gateway::files::name::{safe_name, shown};
use crate::gateway::files::outgoing;
use crate::gateway::files::tag::{FileTag, TagError};
use crate::gateway::permissions::Asks;
use crate::gateway::person::Person;
use crate::gateway::pool::Lease;
use crate::gateway::{Deps, diff};
use crate::model::outbound::{FileOut, Message, PLAN, PlanStep, Show};
use crate::model::{ChannelKind, bounds};
use crate::store::{LastUsage, SessionKey, SessionRecord, Verbosity};

/// Tool calls of a turn that are told apart; beyond them the text is no longer sent before each.
const TOOLS: usize = 1000;

/// Longest change that is shown in a message, in bytes; a longer one is a document.
const DIFF: usize = 1500;

/// Why a turn is being cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cancelled {
    ByPerson,
    ByTime,
}

/// A turn that the agent works on.
pub(super) struct Running<'a> {
    deps: &'a Deps,
    key: &'a SessionKey,
    person: Person,
    lease: Lease,
    record: SessionRecord,
    turn: Turn,
    answer: Answer,
    /// The files that the agent wants sent with its answer.
    files: Vec<FileOut>,
    /// Tool calls that were shown; before a further one, what was said is sent.
    tools: BTreeSet<String>,
    asks: Asks,
    /// When the turn has taken too long.
    deadline: Instant,
    /// Since when, and why, it is being cancelled.
    cancelled: Option<(Instant, Cancelled)>,
}

impl<'a> Running<'a> {
    pub(super) fn new(deps: &'a Deps, key: &'a SessionKey, person: Person, begun: Begun) -> Self {
        let Begun { lease, record, turn } = begun;
        let deadline = Instant::now() + deps.config.turn_timeout;
        let (answer, asks) = (Answer::new(person.texts().truncated()), Asks::new(person.clone()));
        Self { deps, key, person, lease, record, turn, answer, files: Vec::new(), tools: BTreeSet::new(), asks, deadline, cancelled: None }
    }

    pub(super) async fn drive(mut self, mut signals: Signals) -> TurnEnd {
        loop {
            let wake = self.next_wake();
            tokio::select! {
                event = self.turn.next() => match event {
                    Some(TurnEvent::Ended(result)) => return self.end(result).await,
                    Some(event) => self.on_event(event).await,
                    None => return self.end(Err(AcpError::Gone)).await,
                },
                () = stopped(&mut signals.stop), if self.cancelled.is_none() => self.cancel(Cancelled::ByPerson).await,
                Some(press) = signals.presses.recv() => self.on_press(press).await,
                () = tokio::time::sleep_until(wake.into()) => {
                    if let Some(end) = self.on_time(Instant::now()).await {
                        return end;
                    }
                }
            }
        }
    }

    fn next_wake(&self) -> Instant {
        let turn = match self.cancelled {
            Some((since, _)) => since + bounds::CANCEL_GRACE,
            None => self.deadline,
        };
        self.asks.next_deadline().map_or(turn, |ask| ask.min(turn))
    }

    async fn show(&self, show: Show) {
        self.deps.faces.show(self.key.thread, show).await;
    }

    async fn on_event(&mut self, event: TurnEvent) {
        match event {
            TurnEvent::Text(text) => {
                let added = self.answer.add(&text);
                if let Some(text) = added.shown {
                    self.show(Show::Text { text }).await;
                }
                self.files_to_send(added.files).await;
            }
            TurnEvent::Thought(text) => self.show(Show::Thought { text }).await,
            TurnEvent::Tool(tool) => {
                if self.tools.len() < TOOLS && self.tools.insert(tool.id.clone()) {
                    self.answer.interrupted_by_tool();
                    if !self.person.display().quiet {
                        self.send_text().await;
                    }
                }
                self.show(Show::Tool(tool)).await;
            }
            TurnEvent::Diff { path, old, new, .. } => self.show_diff(&path, old.as_deref(), &new).await,
            TurnEvent::Plan(entries) => {
                let step = |entry: PlanEntry| PlanStep { text: entry.content, status: entry.status };
                self.show(Show::Plan { steps: entries.into_iter().take(PLAN).map(step).collect() }).await;
            }
            TurnEvent::Permission(request) => {
                let deadline = Instant::now() + self.deps.config.permission_timeout;
                let policy = &self.deps.agent(self.key).permissions;
                if let Some(show) = self.asks.take(request, self.key.user, policy, &self.record.always, deadline) {
                    self.send_text().await;
                    self.show(show).await;
                }
            }
            TurnEvent::Notice(notice) => self.post(self.person.notice(self.key.thread, notice)).await,
            TurnEvent::ModelFallback { from, to, cause } => {
                let text = self.person.texts().model_fallback(&from, &to, cause.as_deref());
                self.post(self.person.notice(self.key.thread, text)).await;
            }
            TurnEvent::Mode(mode) => tracing::debug!(mode, thread = %self.key.thread, "the agent's mode changed"),
            TurnEvent::Models(models) => {
                self.record.models = models.available.into_iter().map(|model| (model.id, model.name)).collect();
            }
            TurnEvent::Commands(commands) => learn_commands(self.deps, self.key, &mut self.record, commands).await,
            TurnEvent::Title(title) => self.record.title = title,
            TurnEvent::Usage(usage) => learn_usage(&mut self.record.usage, usage),
            // The caller's.
            TurnEvent::Ended(_) => {}
        }
    }

    /// Sends what was said so far as a message of its own, so that what is shown next stands below it. In the terminal it stands there already.
    async fn send_text(&mut self) {
        if self.key.thread.channel != ChannelKind::Telegram {
            return;
        }
        let Some(text) = self.answer.take() else { return };
        self.post(self.person.progress(self.key.thread, text)).await;
        self.show(Show::Flushed).await;
    }

    /// What the agent changes in a file, for whoever wants to see it: short in the message, long as a document.
    async fn show_diff(&mut self, path: &str, old: Option<&str>, new: &str) {
        if self.person.settings().verbosity != Verbosity::Verbose {
            return;
        }
        self.send_text().await;
        let text = diff::unified(path, old, new);
        let name = shown(path);
        let head = format!("✏ `{name}`");
        let message = if text.len() <= DIFF {
            self.person.progress(self.key.thread, format!("{head}\n\n{}", fenced(&text)))
        } else {
            let file = format!("{}.diff", safe_name(path.rsplit('/').next(), "changes", None));
            Message { documents: vec![(file, text)], ..self.person.progress(self.key.thread, head) }
        };
        self.post(message).await;
    }

    /// Looks at once at each file that the agent wants sent, so that what cannot be is told while it is news. It is opened anew when it is sent.
    async fn files_to_send(&mut self, tags: Vec<Result<FileTag, TagError>>) {
        for tag in tags {
            let (name, error) = match tag {
                Ok(FileTag { path, caption }) => {
                    let (workspaces, owner) = (&self.deps.config.workspaces, self.key.user);
                    match outgoing::open_registered(&self.deps.store, workspaces, &owner, &self.key.thread, path.clone()).await {
                        Ok(_) => {
                            self.files.push(FileOut { owner, path, caption });
                            continue;
                        }
                        Err(error) => (shown(&path), error),
                    }
                }
                Err(error) => ("<send_file>".to_owned(), error.into()),
            };
            self.record.note(format!("kiroclaw: {name} was not sent to the person: {error}"));
            let texts = self.person.texts();
            self.post(self.person.notice(self.key.thread, texts.file_not_sent(&name, &texts.not_sendable(&error)))).await;
        }
    }

    async fn post(&self, message: Message) {
        if let Err(error) = self.deps.store.post(&message) {
            tracing::error!(%error, thread = %self.key.thread, "a message of a turn could not be stored");
            return;
        }
        self.show(Show::Deliver).await;
    }

    async fn on_press(&mut self, press: Press) {
        let settled = self.asks.answer(&press.token, press.by, &mut self.record.always);
        let toast = match &settled {
            Some(Show::Settled { choice, .. }) => choice.clone(),
            _ => self.person.texts().not_yours(),
        };
        self.show(Show::Pressed { press: press.press, toast }).await;
        if let Some(settled) = settled {
            self.show(settled).await;
        }
    }

    async fn cancel(&mut self, why: Cancelled) {
        self.cancelled = Some((Instant::now(), why));
        for settled in self.asks.cancel_all() {
            self.show(settled).await;
        }
        self.turn.cancel().await;
    }

    /// A time has come: for questions, for the turn, or for an agent that does not answer its cancellation.
    async fn on_time(&mut self, now: Instant) -> Option<TurnEnd> {
        for settled in self.asks.expire(now) {
            self.show(settled).await;
        }
        match self.cancelled {
            None if now >= self.deadline => self.cancel(Cancelled::ByTime).await,
            Some((since, why)) if now >= since + bounds::CANCEL_GRACE => {
                self.lease.end_runtime();
                let said = self.said().await;
                self.keep_record();
                return Some(self.cancelled_end(said, why, true));
            }
            _ => {}
        }
        None
    }

    /// What is left to be said at the end.
    async fn said(&mut self) -> Said {
        let (text, tags) = std::mem::take(&mut self.answer).finish();
        self.files_to_send(tags).await;
        Said { text, files: std::mem::take(&mut self.files) }
    }

    async fn end(mut self, result: Result<StopReason, AcpError>) -> TurnEnd {
        let was_sent = self.answer.was_sent();
        let mut said = self.said().await;
        self.keep_record();
        if let Some((_, why)) = self.cancelled {
            return self.cancelled_end(said, why, result.is_err());
        }
        let texts = self.person.texts();
        match result {
            Ok(StopReason::EndTurn) => {
                if said.text.is_empty() && said.files.is_empty() {
                    said.text = if was_sent { texts.done() } else { texts.wordless() };
                }
                if let Some(foot) = texts.usage_foot(&self.record.usage).filter(|_| self.person.settings().usage) {
                    said.text = format!("{}\n\n*{foot}*", said.text);
                }
                TurnEnd::Answered(said)
            }
            Ok(reason) => TurnEnd::Answered(Said { text: texts.stopped_by_agent(&said.text, reason.as_str()), ..said }),
            Err(error) => {
                let details = self.explain(&error);
                if error.spoils_runtime() {
                    self.lease.end_runtime();
                }
                match super::failed(&self.lease, error).await {
                    // What it said last does not explain it.
                    TurnError::Exceeded(excess) => TurnEnd::Failed { partial: said, why: texts.exceeded(&excess), details: None },
                    error => TurnEnd::Failed { partial: said, why: error.why(texts), details },
                }
            }
        }
    }

    fn cancelled_end(&self, partial: Said, why: Cancelled, ended: bool) -> TurnEnd {
        match why {
            Cancelled::ByPerson => TurnEnd::Stopped { partial, ended },
            Cancelled::ByTime => {
                let why = self.person.texts().turn_timeout(minutes(self.deps.config.turn_timeout));
                TurnEnd::Failed { partial, why, details: None }
            }
        }
    }

    /// What explains an error: the agent's whole report, or its last words when it is gone.
    fn explain(&self, error: &AcpError) -> Option<String> {
        let words = self.lease.runtime().last_words();
        let is_gone = matches!(error, AcpError::Gone) && !words.is_empty();
        if is_gone { Some(words.join("\n")) } else { error.details() }
    }

    /// What this turn learnt about its session; `/new` may have changed the record meanwhile, then it is the newer one that counts.
    fn keep_record(&self) {
        let kept = self.deps.store.session(self.key).and_then(|now| {
            if now.acp == self.record.acp {
                let learnt = self.record.clone();
                self.deps
                    .store
                    .put_session(self.key, &SessionRecord { model: now.model, mode: now.mode, unnamed: now.unnamed, ..learnt })?;
            }
            Ok(())
        });
        if let Err(error) = kept {
            tracing::warn!(%error, "what a turn learnt about its session was not stored");
        }
    }
}

/// Resolves when the person says stop.
pub(super) async fn stopped(stop: &mut watch::Receiver<bool>) {
    if stop.wait_for(|stop| *stop).await.is_err() {
        // The session is gone, and this future with it.
        std::future::pending::<()>().await;
    }
}

fn minutes(time: Duration) -> u64 {
    time.as_secs() / 60
}

/// What is newer about its use; what the agent does not say stays.
fn learn_usage(known: &mut LastUsage, usage: Usage) {
    known.used = usage.used.or(known.used);
    known.size = usage.size.or(known.size);
    known.permille = usage.percent.and_then(permille).or(known.permille);
    if let Some(cost) = usage.cost {
        known.cost = Some(format!("{:.2} {}", cost.amount, cost.unit));
    }
}

/// A percentage in tenths, by way of its digits; `None` for what is none.
fn permille(percent: f64) -> Option<u32> {
    format!("{:.0}", percent * 10.0).parse().ok().filter(|permille| *permille <= 1000)
}

/// Text as a block of code, whatever backticks it has.
fn fenced(text: &str) -> String {
    let mut fence = "```".to_owned();
    while text.contains(&fence) {
        fence.push('`');
    }
    format!("{fence}diff\n{text}{fence}")
}

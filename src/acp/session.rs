//! What the client knows of one session, and what it makes of each message about it. Decides only; sending is the connection's.

use tokio::sync::mpsc;

use super::calls::{Calls, Merged};
use super::connection::{Outgoing, Place};
use super::error::AcpError;
use super::text;
use super::turn::{Slot, TurnEvent, cancelled};
use super::types::{Facts, Mode, Model, Models, Modes};
use super::wire::{ConfigOption, Incoming, OpenedSession, ToolPatch, untamed};
use crate::jsonrpc;
use crate::model::AcpSessionId;

/// Longest text of one event, in bytes. A longer chunk becomes several, so that a queue of events has a size.
pub(super) const PIECE: usize = 64 * 1024;

/// Events kept until the next prompt, besides states: a greeting, not a flood.
const KEPT: usize = 16;

/// Permission requests of a turn that may be open at once. Agents ask one or two at a time.
const OPEN: usize = 16;

/// How a session's model or mode is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum Setting {
    /// The agent said nothing about it.
    #[default]
    None,
    /// By `session/set_mode`, or the legacy `session/set_model`.
    Method,
    /// By the option of this id.
    Option(String),
}

/// What is to be sent to a turn's holder.
pub(super) type Delivery = Option<(mpsc::Sender<TurnEvent>, Vec<TurnEvent>)>;

/// One session.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub(super) facts: Facts,
    pub(super) model_setting: Setting,
    pub(super) mode_setting: Setting,
    /// Whether autopilot was switched off, so that its being on is a fault.
    pub(super) tamed: bool,
    /// Why the session must not go on.
    pub(super) fault: Option<AcpError>,
    pub(super) turn: Option<Running>,
    /// Whether what is said before the first prompt is news, not a replay.
    is_new: bool,
    /// What the next turn begins with.
    kept: Vec<TurnEvent>,
    calls: Calls,
}

impl Session {
    /// A session that has no history.
    pub(super) fn fresh() -> Self {
        Self { is_new: true, ..Self::default() }
    }

    /// A session whose history may be replayed, which is not shown.
    pub(super) fn restored() -> Self {
        Self::default()
    }

    /// Takes what the answer to its opening tells.
    pub(super) fn opened(&mut self, opened: OpenedSession) {
        if opened.models.is_some() {
            self.model_setting = Setting::Method;
            self.facts.models = opened.models;
        }
        if opened.modes.is_some() {
            self.mode_setting = Setting::Method;
            self.facts.modes = opened.modes;
        }
        self.set_options(&opened.options);
    }

    /// What a message means for this session.
    pub(super) fn take_in(&mut self, incoming: Incoming) -> Delivery {
        let events = match incoming {
            Incoming::Event(event) => pieces(event),
            Incoming::Tool(patch) => {
                let Merged { view, mut diffs, .. } = self.calls.merge(patch);
                diffs.insert(0, TurnEvent::Tool(view));
                diffs
            }
            Incoming::Info { title, usage } => title.map(TurnEvent::Title).into_iter().chain(usage.map(TurnEvent::Usage)).collect(),
            Incoming::Options(options) => self.set_options(&options),
            Incoming::Mode(mode) => {
                if let Some(modes) = &mut self.facts.modes {
                    modes.current.clone_from(&mode);
                }
                vec![TurnEvent::Mode(text::line(&mode, text::TITLE))]
            }
            Incoming::Fault(error) => {
                self.fault.get_or_insert(error);
                Vec::new()
            }
        };
        events.iter().for_each(|event| self.learn(event));
        if let Some(fault) = &self.fault {
            let end = TurnEvent::Ended(Err(fault.clone()));
            return self.turn.take().map(|mut turn| {
                turn.cancel();
                (turn.events, vec![end])
            });
        }
        match &self.turn {
            Some(turn) if turn.is_live => Some((turn.events.clone(), events)),
            _ => {
                events.into_iter().for_each(|event| self.keep(event));
                None
            }
        }
    }

    /// Facts are asked for at any time, so they are kept apart from the events.
    fn learn(&mut self, event: &TurnEvent) {
        match event {
            TurnEvent::Usage(usage) => self.facts.usage.update(usage),
            TurnEvent::Commands(commands) => self.facts.commands.clone_from(commands),
            TurnEvent::Title(title) => self.facts.title = Some(title.clone()),
            _ => {}
        }
    }

    /// Takes all options; the events are what changed by them.
    pub(super) fn set_options(&mut self, options: &[ConfigOption]) -> Vec<TurnEvent> {
        let mut events = Vec::new();
        if self.tamed && untamed(options) {
            self.fault.get_or_insert(AcpError::AutopilotOn);
        }
        if let Some(option) = options.iter().find(|option| option.chooses("model")) {
            let available = option.values.iter().map(|(id, name)| Model { id: id.clone(), name: name.clone() }).collect();
            let models = Models { current: option.current.clone(), available };
            self.model_setting = Setting::Option(option.id.clone());
            if self.facts.models.as_ref() != Some(&models) {
                self.facts.models = Some(models.clone());
                events.push(TurnEvent::Models(models));
            }
        }
        if let Some(option) = options.iter().find(|option| option.chooses("mode")) {
            let available = option.values.iter().map(|(id, name)| Mode { id: id.clone(), name: name.clone() }).collect();
            self.mode_setting = Setting::Option(option.id.clone());
            if self.facts.modes.as_ref().is_none_or(|modes| modes.current != option.current) {
                events.push(TurnEvent::Mode(text::line(&option.current, text::TITLE)));
            }
            self.facts.modes = Some(Modes { current: option.current.clone(), available });
        }
        events
    }

    /// Begins a turn; the events are what happened since the last one.
    pub(super) fn begin(&mut self, turn: Running) -> Vec<TurnEvent> {
        self.turn = Some(turn);
        self.is_new = false;
        self.calls.clear();
        std::mem::take(&mut self.kept)
    }

    /// The turn that may ask for permission now: live, and not being cancelled.
    pub(super) fn may_ask(&mut self) -> Asker<'_> {
        match &mut self.turn {
            Some(turn) if turn.is_cancelled => Asker::Cancelled,
            Some(turn) if turn.is_live => {
                turn.asked.retain(Slot::is_open);
                if turn.asked.len() < OPEN { Asker::Turn(turn) } else { Asker::Nobody }
            }
            _ => Asker::Nobody,
        }
    }

    /// The tool call of a permission request, with what is known of it.
    pub(super) fn tool(&mut self, patch: ToolPatch) -> Merged {
        self.calls.merge(patch)
    }

    /// Outside a turn: states are kept, each the newest; of the rest notices, which are never part of a replay, and what a new
    /// session says before its first prompt.
    fn keep(&mut self, event: TurnEvent) {
        match event {
            // Parts of it are told apart from each other.
            TurnEvent::Usage(newer) => {
                let kept = self.kept.iter_mut().find_map(|kept| if let TurnEvent::Usage(usage) = kept { Some(usage) } else { None });
                match kept {
                    Some(usage) => usage.update(&newer),
                    None => self.kept.push(TurnEvent::Usage(newer)),
                }
            }
            TurnEvent::Commands(_) | TurnEvent::Models(_) | TurnEvent::Mode(_) | TurnEvent::Title(_) => {
                let kind = std::mem::discriminant(&event);
                self.kept.retain(|kept| std::mem::discriminant(kept) != kind);
                self.kept.push(event);
            }
            TurnEvent::Notice(_) | TurnEvent::ModelFallback { .. } => self.keep_some(event),
            // A change belongs to a turn, and is large.
            TurnEvent::Diff { .. } => {}
            _ if self.is_new => self.keep_some(event),
            _ => {}
        }
    }

    fn keep_some(&mut self, event: TurnEvent) {
        if self.kept.len() < KEPT {
            self.kept.push(event);
        }
    }
}

/// Who is asked for permission.
pub(super) enum Asker<'a> {
    /// The holder of this turn.
    Turn(&'a mut Running),
    /// The turn is being cancelled.
    Cancelled,
    /// No turn runs, or too many requests are open.
    Nobody,
}

/// A turn from its prompt to its end.
#[derive(Debug)]
pub(super) struct Running {
    session: AcpSessionId,
    /// The id of the prompt's request.
    pub(super) request: i64,
    pub(super) events: mpsc::Sender<TurnEvent>,
    /// Whether the prompt has been written: what comes earlier is not its answer.
    pub(super) is_live: bool,
    is_cancelled: bool,
    asked: Vec<Slot>,
    /// Kept free for the cancellation, so that it never waits.
    cancel: Option<Place>,
}

impl Running {
    pub(super) fn new(session: AcpSessionId, request: i64, events: mpsc::Sender<TurnEvent>, cancel: Place) -> Self {
        Self { session, request, events, is_live: false, is_cancelled: false, asked: Vec::new(), cancel: Some(cancel) }
    }

    pub(super) fn asks(&mut self, slot: Slot) {
        self.asked.push(slot);
    }

    /// Asks the agent to stop, then answers what it asks itself, so that it knows what the answers belong to.
    pub(super) fn cancel(&mut self) {
        self.is_cancelled = true;
        if let Some(place) = self.cancel.take() {
            place.send(Outgoing::line(jsonrpc::notification("session/cancel", serde_json::json!({"sessionId": self.session}))));
        }
        self.settle();
    }

    /// Answers what is still asked with `cancelled`.
    pub(super) fn settle(&mut self) {
        for slot in self.asked.drain(..) {
            slot.answer(cancelled());
        }
    }

    /// The agent takes a request back. Returns whether it was one of this turn's.
    pub(super) fn withdraw(&mut self, id: &jsonrpc::Id) -> bool {
        self.asked.iter().filter(|slot| slot.id == *id).any(|slot| slot.answer(cancelled()))
    }
}

/// A long text in pieces, cut between characters.
fn pieces(event: TurnEvent) -> Vec<TurnEvent> {
    let (text, event): (String, fn(String) -> TurnEvent) = match event {
        TurnEvent::Text(text) if text.len() > PIECE => (text, TurnEvent::Text),
        TurnEvent::Thought(text) if text.len() > PIECE => (text, TurnEvent::Thought),
        other => return vec![other],
    };
    let mut rest = text.as_str();
    let mut events = Vec::new();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(text::boundary(rest, PIECE));
        events.push(event(piece.to_owned()));
        rest = after;
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_chunk_becomes_pieces_that_are_the_whole() {
        let long = format!("a{}", "é".repeat(PIECE));
        let pieces = pieces(TurnEvent::Text(long.clone()));
        let texts: Vec<String> = pieces
            .into_iter()
            .map(|event| match event {
                TurnEvent::Text(text) => text,
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(texts.len() == 3 && texts.iter().all(|text| text.len() <= PIECE));
        assert_eq!(texts.concat(), long);
    }

    #[test]
    fn a_restored_session_keeps_states_and_forgets_its_replay() {
        let mut session = Session::restored();
        for event in [TurnEvent::Text("old".to_owned()), TurnEvent::Commands(Vec::new()), TurnEvent::Mode("m".to_owned())] {
            assert!(session.take_in(Incoming::Event(event)).is_none());
        }
        session.take_in(Incoming::Mode("n".to_owned()));
        assert!(matches!(session.kept.as_slice(), [TurnEvent::Commands(_), TurnEvent::Mode(mode)] if mode == "n"));
    }

    #[test]
    fn a_new_session_keeps_a_greeting_and_not_a_flood() {
        let mut session = Session::fresh();
        for _ in 0..100 {
            session.take_in(Incoming::Event(TurnEvent::Text("hello".to_owned())));
        }
        assert_eq!(session.kept.len(), KEPT);
    }

    #[test]
    fn autopilot_that_comes_back_is_a_fault() {
        let options = [ConfigOption { id: "autopilot".to_owned(), current: "on".to_owned(), ..ConfigOption::default() }];
        let mut session = Session { tamed: true, ..Session::fresh() };
        session.take_in(Incoming::Options(options.to_vec()));
        assert_eq!(session.fault, Some(AcpError::AutopilotOn));
    }
}

//! What a turn has done: a line for each of its tools, and what the agent thought.

use std::collections::VecDeque;

use super::fold::{Fold, fit, line, tail};
use crate::channel::telegram::render::{Piece, expandable, lines};
use crate::channel::telegram::types::EntityKind;
use crate::gateway::texts::Texts;
use crate::model::outbound::ToolView;

/// Steps kept from the beginning and from the end of a turn: more lines do not fit into a message.
const HEAD: usize = 20;
const TAIL: usize = 60;

/// Longest line, in characters: some three on a phone.
const LINE: usize = 120;

/// Steps shown while the turn goes on: the last ones, about a screenful.
const LATEST: usize = 10;

/// Most of what the agent thought, in UTF-16 units: its end.
const THOUGHT: usize = 1500;

/// Room for the lines of the folded form, in UTF-16 units: what a message holds without the thought, the title, and some room for both.
const LINES: usize = 2400;

/// The trace of a turn.
#[derive(Debug, Default)]
pub(super) struct Trace {
    head: Vec<Step>,
    tail: VecDeque<Step>,
    /// All that there were.
    steps: usize,
    thought: String,
}

/// One tool call.
#[derive(Debug)]
struct Step {
    id: String,
    text: String,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Working,
    Done,
    Failed,
}

impl Trace {
    /// A tool call began or changed. Gives whether that can be seen.
    pub(super) fn tool(&mut self, view: &ToolView) -> bool {
        let step = Step::of(view);
        let known = self.tail.iter_mut().rev().chain(self.head.iter_mut().rev()).find(|known| known.id == step.id);
        if let Some(known) = known {
            let changed = (&known.text, known.state) != (&step.text, step.state);
            *known = step;
            return changed;
        }
        self.steps += 1;
        if self.head.len() < HEAD {
            self.head.push(step);
        } else {
            if self.tail.len() >= TAIL {
                self.tail.pop_front();
            }
            self.tail.push_back(step);
        }
        true
    }

    /// The agent has thought this.
    pub(super) fn think(&mut self, thought: &str) {
        if !self.thought.is_empty() {
            self.thought.push('\n');
        }
        self.thought.push_str(thought.trim());
        self.thought = tail(&self.thought, THOUGHT);
    }

    /// Whether any tool was used.
    pub(super) fn has_steps(&self) -> bool {
        self.steps > 0
    }

    /// How it looks while the turn goes on; `None` when there is nothing to be seen.
    pub(super) fn growing(&self) -> Option<Piece> {
        let thought = self.thought();
        let kept = self.head.iter().chain(&self.tail);
        let skipped = (self.head.len() + self.tail.len()).saturating_sub(LATEST);
        let latest: Vec<String> = kept.skip(skipped).map(|step| step.line(State::Working.sign())).collect();
        let more = self.steps.saturating_sub(latest.len());
        let more = if more > 0 { format!("… +{more}") } else { String::new() };
        let mut parts = vec![(Some(EntityKind::ExpandableBlockquote), thought.as_str()), (None, more.as_str())];
        parts.extend(latest.iter().map(|line| (None, line.as_str())));
        lines(&parts).into_iter().next()
    }

    /// How it looks when the turn is over: folded up under its sum.
    pub(super) fn folded(&self, texts: &dyn Texts, seconds: u64) -> Option<Piece> {
        let thought = self.thought();
        if self.steps == 0 && thought.is_empty() {
            return None;
        }
        let title = if self.steps == 0 { texts.thought_for(seconds) } else { texts.steps(self.steps, seconds) };
        let line = |step: &Step| step.line("•");
        let (head, tail): (Vec<_>, Vec<_>) = (self.head.iter().map(line).collect(), self.tail.iter().map(line).collect());
        let missing = self.steps - head.len() - tail.len();
        let shown = fit(Fold { head, missing, tail }, LINES, |missing| texts.left_out(missing));
        let mut parts = vec![(Some(EntityKind::Italic), thought.as_str())];
        parts.extend(shown.iter().map(|line| (None, line.as_str())));
        Some(expandable(&title, &parts))
    }

    fn thought(&self) -> String {
        if self.thought.is_empty() { String::new() } else { format!("💭 {}", self.thought) }
    }
}

impl Step {
    fn of(view: &ToolView) -> Self {
        let state = match view.status.as_str() {
            "completed" => State::Done,
            "failed" => State::Failed,
            _ => State::Working,
        };
        // Many agents name the command in the title already.
        let told = view.detail.is_empty() || view.title.contains(view.detail.as_str());
        let text = if told { line(&view.title, LINE) } else { line(&format!("{} · {}", view.title, view.detail), LINE) };
        Self { id: view.id.clone(), text, state }
    }

    /// `open` stands for a step of whose end nothing is known.
    fn line(&self, open: &str) -> String {
        let sign = if self.state == State::Working { open } else { self.state.sign() };
        format!("{sign} {}", self.text)
    }
}

impl State {
    fn sign(self) -> &'static str {
        match self {
            Self::Working => "⏳",
            Self::Done => "✓",
            Self::Failed => "✗",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::texts::texts;
    use crate::model::Language;
    use crate::model::permission::ToolKind;

    fn tool(id: &str, title: &str, detail: &str, status: &str) -> ToolView {
        let [id, title, detail, status] = [id, title, detail, status].map(str::to_owned);
        ToolView { id, title, kind: ToolKind::Execute, status, detail }
    }

    fn folded(trace: &Trace) -> Piece {
        trace.folded(texts(Language::English), 42).unwrap()
    }

    #[test]
    fn each_tool_has_one_line_that_changes_with_it() {
        let mut trace = Trace::default();
        assert_eq!((trace.growing(), trace.folded(texts(Language::English), 1)), (None, None));
        assert!(trace.tool(&tool("1", "Run", "ls -l", "pending")));
        assert!(!trace.tool(&tool("1", "Run", "ls -l", "in_progress")), "the person sees no difference");
        assert!(trace.tool(&tool("2", "Reading a.txt", "a.txt", "failed")));
        assert_eq!(trace.growing().unwrap().text, "⏳ Run · ls -l\n✗ Reading a.txt");
        assert!(trace.tool(&tool("1", "Run", "ls -l", "completed")));
        assert_eq!(trace.growing().unwrap().text, "✓ Run · ls -l\n✗ Reading a.txt");
    }

    #[test]
    fn at_the_end_it_is_folded_up_under_its_sum() {
        let mut trace = Trace::default();
        trace.tool(&tool("1", "Run", "ls", "completed"));
        trace.tool(&tool("2", "Run", "sleep", "in_progress"));
        let piece = folded(&trace);
        assert_eq!(piece.text, "⚙ 2 steps · 42 s\n✓ Run · ls\n• Run · sleep");
        assert_eq!(piece.entities.len(), 1);
        let quotation = &piece.entities[0];
        assert_eq!((&quotation.kind, quotation.offset), (&EntityKind::ExpandableBlockquote, "⚙ 2 steps · 42 s\n".encode_utf16().count()));
    }

    #[test]
    fn a_thousand_steps_fit_into_one_message_and_the_middle_is_said_to_be_missing() {
        let mut trace = Trace::default();
        for number in 0..1000 {
            trace.tool(&tool(&number.to_string(), &format!("😀 {number} {}", "x".repeat(500)), "y", "completed"));
        }
        trace.think(&"😀".repeat(5000));
        let piece = folded(&trace);
        assert!(piece.text.encode_utf16().count() <= 4096);
        assert!(piece.text.starts_with("⚙ 1000 steps") && piece.text.contains("✓ 😀 0 ") && piece.text.contains("✓ 😀 999 "));
        let missing: usize =
            piece.text.lines().find(|line| line.contains("more")).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
        assert_eq!(missing + piece.text.matches("✓ 😀").count(), 1000);
        let growing = trace.growing().unwrap();
        assert!(growing.text.ends_with('…') && growing.text.contains("✓ 😀 999 ") && growing.text.contains("… +990"));
        assert!(growing.text.encode_utf16().count() <= 4096);
    }

    #[test]
    fn of_a_long_thought_the_end_is_kept() {
        let mut trace = Trace::default();
        trace.think(&format!("{} so it is", "a ".repeat(2000)));
        trace.think("and more");
        let piece = folded(&trace);
        assert!(piece.text.starts_with("💭 42 s\n💭 …") && piece.text.ends_with("so it is\nand more"), "{}", piece.text);
        let kinds: Vec<&EntityKind> = piece.entities.iter().map(|entity| &entity.kind).collect();
        assert_eq!(kinds, [&EntityKind::ExpandableBlockquote, &EntityKind::Italic]);
    }

    #[test]
    fn no_word_of_an_agent_makes_a_line_of_its_own() {
        let mut trace = Trace::default();
        trace.tool(&tool("1", "a\n✓ b\u{202e}", "c\r\nd", "completed"));
        assert_eq!(trace.growing().unwrap().text, "✓ a ✓ b · c d");
    }
}

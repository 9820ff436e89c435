//! The tool calls of a turn: what is known of each, since updates and permission requests tell only what is new, or nothing but the id.

use std::hash::{DefaultHasher, Hash, Hasher as _};

use super::text;
use super::turn::TurnEvent;
use super::wire::{Diff, ToolPatch};
use crate::model::outbound::ToolView;
use crate::model::permission::ToolKind;

/// Tool calls that are remembered. Agents run one to a few at a time.
const CALLS: usize = 64;

/// Changes of one call that are shown. A call that changes more files is not read on a phone.
const DIFFS: usize = 64;

/// The calls, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Debug)]
struct Call {
    view: ToolView,
    detail: String,
    /// Which changes were shown.
    shown: Vec<u64>,
}

/// A call as it stands after a message about it.
#[derive(Debug)]
pub(super) struct Merged {
    pub(super) view: ToolView,
    pub(super) detail: String,
    /// The changes that were not shown yet.
    pub(super) diffs: Vec<TurnEvent>,
}

impl Calls {
    /// A turn begins.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes what a message tells.
    pub(super) fn merge(&mut self, patch: ToolPatch) -> Merged {
        let at = self.0.iter().position(|call| call.view.id == patch.id);
        let mut call = at.map_or_else(|| Call::new(patch.id.clone()), |at| self.0.remove(at));
        let diffs = call.take(patch);
        let merged = Merged { view: call.view.clone(), detail: call.detail.clone(), diffs };
        if self.0.len() == CALLS {
            self.0.remove(0);
        }
        self.0.push(call);
        merged
    }
}

impl Call {
    fn new(id: String) -> Self {
        let (title, status, detail) = ("A tool".to_owned(), "pending".to_owned(), String::new());
        let view = ToolView { id, title, kind: ToolKind::Other, status, detail };
        Self { view, detail: String::new(), shown: Vec::new() }
    }

    fn take(&mut self, patch: ToolPatch) -> Vec<TurnEvent> {
        if let Some(title) = patch.title {
            self.view.title = title;
        }
        if let Some(kind) = patch.kind {
            self.view.kind = kind;
        }
        if let Some(status) = patch.status {
            status.clone_into(&mut self.view.status);
        }
        if let Some(detail) = patch.input.detail(self.view.kind) {
            self.view.detail = text::line(&detail, text::TITLE);
            self.detail = detail;
        }
        patch.diffs.into_iter().filter_map(|diff| self.show(diff)).collect()
    }

    /// The change, unless it was shown.
    fn show(&mut self, diff: Diff) -> Option<TurnEvent> {
        let mut hasher = DefaultHasher::new();
        diff.hash(&mut hasher);
        let hash = hasher.finish();
        if self.shown.contains(&hash) || self.shown.len() == DIFFS {
            return None;
        }
        self.shown.push(hash);
        let Diff { path, old, new } = diff;
        Some(TurnEvent::Diff { tool: self.view.id.clone(), path, old, new })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patch(id: &str) -> ToolPatch {
        ToolPatch { id: id.to_owned(), ..ToolPatch::default() }
    }

    #[test]
    fn calls_are_remembered_up_to_a_bound() {
        let mut calls = Calls::default();
        for n in 0..1000 {
            calls.merge(patch(&n.to_string()));
        }
        assert_eq!(calls.0.len(), CALLS);
        calls.merge(ToolPatch { title: Some("t".to_owned()), ..patch("999") });
        assert_eq!(calls.merge(patch("999")).view.title, "t");
    }

    #[test]
    fn a_change_is_given_once_and_another_again() {
        let diff = |new: &str| Diff { path: "a".to_owned(), old: None, new: new.to_owned() };
        let with = |diffs: &[Diff]| ToolPatch { diffs: diffs.to_vec(), ..patch("c") };
        let mut calls = Calls::default();
        let mut given = |diffs: &[Diff]| calls.merge(with(diffs)).diffs.len();
        assert_eq!((given(&[diff("x"), diff("y")]), given(&[diff("y"), diff("z")]), given(&[diff("x")])), (2, 1, 0));
        let many: Vec<Diff> = (0..1000).map(|n| diff(&n.to_string())).collect();
        assert_eq!(given(&many), DIFFS - 3);
    }
}

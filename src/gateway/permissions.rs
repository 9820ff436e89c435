//! Permission requests of one turn: answered by the policy, or asked and awaited.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::acp::PermissionRequest;
use crate::gateway::{clock, random_token};
use crate::model::UserId;
use crate::model::outbound::{AskOption, AskView, Show};
use crate::model::permission::{PermissionPolicy, ToolKind, Verdict};

use super::person::Person;

/// Questions that may be open in one turn at once; agents ask one at a time. One more is denied.
const OPEN: usize = 8;

/// What is done with a request.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    /// The agent's option of this index is selected.
    Select(usize),
    /// The person is asked.
    Ask,
    /// There is no option that fits: the request is cancelled.
    Cancel,
}

/// Decides by policy, by what the person said "always" to, and by the options that the agent really has.
fn choose(policy: &PermissionPolicy, always: &BTreeSet<ToolKind>, kind: ToolKind, options: &[&str]) -> Choice {
    let first = |wanted: &[&str]| wanted.iter().find_map(|kind| options.iter().position(|option| option == kind));
    match policy.verdict(kind) {
        Verdict::Deny => first(&["reject_once", "reject_always"]).map_or(Choice::Cancel, Choice::Select),
        Verdict::Ask if !always.contains(&kind) => Choice::Ask,
        // Without an option that allows, the agent wants something else than a permission: the person decides.
        Verdict::Allow | Verdict::Ask => first(&["allow_once", "allow_always"]).map_or(Choice::Ask, Choice::Select),
    }
}

/// The open questions of one turn.
pub(super) struct Asks {
    open: Vec<Open>,
    person: Person,
}

#[derive(Debug)]
struct Open {
    view: AskView,
    request: PermissionRequest,
    deadline: Instant,
}

impl Asks {
    /// None open, for the person whose turn it is.
    pub(super) fn new(person: Person) -> Self {
        Self { open: Vec::new(), person }
    }

    /// Deals with a request; gives what is to be shown if the person is asked.
    pub(super) fn take(
        &mut self,
        request: PermissionRequest,
        user: UserId,
        policy: &PermissionPolicy,
        always: &BTreeSet<ToolKind>,
        deadline: Instant,
    ) -> Option<Show> {
        let kinds: Vec<&str> = request.options.iter().map(|option| option.kind.as_str()).collect();
        let kind = request.tool.kind;
        match choose(policy, always, kind, &kinds) {
            Choice::Select(index) => {
                tracing::info!(%kind, option = kinds[index], "a permission was decided by policy");
                request.select(index);
                None
            }
            Choice::Ask if self.open.len() < OPEN && !kinds.is_empty() => {
                let view = AskView {
                    ask: random_token(),
                    user,
                    title: request.tool.title.clone(),
                    detail: request.detail.clone(),
                    kind,
                    options: request
                        .options
                        .iter()
                        .map(|option| AskOption { label: option.name.clone(), kind: option.kind.clone() })
                        .collect(),
                    language: self.person.display().language,
                    silent: self.person.silent_questions(),
                };
                self.open.push(Open { view: view.clone(), request, deadline });
                Some(Show::Ask(view))
            }
            Choice::Ask | Choice::Cancel => {
                request.cancel();
                None
            }
        }
    }

    /// The person chose an option of a question. Gives what to show; `None` when it is no open question of this turn.
    pub(super) fn answer(&mut self, token: &str, by: UserId, always: &mut BTreeSet<ToolKind>) -> Option<Show> {
        let (ask, index) = token.split_once(':')?;
        let index: usize = index.parse().ok()?;
        let place = self.open.iter().position(|open| open.view.ask == ask && open.view.user == by && index < open.view.options.len())?;
        let open = self.open.swap_remove(place);
        let option = &open.view.options[index];
        if option.kind == "allow_always" {
            always.insert(open.view.kind);
        }
        let choice = option.label.clone();
        open.request.select(index);
        Some(Show::Settled { ask: open.view.ask, by: Some(by), choice, at: clock::unix_now() })
    }

    /// Denies what nobody answered in time, without ending the turn.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Show> {
        let (over, open) = std::mem::take(&mut self.open).into_iter().partition(|open| open.deadline <= now);
        self.open = open;
        over.into_iter().map(|open| deny(open, self.person.texts().ask_timeout())).collect()
    }

    /// When the next question expires.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.open.iter().map(|open| open.deadline).min()
    }

    /// The turn is being stopped: every question is answered with ACP's `cancelled`.
    pub(super) fn cancel_all(&mut self) -> Vec<Show> {
        std::mem::take(&mut self.open)
            .into_iter()
            .map(|open| {
                open.request.cancel();
                Show::Settled { ask: open.view.ask, by: None, choice: self.person.texts().ask_stopped(), at: clock::unix_now() }
            })
            .collect()
    }
}

/// Without an answer the request is denied; whether the agent still waited for it makes no difference here.
fn deny(open: Open, choice: String) -> Show {
    open.request.deny();
    Show::Settled { ask: open.view.ask, by: None, choice, at: clock::unix_now() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: [&str; 3] = ["reject_once", "allow_always", "allow_once"];

    fn chosen(kind: ToolKind, options: &[&str]) -> Choice {
        choose(&PermissionPolicy::default().with(ToolKind::Delete, Verdict::Deny), &BTreeSet::new(), kind, options)
    }

    #[test]
    fn the_policy_selects_the_agent_s_own_option_by_its_meaning() {
        assert_eq!(chosen(ToolKind::Read, &OPTIONS), Choice::Select(2));
        assert_eq!(chosen(ToolKind::Delete, &OPTIONS), Choice::Select(0));
        assert_eq!(chosen(ToolKind::Execute, &OPTIONS), Choice::Ask);
    }

    #[test]
    fn nothing_is_allowed_where_no_option_allows() {
        assert_eq!(chosen(ToolKind::Read, &["reject_once", "reject_always"]), Choice::Ask);
        assert_eq!(chosen(ToolKind::Read, &["something_new"]), Choice::Ask);
        assert_eq!(chosen(ToolKind::Delete, &["allow_once"]), Choice::Cancel);
    }

    #[test]
    fn always_holds_for_that_kind_only_and_never_over_a_denial() {
        let always = BTreeSet::from([ToolKind::Execute, ToolKind::Delete]);
        let policy = PermissionPolicy::default().with(ToolKind::Delete, Verdict::Deny);
        assert_eq!(choose(&policy, &always, ToolKind::Execute, &OPTIONS), Choice::Select(2));
        assert_eq!(choose(&policy, &always, ToolKind::Fetch, &OPTIONS), Choice::Ask);
        assert_eq!(choose(&policy, &always, ToolKind::Delete, &OPTIONS), Choice::Select(0));
    }
}

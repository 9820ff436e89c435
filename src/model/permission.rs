//! What an agent may do unasked, asked or not at all, per kind of tool.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// A tool's kind (ACP `ToolKind`). A kind that is unknown, or missing, is `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the variants are ACP's own words")]
pub enum ToolKind {
    Read,
    Edit,
    Delete,
    Move,
    Search,
    Execute,
    Think,
    Fetch,
    SwitchMode,
    #[serde(other)]
    Other,
}

impl ToolKind {
    /// All kinds, in ACP's order.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Edit,
        Self::Delete,
        Self::Move,
        Self::Search,
        Self::Execute,
        Self::Think,
        Self::Fetch,
        Self::SwitchMode,
        Self::Other,
    ];

    /// ACP's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Edit => "edit",
            Self::Delete => "delete",
            Self::Move => "move",
            Self::Search => "search",
            Self::Execute => "execute",
            Self::Think => "think",
            Self::Fetch => "fetch",
            Self::SwitchMode => "switch_mode",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for ToolKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is done with a permission request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Answered with the agent's own "allow once".
    Allow,
    /// Shown to the person, with the agent's own options.
    Ask,
    /// Answered with the agent's own "reject once".
    Deny,
}

/// The verdict per kind of tool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PermissionPolicy(BTreeMap<ToolKind, Verdict>);

impl PermissionPolicy {
    /// This policy with `verdict` for `kind`.
    #[must_use]
    pub fn with(mut self, kind: ToolKind, verdict: Verdict) -> Self {
        self.0.insert(kind, verdict);
        self
    }

    /// [`PermissionPolicy::with`] for a pair, as folds want it.
    #[must_use]
    pub fn with_pair(self, (kind, verdict): (ToolKind, Verdict)) -> Self {
        self.with(kind, verdict)
    }

    /// The verdict on `kind`; `Ask` where the policy does not name it.
    pub fn verdict(&self, kind: ToolKind) -> Verdict {
        self.0.get(&kind).copied().unwrap_or(Verdict::Ask)
    }
}

impl Default for PermissionPolicy {
    /// Allows what cannot leave the jail and destroys little: read, search, think, edit, move. Asks for all else.
    fn default() -> Self {
        let unasked = [ToolKind::Read, ToolKind::Search, ToolKind::Think, ToolKind::Edit, ToolKind::Move];
        Self(unasked.into_iter().map(|kind| (kind, Verdict::Allow)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_policy_does_not_name_is_asked() {
        let policy = PermissionPolicy::default();
        for kind in [ToolKind::Execute, ToolKind::Delete, ToolKind::Fetch, ToolKind::SwitchMode, ToolKind::Other] {
            assert_eq!(policy.verdict(kind), Verdict::Ask, "{kind}");
        }
        assert_eq!(policy.verdict(ToolKind::Read), Verdict::Allow);
    }
}

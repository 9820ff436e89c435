//! Who may use the bot. The only maker of [`Authorized`].

use std::collections::BTreeSet;

use crate::config::Config;
use crate::model::inbound::{Content, Inbound};
use crate::model::{ChannelKind, UserId};

/// Something that an allowed person did. The router takes nothing else, and only [`Gate::judge`] makes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorized<T>(T);

impl<T> Authorized<T> {
    /// What the gate let through.
    pub fn get(&self) -> &T {
        &self.0
    }

    /// What the gate let through, without its mark.
    pub fn into_inner(self) -> T {
        self.0
    }
}

/// The gate's decision on one inbound.
#[must_use]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Go on.
    Allowed(Authorized<Inbound>),
    /// Nobody is allowed yet, and this person asks how to begin: they are told their id and what to do with it.
    Pairing,
    /// Silence, and a counter.
    Stranger,
}

/// The gate.
#[derive(Debug, Clone)]
pub struct Gate {
    telegram: BTreeSet<UserId>,
    /// The uid of the service: who owns its socket may use it.
    own_uid: u32,
}

impl Gate {
    /// A gate for the people that the configuration names.
    pub fn new(config: &Config, own_uid: u32) -> Self {
        Self { telegram: config.allowed.clone(), own_uid }
    }

    /// The uid of the service.
    pub(super) fn own_uid(&self) -> u32 {
        self.own_uid
    }

    /// Decides, before anything is stored, downloaded or answered.
    pub fn judge(&self, inbound: Inbound) -> Verdict {
        let allowed = match inbound.user.channel {
            ChannelKind::Telegram => self.telegram.contains(&inbound.user),
            ChannelKind::Local => [UserId::local(self.own_uid), UserId::local(0)].contains(&inbound.user),
        };
        if allowed {
            return Verdict::Allowed(Authorized(inbound));
        }
        if self.telegram.is_empty() && asks_to_start(&inbound) { Verdict::Pairing } else { Verdict::Stranger }
    }
}

/// `/start` in a private chat, where the chat has the person's own number.
fn asks_to_start(inbound: &Inbound) -> bool {
    let private = inbound.user.channel == ChannelKind::Telegram && inbound.thread.chat == inbound.user.number;
    private && matches!(&inbound.content, Content::Text { text, .. } if text.split_whitespace().next() == Some("/start"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ThreadId;

    fn gate(allowed: &[i64]) -> Gate {
        Gate { telegram: allowed.iter().map(|id| UserId::telegram(*id)).collect(), own_uid: 1000 }
    }

    fn text(user: UserId, chat: i64, text: &str) -> Inbound {
        let thread = ThreadId { channel: user.channel, chat, topic: 0 };
        Inbound { user, thread, event: 1, at: 0, language: None, content: Content::text(1, text.to_owned()) }
    }

    #[test]
    fn only_those_who_are_named_come_in() {
        let gate = gate(&[1]);
        assert!(matches!(gate.judge(text(UserId::telegram(1), 1, "hi")), Verdict::Allowed(_)));
        assert_eq!(gate.judge(text(UserId::telegram(2), 1, "hi")), Verdict::Stranger, "another member of an allowed chat");
        assert_eq!(
            gate.judge(text(UserId::telegram(2), 2, "/start")),
            Verdict::Stranger,
            "once somebody is allowed, strangers get silence"
        );
    }

    #[test]
    fn an_empty_list_allows_nobody_and_start_tells_how_to_begin() {
        let gate = gate(&[]);
        assert_eq!(gate.judge(text(UserId::telegram(2), 2, "hi")), Verdict::Stranger);
        assert_eq!(gate.judge(text(UserId::telegram(2), 2, "/start abc")), Verdict::Pairing);
        assert_eq!(gate.judge(text(UserId::telegram(2), -100, "/start")), Verdict::Stranger, "not before a whole group");
    }

    #[test]
    fn the_terminal_is_open_to_the_service_s_own_user_and_root() {
        let gate = gate(&[1000]);
        assert!(matches!(gate.judge(text(UserId::local(1000), 1000, "hi")), Verdict::Allowed(_)));
        assert!(matches!(gate.judge(text(UserId::local(0), 0, "hi")), Verdict::Allowed(_)));
        assert_eq!(gate.judge(text(UserId::local(1001), 1001, "hi")), Verdict::Stranger);
    }
}

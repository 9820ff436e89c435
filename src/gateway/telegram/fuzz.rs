//! What the face promises of any event from Telegram. See [`crate::fuzzing`].

use super::inbound::{note, read};
use crate::channel::telegram::render::clean;
use crate::channel::telegram::types::{Update, User};
use crate::model::bounds;
use crate::model::inbound::{Content, Inbound};

/// An event: what is made of it is clean, bounded, and the same after it was stored.
pub(crate) fn update(bytes: &[u8]) {
    let Ok(event) = serde_json::from_slice(bytes) else { return };
    let Some(update) = Update::read(&event) else { return };
    let bot = User { id: 1, is_bot: true, username: Some("the_bot".to_owned()), ..User::default() };
    let _ = note(&update);
    let Some(inbound) = read(update, &bot, 1_700_000_000) else { return };
    let stored = serde_json::to_vec(&inbound).ok().and_then(|stored| serde_json::from_slice::<Inbound>(&stored).ok());
    assert_eq!(stored.as_ref(), Some(&inbound));
    if let Content::Text { text, .. } | Content::Edited { text, .. } = &inbound.content {
        assert!(text.len() <= bounds::PROMPT && clean(text) == text.as_str(), "{text:?}");
    }
}

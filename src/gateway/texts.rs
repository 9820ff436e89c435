//! All texts of the bot, in every language. An area of them is one trait in one file, with all its languages beside each other; a language
//! that lacks a text does not compile.

mod commands;
mod face;
mod failures;
mod files;
mod hosts;
mod menus;
mod turn;

pub(super) use commands::{CommandTexts, Help, Status};
pub(super) use face::FaceTexts;
pub(super) use failures::FailureTexts;
pub(super) use files::FileTexts;
pub(super) use hosts::{HostTexts, Mend};
pub(super) use menus::{Choice, MenuTexts, size};
pub(super) use turn::TurnTexts;

use crate::model::Language;

/// The bot in one language. Texts are Markdown unless they say otherwise.
pub(super) trait Texts: CommandTexts + FaceTexts + FailureTexts + FileTexts + HostTexts + MenuTexts + TurnTexts + Sync {}

/// English.
struct English;

/// German; people are addressed with "du".
struct German;

impl Texts for English {}
impl Texts for German {}

/// The texts of a language.
pub(super) fn texts(language: Language) -> &'static dyn Texts {
    match language {
        Language::English => &English,
        Language::German => &German,
    }
}

/// Text from outside as inline code.
pub(super) fn code(text: &str) -> String {
    format!("`{}`", text.replace('`', "'"))
}

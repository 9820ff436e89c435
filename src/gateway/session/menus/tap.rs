//! The tokens of menus' buttons: what a tap on one means, in a few letters that name nothing.
//!
//! What a button stands for is told by a mark of it, and looked up again when it is tapped.

use std::hash::Hasher as _;

use crate::model::UserId;

/// With this begins every token of a menu, and no other.
pub(in crate::gateway::session) const PREFIX: &str = "m:";

/// The menus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::session) enum Menu {
    Models,
    Modes,
    Conversations,
    Files,
    Settings,
    Hosts,
}

/// What a tap asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::session) enum Deed {
    /// A page of the menu.
    Turn,
    /// One of its rows.
    Pick,
    /// To send the file.
    Send,
    /// To be asked whether the file is to be deleted.
    Delete,
    /// To delete it.
    DeleteNow,
    /// To allow the host to what runs now.
    Once,
    /// To allow the host for good.
    Always,
    /// To refuse the host for a while without asking.
    No,
    /// To take back what was said of the host.
    Forget,
}

const MENUS: [(Menu, char); 6] =
    [(Menu::Models, 'o'), (Menu::Modes, 'a'), (Menu::Conversations, 'c'), (Menu::Files, 'f'), (Menu::Settings, 's'), (Menu::Hosts, 'h')];

const DEEDS: [(Deed, char); 9] = [
    (Deed::Turn, 't'),
    (Deed::Pick, 'p'),
    (Deed::Send, 's'),
    (Deed::Delete, 'd'),
    (Deed::DeleteNow, 'x'),
    (Deed::Once, 'o'),
    (Deed::Always, 'a'),
    (Deed::No, 'n'),
    (Deed::Forget, 'f'),
];

/// A tap on a button of a menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::gateway::session) struct Tap {
    pub(in crate::gateway::session) menu: Menu,
    pub(in crate::gateway::session) deed: Deed,
    /// The mark of the row, or the number of the setting; 0 where it is about none.
    pub(in crate::gateway::session) item: u64,
    /// The page, from 0, or the value of the setting.
    pub(in crate::gateway::session) number: usize,
}

/// Why a token means nothing to the one who pressed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gateway::session) enum Wrong {
    /// The menu is somebody else's.
    NotYours,
    /// No menu has such a button.
    Unknown,
}

impl Tap {
    /// The token of a button for `owner`: at most 42 bytes.
    pub(in crate::gateway::session) fn token(self, owner: &UserId) -> String {
        let menu = MENUS.iter().find(|(menu, _)| *menu == self.menu).map_or('?', |(_, letter)| *letter);
        let deed = DEEDS.iter().find(|(deed, _)| *deed == self.deed).map_or('?', |(_, letter)| *letter);
        format!("{PREFIX}{:08x}:{menu}{deed}:{:x}:{}", of_owner(owner), self.item, self.number.min(9999))
    }

    /// Reads a token that `by` pressed.
    pub(in crate::gateway::session) fn read(token: &str, by: &UserId) -> Result<Self, Wrong> {
        let mut parts = token.strip_prefix(PREFIX).ok_or(Wrong::Unknown)?.split(':');
        let mut part = || parts.next().ok_or(Wrong::Unknown);
        let (owner, letters, item, number) = (part()?, part()?, part()?, part()?);
        if u32::from_str_radix(owner, 16) != Ok(of_owner(by)) {
            return Err(Wrong::NotYours);
        }
        let mut letters = letters.chars();
        let (menu, deed) = (letters.next(), letters.next());
        let menu = MENUS.iter().find(|(_, letter)| Some(*letter) == menu).ok_or(Wrong::Unknown)?.0;
        let deed = DEEDS.iter().find(|(_, letter)| Some(*letter) == deed).ok_or(Wrong::Unknown)?.0;
        let item = u64::from_str_radix(item, 16).map_err(|_| Wrong::Unknown)?;
        Ok(Self { menu, deed, item, number: number.parse().map_err(|_| Wrong::Unknown)? })
    }
}

/// The mark by which a row is found again. Whoever could make two rows of one mark gains nothing: both are theirs, and where a mark fits
/// several rows it stands for none.
pub(in crate::gateway::session) fn mark(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    hasher.write(bytes);
    hasher.finish()
}

/// The row that a mark stands for, where it is one.
pub(in crate::gateway::session) fn marked<T>(rows: &[T], item: u64, bytes: impl Fn(&T) -> &[u8]) -> Option<&T> {
    let mut fitting = rows.iter().filter(|row| mark(bytes(row)) == item);
    fitting.next().filter(|_| fitting.next().is_none())
}

fn of_owner(owner: &UserId) -> u32 {
    let [a, b, c, d, ..] = mark(owner.to_string().as_bytes()).to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TAP: Tap = Tap { menu: Menu::Files, deed: Deed::DeleteNow, item: u64::MAX, number: usize::MAX };

    #[test]
    fn a_token_leads_back_to_its_tap_and_fits_telegram() {
        for (menu, _) in MENUS {
            for (deed, _) in DEEDS {
                let tap = Tap { menu, deed, item: 7, number: 3 };
                assert_eq!(Tap::read(&tap.token(&UserId::telegram(1)), &UserId::telegram(1)), Ok(tap));
            }
        }
        assert!(TAP.token(&UserId::telegram(1)).len() <= 42);
    }

    #[test]
    fn another_s_menu_is_told_from_a_button_that_is_none() {
        let token = TAP.token(&UserId::telegram(1));
        assert_eq!(Tap::read(&token, &UserId::telegram(2)), Err(Wrong::NotYours));
        assert_eq!(Tap::read(&token, &UserId::local(1)), Err(Wrong::NotYours));
        assert_eq!(Tap::read(&token.replace("fx", "f?"), &UserId::telegram(1)), Err(Wrong::Unknown));
        assert_eq!(Tap::read("m:", &UserId::telegram(1)), Err(Wrong::Unknown));
    }

    #[test]
    fn a_mark_that_fits_two_rows_stands_for_none() {
        let rows = ["a", "b", "b"];
        let find = |row: &str| marked(&rows, mark(row.as_bytes()), |row| row.as_bytes()).copied();
        assert_eq!((find("a"), find("b"), find("c")), (Some("a"), None, None));
    }

    proptest! {
        #[test]
        fn whatever_is_pressed_is_read_or_refused(token in "(m:)?[0-9a-z:]{0,60}|.{0,70}") {
            let _ = Tap::read(&token, &UserId::telegram(1));
        }
    }
}

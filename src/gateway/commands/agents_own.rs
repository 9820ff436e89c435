//! The agent's own commands in a client's menu, whose names are narrower than an agent's: mapped there and back.

use super::MENU;
use crate::gateway::files::name::is_invisible;

/// Commands that Telegram takes in one menu, ours among them (Bot API, setMyCommands).
const MOST: usize = 100;

/// Longest name in a menu, in characters (Bot API, BotCommand).
const NAME: usize = 32;

/// Longest description in a menu, in characters (Bot API, BotCommand).
const DESCRIPTION: usize = 256;

/// One of the agent's commands as a client's menu has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::gateway) struct MenuEntry {
    /// What the person types without the slash: 1 to 32 of `a-z 0-9 _`, unlike all others and none of the bot's own.
    pub(in crate::gateway) menu: String,
    /// The agent's name of it, without the slash.
    pub(in crate::gateway) agent: String,
    /// What it does, in 1 to 256 visible characters.
    pub(in crate::gateway) description: String,
}

/// The menu of commands: name and description, as the agent told them and in its order. What has no letter or digit for a menu, or no
/// room in it, is left out; it can be typed all the same.
pub(in crate::gateway) fn to_menu(commands: &[(String, String)]) -> Vec<MenuEntry> {
    let mut entries: Vec<MenuEntry> = Vec::new();
    for (name, description) in commands {
        let agent = name.trim_start_matches('/');
        let plain = narrow(agent);
        if plain.is_empty() || agent.contains(char::is_whitespace) || entries.len() + MENU.len() >= MOST {
            continue;
        }
        let is_free = |menu: &str| !MENU.contains(&menu) && entries.iter().all(|entry| entry.menu != menu);
        let numbered = (2..=MOST).map(|number| with_number(&plain, number));
        let Some(menu) = std::iter::once(plain.clone()).chain(numbered).find(|menu| is_free(menu)) else { continue };
        entries.push(MenuEntry { menu, agent: agent.to_owned(), description: describe(description, agent) });
    }
    entries
}

/// A text that begins with a menu's name of one of the agent's commands, as the agent understands it; `None` where nothing is to be
/// changed.
pub(in crate::gateway) fn from_menu(text: &str, commands: &[(String, String)]) -> Option<String> {
    let typed = text.strip_prefix('/')?;
    let word = typed.split(char::is_whitespace).next()?;
    let rest = typed.strip_prefix(word)?;
    // A name that is the agent's own as it stands needs no menu.
    if commands.iter().any(|(name, _)| name.trim_start_matches('/') == word) {
        return None;
    }
    let entry = to_menu(commands).into_iter().find(|entry| entry.menu == word)?;
    Some(format!("/{}{rest}", entry.agent))
}

/// The name in a menu's letters.
fn narrow(name: &str) -> String {
    let letter = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(letter).collect::<String>().trim_matches('_').chars().take(NAME).collect()
}

fn with_number(name: &str, number: usize) -> String {
    let number = format!("_{number}");
    let mut numbered: String = name.chars().take(NAME - number.len()).collect();
    numbered.push_str(&number);
    numbered
}

fn describe(description: &str, name: &str) -> String {
    let visible = |text: &str| {
        let spaced = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c });
        spaced.filter(|c| !is_invisible(*c)).collect::<String>().trim().chars().take(DESCRIPTION).collect::<String>()
    };
    let text = visible(description);
    if text.is_empty() { visible(name) } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn commands(names: &[&str]) -> Vec<(String, String)> {
        names.iter().map(|name| ((*name).to_owned(), format!("does {name}"))).collect()
    }

    fn menu(names: &[&str]) -> Vec<String> {
        to_menu(&commands(names)).into_iter().map(|entry| entry.menu).collect()
    }

    #[test]
    fn names_are_made_fit_for_a_menu_and_unlike_each_other() {
        assert_eq!(menu(&["web-search", "Compact", "/tools"]), ["web_search", "compact", "tools"]);
        assert_eq!(menu(&["web-search", "web_search", "Web.Search"]), ["web_search", "web_search_2", "web_search_3"]);
        assert_eq!(menu(&["help", "model", "Новый", "--", "a b"]), ["help_2", "model_2"]);
        assert_eq!(menu(&[&"x".repeat(40), &"x".repeat(41)]), ["x".repeat(32), format!("{}_2", "x".repeat(30))]);
    }

    #[test]
    fn what_is_typed_by_the_menu_reaches_the_agent_by_its_own_name() {
        let commands = commands(&["web-search", "Compact", "help", "plain"]);
        assert_eq!(from_menu("/web_search foo  bar", &commands).as_deref(), Some("/web-search foo  bar"));
        assert_eq!(from_menu("/compact\nnow", &commands).as_deref(), Some("/Compact\nnow"));
        assert_eq!(from_menu("/help_2", &commands).as_deref(), Some("/help"));
        for same in ["/web-search foo", "/plain", "/other", "web_search", "/", ""] {
            assert_eq!(from_menu(same, &commands), None, "{same}");
        }
    }

    #[test]
    fn a_menu_is_as_long_as_telegram_takes_it() {
        let names: Vec<String> = (0..300).map(|number| format!("c{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        assert_eq!(menu(&names).len() + MENU.len(), MOST);
    }

    #[test]
    fn a_description_shows_what_it_is() {
        let entries = to_menu(&[("a".to_owned(), " \u{202e}two\nlines\u{7} ".to_owned()), ("b".to_owned(), "\u{200b}".to_owned())]);
        let descriptions: Vec<&str> = entries.iter().map(|entry| entry.description.as_str()).collect();
        assert_eq!(descriptions, ["two lines", "b"]);
    }

    proptest! {
        #[test]
        fn whatever_an_agent_names_is_a_menu_that_leads_back(names in proptest::collection::vec((".{0,40}", ".{0,300}"), 0..20)) {
            let entries = to_menu(&names);
            for entry in &entries {
                prop_assert!((1..=NAME).contains(&entry.menu.len()));
                prop_assert!(entry.menu.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
                prop_assert!(!MENU.contains(&entry.menu.as_str()));
                prop_assert_eq!(entries.iter().filter(|other| other.menu == entry.menu).count(), 1);
                prop_assert!(entry.description.chars().count() <= DESCRIPTION);
                if let Some(text) = from_menu(&format!("/{} x", entry.menu), &names) {
                    prop_assert_eq!(text, format!("/{} x", entry.agent));
                }
            }
        }
    }
}

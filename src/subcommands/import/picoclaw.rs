//! PicoClaw's `config.json`, in the three forms that it has had.
//!
//! | form | the Telegram bot | who may use it |
//! |---|---|---|
//! | the installer's | `channel: {type, token}` | `channel.allowed_users` |
//! | 1 and 2 | `channels.telegram: {token}` | `channels.telegram.allow_from` |
//! | 3 | `channel_list.NAME: {type, settings: {token}}`, the token often in `.security.yml` | `channel_list.NAME.allow_from` |
//!
//! There an empty list meant everybody. Names of users are not taken over: they can be registered anew by somebody else.

use serde_json::{Map, Value};

use super::{Taken, yaml};

/// The channel that is taken over.
const TELEGRAM: &str = "telegram";

/// One channel of it, in whichever form.
struct Channel<'a> {
    /// Where it stands.
    place: String,
    /// What it is.
    kind: String,
    /// It as a whole.
    whole: &'a Map<String, Value>,
}

/// Reads a configuration and what stands in `.security.yml`.
///
/// # Errors
/// It is none, or has no Telegram bot: one sentence.
pub(super) fn read(json: &str, secrets: &str) -> Result<Taken, String> {
    let config: Value = serde_json::from_str(json).map_err(|error| format!("this is no JSON: {error}"))?;
    let config = config.as_object().ok_or("this is no configuration of PicoClaw: it is no JSON object")?;
    let channels = channels(config);
    if channels.is_empty() {
        return Err("this is no configuration of PicoClaw: it has none of `channel`, `channels` and `channel_list`".to_owned());
    }
    let mut taken = Taken::default();
    let enabled = |channel: &&Channel<'_>| channel.whole.get("enabled").and_then(Value::as_bool).unwrap_or(true);
    let bots: Vec<&Channel<'_>> = channels.iter().filter(|channel| channel.kind == TELEGRAM).collect();
    let Some(bot) = bots.iter().copied().find(enabled).or(bots.first().copied()) else {
        let kinds: Vec<&str> = channels.iter().map(|channel| channel.kind.as_str()).collect();
        return Err(format!("it has no Telegram bot, only {}: kiroclaw speaks Telegram", kinds.join(", ")));
    };
    if !enabled(&bot) {
        taken.note(format!("{} was switched off there", bot.place));
    }
    take_bot(&mut taken, bot, secrets);
    if taken.token.is_none() {
        taken.note("there is no usable token: put it into secrets/bot-token, and `BOT_TOKEN_FILE=secrets/bot-token` into .env");
    }
    for other in channels.iter().filter(|channel| channel.place != bot.place) {
        let why = if other.kind == TELEGRAM { "kiroclaw serves one bot" } else { "kiroclaw speaks Telegram" };
        taken.note(format!("{} is not taken over: {why}", other.place));
    }
    others(&mut taken, config);
    Ok(taken)
}

/// All channels, in the order of their names.
fn channels(config: &Map<String, Value>) -> Vec<Channel<'_>> {
    let kind_of = |whole: &Map<String, Value>, name: &str| whole.get("type").and_then(Value::as_str).unwrap_or(name).to_owned();
    let one = config.get("channel").and_then(Value::as_object);
    let one = one.map(|whole| Channel { place: "channel".to_owned(), kind: kind_of(whole, ""), whole });
    let many = ["channels", "channel_list"].into_iter().filter_map(|key| Some((key, config.get(key)?.as_object()?)));
    let many = many.flat_map(|(key, all)| {
        all.iter().filter_map(move |(name, whole)| {
            let whole = whole.as_object()?;
            Some(Channel { place: format!("{key}.{name}"), kind: kind_of(whole, name), whole })
        })
    });
    one.into_iter().chain(many).collect()
}

fn take_bot(taken: &mut Taken, bot: &Channel<'_>, secrets: &str) {
    let settings = bot.whole.get("settings").and_then(Value::as_object);
    let text = |key: &str| {
        let found = bot.whole.get(key).or_else(|| settings?.get(key))?;
        found.as_str().map(str::to_owned).filter(|text| !text.is_empty())
    };
    let token =
        secret_token(&bot.place, secrets).or_else(|| Some((format!("{}.token", bot.place), text("token").or_else(|| text("bot_token"))?)));
    match token {
        Some((place, token)) if token.starts_with("enc://") || token.starts_with("file://") => {
            taken.note(format!("{place} is not taken over: it is not the token itself but refers to it"));
        }
        Some((place, token)) => taken.token(&place, &token),
        None => {}
    }
    let (ids, names) = people(bot.whole.get("allow_from").or_else(|| bot.whole.get("allowed_users")));
    for name in names {
        taken.note(format!("`{name}` of {}.allow_from is not taken over: only numeric ids are, since names can change hands", bot.place));
    }
    taken.people(&format!("{}.allow_from", bot.place), &ids, "everybody");
    if let Some(base) = text("base_url") {
        if base.starts_with("https://") {
            taken.settings.push(("TELEGRAM_API_BASE", base));
        } else {
            taken.note(format!("{}.base_url is not taken over: it is no https:// address", bot.place));
        }
    }
    let known = ["type", "enabled", "token", "bot_token", "allow_from", "allowed_users", "settings", "base_url"];
    let more = bot.whole.iter().chain(settings.into_iter().flatten());
    let given = |value: &Value| !matches!(value, Value::Null | Value::Bool(false)) && *value != "" && *value != Value::Array(Vec::new());
    for (key, _) in more.filter(|(key, value)| !known.contains(&key.as_str()) && given(value)) {
        taken.note(format!("{}.{key} is not taken over: kiroclaw has nothing like it", bot.place));
    }
}

/// The token in `.security.yml`, which has had the channels under either name.
fn secret_token(place: &str, secrets: &str) -> Option<(String, String)> {
    let name = place.rsplit('.').next()?;
    let is_it = |keys: &[String]| {
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        matches!(keys.as_slice(), ["channels" | "channel_list", found, "token"] | ["channels" | "channel_list", found, "settings", "token"] if *found == name)
    };
    let found = yaml::texts(secrets).into_iter().find(|(keys, text)| is_it(keys) && !text.is_empty())?;
    Some((format!(".security.yml {}", found.0.join(".")), found.1))
}

/// Numeric ids, and what is none. `123|name` is an id with the name that it had.
fn people(list: Option<&Value>) -> (Vec<i64>, Vec<String>) {
    let (mut ids, mut names) = (Vec::new(), Vec::new());
    let entries = match list {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(one @ (Value::String(_) | Value::Number(_))) => std::slice::from_ref(one),
        _ => &[],
    };
    for entry in entries {
        let text = entry.as_str().map_or_else(|| entry.to_string(), str::to_owned);
        let number = text.trim().trim_start_matches("telegram:").split('|').next().unwrap_or_default();
        match number.parse::<i64>() {
            Ok(id) if id > 0 && !ids.contains(&id) => ids.push(id),
            Ok(id) if id > 0 => {}
            _ => names.push(text.chars().take(60).collect()),
        }
    }
    (ids, names)
}

/// A line for everything that is no channel.
fn others(taken: &mut Taken, config: &Map<String, Value>) {
    for (key, value) in config {
        let what = match key.as_str() {
            "channel" | "channels" | "channel_list" | "version" => continue,
            "llm" | "providers" | "model_list" => "models and their keys are the agent's: log kiro-cli in, or see docs/agents.md",
            "agents" => "agents are set up in config.json and kiro-config",
            _ => "kiroclaw has nothing like it",
        };
        let names: Vec<&str> = value.as_object().map(|all| all.keys().map(String::as_str).take(12).collect()).unwrap_or_default();
        let names = if names.is_empty() { String::new() } else { format!(" ({})", names.join(", ")) };
        taken.note(format!("{key}{names} is not taken over: {what}"));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "123456789:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk";

    fn env(taken: &Taken) -> String {
        String::from_utf8(taken.placed()[0].content.expose().clone()).unwrap()
    }

    #[test]
    fn the_installer_s_form_is_read() {
        let json = format!(
            r#"{{"llm":{{"provider":"openrouter","api_key":"sk-or-secret"}},"channel":{{"type":"telegram","token":"{TOKEN}","allowed_users":[7,8,7]}}}}"#
        );
        let taken = read(&json, "").unwrap();
        assert_eq!(env(&taken), "BOT_TOKEN_FILE=secrets/bot-token\nALLOWED_TELEGRAM_IDS=7,8\n");
        assert_eq!(taken.token.as_deref(), Some(TOKEN));
        let shown = taken.shown(std::path::Path::new("/to"));
        assert!(
            !shown.contains(TOKEN) && !shown.contains("sk-or-secret") && shown.contains("llm (api_key, provider) is not taken over"),
            "{shown}"
        );
    }

    #[test]
    fn the_form_with_channels_is_read_and_an_empty_list_lets_nobody_in() {
        let json = format!(
            r#"{{"agents":{{"defaults":{{}}}},"providers":{{"openai":{{"api_key":"sk-x"}}}},"channels":{{
                "telegram":{{"enabled":true,"token":"{TOKEN}","proxy":"http://p","allow_from":[]}},
                "discord":{{"enabled":true,"token":"MTI"}},"slack":{{"bot_token":"xoxb-1"}}}},"heartbeat":{{"interval":30}}}}"#
        );
        let taken = read(&json, "").unwrap();
        assert_eq!(env(&taken), "BOT_TOKEN_FILE=secrets/bot-token\nALLOWED_TELEGRAM_IDS=\n");
        let told = taken.told();
        for said in
            ["everybody; here nobody", "channels.discord is not", "channels.slack is not", "providers (openai)", "heartbeat", ".proxy"]
        {
            assert!(told.contains(said), "{said} in {told}");
        }
    }

    #[test]
    fn version_three_is_read_with_its_secrets_beside_it() {
        let json = r#"{"version":3,"model_list":[{"model_name":"x"}],"channel_list":{
            "off":{"enabled":false,"type":"telegram","allow_from":["1"]},
            "family":{"enabled":true,"type":"telegram","allow_from":["42|ana","@ben","telegram:43","*"],"settings":{"base_url":"https://bot.example"}},
            "chat":{"enabled":true,"type":"discord","settings":{}}}}"#;
        for keys in ["channels:\n  family:\n    token: ", "channel_list:\n  family:\n    settings:\n      token: "] {
            let taken = read(json, &format!("model_list: {{}}\n{keys}{TOKEN}\n")).unwrap();
            assert_eq!(
                env(&taken),
                "BOT_TOKEN_FILE=secrets/bot-token\nALLOWED_TELEGRAM_IDS=42,43\nTELEGRAM_API_BASE=https://bot.example\n"
            );
            let told = taken.told();
            for said in ["`@ben`", "`*`", "channel_list.off is not taken over: kiroclaw serves one bot", "channel_list.chat", "model_list"]
            {
                assert!(told.contains(said), "{said} in {told}");
            }
        }
        let sealed = read(json, "channels:\n  family:\n    token: enc://abc\n").unwrap();
        assert!(sealed.token.is_none() && sealed.told().contains("refers to it"));
    }

    #[test]
    fn what_is_none_of_it_is_said_to_be_none() {
        for (json, said) in
            [("[", "no JSON"), ("[]", "no configuration"), ("{}", "has none of"), (r#"{"channel":{"type":"slack"}}"#, "only slack")]
        {
            assert!(read(json, "").unwrap_err().contains(said), "{json}");
        }
        let placeholder =
            read(r#"{"channels":{"telegram":{"enabled":false,"token":"YOUR_TELEGRAM_BOT_TOKEN","allow_from":["YOUR_USER_ID"]}}}"#, "")
                .unwrap();
        assert!(placeholder.token.is_none() && !env(&placeholder).contains("BOT_TOKEN"));
    }

    /// Any JSON, with the keys that mean something among the others.
    fn json() -> impl Strategy<Value = String> {
        let key = prop_oneof!["channel", "channels", "channel_list", "telegram", "token", "allow_from", "settings", "type", "[a-z]{1,4}"];
        let leaf = prop_oneof![
            any::<i64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
            Just(Value::Null),
            Just(Value::from("telegram"))
        ];
        let value = leaf.prop_recursive(4, 40, 5, move |inner| {
            let map =
                proptest::collection::vec((key.clone(), inner.clone()), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect()));
            prop_oneof![map, proptest::collection::vec(inner, 0..4).prop_map(Value::Array)]
        });
        value.prop_map(|value| value.to_string())
    }

    proptest! {
        #[test]
        fn whatever_it_holds_only_positive_numbers_are_let_in(json in json()) {
            if let Ok(taken) = read(&json, "") {
                let ids = taken.settings.iter().find(|(name, _)| *name == "ALLOWED_TELEGRAM_IDS").unwrap();
                prop_assert!(ids.1.split(',').all(|id| id.is_empty() || id.parse::<i64>().is_ok_and(|id| id > 0)));
                prop_assert!(env(&taken).lines().all(|line| line.contains('=')));
            }
        }
    }
}

//! `session/update`: one of many kinds, of which those that mean something to a person are kept.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::error::AcpError;
use super::super::turn::TurnEvent;
use super::super::types::{Command, Cost, PlanEntry, Usage};
use super::super::{kiro, text};
use super::lenient::{Bounded, lenient, read};
use super::tool::{ToolPatch, tool_patch};

/// What a message of the agent means to the session it is about.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// An event as it stands.
    Event(TurnEvent),
    /// A tool call began or changed.
    Tool(ToolPatch),
    /// What an update tells of the session itself.
    Info {
        /// Its title.
        title: Option<String>,
        /// How full its context is (v3).
        usage: Option<Usage>,
    },
    /// All options with their values.
    Options(Vec<ConfigOption>),
    /// The session's mode is another.
    Mode(String),
    /// The session must not go on.
    Fault(AcpError),
}

impl Incoming {
    /// The length in bytes of what can be as long as a line.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Event(TurnEvent::Text(text) | TurnEvent::Thought(text)) => text.len(),
            Self::Tool(patch) => patch.diffs.iter().map(|diff| diff.new.len() + diff.old.as_ref().map_or(0, String::len)).sum(),
            _ => 0,
        }
    }
}

/// An option of a session, with its value.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ConfigOption {
    pub(crate) id: String,
    pub(crate) category: String,
    /// The value; `true` or `false` of a switch.
    pub(crate) current: String,
    /// Values and names on offer.
    pub(crate) values: Vec<(String, String)>,
}

impl ConfigOption {
    /// Whether that is its value.
    pub(crate) fn is(&self, value: &str) -> bool {
        self.current == value
    }

    /// Whether it is the choice of this category, by its category or, where it has none, its id.
    pub(crate) fn chooses(&self, what: &str) -> bool {
        self.category == what || (self.category.is_empty() && self.id == what)
    }
}

/// An update: the session's id and what it means. `None` for kinds that are unknown or mean nothing to us.
pub(crate) fn update(raw: &RawValue) -> Option<(String, Incoming)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Params<'a> {
        session_id: String,
        #[serde(borrow, default)]
        update: Option<&'a RawValue>,
    }
    let params: Params<'_> = read(raw)?;
    // Kiro's page has the update's fields beside the session's id.
    let update = params.update.unwrap_or(raw);
    incoming(update).map(|incoming| (params.session_id, incoming))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update<'a> {
    #[serde(default, deserialize_with = "lenient")]
    session_update: Option<String>,
    #[serde(default, rename = "type", deserialize_with = "lenient")]
    other_name: Option<String>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    entries: Bounded<Entry, 100>,
    #[serde(borrow, default)]
    available_commands: Option<&'a RawValue>,
    #[serde(default, deserialize_with = "lenient")]
    current_mode_id: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    used: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    size: Option<u64>,
    #[serde(default, deserialize_with = "lenient")]
    cost: Option<Money>,
    #[serde(default, deserialize_with = "lenient")]
    title: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    description: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    status: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    from: String,
    #[serde(default, deserialize_with = "lenient")]
    to: String,
    #[serde(default, deserialize_with = "lenient")]
    cause: Option<String>,
    #[serde(default, rename = "_meta", deserialize_with = "lenient")]
    meta: Meta,
}

#[derive(Deserialize)]
struct Entry {
    content: String,
    #[serde(default, deserialize_with = "lenient")]
    status: String,
}

#[derive(Deserialize)]
struct Money {
    amount: f64,
    currency: String,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default, deserialize_with = "lenient")]
    kiro: KiroMeta,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct KiroMeta {
    #[serde(default, deserialize_with = "lenient")]
    context_usage_percentage: Option<f64>,
}

fn incoming(raw: &RawValue) -> Option<Incoming> {
    let update: Update<'_> = read(raw)?;
    let kind = snake(update.session_update.as_deref().or(update.other_name.as_deref())?);
    let event = match kind.as_str() {
        "agent_message_chunk" => TurnEvent::Text(content(update.content?)?),
        "agent_thought_chunk" => TurnEvent::Thought(content(update.content?)?),
        "tool_call" | "tool_call_update" => return tool_patch(raw).map(Incoming::Tool),
        "config_option_update" => return Some(Incoming::Options(config_options(raw))),
        "current_mode_update" => return update.current_mode_id.map(Incoming::Mode),
        "plan" => TurnEvent::Plan(plan(update.entries)),
        "available_commands_update" => TurnEvent::Commands(commands(update.available_commands?)),
        "usage_update" => {
            let cost = update.cost.map(|cost| Cost { amount: cost.amount, unit: text::line(&cost.currency, 20) });
            TurnEvent::Usage(Usage { used: update.used, size: update.size, cost, ..Usage::default() })
        }
        // v3 marks its turns and its use in the metadata; the prompt's own answer ends the turn.
        "session_info_update" => {
            let percent = update.meta.kiro.context_usage_percentage;
            let usage = percent.map(|percent| Usage { percent: Some(percent), ..Usage::default() });
            let title = update.title.map(|title| word(&title)).filter(|title| !title.is_empty());
            return (title.is_some() || usage.is_some()).then_some(Incoming::Info { title, usage });
        }
        "notice" => {
            let both = [update.title, update.description].into_iter().flatten().collect::<Vec<_>>().join(": ");
            TurnEvent::Notice(text::block(&both, text::DETAIL))
        }
        "compaction_update" => TurnEvent::Notice(kiro::compaction(Some(&update.status?))),
        "model_fallback" => {
            let cause = update.cause.as_deref().map(word);
            TurnEvent::ModelFallback { from: word(&update.from), to: word(&update.to), cause }
        }
        _ => return None,
    };
    Some(Incoming::Event(event))
}

fn word(text: &str) -> String {
    text::line(text, text::TITLE)
}

/// Kiro's page writes `AgentMessageChunk` where ACP has `agent_message_chunk`.
fn snake(name: &str) -> String {
    let mut out = String::new();
    // No kind is longer; the rest of a long one is of no use.
    for c in name.chars().take(64) {
        if c.is_ascii_uppercase() && !out.is_empty() {
            out.push('_');
        }
        out.push(c.to_ascii_lowercase());
    }
    out
}

/// The text of a content block; of what cannot be shown as text, nothing. Some write the text without a block around it.
fn content(raw: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct Block {
        #[serde(default, deserialize_with = "lenient")]
        text: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        uri: Option<String>,
    }
    let text = match read::<Block>(raw) {
        Some(block) => block.text.or(block.uri)?,
        None => read::<String>(raw)?,
    };
    (!text.is_empty()).then_some(text)
}

fn plan(entries: Bounded<Entry, 100>) -> Vec<PlanEntry> {
    entries.0.into_iter().map(|entry| PlanEntry { content: word(&entry.content), status: word(&entry.status) }).collect()
}

/// A list of commands, by ACP or by Kiro, which writes a slash before the names.
pub(crate) fn commands(raw: &RawValue) -> Vec<Command> {
    #[derive(Deserialize)]
    struct Item {
        name: String,
        #[serde(default, deserialize_with = "lenient")]
        description: String,
        #[serde(default, deserialize_with = "lenient")]
        input: Option<Input>,
    }
    #[derive(Deserialize)]
    struct Input {
        #[serde(default, deserialize_with = "lenient")]
        hint: String,
    }
    let items: Bounded<Item> = read(raw).unwrap_or_default();
    let command = |item: Item| Command {
        name: word(item.name.trim_start_matches('/')),
        description: word(&item.description),
        hint: item.input.map(|input| word(&input.hint)),
    };
    items.0.into_iter().map(command).filter(|command| !command.name.is_empty()).collect()
}

/// The `configOptions` of an answer or update.
pub(crate) fn config_options(raw: &RawValue) -> Vec<ConfigOption> {
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase")]
    struct Holder {
        #[serde(default, deserialize_with = "lenient")]
        config_options: Bounded<ConfigOption>,
    }
    read::<Holder>(raw).unwrap_or_default().config_options.0
}

impl<'de> Deserialize<'de> for ConfigOption {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Wire {
            id: String,
            #[serde(default, deserialize_with = "lenient")]
            category: String,
            current_value: Value,
            #[serde(default, deserialize_with = "lenient")]
            options: Bounded<Choice>,
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Value {
            Text(String),
            Switch(bool),
        }
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Choice {
            One {
                value: String,
                #[serde(default)]
                name: Option<String>,
            },
            Group {
                options: Vec<One>,
            },
        }
        #[derive(Deserialize)]
        struct One {
            value: String,
            #[serde(default)]
            name: Option<String>,
        }
        let wire = Wire::deserialize(deserializer)?;
        let named = |value: String, name: Option<String>| (value.clone(), super::name(name, &value));
        let mut values = Vec::new();
        for choice in wire.options.0 {
            match choice {
                Choice::One { value, name } => values.push(named(value, name)),
                Choice::Group { options } => values.extend(options.into_iter().take(256).map(|one| named(one.value, one.name))),
            }
        }
        values.truncate(256);
        let current = match wire.current_value {
            Value::Text(text) => text,
            Value::Switch(on) => on.to_string(),
        };
        Ok(Self { id: wire.id, category: wire.category, current, values })
    }
}

/// Whether options of a tamed session say that tools run unasked.
pub(crate) fn untamed(options: &[ConfigOption]) -> bool {
    kiro::autopilot(options) == Some(true)
}

#[cfg(test)]
mod tests;

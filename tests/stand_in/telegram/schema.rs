//! Checks values against the published description of the Bot API.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// The description of Bot API 10.3.
pub static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let mut items = HashMap::new();
    for line in include_str!("../../schema/telegram/bot-api.jsonl").lines().skip(1) {
        let item: Item = serde_json::from_str(line).expect("the schema is what strip.jq wrote");
        items.insert(item.name.clone(), item);
    }
    Schema { items }
});

/// All methods and types by name; methods begin with a small letter.
pub struct Schema {
    items: HashMap<String, Item>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    /// The types of which it is one; given for types without fields.
    variants: Option<Vec<String>>,
    fields: Vec<Field>,
}

/// A field of a type, or a parameter of a method.
#[derive(Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type as the description writes it.
    pub r#type: String,
    /// Whether it is always there.
    pub required: bool,
    /// The only text that it may have.
    pub is: Option<String>,
    /// Its shortest length in `unit`.
    #[serde(default)]
    pub min: usize,
    /// Its longest.
    pub max: Option<usize>,
    unit: Option<String>,
}

/// Something that does not fit.
#[derive(Debug)]
pub struct Misfit {
    /// What and where.
    pub text: String,
    /// Whether the call cannot be read at all. The real server ignores fields that it does not know, and has its own words for lengths.
    pub unreadable: bool,
}

/// All that does not fit.
pub type Misfits = Vec<Misfit>;

fn unreadable(text: String) -> Misfits {
    vec![Misfit { text, unreadable: true }]
}

impl Schema {
    /// Whether there is such a method.
    pub fn has_method(&self, name: &str) -> bool {
        name.starts_with(|first: char| first.is_ascii_lowercase()) && self.items.contains_key(name)
    }

    /// A type's fields, and the types of which it is one.
    pub fn item(&self, name: &str) -> Option<(&[Field], &[String])> {
        let item = self.items.get(name)?;
        Some((&item.fields, item.variants.as_deref().unwrap_or_default()))
    }

    /// The names of a type's fields.
    pub fn fields(&self, name: &str) -> impl Iterator<Item = &str> {
        self.items[name].fields.iter().map(|field| field.name.as_str())
    }

    /// The parameters that a method cannot do without and that are not given.
    pub fn missing<'a>(&'a self, method: &str, params: &Map<String, Value>) -> Vec<&'a str> {
        let required = self.items[method].fields.iter().filter(|field| field.required);
        required.map(|field| field.name.as_str()).filter(|name| !params.contains_key(*name)).collect()
    }

    /// Turns the texts of a form into what the method's parameters are by type.
    pub fn read_texts(&self, method: &str, params: &mut Map<String, Value>) {
        for field in &self.items[method].fields {
            let Some(Value::String(text)) = params.get(&field.name) else { continue };
            let is_text = field.r#type.split(" or ").any(|kind| kind == "String");
            let read = match field.r#type.as_str() {
                "Boolean" | "True" => Some(Value::Bool(matches!(text.to_ascii_lowercase().as_str(), "true" | "1" | "yes" | "t"))),
                "Integer or String" => text.parse::<i64>().ok().map(Value::from),
                _ if is_text => None,
                _ => serde_json::from_str(text).ok(),
            };
            if let Some(value) = read {
                params.insert(field.name.clone(), value);
            }
        }
    }

    /// Checks the parameters of a method: required ones, types, lengths, and none that the method does not have.
    pub fn check_call(&self, method: &str, params: &Map<String, Value>) -> Misfits {
        let mut misfits = Misfits::new();
        self.check_fields(&self.items[method], params, method, &mut misfits);
        misfits
    }

    /// Checks a value against a type as the description writes it, e.g. `Array of MessageEntity`.
    pub fn check(&self, kind: &str, value: &Value, at: &str) -> Misfits {
        if let Some(element) = kind.strip_prefix("Array of ") {
            let Value::Array(values) = value else { return unreadable(format!("{at}: not a list: {value}")) };
            let checked = values.iter().enumerate();
            return checked.flat_map(|(index, value)| self.check(element, value, &format!("{at}[{index}]"))).collect();
        }
        let kinds: Vec<&str> = kind.split(" or ").flat_map(|part| part.split(", ")).flat_map(|part| part.split(" and ")).collect();
        match kinds.as_slice() {
            [one] => self.check_one(one, value, at),
            several => self.check_any(several.iter().copied(), value, at),
        }
    }

    fn check_one(&self, kind: &str, value: &Value, at: &str) -> Misfits {
        let right = match kind {
            "Integer" => value.is_i64() || value.is_u64(),
            "Float" => value.is_number(),
            "String" => value.is_string(),
            "Boolean" => value.is_boolean(),
            "True" => value == &Value::Bool(true),
            // A file goes in a part of its own; the parameter names it.
            "InputFile" => value.as_str().is_some_and(|text| text.starts_with("attach://")),
            "RichText" if value.is_string() => true,
            "RichText" if value.is_array() => return self.check("Array of RichText", value, at),
            _ => return self.check_item(kind, value, at),
        };
        if right { Misfits::new() } else { unreadable(format!("{at}: not of type {kind}: {value}")) }
    }

    fn check_item(&self, kind: &str, value: &Value, at: &str) -> Misfits {
        let Some(item) = self.items.get(kind) else { return unreadable(format!("{at}: unknown type {kind}")) };
        if let Some(variants) = item.variants.as_ref().filter(|variants| !variants.is_empty()) {
            return self.check_any(variants.iter().map(String::as_str), value, at);
        }
        let Value::Object(fields) = value else { return unreadable(format!("{at}: not an object ({kind}): {value}")) };
        let mut misfits = Misfits::new();
        self.check_fields(item, fields, at, &mut misfits);
        misfits
    }

    /// One of the types has to fit; what is wrong with the one that fits best is told.
    fn check_any<'a>(&self, kinds: impl Iterator<Item = &'a str>, value: &Value, at: &str) -> Misfits {
        let unreadable = |misfits: &Misfits| misfits.iter().filter(|misfit| misfit.unreadable).count();
        let checked = kinds.map(|kind| self.check_one(kind, value, at));
        checked.min_by_key(|misfits| (unreadable(misfits), misfits.len())).unwrap_or_default()
    }

    fn check_fields(&self, item: &Item, values: &Map<String, Value>, at: &str, misfits: &mut Misfits) {
        for field in &item.fields {
            let at = format!("{at}.{}", field.name);
            match values.get(&field.name) {
                None if field.required => misfits.extend(unreadable(format!("{at}: missing"))),
                None => {}
                Some(value) => {
                    misfits.extend(self.check(&field.r#type, value, &at));
                    misfits.extend(value.as_str().and_then(|text| field.check_text(text, &at)));
                }
            }
        }
        let known = |name: &String| item.fields.iter().any(|field| &field.name == name);
        let unknown = values.keys().filter(|name| !known(name)).map(|name| format!("{at}.{name}: {} has no such field", item.name));
        misfits.extend(unknown.map(|text| Misfit { text, unreadable: false }));
    }
}

impl Field {
    fn check_text(&self, text: &str, at: &str) -> Option<Misfit> {
        if self.is.as_ref().is_some_and(|is| is != text) {
            return Some(Misfit { text: format!("{at}: {text:?} is not {:?}", self.is), unreadable: true });
        }
        let unit = self.unit.as_deref().unwrap_or_default();
        let length = if unit == "bytes" { text.len() } else { text.encode_utf16().count() };
        let max = self.max.filter(|max| !(self.min..=*max).contains(&length))?;
        Some(Misfit { text: format!("{at}: {length} is not a length of {} to {max} {unit}", self.min), unreadable: false })
    }
}

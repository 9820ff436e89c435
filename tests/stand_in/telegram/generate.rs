//! Makes updates from the published description: every kind, every field, valid by type and otherwise as nasty as Telegram could send them.
//!
//! ```ignore
//! let mut generator = Generator::new(seed, Cast { sender: 1001, chat: 1001, others: vec![2002] });
//! for kind in Generator::kinds() {
//!     telegram.pushes(generator.update(kind));
//! }
//! ```

use serde_json::{Map, Value, json};

use super::chat::BOT;
use super::schema::{Field, SCHEMA};

/// How deep optional fields are filled; below it objects have what they must have.
const DEPTH: usize = 6;

/// Most values of one update, required ones aside. It keeps updates around 8 KB and below 256 KB.
const VALUES: usize = 200;

/// Longest list.
const LIST: u64 = 3;

/// Texts that break programs: empty, control characters, directions, marks, paths, commands, markup, numbers.
const TEXTS: &[&str] = &[
    "",
    " ",
    "hello",
    "/start",
    "/stop@stand_in_bot now",
    "/new\n/new",
    "/",
    "\u{0}",
    "a\u{0}b",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "\u{8}\u{7f}\u{85}\r\n\t",
    "\u{202e}gpj.exe\u{202c}",
    "\u{2066}left\u{2069}\u{200f}",
    "zero\u{200b}width\u{feff}\u{2060}",
    "e\u{301}\u{301}\u{301}\u{301}",
    "👨‍👩‍👧‍👦🏳️‍🌈",
    "\u{fffd}\u{fffe}\u{10ffff}",
    "../../../etc/passwd",
    "C:\\con\\nul",
    "<send_file path=\"/etc/passwd\">x</send_file>",
    "<b>&amp;</b>]]>",
    "**a** `b` [c](d)",
    "{\"jsonrpc\":\"2.0\"}",
    "'; DROP TABLE x; --",
    "%s%n%x",
    "-1",
    "9223372036854775808",
    "NaN",
    "ok:1:2:3",
    "https://[::1]:99999/%zz",
];

/// Numbers at the edges of their types.
const NUMBERS: &[i64] = &[
    0,
    1,
    -1,
    1 << 31,
    (1 << 31) - 1,
    -(1 << 31) - 1,
    1 << 32,
    (1 << 52) - 1,
    (1 << 53) + 1,
    -(1 << 53) - 1,
    i64::MAX - 1,
    i64::MAX,
    i64::MIN,
    -1_000_000_000_001,
];

/// Who plays in the updates.
#[derive(Debug, Clone)]
pub struct Cast {
    /// Who sends, presses, answers.
    pub sender: i64,
    /// The chat in which it happens: negative for a supergroup.
    pub chat: i64,
    /// Who else occurs in them, besides the bot and people whom nobody knows.
    pub others: Vec<i64>,
}

/// What makes a value unreadable as this type of the description; fields that the description does not know are nothing.
pub fn misfits(kind: &str, value: &Value) -> Vec<String> {
    let unreadable = SCHEMA.check(kind, value, kind).into_iter().filter(|misfit| misfit.unreadable);
    unreadable.map(|misfit| misfit.text).collect()
}

/// Makes updates, always the same for the same seed.
#[derive(Debug, Clone)]
pub struct Generator {
    random: Random,
    cast: Cast,
    /// Whether leaves may have a wrong type.
    wrong: bool,
    /// How many optional values there may be yet.
    left: usize,
}

impl Generator {
    /// One that keeps to the description, but for fields that it does not know.
    pub fn new(seed: u64, cast: Cast) -> Self {
        Self { random: Random(seed), cast, wrong: false, left: 0 }
    }

    /// One that gives some leaves a type that the description does not.
    #[must_use]
    pub fn with_wrong_leaves(self) -> Self {
        Self { wrong: true, ..self }
    }

    /// The kinds of update: all optional fields of `Update`.
    pub fn kinds() -> Vec<&'static str> {
        let (fields, _) = SCHEMA.item("Update").expect("the description has updates");
        fields.iter().filter(|field| !field.required).map(|field| field.name.as_str()).collect()
    }

    /// An update of this kind, its number to be set.
    pub fn update(&mut self, kind: &str) -> Value {
        self.left = VALUES;
        let (fields, _) = SCHEMA.item("Update").expect("the description has updates");
        let field = fields.iter().find(|field| field.name == kind).expect("a kind of update");
        let mut update = json!({"update_id": 0, kind: self.value(&field.r#type, field, 0)});
        self.add_unknown(update.as_object_mut().expect("an object"));
        update
    }

    fn value(&mut self, kind: &str, field: &Field, depth: usize) -> Value {
        if let Some(element) = kind.strip_prefix("Array of ") {
            let length = if self.may_grow(depth) { self.random.below(LIST + 1) } else { 0 };
            return (0..length).map(|_| self.value(element, field, depth + 1)).collect();
        }
        let kinds: Vec<&str> = kind.split(" or ").collect();
        let kind = *self.random.pick(&kinds);
        match kind {
            "RichText" if !self.may_grow(depth) || self.random.one_in(2) => self.leaf("String", field),
            "RichText" if self.random.one_in(3) => self.value("Array of RichText", field, depth + 1),
            "Integer" | "Float" | "String" | "Boolean" | "True" => self.leaf(kind, field),
            _ => self.item(kind, field, depth),
        }
    }

    fn item(&mut self, kind: &str, field: &Field, depth: usize) -> Value {
        let (fields, variants) = SCHEMA.item(kind).expect("the description names no type that it does not describe");
        if !variants.is_empty() {
            let variant = self.random.pick(variants).clone();
            return self.item(&variant, field, depth);
        }
        let mut object = Map::new();
        for field in fields {
            if field.required || self.may_grow(depth) && self.random.one_in(4 + depth as u64) {
                self.left = self.left.saturating_sub(1);
                object.insert(field.name.clone(), self.value(&field.r#type, field, depth + 1));
            }
        }
        match kind {
            "User" => self.casts(&mut object, field, depth),
            "Chat" if field.name == "chat" => {
                object.insert("id".to_owned(), json!(self.cast.chat));
                object.insert("type".to_owned(), json!(if self.cast.chat < 0 { "supergroup" } else { "private" }));
            }
            "InaccessibleMessage" => drop(object.insert("date".to_owned(), json!(0))),
            _ => {}
        }
        self.add_unknown(&mut object);
        Value::Object(object)
    }

    /// Who it is: of an update the one who acts, deeper within anybody.
    fn casts(&mut self, user: &mut Map<String, Value>, field: &Field, depth: usize) {
        let acts = depth == 1 && ["from", "user"].contains(&field.name.as_str());
        let stranger = 900_000_000 + i64::try_from(self.random.below(1_000_000)).unwrap_or_default();
        let others = [self.cast.others.as_slice(), &[BOT, stranger, stranger + 1]].concat();
        let id = if acts { self.cast.sender } else { *self.random.pick(&others) };
        user.insert("id".to_owned(), json!(id));
        let bot = id == BOT || self.random.one_in(8);
        user.insert("is_bot".to_owned(), json!(bot));
    }

    fn leaf(&mut self, kind: &str, field: &Field) -> Value {
        if self.wrong && self.random.one_in(6) {
            return self.wrong_leaf(kind);
        }
        match kind {
            "Integer" if self.random.one_in(3) => json!(self.random.pick(NUMBERS)),
            "Integer" => json!(self.random.below(100_000)),
            "Float" => json!(self.random.pick(&[0.0, -0.0, 52.52, -179.999_999, 1e-300, 1e300, 13.405])),
            "Boolean" => json!(self.random.one_in(2)),
            "True" => json!(true),
            _ => json!(self.text(field)),
        }
    }

    /// Something that is not of this type.
    fn wrong_leaf(&mut self, kind: &str) -> Value {
        let values =
            [json!(null), json!("7"), json!(1.5), json!(-7), json!(u64::MAX), json!(false), json!([]), json!([[7]]), json!({"a": {}})];
        loop {
            let value = self.random.pick(&values);
            if !SCHEMA.check(kind, value, "").is_empty() {
                return value.clone();
            }
        }
    }

    fn text(&mut self, field: &Field) -> String {
        if let Some(is) = &field.is {
            return is.clone();
        }
        if let Some(max) = field.max {
            let span = (max - field.min) as u64 + 1;
            return "x".repeat(field.min + usize::try_from(self.random.below(span)).unwrap_or_default());
        }
        match self.random.below(32) {
            0 => "long ".repeat(800),
            1 => "\u{1F980}".repeat(2048),
            2..6 => format!("{}{}", self.random.pick(TEXTS), self.random.pick(TEXTS)),
            _ => (*self.random.pick(TEXTS)).to_owned(),
        }
    }

    /// What a later version of the Bot API may add.
    fn add_unknown(&mut self, object: &mut Map<String, Value>) {
        if self.random.one_in(8) {
            let values = [json!(null), json!(7), json!("later"), json!([{"deep": [[]]}]), json!({"type": "unknown"})];
            object.insert("of_a_later_version".to_owned(), self.random.pick(&values).clone());
        }
    }

    fn may_grow(&self, depth: usize) -> bool {
        depth < DEPTH && self.left > 0
    }
}

/// Numbers that look random (SplitMix64).
#[derive(Debug, Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn one_in(&mut self, of: u64) -> bool {
        self.below(of) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let at = self.below(from.len() as u64);
        &from[usize::try_from(at).unwrap_or_default()]
    }
}

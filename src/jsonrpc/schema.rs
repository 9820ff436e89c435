//! The judge of the tests: holds every line of a conversation against ACP's own schema.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{Id, Message};

/// Who says a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    Client,
    Agent,
}

/// Follows one conversation.
pub(crate) struct Judge {
    schema: Value,
    validators: HashMap<String, jsonschema::Validator>,
    /// The methods asked by a side, by id.
    asked: HashMap<(Side, Id), String>,
}

impl Judge {
    pub(crate) fn new() -> Self {
        let schema = include_str!("../../tests/schema/acp/schema.json");
        Self { schema: serde_json::from_str(schema).unwrap(), validators: HashMap::new(), asked: HashMap::new() }
    }

    /// Takes note of a request that need not be valid, so that its answer can be judged.
    pub(crate) fn overhear(&mut self, side: Side, id: Id, method: &str) {
        assert!(self.asked.insert((side, id), method.to_owned()).is_none(), "an id that is open already");
    }

    /// Panics where the line is not what the schema asks of this side.
    pub(crate) fn hear(&mut self, side: Side, line: &str) {
        let value: Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["jsonrpc"], "2.0", "{line}");
        match Message::parse(line.as_bytes()).unwrap() {
            Message::Request { id, method, .. } => {
                self.hold(&method, "Request", &value["params"]);
                self.overhear(side, id, &method);
            }
            Message::Notification { method, .. } => self.hold(&method, "Notification", &value["params"]),
            Message::Response { id, result } => {
                let other = if side == Side::Client { Side::Agent } else { Side::Client };
                let method = self.asked.remove(&(other, id)).unwrap_or_else(|| panic!("an answer to nothing: {line}"));
                match result {
                    Ok(_) => self.hold(&method, "Response", &value["result"]),
                    Err(_) => self.valid("Error", &value["error"]),
                }
            }
        }
    }

    fn hold(&mut self, method: &str, form: &str, value: &Value) {
        // An extension, and a method that agents have from before the schema.
        if method.starts_with('_') || method == "session/set_model" {
            assert!(value.is_object(), "{method}");
            return;
        }
        let defs = self.schema["$defs"].as_object().unwrap();
        let def = defs.iter().find(|(name, def)| def["x-method"] == method && name.ends_with(form));
        let name = def.unwrap_or_else(|| panic!("the schema has no {form} for {method}")).0.clone();
        self.valid(&name, value);
    }

    fn valid(&mut self, def: &str, value: &Value) {
        let defs = &self.schema["$defs"];
        let validator = self.validators.entry(def.to_owned()).or_insert_with(|| {
            let schema =
                json!({"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": defs, "$ref": format!("#/$defs/{def}")});
            jsonschema::validator_for(&schema).unwrap()
        });
        if let Err(error) = validator.validate(value) {
            panic!("{def}: {error}\n{value}");
        }
    }
}

#[test]
#[should_panic(expected = "RequestPermissionResponse")]
fn the_judge_refuses_an_answer_of_a_wrong_shape() {
    let mut judge = Judge::new();
    let ask = json!({"sessionId": "s", "toolCall": {"toolCallId": "c"}, "options": []});
    judge.hear(Side::Agent, &super::request(0, "session/request_permission", ask));
    judge.hear(Side::Client, &super::response(&Id::Number(0), Ok(json!({"granted": true}))));
}

//! What a prompt is made of, and the line that it becomes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::error::AcpError;
use crate::model::{AcpSessionId, bounds};

/// One part of a prompt: ACP's content block. A text and links are understood by every agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// What the person wrote.
    Text(String),
    /// A picture, only for agents that say so ([`super::AgentInfo::takes_images`]).
    Image {
        /// Its media type, `image/png` and the like.
        mime: String,
        /// The file as it is.
        data: Vec<u8>,
    },
    /// A file that the agent can read by itself.
    Link {
        /// Where: `file:///…`.
        uri: String,
        /// Its name for people.
        name: String,
        /// Its media type, where it is known.
        mime: Option<String>,
        /// Its size in bytes, where it is known.
        size: Option<u64>,
    },
}

impl Block {
    /// A text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Its size on the line at least, in bytes.
    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Image { data, .. } => data.len() / 3 * 4,
            Self::Link { uri, name, .. } => uri.len() + name.len(),
        }
    }

    fn write(&self, line: &mut String) {
        match self {
            Self::Text(text) => line.push_str(&json!({"type": "text", "text": text}).to_string()),
            Self::Image { mime, data } => {
                line.push_str(&format!(r#"{{"type":"image","mimeType":{},"data":""#, json!(mime)));
                STANDARD.encode_string(data, line);
                line.push_str(r#""}"#);
            }
            Self::Link { uri, name, mime, size } => {
                // ACP's size is a signed integer.
                let size = size.and_then(|size| i64::try_from(size).ok());
                line.push_str(&json!({"type": "resource_link", "uri": uri, "name": name, "mimeType": mime, "size": size}).to_string());
            }
        }
    }
}

/// A prompt's line but for its id and its newline. Pictures are megabytes, so they are written once, where they are to stand.
pub(super) struct PromptLine(String);

impl PromptLine {
    /// # Errors
    /// [`AcpError::PromptTooLong`], before the line is built where the blocks alone are too long.
    pub(super) fn new(session: &AcpSessionId, blocks: &[Block]) -> Result<Self, AcpError> {
        /// Room for an id.
        const ID: usize = 32;
        let too_long = AcpError::PromptTooLong { limit: bounds::ACP_LINE };
        let size = blocks.iter().map(Block::size).fold(0, usize::saturating_add);
        if size > bounds::ACP_LINE {
            return Err(too_long);
        }
        let mut line = String::with_capacity(size + 256);
        line.push_str(&format!(r#"{{"jsonrpc":"2.0","method":"session/prompt","params":{{"sessionId":{},"prompt":["#, json!(session)));
        for (number, block) in blocks.iter().enumerate() {
            if number > 0 {
                line.push(',');
            }
            block.write(&mut line);
        }
        line.push_str("]}");
        if line.len() + ID > bounds::ACP_LINE { Err(too_long) } else { Ok(Self(line)) }
    }

    /// The whole line, without its newline.
    pub(super) fn with_id(mut self, id: i64) -> String {
        self.0.push_str(&format!(r#","id":{id}}}"#));
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(blocks: &[Block]) -> Result<String, AcpError> {
        PromptLine::new(&"s\"1".parse().unwrap(), blocks).map(|line| line.with_id(7))
    }

    #[test]
    fn a_line_is_one_json_object_whatever_the_blocks_hold() {
        let odd = "a\"b\\\n\u{1b}é";
        let blocks = [
            Block::text(odd),
            Block::Image { mime: odd.to_owned(), data: vec![0xff, 0, 0x10, 0x83] },
            Block::Link { uri: odd.to_owned(), name: odd.to_owned(), mime: None, size: Some(u64::MAX) },
        ];
        let line = line(&blocks).unwrap();
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        let prompt = &value["params"]["prompt"];
        assert_eq!((&value["id"], &value["params"]["sessionId"]), (&json!(7), &json!("s\"1")));
        assert_eq!(prompt[0], json!({"type": "text", "text": odd}));
        assert_eq!(prompt[1], json!({"type": "image", "mimeType": odd, "data": "/wAQgw=="}));
        assert_eq!((&prompt[2]["name"], &prompt[2]["size"]), (&json!(odd), &json!(null)));
    }

    #[test]
    fn a_line_has_the_length_of_those_that_are_read() {
        let image = |bytes: usize| [Block::Image { mime: "image/png".to_owned(), data: vec![7; bytes] }];
        let fits = line(&image(bounds::ACP_LINE / 4 * 3 - 300)).unwrap();
        assert!(fits.len() <= bounds::ACP_LINE);
        let too_long = AcpError::PromptTooLong { limit: bounds::ACP_LINE };
        assert_eq!(line(&image(bounds::ACP_LINE / 4 * 3)), Err(too_long.clone()));
        // A text whose every character takes six on the line.
        assert_eq!(line(&[Block::text("\u{1}".repeat(bounds::ACP_LINE / 5))]), Err(too_long));
    }
}

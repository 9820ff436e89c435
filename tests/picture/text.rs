//! A message's text as a phone lays it out: its formatting, its blocks, its lines.

use serde_json::Value;

use crate::measure::{self, Style};

/// Lines of a folded quotation that are seen.
const FOLDED: usize = 3;

/// A stretch of text that looks the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) text: String,
    pub(crate) style: Style,
}

/// What stands around lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frame {
    None,
    Code,
    Quotation { folded: bool },
}

/// Lines within one frame.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) frame: Frame,
    pub(crate) lines: Vec<Vec<Run>>,
}

/// A character with its looks.
type Glyph = (char, Style);

/// The blocks of a text, their lines at most that wide in pixels; what is in a frame has `inset` less.
pub(crate) fn blocks(text: &str, entities: &[Value], width: f64, inset: f64) -> Vec<Block> {
    let mut blocks: Vec<(Option<usize>, Block)> = Vec::new();
    for (framed, glyphs) in lines(text, entities) {
        let frame = framed.map_or(Frame::None, |index| frame(&entities[index]));
        let most = if frame == Frame::None { width } else { width - inset };
        let wrapped = wrap(&glyphs, most).into_iter().map(runs);
        match blocks.last_mut() {
            Some((same, block)) if *same == framed => block.lines.extend(wrapped),
            _ => blocks.push((framed, Block { frame, lines: wrapped.collect() })),
        }
    }
    blocks.into_iter().map(|(_, block)| folded(block)).collect()
}

fn folded(mut block: Block) -> Block {
    if let Frame::Quotation { folded } = &mut block.frame {
        *folded &= block.lines.len() > FOLDED;
        if *folded {
            block.lines.truncate(FOLDED);
        }
    }
    block
}

fn frame(entity: &Value) -> Frame {
    match entity["type"].as_str() {
        Some("pre") => Frame::Code,
        Some("blockquote") => Frame::Quotation { folded: false },
        Some("expandable_blockquote") => Frame::Quotation { folded: true },
        _ => Frame::None,
    }
}

/// The lines as they were written, each with the index of the entity that frames it. Offsets count UTF-16 units.
fn lines(text: &str, entities: &[Value]) -> Vec<(Option<usize>, Vec<Glyph>)> {
    let mut lines = Vec::new();
    let (mut at, mut framed, mut glyphs) = (0, None, Vec::new());
    for c in text.chars() {
        let (style, around) = looks(entities, at);
        framed = framed.or(around);
        if c == '\n' {
            lines.push((framed.take(), std::mem::take(&mut glyphs)));
        } else {
            glyphs.push((c, style));
        }
        at += c.len_utf16() as u64;
    }
    lines.push((framed, glyphs));
    lines
}

/// How the character at an offset looks, and the entity that frames it.
fn looks(entities: &[Value], at: u64) -> (Style, Option<usize>) {
    let (mut style, mut around) = (Style::default(), None);
    for (index, entity) in entities.iter().enumerate() {
        let from = entity["offset"].as_u64().unwrap_or_default();
        if !(from..from + entity["length"].as_u64().unwrap_or_default()).contains(&at) {
            continue;
        }
        match entity["type"].as_str().unwrap_or_default() {
            "bold" => style.bold = true,
            "italic" => style.italic = true,
            "code" => style.code = true,
            "strikethrough" => style.struck = true,
            "text_link" | "url" | "mention" | "hashtag" | "bot_command" | "email" => style.link = true,
            kind => style.code |= kind == "pre",
        }
        if frame(entity) != Frame::None {
            around = Some(index);
        }
    }
    (style, around)
}

/// Broken at the last space that fits, else anywhere.
fn wrap(glyphs: &[Glyph], most: f64) -> Vec<&[Glyph]> {
    let mut lines = Vec::new();
    let mut rest = glyphs;
    loop {
        let mut wide = 0.0;
        let fits = rest.iter().take_while(|(c, style)| {
            wide += measure::width(*c, *style);
            wide <= most
        });
        let fitting = fits.count().max(1);
        if fitting >= rest.len() {
            lines.push(rest);
            return lines;
        }
        let space = rest[..=fitting].iter().rposition(|(c, _)| *c == ' ').filter(|at| *at > 0);
        lines.push(&rest[..space.unwrap_or(fitting)]);
        rest = &rest[space.map_or(fitting, |at| at + 1)..];
    }
}

fn runs(line: &[Glyph]) -> Vec<Run> {
    let alike = line.chunk_by(|(_, one), (_, other)| one == other);
    alike.map(|glyphs| Run { text: glyphs.iter().map(|(c, _)| c).collect(), style: glyphs[0].1 }).collect()
}

/// The width of a line in pixels.
pub(crate) fn width(line: &[Run]) -> f64 {
    line.iter().map(|run| measure::of(&run.text, run.style)).sum()
}

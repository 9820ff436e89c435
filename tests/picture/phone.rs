//! A conversation as a phone shows it, as an SVG that is readable in light and dark. Only what the messages hold is drawn from the run;
//! the phone around them, and its clock, are always the same.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::measure::{self, Style};
use crate::scene::Scene;
use crate::stand_in::telegram::{BOT, Media, Message};
use crate::text::{self, Block, Frame, Run};

/// Width of the picture in pixels.
const WIDTH: f64 = 420.0;

/// Widest bubble.
const BUBBLE: f64 = 346.0;

/// Between a bubble's edge and what is in it.
const PADDING: f64 = 12.0;

/// What a frame takes from the width of its lines.
const INSET: f64 = 20.0;

/// Height of a line, and of an empty one.
const LINE: f64 = 20.0;
const GAP: f64 = 9.0;

/// Height of the bars above and below the conversation.
const HEAD: f64 = 62.0;
const FOOT: f64 = 60.0;

/// Room for the clock in the last line of a bubble.
const CLOCK: f64 = 46.0;

/// Height of a button, and of what stands for a file.
const BUTTON: f64 = 36.0;
const FILE: f64 = 48.0;

const STYLE: &str = include_str!("phone.css");

/// The picture.
pub(crate) fn draw(scene: &Scene) -> String {
    let mut canvas = Canvas { svg: String::new(), y: HEAD + 14.0 };
    let mut minute = 40;
    for message in &scene.messages {
        minute += i32::from(message.from != BOT);
        canvas.message(message, &format!("9:{minute}"));
    }
    let height = canvas.y + 4.0 + FOOT;
    let (svg, foot) = (canvas.svg, height - FOOT);
    let title = escaped(&scene.title);
    let inner = WIDTH - 1.0;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height:.0}" viewBox="0 0 {WIDTH} {height:.0}" role="img">
<title>A conversation with an agent on a phone</title>
<style>
{STYLE}</style>
<clipPath id="phone"><rect width="{WIDTH}" height="{height:.0}" rx="28"/></clipPath>
<g clip-path="url(#phone)">
<rect class="wall" width="{WIDTH}" height="{height:.0}"/>
<rect class="bar" width="{WIDTH}" height="{HEAD}"/>
<path class="stroke" d="M26 22l-9 9 9 9"/>
<circle class="face" cx="62" cy="31" r="19"/><text class="white b" x="62" y="37" text-anchor="middle">k</text>
<text class="ink b" x="92" y="27">{title}</text>
<text class="faint small" x="92" y="46">kiroclaw · bot</text>
{svg}<rect class="bar" y="{foot:.0}" width="{WIDTH}" height="{FOOT}"/>
<rect class="field" x="14" y="{:.0}" width="340" height="36" rx="18"/><text class="faint" x="32" y="{:.0}">Message</text>
<circle class="face" cx="386" cy="{:.0}" r="18"/><path class="arrow" d="M379 {:.0}l7-7 7 7m-7-7v15"/>
</g>
<rect class="edge" x="0.5" y="0.5" width="{inner}" height="{:.0}" rx="28"/>
</svg>
"##,
        foot + 12.0,
        foot + 35.0,
        foot + 30.0,
        foot + 29.0,
        height - 1.0,
    )
}

/// What is drawn so far, and where it goes on.
struct Canvas {
    svg: String,
    y: f64,
}

impl Canvas {
    fn add(&mut self, piece: std::fmt::Arguments<'_>) {
        self.svg.write_fmt(piece).unwrap();
        self.svg.push('\n');
    }

    /// A bubble with all that belongs to it.
    fn message(&mut self, message: &Message, time: &str) {
        let blocks = text::blocks(&message.text, &message.entities, BUBBLE - 2.0 * PADDING, INSET);
        let blocks = if message.text.is_empty() { Vec::new() } else { blocks };
        let file = message.media.as_ref().map(|media| Attached::of(media, &message.fields));
        let rows = rows(message);
        let clock = CLOCK - if is_loud(message) { 0.0 } else { 14.0 };
        let last = blocks.last().filter(|block| block.frame == Frame::None).and_then(|block| block.lines.last());
        let own_line = last.is_none_or(|line| text::width(line) + clock > BUBBLE - 2.0 * PADDING);
        let beside = if own_line { 0.0 } else { last.map_or(0.0, |line| text::width(line) + clock) };
        let widest = blocks.iter().map(width).chain(file.as_ref().map(|file| file.width)).fold(beside.max(clock), f64::max);
        let wide = if rows.is_empty() { widest + 2.0 * PADDING } else { BUBBLE };
        let heights: f64 = blocks.iter().map(height).sum();
        let below = if own_line { 15.0 } else { 0.0 };
        let tall = heights + file.as_ref().map_or(0.0, |file| file.height) + below + 15.0;
        let (left, class) = if message.from == BOT { (10.0, "bot") } else { (WIDTH - 10.0 - wide, "own") };
        let top = self.y;
        self.add(format_args!(r#"<rect class="{class}" x="{left:.1}" y="{top:.1}" width="{wide:.1}" height="{tall:.1}" rx="15"/>"#));
        self.y += 8.0;
        if let Some(file) = &file {
            self.file(file, left + PADDING);
        }
        for block in &blocks {
            self.block(block, left + PADDING, wide - 2.0 * PADDING);
        }
        self.y = top + tall;
        let right = left + wide - PADDING;
        self.clock(time, is_loud(message), right);
        self.reactions(message, left, wide);
        self.buttons(&rows, left, wide);
        self.y += 8.0;
    }

    /// The time; a bell where the phone made a sound.
    fn clock(&mut self, time: &str, loud: bool, right: f64) {
        let y = self.y - 8.0;
        self.add(format_args!(r#"<text class="faint tiny" x="{right:.1}" y="{y:.1}" text-anchor="end">{time}</text>"#));
        if loud {
            let (x, y) = (right - 36.0, y - 8.0);
            self.add(format_args!(r#"<path class="bell" d="M{x:.1} {y:.1}m0 6.5q1.4-1.3 1.4-3.4a2.9 2.9 0 0 1 5.8 0q0 2.1 1.4 3.4zm3 1.2h2.6a1.3 1.3 0 0 1-2.6 0z"/>"#));
        }
    }

    fn block(&mut self, block: &Block, left: f64, wide: f64) {
        let (top, tall) = (self.y, height(block));
        match block.frame {
            Frame::None => self.lines(&block.lines, left, "ink"),
            Frame::Code => {
                self.add(format_args!(
                    r#"<rect class="panel" x="{left:.1}" y="{:.1}" width="{wide:.1}" height="{:.1}" rx="6"/>"#,
                    top + 2.0,
                    tall - 4.0
                ));
                self.y += 5.0;
                self.lines(&block.lines, left + 10.0, "ink k");
            }
            Frame::Quotation { folded } => {
                self.add(format_args!(
                    r#"<rect class="panel" x="{left:.1}" y="{:.1}" width="{wide:.1}" height="{:.1}" rx="5"/>"#,
                    top + 2.0,
                    tall - 4.0
                ));
                self.add(format_args!(
                    r#"<rect class="rule" x="{left:.1}" y="{:.1}" width="3" height="{:.1}" rx="1.5"/>"#,
                    top + 2.0,
                    tall - 4.0
                ));
                if folded {
                    let (x, y) = (left + wide - 16.0, top + tall - 13.0);
                    self.add(format_args!(r#"<path class="fold" d="M{x:.1} {y:.1}l4 4 4-4"/>"#));
                }
                self.y += 5.0;
                self.lines(&block.lines, left + 10.0, "ink");
            }
        }
        self.y = top + tall;
    }

    fn lines(&mut self, lines: &[Vec<Run>], left: f64, class: &str) {
        for line in lines {
            if line.is_empty() {
                self.y += GAP;
                continue;
            }
            let spans: String = line.iter().map(span).collect();
            let y = self.y + 15.0;
            self.add(format_args!(r#"<text class="{class}" x="{left:.1}" y="{y:.1}" xml:space="preserve">{spans}</text>"#));
            self.y += LINE;
        }
    }

    fn file(&mut self, file: &Attached, left: f64) {
        let y = self.y;
        if let Some(data) = &file.picture {
            let (wide, tall) = (file.width, file.height - 6.0);
            self.add(format_args!(r#"<image x="{left:.1}" y="{y:.1}" width="{wide:.1}" height="{tall:.1}" href="{data}"/>"#));
        } else {
            let (x, middle) = (left + 20.0, y + 20.0);
            self.add(format_args!(r#"<circle class="face" cx="{x:.1}" cy="{middle:.1}" r="19"/>"#));
            self.add(format_args!(r#"<path class="arrow" d="M{x:.1} {:.1}v13m-6-6l6 6 6-6"/>"#, middle - 7.0));
            self.add(format_args!(r#"<text class="ink b" x="{:.1}" y="{:.1}">{}</text>"#, left + 50.0, y + 17.0, escaped(&file.name)));
            self.add(format_args!(r#"<text class="faint small" x="{:.1}" y="{:.1}">{}</text>"#, left + 50.0, y + 35.0, file.size));
        }
        self.y += file.height;
    }

    fn reactions(&mut self, message: &Message, left: f64, wide: f64) {
        let Some(emoji) = message.reactions.first() else { return };
        let (x, y) = (left + wide - 40.0, self.y + 3.0);
        self.add(format_args!(r#"<rect class="chip" x="{x:.1}" y="{y:.1}" width="34" height="22" rx="11"/>"#));
        self.add(format_args!(
            r#"<text class="small" x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            x + 17.0,
            y + 15.5,
            escaped(emoji)
        ));
        self.y += 25.0;
    }

    fn buttons(&mut self, rows: &[Vec<Value>], left: f64, wide: f64) {
        for row in rows {
            self.y += 4.0;
            let each = (wide + 4.0) / f64::from(u32::try_from(row.len()).unwrap()) - 4.0;
            let mut x = left;
            for button in row {
                let (label, middle, y) = (escaped(button["text"].as_str().unwrap_or_default()), x + each / 2.0, self.y);
                let class = match button["style"].as_str() {
                    Some("danger") => "button danger",
                    Some("success") => "button success",
                    _ => "button",
                };
                self.add(format_args!(r#"<rect class="{class}" x="{x:.1}" y="{y:.1}" width="{each:.1}" height="{BUTTON}" rx="10"/>"#));
                self.add(format_args!(r#"<text class="white m" x="{middle:.1}" y="{:.1}" text-anchor="middle">{label}</text>"#, y + 23.0));
                x += each + 4.0;
            }
            self.y += BUTTON;
        }
    }
}

/// A file as it is shown.
struct Attached {
    name: String,
    size: String,
    /// Of a photo, itself.
    picture: Option<String>,
    width: f64,
    height: f64,
}

impl Attached {
    fn of(media: &Media, fields: &serde_json::Map<String, Value>) -> Self {
        let bytes = u32::try_from(media.bytes.len()).unwrap();
        let size = if bytes < 1024 { format!("{bytes} B") } else { format!("{:.1} KB", f64::from(bytes) / 1024.0) };
        let name = if media.name.is_empty() { media.kind.clone() } else { media.name.clone() };
        let width = 50.0 + measure::of(&name, Style { bold: true, ..Style::default() });
        let shown = Self { name, size, picture: None, width: width.max(150.0), height: FILE };
        if media.kind != "photo" {
            return shown;
        }
        let largest = fields.get("photo").and_then(|sizes| sizes.as_array()?.last().cloned()).unwrap_or_default();
        let side = |name: &str| largest[name].as_f64().filter(|side| *side > 0.0).unwrap_or(1.0);
        let width = BUBBLE - 2.0 * PADDING;
        let picture = format!("data:image/png;base64,{}", BASE64_STANDARD.encode(media.bytes.as_slice()));
        Self { picture: Some(picture), width, height: width * side("height") / side("width") + 6.0, ..shown }
    }
}

/// The bot's messages that the phone announces with a sound.
fn is_loud(message: &Message) -> bool {
    message.from == BOT && !message.silent
}

fn rows(message: &Message) -> Vec<Vec<Value>> {
    let rows = message.markup.as_ref().and_then(|markup| markup["inline_keyboard"].as_array());
    rows.into_iter().flatten().filter_map(|row| row.as_array().cloned()).collect()
}

fn width(block: &Block) -> f64 {
    let widest = block.lines.iter().map(|line| text::width(line)).fold(0.0, f64::max);
    widest + if block.frame == Frame::None { 0.0 } else { INSET }
}

fn height(block: &Block) -> f64 {
    let lines: f64 = block.lines.iter().map(|line| if line.is_empty() { GAP } else { LINE }).sum();
    lines + if block.frame == Frame::None { 0.0 } else { 10.0 }
}

fn span(run: &Run) -> String {
    let Style { bold, italic, code, link, struck } = run.style;
    let classes = [(bold, "b"), (italic, "i"), (code, "c"), (link, "l"), (struck, "s")];
    let classes: Vec<&str> = classes.into_iter().filter(|(is, _)| *is).map(|(_, class)| class).collect();
    let text = escaped(&run.text);
    if classes.is_empty() { text } else { format!(r#"<tspan class="{}">{text}</tspan>"#, classes.join(" ")) }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

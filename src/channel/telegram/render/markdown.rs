//! From Markdown's events to one text with spans.

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::link::is_linkable;
use super::table::Table;
use super::{Formatted, Span, clean};
use crate::channel::telegram::types::EntityKind;

/// Deepest indentation of lists, in levels: deeper ones would leave no room on a phone, and make short input long.
const LEVELS: usize = 6;

/// Longest name of a code's language, in bytes.
const LANGUAGE: usize = 32;

/// Formats a text. Headings become bold, lists get bullets, tables become code or lines, HTML stays as it is written.
pub(super) fn format(markdown: &str) -> Formatted {
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut writer = Writer::default();
    for event in Parser::new_ext(markdown, options) {
        writer.event(event);
    }
    // Spans are written when they end, so inner ones came first.
    writer.out.spans.sort_by(|a, b| a.start.cmp(&b.start).then(b.end.cmp(&a.end)).then(a.kind.cmp(&b.kind)));
    writer.out
}

/// A span that has begun. It starts with the first text in it, so that no white space before a block gets into it.
struct Open {
    kind: EntityKind,
    start: Option<usize>,
}

#[derive(Default)]
struct Writer {
    out: Formatted,
    /// The open spans, each kind once: at most five.
    live: Vec<Open>,
    /// For each open tag of a span: whether it is the last of `live`, and what to write after it.
    tags: Vec<(bool, Option<String>)>,
    /// Line ends owed before the next text.
    gap: usize,
    /// Whether a list's marker was written last, on the line of which the item begins.
    marker: bool,
    /// The next number of each open list; `None` for bullets.
    lists: Vec<Option<u64>>,
    table: Option<Table>,
}

impl Writer {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) => self.text(&text),
            Event::Code(code) => self.code(&code),
            Event::SoftBreak | Event::HardBreak => self.line_end(),
            Event::InlineHtml(html) if is_line_break(&html) => self.line_end(),
            Event::InlineHtml(html) => self.text(&html),
            Event::Html(html) => html.lines().for_each(|line| {
                self.text(line);
                self.owe(1);
            }),
            Event::Rule => {
                self.owe(1);
                self.text("———");
                self.owe(2);
            }
            Event::TaskListMarker(done) => self.text(if done { "☑ " } else { "☐ " }),
            // Extensions that are off.
            Event::FootnoteReference(text) | Event::InlineMath(text) | Event::DisplayMath(text) => self.text(&text),
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } => {
                self.block();
                self.open(Some(EntityKind::Bold), None);
            }
            Tag::BlockQuote(_) => {
                self.block();
                self.open(Some(EntityKind::Blockquote), None);
            }
            Tag::CodeBlock(kind) => {
                self.owe(1);
                self.open(Some(EntityKind::Pre { language: language(&kind) }), None);
            }
            Tag::List(first) => {
                self.block();
                self.lists.push(first);
            }
            Tag::Item => self.item(),
            Tag::Table(_) => {
                self.block();
                self.table = Some(Table::default());
            }
            Tag::TableHead | Tag::TableRow => self.table.iter_mut().for_each(Table::row),
            Tag::TableCell => self.table.iter_mut().for_each(Table::cell),
            Tag::Emphasis => self.open(Some(EntityKind::Italic), None),
            Tag::Strong => self.open(Some(EntityKind::Bold), None),
            Tag::Strikethrough => self.open(Some(EntityKind::Strikethrough), None),
            Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. } => self.open(None, None),
            Tag::Link { dest_url, .. } => self.link(&dest_url),
            Tag::Image { dest_url, .. } => {
                self.text("🖼 ");
                self.link(&dest_url);
            }
            Tag::HtmlBlock => self.block(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough | TagEnd::Link | TagEnd::Image => self.close(),
            TagEnd::Heading(_) | TagEnd::BlockQuote(_) => {
                self.close();
                self.owe(2);
            }
            TagEnd::CodeBlock => {
                let kept = self.out.text.trim_end_matches('\n').len();
                let start = self.live.last().and_then(|open| open.start).unwrap_or(usize::MAX);
                self.out.text.truncate(kept.max(start));
                self.close();
                self.owe(2);
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.owe(2),
            TagEnd::Item => {
                self.marker = false;
                self.owe(1);
            }
            TagEnd::List(_) => {
                self.lists.pop();
                self.owe(if self.lists.is_empty() { 2 } else { 1 });
            }
            TagEnd::Table => {
                if let Some(table) = self.table.take() {
                    self.table(&table);
                }
            }
            _ => {}
        }
    }

    /// Owes at least so many line ends.
    fn owe(&mut self, lines: usize) {
        self.gap = self.gap.max(lines);
    }

    /// A block begins: on a line of its own, or behind its item's marker.
    fn block(&mut self) {
        if !self.marker {
            self.owe(1);
        }
    }

    fn line_end(&mut self) {
        match &mut self.table {
            Some(table) => table.text(" "),
            None => self.owe(1),
        }
    }

    fn item(&mut self) {
        self.owe(1);
        let marker = match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}. ");
                *number = number.saturating_add(1);
                marker
            }
            _ => "• ".to_owned(),
        };
        self.settle(self.lists.len().saturating_sub(1));
        self.put(&marker);
        self.marker = true;
    }

    /// Writes the owed line ends, and the indentation of so many levels.
    fn settle(&mut self, levels: usize) {
        if self.gap > 0 && !self.out.text.is_empty() {
            self.out.text.extend(std::iter::repeat_n('\n', self.gap));
            let in_code = self.live.iter().any(|open| matches!(open.kind, EntityKind::Pre { .. }));
            if !in_code {
                self.out.text.extend(std::iter::repeat_n("  ", levels.min(LEVELS)));
            }
        }
        self.gap = 0;
        self.marker = false;
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(table) = &mut self.table {
            return table.text(text);
        }
        self.settle(self.lists.len());
        self.put(text);
    }

    /// Writes a text as it is, into all open spans.
    fn put(&mut self, text: &str) {
        let here = self.out.text.len();
        for open in &mut self.live {
            open.start.get_or_insert(here);
        }
        self.out.text.push_str(&clean(text));
    }

    /// Inline code. Telegram allows no other formatting in it, so bold and the like are interrupted; within a link the link wins.
    fn code(&mut self, code: &str) {
        let in_link = self.live.iter().any(|open| matches!(open.kind, EntityKind::TextLink { .. }));
        if self.table.is_some() || in_link {
            return self.text(code);
        }
        self.settle(self.lists.len());
        let here = self.out.text.len();
        for open in &mut self.live {
            if open.kind == EntityKind::Blockquote {
                open.start.get_or_insert(here);
            } else if let Some(start) = open.start.take().filter(|start| *start < here) {
                self.out.spans.push(Span { start, end: here, kind: open.kind.clone() });
            }
        }
        self.out.text.push_str(&clean(code));
        let end = self.out.text.len();
        if end > here {
            self.out.spans.push(Span { start: here, end, kind: EntityKind::Code });
        }
    }

    /// Begins a span, unless one of its kind is open already; `after` is written at its end.
    fn open(&mut self, kind: Option<EntityKind>, after: Option<String>) {
        let kind = kind.filter(|kind| {
            let same = |open: &Open| std::mem::discriminant(&open.kind) == std::mem::discriminant(kind);
            self.table.is_none() && !self.live.iter().any(same)
        });
        self.tags.push((kind.is_some(), after));
        self.live.extend(kind.map(|kind| Open { kind, start: None }));
    }

    fn close(&mut self) {
        let Some((is_live, after)) = self.tags.pop() else { return };
        if is_live
            && let Some(Open { kind, start: Some(start) }) = self.live.pop()
            && start < self.out.text.len()
        {
            self.out.spans.push(Span { start, end: self.out.text.len(), kind });
        }
        if let Some(after) = after {
            self.text(&after);
        }
    }

    /// A link is hidden behind its text only when Telegram will take it; any other address is shown.
    fn link(&mut self, address: &str) {
        if is_linkable(address) && self.table.is_none() {
            self.open(Some(EntityKind::TextLink { url: address.to_owned() }), None);
        } else {
            let shown = !address.is_empty() && !address.starts_with('#');
            self.open(None, shown.then(|| format!(" ({address})")));
        }
    }

    fn table(&mut self, table: &Table) {
        if let Some(grid) = table.as_grid() {
            self.owe(1);
            self.open(Some(EntityKind::Pre { language: None }), None);
            self.text(&grid);
            self.close();
        } else {
            for (title, text) in table.as_records() {
                self.open(title.then_some(EntityKind::Bold), None);
                self.text(&text);
                self.close();
                self.owe(1);
            }
        }
        self.owe(2);
    }
}

fn is_line_break(html: &str) -> bool {
    matches!(html, "<br>" | "<br/>" | "<br />")
}

/// The first word after the fence, if it can be the name of a language.
fn language(kind: &CodeBlockKind<'_>) -> Option<String> {
    let CodeBlockKind::Fenced(info) = kind else { return None };
    let word = info.split(|c: char| c.is_whitespace() || c == ',' || c == '{').next()?;
    let right = !word.is_empty() && word.len() <= LANGUAGE && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"+#-_.".contains(&b));
    right.then(|| word.to_owned())
}

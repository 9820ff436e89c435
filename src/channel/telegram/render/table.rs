//! Tables, which Telegram's text does not have.

/// Widest table that is drawn with aligned columns, in characters: what a phone shows of code without breaking lines.
const WIDEST: usize = 40;

/// Longest column's title that is repeated in every record, in characters: it must not make a long table much longer.
const TITLE: usize = 24;

/// A table's cells as plain text, the head first.
#[derive(Debug, Default)]
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// Begins a row.
    pub(super) fn row(&mut self) {
        self.rows.push(Vec::new());
    }

    /// Begins a cell.
    pub(super) fn cell(&mut self) {
        self.rows.iter_mut().next_back().into_iter().for_each(|row| row.push(String::new()));
    }

    /// Goes on in the last cell.
    pub(super) fn text(&mut self, text: &str) {
        self.rows.last_mut().and_then(|row| row.last_mut()).into_iter().for_each(|cell| cell.push_str(text));
    }

    /// The table with aligned columns, or `None` when it is too wide for that.
    pub(super) fn as_grid(&self) -> Option<String> {
        let mut widths = Vec::new();
        for row in &self.rows {
            widths.resize(row.len().max(widths.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        let total = widths.iter().sum::<usize>() + 3 * widths.len().saturating_sub(1);
        if total > WIDEST {
            return None;
        }
        let mut lines: Vec<String> = self.rows.iter().map(|row| line(row, &widths)).collect();
        if lines.len() > 1 {
            let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
            lines.insert(1, rules.join("─┼─"));
        }
        Some(lines.join("\n"))
    }

    /// The table as lines, each cell behind its column's title; `true` marks the first of a row.
    pub(super) fn as_records(&self) -> Vec<(bool, String)> {
        let Some((head, rows)) = self.rows.split_first() else { return Vec::new() };
        let mut lines = Vec::new();
        // Titles that are too long to be repeated whole, or have no rows, are shown once.
        if rows.is_empty() || head.iter().any(|title| title.chars().count() > TITLE) {
            lines.push((true, head.join(" | ")));
        }
        for row in rows {
            for (column, cell) in row.iter().enumerate().filter(|(_, cell)| !cell.trim().is_empty()) {
                let title: String = head.get(column).map_or("", String::as_str).chars().take(TITLE).collect();
                let indent = if column == 0 { "" } else { "  " };
                let colon = if title.is_empty() { "" } else { ": " };
                lines.push((column == 0, format!("{indent}{title}{colon}{cell}")));
            }
        }
        lines
    }
}

fn line(row: &[String], widths: &[usize]) -> String {
    let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
    cells.join(" │ ").trim_end().to_owned()
}

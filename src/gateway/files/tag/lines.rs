//! The line ends around what was taken out of a text.

/// Most line ends in a row around a tag that was taken out: one empty line.
const RUN: usize = 2;

/// Passes text on, and drops the line that a tag had for itself.
#[derive(Debug)]
pub(super) struct Lines {
    /// Line ends at the end of what was shown; the beginning of the text counts as an empty line.
    run: usize,
    gap: Option<Gap>,
}

/// The blank space behind a tag that began its line.
#[derive(Debug, Default)]
struct Gap {
    /// Spaces, which are shown only when something follows on their line.
    spaces: String,
    /// The tag's own line has ended.
    ended: bool,
}

impl Default for Lines {
    fn default() -> Self {
        Self { run: RUN, gap: None }
    }
}

impl Lines {
    pub(super) fn show(&mut self, text: &str, out: &mut String) {
        for c in text.chars() {
            if self.gap.is_none() {
                self.run = if c == '\n' { self.run + 1 } else { 0 };
                out.push(c);
            } else {
                self.show_behind_tag(c, out);
            }
        }
    }

    /// A tag ended here, of which nothing is shown.
    pub(super) fn removed(&mut self) {
        if self.run > 0 {
            self.gap = Some(Gap::default());
        }
    }

    fn show_behind_tag(&mut self, c: char, out: &mut String) {
        let Some(gap) = &mut self.gap else { return };
        match c {
            '\n' => {
                gap.spaces.clear();
                if gap.ended && self.run < RUN {
                    self.run += 1;
                    out.push(c);
                }
                gap.ended = true;
            }
            ' ' | '\t' | '\r' => gap.spaces.push(c),
            _ => {
                out.push_str(&gap.spaces);
                out.push(c);
                self.gap = None;
                self.run = 0;
            }
        }
    }
}

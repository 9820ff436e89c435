//! The agent's plan as a message.

use super::fold::{Fold, fit, line};
use crate::channel::telegram::render::{Piece, lines};
use crate::gateway::texts::Texts;
use crate::model::outbound::PlanStep;

/// Longest line, in characters.
const LINE: usize = 120;

/// Room for the lines, in UTF-16 units: what a message holds.
const LINES: usize = 4000;

/// A line for each step; `None` for a plan without any.
pub(super) fn plan(steps: &[PlanStep], texts: &dyn Texts) -> Option<Piece> {
    let all = steps.iter().map(|step| format!("{} {}", sign(&step.status), line(&step.text, LINE))).collect();
    let shown = fit(Fold { head: all, ..Fold::default() }, LINES, |missing| texts.left_out(missing));
    let parts: Vec<_> = shown.iter().map(|line| (None, line.as_str())).collect();
    lines(&parts).into_iter().next()
}

fn sign(status: &str) -> &'static str {
    match status {
        "completed" => "☑",
        "in_progress" => "▶",
        _ => "☐",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gateway::texts::texts;
    use crate::model::Language;
    use crate::model::outbound::PLAN;

    fn step(text: &str, status: &str) -> PlanStep {
        PlanStep { text: text.to_owned(), status: status.to_owned() }
    }

    #[test]
    fn a_plan_has_a_line_for_each_step() {
        let steps = [step("look", "completed"), step("do\nit", "in_progress"), step("test", "pending"), step("?", "new")];
        assert_eq!(plan(&steps, texts(Language::English)).unwrap().text, "☑ look\n▶ do it\n☐ test\n☐ ?");
        assert_eq!(plan(&[], texts(Language::English)), None);
    }

    #[test]
    fn the_longest_plan_fits_into_one_message() {
        let steps: Vec<PlanStep> = (0..PLAN).map(|_| step(&"😀".repeat(200), "pending")).collect();
        let piece = plan(&steps, texts(Language::German)).unwrap();
        assert!(piece.text.encode_utf16().count() <= 4096 && piece.text.contains('…'));
    }
}

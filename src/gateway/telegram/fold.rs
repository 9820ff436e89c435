//! Texts cut to what a phone can show.

use crate::channel::telegram::render::clean;

/// Lines of which some are missing in the middle.
#[derive(Debug, Default)]
pub(super) struct Fold {
    pub(super) head: Vec<String>,
    /// How many between the two are not there.
    pub(super) missing: usize,
    pub(super) tail: Vec<String>,
}

/// One line of at most so many characters, cleaned.
pub(super) fn line(text: &str, most: usize) -> String {
    let cleaned = clean(text);
    let mut line = String::new();
    for word in cleaned.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    match line.char_indices().nth(most) {
        Some(_) => line.chars().take(most.saturating_sub(1)).chain(['…']).collect(),
        None => line,
    }
}

/// The end of a text, at most so many UTF-16 units with the `…` before it.
pub(super) fn tail(text: &str, units: usize) -> String {
    if text.encode_utf16().count() <= units {
        return text.to_owned();
    }
    let mut left = units.saturating_sub(1);
    let kept = text.char_indices().rev().take_while(|(_, c)| {
        let fits = c.len_utf16() <= left;
        left = left.saturating_sub(c.len_utf16());
        fits
    });
    let from = kept.last().map_or(text.len(), |(at, _)| at);
    format!("…{}", text.get(from..).unwrap_or_default())
}

/// The lines that fit into so many UTF-16 units: from both ends, and between them `more` on how many are missing.
pub(super) fn fit(Fold { head, missing, tail }: Fold, units: usize, more: impl Fn(usize) -> String) -> Vec<String> {
    let cost = |line: &String| line.encode_utf16().count() + 1;
    let all: Vec<String> = head.iter().chain(&tail).cloned().collect();
    if missing == 0 && all.iter().map(cost).sum::<usize>() <= units {
        return all;
    }
    // The end tells how it went, so it gets the larger part.
    let first = taken(head.iter().map(cost), units / 3);
    let rest = units.saturating_sub(head.iter().take(first).map(cost).sum::<usize>() + cost(&more(usize::MAX)));
    let head_too = if missing == 0 { head.len() } else { 0 };
    let last = taken(tail.iter().rev().chain(head.iter().skip(first).rev().take(head_too)).map(cost), rest);
    let left_out = missing + all.len() - first - last;
    let mut lines: Vec<String> = all.iter().take(first).cloned().collect();
    if left_out > 0 {
        lines.push(more(left_out));
    }
    lines.extend(all.into_iter().skip(first).collect::<Vec<_>>().into_iter().rev().take(last).rev());
    lines
}

/// How many of these costs can be paid.
fn taken(costs: impl Iterator<Item = usize>, mut money: usize) -> usize {
    let pays = |cost: &usize| {
        let enough = *cost <= money;
        money = money.saturating_sub(*cost);
        enough
    };
    costs.take_while(pays).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(from: usize, to: usize) -> Vec<String> {
        (from..to).map(|number| format!("{number:04}")).collect()
    }

    #[test]
    fn what_fits_is_left_as_it_is() {
        let fold = Fold { head: numbers(0, 3), missing: 0, tail: numbers(3, 5) };
        assert_eq!(fit(fold, 25, |_| panic!("nothing is missing")), numbers(0, 5));
    }

    #[test]
    fn what_does_not_fit_is_missing_in_the_middle() {
        for units in [60, 100, 333] {
            let fold = Fold { head: numbers(0, 20), missing: 7, tail: numbers(27, 200) };
            let lines = fit(fold, units, |missing| format!("{missing} more"));
            let total: usize = lines.iter().map(|line| line.len() + 1).sum();
            assert!(total <= units, "{total} of {units}");
            assert_eq!((lines[0].as_str(), lines[lines.len() - 1].as_str()), ("0000", "0199"));
            let missing: usize = lines.iter().find_map(|line| line.strip_suffix(" more")).unwrap().parse().unwrap();
            assert_eq!(missing + lines.len() - 1, 200);
        }
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length() {
        assert_eq!(line(" a\tb\n\nc \u{202e}", 9), "a b c");
        assert_eq!(line("abcdef", 3), "ab…");
        assert_eq!(line("abc", 3), "abc");
    }

    #[test]
    fn of_a_long_text_the_end_is_kept() {
        assert_eq!(tail("abc", 3), "abc");
        assert_eq!(tail("abcd", 3), "…cd");
        assert_eq!(tail("😀😀😀", 5), "…😀😀");
        assert_eq!(tail("😀😀😀", 4), "…😀");
    }
}

//! What an agent changed in a file, as a person reads it.

/// Unchanged lines shown before and after a change.
const CONTEXT: usize = 3;

/// The change as unified text: what both begin and end with is left out but for a few lines. Not the smallest difference, and never wrong.
pub(super) fn unified(path: &str, old: Option<&str>, new: &str) -> String {
    let before: Vec<&str> = old.unwrap_or_default().lines().collect();
    let after: Vec<&str> = new.lines().collect();
    let same_head = before.iter().zip(&after).take_while(|(a, b)| a == b).count();
    let most = before.len().min(after.len()) - same_head;
    let same_tail = before.iter().rev().zip(after.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let start = same_head.saturating_sub(CONTEXT);
    let (old_end, new_end) = (before.len() - same_tail, after.len() - same_tail);
    let trail = same_tail.min(CONTEXT);
    let from = if old.is_some() { path } else { "/dev/null" };
    let mut text = format!(
        "--- {from}\n+++ {path}\n@@ -{},{} +{},{} @@\n",
        start + usize::from(!before.is_empty()),
        old_end + trail - start,
        start + usize::from(!after.is_empty()),
        new_end + trail - start
    );
    let mut put = |sign: char, lines: &[&str]| lines.iter().for_each(|line| text.push_str(&format!("{sign}{line}\n")));
    put(' ', &before[start..same_head]);
    put('-', &before[same_head..old_end]);
    put('+', &after[same_head..new_end]);
    put(' ', &before[old_end..old_end + trail]);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_changed_is_shown_with_some_lines_around() {
        let old = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        let new = "1\n2\n3\n4\nfive\n6\n7\n8\n9\n";
        assert_eq!(unified("f", Some(old), new), "--- f\n+++ f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
    }

    #[test]
    fn a_new_file_is_all_new() {
        assert_eq!(unified("f", None, "a\nb\n"), "--- /dev/null\n+++ f\n@@ -0,0 +1,2 @@\n+a\n+b\n");
    }

    proptest! {
        #[test]
        fn both_sides_can_be_read_back(old in "([ab]\n){0,12}", new in "([ab]\n){0,12}") {
            let text = unified("f", Some(&old), &new);
            let side = |signs: [char; 2]| text.lines().skip(3).filter(|line| line.starts_with(signs)).map(|line| &line[1..]).collect::<Vec<_>>();
            let holds = |all: &str, part: Vec<&str>| {
                let all: Vec<&str> = all.lines().collect();
                part.is_empty() || all.windows(part.len()).any(|window| window == part)
            };
            prop_assert!(holds(&old, side([' ', '-'])) && holds(&new, side([' ', '+'])));
        }
    }
}

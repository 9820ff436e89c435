//! As much of YAML as `.security.yml` has: maps in maps, set in by spaces, and texts. Lists and all else are passed over.

/// Lines that are read: such a file has some dozens.
const LINES: usize = 4096;

/// The texts of the file, each with the keys that lead to it.
pub(super) fn texts(yaml: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    // The keys above the present line, each with how far it is set in.
    let mut above: Vec<(usize, String)> = Vec::new();
    for line in yaml.lines().take(LINES) {
        let content = line.trim_start_matches(' ');
        let depth = line.len() - content.len();
        let content = content.trim_end();
        if content.is_empty() || content.starts_with(['#', '-', '%', '\t']) {
            continue;
        }
        let Some((key, value)) = pair(content) else { continue };
        above.retain(|(other, _)| *other < depth);
        if above.len() > 16 {
            continue;
        }
        match text(value) {
            Some(text) => found.push((above.iter().map(|(_, key)| key.clone()).chain([key.to_owned()]).collect(), text)),
            None => above.push((depth, key.to_owned())),
        }
    }
    found
}

/// `key: value`, the key in quotes or not.
fn pair(content: &str) -> Option<(&str, &str)> {
    for quote in ['"', '\''] {
        if let Some(rest) = content.strip_prefix(quote) {
            let (key, rest) = rest.split_once(quote)?;
            return Some((key, rest.trim_start().strip_prefix(':')?.trim()));
        }
    }
    let (key, value) = content.split_once(": ").or_else(|| content.strip_suffix(':').map(|key| (key, "")))?;
    Some((key.trim_end(), value.trim()))
}

/// A text; `None` where a map follows.
fn text(value: &str) -> Option<String> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            return Some(rest.split_once(quote).map_or(rest, |(text, _)| text).to_owned());
        }
    }
    let plain = value.split_once(" #").map_or(value, |(plain, _)| plain).trim_end();
    (!plain.is_empty() && !plain.starts_with('#')).then(|| plain.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_found_by_their_keys() {
        let yaml = "# c\nchannels:\n  telegram:\n    token: \"1:x\" # mine\n    'other': y\n  discord: {}\nweb:\n  keys:\n    - a\n    - b: c\nlast: 'it'\n";
        let found: Vec<String> = texts(yaml).into_iter().map(|(keys, text)| format!("{}={text}", keys.join("."))).collect();
        assert_eq!(found, ["channels.telegram.token=1:x", "channels.telegram.other=y", "channels.discord={}", "last=it"]);
    }

    proptest! {
        #[test]
        fn no_text_brings_the_reader_down(text in "([ ]{0,4}[a-z'\":#-]{0,6}[: ]{0,2}[^\n]{0,10}\n){0,20}", any in any::<String>()) {
            for (keys, _) in texts(&text).into_iter().chain(texts(&any)) {
                prop_assert!((1..=17).contains(&keys.len()));
            }
        }
    }
}

//! The `.env` file: `NAME=value` lines, as shells and the Python bot read them.

/// One line that is no setting: its number from 1, and why.
pub(super) type BadLine = (usize, &'static str);

/// Reads `NAME=value` lines. Blank lines and `#` comments are passed over, `export ` in front is allowed, and a value may stand
/// in single or double quotes; nothing is expanded.
pub(super) fn parse(text: &str) -> (Vec<(String, String)>, Vec<BadLine>) {
    let mut pairs = Vec::new();
    let mut bad = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match parse_line(line) {
            Ok(pair) => pairs.push(pair),
            Err(why) => bad.push((index + 1, why)),
        }
    }
    (pairs, bad)
}

fn parse_line(line: &str) -> Result<(String, String), &'static str> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("no `=`")?;
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Err("the name before `=` may have letters, digits and `_` only");
    }
    Ok((name.to_owned(), parse_value(value.trim())?.to_owned()))
}

fn parse_value(value: &str) -> Result<&str, &'static str> {
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote) {
            let (inner, after) = rest.split_once(quote).ok_or("the quote is not closed")?;
            let after = after.trim();
            return if after.is_empty() || after.starts_with('#') { Ok(inner) } else { Err("text after the closing quote") };
        }
    }
    Ok(value.split_once(" #").map_or(value, |(value, _)| value.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn lines_are_read_as_shells_read_them() {
        let (pairs, bad) = parse("# c\nA=1\nexport B = \"x # y\" # z\nC='q'\nD=v # note\n\nE=\n");
        let pairs: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("A", "1"), ("B", "x # y"), ("C", "q"), ("D", "v"), ("E", "")]);
        assert!(bad.is_empty());
    }

    #[test]
    fn every_bad_line_is_named() {
        let (_, bad) = parse("A\nB=1\n=x\nC=\"open\n");
        assert_eq!(bad.iter().map(|(line, _)| *line).collect::<Vec<_>>(), [1, 3, 4]);
    }
}

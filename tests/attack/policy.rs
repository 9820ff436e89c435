//! What may be open, and why: `policy.txt`.

use std::path::Path;

use crate::battery::battery;
use crate::stage::Ends;

/// One line of the list.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) boxes: Vec<String>,
    pub(crate) probes: Vec<String>,
    pub(crate) reason: String,
}

impl Rule {
    /// Whether it names this probe for this box.
    pub(crate) fn names(&self, place: &str, probe: &str) -> bool {
        self.is_of(place) && self.probes.iter().any(|pattern| matches(pattern, probe))
    }

    /// Whether it is about this box.
    fn is_of(&self, place: &str) -> bool {
        self.boxes.iter().any(|pattern| matches(pattern, place))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// The list. A rule that names no probe, or gives no reason, fails.
pub(crate) fn rules() -> Vec<Rule> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attack/policy.txt")).unwrap();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let rules: Vec<Rule> = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            let [boxes, probes, reason] = parts[..] else { panic!("policy.txt: not three parts: {line}") };
            assert!(reason.trim().len() > 15, "policy.txt: no reason: {line}");
            Rule { boxes: words(boxes), probes: words(probes), reason: reason.trim().to_owned() }
        })
        .collect();
    for pattern in rules.iter().flat_map(|rule| &rule.probes) {
        let known = battery().probes.iter().map(|probe| probe.full_name());
        let found = known.into_iter().any(|name| matches(pattern, &name));
        assert!(found, "policy.txt names {pattern}, which is no probe");
    }
    rules
}

/// The reason why this probe may be open in this box, if there is one.
pub(crate) fn reason<'r>(rules: &'r [Rule], place: &str, probe: &str) -> Option<&'r str> {
    rules.iter().find(|rule| rule.names(place, probe)).map(|rule| rule.reason.as_str())
}

/// Every probe that is open in this box and not named for it, nor for it on a kernel whose Landlock has no rules for TCP (before ABI 4).
pub(crate) fn not_named(place: &str, ends: &Ends) -> Vec<String> {
    let rules = rules();
    let before = kiroclaw::jail::sys::landlock_abi().is_none_or(|abi| abi < 4).then(|| format!("{place}-before-6.7"));
    let is_named = |probe: &str| [Some(place), before.as_deref()].into_iter().flatten().any(|place| reason(&rules, place, probe).is_some());
    let open: Vec<String> = battery()
        .probes
        .iter()
        .filter(|probe| ends[&probe.full_name()].is_open() && !is_named(&probe.full_name()))
        .map(|probe| format!("{place}: {}: {} (to be stopped by: {})", probe.full_name(), probe.what, probe.stopped_by))
        .collect();
    for (pattern, rule) in rules.iter().filter(|rule| rule.is_of(place)).flat_map(|rule| rule.probes.iter().map(move |probe| (probe, rule)))
    {
        if !ends.iter().any(|(probe, end)| end.is_open() && matches(pattern, probe)) {
            println!("{place}: not open here, though policy.txt names it for {}: {pattern}", rule.boxes.join(" "));
        }
    }
    let all_open = ends.values().filter(|end| end.is_open()).count();
    println!("{place}: {} probes, {all_open} open, {} of them not named as policy", ends.len(), open.len());
    open
}

/// Fails with them.
pub(crate) fn check(place: &str, ends: &Ends) {
    none(&not_named(place, ends));
}

/// Fails unless there are none.
pub(crate) fn none(open: &[String]) {
    assert!(open.is_empty(), "open, and not named as policy in tests/attack/policy.txt:\n  {}", open.join("\n  "));
}

//! What our parsers promise of any bytes, for a fuzzer to break. Only in tests and in fuzzed builds (`cfg(fuzzing)`).
//!
//! A promise stands beside its parser, which is private to its module, as a function that panics where it does not hold: not only "does not
//! crash", but what the rest relies on. `fuzz/` drives them by coverage; the test here replays the corpus, and mutations of it, at every `cargo test`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::channel::telegram::methods::{ENTITIES, TEXT};
use crate::channel::telegram::render::{Piece, render, render_draft};
use crate::channel::telegram::types::EntityKind;
use crate::config::HostRule;
use crate::ipc::{IpcError, Link};
use crate::model::bounds;
use crate::model::control::{FromEgress, FromGateway, FromJail, ToEgress, ToGateway};
use crate::warden::JailOrder;

/// A promise: its name, which is also that of its corpus in `fuzz/corpus`, and what checks it.
pub type Promise = (&'static str, fn(&[u8]));

/// All of them.
pub const PROMISES: &[Promise] = &[
    ("acp_line", crate::acp::fuzz::line),
    ("control_message", control_message),
    ("host_rule", host_rule),
    ("markdown", markdown),
    ("proxy_head", crate::egress::fuzz::head),
    ("send_file", crate::gateway::fuzz::send_file),
    ("telegram_update", crate::gateway::fuzz::update),
];

/// A rule and a host, in two lines: a rule reads back as itself, and allows nothing but what it names.
fn host_rule(bytes: &[u8]) {
    let Some((text, host)) = std::str::from_utf8(bytes).ok().and_then(|text| text.split_once('\n')) else { return };
    let Ok(rule) = text.parse::<HostRule>() else { return };
    let written = rule.to_string();
    assert_eq!(written.parse().as_ref(), Ok(&rule), "{text:?} became {written:?}");
    assert!(written.bytes().all(|b| b.is_ascii_graphic()) && !rule.ports().contains(&0), "{written:?}");
    for port in [443, 80, 22].iter().chain(rule.ports()) {
        if rule.matches(host, *port) {
            let named = written.strip_prefix('*').unwrap_or(&written).trim_start_matches('[');
            let named = named.rsplit_once("]:").or_else(|| named.rsplit_once(']')).map_or(named, |(address, _)| address);
            let named = if named.matches(':').count() == 1 { named.split(':').next().unwrap_or_default() } else { named };
            let host = host.trim_start_matches('[').trim_end_matches('.').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase();
            assert!(rule.ports().contains(port) && host.ends_with(named), "{written} allows {host:?} at {port}");
            assert!(!rule.names_exactly(&host) || host == named, "{written} names {host:?}");
        }
    }
}

/// A packet, to each of our processes: it is that message, as its sender would have written it, or an error.
fn control_message(bytes: &[u8]) {
    packet::<FromGateway>(bytes);
    packet::<ToGateway>(bytes);
    packet::<FromEgress>(bytes);
    packet::<ToEgress>(bytes);
    packet::<FromJail>(bytes);
    packet::<JailOrder>(bytes);
}

fn packet<T: Serialize + DeserializeOwned>(bytes: &[u8]) {
    let Ok((ours, theirs)) = Link::pair() else { return };
    if rustix::net::send(&theirs, bytes, rustix::net::SendFlags::DONTWAIT).is_err() {
        return;
    }
    match ours.try_recv::<T>() {
        Ok(Some(Some((message, descriptors)))) => {
            assert!(descriptors.is_empty() && bytes.len() <= bounds::CONTROL_MESSAGE);
            let written = serde_json::to_value(&message).ok();
            let again = written.clone().and_then(|written| serde_json::from_value::<T>(written).ok());
            assert_eq!(again.and_then(|again| serde_json::to_value(again).ok()), written, "it changes when it is passed on");
        }
        Ok(received) => assert!(received.is_none() || bytes.is_empty(), "a packet is not the end"),
        Err(error) => assert!(matches!(error, IpcError::Malformed(_)) || bytes.len() > bounds::CONTROL_MESSAGE, "{error}"),
    }
}

/// A text of an agent: every piece, and every draft, is what Telegram takes.
fn markdown(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    render(text).iter().for_each(check_piece);
    render_draft(text).iter().for_each(check_piece);
}

fn check_piece(piece: &Piece) {
    let units: Vec<u16> = piece.text.encode_utf16().collect();
    assert!(!piece.text.trim().is_empty() && units.len() <= TEXT && piece.entities.len() <= ENTITIES);
    let mut last = (0, 0);
    for (at, outer) in piece.entities.iter().enumerate() {
        let end = outer.offset + outer.length;
        let inner = units.get(outer.offset..end).map(String::from_utf16);
        assert!(matches!(inner, Some(Ok(inner)) if !inner.trim().is_empty()), "{outer:?} of {piece:?}");
        let order = (outer.offset, usize::MAX - outer.length);
        assert!(last <= order, "{:?}", piece.entities);
        last = order;
        for inner in piece.entities.iter().skip(at + 1).take_while(|inner| inner.offset < end) {
            let is_code = matches!(outer.kind, EntityKind::Code | EntityKind::Pre { .. });
            assert!(inner.offset + inner.length <= end && !is_code, "{outer:?} crosses {inner:?}");
        }
    }
}

#[cfg(test)]
mod tests;

//! Which addresses can hide behind a text.

/// Longest such address, in bytes.
const LINK: usize = 2048;

/// Whether Telegram takes it as a link's address: it wants a scheme that it knows and a host with a dot, and refuses the message else.
pub(super) fn is_linkable(address: &str) -> bool {
    let rest = address.strip_prefix("https://").or_else(|| address.strip_prefix("http://"));
    let Some(host) = rest.and_then(|rest| rest.split(['/', '?', '#']).next()) else { return false };
    let name = host.split(':').next().unwrap_or(host);
    address.len() <= LINK
        && address.bytes().all(|b| b.is_ascii_graphic())
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b))
        && name.contains('.')
        && !name.starts_with('.')
        && !name.ends_with('.')
        && !name.contains("..")
}

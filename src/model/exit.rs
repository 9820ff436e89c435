//! Exit codes of the program; scripts depend on them.

/// A clean stop.
pub const SUCCESS: u8 = 0;

/// Something failed; stderr and the log say what.
pub const FAILURE: u8 = 1;

/// The configuration is bad; every problem was listed (sysexits.h `EX_USAGE`).
pub const BAD_CONFIGURATION: u8 = 64;

/// Telegram refused the token (sysexits.h `EX_UNAVAILABLE`).
pub const TELEGRAM_REFUSED: u8 = 69;

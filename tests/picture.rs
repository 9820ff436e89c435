//! Remakes `docs/session.svg`, the picture of the README: a conversation with the real `kiroclaw run`, between the stand-in for Telegram and
//! the scripted kiro-cli, as the person's phone shows it. `tests/picture/run` starts it; with `--check` it only says whether the picture is
//! that of today.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "test code: a panic is the failure of the test")]

#[path = "system/appliance.rs"]
#[allow(dead_code, reason = "shared with the whole-system tests, which do more with it")]
mod appliance;
#[path = "stand_in/kiro_install.rs"]
mod kiro_install;
#[path = "picture/measure.rs"]
mod measure;
#[path = "picture/phone.rs"]
mod phone;
#[path = "picture/scene.rs"]
mod scene;
mod stand_in;
#[path = "picture/text.rs"]
mod text;

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/session.svg");
    let picture = phone::draw(&scene::play());
    if !std::env::args().any(|word| word == "--check") {
        std::fs::write(path, picture).unwrap();
    } else if std::fs::read_to_string(path).ok() != Some(picture) {
        eprintln!("docs/session.svg shows another conversation than today's; tests/picture/run remakes it");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

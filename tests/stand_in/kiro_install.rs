//! Puts the scripted kiro-cli where a test wants it. Taken in by `#[path]`.

use std::io;
use std::path::{Path, PathBuf};

/// Installs the stand-in as `dir/kiro-cli` and `dir/kiro-cli-chat`, with its switches (`{}` for the defaults), and
/// gives back the launcher's path. The switches can be changed later by [`switch`].
///
/// # Errors
/// When the stand-in was not built (`cargo build --examples`) or the directory cannot be written.
pub(crate) fn install(dir: &Path, switches: &str) -> io::Result<PathBuf> {
    let built = stand_in()?;
    std::fs::create_dir_all(dir)?;
    for name in ["kiro-cli", "kiro-cli-chat"] {
        std::fs::copy(&built, dir.join(name))?;
    }
    switch(dir, switches)?;
    Ok(dir.join("kiro-cli"))
}

/// Sets the switches of `kiro_cli/switches.rs`, at once for what runs already.
///
/// # Errors
/// When the directory cannot be written.
pub(crate) fn switch(dir: &Path, switches: &str) -> io::Result<()> {
    let new = dir.join("stand-in.json.new");
    std::fs::write(&new, switches)?;
    std::fs::rename(new, dir.join("stand-in.json"))
}

/// The built stand-in: cargo puts examples beside the directory of the test's own program. One that is older than its
/// source is refused, since `cargo test --test NAME` does not build it anew.
fn stand_in() -> io::Result<PathBuf> {
    let refuse = |why: &str| io::Error::new(io::ErrorKind::NotFound, format!("the scripted kiro-cli {why}: run `cargo build --examples`"));
    let own = std::env::current_exe()?;
    let built = own.parent().and_then(Path::parent).map(|dir| dir.join("examples/kiro-cli-stand-in"));
    let built = built.filter(|path| path.is_file()).ok_or_else(|| refuse("is not built"))?;
    let built_at = built.metadata()?.modified()?;
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand_in/kiro_cli");
    for source in std::fs::read_dir(sources)? {
        if source?.metadata()?.modified()? > built_at {
            return Err(refuse("is older than its source"));
        }
    }
    Ok(built)
}

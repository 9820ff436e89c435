//! The battery: a static program of C, compiled here, and its list of probes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde::Deserialize;

/// One thing that is tried.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Probe {
    pub(crate) group: String,
    pub(crate) name: String,
    /// What it tries.
    pub(crate) what: String,
    /// What stops it in a runtime's jail; empty where it is a matter of policy.
    pub(crate) stopped_by: String,
    /// `self`, or how the witness sees its effect.
    pub(crate) judge: String,
    /// Whether it needs a box of its own.
    pub(crate) alone: bool,
}

impl Probe {
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.group, self.name)
    }
}

/// The compiled battery.
#[derive(Debug)]
pub(crate) struct Battery {
    /// The program: static, so that it runs in a box that holds nothing else.
    pub(crate) program: Vec<u8>,
    /// To load into a process.
    pub(crate) library: Vec<u8>,
    pub(crate) probes: Vec<Probe>,
}

/// Compiles it, once in this process.
pub(crate) fn battery() -> &'static Battery {
    static BATTERY: OnceLock<Battery> = OnceLock::new();
    BATTERY.get_or_init(|| {
        let directory = tempfile::tempdir().unwrap();
        let program = compile(&directory.path().join("battery"), &["-static"]);
        let library = compile(&directory.path().join("battery.so"), &["-shared", "-fPIC", "-DLIBRARY"]);
        let listed = Command::new(&program).arg("list").output().unwrap().stdout;
        let listed = String::from_utf8(listed).unwrap();
        let probes = listed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [program, library] = [program, library].map(|path| std::fs::read(path).unwrap());
        Battery { program, library, probes }
    })
}

fn compile(to: &Path, how: &[&str]) -> PathBuf {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attack/probes");
    let mut names: Vec<PathBuf> = std::fs::read_dir(sources).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|ending| ending == "c"));
    let mut command = Command::new("cc");
    command.args([
        "-std=gnu11",
        "-O1",
        "-D_GNU_SOURCE",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-Wno-missing-field-initializers",
        "-Wno-unused-parameter",
    ]);
    let output = command.args(how).arg("-o").arg(to).args(names).output().expect("a C compiler, as Rust needs one");
    assert!(output.status.success(), "the battery cannot be compiled: {}", String::from_utf8_lossy(&output.stderr));
    to.to_owned()
}

//! A cgroup as a service is given it by `Delegate=`, where this process may make one (cgroup v2).

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::appliance::eventually;

/// A cgroup of nobody's yet; removed in the end.
pub(crate) struct Delegated(PathBuf);

impl Delegated {
    /// Beside this process' own, or below the root: only leaves have processes.
    pub(crate) fn new() -> Result<Self, String> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").map_err(|error| error.to_string())?;
        let mount = mounts.lines().find(|line| line.contains(" - cgroup2 ")).ok_or("no cgroup v2 is mounted")?;
        let root = PathBuf::from(mount.split(' ').nth(4).ok_or("mountinfo is no mountinfo")?);
        let own = std::fs::read_to_string("/proc/self/cgroup").map_err(|error| error.to_string())?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/")).ok_or("this process is in no cgroup v2")?;
        let parent = Path::new(own).parent().map_or_else(|| root.clone(), |parent| root.join(parent));
        let controllers = std::fs::read_to_string(parent.join("cgroup.subtree_control")).map_err(|error| error.to_string())?;
        if !["memory", "pids"].iter().all(|wanted| controllers.split_whitespace().any(|has| has == *wanted)) {
            return Err(format!("{} does not pass on memory and pids", parent.display()));
        }
        let directory = parent.join(format!("kiroclaw-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
        std::fs::create_dir(&directory).map_err(|error| format!("{}: {error}", directory.display()))?;
        Ok(Self(directory))
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.join(name).exists()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.join(name)).unwrap()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        // What is left has been told of.
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        if !std::thread::panicking() {
            eventually("the cgroup to be empty", || self.read("cgroup.events").contains("populated 0"));
        }
        for entry in std::fs::read_dir(&self.0).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
            let _ = std::fs::remove_dir(entry.path());
        }
        let _ = std::fs::remove_dir(&self.0);
    }
}

//! Directories, disk, and what this process may use.

use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use rustix::fs::Access;
use rustix::process::{Pid, Resource};

use super::report::{Area, Finding};
use crate::channel::local;
use crate::config::Config;
use crate::store::RESERVE;
use crate::warden::cgroup::{Unclaimed, is_divided_by, look};
use crate::warden::ground::check_private;

/// Free disk below which a warning is due, in bytes: an agent that builds something needs as much at once.
const LITTLE_DISK: u64 = 1024 * 1024 * 1024;

/// Descriptors that the appliance's processes want: connections of 64 runtimes through the egress, and their pipes.
const FILES: u64 = 1024;

/// Processes and threads that a user should be allowed: the appliance's own and one busy build's.
const PROCESSES: u64 = 256;

/// All about places and limits.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let ours = [config.state.clone(), config.store_dir(), config.incoming_dir(), config.state.join("homes"), config.run_dir()];
    let places = ours.iter().map(|path| ("STATE_DIR", path)).chain([("WORKSPACE_BASE_PATH", &config.workspaces)]);
    let mut findings: Vec<Finding> = places.filter_map(|(setting, path)| place(setting, path)).collect();
    if findings.is_empty() {
        findings.push(Finding::ok(
            Area::Directories,
            format!("{} and {} are ours alone, or can be made so", config.state.display(), config.workspaces.display()),
        ));
    }
    findings.extend([("STATE_DIR", &config.state), ("WORKSPACE_BASE_PATH", &config.workspaces)].map(|(name, path)| disk(name, path)));
    let running = is_running(config);
    if running {
        let what = "a kiroclaw is running on this STATE_DIR already; a second one would refuse to start";
        findings.push(Finding::ok(Area::Directories, what));
    }
    findings.extend([
        bounds(warden(config).filter(|_| running).map(is_divided_by), look),
        limit("descriptors (RLIMIT_NOFILE)", Resource::Nofile, FILES, "raise it: LimitNOFILE= of the unit, or `ulimit -n`"),
        limit("processes (RLIMIT_NPROC)", Resource::Nproc, PROCESSES, "raise it: TasksMax= and LimitNPROC= of the unit, or `ulimit -u`"),
    ]);
    findings
}

/// What is wrong with a directory; `None` where nothing is.
fn place(setting: &'static str, path: &Path) -> Option<Finding> {
    if path.symlink_metadata().is_ok() {
        return check_private(setting, path).err().map(|error| Finding::fail(Area::Directories, error.to_string(), ""));
    }
    let above = existing(path);
    match rustix::fs::access(&above, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => None,
        Err(error) => Some(Finding::fail(
            Area::Directories,
            format!("{setting}: {} cannot be made in {}: {error}", path.display(), above.display()),
            "make it by hand for this user with mode 0700, or set another",
        )),
    }
}

/// The nearest that is there, `path` or above it.
fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("/")).to_owned()
}

fn disk(setting: &str, path: &Path) -> Finding {
    let place = existing(path);
    match rustix::fs::statvfs(&place) {
        Ok(disk) => judge_disk(setting, path, disk.f_bavail.saturating_mul(disk.f_frsize)),
        Err(error) => {
            Finding::warn(Area::Directories, format!("{setting}: the free space of {} is not known: {error}", place.display()), "")
        }
    }
}

fn judge_disk(setting: &str, path: &Path, free: u64) -> Finding {
    let what = format!("{setting}: {} MiB free for {}", free / 1024 / 1024, path.display());
    if free < RESERVE {
        Finding::fail(Area::Directories, format!("{what}: messages are refused"), "free some space")
    } else if free < LITTLE_DISK {
        Finding::warn(Area::Directories, what, "free some space before an agent needs it")
    } else {
        Finding::ok(Area::Directories, what)
    }
}

/// Whether a gateway serves this state already. Then a second one would not start, but that is no fault.
fn is_running(config: &Config) -> bool {
    let path = config.chat_socket();
    path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket()) && local::connect(&path).is_ok()
}

/// Who holds the lock, while somebody does.
fn warden(config: &Config) -> Option<Pid> {
    Pid::from_raw(std::fs::read_to_string(config.run_dir().join("lock")).ok()?.trim().parse().ok()?)
}

/// What bounds all of a runtime together: of the kiroclaw that runs, where one does, else of one that would be started as this process was.
fn bounds(running: Option<bool>, look: impl FnOnce() -> Result<(), Unclaimed>) -> Finding {
    let (whose, cgroups) = match running {
        Some(divided) => ("runtimes of the kiroclaw that runs", if divided { Ok(()) } else { Err("its log says why".to_owned()) }),
        None => ("runtimes, if it were started from here", look().map_err(|why| why.to_string())),
    };
    let watch = "their keepers' watch four times a second, with limits per process behind it";
    match cgroups {
        Ok(()) => Finding::ok(Area::Limits, format!("{whose}: bounded by cgroups of their own, and by {watch}")),
        Err(why) => Finding::warn(
            Area::Limits,
            format!("{whose}: bounded by {watch}; no cgroup of their own ({why})"),
            "let systemd start it, with Delegate=memory pids cpu in the unit",
        ),
    }
}

fn limit(name: &str, resource: Resource, wanted: u64, mend: &str) -> Finding {
    judge_limit(name, rustix::process::getrlimit(resource).current, wanted, mend)
}

fn judge_limit(name: &str, current: Option<u64>, wanted: u64, mend: &str) -> Finding {
    match current {
        Some(current) if current < wanted => Finding::warn(Area::Limits, format!("{name}: {current}, fewer than {wanted}"), mend),
        Some(current) => Finding::ok(Area::Limits, format!("{name}: {current}")),
        None => Finding::ok(Area::Limits, format!("{name}: without limit")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::State;
    use super::*;

    #[test]
    fn a_full_disk_fails_and_a_small_one_warns() {
        let state = |free| judge_disk("STATE_DIR", Path::new("/x"), free).state;
        assert_eq!([state(0), state(RESERVE), state(LITTLE_DISK)], [State::Fail, State::Warn, State::Ok]);
    }

    #[test]
    fn a_low_limit_warns() {
        let state = |current| judge_limit("x", current, 10, "").state;
        assert_eq!([state(Some(9)), state(Some(10)), state(None)], [State::Warn, State::Ok, State::Ok]);
    }

    #[test]
    fn what_bounds_the_runtimes_is_said_of_who_runs_them() {
        let said = |running| bounds(running, || Err(Unclaimed::NotAlone));
        assert!(said(Some(true)).state == State::Ok && said(Some(true)).what.contains("that runs: bounded by cgroups"));
        assert!(said(Some(false)).state == State::Warn && said(Some(false)).what.contains("log says why"));
        assert!(said(None).state == State::Warn && said(None).what.contains("other processes are in the same cgroup"), "{:?}", said(None));
        assert!(bounds(None, || Ok(())).what.contains("from here: bounded by cgroups"));
    }

    #[test]
    fn a_directory_that_can_be_made_is_right_and_one_that_is_a_file_is_not() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(place("STATE_DIR", &directory.path().join("a/b")), None);
        assert!(!directory.path().join("a").exists(), "nothing was made");
        std::fs::write(directory.path().join("file"), "").unwrap();
        assert!(place("STATE_DIR", &directory.path().join("file")).unwrap().what.contains("not a directory"));
    }
}

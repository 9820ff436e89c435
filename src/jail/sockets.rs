//! Unix sockets of others that a jail could reach by their path, where it shares the machine's files: no Landlock that is used here mediates
//! connecting to them, and behind one may be somebody who does what an agent may not.

use std::io::Read;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FileType};
use rustix::io::Errno;

/// Largest list that is read, in bytes: some 10,000 sockets. One that is longer is taken for one with a socket in reach.
const LIST: u64 = 1024 * 1024;

/// Where the most powerful ones are: they may be bound in another network namespace than ours, whose list we do not see.
const WELL_KNOWN: &[&str] = &[
    "/run/docker.sock",
    "/var/run/docker.sock",
    "/run/podman/podman.sock",
    "/run/containerd/containerd.sock",
    "/run/crio/crio.sock",
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
];

/// Of the service's own user, below `/run/user/UID`.
const OF_USER: &[&str] = &["bus", "systemd/private", "docker.sock", "podman/podman.sock"];

/// The first socket that this user may open and that lies in none of `ours`. What cannot be looked at counts as such.
pub(crate) fn within_reach(ours: &[PathBuf]) -> Option<PathBuf> {
    let list = Path::new("/proc/net/unix");
    let mut text = Vec::new();
    let read = std::fs::File::open(list).and_then(|file| file.take(LIST + 1).read_to_end(&mut text));
    if read.is_err() || u64::try_from(text.len()).unwrap_or(u64::MAX) > LIST {
        return Some(list.to_owned());
    }
    let text = String::from_utf8_lossy(&text);
    let of_user = PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    let known = WELL_KNOWN.iter().map(PathBuf::from).chain(OF_USER.iter().map(|name| of_user.join(name)));
    known.chain(paths(&text)).find(|path| !ours.iter().any(|ours| path.starts_with(ours)) && opens(path))
}

/// The paths of a list (proc_pid_net(5)); abstract names begin with `@`.
fn paths(list: &str) -> impl Iterator<Item = PathBuf> {
    list.lines().skip(1).filter_map(|line| line.find(" /").and_then(|at| line.get(at + 1..))).map(PathBuf::from)
}

/// Whether connect(2) would be let through: it wants write permission on the socket (unix(7)), which its owner can give itself. What cannot be
/// known counts as a yes.
fn opens(path: &Path) -> bool {
    match rustix::fs::stat(path) {
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) => false,
        Err(_) => true,
        Ok(found) if FileType::from_raw_mode(found.st_mode) != FileType::Socket => false,
        Ok(found) if found.st_uid == rustix::process::geteuid().as_raw() => true,
        Ok(_) => !matches!(rustix::fs::access(path, Access::WRITE_OK), Err(Errno::ACCESS | Errno::NOENT | Errno::ROFS)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_list_is_read_without_abstract_and_unnamed_sockets() {
        let list = "Num       RefCount Protocol Flags    Type St Inode Path\n\
                    0: 00000002 00000000 00010000 0001 01 21 /run/a b.sock\n\
                    0: 00000003 00000000 00000000 0001 03 22\n\
                    0: 00000002 00000000 00010000 0001 01 23 @/tmp/x\n";
        assert_eq!(paths(list).collect::<Vec<_>>(), [PathBuf::from("/run/a b.sock")]);
    }

    #[test]
    fn a_socket_that_can_be_opened_is_found_unless_it_is_ours() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(opens(&path) && !opens(directory.path()) && !opens(Path::new("/nowhere")));
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
        assert!(opens(&path), "its owner can change that");
        assert!(within_reach(&[]).is_some());
        assert!(within_reach(&[PathBuf::from("/")]).is_none());
    }
}

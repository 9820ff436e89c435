//! What a runtime sees of the machine's files where it has a mount namespace of its own (mount_namespaces(7)): a root that holds what its
//! plan grants, each at its own place, and nothing else. What is not there cannot be reached, whatever Landlock does not mediate: times and
//! modes of files, Unix sockets by path, names.
//!
//! [`pieces`] decides what lies where; [`lay`] does it, by descriptors, in a process that nothing of an agent shares yet. `.kiro` in a
//! workspace becomes read-only: who could write there could give itself tools for its next session.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{CStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};

use super::apart::Apart;
use super::{JailError, Plan, sys};

/// One thing in the view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Something of the machine's.
    Bind {
        /// Where it is in the machine.
        from: PathBuf,
        /// Where it is in the view.
        at: PathBuf,
        /// What may be done with it.
        manner: Manner,
        /// Whether it lies in another piece, so that its place is there already.
        within: bool,
    },
    /// A symbolic link.
    Link {
        /// Where it is.
        at: PathBuf,
        /// Where it leads.
        to: PathBuf,
    },
}

/// What may be done with a piece, as its mount has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// To read.
    Read,
    /// To read and write.
    Write,
    /// To use as a device.
    Device,
}

/// Symbolic links on one path, as the kernel counts them (path_resolution(7)).
const LINKS: usize = 40;

/// Workspaces of one user whose `.kiro` is guarded: each takes the kernel some 20 µs. A user with more has the check at a session's opening.
const GUARDED: usize = 200;

/// Entries beside them that are looked at for it.
const ENTRIES: usize = 10_000;

/// Bytes of the root: it holds names alone. As many inodes as the paths of a plan have parts, many times over.
const ROOT: (&CStr, &CStr) = (c"1m", c"4096");

/// Bytes of /dev/shm, as container engines have it, and its inodes. They count as memory.
const SHM: (&CStr, &CStr) = (c"64m", c"4096");

/// Pseudo-terminals of its own (devpts(5)): agents run commands on them. Anybody inside may open a new one; each takes memory of the kernel.
const PTS: &[(&CStr, &CStr)] = &[(c"mode", c"0600"), (c"ptmxmode", c"0666"), (c"max", c"64")];

/// What every view has in /dev beside devices, as udev(7) lays it out; shells open `/dev/fd/N` for `<(…)`.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/ptmx", "pts/ptmx"),
];

/// Where the view is built before it becomes the root: any directory will do from which nothing is taken.
const BUILDING_SITE: &str = "/proc";

/// What lies in the view of a plan, outer before inner.
pub(crate) fn pieces(plan: &Plan) -> Result<Vec<Piece>, JailError> {
    let mut seen = Seen::default();
    let mut wanted: BTreeMap<PathBuf, Manner> = BTreeMap::new();
    let etc = PathBuf::from("/etc");
    let devices = Plan::devices();
    let read = plan
        .read
        .iter()
        .chain(&plan.execute)
        .chain(plan.sealed.iter().filter(|path| path.exists()))
        .chain([&etc])
        .map(|path| (path, Manner::Read));
    let write = plan.write.iter().chain(&plan.home).chain(&plan.tmp).map(|path| (path, Manner::Write));
    for (path, manner) in read.chain(write).chain(devices.iter().map(|path| (path, Manner::Device))) {
        // The view has a /proc of another kind.
        if path.starts_with("/proc") {
            continue;
        }
        let real = seen.trace(path).map_err(|source| JailError::Path { path: path.clone(), source })?;
        // What is granted twice is granted by the wider one.
        wanted.entry(real).and_modify(|is| *is = if *is == Manner::Read { manner } else { *is }).or_insert(manner);
    }
    let mut pieces: Vec<(PathBuf, Manner, bool)> = Vec::new();
    for (path, manner) in wanted {
        let around = pieces.iter().rev().find(|(outer, ..)| path.starts_with(outer)).map(|(_, manner, _)| *manner);
        if around != Some(manner) {
            pieces.push((path, manner, around.is_some()));
        }
    }
    let covers = |path: &Path| pieces.iter().any(|(outer, ..)| path.starts_with(outer));
    let links = seen.links.into_iter().chain(DEVICE_LINKS.iter().map(|(at, to)| (at.into(), to.into())));
    let mut all: Vec<Piece> = links.filter(|(at, _)| !covers(at)).map(|(at, to)| Piece::Link { at, to }).collect();
    let shared = Path::new("/tmp");
    let free = !covers(shared) && !pieces.iter().any(|(path, ..)| path.starts_with(shared));
    let tmp = plan.tmp.iter().filter(|_| free);
    all.extend(tmp.map(|tmp| Piece::Bind { from: tmp.clone(), at: shared.to_owned(), manner: Manner::Write, within: false }));
    all.extend(pieces.into_iter().map(|(path, manner, within)| Piece::Bind { from: path.clone(), at: path, manner, within }));
    Ok(all)
}

/// What was found on the ways of some paths: each name is looked at once.
#[derive(Default)]
struct Seen {
    links: BTreeMap<PathBuf, PathBuf>,
    others: BTreeSet<PathBuf>,
}

impl Seen {
    /// Where a path leads.
    fn trace(&mut self, path: &Path) -> io::Result<PathBuf> {
        let mut real = PathBuf::from("/");
        let mut rest = reversed(path);
        let mut hops = 0;
        while let Some(name) = rest.pop() {
            if name == ".." {
                real.pop();
                continue;
            }
            let next = real.join(name);
            let Some(to) = self.link(&next)? else {
                real = next;
                continue;
            };
            hops += 1;
            if hops > LINKS {
                return Err(Errno::LOOP.into());
            }
            if to.is_absolute() {
                real = PathBuf::from("/");
            }
            rest.extend(reversed(&to));
        }
        Ok(real)
    }

    /// Where a symbolic link leads; `None` for anything else.
    fn link(&mut self, path: &Path) -> io::Result<Option<PathBuf>> {
        if self.others.contains(path) {
            return Ok(None);
        }
        if let Some(to) = self.links.get(path) {
            return Ok(Some(to.clone()));
        }
        if !path.symlink_metadata()?.is_symlink() {
            self.others.insert(path.to_owned());
            return Ok(None);
        }
        let to = path.read_link()?;
        self.links.insert(path.to_owned(), to.clone());
        Ok(Some(to))
    }
}

/// The names of a path, last first.
fn reversed(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir));
    let mut names: Vec<OsString> = names.map(|part| part.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

/// The machine's files, which still lie upon a view that was entered. No path leads there, and the view is not to be used before they are gone.
#[derive(Debug)]
#[must_use]
pub(crate) struct Left(());

impl Left {
    /// Lets go of them. The kernel waits for all processors meanwhile, some 2 ms on an idle machine.
    pub(crate) fn let_go(self) -> Result<(), JailError> {
        rustix::mount::unmount(".", UnmountFlags::DETACH).map_err(JailError::step("umount"))?;
        rustix::process::chdir("/").map_err(JailError::step("chdir"))
    }
}

/// Makes the view and enters it, for good. `workspaces` is where `.kiro` is guarded. To be called in a mount namespace of one's own.
pub(crate) fn lay(way: Apart, pieces: &[Piece], workspaces: Option<&Path>) -> Result<Left, JailError> {
    // Before the building site hides it.
    let shared =
        if way == Apart::SharingProc { Some(tree(CWD, c"/proc", true).map_err(JailError::step("taking /proc along"))?) } else { None };
    let root = file_system(c"tmpfs", &[(c"size", ROOT.0), (c"nr_inodes", ROOT.1), (c"mode", c"0755")], MountAttrFlags::empty());
    let root = root.map_err(JailError::step("mounting a root"))?;
    let root = root.as_fd();
    mount_at(root, CWD, Path::new(BUILDING_SITE)).map_err(JailError::step("mounting a root"))?;
    for piece in pieces {
        place(root, piece)?;
    }
    ["/dev/shm", "/dev/pts", "/proc"].iter().try_for_each(|path| directories(root, Path::new(path))).map_err(JailError::step("mkdir"))?;
    let harmless = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let shm = file_system(c"tmpfs", &[(c"size", SHM.0), (c"nr_inodes", SHM.1), (c"mode", c"1777")], harmless);
    shm.and_then(|shm| mount_at(shm.as_fd(), root, Path::new("dev/shm"))).map_err(JailError::step("mounting /dev/shm"))?;
    let pts = file_system(c"devpts", PTS, MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC);
    pts.and_then(|pts| mount_at(pts.as_fd(), root, Path::new("dev/pts"))).map_err(JailError::step("mounting /dev/pts"))?;
    let proc = shared.map_or_else(|| file_system(c"proc", &[], harmless), Ok);
    proc.and_then(|proc| mount_at(proc.as_fd(), root, Path::new("proc"))).map_err(JailError::step("mounting /proc"))?;
    if let Some(workspaces) = workspaces {
        // Never a reason to try another way: an agent could bring it about.
        guard(root, workspaces).map_err(|source| JailError::Path { path: workspaces.to_owned(), source })?;
    }
    rustix::process::fchdir(root).map_err(JailError::step("fchdir"))?;
    // As pivot_root(2) has it for two equal names: the old root then lies upon the new one.
    rustix::process::pivot_root(".", ".").map_err(JailError::step("pivot_root"))?;
    attributes(root, MountAttrFlags::MOUNT_ATTR_RDONLY, false).map_err(JailError::step("mount_setattr"))?;
    Ok(Left(()))
}

fn place(root: BorrowedFd<'_>, piece: &Piece) -> Result<(), JailError> {
    let (path, placed) = match piece {
        Piece::Link { at, to } => (at, parents(root, at).and_then(|()| Ok(rustix::fs::symlinkat(to, root, relative(at))?))),
        Piece::Bind { from, at, manner, within } => (from, bind(root, from, at, *manner, *within)),
    };
    placed.map_err(|source| match source.raw_os_error().map(Errno::from_raw_os_error) {
        // Mounting as such is refused.
        Some(Errno::PERM) => JailError::Step { operation: "mounting", source },
        _ => JailError::Path { path: path.clone(), source },
    })
}

fn bind(root: BorrowedFd<'_>, from: &Path, at: &Path, manner: Manner, within: bool) -> io::Result<()> {
    let tree = tree(CWD, from, true)?;
    let wanted = match manner {
        Manner::Read => MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        Manner::Write => MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV,
        Manner::Device => MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC,
    };
    attributes(tree.as_fd(), wanted, true)?;
    if !within {
        if kind(&tree)?.is_dir() {
            directories(root, at)?;
        } else {
            parents(root, at)?;
            rustix::fs::openat(root, relative(at), OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC, Mode::RUSR)?;
        }
    }
    mount_at(tree.as_fd(), root, relative(at))
}

/// Makes `.kiro` read-only in the workspaces and above them, but for what is words for an agent, and nails the workspaces down: a directory
/// on which something is mounted cannot be renamed out of the way. What is no such directory, or cannot be entered, is passed over.
fn guard(root: BorrowedFd<'_>, workspaces: &Path) -> io::Result<()> {
    let above = open_directory(root, relative(workspaces))?;
    guard_one(&above);
    let list = rustix::fs::openat(&above, ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    let mut guarded = 0;
    for entry in rustix::fs::Dir::read_from(&list)?.take(ENTRIES) {
        let name = entry?.file_name().to_owned();
        if guarded == GUARDED || name.to_bytes().starts_with(b".") {
            continue;
        }
        let Ok(workspace) = open_directory(above.as_fd(), &name) else { continue };
        if open_directory(workspace.as_fd(), c".kiro").is_err() {
            continue;
        }
        let nailed = tree(workspace.as_fd(), c"", false).and_then(|nailed| mount_upon(nailed, &workspace));
        if nailed.is_ok_and(|nailed| guard_one(&nailed)) {
            guarded += 1;
        }
    }
    Ok(())
}

/// Whether there was a `.kiro`, and it is read-only.
fn guard_one(workspace: &OwnedFd) -> bool {
    let Ok(kiro) = open_directory(workspace.as_fd(), c".kiro") else { return false };
    let sealed = tree(kiro.as_fd(), c"", false).and_then(|sealed| {
        attributes(sealed.as_fd(), MountAttrFlags::MOUNT_ATTR_RDONLY, false)?;
        mount_upon(sealed, &kiro)
    });
    let Ok(sealed) = sealed else { return false };
    for words in crate::config::KIRO_WORDS {
        // One that is not there, or cannot be opened, stays as read-only as all of it.
        let _ = open_directory(kiro.as_fd(), *words)
            .and_then(|open| tree(open.as_fd(), c"", false))
            .and_then(|tree| mount_at(tree.as_fd(), sealed.as_fd(), Path::new(words)));
    }
    true
}

/// A directory by its own name, without following a link to another.
fn open_directory(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(at, name, OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?)
}

/// A mount of what a path leads to, which is nowhere yet (open_tree(2)).
fn tree(at: BorrowedFd<'_>, path: impl rustix::path::Arg, recursive: bool) -> io::Result<OwnedFd> {
    let mut flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    flags.set(OpenTreeFlags::AT_RECURSIVE, recursive);
    Ok(rustix::mount::open_tree(at, path, flags | OpenTreeFlags::AT_SYMLINK_NOFOLLOW)?)
}

/// A mount of a new file system, which is nowhere yet (fsopen(2), fsmount(2)).
fn file_system(kind: &CStr, options: &[(&CStr, &CStr)], attributes: MountAttrFlags) -> io::Result<OwnedFd> {
    let context = rustix::mount::fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        rustix::mount::fsconfig_set_string(context.as_fd(), *name, *value)?;
    }
    rustix::mount::fsconfig_create(context.as_fd())?;
    Ok(rustix::mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)?)
}

fn mount_at(mount: BorrowedFd<'_>, at: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    Ok(rustix::mount::move_mount(mount, c"", at, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?)
}

/// Puts a mount upon an open directory; what is opened by the mount's descriptor from then on lies in it.
fn mount_upon(mount: OwnedFd, directory: &OwnedFd) -> io::Result<OwnedFd> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    rustix::mount::move_mount(&mount, c"", directory, c"", flags)?;
    Ok(mount)
}

fn attributes(mount: BorrowedFd<'_>, wanted: MountAttrFlags, recursive: bool) -> io::Result<()> {
    sys::set_mount_attributes(mount, wanted.bits().into(), recursive)
}

fn kind(tree: &OwnedFd) -> io::Result<rustix::fs::FileType> {
    Ok(rustix::fs::FileType::from_raw_mode(rustix::fs::statat(tree, c"", AtFlags::EMPTY_PATH)?.st_mode))
}

/// Makes a directory in the new root, and those above it where they are not there yet.
fn directories(root: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let make = |path: &Path| rustix::fs::mkdirat(root, relative(path), Mode::from_raw_mode(0o755));
    let mut missing = Vec::new();
    // The root has no parent, and is there.
    for path in path.ancestors().take_while(|path| path.parent().is_some()) {
        match make(path) {
            Ok(()) | Err(Errno::EXIST) => break,
            Err(Errno::NOENT) => missing.push(path),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(missing.into_iter().rev().try_for_each(make)?)
}

fn parents(root: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    path.parent().map_or(Ok(()), |above| directories(root, above))
}

/// A path below the root, seen from it.
fn relative(path: &Path) -> &Path {
    path.strip_prefix("/").unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(read: &[PathBuf], write: &[PathBuf]) -> Plan {
        Plan { read: read.to_vec(), execute: Vec::new(), write: write.to_vec(), ..Plan::for_looking() }
    }

    fn binds(pieces: &[Piece]) -> Vec<(&Path, Manner, bool)> {
        let own = |path: &&Path| !path.starts_with("/dev") && *path != Path::new("/etc");
        let bind =
            |piece| if let &Piece::Bind { ref at, manner, within, .. } = piece { Some((at.as_path(), manner, within)) } else { None };
        pieces.iter().filter_map(bind).filter(|(at, ..)| own(at)).collect()
    }

    #[test]
    fn what_lies_in_another_piece_is_laid_only_where_it_differs() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let (home, kiro, sessions, cache) = (root.join("h"), root.join("h/.kiro"), root.join("h/.kiro/sessions"), root.join("h/.cache"));
        std::fs::create_dir_all(&sessions).unwrap();
        std::fs::create_dir_all(&cache).unwrap();
        let plan =
            Plan { home: Some(home.clone()), sealed: Some(kiro.clone()), ..plan(std::slice::from_ref(&home), &[cache, sessions.clone()]) };
        let pieces = pieces(&plan).unwrap();
        let expected = [(home.as_path(), Manner::Write, false), (&kiro, Manner::Read, true), (&sessions, Manner::Write, true)];
        assert_eq!(binds(&pieces), expected);
    }

    #[test]
    fn a_link_on_the_way_is_laid_as_a_link_and_what_it_leads_to_at_its_place() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        std::fs::create_dir_all(root.join("real/work")).unwrap();
        std::os::unix::fs::symlink("real", root.join("link")).unwrap();
        let pieces = pieces(&plan(&[], &[root.join("link/work")])).unwrap();
        assert_eq!(binds(&pieces), [(root.join("real/work").as_path(), Manner::Write, false)]);
        assert!(pieces.contains(&Piece::Link { at: root.join("link"), to: "real".into() }));
    }

    #[test]
    fn links_that_lead_to_themselves_and_what_is_missing_are_errors() {
        let directory = tempfile::tempdir().unwrap();
        let round = directory.path().join("round");
        std::os::unix::fs::symlink("round", &round).unwrap();
        for path in [round, directory.path().join("nothing")] {
            assert!(matches!(pieces(&plan(&[path], &[])), Err(JailError::Path { .. })));
        }
    }

    #[test]
    fn tmp_is_the_runtime_s_own_unless_something_granted_lies_in_it() {
        let own = Plan { tmp: Some("/usr".into()), ..plan(&[], &[]) };
        assert!(binds(&pieces(&own).unwrap()).contains(&(Path::new("/tmp"), Manner::Write, false)));
        let taken = tempfile::tempdir_in("/tmp").unwrap();
        let taken = Plan { tmp: Some("/usr".into()), ..plan(&[], &[taken.path().to_owned()]) };
        assert!(!binds(&pieces(&taken).unwrap()).iter().any(|(at, ..)| *at == Path::new("/tmp")));
    }
}

//! The Landlock domain: which files and ports there are for a process (landlock(7)).

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, NetPort, PathBeneath, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus, Scope,
};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{JailError, sys};

/// What is granted; all else that Landlock knows is refused.
#[derive(Debug, Clone, Default)]
pub(crate) struct Grants {
    /// To read and list.
    pub(crate) read: Vec<PathBuf>,
    /// To read, list and execute.
    pub(crate) execute: Vec<PathBuf>,
    /// To read and write, without making or executing anything: devices.
    pub(crate) device: Vec<PathBuf>,
    /// To do everything with, but execute.
    pub(crate) write: Vec<PathBuf>,
    /// To do everything with.
    pub(crate) write_execute: Vec<PathBuf>,
    /// TCP.
    pub(crate) network: Network,
    /// Whether processes outside may be signalled, and abstract Unix sockets outside be reached (ABI 6).
    pub(crate) scoped: bool,
}

/// TCP ports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Network {
    /// Landlock does not restrict TCP; something else does, or nothing has to.
    #[default]
    Unrestricted,
    /// No binding, and connections to these ports only (ABI 4).
    ConnectTo(Vec<u16>),
    /// As above where the kernel can, else unrestricted: for our own roles, whose filters are the stricter wall.
    ConnectToIfPossible(Vec<u16>),
}

/// The kernel's version as the landlock crate names it, up to the newest that we have tested.
pub(crate) fn kernel_abi() -> Result<(i32, ABI), JailError> {
    let version = sys::landlock_abi().ok_or(JailError::NoLandlock)?;
    let abi = match version {
        1 => ABI::V1,
        2 => ABI::V2,
        3 => ABI::V3,
        4 => ABI::V4,
        5 => ABI::V5,
        6 => ABI::V6,
        _ => ABI::V7,
    };
    Ok((version, abi))
}

/// Restricts this thread, and what comes from it, for good. Every right that this kernel knows is handled; whatever is granted and
/// cannot be opened is an error, since a rule that is passed over would go unnoticed.
pub(crate) fn restrict(grants: &Grants) -> Result<(), JailError> {
    let (version, abi) = kernel_abi()?;
    let ports = match &grants.network {
        Network::ConnectTo(_) if version < 4 => return Err(JailError::NoNetworkRules(version)),
        Network::ConnectTo(ports) => Some(ports),
        Network::ConnectToIfPossible(ports) if version >= 4 => Some(ports),
        Network::ConnectToIfPossible(_) | Network::Unrestricted => None,
    };
    let mut ruleset =
        Ruleset::default().set_compatibility(CompatLevel::HardRequirement).handle_access(AccessFs::from_all(abi)).map_err(refused)?;
    if ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::BindTcp | AccessNet::ConnectTcp).map_err(refused)?;
    }
    if grants.scoped && version >= 6 {
        ruleset = ruleset.scope(Scope::AbstractUnixSocket | Scope::Signal).map_err(refused)?;
    }
    let mut created = ruleset.create().map_err(refused)?;
    let reading = AccessFs::ReadFile | AccessFs::ReadDir;
    let all = AccessFs::from_all(abi);
    for (paths, access) in [
        (&grants.read, reading),
        (&grants.execute, reading | AccessFs::Execute),
        (&grants.device, device_rights(abi)),
        (&grants.write, all & !BitFlags::from(AccessFs::Execute)),
        (&grants.write_execute, all),
    ] {
        created = paths.iter().try_fold(created, |created, path| grant(created, path, access, abi))?;
    }
    for port in ports.into_iter().flatten() {
        created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).map_err(refused)?;
    }
    let status = created.restrict_self().map_err(refused)?;
    if status.ruleset != RulesetStatus::FullyEnforced || !status.no_new_privs {
        return Err(JailError::Landlock(format!("it is enforced in part only ({:?})", status.ruleset)));
    }
    Ok(())
}

/// Keeps this process and what comes from it from signalling anybody outside; true where the kernel can (ABI 6) and it holds.
///
/// A domain forbids moving and linking files from one directory into another unless it grants that, even one that is about signals alone
/// (landlock(7), `LANDLOCK_ACCESS_FS_REFER`): it is granted below `written`, which are directories.
pub(crate) fn keep_signals_inside(written: &[PathBuf]) -> Result<bool, JailError> {
    let (version, _) = kernel_abi()?;
    if version < 6 {
        return Ok(false);
    }
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::HardRequirement).scope(Scope::Signal).map_err(refused)?;
    let created = ruleset.handle_access(AccessFs::Refer).and_then(Ruleset::create).map_err(refused)?;
    let created = written.iter().try_fold(created, |created, path| grant(created, path, AccessFs::Refer.into(), ABI::V6))?;
    let status = created.restrict_self().map_err(refused)?;
    // The parent is outside. Without one to try it on, nothing is proven.
    let outside = rustix::process::getppid().map(rustix::process::test_kill_process);
    Ok(status.ruleset == RulesetStatus::FullyEnforced && outside == Some(Err(Errno::PERM)))
}

fn device_rights(abi: ABI) -> BitFlags<AccessFs> {
    let ioctl = if abi >= ABI::V5 { AccessFs::IoctlDev.into() } else { BitFlags::EMPTY };
    AccessFs::ReadFile | AccessFs::WriteFile | ioctl
}

fn grant(created: RulesetCreated, path: &Path, access: BitFlags<AccessFs>, abi: ABI) -> Result<RulesetCreated, JailError> {
    let failed = |errno: Errno| JailError::Path { path: path.to_owned(), source: errno.into() };
    let fd = rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(failed)?;
    // Rights on directories are refused for a file. Asked of what was opened: the name may lead elsewhere by now.
    let mode = rustix::fs::fstat(&fd).map_err(failed)?.st_mode;
    let access = if FileType::from_raw_mode(mode).is_dir() { access } else { access & AccessFs::from_file(abi) };
    created.add_rule(PathBeneath::new(fd, access)).map_err(refused)
}

fn refused(error: landlock::RulesetError) -> JailError {
    JailError::Landlock(error.to_string())
}

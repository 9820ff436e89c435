//! Agent configurations planted in a workspace.
//!
//! kiro-cli takes `<cwd>/.kiro/agents/X.json` before the home's, so an agent that can write its workspace could give
//! itself tools for its next session. Before a session opens, everything in a workspace's `.kiro` is set aside but for
//! steering, skills and specs: those are words for the agent, which it could as well read from any other file, and
//! people keep them in their projects. What is set aside stays in the workspace, under another name.
//!
//! The check holds for the moment at which it is made. A jail with a view of files of its own makes `.kiro` read-only in
//! every workspace that is there when it starts; for that it has to be there too. Elsewhere, and in workspaces that are
//! made later, a runtime of the same user that runs meanwhile could plant again; what it can gain is tools that run
//! unasked, within the same jail.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::ProvisionError;
use crate::beneath::{Beneath, BeneathError, Kind};
use crate::config::KIRO_WORDS;

/// How often something is set aside in one workspace. Who plants more often loses what was planted.
const ASIDE: usize = 100;

/// Entries of a `.kiro` that are looked at one by one; one with more is set aside whole.
const ENTRIES: usize = 1_000;

/// Workspaces of one user that are looked at; one that is passed over is looked at when a session is opened in it.
const WORKSPACES: usize = 10_000;

/// Entries removed at a time.
const REMOVED: usize = 1_000_000;

/// Names shown in a sentence.
const SHOWN: usize = 5;

/// Sets aside whatever in this workspace could override the provisioned agent. To be called before a session is opened
/// in it, by whoever opens it. The sentence says what was moved where, for the log and the person; `None` where all was well.
///
/// `workspace` is `WORKSPACE_BASE_PATH/<user>/<thread>`, of which all but the last name is trusted.
///
/// # Errors
/// [`ProvisionError::Beneath`], for a workspace that is a link too; then no session may be opened in it.
pub fn set_aside_planted(workspace: &Path) -> Result<Option<String>, ProvisionError> {
    let not_beneath = || BeneathError::NotBeneath { path: workspace.to_owned() };
    let (Some(above), Some(name)) = (workspace.parent(), workspace.file_name()) else {
        return Err(not_beneath().into());
    };
    let above = Beneath::open(above)?;
    set_aside_in(&above, Path::new(name))
}

/// The same for all workspaces of a user, and the directory above them.
pub(super) fn set_aside_everywhere(user_workspaces: &Path) -> Result<(), ProvisionError> {
    let above = Beneath::open(user_workspaces)?;
    let said = set_aside(&above)?;
    say(user_workspaces, said);
    make_place(&above);
    // An agent can make as many directories as it likes: that must not keep its user from starting another.
    for name in above.list_some(Path::new(""), WORKSPACES)?.unwrap_or_default() {
        let name = PathBuf::from(name);
        if above.look(&name)?.is_some_and(|entry| entry.kind == Kind::Directory) {
            say(&user_workspaces.join(&name), set_aside_in(&above, &name)?);
            make_place(&above.descend(&name)?);
        }
    }
    Ok(())
}

/// Makes a `.kiro` with all that may be in it, so that a jail can seal it around these.
fn make_place(workspace: &Beneath) {
    for words in KIRO_WORDS {
        if let Err(error) = workspace.make_dirs(&Path::new(".kiro").join(words)) {
            tracing::warn!("a workspace's .kiro cannot be made, so it is not sealed: {error}");
            return;
        }
    }
}

fn say(workspace: &Path, said: Option<String>) {
    if let Some(said) = said {
        tracing::warn!(?workspace, "{said}");
    }
}

fn set_aside_in(above: &Beneath, name: &Path) -> Result<Option<String>, ProvisionError> {
    if above.look(name)?.is_none() {
        return Ok(None);
    }
    // Fails for what is no directory, and makes usable what was made unusable.
    above.make_dirs(name)?;
    set_aside(&above.descend(name)?)
}

fn set_aside(workspace: &Beneath) -> Result<Option<String>, ProvisionError> {
    let planted = planted(workspace)?;
    if planted.is_empty() {
        return Ok(None);
    }
    let aside = free_place(workspace)?;
    for path in &planted {
        match &aside {
            Some(aside) => move_into(workspace, path, aside)?,
            None => drop(workspace.remove_tree(path, REMOVED)?),
        }
    }
    let mut names: Vec<String> = planted.iter().take(SHOWN).map(|path| format!("{path:?}")).collect();
    if planted.len() > SHOWN {
        names.push(format!("{} more", planted.len() - SHOWN));
    }
    let fate =
        aside.map_or_else(|| format!("removed, since this workspace has {ASIDE} set aside already"), |aside| format!("moved to {aside:?}"));
    Ok(Some(format!("{} would override this bot's agent, and was {fate}", names.join(", "))))
}

/// What may not stay, by path.
fn planted(workspace: &Beneath) -> Result<Vec<PathBuf>, ProvisionError> {
    let kiro = Path::new(".kiro");
    match workspace.look(kiro)? {
        None => return Ok(Vec::new()),
        Some(entry) if entry.kind != Kind::Directory => return Ok(vec![kiro.to_owned()]),
        Some(_) => workspace.make_dirs(kiro)?,
    }
    let names = match workspace.list(kiro, ENTRIES) {
        Err(BeneathError::TooMany { .. }) => return Ok(vec![kiro.to_owned()]),
        names => names?.unwrap_or_default(),
    };
    let mut planted = Vec::new();
    for name in names {
        let path = kiro.join(&name);
        if !may_stay(workspace, &name, &path)? {
            planted.push(path);
        }
    }
    Ok(planted)
}

fn may_stay(workspace: &Beneath, name: &OsString, path: &Path) -> Result<bool, ProvisionError> {
    let is_dir = workspace.look(path)?.is_none_or(|entry| entry.kind == Kind::Directory);
    Ok(is_dir && KIRO_WORDS.iter().any(|kept| name == kept))
}

/// A fresh directory to move things to; `None` when all its names are taken.
fn free_place(workspace: &Beneath) -> Result<Option<PathBuf>, ProvisionError> {
    for number in 1..=ASIDE {
        let place = PathBuf::from(format!(".kiro-set-aside-{number}"));
        if workspace.look(&place)?.is_none() {
            workspace.make_dirs(&place)?;
            return Ok(Some(place));
        }
    }
    Ok(None)
}

fn move_into(workspace: &Beneath, path: &Path, aside: &Path) -> Result<(), ProvisionError> {
    let name = path.file_name().unwrap_or_default();
    if workspace.look(path)?.is_some_and(|entry| entry.kind == Kind::Directory) {
        // A directory that is moved must be writable itself.
        workspace.make_dirs(path)?;
    }
    Ok(workspace.rename(path, &aside.join(name))?)
}

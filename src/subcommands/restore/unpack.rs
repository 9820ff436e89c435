//! From an archive to a new state that nobody uses yet, with every promise of the archive checked.

use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use super::{RestoreError, io_error};
use crate::archive::{Kind, Member, Reader};
use crate::model::Secret;
use crate::subcommands::manifest::{
    BEGIN, Begin, END, FORM, HOMES, LENGTH, Manifest, SECRETS, SETTINGS, SETTINGS_BYTES, SETTINGS_FILES, STORE, WORKSPACES,
};
use crate::subcommands::placed::Placed;
use crate::subcommands::staging::Staging;
use crate::subcommands::tree::{Maker, Sink as _};

/// What came out of it, beside what was unpacked.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// Settings and secrets, by the names that they are to have.
    pub(super) settings: Vec<Placed>,
    /// The last member.
    pub(super) manifest: Manifest,
}

/// Where a member belongs.
enum Place<'a> {
    /// Below the new state.
    State(PathBuf),
    /// Below the new workspaces.
    Workspaces(&'a Path),
    /// Beside the settings.
    Settings(PathBuf),
}

/// Reads the first member: whether this is a backup, and of a form that is known.
///
/// # Errors
/// It is none, or newer.
pub(super) fn begin<R: Read>(plain: R) -> Result<Reader<R>, RestoreError> {
    let mut reader = Reader::new(plain);
    let first = reader.next_member()?.filter(|member| member.path == Path::new(BEGIN));
    first.ok_or(RestoreError::Foreign("it begins with something else"))?;
    let begin: Begin =
        serde_json::from_slice(&reader.read_all(LENGTH)?).map_err(|_| RestoreError::Foreign("its first member is not ours"))?;
    if begin.form > FORM {
        let by = begin.kiroclaw.chars().filter(char::is_ascii_graphic).take(20).collect();
        return Err(RestoreError::Newer { by, form: begin.form });
    }
    Ok(reader)
}

/// Reads all the rest, into a new state or nowhere, and checks it against its manifest.
///
/// # Errors
/// Anything is not as it was written, or the disk failed.
pub(super) fn all<R: Read>(reader: &mut Reader<R>, staging: Option<&Staging>) -> Result<Unpacked, RestoreError> {
    let (mut settings, mut members, mut room) = (Vec::new(), 1, SETTINGS_BYTES);
    let mut state = staging.map(|staging| Maker::new(staging.new_state()));
    let mut workspaces = staging.map(|staging| Maker::new(staging.new_workspaces()));
    loop {
        let member = reader.next_member()?.ok_or(RestoreError::Damaged("it ends without a manifest"))?;
        if member.path == Path::new(END) {
            let manifest = check_end(reader, members)?;
            return Ok(Unpacked { settings, manifest });
        }
        members += 1;
        match place_of(&member.path)? {
            Place::Settings(path) => {
                if let Kind::File(length) = member.kind {
                    if settings.len() == SETTINGS_FILES {
                        return Err(RestoreError::Damaged("its settings are too many"));
                    }
                    room = room.checked_sub(length).ok_or(RestoreError::Damaged("its settings are too long"))?;
                    settings.push(Placed { path, content: Secret::new(reader.read_all(length)?) });
                }
            }
            Place::State(path) => unpack(reader, state.as_mut(), &member, &path)?,
            Place::Workspaces(path) => unpack(reader, workspaces.as_mut(), &member, path)?,
        }
    }
}

fn place_of(path: &Path) -> Result<Place<'_>, RestoreError> {
    let below = |top: &str| path.strip_prefix(top).ok().filter(|rest| !rest.as_os_str().is_empty());
    if path == Path::new(STORE) {
        Ok(Place::State("records".into()))
    } else if let Some(rest) = below(HOMES) {
        Ok(Place::State(Path::new(HOMES).join(rest)))
    } else if let Some(rest) = below(WORKSPACES) {
        Ok(Place::Workspaces(rest))
    } else if let Some(rest) = below(SETTINGS) {
        match rest.components().next().map(|top| top.as_os_str()) {
            Some(top) if [".env", "config.json", "kiro-config"].iter().any(|name| top == *name) => Ok(Place::Settings(rest.to_owned())),
            _ => Err(RestoreError::Damaged("it has settings of an unknown name")),
        }
    } else if path.starts_with(SECRETS) && path != Path::new(SECRETS) {
        Ok(Place::Settings(path.to_owned()))
    } else {
        Err(RestoreError::Damaged("it has a member of an unknown name"))
    }
}

/// One member, made under that name. Further names of a file are of files that the same maker made.
fn unpack<R: Read>(reader: &mut Reader<R>, maker: Option<&mut Maker<'_>>, member: &Member, path: &Path) -> Result<(), RestoreError> {
    let Some(maker) = maker else { return Ok(reader.read_into(|_, _| Ok(()))?) };
    let failed = || io_error("the new state");
    let kind = match &member.kind {
        Kind::Same(earlier) => Kind::Same(match (place_of(&member.path)?, place_of(earlier)?) {
            (Place::State(_), Place::State(earlier)) => earlier,
            (Place::Workspaces(_), Place::Workspaces(earlier)) => earlier.to_owned(),
            _ => return Err(RestoreError::Damaged("it has a file with names of two kinds")),
        }),
        kind => kind.clone(),
    };
    let member = Member { path: path.to_owned(), kind, ..member.clone() };
    if !matches!(member.kind, Kind::File(_)) {
        return Ok(maker.member(&member)?);
    }
    let file = maker.create(&member).map_err(failed())?;
    reader.read_into(|at, piece| file.write_all_at(piece, at))?;
    Maker::close(&file, &member).map_err(failed())
}

/// The manifest, and that nothing follows it.
fn check_end<R: Read>(reader: &mut Reader<R>, members: u64) -> Result<Manifest, RestoreError> {
    let sum = reader.sum_before();
    let bytes = reader.read_all(LENGTH)?;
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|_| RestoreError::Damaged("its manifest cannot be read"))?;
    if manifest.sha256 != sum {
        return Err(RestoreError::Damaged("its sum is another than its manifest says"));
    }
    if manifest.members != members {
        return Err(RestoreError::Damaged("it has another number of members than its manifest says"));
    }
    match reader.next_member()? {
        None => Ok(manifest),
        Some(_) => Err(RestoreError::Damaged("something follows its manifest")),
    }
}

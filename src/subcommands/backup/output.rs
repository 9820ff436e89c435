//! Where a backup goes: a new file that has its name only when it is whole, standard output, or a pipe that somebody made and reads from.
//!
//! The pipe is for containers. What a command says there goes through the engine, and Docker may lose the end of it, or all, and call that a
//! success (docker/cli issue 4338, since 23.0).

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

/// How long a pipe may be without a reader: whoever made it starts that beside us.
const READER_PATIENCE: Duration = Duration::from_secs(10);

/// The file, or what is read elsewhere.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output.
    Stream(io::Stdout),
    /// A named pipe.
    Pipe(File),
    /// A file.
    File(Part),
}

/// A file that is not whole yet; dropping it removes it.
#[derive(Debug)]
pub(super) struct Part {
    file: File,
    part: PathBuf,
    path: PathBuf,
    whole: bool,
}

impl Output {
    /// Opens it.
    ///
    /// # Errors
    /// The file is there already, or cannot be made; nobody reads from the pipe, or it is somebody else's; standard output is a terminal.
    pub(super) fn create(to: &str) -> io::Result<Self> {
        if to == "-" {
            let stdout = io::stdout();
            let terminal = || io::Error::other("standard output is a terminal; send it into a file or a program");
            return if stdout.is_terminal() { Err(terminal()) } else { Ok(Self::Stream(stdout)) };
        }
        let path = PathBuf::from(to);
        if let Ok(there) = path.symlink_metadata() {
            if there.file_type().is_fifo() {
                return Ok(Self::Pipe(open_pipe(&path, READER_PATIENCE)?));
            }
            return Err(io::Error::other("it is there already, and nothing is overwritten"));
        }
        let mut part = path.clone().into_os_string();
        part.push(format!(".part-{}", std::process::id()));
        let part = PathBuf::from(part);
        let file = File::options().write(true).create_new(true).mode(0o600).open(&part)?;
        Ok(Self::File(Part { file, part, path, whole: false }))
    }

    /// It is whole: makes it durable and gives it its name.
    ///
    /// # Errors
    /// The disk failed, or the name was taken meanwhile.
    pub(super) fn finish(self) -> io::Result<()> {
        match self {
            Self::Stream(mut stdout) => stdout.flush(),
            Self::Pipe(_) => Ok(()),
            Self::File(mut part) => {
                part.file.sync_all()?;
                std::fs::hard_link(&part.part, &part.path).or_else(|error| {
                    // A file system without further names; it was free when this began.
                    if error.kind() == io::ErrorKind::AlreadyExists { Err(error) } else { std::fs::rename(&part.part, &part.path) }
                })?;
                part.whole = true;
                // The second name, where there are two.
                let _ = std::fs::remove_file(&part.part);
                let above = part.path.parent().filter(|above| !above.as_os_str().is_empty());
                File::open(above.unwrap_or(Path::new(".")))?.sync_all()
            }
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(stdout) => stdout.write(bytes),
            Self::Pipe(pipe) => pipe.write(bytes),
            Self::File(part) => part.file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Stream(stdout) => stdout.flush(),
            Self::Pipe(_) => Ok(()),
            Self::File(part) => part.file.flush(),
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.whole {
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

/// Opens a named pipe of ours for writing. Without a reader that lasts for ever (fifo(7)): then the thread that does it ends with the process.
fn open_pipe(path: &Path, patience: Duration) -> io::Result<File> {
    let (opened, whether) = mpsc::sync_channel(1);
    let path = path.to_owned();
    thread::Builder::new().spawn(move || {
        let no_link = OFlags::NOFOLLOW.bits().cast_signed();
        opened.send(OpenOptions::new().write(true).custom_flags(no_link).open(path))
    })?;
    let pipe = whether.recv_timeout(patience).map_err(|_| io::Error::other("nobody reads from this pipe"))??;
    let is = pipe.metadata()?;
    // Where others may write, one of theirs may have the name that was meant for a file.
    if is.file_type().is_fifo() && is.uid() == rustix::process::geteuid().as_raw() {
        Ok(pipe)
    } else {
        Err(io::Error::other("it is there already, and no pipe of this user"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_has_its_name_only_when_it_is_whole_and_replaces_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("x.age");
        let names = || std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect::<Vec<_>>();
        let mut broken = Output::create(path.to_str().unwrap()).unwrap();
        broken.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(broken);
        assert!(names().is_empty());
        let mut whole = Output::create(path.to_str().unwrap()).unwrap();
        whole.write_all(b"whole").unwrap();
        whole.finish().unwrap();
        assert_eq!((std::fs::read(&path).unwrap().as_slice(), names().len()), (b"whole".as_slice(), 1));
        Output::create(path.to_str().unwrap()).unwrap_err();
    }

    #[test]
    fn what_reads_from_a_pipe_gets_all_of_it_however_slowly_and_without_a_reader_it_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = |name: &str| {
            let path = directory.path().join(name);
            rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
            path
        };
        let error = open_pipe(&pipe("lonely"), Duration::ZERO).unwrap_err();
        assert_eq!(error.to_string(), "nobody reads from this pipe");
        let path = pipe("pipe");
        let reading = path.clone();
        // More than a pipe holds, so that it is waited for.
        let reader = thread::spawn(move || std::fs::read(reading).unwrap().len());
        let mut output = Output::create(path.to_str().unwrap()).unwrap();
        output.write_all(&vec![1; 1 << 20]).unwrap();
        output.finish().unwrap();
        assert_eq!(reader.join().unwrap(), 1 << 20);
    }

    #[test]
    fn a_pipe_of_somebody_else_or_what_took_its_place_gets_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "kept").unwrap();
        open_pipe(&file, READER_PATIENCE).unwrap_err();
        assert_eq!(std::fs::read(&file).unwrap(), b"kept");
        if !rustix::process::geteuid().is_root() {
            return;
        }
        let path = directory.path().join("pipe");
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o666.into(), 0).unwrap();
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        let reading = path.clone();
        let reader = thread::spawn(move || std::fs::read(reading).unwrap());
        let error = Output::create(path.to_str().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "it is there already, and no pipe of this user");
        assert!(reader.join().unwrap().is_empty());
    }
}

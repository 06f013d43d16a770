//! The file that says which process the agent is, and keeps a second one away.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use rustix::fs::{FlockOperation, flock};

/// A file with the number of this process, locked as long as that lives.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    _file: File,
}

impl PidFile {
    pub(crate) fn write(path: PathBuf) -> io::Result<Self> {
        let explain = |error: io::Error| {
            let text = format!("process file {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        };
        let open = || {
            let options = File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .clone();
            let mut file = options.open(&path)?;
            flock(&file, FlockOperation::NonBlockingLockExclusive)
                .map_err(|_| io::Error::other("another agent has locked it"))?;
            file.set_len(0)?;
            writeln!(file, "{}", std::process::id())?;
            Ok(file)
        };
        let file = open().map_err(explain)?;
        Ok(PidFile { path, _file: file })
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Somebody may have removed it.
        let _ = std::fs::remove_file(&self.path);
    }
}

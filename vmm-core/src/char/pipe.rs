//! Named pipes.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use super::link::Link;
use super::{Backend, CharError, InputSink};

/// A back end over `PATH.in` and `PATH.out`, or over one pipe for both ways.
#[derive(Debug)]
pub struct Pipe(Arc<Link>);

impl Pipe {
    /// Opens the pipes, which are there already.
    ///
    /// # Errors
    /// They are not.
    pub fn new(path: &Path) -> Result<Self, CharError> {
        let open = |path: &Path| {
            // For both ways, so that it goes on when a peer has closed its end.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            File::options()
                .read(true)
                .write(true)
                .custom_flags(flags)
                .open(path)
        };
        let beside = |suffix: &str| {
            let mut name = OsString::from(path);
            name.push(suffix);
            PathBuf::from(name)
        };
        let pair = open(&beside(".in")).and_then(|input| Ok((input, Some(open(&beside(".out"))?))));
        let (input, output) =
            pair.or_else(|_| Ok((open(path)?, None)))
                .map_err(|error| CharError::Open {
                    path: path.to_owned(),
                    error,
                })?;
        Ok(Self(Link::spawn("chardev-pipe", move |link| {
            let output = output.as_ref().unwrap_or(&input);
            link.serve("pipe".into(), (&input, output), |_| {});
        })?))
    }
}

impl Backend for Pipe {
    fn kind(&self) -> &'static str {
        "pipe"
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        self.0.wait_for_peer(); // its thread opens the queue in no time
        self.0.write(bytes)
    }

    fn connect(&self, input: Option<InputSink>) {
        self.0.connect(input);
    }

    fn flush(&self) {
        self.0.flush();
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.close();
    }
}

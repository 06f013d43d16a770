//! The log, which is silent while file systems are frozen: a write to one would wait for a thaw that could
//! not come any more.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use guest_agent::Gate;
use tracing::Level;
use tracing_subscriber::fmt::MakeWriter;

/// Starts to log to a file, or to standard error; without a gate, nothing is ever frozen in earnest.
pub(crate) fn start(
    file: Option<&Path>,
    verbose: bool,
    gate: Option<&Arc<Gate>>,
) -> io::Result<()> {
    let file = file.map(|path| File::options().append(true).create(true).open(path));
    let output = Output {
        file: file.transpose()?.map(Arc::new),
        gate: gate.map(Arc::clone),
    };
    let level = if verbose { Level::DEBUG } else { Level::INFO };
    tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(output)
        .init();
    Ok(())
}

#[derive(Debug)]
struct Output {
    file: Option<Arc<File>>,
    gate: Option<Arc<Gate>>,
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Box<dyn io::Write + 'a>;

    fn make_writer(&'a self) -> Self::Writer {
        match &self.file {
            _ if self.gate.as_ref().is_some_and(|gate| gate.is_frozen()) => Box::new(io::sink()),
            Some(file) => Box::new(&**file),
            None => Box::new(io::stderr()),
        }
    }
}

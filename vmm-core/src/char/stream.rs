//! Back ends over files: standard streams, regular files, pipes, devices.
//!
//! A thread of the back end's own does the writing, so that a full pipe stops
//! nobody but that thread; what does not fit into its queue is lost.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use super::{Backend, CharError, InputSink, console};
use crate::fdset::{FdSets, Purpose};
use crate::sync::lock;

/// Output that may wait for a slow reader.
const QUEUE_LIMIT: usize = 1 << 20;

/// How long [`Backend::flush`] waits for a reader that does not read.
const FLUSH_LIMIT: Duration = Duration::from_secs(1);

/// A back end that writes to one stream and may read from another.
#[derive(Debug)]
pub struct Stream {
    kind: &'static str,
    output: Arc<Output>,
    input: Arc<Input>,
}

#[derive(Debug, Default)]
struct Output {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    bytes: VecDeque<u8>,
    writing: bool,
    closed: bool,
}

#[derive(Default)]
struct Input {
    end: Mutex<InputEnd>,
    changed: Condvar,
}

/// Where input goes.
#[derive(Default)]
struct InputEnd {
    sink: Option<InputSink>,
    closed: bool,
}

impl std::fmt::Debug for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Input")
            .field("connected", &lock(&self.end).sink.is_some())
            .finish()
    }
}

impl Stream {
    /// Standard output and input of the process, whose terminal is made raw; `signal` is whether Ctrl-C still
    /// ends the process.
    ///
    /// # Errors
    /// The host has no thread left.
    pub fn stdio(signal: bool) -> Result<Self, CharError> {
        let stream = Self::new("stdio", io::stdout(), Some(io::stdin()))?;
        console::make_raw(signal);
        Ok(stream)
    }

    /// Output to the file `path`, input from the file `input`.
    ///
    /// # Errors
    /// A file cannot be opened, or the host has no thread left.
    pub(crate) fn file(
        path: &Path,
        input: Option<&Path>,
        append: bool,
        sets: &FdSets,
    ) -> Result<Self, CharError> {
        let output = sets.open(path, Purpose::Write { append });
        let output = output.map_err(open_error(path))?;
        let input = input
            .map(|path| sets.open(path, Purpose::Read).map_err(open_error(path)))
            .transpose()?;
        Self::new("file", output, input)
    }

    fn new<W, R>(kind: &'static str, writer: W, reader: Option<R>) -> Result<Self, CharError>
    where
        W: Write + Send + 'static,
        R: Read + Send + 'static,
    {
        let stream = Self {
            kind,
            output: Arc::default(),
            input: Arc::default(),
        };
        let output = Arc::clone(&stream.output);
        thread::Builder::new()
            .name(format!("{kind}-out"))
            .spawn(move || output.drain(writer))
            .map_err(CharError::Thread)?;
        if let Some(reader) = reader {
            let input = Arc::downgrade(&stream.input);
            thread::Builder::new()
                .name(format!("{kind}-in"))
                .spawn(move || pump(reader, &input))
                .map_err(CharError::Thread)?;
        }
        Ok(stream)
    }
}

fn open_error(path: &Path) -> impl FnOnce(io::Error) -> CharError {
    let path = PathBuf::from(path);
    move |error| CharError::Open { path, error }
}

/// Reads until the stream ends or the back end has gone.
fn pump(mut reader: impl Read, input: &Weak<Input>) {
    let mut buffer = [0; 4096];
    loop {
        let count = match reader.read(&mut buffer) {
            Ok(0) => return,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => return,
        };
        let Some(input) = input.upgrade() else { return };
        let Some(sink) = input.sink() else { return };
        sink(&buffer[..count]);
    }
}

impl Input {
    /// Waits until a device takes input; nothing at the end of the back end.
    fn sink(&self) -> Option<InputSink> {
        let mut end = lock(&self.end);
        while end.sink.is_none() && !end.closed {
            end = self
                .changed
                .wait(end)
                .unwrap_or_else(PoisonError::into_inner);
        }
        end.sink.clone()
    }
}

impl Output {
    /// The writing thread: until the back end goes or the stream breaks.
    fn drain(&self, mut writer: impl Write) {
        loop {
            let mut queue = lock(&self.queue);
            while queue.bytes.is_empty() {
                if queue.closed {
                    return;
                }
                queue = self.wait(queue, None);
            }
            let bytes: Vec<u8> = queue.bytes.drain(..).collect();
            queue.writing = true;
            drop(queue);
            let result = writer.write_all(&bytes).and_then(|()| writer.flush());
            let mut queue = lock(&self.queue);
            queue.writing = false;
            queue.closed |= result.is_err();
            self.changed.notify_all();
            if result.is_err() {
                queue.bytes.clear();
                return;
            }
        }
    }

    fn wait<'a>(
        &self,
        queue: std::sync::MutexGuard<'a, Queue>,
        limit: Option<Duration>,
    ) -> std::sync::MutexGuard<'a, Queue> {
        use std::sync::PoisonError;
        match limit {
            None => self
                .changed
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner),
            Some(limit) => {
                self.changed
                    .wait_timeout(queue, limit)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0
            }
        }
    }
}

impl Backend for Stream {
    fn kind(&self) -> &'static str {
        self.kind
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut queue = lock(&self.output.queue);
        if queue.closed {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if queue.bytes.len() + bytes.len() > QUEUE_LIMIT {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.bytes.extend(bytes);
        self.output.changed.notify_all();
        Ok(())
    }

    fn connect(&self, input: Option<InputSink>) {
        lock(&self.input.end).sink = input;
        self.input.changed.notify_all();
    }

    fn flush(&self) {
        let end = Instant::now() + FLUSH_LIMIT;
        let mut queue = lock(&self.output.queue);
        while (!queue.bytes.is_empty() || queue.writing) && !queue.closed {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            queue = self.output.wait(queue, Some(left));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.flush();
        lock(&self.output.queue).closed = true;
        self.output.changed.notify_all();
        lock(&self.input.end).closed = true;
        self.input.changed.notify_all();
        if self.kind == "stdio" {
            console::restore();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn output_is_in_the_file_after_a_flush() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        for (append, expected) in [(false, "one"), (true, "oneone"), (false, "one")] {
            let stream = Stream::file(&path, None, append, &FdSets::default()).unwrap();
            stream.write(b"on").unwrap();
            stream.write(b"e").unwrap();
            stream.flush();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), expected);
        }
    }

    #[test]
    fn input_reaches_the_sink() {
        let (reader, mut writer) = io::pipe().unwrap();
        let stream = Stream::new("test", io::sink(), Some(reader)).unwrap();
        let (sender, received) = mpsc::channel();
        stream.connect(Some(Arc::new(move |bytes: &[u8]| {
            sender.send(bytes.to_vec()).unwrap()
        })));
        writer.write_all(b"abc").unwrap();
        assert_eq!(received.recv().unwrap(), b"abc");
    }

    #[test]
    fn reader_that_never_reads_stops_nobody() {
        let (_reader, writer) = io::pipe().unwrap();
        let stream = Stream::new("test", writer, None::<io::Empty>).unwrap();
        let lost = (0..64)
            .filter(|_| stream.write(&[0; 65536]).is_err())
            .count();
        assert!(lost > 0, "the queue is bounded");
    }

    #[test]
    fn missing_file_is_named_in_the_error() {
        let error =
            Stream::file(Path::new("/nonexistent/x"), None, false, &FdSets::default()).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/x"), "{error}");
    }
}

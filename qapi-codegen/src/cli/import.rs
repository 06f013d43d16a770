//! `qapi import`

use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lexopt::{Arg, Parser, ValueExt as _};
use serde_json::{Value, json};

use super::input::File;
use super::{Failure, Status, help, set_file, terminal};

pub(crate) fn run(mut parser: Parser) -> Result<Status, Failure> {
    let mut file = None;
    let mut address = None;
    let mut output = None;
    let mut timeout = Duration::from_secs(10);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Long("qmp") => address = Some(parser.value()?.string()?),
            Arg::Long("timeout") => timeout = seconds(&parser.value()?.string()?)?,
            Arg::Short('o') | Arg::Long("output") => output = Some(PathBuf::from(parser.value()?)),
            Arg::Short('h') | Arg::Long("help") => return terminal::print(help::IMPORT),
            Arg::Value(value) => set_file(&mut file, value)?,
            other => return Err(other.unexpected().into()),
        }
    }
    let (answer, origin) = match (file, address) {
        (Some(file), None) => saved(file)?,
        (None, Some(address)) => ask(&address, timeout)?,
        (Some(_), Some(_)) => return Err(usage("give a file or --qmp, not both")),
        (None, None) => {
            return Err(usage(
                "no answer given; name a file with it, or ask a server with --qmp",
            ));
        }
    };
    let imported = match qapi_codegen::import(&answer, &origin) {
        Ok(imported) => imported,
        Err(error) => {
            terminal::complain(&format!("qapi: {origin}: {error}\n"));
            return Ok(Status::Findings);
        }
    };
    if !imported.unused.is_empty() {
        let names = imported.unused.join(", ");
        terminal::complain(&format!("qapi: nothing uses these types: {names}\n"));
    }
    let Some(path) = output else {
        return terminal::print(&imported.text);
    };
    std::fs::write(&path, &imported.text).map_err(|error| {
        let path = path.display();
        Failure(format!("cannot write {path}: {error}; check the folder"))
    })?;
    let (commands, events) = (imported.commands, imported.events);
    let path = path.display();
    terminal::complain(&format!("{path}: {commands} commands, {events} events\n"));
    Ok(Status::Clean)
}

fn usage(message: &str) -> Failure {
    Failure(message.to_owned())
}

fn seconds(word: &str) -> Result<Duration, Failure> {
    let seconds = word.parse().ok().filter(|seconds| *seconds > 0.0);
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| Failure(format!("'{word}' is not a number of seconds above zero")))
}

/// The answer in a file, and its name.
fn saved(file: OsString) -> Result<(Value, String), Failure> {
    let file = File::read(file)?;
    let name = file.path.display().to_string();
    match serde_json::from_slice(&file.bytes) {
        Ok(answer) => Ok((answer, name)),
        Err(error) => Err(Failure(format!("{name} is not JSON: {error}"))),
    }
}

/// The answer of a server, and what it says of itself.
fn ask(address: &str, timeout: Duration) -> Result<(Value, String), Failure> {
    let failed = |error: std::io::Error| Failure(format!("cannot connect to {address}: {error}"));
    if let Some(path) = address.strip_prefix("unix:") {
        return over_unix(path, timeout)
            .map_err(failed)
            .and_then(|stream| converse(stream, address));
    }
    let Some(host) = address.strip_prefix("tcp:") else {
        let message = format!("'{address}' is no address; write unix:PATH or tcp:HOST:PORT");
        return Err(Failure(message));
    };
    let connect = || {
        let resolved = host.to_socket_addrs()?.next();
        let resolved = resolved.ok_or_else(|| std::io::Error::other("the host has no address"))?;
        let stream = TcpStream::connect_timeout(&resolved, timeout)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(stream)
    };
    connect()
        .map_err(failed)
        .and_then(|stream| converse(Patient::new(stream, timeout), address))
}

#[cfg(unix)]
fn over_unix(path: &str, timeout: Duration) -> std::io::Result<impl Read + Write> {
    let stream = std::os::unix::net::UnixStream::connect(path)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    Ok(Patient::new(stream, timeout))
}

#[cfg(not(unix))]
fn over_unix(_: &str, _: Duration) -> std::io::Result<TcpStream> {
    Err(std::io::Error::other("unix sockets need Unix"))
}

/// A stream that ends at a point in time, also when bytes still trickle in.
struct Patient<S> {
    stream: S,
    until: Instant,
}

impl<S> Patient<S> {
    fn new(stream: S, timeout: Duration) -> Self {
        let until = Instant::now() + timeout;
        Patient { stream, until }
    }
}

impl<S: Read> Read for Patient<S> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if Instant::now() > self.until {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.stream.read(buffer)
    }
}

impl<S: Write> Write for Patient<S> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

/// Negotiates, and asks the one question.
fn converse(mut stream: impl Read + Write, address: &str) -> Result<(Value, String), Failure> {
    let failed = |what: &str, why: &dyn std::fmt::Display| {
        Failure(format!(
            "{address}: {what}: {why}; is it a QMP socket that nobody else uses?"
        ))
    };
    let greeting = message(&mut stream).map_err(|error| failed("no greeting", &error))?;
    let version = &greeting["QMP"]["version"]["qemu"];
    if !version.is_object() {
        return Err(failed("no greeting", &"this is not how QMP starts"));
    }
    let number = |key: &str| version[key].as_u64().unwrap_or_default();
    let version = [number("major"), number("minor"), number("micro")];
    let [major, minor, micro] = version;
    let mut answer = Value::Null;
    for command in ["qmp_capabilities", "query-qmp-schema"] {
        let request = format!("{}\r\n", json!({ "execute": command }));
        let sent = stream.write_all(request.as_bytes());
        sent.map_err(|error| failed("cannot ask", &error))?;
        answer = loop {
            let mut reply = message(&mut stream).map_err(|error| failed(command, &error))?;
            if let Some(error) = reply.get("error") {
                return Err(failed(command, &error["desc"]));
            }
            // Events may come at any time.
            if let Some(answer) = reply.get_mut("return") {
                break answer.take();
            }
        };
    }
    Ok((
        answer,
        format!("{address}, version {major}.{minor}.{micro}"),
    ))
}

/// The next message: QMP servers end each by a line break.
fn message(stream: &mut impl Read) -> std::io::Result<Value> {
    let mut messages = serde_json::Deserializer::from_reader(&mut *stream).into_iter();
    match messages.next() {
        Some(message) => message.map_err(std::io::Error::from),
        None => Err(std::io::ErrorKind::UnexpectedEof.into()),
    }
}

//! The client: typed commands in, typed results and events out, over a blocking connection.

mod connection;
mod error;

use std::collections::VecDeque;
use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

pub use error::ClientError;

use crate::codec::{Json, Unknown, encode, from_node};
use crate::command::{Command, Event};
use crate::error::{ErrorClass, QmpError};
use crate::json::{Document, Map, NodeId, Style, Value, Writer};
use crate::session::Version;
use connection::Connection;

/// What a server said when it was connected to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Greeting {
    /// Its version.
    pub version: Version,
    /// The capabilities that it offers; an open set.
    pub capabilities: Vec<String>,
}

/// An event as it came; one that the bindings do not know is as good as any other.
#[derive(Debug, Clone, PartialEq)]
pub struct RawEvent {
    /// The name on the wire.
    pub name: String,
    /// The data; empty for an event that carries none.
    pub data: Map<String, Value>,
    /// When it happened, as time since the epoch; none where the server did not know.
    pub timestamp: Option<Duration>,
}

impl RawEvent {
    /// Whether this is the event `E`.
    pub fn is<E: Event>(&self) -> bool {
        self.name == E::INFO.name
    }

    /// The event as `E`; `None` when it is another one.
    ///
    /// # Errors
    /// The data is not that of `E`.
    pub fn decode<E: Event>(&self) -> Option<Result<E, QmpError>> {
        self.is::<E>().then(|| {
            let mut out = Writer::new(Style::Line);
            self.data.encode(&mut out);
            let text = String::from_utf8(out.into_bytes()).unwrap_or_default();
            crate::codec::from_str(&text, Unknown::Ignore)
        })
    }
}

/// A client.
///
/// A reply that does not come within the time-out, a hang-up or a reply that cannot be understood is
/// an error; after any but the last the connection is of no more use.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
    greeting: Greeting,
    events: VecDeque<RawEvent>,
    next_id: u64,
    timeout: Option<Duration>,
}

impl Client {
    /// Connects to a unix socket and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub fn connect_unix(path: impl AsRef<Path>) -> Result<Self, ClientError> {
        Client::over(Connection::new(UnixStream::connect(path)?.into()))
    }

    /// Connects to a TCP port and negotiates.
    ///
    /// # Errors
    /// There is no server, or it does not speak QMP.
    pub fn connect_tcp(address: impl ToSocketAddrs) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Client::over(Connection::new(stream.into()))
    }

    /// Takes a socket that is connected already, and negotiates.
    ///
    /// # Errors
    /// The other side does not speak QMP.
    pub fn over_socket(socket: OwnedFd) -> Result<Self, ClientError> {
        Client::over(Connection::new(socket))
    }

    fn over(mut connection: Connection) -> Result<Self, ClientError> {
        let document = connection.next(None)?;
        let greeting =
            parse_greeting(&document).ok_or(ClientError::Protocol("the greeting is none"))?;
        let mut client = Client {
            connection,
            greeting,
            events: VecDeque::new(),
            next_id: 1,
            timeout: None,
        };
        client.execute_value("qmp_capabilities", &Map::new())?;
        Ok(client)
    }

    /// How long to wait for a reply; without end at first.
    pub fn set_timeout(&mut self, timeout: Option<Duration>) {
        self.timeout = timeout;
    }

    /// What the server said when it was connected to.
    pub fn greeting(&self) -> &Greeting {
        &self.greeting
    }

    /// Runs a command.
    ///
    /// # Errors
    /// The server refuses it, its reply is not that of the command, or the connection fails.
    pub fn execute<C: Command>(&mut self, command: &C) -> Result<C::Return, ClientError> {
        let (document, at) = self.call(C::INFO.name, command)?;
        from_node(&document, at, Unknown::Ignore).map_err(ClientError::Decode)
    }

    /// Runs a command that the bindings need not know.
    ///
    /// # Errors
    /// The server refuses it, or the connection fails.
    pub fn execute_value(
        &mut self,
        name: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Value, ClientError> {
        let (document, at) = self.call(name, arguments)?;
        document.value(at).ok_or(ClientError::Protocol(
            "a number in the reply is out of range",
        ))
    }

    fn call(
        &mut self,
        name: &str,
        arguments: &dyn Json,
    ) -> Result<(Document, NodeId), ClientError> {
        let id = self.next_id;
        self.next_id += 1;
        self.connection.send(&request(name, arguments, id))?;
        let deadline = self.timeout.map(|timeout| Instant::now() + timeout);
        loop {
            let document = self.connection.next(deadline)?;
            if let Some(event) = parse_event(&document) {
                self.events.push_back(event);
                continue;
            }
            let root = document.root();
            if document
                .get(root, "id")
                .is_some_and(|found| document.u64(found) != Some(id))
            {
                continue; // the answer to a call that was given up
            }
            if let Some(error) = document.get(root, "error") {
                return Err(ClientError::Command(parse_error(&document, error)));
            }
            let result = document
                .get(root, "return")
                .ok_or(ClientError::Protocol("a reply has no result"))?;
            return Ok((document, result));
        }
    }

    /// The next event; waits for one at most this long, and without end for `None`.
    ///
    /// Returns `None` when the time is over.
    ///
    /// # Errors
    /// The connection fails.
    pub fn next_event(
        &mut self,
        timeout: Option<Duration>,
    ) -> Result<Option<RawEvent>, ClientError> {
        let deadline = timeout.map(|timeout| Instant::now() + timeout);
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(Some(event));
            }
            match self.connection.next(deadline) {
                Ok(document) => self.events.extend(parse_event(&document)),
                Err(ClientError::TimedOut) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
    }
}

fn request(name: &str, arguments: &dyn Json, id: u64) -> Vec<u8> {
    let mut out = Writer::new(Style::Line);
    out.begin_object();
    out.key("execute");
    out.str(name);
    out.key("arguments");
    encode(arguments, &mut out);
    out.key("id");
    out.u64(id);
    out.end_object();
    let mut bytes = out.into_bytes();
    bytes.push(b'\n');
    bytes
}

fn parse_greeting(document: &Document) -> Option<Greeting> {
    let qmp = document.get(document.root(), "QMP")?;
    let version = document.get(qmp, "version")?;
    let qemu = document.get(version, "qemu")?;
    let number = |key| u32::try_from(document.u64(document.get(qemu, key)?)?).ok();
    let capabilities = document.get(qmp, "capabilities")?;
    Some(Greeting {
        version: Version {
            major: number("major")?,
            minor: number("minor")?,
            micro: number("micro")?,
            package: document
                .str(document.get(version, "package")?)?
                .into_owned(),
        },
        capabilities: document
            .elements(capabilities)
            .filter_map(|name| Some(document.str(name)?.into_owned()))
            .collect(),
    })
}

fn parse_event(document: &Document) -> Option<RawEvent> {
    let root = document.root();
    let name = document.str(document.get(root, "event")?)?.into_owned();
    let data = document
        .get(root, "data")
        .and_then(|data| document.map(data))
        .unwrap_or_default();
    let timestamp = document.get(root, "timestamp").and_then(|stamp| {
        // -1 says that the time is not known.
        let part = |key| document.u64(document.get(stamp, key)?);
        Some(Duration::from_secs(part("seconds")?) + Duration::from_micros(part("microseconds")?))
    });
    Some(RawEvent {
        name,
        data,
        timestamp,
    })
}

fn parse_error(document: &Document, error: NodeId) -> QmpError {
    let text = |key| {
        document
            .get(error, key)
            .and_then(|at| document.str(at))
            .map(std::borrow::Cow::into_owned)
    };
    let class = text("class").map_or(ErrorClass::GENERIC_ERROR, ErrorClass::new);
    QmpError::new(class, text("desc").unwrap_or_default())
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        ClientError::Io(error)
    }
}

//! What comes from a server: greeting, replies, events.

use std::time::Duration;

use super::ClientError;
use crate::codec::{Json, Unknown, from_node};
use crate::command::Event;
use crate::error::{ErrorClass, QmpError};
use crate::json::{Document, Map, NodeId, Style, Value, Writer};
use crate::session::Version;

/// What a server said when it was connected to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Greeting {
    /// Its version.
    pub version: Version,
    /// The capabilities that it offers; an open set.
    pub capabilities: Vec<String>,
}

impl Greeting {
    /// The greeting in a message; `None` when there is none in it.
    ///
    /// Only that it greets counts: of the rest, what is missing or of another form stays empty.
    pub(super) fn parse(document: &Document) -> Option<Greeting> {
        let qmp = document.get(document.root(), "QMP")?;
        let within = |object: Option<NodeId>, key| document.get(object?, key);
        let version = document.get(qmp, "version");
        let qemu = within(version, "qemu");
        let number = |key| {
            within(qemu, key)
                .and_then(|at| document.u64(at))
                .and_then(|number| u32::try_from(number).ok())
                .unwrap_or_default()
        };
        let package = within(version, "package").and_then(|at| document.str(at));
        let capabilities = document.get(qmp, "capabilities");
        Some(Greeting {
            version: Version {
                major: number("major"),
                minor: number("minor"),
                micro: number("micro"),
                package: package.unwrap_or_default().into_owned(),
            },
            capabilities: capabilities
                .into_iter()
                .flat_map(|list| document.elements(list))
                .filter_map(|name| Some(document.str(name)?.into_owned()))
                .collect(),
        })
    }

    pub(super) fn offers(&self, capability: &str) -> bool {
        self.capabilities.iter().any(|name| name == capability)
    }
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

    /// The event in a message; `None` when there is none in it.
    pub(super) fn parse(document: &Document) -> Option<RawEvent> {
        let root = document.root();
        let name = document.str(document.get(root, "event")?)?.into_owned();
        let data = document
            .get(root, "data")
            .and_then(|data| document.map(data))
            .unwrap_or_default();
        let timestamp = document.get(root, "timestamp").and_then(|stamp| {
            // -1 says that the time is not known.
            let part = |key| document.u64(document.get(stamp, key)?);
            let micros = Duration::from_micros(part("microseconds")?);
            Duration::from_secs(part("seconds")?).checked_add(micros)
        });
        Some(RawEvent {
            name,
            data,
            timestamp,
        })
    }
}

/// A reply that brings a result.
#[derive(Debug)]
pub struct Reply(Source);

#[derive(Debug)]
enum Source {
    Message(Document, NodeId),
    /// A command that answers failure alone has not failed.
    Silence,
}

impl Reply {
    pub(super) const SILENCE: Reply = Reply(Source::Silence);

    /// What a message says to the command that it answers; `None` when it answers nothing.
    pub(super) fn parse(document: Document) -> Option<Result<Reply, ClientError>> {
        let root = document.root();
        if let Some(error) = document.get(root, "error") {
            return Some(Err(ClientError::Command(parse_error(&document, error))));
        }
        let result = document.get(root, "return")?;
        Some(Ok(Reply(Source::Message(document, result))))
    }

    /// The result as `T`.
    ///
    /// # Errors
    /// It has not the form of `T`; for a [`Value`], a number lies beyond the range of a double.
    pub fn decode<T: Json>(&self) -> Result<T, ClientError> {
        match &self.0 {
            Source::Message(document, at) => {
                from_node(document, *at, Unknown::Ignore).map_err(ClientError::Decode)
            }
            Source::Silence => {
                crate::codec::from_str("{}", Unknown::Ignore).map_err(ClientError::Decode)
            }
        }
    }
}

fn parse_error(document: &Document, error: NodeId) -> QmpError {
    let text = |key| {
        let at = document.get(error, key)?;
        Some(document.str(at)?.into_owned())
    };
    let class = text("class").map_or(ErrorClass::GENERIC_ERROR, ErrorClass::new);
    QmpError::new(class, text("desc").unwrap_or_default())
}

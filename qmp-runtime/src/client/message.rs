//! What comes from a server: greeting, replies, events.

use std::borrow::Cow;
use std::time::Duration;

use super::ClientError;
use crate::codec::{Json, Unknown, from_node};
use crate::command::Event;
use crate::error::{ErrorClass, QmpError};
use crate::json::{Document, NodeId, Style, Writer};
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
#[derive(Debug, Clone)]
pub struct RawEvent {
    /// The name on the wire.
    pub name: String,
    /// When it happened, as time since the epoch; none where the server did not know.
    pub timestamp: Option<Duration>,
    message: Document,
    data: Option<NodeId>,
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
        self.is::<E>().then(|| self.data())
    }

    /// Whether it carries data.
    pub fn has_data(&self) -> bool {
        self.data.is_some()
    }

    /// The data as `T`, which for an event that the bindings do not know is `Map<String, Value>`.
    ///
    /// # Errors
    /// It has not the form of `T`; for a [`Value`](crate::json::Value), a number lies beyond the range of a double.
    pub fn data<T: Json>(&self) -> Result<T, QmpError> {
        match self.data {
            Some(at) => from_node(&self.message, at, Unknown::Ignore),
            None => from_nothing(),
        }
    }

    /// The event in a message.
    ///
    /// # Errors
    /// There is none; the message as it was.
    pub(super) fn parse(message: Document) -> Result<RawEvent, Document> {
        let root = message.root();
        let name = message.get(root, "event").and_then(|at| message.str(at));
        let Some(name) = name.map(Cow::into_owned) else {
            return Err(message);
        };
        let timestamp = message.get(root, "timestamp").and_then(|stamp| {
            // -1 says that the time is not known.
            let part = |key| message.u64(message.get(stamp, key)?);
            let micros = Duration::from_micros(part("microseconds")?);
            Duration::from_secs(part("seconds")?).checked_add(micros)
        });
        Ok(RawEvent {
            name,
            timestamp,
            data: message.get(root, "data"),
            message,
        })
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.name.len() + self.message.memory()
    }
}

/// Events are equal that say the same, in the same order of members.
impl PartialEq for RawEvent {
    fn eq(&self, other: &Self) -> bool {
        let data = |event: &RawEvent| {
            let mut out = Writer::new(Style::Line);
            if let Some(at) = event.data {
                out.node(&event.message, at);
            }
            out.into_bytes()
        };
        (&self.name, self.timestamp) == (&other.name, other.timestamp) && data(self) == data(other)
    }
}

/// What an object without members is as `T`.
fn from_nothing<T: Json>() -> Result<T, QmpError> {
    crate::codec::from_str("{}", Unknown::Ignore)
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
    /// It has not the form of `T`; for a [`Value`](crate::json::Value), a number lies beyond the range of a double.
    pub fn decode<T: Json>(&self) -> Result<T, ClientError> {
        match &self.0 {
            Source::Message(document, at) => {
                from_node(document, *at, Unknown::Ignore).map_err(ClientError::Decode)
            }
            Source::Silence => from_nothing().map_err(ClientError::Decode),
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

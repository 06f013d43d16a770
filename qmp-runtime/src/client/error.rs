//! What can go wrong for a client.

use std::borrow::Cow;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::error::{ErrorClass, QmpError};

/// What can go wrong for a client.
///
/// [`Command`](ClientError::Command) and [`Decode`](ClientError::Decode) concern one call,
/// [`TimedOut`](ClientError::TimedOut), too; the connection goes on after them. The others say what
/// became of the connection.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused the command.
    Command(QmpError),
    /// The reply has not the form of the command's result.
    Decode(QmpError),
    /// What came is no QMP.
    Protocol(Cow<'static, str>),
    /// A message is longer than [`max_message`](super::Builder::max_message) allows.
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The server hung up. Whether it has run the commands that wait for an answer is not known.
    Closed,
    /// No answer came in time. Whether the command has run is not known; a late answer is dropped.
    TimedOut,
    /// Something listens, but no greeting came in time.
    NoGreeting,
    /// The guest agent did not answer in time.
    NoAgent,
    /// The answer can no longer be told from others: the channel to the guest agent was brought back
    /// into step because of another call that was given up.
    Lost,
    /// Events may be missing at this place of their sequence; what follows is complete again.
    Gap(Gap),
    /// The server or the connection cannot do what was asked.
    Unsupported(&'static str),
    /// The connection failed.
    Io(Arc<io::Error>),
}

/// Why events may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Gap {
    /// The connection was lost and made anew.
    Reconnected,
    /// Nobody took events until there was no more room for them; the oldest ones were dropped.
    Overflow {
        /// How many were dropped.
        dropped: u64,
    },
}

impl ClientError {
    pub(super) const NO_DESCRIPTORS: ClientError =
        ClientError::Unsupported("descriptors can be sent over a unix socket alone");

    /// The server's refusal, if it is one.
    pub fn as_command_error(&self) -> Option<&QmpError> {
        match self {
            ClientError::Command(error) => Some(error),
            _ => None,
        }
    }

    /// The class of the server's refusal, if it is one.
    pub fn class(&self) -> Option<&ErrorClass> {
        self.as_command_error().map(QmpError::class)
    }

    /// Whether the server does not have the command.
    pub fn is_command_not_found(&self) -> bool {
        self.class() == Some(&ErrorClass::COMMAND_NOT_FOUND)
    }

    /// Whether the command names a device that the server does not have.
    pub fn is_device_not_found(&self) -> bool {
        self.class() == Some(&ErrorClass::DEVICE_NOT_FOUND)
    }

    /// Whether the command needs a device that is not active.
    pub fn is_device_not_active(&self) -> bool {
        self.class() == Some(&ErrorClass::DEVICE_NOT_ACTIVE)
    }

    /// Whether the command needs something that KVM lacks.
    pub fn is_kvm_missing_cap(&self) -> bool {
        self.class() == Some(&ErrorClass::KVM_MISSING_CAP)
    }

    /// Whether the server hung up.
    pub fn is_closed(&self) -> bool {
        matches!(self, ClientError::Closed)
    }

    /// Whether time ran out, for a call or for making a connection.
    pub fn is_timeout(&self) -> bool {
        matches!(
            self,
            ClientError::TimedOut | ClientError::NoGreeting | ClientError::NoAgent
        )
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClientError::Command(error) => write!(f, "{error}"),
            ClientError::Decode(error) => {
                write!(f, "the reply cannot be understood: {}", error.desc())
            }
            ClientError::Protocol(what) => write!(f, "the server does not speak QMP: {what}"),
            ClientError::TooLarge { limit } => {
                write!(f, "a message is longer than {limit} bytes; allow more with max_message")
            }
            ClientError::Closed => f.write_str("the server hung up"),
            ClientError::TimedOut => f.write_str("no answer came in time"),
            ClientError::NoGreeting => f.write_str(
                "no greeting came in time: a monitor serves one client at a time, and another one may be connected",
            ),
            ClientError::NoAgent => {
                f.write_str("the guest agent does not answer: it may not be running in the guest")
            }
            ClientError::Lost => f.write_str(
                "the answer was lost: another call was given up, and the guest agent was asked to start anew",
            ),
            ClientError::Gap(Gap::Reconnected) => {
                f.write_str("the connection was made anew; events may have been missed")
            }
            ClientError::Gap(Gap::Overflow { dropped }) => {
                write!(f, "{dropped} events were dropped, because nobody took them")
            }
            ClientError::Unsupported(what) => f.write_str(what),
            ClientError::Io(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ClientError::Io(error) => error.source(),
            _ => None,
        }
    }
}

/// Whether an error of I/O says that the other side hung up.
pub(super) fn says_hung_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof
    )
}

impl From<io::Error> for ClientError {
    fn from(error: io::Error) -> Self {
        if says_hung_up(&error) {
            return ClientError::Closed;
        }
        ClientError::Io(Arc::new(error))
    }
}

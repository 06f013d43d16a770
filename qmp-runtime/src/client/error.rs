//! What can go wrong for a client.

use std::fmt;
use std::io;

use crate::error::QmpError;

/// What can go wrong for a client.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The server refused the command.
    Command(QmpError),
    /// The reply has not the form of the command's result.
    Decode(QmpError),
    /// What came is no QMP.
    Protocol(&'static str),
    /// The server hung up.
    Closed,
    /// No answer came in time.
    TimedOut,
    /// The connection failed.
    Io(io::Error),
}

impl ClientError {
    /// The server's refusal, if it is one.
    pub fn as_command_error(&self) -> Option<&QmpError> {
        match self {
            ClientError::Command(error) => Some(error),
            _ => None,
        }
    }

    /// Whether the server does not have the command.
    pub fn is_command_not_found(&self) -> bool {
        self.as_command_error()
            .is_some_and(QmpError::is_command_not_found)
    }

    /// Whether the server hung up.
    pub fn is_closed(&self) -> bool {
        matches!(self, ClientError::Closed)
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
            ClientError::Closed => f.write_str("the server hung up"),
            ClientError::TimedOut => f.write_str("no answer came in time"),
            ClientError::Io(_) => f.write_str("the connection failed"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            ClientError::Io(error) => Some(error),
            _ => None,
        }
    }
}

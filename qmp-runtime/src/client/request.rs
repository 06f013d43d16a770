//! A command on its way to a server.

use std::os::fd::{AsFd, OwnedFd};

use super::ClientError;
use crate::codec::{AnyJson, encode};
use crate::command::{Command, OobCommand};
use crate::json::{Map, Style, Value, Writer};

/// What most requests have room in.
const USUAL_BYTES: usize = 256;

/// A command on its way to a server.
#[derive(Debug)]
pub struct Request {
    /// Its text, but for the id and the end.
    text: Writer,
    pub(super) oob: bool,
    /// Only failure is answered.
    pub(super) silent: bool,
    pub(super) fds: Vec<OwnedFd>,
}

impl Request {
    fn begin(execute: &str, name: &str) -> Self {
        let mut text = Writer::with_capacity(Style::Line, USUAL_BYTES);
        text.begin_object();
        text.key(execute);
        text.str(name);
        text.key("arguments");
        Request {
            text,
            oob: false,
            silent: false,
            fds: Vec::new(),
        }
    }

    fn new(execute: &str, name: &str, arguments: &dyn AnyJson) -> Self {
        let mut request = Request::begin(execute, name);
        encode(arguments, &mut request.text);
        request
    }

    /// What the conversation itself needs: a command whose arguments, which are members to write, are its own.
    pub(super) fn own(name: &str, arguments: impl FnOnce(&mut Writer)) -> Self {
        let mut request = Request::begin("execute", name);
        request.text.begin_object();
        arguments(&mut request.text);
        request.text.end_object();
        request
    }

    /// A command of the bindings.
    pub fn command<C: Command>(command: &C) -> Self {
        Request {
            silent: !C::INFO.success_response,
            ..Request::new("execute", C::INFO.name, command)
        }
    }

    /// A command of the bindings, to be run beside those that are running.
    pub fn out_of_band<C: OobCommand>(command: &C) -> Self {
        Request {
            oob: true,
            silent: !C::INFO.success_response,
            ..Request::new("exec-oob", C::INFO.name, command)
        }
    }

    /// A command that the bindings need not know. It is expected to be answered.
    pub fn value(name: &str, arguments: &Map<String, Value>) -> Self {
        Request::new("execute", name, arguments)
    }

    /// A command that the bindings need not know, to be run beside those that are running.
    pub fn value_out_of_band(name: &str, arguments: &Map<String, Value>) -> Self {
        Request {
            oob: true,
            ..Request::new("exec-oob", name, arguments)
        }
    }

    /// A command of which only failure is answered, as the bindings say of theirs.
    pub fn without_answer(mut self) -> Self {
        self.silent = true;
        self
    }

    /// With copies of descriptors riding along.
    ///
    /// # Errors
    /// The process can have no more descriptors.
    pub fn with_fds(mut self, fds: &[impl AsFd]) -> Result<Self, ClientError> {
        for fd in fds {
            self.fds.push(fd.as_fd().try_clone_to_owned()?);
        }
        Ok(self)
    }

    /// Appends the text of the request to `out`.
    pub(super) fn write(mut self, id: Option<u64>, out: &mut Vec<u8>) {
        if let Some(id) = id {
            self.text.key("id");
            self.text.u64(id);
        }
        self.text.end_object();
        out.extend_from_slice(&self.text.into_bytes());
        out.push(b'\n');
    }
}

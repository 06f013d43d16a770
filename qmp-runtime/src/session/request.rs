//! One request: its envelope, and what becomes of it.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::capabilities::Capabilities;
use super::reply::{failure, write_id};
use super::{Negotiated, Protocol};
use crate::command::{Call, Command};
use crate::context::Context;
use crate::error::{ErrorClass, QmpError};
use crate::json::{Document, Item, Kind, NodeId, Writer, order};
use crate::router::Dispatcher;
use crate::trace;

/// A byte that occurs in no JSON text.
const DELIMITER: u8 = 0xFF;

/// A request with a sound envelope.
pub(crate) struct Request<'d> {
    pub(crate) command: Cow<'d, str>,
    arguments: Option<NodeId>,
    pub(crate) out_of_band: bool,
}

/// How far a request got without its handler.
pub(crate) enum Begun<'d> {
    /// The reply is written.
    Answered,
    /// A handler is to be called.
    Call(&'d Document, Request<'d>),
}

/// Answers one item of the stream into `out`, in place of what that holds; false for a command whose
/// success is not answered.
pub(crate) fn answer(
    item: &Item,
    negotiated: &mut Negotiated,
    dispatcher: &Dispatcher,
    cx: &mut Context<'_>,
    out: &mut Writer,
) -> bool {
    match begin(item, negotiated, out) {
        Begun::Answered => true,
        Begun::Call(document, request) => {
            cx.out_of_band = request.out_of_band;
            // A handler's panic costs its own command, not the machine.
            let result = catch_unwind(AssertUnwindSafe(|| {
                dispatcher.call(&request.command, cx, request.call(document, out))
            }));
            finish(document, &request, result, cx.delimits, out)
        }
    }
}

/// The command that a request is about to call, whether or not it may.
#[cfg(feature = "tokio")]
pub(crate) fn command_of(item: &Item) -> Option<Cow<'_, str>> {
    let Item::Message(document) = item else {
        return None;
    };
    let find = |name| document.get(document.root(), name);
    document.str(find("execute").or_else(|| find("exec-oob"))?)
}

/// Answers what needs no handler, and starts the reply of what does.
pub(crate) fn begin<'d>(
    item: &'d Item,
    negotiated: &mut Negotiated,
    out: &mut Writer,
) -> Begun<'d> {
    let document = match item {
        Item::Message(document) => document,
        Item::Error(error) => {
            failure(None, &QmpError::generic(error.as_str()), out);
            return Begun::Answered;
        }
    };
    out.restart();
    out.begin_object();
    out.key("return");
    let done = Request::check(document, negotiated.oob).and_then(|request| {
        let negotiates = negotiated.protocol == Protocol::Monitor;
        if negotiates && request.command == Capabilities::INFO.name && !request.out_of_band {
            let call = request.call(document, out);
            call.run(|capabilities: Capabilities| capabilities.negotiate(negotiated))?;
            return Ok(None);
        }
        if !negotiated.done {
            return Err(QmpError::new(
                ErrorClass::COMMAND_NOT_FOUND,
                "Expecting capabilities negotiation with 'qmp_capabilities'",
            ));
        }
        Ok(Some(request))
    });
    let id = id(document);
    match &done {
        Ok(None) => trace::exit(Capabilities::INFO.name, Ok(Some(out))),
        Err(error) if out.is_entered => trace::exit(Capabilities::INFO.name, Err(error)),
        _ => {}
    }
    match done {
        Ok(Some(request)) => return Begun::Call(document, request),
        Ok(None) => success(id, out),
        Err(error) => failure(id, &error, out),
    }
    Begun::Answered
}

/// Ends the reply of a request whose handler has run, or panicked; with `delimits`, 0xFF goes ahead of it.
pub(crate) fn finish(
    document: &Document,
    request: &Request<'_>,
    result: std::thread::Result<Result<bool, QmpError>>,
    delimits: bool,
    out: &mut Writer,
) -> bool {
    let result = result.unwrap_or_else(|_| {
        let text = format!("The command {} failed internally", request.command);
        Err(QmpError::generic(text))
    });
    if out.is_entered {
        let result = result.as_ref();
        trace::exit(
            &request.command,
            result.map(|answered| answered.then_some(&*out)),
        );
    }
    match result {
        Ok(true) => success(id(document), out),
        Ok(false) => return false,
        Err(error) => failure(id(document), &error, out),
    }
    if delimits {
        out.put_in_front(DELIMITER);
    }
    true
}

fn success(id: Option<(&Document, NodeId)>, out: &mut Writer) {
    write_id(id, out);
    out.end_object();
    out.end_message();
}

fn id(document: &Document) -> Option<(&Document, NodeId)> {
    document.get(document.root(), "id").map(|id| (document, id))
}

impl<'d> Request<'d> {
    /// The call of its handler, whose result goes to `out`.
    pub(crate) fn call<'c>(&self, document: &'c Document, out: &'c mut Writer) -> Call<'c> {
        Call::new(document, self.arguments, out)
    }

    fn check(document: &'d Document, oob: bool) -> Result<Self, QmpError> {
        Request::quickly(document, oob).map_or_else(|| Request::thoroughly(document, oob), Ok)
    }

    /// Reads an envelope without any fault; order matters to faults alone.
    fn quickly(document: &'d Document, oob: bool) -> Option<Self> {
        let mut command = None;
        let mut arguments = None;
        for (key, value) in document.members(document.root()) {
            if document.str_is(key, "arguments") && document.kind(value) == Kind::Object {
                arguments = Some(value);
            } else if document.str_is(key, "execute") || (oob && document.str_is(key, "exec-oob")) {
                let text = document.str(value).filter(|_| command.is_none())?;
                command = Some((text, document.str_is(key, "exec-oob")));
            } else if !document.str_is(key, "id") {
                return None;
            }
        }
        let (command, out_of_band) = command?;
        Some(Request {
            command,
            arguments,
            out_of_band,
        })
    }

    /// Finds the fault that QEMU tells of.
    fn thoroughly(document: &'d Document, oob: bool) -> Result<Self, QmpError> {
        let root = document.root();
        if document.kind(root) != Kind::Object {
            return Err(QmpError::generic("QMP input must be a JSON object"));
        }
        let mut command: Option<(Cow<'d, str>, bool)> = None;
        let mut arguments = None;
        for (key, value) in order::dictionary(document, root) {
            let name = document.str(key).unwrap_or_default();
            let fault = |what: &str| {
                Err(QmpError::generic(format!(
                    "QMP input member '{name}' {what}"
                )))
            };
            match &*name {
                "execute" | "exec-oob" if oob || name == "execute" => {
                    let Some(text) = document.str(value) else {
                        return fault("must be a string");
                    };
                    if command.replace((text, name == "exec-oob")).is_some() {
                        let other = if name == "execute" {
                            "exec-oob"
                        } else {
                            "execute"
                        };
                        return fault(&format!("clashes with '{other}'"));
                    }
                }
                "arguments" if document.kind(value) != Kind::Object => {
                    return fault("must be an object");
                }
                "arguments" => arguments = Some(value),
                "id" => {}
                _ => return fault("is unexpected"),
            }
        }
        let (command, out_of_band) =
            command.ok_or_else(|| QmpError::generic("QMP input lacks member 'execute'"))?;
        Ok(Request {
            command,
            arguments,
            out_of_band,
        })
    }
}

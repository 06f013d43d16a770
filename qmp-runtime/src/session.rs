//! A session: negotiation, the envelope of requests, replies. No I/O and no clock.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use crate::codec::{Decoder, Json, Member, Shape, Slots, SlotsMut, View};
use crate::command::{Call, Command, CommandInfo};
use crate::context::{Context, MonitorId};
use crate::error::{ErrorClass, QmpError};
use crate::events::{EventSink, line};
use crate::json::{Document, Item, Kind, NodeId, Stream, Style, Writer};
use crate::router::{Dispatcher, Router};

/// The version that a server greets with.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Version {
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Micro number.
    pub micro: u32,
    /// What the packager adds.
    pub package: String,
}

/// What a client has negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Negotiated {
    /// `qmp_capabilities` has succeeded.
    pub(crate) done: bool,
    /// With out-of-band commands.
    pub(crate) oob: bool,
}

/// The greeting.
pub(crate) fn greeting(version: &Version, style: Style) -> Vec<u8> {
    let mut out = Writer::new(style);
    out.begin_object();
    out.key("QMP");
    out.begin_object();
    out.key("version");
    out.begin_object();
    out.key("qemu");
    out.begin_object();
    for (key, number) in [
        ("micro", version.micro),
        ("minor", version.minor),
        ("major", version.major),
    ] {
        out.key(key);
        out.u64(number.into());
    }
    out.end_object();
    out.key("package");
    out.str(&version.package);
    out.end_object();
    out.key("capabilities");
    out.begin_array();
    out.element();
    out.str("oob");
    out.end_array();
    out.end_object();
    out.end_object();
    line(out)
}

/// Whether a message is to run at once, ahead of what waits.
pub(crate) fn is_out_of_band(item: &Item) -> bool {
    match item {
        Item::Message(document) => {
            let root = document.root();
            document.get(root, "exec-oob").is_some() && document.get(root, "execute").is_none()
        }
        Item::Error(_) => false,
    }
}

/// Answers one item of the stream; nothing for a command whose success is not answered.
pub(crate) fn answer(
    item: &Item,
    negotiated: &mut Negotiated,
    dispatcher: &Dispatcher,
    cx: &mut Context<'_>,
    style: Style,
) -> Option<Vec<u8>> {
    let document = match item {
        Item::Message(document) => document,
        Item::Error(error) => {
            return Some(failure(None, &QmpError::generic(error.as_str()), style));
        }
    };
    let id = document.get(document.root(), "id").map(|id| (document, id));
    let mut out = Writer::new(style);
    out.begin_object();
    out.key("return");
    let result = Request::check(document, negotiated.oob)
        .and_then(|request| request.run(document, negotiated, dispatcher, cx, &mut out));
    match result {
        Ok(true) => {
            write_id(id, &mut out);
            out.end_object();
            Some(line(out))
        }
        Ok(false) => None,
        Err(error) => Some(failure(id, &error, style)),
    }
}

fn failure(id: Option<(&Document, NodeId)>, error: &QmpError, style: Style) -> Vec<u8> {
    let mut out = Writer::new(style);
    out.begin_object();
    write_id(id, &mut out);
    out.key("error");
    out.begin_object();
    out.key("class");
    out.str(error.class().as_str());
    out.key("desc");
    out.str(error.desc());
    out.end_object();
    out.end_object();
    line(out)
}

fn write_id(id: Option<(&Document, NodeId)>, out: &mut Writer) {
    if let Some((document, id)) = id {
        out.key("id");
        out.node(document, id);
    }
}

/// A request with a sound envelope.
struct Request {
    command: String,
    arguments: Option<NodeId>,
    out_of_band: bool,
}

impl Request {
    fn check(document: &Document, oob: bool) -> Result<Request, QmpError> {
        let root = document.root();
        if document.kind(root) != Kind::Object {
            return Err(QmpError::generic("QMP input must be a JSON object"));
        }
        let mut command: Option<(String, bool)> = None;
        let mut arguments = None;
        for (name, value) in walk(document, root) {
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
                    if command
                        .replace((text.into_owned(), name == "exec-oob"))
                        .is_some()
                    {
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

    fn run(
        &self,
        document: &Document,
        negotiated: &mut Negotiated,
        dispatcher: &Dispatcher,
        cx: &mut Context<'_>,
        out: &mut Writer,
    ) -> Result<bool, QmpError> {
        let call = Call::new(document, self.arguments, out);
        if self.command == Capabilities::INFO.name && !self.out_of_band {
            call.run(|capabilities| negotiate(negotiated, &capabilities))?;
            return Ok(true);
        }
        if !negotiated.done {
            return Err(QmpError::new(
                ErrorClass::COMMAND_NOT_FOUND,
                "Expecting capabilities negotiation with 'qmp_capabilities'",
            ));
        }
        cx.out_of_band = self.out_of_band;
        // A handler's panic costs its own command, not the machine.
        catch_unwind(AssertUnwindSafe(|| {
            dispatcher.call(&self.command, cx, call)
        }))
        .unwrap_or_else(|_| {
            Err(QmpError::generic(format!(
                "The command {} failed internally",
                self.command
            )))
        })
    }
}

fn negotiate(negotiated: &mut Negotiated, capabilities: &Capabilities) -> Result<(), QmpError> {
    if negotiated.done {
        return Err(QmpError::new(
            ErrorClass::COMMAND_NOT_FOUND,
            "Capabilities negotiation is already complete, command ignored",
        ));
    }
    let oob = capabilities
        .enable
        .as_ref()
        .is_some_and(|enable| !enable.is_empty());
    *negotiated = Negotiated { done: true, oob };
    Ok(())
}

/// The members of a request in the order in which QEMU checks them, which is that of its hash table:
/// 512 buckets, the member that came last first in each.
fn walk(document: &Document, object: NodeId) -> Vec<(std::borrow::Cow<'_, str>, NodeId)> {
    let mut members: Vec<_> = document
        .members(object)
        .map(|(key, value)| (document.str(key).unwrap_or_default(), value))
        .collect();
    members.reverse();
    members.sort_by_key(|(name, _)| bucket(name));
    members
}

/// The bucket of a key: the hash of the TDB database, as QEMU's dictionaries use it.
fn bucket(key: &str) -> u32 {
    let seed = 0x238F_13AF_u32.wrapping_mul(key.len() as u32);
    let shifts = (0..).map(|index: usize| index * 5 % 24);
    let mixed = key.bytes().zip(shifts).fold(seed, |value, (byte, shift)| {
        value.wrapping_add(u32::from(byte) << shift)
    });
    mixed.wrapping_mul(1_103_515_243).wrapping_add(12345) % 512
}

/// The arguments of `qmp_capabilities`, which the protocol itself answers.
#[derive(Debug, Default)]
struct Capabilities {
    enable: Option<Vec<Oob>>,
}

/// The one capability there is.
#[derive(Debug, Clone, Copy)]
struct Oob;

impl Json for Oob {
    fn blank() -> Self {
        Oob
    }

    fn decode_value(&mut self, decoder: &mut Decoder<'_>, at: NodeId) -> Result<(), QmpError> {
        decoder.value(at, &["oob"], &[]).map(drop)
    }

    fn view(&self) -> View<'_> {
        View::Str("oob".into())
    }
}

static CAPABILITIES: Shape = Shape::new(&[Member::new("enable")]);

impl Json for Capabilities {
    fn blank() -> Self {
        Capabilities::default()
    }

    fn slots_mut(&mut self, visit: SlotsMut<'_>) -> Result<(), QmpError> {
        visit(&CAPABILITIES, &mut [&mut self.enable])
    }

    fn slots(&self, visit: Slots<'_>) {
        visit(&CAPABILITIES, &[&self.enable]);
    }
}

impl Command for Capabilities {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("qmp_capabilities");
}

/// A whole conversation without transport, threads and events: what a client gets for its bytes.
pub(crate) fn converse(router: Router, mut input: &[u8]) -> Vec<u8> {
    let dispatcher = Dispatcher::new(router);
    let (events, fds) = (EventSink::new(), Mutex::default());
    let mut negotiated = Negotiated::default();
    let mut stream = Stream::new();
    let mut output = greeting(&Version::default(), Style::Line);
    while let Some(item) = stream.next_item(&mut input) {
        let mut cx = Context {
            events: &events,
            catalog: &dispatcher.catalog,
            monitor: MonitorId(0),
            out_of_band: false,
            fds: &fds,
            quit: false,
        };
        output.extend(
            answer(&item, &mut negotiated, &dispatcher, &mut cx, Style::Line)
                .into_iter()
                .flatten(),
        );
    }
    output
}

#[cfg(test)]
mod tests {
    use super::bucket;

    /// QEMU says "'execute' clashes with 'exec-oob'", so it meets `exec-oob` first.
    #[test]
    fn bucket_of_exec_oob_comes_before_execute() {
        assert!(bucket("exec-oob") < bucket("execute"));
    }
}

//! Commands and events as types, and the table entries that call handlers.

use std::fmt;

use crate::codec::{AnyJson, Decoder, Json, Unknown, decode, decode_members};
use crate::context::Context;
use crate::error::QmpError;
use crate::json::{Document, NodeId, Writer};
use crate::policy::CompatPolicy;
use crate::trace;

/// What a schema says of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the schema language has these flags"
)]
pub struct CommandInfo {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether success is answered (`success-response`).
    pub success_response: bool,
    /// Whether it may run out of band (`allow-oob`).
    pub allow_oob: bool,
    /// Whether it may run before the machine is initialised (`allow-preconfig`).
    pub allow_preconfig: bool,
    /// Whether its handler may yield (`coroutine`).
    pub coroutine: bool,
    /// Its features.
    pub features: &'static [&'static str],
}

impl CommandInfo {
    /// A command without flags.
    pub const fn new(name: &'static str) -> Self {
        CommandInfo {
            name,
            success_response: true,
            allow_oob: false,
            allow_preconfig: false,
            coroutine: false,
            features: &[],
        }
    }

    /// Success is not answered.
    pub const fn no_success_response(self) -> Self {
        CommandInfo {
            success_response: false,
            ..self
        }
    }

    /// It may run out of band.
    pub const fn allow_oob(self) -> Self {
        CommandInfo {
            allow_oob: true,
            ..self
        }
    }

    /// It may run before the machine is initialised.
    pub const fn allow_preconfig(self) -> Self {
        CommandInfo {
            allow_preconfig: true,
            ..self
        }
    }

    /// Its handler may yield.
    pub const fn coroutine(self) -> Self {
        CommandInfo {
            coroutine: true,
            ..self
        }
    }

    /// It has features.
    pub const fn features(self, features: &'static [&'static str]) -> Self {
        CommandInfo { features, ..self }
    }
}

/// The arguments of a command.
pub trait Command: Json {
    /// What it returns; `()` for an empty object.
    type Return: Json;
    /// Name and flags.
    const INFO: CommandInfo;
}

/// The arguments of a command that may run out of band.
///
/// Any other is refused by the compiler:
///
/// ```compile_fail
/// # use qmp_runtime::{Command, CommandInfo, client::Request, record};
/// struct Stop {}
/// record!(Stop, []);
/// impl Command for Stop {
///     type Return = ();
///     const INFO: CommandInfo = CommandInfo::new("stop");
/// }
/// Request::out_of_band(&Stop {});
/// ```
#[diagnostic::on_unimplemented(
    message = "the command `{Self}` cannot run out of band",
    note = "the schema marks commands that can with 'allow-oob'"
)]
pub trait OobCommand: Command {}

/// What a schema says of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventInfo {
    /// The name on the wire.
    pub name: &'static str,
    /// Whether it carries data.
    pub has_data: bool,
    /// Its features.
    pub features: &'static [&'static str],
}

impl EventInfo {
    /// An event without data.
    pub const fn new(name: &'static str) -> Self {
        EventInfo {
            name,
            has_data: false,
            features: &[],
        }
    }

    /// It carries data.
    pub const fn data(self) -> Self {
        EventInfo {
            has_data: true,
            ..self
        }
    }

    /// It has features.
    pub const fn features(self, features: &'static [&'static str]) -> Self {
        EventInfo { features, ..self }
    }
}

/// The data of an event.
pub trait Event: Json {
    /// Name and features.
    const INFO: EventInfo;
}

/// One command that a handler of type `H` implements.
pub struct Entry<H> {
    pub(crate) info: CommandInfo,
    pub(crate) call: fn(&mut H, &mut Context<'_>, Call<'_>) -> Result<(), QmpError>,
}

impl<H> Entry<H> {
    /// What the schema says of the command.
    pub const fn info(&self) -> CommandInfo {
        self.info
    }

    /// The entry of the command `C`; `call` is expected to end in [`Call::run`].
    pub const fn new<C: Command>(
        call: fn(&mut H, &mut Context<'_>, Call<'_>) -> Result<(), QmpError>,
    ) -> Self {
        Entry {
            info: C::INFO,
            call,
        }
    }
}

impl<H> fmt::Debug for Entry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// One command that a handler of type `H` implements out of band, beside a running command.
pub struct OobEntry<H> {
    pub(crate) info: CommandInfo,
    pub(crate) call: fn(&H, &mut Context<'_>, Call<'_>) -> Result<(), QmpError>,
}

impl<H> OobEntry<H> {
    /// The entry of the command `C`; `call` is expected to end in [`Call::run`].
    pub const fn new<C: Command>(
        call: fn(&H, &mut Context<'_>, Call<'_>) -> Result<(), QmpError>,
    ) -> Self {
        OobEntry {
            info: C::INFO,
            call,
        }
    }
}

impl<H> fmt::Debug for OobEntry<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OobEntry")
            .field("info", &self.info)
            .finish_non_exhaustive()
    }
}

/// A request on its way to a handler, with the place for the answer.
#[derive(Debug)]
pub struct Call<'c> {
    document: &'c Document,
    arguments: Option<NodeId>,
    out: &'c mut Writer,
    policy: CompatPolicy,
}

impl<'c> Call<'c> {
    pub(crate) fn new(
        document: &'c Document,
        arguments: Option<NodeId>,
        out: &'c mut Writer,
    ) -> Self {
        Call {
            document,
            arguments,
            out,
            policy: CompatPolicy::default(),
        }
    }

    /// With a policy for what is deprecated or unstable in the arguments and the result.
    pub(crate) fn with_policy(self, policy: CompatPolicy) -> Self {
        self.out.policy = policy;
        Call { policy, ..self }
    }

    /// Decodes the arguments, runs the handler, encodes what it returns.
    ///
    /// # Errors
    /// The arguments are not those of `C`, or the handler fails.
    pub fn run<C: Command>(
        mut self,
        handler: impl FnOnce(C) -> Result<C::Return, QmpError>,
    ) -> Result<(), QmpError> {
        let mut arguments = C::blank();
        self.decode(&mut arguments)?;
        let result = handler(arguments)?;
        result.encode(self.out);
        Ok(())
    }

    /// Answers a command without arguments by whatever `write` writes.
    pub(crate) fn raw(mut self, write: impl FnOnce(&mut Writer)) -> Result<(), QmpError> {
        self.decode(&mut ())?;
        write(self.out);
        Ok(())
    }

    /// The place for the answer.
    pub(crate) fn into_out(self) -> &'c mut Writer {
        self.out
    }

    pub(crate) fn decode(&mut self, arguments: &mut dyn AnyJson) -> Result<(), QmpError> {
        let mut decoder = Decoder::new(self.document, Unknown::Refuse).with_policy(self.policy);
        match self.arguments {
            Some(at) => decode(arguments, &mut decoder, at),
            None => decode_members(arguments, &mut decoder, &mut Decoder::no_object()),
        }?;
        trace::enter(self.document, self.arguments);
        self.out.is_entered = true;
        Ok(())
    }
}

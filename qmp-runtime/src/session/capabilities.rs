//! `qmp_capabilities`, which the protocol itself answers.
#![expect(unsafe_code, reason = "the table of a record, see `codec/table.rs`")]

use super::Negotiated;
use crate::codec::{Decoder, Json, View};
use crate::command::{Command, CommandInfo};
use crate::error::{ErrorClass, QmpError};
use crate::json::NodeId;

/// The arguments.
#[derive(Default)]
pub(super) struct Capabilities {
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

crate::record!(Capabilities, [("enable", enable)]);

impl Command for Capabilities {
    type Return = ();
    const INFO: CommandInfo = CommandInfo::new("qmp_capabilities");
}

impl Capabilities {
    /// Ends the negotiation.
    pub(super) fn negotiate(&self, negotiated: &mut Negotiated) -> Result<(), QmpError> {
        if negotiated.done {
            return Err(QmpError::new(
                ErrorClass::COMMAND_NOT_FOUND,
                "Capabilities negotiation is already complete, command ignored",
            ));
        }
        let oob = self
            .enable
            .as_ref()
            .is_some_and(|enable| !enable.is_empty());
        negotiated.done = true;
        negotiated.oob = oob;
        Ok(())
    }
}

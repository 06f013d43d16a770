//! `trace.json`: trace events on and off.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{TraceEventInfo, TraceEventState};
use qmp_types::qmp::{TraceCommands, commands};

use super::Vmm;
use crate::trace::{self, UnknownTraceEvent};

#[handlers]
impl TraceCommands for Vmm {
    fn trace_event_get_state(
        &mut self,
        _: &mut Context<'_>,
        args: commands::TraceEventGetState,
    ) -> Result<Vec<TraceEventInfo>, QmpError> {
        let states = trace::states(&args.name)
            .map_err(|error| unknown(&error))?
            .into_iter();
        let info = states.map(|(name, on)| {
            let state = match on {
                true => TraceEventState::Enabled,
                false => TraceEventState::Disabled,
            };
            TraceEventInfo::new(name, state)
        });
        Ok(info.collect())
    }

    fn trace_event_set_state(
        &mut self,
        _: &mut Context<'_>,
        args: commands::TraceEventSetState,
    ) -> Result<(), QmpError> {
        // All that there are are built in: none is unavailable.
        trace::switch(&args.name, args.enable).map_err(|error| unknown(&error))
    }
}

fn unknown(error: &UnknownTraceEvent) -> QmpError {
    QmpError::generic(error.to_string())
}

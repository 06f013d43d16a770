//! What listens to the protocol's trace points.

use std::fmt::{self, Write};
use std::sync::atomic::Ordering;

use qmp_runtime::trace::{ENTER, EXIT};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata};

use super::{traces, write};

/// Listens from now on, unless the process has a subscriber of its own.
pub(super) fn install() {
    let _ = tracing::subscriber::set_global_default(Subscriber);
}

/// Asks [`Subscriber`] once more what it wants to hear.
pub(super) fn listen_anew() {
    tracing::callsite::rebuild_interest_cache();
}

#[derive(Debug)]
struct Subscriber;

impl tracing::Subscriber for Subscriber {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let is_command = [ENTER, EXIT].contains(&metadata.target());
        is_command && traces().any.load(Ordering::Relaxed)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match traces().any.load(Ordering::Relaxed) {
            true => LevelFilter::TRACE,
            false => LevelFilter::OFF,
        })
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Fields {
            command,
            arguments,
            result,
            success,
        } = &fields;
        match event.metadata().target() {
            ENTER => write("enter", command, format_args!("{arguments}")),
            EXIT => write(
                "exit",
                command,
                format_args!("{result} {}", u8::from(*success)),
            ),
            _ => {}
        }
    }

    // The trace points have no spans.

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What a trace point tells.
#[derive(Debug, Default)]
struct Fields {
    command: String,
    arguments: String,
    result: String,
    success: bool,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "command" => value.clone_into(&mut self.command),
            "arguments" => value.clone_into(&mut self.arguments),
            "result" => value.clone_into(&mut self.result),
            _ => {}
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "success" {
            self.success = value;
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = write!(text, "{value:?}");
        self.record_str(field, &text);
    }
}

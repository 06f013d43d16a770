//! Several back ends for one front end: each gets all output, and the input of each comes in.

use std::io;
use std::sync::Arc;

use super::registry::{Frontend, Registry};
use super::{Backend, CharError, InputSink};

/// As many back ends as with QEMU.
const MAX_BACKENDS: usize = 4;

/// The back ends of a hub.
#[derive(Debug)]
pub(super) struct Hub(Vec<Frontend>);

impl Hub {
    /// A hub on devices that nobody else uses.
    pub(super) fn new(
        registry: &Registry,
        label: &str,
        chardevs: &[String],
    ) -> Result<Self, CharError> {
        let fail = |text: String| Err(CharError::Other(format!("hub: {text}")));
        if chardevs.is_empty() {
            return fail("'chardevs' list is not defined".to_owned());
        }
        let mut held = Vec::new();
        for name in chardevs {
            if held.len() == MAX_BACKENDS {
                return fail(format!(
                    "too many uses of chardevs '{label}' (maximum is {MAX_BACKENDS})"
                ));
            }
            let Some(chardev) = registry.get(name) else {
                return fail(format!("chardev can't be found by id '{name}'"));
            };
            if chardev.is_combined() {
                return fail(format!(
                    "multiplexers and hub devices can't be stacked, check chardev '{name}', \
                     chardev should not be a hub device or have 'mux=on' enabled"
                ));
            }
            let frontend = registry.open_base(name)?;
            frontend.set_open(false);
            frontend.forbid_change();
            held.push(frontend);
        }
        Ok(Self(held))
    }
}

impl Backend for Hub {
    fn kind(&self) -> &'static str {
        "hub"
    }

    /// An end that is broken does not keep the others from what is written.
    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let results = self.0.iter().map(|end| end.chardev().write(bytes));
        results.fold(Ok(()), Result::and)
    }

    fn connect(&self, input: Option<InputSink>) {
        for end in &self.0 {
            end.set_open(input.is_some());
            if let Some(sink) = &input {
                end.accept_with_clients(Arc::clone(sink));
            } else {
                end.chardev().backend().connect(None);
            }
        }
    }

    fn flush(&self) {
        for end in &self.0 {
            end.chardev().backend().flush();
        }
    }
}

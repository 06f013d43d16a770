//! The thread that does what guests ask of the whole machine.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use super::MachineError;
use super::lifecycle::Lifecycle;
use crate::devices::GuestRequest;

/// What the control thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A CPU made a request and waits for it to be dealt with.
    Guest {
        cpu: u32,
        /// The CPU's count of resets when it asked.
        life: u64,
        request: GuestRequest,
    },
    /// End the thread.
    End,
}

/// Starts the thread.
pub(super) fn spawn(
    machine: Arc<Lifecycle>,
    messages: Receiver<Message>,
) -> Result<JoinHandle<()>, MachineError> {
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            for message in messages {
                match message {
                    Message::Guest { cpu, life, request } => {
                        machine.guest_request(cpu, life, request);
                    }
                    Message::End => return,
                }
            }
        })
        .map_err(|error| MachineError::Host {
            what: "a control thread",
            error,
        })
}

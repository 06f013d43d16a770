//! The guest's serial console: lines are shown, and can be waited for.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use vmm_core::char::Backend;

use crate::conversation;

/// How long to wait for a line.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the guest has printed.
#[derive(Debug, Default)]
pub(crate) struct Console {
    text: Mutex<Text>,
    printed: Condvar,
}

#[derive(Debug, Default)]
struct Text {
    lines: Vec<String>,
    unfinished: Vec<u8>,
}

impl Console {
    /// Waits for a line that contains `wanted`.
    pub(crate) fn wait_for(&self, wanted: &str) -> anyhow::Result<()> {
        let text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let missing = |text: &mut Text| !text.lines.iter().any(|line| line.contains(wanted));
        let waited = self.printed.wait_timeout_while(text, PATIENCE, missing);
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        anyhow::ensure!(
            !timed_out,
            "the guest has not printed '{wanted}' within {PATIENCE:?}"
        );
        Ok(())
    }
}

impl Backend for Console {
    fn kind(&self) -> &'static str {
        "console"
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let mut text = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = std::mem::take(&mut text.unfinished);
                    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
                    conversation::guest(&line);
                    text.lines.push(line);
                }
                _ => text.unfinished.push(byte),
            }
        }
        self.printed.notify_all();
        Ok(())
    }
}

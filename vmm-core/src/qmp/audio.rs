//! `audio.json`: where sound goes to.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::Audiodev;
use qmp_types::qmp::{AudioCommands, commands};

use super::Vmm;

#[handlers]
impl AudioCommands for Vmm {
    fn query_audiodevs(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryAudiodevs,
    ) -> Result<Vec<Audiodev>, QmpError> {
        Ok(self.audiodevs.iter().rev().cloned().collect())
    }
}

//! `misc-target.json`: what only some targets have.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::{MiscTargetCommands, commands};

use super::Vmm;

#[handlers]
impl MiscTargetCommands for Vmm {
    fn rtc_reset_reinjection(
        &mut self,
        _: &mut Context<'_>,
        _: commands::RtcResetReinjection,
    ) -> Result<(), QmpError> {
        Ok(self.machine.reset_rtc_reinjection()?)
    }
}

//! `acpi.json`: what the guest's operating system says about its hardware.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{AcpiSlotType, AcpiostInfo};
use qmp_types::qmp::{AcpiCommands, commands};

use super::Vmm;
use crate::devices::Place;
use crate::machine::OspmStatus;

#[handlers]
impl AcpiCommands for Vmm {
    fn query_acpi_ospm_status(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryAcpiOspmStatus,
    ) -> Result<Vec<AcpiostInfo>, QmpError> {
        let status = self.machine.ospm_status()?;
        Ok(status.iter().map(ospm_status).collect())
    }
}

pub(super) fn ospm_status(status: &OspmStatus) -> AcpiostInfo {
    let (slot_type, slot) = match status.place {
        Place::Cpu(index) => (AcpiSlotType::Cpu, index),
        Place::Memory(slot) => (AcpiSlotType::Dimm, slot),
    };
    AcpiostInfo {
        device: status.device.clone(),
        slot: slot.to_string(),
        slot_type,
        source: status.report.event.into(),
        status: status.report.status.into(),
    }
}

//! `misc-target.json`: what only some targets have. Guests that are encrypted, or have enclaves, are not made here.

use std::fs::{File, read_to_string};

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    SevAttestationReport, SevCapability, SevGuestInfo, SevInfo, SevInfoSevType,
    SevLaunchMeasureInfo, SevState, SgxInfo,
};
use qmp_types::qmp::{MiscTargetCommands, commands};

use super::Vmm;
use super::machine::os_text;

#[handlers]
impl MiscTargetCommands for Vmm {
    fn rtc_reset_reinjection(
        &mut self,
        _: &mut Context<'_>,
        _: commands::RtcResetReinjection,
    ) -> Result<(), QmpError> {
        Ok(self.machine.reset_rtc_reinjection()?)
    }

    fn query_sev(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySev,
    ) -> Result<SevInfo, QmpError> {
        let none = SevInfoSevType::Sev(SevGuestInfo::new(0, 0));
        Ok(SevInfo::new(false, 0, 0, 0, SevState::Uninit, none))
    }

    fn query_sev_capabilities(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySevCapabilities,
    ) -> Result<SevCapability, QmpError> {
        Err(QmpError::generic(
            match (self.machine.accel().kvm_enabled, host_has_sev()) {
                (false, _) => "KVM not enabled",
                (true, false) => "SEV is not enabled in KVM",
                (true, true) => "SEV is not supported",
            },
        ))
    }

    fn query_sev_launch_measure(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySevLaunchMeasure,
    ) -> Result<SevLaunchMeasureInfo, QmpError> {
        Err(QmpError::generic("SEV launch measurement is not available"))
    }

    fn query_sev_attestation_report(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySevAttestationReport,
    ) -> Result<SevAttestationReport, QmpError> {
        Err(QmpError::generic("SEV is not enabled"))
    }

    fn sev_inject_launch_secret(
        &mut self,
        _: &mut Context<'_>,
        _: commands::SevInjectLaunchSecret,
    ) -> Result<(), QmpError> {
        Err(QmpError::generic("SEV not enabled for guest"))
    }

    fn query_sgx(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySgx,
    ) -> Result<SgxInfo, QmpError> {
        Err(QmpError::generic("SGX is only supported on PC machines"))
    }

    fn query_sgx_capabilities(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QuerySgxCapabilities,
    ) -> Result<SgxInfo, QmpError> {
        const MEMORY: &str = "/dev/sgx_vepc";
        Err(QmpError::generic(
            match File::options().read(true).write(true).open(MEMORY) {
                Ok(_) => "SGX is not supported".to_owned(),
                Err(error) => format!("Could not open '{MEMORY}': {}", os_text(&error)),
            },
        ))
    }
}

/// Whether the host's KVM could encrypt a guest.
fn host_has_sev() -> bool {
    let parameter = read_to_string("/sys/module/kvm_amd/parameters/sev");
    parameter.is_ok_and(|text| matches!(text.trim(), "1" | "Y"))
}

//! `tpm.json`: TPMs, of which this machine has none.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{TpmInfo, TpmModel, TpmType};
use qmp_types::qmp::{TpmCommands, commands};

use super::Vmm;
use crate::qom::registry;

#[handlers]
impl TpmCommands for Vmm {
    fn query_tpm(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryTpm,
    ) -> Result<Vec<TpmInfo>, QmpError> {
        Ok(Vec::new())
    }

    fn query_tpm_models(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryTpmModels,
    ) -> Result<Vec<TpmModel>, QmpError> {
        let all = [(TpmModel::TpmTis, "tpm-tis"), (TpmModel::TpmCrb, "tpm-crb")];
        Ok(known(all))
    }

    fn query_tpm_types(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryTpmTypes,
    ) -> Result<Vec<TpmType>, QmpError> {
        let all = [
            (TpmType::Passthrough, "tpm-passthrough"),
            (TpmType::Emulator, "tpm-emulator"),
        ];
        Ok(known(all))
    }
}

/// Those whose type this program has.
fn known<T>(all: [(T, &str); 2]) -> Vec<T> {
    let known = all
        .into_iter()
        .filter(|(_, name)| registry::find(name).is_some());
    known.map(|(value, _)| value).collect()
}

//! `net.json`: networks, of which this machine has none yet.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::RxFilterInfo;
use qmp_types::qmp::{NetCommands, commands};

use super::Vmm;

#[handlers]
impl NetCommands for Vmm {
    fn set_link(&mut self, _: &mut Context<'_>, args: commands::SetLink) -> Result<(), QmpError> {
        Err(QmpError::device_not_found(&args.name))
    }

    fn netdev_del(
        &mut self,
        _: &mut Context<'_>,
        args: commands::NetdevDel,
    ) -> Result<(), QmpError> {
        Err(QmpError::device_not_found(&args.id))
    }

    fn query_rx_filter(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryRxFilter,
    ) -> Result<Vec<RxFilterInfo>, QmpError> {
        match args.name {
            None => Ok(Vec::new()),
            Some(name) => Err(QmpError::generic(format!(
                "invalid net client name: {name}"
            ))),
        }
    }
}

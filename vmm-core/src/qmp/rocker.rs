//! `rocker.json`: a switch for experiments, which no machine here has.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{RockerOfDpaFlow, RockerOfDpaGroup, RockerPort, RockerSwitch};
use qmp_types::qmp::{RockerCommands, commands};

use super::Vmm;

#[handlers]
impl RockerCommands for Vmm {
    fn query_rocker(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryRocker,
    ) -> Result<RockerSwitch, QmpError> {
        Err(no_switch(&args.name))
    }

    fn query_rocker_ports(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryRockerPorts,
    ) -> Result<Vec<RockerPort>, QmpError> {
        Err(no_switch(&args.name))
    }

    fn query_rocker_of_dpa_flows(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryRockerOfDpaFlows,
    ) -> Result<Vec<RockerOfDpaFlow>, QmpError> {
        Err(no_switch(&args.name))
    }

    fn query_rocker_of_dpa_groups(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryRockerOfDpaGroups,
    ) -> Result<Vec<RockerOfDpaGroup>, QmpError> {
        Err(no_switch(&args.name))
    }
}

fn no_switch(name: &str) -> QmpError {
    QmpError::generic(format!("rocker {name} not found"))
}

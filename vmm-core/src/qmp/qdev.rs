//! `qdev.json`: devices that come and go.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::ObjectPropertyInfo;
use qmp_types::qmp::{QdevCommands, commands};

use super::Vmm;
use super::qom::device_property_info;
use crate::qom::{QomError, Spec, registry};

#[handlers]
impl QdevCommands for Vmm {
    fn device_list_properties(
        &mut self,
        _: &mut Context<'_>,
        args: commands::DeviceListProperties,
    ) -> Result<Vec<ObjectPropertyInfo>, QmpError> {
        let known = registry::find(&args.typename);
        let known = known.ok_or(QomError::NoObject(args.typename))?;
        let properties = known.device_properties()?;
        Ok(properties.into_iter().map(device_property_info).collect())
    }

    fn device_add(
        &mut self,
        _: &mut Context<'_>,
        args: commands::DeviceAdd,
    ) -> Result<(), QmpError> {
        Ok(self
            .machine
            .device_add(Spec::from_json(args.0, "driver")?)?)
    }

    fn device_del(
        &mut self,
        _: &mut Context<'_>,
        args: commands::DeviceDel,
    ) -> Result<(), QmpError> {
        Ok(self.machine.device_del(&args.id)?)
    }
}

//! Objects, devices and disks, and what holds for all devices of a type.

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Map, Value};

use super::apply::{Builder, Taken};
use super::params::Params;
use super::{UsageError, block, lists, tls};
use crate::machine::Global;
use crate::qom::{Given, Spec, Wording};

impl Builder {
    pub(super) fn object_option(&mut self, name: &str, value: &str) -> Result<Taken, UsageError> {
        let machine = &mut self.options.machine;
        match name {
            "device" | "object" | "chardev" if lists::is_wanted(value) => {
                return Ok(Taken::Answer(lists::of(name, value)?));
            }
            "object" => self.object(value)?,
            "device" => machine.devices.push(spec(value, "driver")?),
            "blockdev" => machine.nodes.push(block::blockdev(value)?),
            "drive" => {
                let drive = block::drive(value, machine.drives.len())?;
                machine.drives.push(drive);
            }
            "global" => machine.globals.extend(global(value)?),
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    fn object(&mut self, value: &str) -> Result<(), UsageError> {
        let object = spec(value, "qom-type")?;
        match &*object.type_name {
            "tls-creds-x509" => self.credentials.push(tls::parse(object)?),
            _ => self.options.machine.objects.push(object),
        }
        Ok(())
    }

    /// Once all devices are known.
    pub(super) fn check_globals(&self) -> Result<(), UsageError> {
        let machine = &self.options.machine;
        for global in &machine.globals {
            let checked = global.check(&machine.devices);
            checked.map_err(|error| UsageError::new(format!("-global: {error}")))?;
        }
        Ok(())
    }

    /// What `-mem-prealloc` means for memory that is an object.
    pub(super) fn provide_memory(&mut self) {
        let machine = &mut self.options.machine;
        if !machine.mem_prealloc {
            return;
        }
        let objects = machine.objects.iter_mut();
        for object in objects.filter(|object| object.type_name.starts_with("memory-backend-")) {
            let known = object.properties.iter();
            if !known.clone().any(|(name, _)| name == "prealloc") {
                let on = ("prealloc".to_owned(), Given::Json(true.into()));
                object.properties.push(on);
            }
        }
    }
}

/// `DRIVER.PROPERTY=VALUE`, or each of them by name; nothing where the board is like that anyhow.
fn global(value: &str) -> Result<Option<Global>, UsageError> {
    let global = match short_global(value) {
        Some(global) => global,
        None => {
            let mut params = Params::parse(value, None);
            let mut required = |key: &str| {
                let value = params.take(key);
                value.ok_or_else(|| UsageError::new(format!("needs {key}=…")))
            };
            let global = Global {
                driver: required("driver")?,
                property: required("property")?,
                value: required("value")?,
            };
            params.finish()?;
            global
        }
    };
    if (&*global.driver, &*global.property) == ("virtio-mmio", "force-legacy") {
        return match &*global.value {
            "off" | "no" | "false" | "n" => Ok(None),
            _ => Err(UsageError::new(
                "virtio-mmio.force-legacy: there are modern devices alone; say off",
            )),
        };
    }
    Ok(Some(global))
}

fn short_global(value: &str) -> Option<Global> {
    let (driver, rest) = value.split_once('.')?;
    let (property, value) = rest.split_once('=')?;
    let is_short = !driver.contains(['=', ',']);
    is_short.then(|| Global {
        driver: driver.to_owned(),
        property: property.to_owned(),
        value: value.to_owned(),
    })
}

/// Reads what `-device` and `-object` take: `TYPE,key=value` or JSON.
pub(crate) fn spec(value: &str, type_key: &str) -> Result<Spec, UsageError> {
    if value.starts_with('{') {
        let members: Map<String, Value> = codec::from_str(value, Unknown::Refuse)
            .map_err(|error| UsageError::new(error.desc().to_owned()))?;
        let spec = Spec::from_json(members, type_key);
        return spec.map_err(|error| UsageError::new(error.to_string()));
    }
    let mut params = Params::parse(value, Some(type_key));
    let type_name = params.first().map(str::to_owned);
    let type_name =
        type_name.ok_or_else(|| UsageError::new(format!("Parameter '{type_key}' is missing")))?;
    let id = params.take("id");
    let words = match type_key {
        "driver" => Wording::Device,
        _ => Wording::Object,
    };
    let rest = params.take_rest().into_iter();
    let properties = rest.map(|(key, value)| (key, Given::Text(value, words)));
    let properties = properties.collect();
    Ok(Spec {
        type_name,
        id,
        properties,
    })
}

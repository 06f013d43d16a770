//! `qom.json`: objects, their properties, and their types.

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Map, Value};
use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{ObjectPropertyInfo, ObjectTypeInfo};
use qmp_types::qmp::{QomCommands, commands};

use super::Vmm;
use crate::qom::{Kind, Property, QomError, Spec, TypeInfo, registry};

#[handlers]
impl QomCommands for Vmm {
    fn qom_list(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QomList,
    ) -> Result<Vec<ObjectPropertyInfo>, QmpError> {
        let node = self.machine.tree().resolve(&args.path)?;
        let entries = node.list().into_iter();
        Ok(entries
            .map(|entry| ObjectPropertyInfo::new(entry.name, entry.type_name))
            .collect())
    }

    fn qom_get(&mut self, _: &mut Context<'_>, args: commands::QomGet) -> Result<Value, QmpError> {
        let node = self.machine.tree().resolve_one(&args.path)?;
        Ok(node.get(&args.property)?)
    }

    fn qom_set(&mut self, _: &mut Context<'_>, args: commands::QomSet) -> Result<(), QmpError> {
        let node = self.machine.tree().resolve_one(&args.path)?;
        Ok(node.set(&args.property, &args.value)?)
    }

    fn qom_list_types(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QomListTypes,
    ) -> Result<Vec<ObjectTypeInfo>, QmpError> {
        let implements = args.implements.as_deref();
        let with_abstract = args.r#abstract.unwrap_or(false);
        Ok(registry::all()
            .filter(|known| implements.is_none_or(|wanted| known.is_a(wanted)))
            .filter(|known| with_abstract || !known.is_abstract)
            .map(type_info)
            .collect())
    }

    fn qom_list_properties(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QomListProperties,
    ) -> Result<Vec<ObjectPropertyInfo>, QmpError> {
        let known = registry::find(&args.typename);
        let known = known.ok_or(QomError::NoType(args.typename))?;
        let properties = known.all_properties().into_iter();
        match known.is_a("device") {
            true => Ok(properties.map(device_property_info).collect()),
            false => Ok(properties.map(property_info).collect()),
        }
    }

    fn object_add(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ObjectAdd,
    ) -> Result<(), QmpError> {
        // One form for all types: what the schema has checked, as JSON again.
        let text = codec::to_bytes(&args);
        let members: Map<String, Value> =
            codec::from_str(&String::from_utf8_lossy(&text), Unknown::Refuse)?;
        let spec = Spec::from_json(members, "qom-type")?;
        Ok(self.machine.object_add(&spec)?)
    }

    fn object_del(
        &mut self,
        _: &mut Context<'_>,
        args: commands::ObjectDel,
    ) -> Result<(), QmpError> {
        Ok(self.machine.object_del(&args.id)?)
    }
}

fn type_info(known: &'static TypeInfo) -> ObjectTypeInfo {
    ObjectTypeInfo {
        name: known.name.to_owned(),
        r#abstract: known.is_abstract.then_some(true),
        parent: known.parent.map(|parent| parent.name.to_owned()),
    }
}

/// A property of a type; QEMU tells the defaults of devices only.
fn property_info(property: &Property) -> ObjectPropertyInfo {
    ObjectPropertyInfo {
        name: property.name.to_owned(),
        r#type: property.kind.type_name().into_owned(),
        description: property.description.map(str::to_owned),
        default_value: None,
    }
}

/// A property of a type of devices.
pub(super) fn device_property_info(property: &Property) -> ObjectPropertyInfo {
    let mut info = property_info(property);
    // what is in numbers without a size is no property of the device's own making
    if property.kind != Kind::INT {
        info.default_value = property.default.value();
    }
    if info.description.is_none() && info.default_value.is_some() {
        info.description = property.kind.described().map(str::to_owned);
    }
    info
}

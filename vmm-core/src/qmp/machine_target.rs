//! `machine-target.json`: CPU models.

use qmp_runtime::json::{Map, Value};
use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    CpuDefinitionInfo, CpuModelExpansionInfo, CpuModelExpansionType, CpuModelInfo,
};
use qmp_types::qmp::{MachineTargetCommands, commands};

use super::Vmm;
use crate::accel::kvm;
use crate::cpu::{CpuConfig, Expansion, Leaf, MODELS, Model, PropertyKind};

#[handlers]
impl MachineTargetCommands for Vmm {
    fn query_cpu_definitions(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryCpuDefinitions,
    ) -> Result<Vec<CpuDefinitionInfo>, QmpError> {
        let host = kvm::host_leaves().ok();
        Ok(MODELS
            .iter()
            .map(|model| definition(model, host.as_deref()))
            .collect())
    }

    fn query_cpu_model_expansion(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryCpuModelExpansion,
    ) -> Result<CpuModelExpansionInfo, QmpError> {
        let config = config(&args.model)?;
        let host = kvm::host_leaves().map_err(|error| QmpError::generic(error.to_string()))?;
        let is_static = matches!(args.r#type, CpuModelExpansionType::Static);
        let name = match is_static {
            true => "base",
            false => config.model().name,
        };
        Ok(CpuModelExpansionInfo {
            model: CpuModelInfo {
                name: name.to_owned(),
                props: Some(props(&config.expand(&host))),
            },
            deprecated_props: None, // this target's models have none
        })
    }
}

/// Without KVM nobody knows what the host can give.
fn definition(model: &Model, host: Option<&[Leaf]>) -> CpuDefinitionInfo {
    let missing = host.map(|host| model.unavailable(host));
    CpuDefinitionInfo {
        name: model.name.to_owned(),
        migration_safe: Some(model.migration_safe),
        r#static: model.is_static,
        unavailable_features: missing.map(|names| names.into_iter().map(str::to_owned).collect()),
        typename: model.type_name.to_owned(),
        alias_of: None,
        deprecated: false,
    }
}

fn config(model: &CpuModelInfo) -> Result<CpuConfig, QmpError> {
    let known = Model::find(&model.name)
        .map_err(|_| QmpError::generic(format!("CPU model '{}' not found", model.name)))?;
    let mut config = CpuConfig::new(known);
    let props = match &model.props {
        None => return Ok(config),
        Some(Value::Object(props)) => props,
        Some(_) => return Err(expected("", "object")),
    };
    for (name, value) in props.iter() {
        give(&mut config, name, value)?;
    }
    Ok(config)
}

fn expected(place: &str, kind: &str) -> QmpError {
    QmpError::generic(format!(
        "Invalid parameter type for 'model.props{place}', expected: {kind}"
    ))
}

/// Changes a property of a model.
fn give(config: &mut CpuConfig, name: &str, value: &Value) -> Result<(), QmpError> {
    let place = format!(".{name}");
    let done = match (CpuConfig::kind(name), value) {
        (PropertyKind::Switch, Value::Bool(on)) => config.set(name, *on),
        (PropertyKind::Switch, _) => {
            // One that is not there is the graver fault.
            let is_there = config.clone().set(name, true);
            is_there.map_err(|error| QmpError::generic(error.to_string()))?;
            return Err(expected(&place, "boolean"));
        }
        (PropertyKind::Number, number) => {
            // A negative one is a large one.
            let signed = || number.as_i64().map(i64::cast_unsigned);
            let number = number.as_u64().or_else(signed).ok_or_else(|| {
                QmpError::generic(format!("Parameter 'model.props{place}' expects uint64"))
            })?;
            config.set_number(name, number)
        }
        (PropertyKind::Text, Value::String(text)) => config.set_text(name, text),
        (PropertyKind::Text, _) => return Err(expected(&place, "string")),
    };
    done.map_err(|error| QmpError::generic(error.to_string()))
}

fn props(expansion: &Expansion) -> Value {
    let (family, model, stepping) = expansion.signature;
    let features = expansion.features.iter();
    let mut members: Vec<(String, Value)> = features
        .map(|(name, on)| ((*name).to_owned(), (*on).into()))
        .collect();
    let others: [(&str, Value); 7] = [
        ("family", family.into()),
        ("model", model.into()),
        ("stepping", stepping.into()),
        ("min-level", expansion.levels.0.into()),
        ("min-xlevel", expansion.levels.1.into()),
        ("vendor", expansion.vendor.as_str().into()),
        ("model-id", expansion.text.as_str().into()),
    ];
    members.extend(others.map(|(name, value)| (name.to_owned(), value)));
    Value::Object(Map::from_iter(members))
}

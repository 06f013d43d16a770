//! What there is, for `help` as an argument.

use std::fmt::Write;

use super::UsageError;
use super::table::{OPTIONS, ParamKind};
use crate::char::BackendConfig;
use crate::cpu::MODELS;
use crate::qom::{Access, Property, TypeInfo, registry};

/// Whether an argument asks for help: as its first part, or behind it.
pub(super) fn is_wanted(value: &str) -> bool {
    !value.starts_with('{') && value.split(',').any(is_help)
}

pub(super) fn is_help(part: &str) -> bool {
    matches!(part, "help" | "?")
}

/// The types of devices, objects or character devices, or the properties of the type that is named first.
pub(super) fn of(option: &str, value: &str) -> Result<String, UsageError> {
    let first = value.split(',').next().unwrap_or_default();
    let name = first.split_once('=').map_or(first, |(_, name)| name);
    match (option, is_help(name)) {
        ("chardev", _) => Ok(chardevs()),
        ("device", true) => Ok(devices()),
        ("device", false) => {
            let known = find("device", name);
            let known =
                known.ok_or_else(|| UsageError::new(format!("Device '{name}' not found")))?;
            let properties = known.device_properties();
            let properties = properties.map_err(|error| UsageError::new(error.to_string()))?;
            Ok(properties_of(name, &properties))
        }
        (_, true) => Ok(objects()),
        (_, false) => {
            let known = find("user-creatable", name).ok_or_else(|| {
                let text = format!("Parameter 'qom-type' does not accept value '{name}'");
                UsageError::new(text)
            })?;
            let mut properties = known.all_properties();
            properties.retain(|property| property.access != Access::Read);
            Ok(properties_of(name, &properties))
        }
    }
}

fn find(kind: &str, name: &str) -> Option<&'static TypeInfo> {
    made(kind).find(|known| known.name == name)
}

/// The types of that kind that users can make objects of.
fn made(kind: &str) -> impl Iterator<Item = &'static TypeInfo> {
    registry::all().filter(move |known| known.is_a(kind) && known.create.is_some())
}

fn sorted(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let mut names: Vec<_> = names.collect();
    names.sort_unstable();
    names
}

/// The boards for `-machine`.
pub(super) fn machines() -> String {
    "Supported machines are:\n\
     microvm              a small PC (alias of q-min)\n\
     none                 no board at all\n\
     q-min                a small PC (default)\n"
        .to_owned()
}

/// The parameters of an option, by the name that QMP tells of them under.
pub(super) fn group(name: &str) -> String {
    let mut text = format!("{name} options:\n");
    let specs = OPTIONS.iter().filter(|spec| spec.group == Some(name));
    let mut params: Vec<_> = specs.flat_map(|spec| spec.params).collect();
    params.sort_unstable_by_key(|param| param.name);
    for param in params {
        let kind = match param.kind {
            ParamKind::String => "str",
            ParamKind::Boolean => "bool (on/off)",
            ParamKind::Number => "num",
            ParamKind::Size => "size",
        };
        let _ = writeln!(text, "  {}=<{kind}>", param.name);
    }
    text
}

/// The models for `-cpu`.
pub(super) fn cpus() -> String {
    let names = sorted(MODELS.iter().map(|model| model.name));
    format!("Available CPUs:\n  {}\n", names.join("\n  "))
}

fn chardevs() -> String {
    let names = BackendConfig::KINDS.join("\n  ");
    format!("Available chardev backend types: \n  {names}\n")
}

fn objects() -> String {
    // Certificates are read by the command line itself.
    let names = made("user-creatable").map(|known| known.name);
    let names = sorted(names.chain(["tls-creds-x509"]));
    format!(
        "List of user creatable objects:\n  {}\n",
        names.join("\n  ")
    )
}

fn devices() -> String {
    let mut all: Vec<_> = made("device").collect();
    all.sort_unstable_by_key(|known| known.name);
    let mut text = String::new();
    for known in all {
        let _ = write!(text, "name \"{}\"", known.name);
        if let Some(bus) = known.bus {
            let _ = write!(text, ", bus {bus}");
        }
        if let Some(description) = known.description {
            let _ = write!(text, ", desc \"{description}\"");
        }
        text.push('\n');
    }
    text
}

fn properties_of(name: &str, properties: &[&Property]) -> String {
    if properties.is_empty() {
        return format!("There are no options for {name}.\n");
    }
    let mut lines: Vec<_> = properties
        .iter()
        .map(|property| {
            let left = format!("{}=<{}>", property.name, property.kind.type_name());
            let mut line = match property.description {
                Some(description) => format!("  {left:<22} - {description}"),
                None => format!("  {left}"),
            };
            if let Some(default) = property.default.value() {
                let _ = write!(line, " (default: {default})");
            }
            line
        })
        .collect();
    lines.sort_unstable();
    format!("{name} options:\n{}\n", lines.join("\n"))
}

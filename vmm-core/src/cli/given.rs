//! The options that are given: on the command line, and in files that it names.

use std::fmt;

use super::params::Params;
use super::table::{self, OptionSpec};
use super::{UsageError, config_file};

/// One option.
#[derive(Debug)]
pub(super) struct Given {
    pub(super) spec: &'static OptionSpec,
    pub(super) value: String,
    /// What messages call it: as it was written, or where.
    shown: String,
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// All options, and why there are no more if they have not come to their end.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) options: Vec<Given>,
    pub(super) fault: Option<UsageError>,
}

/// Takes a command line apart. Files of options are read, and later options that change earlier ones
/// have done so.
pub(super) fn collect(mut arguments: impl Iterator<Item = String>) -> Line {
    let mut line = Line::default();
    while let Some(argument) = arguments.next() {
        if let Err(fault) = line.take(argument, &mut arguments) {
            line.fault = Some(fault);
            break;
        }
    }
    line
}

impl Line {
    fn take(
        &mut self,
        argument: String,
        rest: &mut impl Iterator<Item = String>,
    ) -> Result<(), UsageError> {
        let Some(name) = option_name(&argument) else {
            return Err(UsageError::new(format!(
                "'{argument}': a disk image cannot be given; options start with '-'"
            )));
        };
        let spec = table::find(name).ok_or_else(|| unknown(&argument, name))?;
        let value = match spec.argument {
            None => String::new(),
            Some(what) => rest.next().ok_or_else(|| {
                UsageError::new(format!(
                    "{argument}: needs an argument, {what}; see vmm --help"
                ))
            })?,
        };
        let shown = match spec.argument {
            None => argument,
            Some(_) => format!("{argument} {value}"),
        };
        let given = Given::new(spec, value, shown);
        match spec.name {
            "set" => self.set(&given.value).map_err(|error| error.at(&given)),
            "readconfig" => {
                let read = config_file::read(&given.value);
                let options = read.map_err(|error| error.at(&given))?;
                self.options.extend(options);
                Ok(())
            }
            _ => {
                self.options.push(given);
                Ok(())
            }
        }
    }

    /// `-set GROUP.ID.PARAMETER=VALUE`: another parameter for an option that was given.
    fn set(&mut self, text: &str) -> Result<(), UsageError> {
        let wrong = || UsageError::new(format!("can't parse: \"{text}\""));
        let (path, value) = text.split_once('=').ok_or_else(wrong)?;
        let mut parts = path.splitn(3, '.').filter(|part| !part.is_empty());
        let (Some(group), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        if table::group(group).is_none() {
            return Err(no_group(group));
        }
        if ["machine", "smp-opts", "boot-opts", "object"].contains(&group) {
            let text = format!("-set is not supported with {group}");
            return Err(UsageError::new(text));
        }
        let mut options = self.options.iter_mut();
        let named = options.find(|given| given.spec.group == Some(group) && given.is_named(id));
        let named = named
            .ok_or_else(|| UsageError::new(format!("there is no {group} \"{id}\" defined")))?;
        named.add(key, value);
        Ok(())
    }
}

impl Given {
    pub(super) fn new(spec: &'static OptionSpec, value: String, shown: String) -> Self {
        Given { spec, value, shown }
    }

    /// Puts a parameter behind the others; commas in its value are doubled.
    pub(super) fn add(&mut self, key: &str, value: &str) {
        if !self.value.is_empty() {
            self.value.push(',');
        }
        self.value += &format!("{key}={}", value.replace(',', ",,"));
    }

    /// What is given as JSON cannot be found by its name, as with QEMU.
    fn is_named(&self, id: &str) -> bool {
        let is_json = self.value.starts_with('{');
        let own = Params::parse(&self.value, Some("")).take("id");
        !is_json && own.as_deref() == Some(id)
    }
}

/// One dash or two, as with QEMU.
fn option_name(argument: &str) -> Option<&str> {
    argument
        .strip_prefix("--")
        .or_else(|| argument.strip_prefix('-'))
        .filter(|name| !name.is_empty())
}

fn unknown(argument: &str, name: &str) -> UsageError {
    let close = table::closest(name)
        .map(|close| format!("did you mean -{close}? "))
        .unwrap_or_default();
    UsageError::new(format!("{argument}: unknown option; {close}see vmm --help"))
}

pub(super) fn no_group(name: &str) -> UsageError {
    UsageError::new(format!("There is no option group '{name}'"))
}

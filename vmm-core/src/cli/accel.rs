//! Accelerators: `-accel`, `-enable-kvm`, and `accel=` of the board.

use super::UsageError;
use super::params::Params;
use crate::accel::AccelKind;

const LIST: &str = "Accelerators supported:\nkvm\nnone\n";

/// What was asked for, in the order of preference.
#[derive(Debug, Default)]
pub(super) struct Accelerators {
    options: Vec<String>,
    board: Option<String>,
}

impl Accelerators {
    /// Takes the value of `-accel`; a text when that is all that is asked for.
    pub(super) fn option(&mut self, value: &str) -> Result<Option<String>, UsageError> {
        let mut params = Params::parse(value, Some("accel"));
        let name = match params.first() {
            None | Some("" | "help" | "?") => return Ok(Some(LIST.to_owned())),
            Some(name) => name.to_owned(),
        };
        if name == "kvm" {
            check(&mut params)?;
        }
        if name.parse::<AccelKind>().is_ok() {
            known(&params, &format!("{name}-accel"))?;
        }
        self.options.push(name);
        Ok(None)
    }

    /// Takes what the board was told: names with colons between them.
    pub(super) fn board(&mut self, names: String) {
        self.board = Some(names);
    }

    /// The first one that there is.
    pub(super) fn choose(&self) -> Result<Option<AccelKind>, UsageError> {
        let (option, names): (_, Vec<&str>) = match (&self.board, &*self.options) {
            (None, []) => return Ok(None),
            (None, names) => ("-accel", names.iter().map(String::as_str).collect()),
            (Some(names), []) => ("-machine", names.split(':').collect()),
            (Some(_), _) => {
                let text = "The -accel and \"-machine accel=\" options are incompatible";
                return Err(UsageError::new(text));
            }
        };
        let kinds = names.iter().map(|name| name.parse::<AccelKind>());
        let mut refused = None;
        for kind in kinds {
            match kind {
                Ok(kind) => return Ok(Some(kind)),
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        match refused {
            None => Ok(None),
            Some(error) => Err(UsageError::new(format!("{option}: {error}"))),
        }
    }
}

/// No parameter may be left for a type of objects.
pub(super) fn known(params: &Params, type_name: &str) -> Result<(), UsageError> {
    match params.next_key() {
        None => Ok(()),
        Some(key) => Err(UsageError::new(format!(
            "Property '{type_name}.{key}' not found"
        ))),
    }
}

/// The properties of KVM. What asks for nothing but what is done anyhow is taken.
fn check(params: &mut Params) -> Result<(), UsageError> {
    let refuse = |text: String| Err(UsageError::new(text));
    irqchip(params)?;
    if let Some(size) = params.take("dirty-ring-size") {
        match size.parse::<u32>() {
            Ok(0) => {}
            Ok(size) if size.is_power_of_two() => {
                return refuse(format!(
                    "dirty-ring-size={size}: there are no rings; leave it out or say 0"
                ));
            }
            Ok(_) => return refuse("dirty-ring-size must be a power of two.".to_owned()),
            Err(_) => return refuse("Parameter 'dirty-ring-size' expects uint32".to_owned()),
        }
    }
    if let Some(device) = params.take("device").filter(|path| path != "/dev/kvm") {
        return refuse(format!("device={device}: KVM is found at /dev/kvm alone"));
    }
    match params.take("notify-vmexit").as_deref() {
        None | Some("run" | "disable") => Ok(()),
        Some("internal-error") => refuse(
            "notify-vmexit=internal-error: guests are not watched that way; leave it out"
                .to_owned(),
        ),
        Some(other) => refuse(format!(
            "Parameter 'notify-vmexit' does not accept value '{other}'"
        )),
    }
}

/// `kernel-irqchip`: the interrupt controllers are KVM's; a guest cannot tell which of them are.
pub(super) fn irqchip(params: &mut Params) -> Result<(), UsageError> {
    match params.take("kernel-irqchip").as_deref() {
        None | Some("on" | "yes" | "true" | "y" | "split") => Ok(()),
        Some("off" | "no" | "false" | "n") => {
            Err(UsageError::new("KVM does not support userspace APIC"))
        }
        Some(other) => Err(UsageError::new(format!(
            "Parameter 'kernel-irqchip' does not accept value '{other}'"
        ))),
    }
}

//! Properties that all devices of a type are to have.

use crate::devices::{I8042, ISA_SERIAL, MC146818, PVPANIC};
use crate::qom::{Access, Given, Spec, TypeInfo, registry};

/// What a property is unless a device is told otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Global {
    /// The type of the devices, or one that theirs is a kind of.
    pub driver: String,
    /// The property.
    pub property: String,
    /// Its value, as text.
    pub value: String,
}

impl Global {
    /// Whether there are such devices at all.
    #[must_use]
    pub fn is_known(&self) -> bool {
        registry::find(&self.driver).is_some()
    }
}

/// A [`Global`] that would come to nothing; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct GlobalError(String);

/// What the board makes without being asked; the properties of these are its own affair.
static BOARD: [&TypeInfo; 4] = [&I8042, &ISA_SERIAL, &MC146818, &PVPANIC];

impl Global {
    fn concerns(&self, type_info: &'static TypeInfo) -> bool {
        type_info.is_a(&self.driver)
    }

    /// Checks that it means something for the devices of a machine, of which `devices` are the user's. A type that
    /// there is not at all has no devices that could be otherwise.
    ///
    /// # Errors
    /// The type is none of a device or has no such property, or only the board's own devices have it.
    pub fn check(&self, devices: &[Spec]) -> Result<(), GlobalError> {
        let Self {
            driver, property, ..
        } = self;
        let fail = |text: String| Err(GlobalError(text));
        let known = match registry::find(driver) {
            None => return Ok(()),
            Some(known) if known.is_a("device") => known,
            Some(_) => return fail(format!("'{driver}' is not a valid device model name")),
        };
        match known.property(property) {
            None => return fail(format!("Property '{driver}.{property}' not found")),
            Some(found) if found.access == Access::Read => {
                return fail(format!("Property '{driver}.{property}' is not writable"));
            }
            Some(_) => {}
        }
        let is_made = |made: &&&TypeInfo| devices.iter().any(|spec| spec.type_name == made.name);
        let mut own = BOARD.iter().filter(|made| self.concerns(made));
        if let Some(own) = own.find(|made| !is_made(made)) {
            let own = own.name;
            return fail(format!(
                "the board's own {own} stays as it is: add -device {own} to have one that is set up"
            ));
        }
        Ok(())
    }
}

impl Spec {
    /// Adds what is to hold for all devices of its type and is not said of this one. As with QEMU, the
    /// last one said holds.
    pub(super) fn complete(&mut self, type_info: &'static TypeInfo, globals: &[Global]) {
        for global in globals
            .iter()
            .rev()
            .filter(|global| global.concerns(type_info))
        {
            let mut said = self.properties.iter();
            if said.all(|(name, _)| *name != global.property) {
                let value = Given::Global {
                    driver: global.driver.clone(),
                    value: global.value.clone(),
                };
                self.properties.push((global.property.clone(), value));
            }
        }
    }
}

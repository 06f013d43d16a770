//! Which option asked for what: messages about what becomes of it later show the option as it was written.

use super::chardev::Chardev;
use crate::machine::{Asked, MachineConfig};

/// The options that ask for what is made after all of them are read.
#[derive(Debug, Default)]
pub struct Origins {
    devices: Vec<String>,
    nodes: Vec<String>,
    drives: Vec<String>,
    /// By label.
    chardevs: Vec<(String, String)>,
}

impl Origins {
    /// Takes note of the option that the last ones of each kind come from.
    pub(super) fn note(
        &mut self,
        option: &str,
        machine: &MachineConfig,
        chardevs: &[(String, Chardev)],
    ) {
        for (known, count) in [
            (&mut self.devices, machine.devices.len()),
            (&mut self.nodes, machine.nodes.len()),
            (&mut self.drives, machine.drives.len()),
        ] {
            known.resize(count, option.to_owned());
        }
        let new = chardevs.iter().skip(self.chardevs.len());
        let new = new.map(|(label, _)| (label.clone(), option.to_owned()));
        self.chardevs.extend(new);
    }

    /// The option that asked for something; objects are named by their types and IDs, for the text of such an option
    /// may be secret.
    #[must_use]
    pub fn of(&self, asked: Asked) -> Option<&str> {
        let (known, index) = match asked {
            Asked::Device(index) => (&self.devices, index),
            Asked::Node(index) => (&self.nodes, index),
            Asked::Drive(index) => (&self.drives, index),
            Asked::Object => return None,
        };
        known.get(index).map(String::as_str)
    }

    /// The option that asked for a character device.
    #[must_use]
    pub fn of_chardev(&self, label: &str) -> Option<&str> {
        let mut chardevs = self.chardevs.iter();
        let found = chardevs.find(|(known, _)| known == label);
        found.map(|(_, option)| option.as_str())
    }
}

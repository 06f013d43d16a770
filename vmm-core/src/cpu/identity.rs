//! Who a CPU says that it is, where a user has a say in it.

use super::CpuConfigError;
use super::Leaf;

/// What kind of value a property of a CPU model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PropertyKind {
    /// On or off.
    Switch,
    /// A number.
    Number,
    /// A text.
    Text,
}

/// What is to be told in place of what the model tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Identity {
    family: Option<u32>,
    model: Option<u32>,
    stepping: Option<u32>,
    level: Option<u32>,
    xlevel: Option<u32>,
    vendor: Option<[u8; 12]>,
    text: Option<String>,
}

/// The greatest family: four bits, and eight more that count on from there.
const MAX_FAMILY: u32 = 0xf + 0xff;

/// Bytes of the name, in three leaves.
const TEXT_SIZE: usize = 48;

/// What kind of value `name` takes, if it is about identity.
pub(super) fn kind(name: &str) -> Option<PropertyKind> {
    match name {
        "family" | "model" | "stepping" | "min-level" | "min-xlevel" => Some(PropertyKind::Number),
        "vendor" | "model-id" => Some(PropertyKind::Text),
        _ => None,
    }
}

impl Identity {
    /// Sets a number; the words of errors are QEMU's.
    pub(super) fn set_number(&mut self, name: &str, value: u64) -> Result<(), CpuConfigError> {
        let (place, max) = match name {
            "family" => (&mut self.family, MAX_FAMILY),
            "model" => (&mut self.model, 0xff),
            "stepping" => (&mut self.stepping, 0xf),
            "min-level" => (&mut self.level, u32::MAX),
            _ => (&mut self.xlevel, u32::MAX),
        };
        let number = u32::try_from(value).ok().filter(|&number| number <= max);
        *place = Some(number.ok_or_else(|| {
            CpuConfigError::Identity(match max {
                u32::MAX => format!("Parameter '{name}' expects uint32_t"),
                _ => format!("parameter '{name}' can be at most {max}"),
            })
        })?);
        Ok(())
    }

    /// Sets a text.
    pub(super) fn set_text(&mut self, name: &str, value: &str) -> Result<(), CpuConfigError> {
        if name == "vendor" {
            self.vendor = Some(value.as_bytes().try_into().map_err(|_| {
                CpuConfigError::Identity(
                    "value of property 'vendor' must consist of exactly 12 characters".to_owned(),
                )
            })?);
        } else {
            self.text = Some(value.to_owned());
        }
        Ok(())
    }

    /// Family, model and stepping, where those of the model are `given`.
    pub(super) fn signature(&self, given: (u32, u32, u32)) -> (u32, u32, u32) {
        (
            self.family.unwrap_or(given.0),
            self.model.unwrap_or(given.1),
            self.stepping.unwrap_or(given.2),
        )
    }

    /// The last functions of CPUID, at least.
    pub(super) fn levels(&self) -> (Option<u32>, Option<u32>) {
        (self.level, self.xlevel)
    }

    /// The maker.
    pub(super) fn vendor(&self) -> Option<String> {
        let vendor = self.vendor?;
        Some(String::from_utf8_lossy(&vendor).into_owned())
    }

    /// The CPU's name for itself.
    pub(super) fn text(&self) -> Option<&str> {
        self.text.as_deref()
    }

    /// Puts the maker into a leaf that tells it.
    pub(super) fn sign_vendor(&self, leaf: &mut Leaf) {
        let Some(vendor) = &self.vendor else { return };
        let words = vendor.as_chunks::<4>().0.iter();
        let mut words = words.map(|&word| u32::from_le_bytes(word));
        for register in [&mut leaf.ebx, &mut leaf.edx, &mut leaf.ecx] {
            *register = words.next().unwrap_or_default();
        }
    }
}

/// Puts the part of a name into a leaf that it belongs in.
pub(super) fn sign_text(text: &str, leaf: &mut Leaf) {
    let mut bytes = [0; TEXT_SIZE];
    // The last byte ends the text.
    let shown = text.bytes().take(TEXT_SIZE - 1);
    bytes
        .iter_mut()
        .zip(shown)
        .for_each(|(to, from)| *to = from);
    let part = bytes.as_chunks::<4>().0.as_chunks::<4>().0;
    let Some(words) = part.get((leaf.function - FIRST_TEXT) as usize) else {
        return;
    };
    [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx] = words.map(u32::from_le_bytes);
}

/// The first leaf of the name.
const FIRST_TEXT: u32 = 0x8000_0002;

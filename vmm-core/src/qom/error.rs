//! Why an operation on objects fails; the words are QEMU's.

use crate::accel::AccelError;
use crate::block::BlockError;
use crate::char::CharError;
use crate::devices::BusError;

/// The text of each is fit for a user.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum QomError {
    /// No object is there.
    #[error("Device '{0}' not found")]
    NoObject(String),
    /// A partial path fits several objects.
    #[error("Path '{0}' is ambiguous")]
    Ambiguous(String),
    /// There is no type of this name.
    #[error("Class '{0}' not found")]
    NoType(String),
    /// The object's type has no such property.
    #[error("Property '{type_name}.{property}' not found")]
    NoProperty {
        /// The type of the object.
        type_name: String,
        /// The name asked for.
        property: String,
    },
    /// The property cannot be set.
    #[error("Property '{type_name}.{property}' is not writable")]
    NotWritable {
        /// The type of the object.
        type_name: String,
        /// The name asked for.
        property: String,
    },
    /// The property cannot be read.
    #[error("Property '{type_name}.{property}' is not readable")]
    NotReadable {
        /// The type of the object.
        type_name: String,
        /// The name asked for.
        property: String,
    },
    /// The property of a device can be set only before the device is made.
    #[error(
        "Attempt to set property '{property}' on {device} (type '{type_name}') after it was realized"
    )]
    Realized {
        /// The name asked for.
        property: String,
        /// `device 'ID'` or `anonymous device`.
        device: String,
        /// The type of the device.
        type_name: String,
    },
    /// The value is of another JSON type.
    #[error("Invalid parameter type for '{name}', expected: {expected}")]
    WrongType {
        /// The property.
        name: String,
        /// The JSON type that it takes.
        expected: String,
    },
    /// The value is none that the property can have.
    #[error("Parameter '{name}' expects {expected}")]
    BadValue {
        /// The property.
        name: String,
        /// What it takes.
        expected: String,
    },
    /// The value is not one of a list.
    #[error("Parameter '{name}' does not accept value '{value}'")]
    NotAccepted {
        /// The property.
        name: String,
        /// What was given.
        value: String,
    },
    /// Something of this name is there already.
    #[error("attempt to add duplicate property '{name}' to object (type '{parent}')")]
    Duplicate {
        /// The name.
        name: String,
        /// The type of the object that it was to be added to.
        parent: String,
    },
    /// Anything else, in words.
    #[error("{0}")]
    Refused(String),
    /// A device cannot be placed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A character device cannot be used.
    #[error(transparent)]
    Char(#[from] CharError),
    /// A disk image cannot be used.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The accelerator.
    #[error(transparent)]
    Accel(#[from] AccelError),
}

impl QomError {
    /// Whether the object or type that was named is not there.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NoObject(_) | Self::NoType(_))
    }
}

//! Errors that go over the wire.

use std::borrow::Cow;
use std::fmt;

/// The class of an error.
///
/// The set is open: a newer peer may know more classes than the ones that have a constant here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ErrorClass(Cow<'static, str>);

impl ErrorClass {
    /// Anything that no other class says better.
    pub const GENERIC_ERROR: ErrorClass = ErrorClass(Cow::Borrowed("GenericError"));
    /// The command does not exist, or not now.
    pub const COMMAND_NOT_FOUND: ErrorClass = ErrorClass(Cow::Borrowed("CommandNotFound"));
    /// A device has not been activated.
    pub const DEVICE_NOT_ACTIVE: ErrorClass = ErrorClass(Cow::Borrowed("DeviceNotActive"));
    /// A device does not exist.
    pub const DEVICE_NOT_FOUND: ErrorClass = ErrorClass(Cow::Borrowed("DeviceNotFound"));
    /// KVM lacks a capability.
    pub const KVM_MISSING_CAP: ErrorClass = ErrorClass(Cow::Borrowed("KVMMissingCap"));

    /// A class by its name on the wire.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        ErrorClass(name.into())
    }

    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An error reply: its class and a description for people.
///
/// As large as a pointer: results with it are everywhere, and errors are rare.
#[derive(Clone, PartialEq, Eq)]
pub struct QmpError(Box<Parts>);

#[derive(Clone, PartialEq, Eq)]
struct Parts {
    class: ErrorClass,
    desc: String,
}

impl QmpError {
    /// An error of a class.
    pub fn new(class: ErrorClass, desc: impl Into<String>) -> Self {
        let desc = desc.into();
        QmpError(Box::new(Parts { class, desc }))
    }

    /// An error of the class `GenericError`.
    pub fn generic(desc: impl Into<String>) -> Self {
        QmpError::new(ErrorClass::GENERIC_ERROR, desc)
    }

    /// The error for a command that does not exist.
    pub fn command_not_found(name: &str) -> Self {
        QmpError::new(
            ErrorClass::COMMAND_NOT_FOUND,
            format!("The command {name} has not been found"),
        )
    }

    /// The error for a device that does not exist.
    pub fn device_not_found(id: &str) -> Self {
        QmpError::new(
            ErrorClass::DEVICE_NOT_FOUND,
            format!("Device '{id}' not found"),
        )
    }

    /// The class.
    pub fn class(&self) -> &ErrorClass {
        &self.0.class
    }

    /// The description.
    pub fn desc(&self) -> &str {
        &self.0.desc
    }

    /// Whether the command does not exist.
    pub fn is_command_not_found(&self) -> bool {
        self.0.class == ErrorClass::COMMAND_NOT_FOUND
    }

    /// Whether a device does not exist.
    pub fn is_device_not_found(&self) -> bool {
        self.0.class == ErrorClass::DEVICE_NOT_FOUND
    }
}

impl fmt::Display for QmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.0.class, self.0.desc)
    }
}

impl fmt::Debug for QmpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QmpError")
            .field("class", &self.0.class)
            .field("desc", &self.0.desc)
            .finish()
    }
}

impl std::error::Error for QmpError {}

/// Turns an error of any kind into an error reply.
pub trait ResultExt<T> {
    /// Makes it a `GenericError` with the error's text.
    ///
    /// # Errors
    /// When `self` is one.
    fn or_generic(self) -> Result<T, QmpError>;

    /// Makes it an error of a class with the error's text.
    ///
    /// # Errors
    /// When `self` is one.
    fn or_class(self, class: ErrorClass) -> Result<T, QmpError>;
}

impl<T, E: fmt::Display> ResultExt<T> for Result<T, E> {
    fn or_generic(self) -> Result<T, QmpError> {
        self.or_class(ErrorClass::GENERIC_ERROR)
    }

    fn or_class(self, class: ErrorClass) -> Result<T, QmpError> {
        self.map_err(|error| QmpError::new(class, error.to_string()))
    }
}

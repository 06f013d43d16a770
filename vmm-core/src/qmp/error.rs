//! The machine's errors as QMP says them.

use qmp_runtime::{ErrorClass, QmpError};

use crate::machine::MachineError;
use crate::qom::QomError;

impl From<MachineError> for QmpError {
    fn from(error: MachineError) -> Self {
        match error {
            MachineError::Object(error) => error.into(),
            MachineError::NoBalloon => {
                QmpError::new(ErrorClass::DEVICE_NOT_ACTIVE, error.to_string())
            }
            other => QmpError::generic(other.to_string()),
        }
    }
}

impl From<QomError> for QmpError {
    fn from(error: QomError) -> Self {
        match error.is_not_found() {
            true => QmpError::new(ErrorClass::DEVICE_NOT_FOUND, error.to_string()),
            false => QmpError::generic(error.to_string()),
        }
    }
}

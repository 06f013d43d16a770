//! The machine's errors as QMP says them.

use qmp_runtime::QmpError;

use crate::machine::MachineError;

impl From<MachineError> for QmpError {
    fn from(error: MachineError) -> Self {
        QmpError::generic(error.to_string())
    }
}

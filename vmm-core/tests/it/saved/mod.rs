//! The state of devices, saved and loaded.

mod commands;
mod devices;
mod errors;
mod guests;

use vmm_core::machine::Cause;

use crate::fixture::Fixture;

/// A machine at one moment: its devices, and the memory that belongs to them.
struct Moment {
    state: Vec<u8>,
    memory: Vec<u8>,
}

impl Moment {
    /// Of a machine that stands still.
    fn of(fixture: &Fixture) -> Self {
        let machine = &fixture.machine;
        let size = usize::try_from(machine.ram_size()).unwrap();
        Self {
            state: machine.save_state().unwrap(),
            memory: machine.read_physical(0, size).unwrap(),
        }
    }

    /// Goes back there with a machine that has forgotten all that a reset makes it forget.
    fn restore(&self, fixture: &Fixture) {
        let machine = &fixture.machine;
        machine.stop().unwrap();
        machine.reset(Cause::HostQmpSystemReset).unwrap();
        machine.write_physical(0, &self.memory).unwrap();
        machine.load_state(&self.state).unwrap();
    }
}

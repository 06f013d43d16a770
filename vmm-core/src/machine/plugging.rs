//! The handle's methods that plug things in and out.

use super::{CpuSlot, DimmInfo, Machine, MachineError, OspmStatus};
use crate::qom::Spec;

impl Machine {
    /// Makes a device and plugs it in.
    ///
    /// # Errors
    /// It cannot be made, or not while the machine runs; the words are QEMU's.
    pub fn device_add(&self, device: Spec) -> Result<(), MachineError> {
        self.inner.device_add(device)
    }

    /// Unplugs the device with this ID or path, or asks the guest to let go of
    /// it: then an event tells the end of it.
    ///
    /// # Errors
    /// There is no such device, or it cannot be unplugged.
    pub fn device_del(&self, id: &str) -> Result<(), MachineError> {
        self.inner.device_del(id)
    }

    /// Plugs in CPU `index`, which then waits for the guest to start it.
    ///
    /// # Errors
    /// There is no such place, or a CPU is there already.
    pub fn plug_cpu(&self, index: i64) -> Result<(), MachineError> {
        self.inner.add_cpu(index)
    }

    /// The places for CPUs, taken and free.
    ///
    /// # Errors
    /// The machine's CPUs are those that it was made with.
    pub fn cpu_slots(&self) -> Result<Vec<CpuSlot>, MachineError> {
        self.inner.cpu_slots()
    }

    /// What the guest's operating system last said about each slot for memory
    /// and each place for a CPU.
    ///
    /// # Errors
    /// The machine has nothing that the guest could say it to.
    pub fn ospm_status(&self) -> Result<Vec<OspmStatus>, MachineError> {
        self.inner.ospm_status()
    }

    /// The memory modules, the lowest address first.
    #[must_use]
    pub fn dimms(&self) -> Vec<DimmInfo> {
        self.inner.dimms()
    }

    /// Bytes of memory that were plugged in.
    #[must_use]
    pub fn plugged_memory(&self) -> u64 {
        let ram = &self.inner.ram;
        let present: u64 = ram.ranges().map(|(_, length)| length).sum();
        present - ram.size()
    }

    /// Makes an object.
    ///
    /// # Errors
    /// It cannot be made; the words are QEMU's.
    pub fn object_add(&self, object: &Spec) -> Result<(), MachineError> {
        self.inner.object_add(object)
    }

    /// Removes the object with this ID.
    ///
    /// # Errors
    /// There is none, or something uses it.
    pub fn object_del(&self, id: &str) -> Result<(), MachineError> {
        self.inner.object_del(id)
    }
}

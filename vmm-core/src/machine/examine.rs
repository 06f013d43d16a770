//! The handle's methods that look into the guest, and at what it writes.

use std::io::Write;

use super::{CpuInfo, DumpProgress, DumpRequest, Machine, MachineError, dump, inspect, saved};
use crate::accel::Registers;
use crate::accel::kvm::LogUser;

impl Machine {
    /// The machine's CPUs, by index.
    ///
    /// # Errors
    /// A vCPU thread has failed.
    pub fn cpus(&self) -> Result<Vec<CpuInfo>, MachineError> {
        inspect::cpus(&self.inner)
    }

    /// Sends a non-maskable interrupt to every CPU that has been started.
    ///
    /// # Errors
    /// The machine has ended or is not configured, or KVM refused.
    pub fn inject_nmi(&self) -> Result<(), MachineError> {
        inspect::inject_nmi(&self.inner)
    }

    /// What the registers of CPU `cpu` hold, between two of its instructions.
    ///
    /// # Errors
    /// There is no such CPU, or KVM does not tell.
    pub fn registers(&self, cpu: u32) -> Result<Registers, MachineError> {
        let state = self.inner.operate()?;
        self.inner
            .quiesced(&state, || self.inner.cpu_job(cpu, |core| core.registers()))
    }

    /// `len` bytes from the virtual address `address` of CPU `cpu`.
    ///
    /// # Errors
    /// There is no such CPU, or the range is not all mapped memory.
    pub fn read_virtual(
        &self,
        cpu: u32,
        address: u64,
        len: usize,
    ) -> Result<Vec<u8>, MachineError> {
        inspect::read_virtual(&self.inner, cpu, address, len)
    }

    /// `len` bytes from the physical address `address`.
    ///
    /// # Errors
    /// The range is not all memory.
    pub fn read_physical(&self, address: u64, len: usize) -> Result<Vec<u8>, MachineError> {
        inspect::read_physical(&self.inner, address, len)
    }

    /// Where `address` of CPU `cpu` is in physical memory, if anywhere.
    ///
    /// # Errors
    /// There is no such CPU.
    pub fn translate(&self, cpu: u32, address: u64) -> Result<Option<u64>, MachineError> {
        inspect::translate(&self.inner, cpu, address)
    }

    /// The lowest `size` bytes, 4 at most, of what the guest would read at I/O port `port`; all ones where nothing is.
    #[must_use]
    pub fn read_port(&self, port: u16, size: usize) -> u32 {
        let mut bytes = [0; 4];
        let part = bytes.get_mut(..size).unwrap_or_default();
        self.inner.services.buses.pio.read(port.into(), part);
        u32::from_le_bytes(bytes)
    }

    /// Has the effect of the guest's writing `bytes` to I/O port `port`.
    pub fn write_port(&self, port: u16, bytes: &[u8]) {
        let services = &self.inner.services;
        if let Some(request) = services.buses.pio.write(port.into(), bytes) {
            services.requester.ask(request);
        }
    }

    /// Puts `bytes` at the physical address `address`.
    ///
    /// # Errors
    /// The range is not all memory.
    pub fn write_physical(&self, address: u64, bytes: &[u8]) -> Result<(), MachineError> {
        inspect::write_physical(&self.inner, address, bytes)
    }

    /// Writes `size` bytes from the virtual address `address` of CPU `cpu` to
    /// `out`, as they are at one moment: the guest stands still meanwhile.
    ///
    /// # Errors
    /// As [`read_virtual`](Self::read_virtual), or `out` fails.
    pub fn save_virtual(
        &self,
        cpu: u32,
        address: u64,
        size: u64,
        out: &mut dyn Write,
    ) -> Result<(), MachineError> {
        inspect::save_virtual(&self.inner, cpu, address, size, out)
    }

    /// Writes `size` bytes from the physical address `address` to `out`, as
    /// they are at one moment: the guest stands still meanwhile.
    ///
    /// # Errors
    /// The range is not all memory, or `out` fails.
    pub fn save_physical(
        &self,
        address: u64,
        size: u64,
        out: &mut dyn Write,
    ) -> Result<(), MachineError> {
        inspect::save_physical(&self.inner, address, size, out)
    }

    /// Writes the guest's memory and registers as a core file; the guest stands still meanwhile.
    ///
    /// # Errors
    /// Another dump is under way, nothing of what was asked for is there, or the file cannot be written.
    pub fn dump(&self, request: DumpRequest) -> Result<(), MachineError> {
        dump::write(&self.inner, request)
    }

    /// The same on a thread of its own, as soon as it is known that there is something to write.
    ///
    /// # Errors
    /// As [`dump`](Self::dump); what happens later is told by an event only.
    pub fn dump_in_background(&self, request: DumpRequest) -> Result<(), MachineError> {
        dump::write_in_background(&self.inner, request)
    }

    /// The state of all devices and CPUs, without guest memory. A guest that runs stands still meanwhile.
    ///
    /// # Errors
    /// The machine has ended or is not configured, or KVM does not tell.
    pub fn save_state(&self) -> Result<Vec<u8>, MachineError> {
        saved::save(&self.inner)
    }

    /// Goes on from a saved state, as soon as the guest runs again; guest memory has to be what it was then.
    ///
    /// # Errors
    /// The guest runs, the bytes are no such state, or this is another machine; nothing has changed then.
    pub fn load_state(&self, bytes: &[u8]) -> Result<(), MachineError> {
        saved::load(&self.inner, bytes)
    }

    /// Has every write to guest memory noted, or no longer; twice is once.
    ///
    /// # Errors
    /// The machine has ended or is not configured, or KVM refuses.
    pub fn log_writes(&self, on: bool) -> Result<(), MachineError> {
        match &mut self.inner.operate()?.vm {
            Some(vm) => Ok(vm.log_writes(LogUser::Global, on)?),
            None => Ok(()), // nothing runs
        }
    }

    /// How many pages of 4 KiB the guest has written to since it was last asked, or since the writes are
    /// [noted](Self::log_writes); nothing where they are not.
    ///
    /// # Errors
    /// The machine has ended or is not configured, or KVM does not tell.
    pub fn take_written_pages(&self) -> Result<Option<u64>, MachineError> {
        match &mut self.inner.operate()?.vm {
            Some(vm) if vm.logs_writes(LogUser::Global) => {
                Ok(Some(vm.take_written_pages(LogUser::Global)?))
            }
            _ => Ok(None),
        }
    }

    /// How far the last dump has got.
    #[must_use]
    pub fn dump_progress(&self) -> DumpProgress {
        self.inner.dumps.progress()
    }

    /// Checks that no dump is under way.
    ///
    /// # Errors
    /// One is.
    pub fn check_no_dump(&self) -> Result<(), MachineError> {
        Ok(self.inner.dumps.check_idle()?)
    }
}

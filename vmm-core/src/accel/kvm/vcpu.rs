//! One vCPU: the `KVM_RUN` loop and its exits.

use std::fmt;
use std::sync::Arc;

use kvm_bindings::{
    CpuId, KVM_INTERNAL_ERROR_EMULATION, KVM_MP_STATE_HALTED, KVM_MP_STATE_INIT_RECEIVED,
    KVM_MP_STATE_UNINITIALIZED, KVM_SYSTEM_EVENT_CRASH, KVM_SYSTEM_EVENT_RESET,
    KVM_SYSTEM_EVENT_SHUTDOWN, Msrs, kvm_mp_state, kvm_msr_entry, kvm_sregs,
};
use kvm_ioctls::{VcpuExit, VcpuFd};

use super::super::{AccelError, Core, Exit, Float, Registers};
use super::state::{Access, CpuState};
use super::sys::{self, KickGuard};
use crate::devices::{Buses, GuestRequest};
use crate::state::Invalid;

const EINTR: i32 = 4;
const EAGAIN: i32 = 11;

/// A vCPU of a [`KvmVm`](super::KvmVm).
pub(crate) struct KvmCore {
    kick: Option<KickGuard>, // before `fd`: it points into its mapping
    fd: VcpuFd,
    executes: bool,
    facts: CpuFacts,
    /// The last exit was an access that the next `KVM_RUN` completes.
    unsettled: bool,
}

/// What stays the same in the life of a vCPU.
pub(super) struct CpuFacts {
    pub(super) cpuid: CpuId,
    pub(super) msrs: Arc<[u32]>,
    pub(super) xsave: usize,
}

/// What one exit asks of the loop.
enum Step {
    Again,
    Leave(Exit),
}

impl fmt::Debug for KvmCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KvmCore")
            .field("executes", &self.executes)
            .finish_non_exhaustive()
    }
}

impl KvmCore {
    pub(super) fn new(fd: VcpuFd, executes: bool, facts: CpuFacts) -> Self {
        Self {
            kick: None,
            fd,
            facts,
            executes,
            unsettled: false,
        }
    }

    fn access(&self) -> Access<'_> {
        Access {
            fd: &self.fd,
            cpuid: self.facts.cpuid.as_slice(),
            msrs: &self.facts.msrs,
            xsave: self.facts.xsave,
        }
    }

    fn step(&mut self, buses: &Buses) -> Step {
        self.unsettled = false;
        let exit = match self.fd.run() {
            Ok(exit) => exit,
            Err(error) => return on_error(error),
        };
        match exit {
            VcpuExit::IoIn(port, _) => {
                self.unsettled = true;
                let (data, size) = sys::port_access(&mut self.fd);
                for element in data.chunks_mut(size) {
                    buses.pio.read(u64::from(port), element);
                }
                Step::Again
            }
            VcpuExit::IoOut(port, _) => {
                self.unsettled = true;
                let (data, size) = sys::port_access(&mut self.fd);
                let write = |element: &[u8]| buses.pio.write(u64::from(port), element);
                if data.len() == size {
                    return request(write(data)); // nearly always
                }
                let elements = data.chunks(size);
                request(elements.fold(None, |earlier, element| earlier.or(write(element))))
            }
            VcpuExit::MmioRead(address, data) => {
                self.unsettled = true;
                buses.mmio.read(address, data);
                Step::Again
            }
            VcpuExit::MmioWrite(address, data) => {
                self.unsettled = true;
                request(buses.mmio.write(address, data))
            }
            VcpuExit::Intr | VcpuExit::IrqWindowOpen => Step::Leave(Exit::Kicked),
            // KVM reports a triple fault so
            VcpuExit::Shutdown => request(Some(GuestRequest::Reset)),
            VcpuExit::SystemEvent(kind, _) => request(Some(system_event(kind))),
            VcpuExit::InternalError => {
                let (suberror, data) = sys::internal_error(&mut self.fd);
                self.broken(&internal_error_text(suberror, &data))
            }
            VcpuExit::FailEntry(reason, cpu) => {
                let text = format!("KVM cannot enter the guest on CPU {cpu}: reason {reason:#x}");
                self.broken(&text)
            }
            other => {
                let text = format!("unexpected exit from the guest: {other:?}");
                self.broken(&text)
            }
        }
    }

    /// A state that the guest cannot run on from; `text` says why.
    fn broken(&self, text: &str) -> Step {
        let place = match (self.fd.get_regs(), self.fd.get_sregs()) {
            (Ok(regs), Ok(sregs)) => format!(
                " at {:04x}:{:016x} ({}, ring {}, rflags {:x}, cr0 {:x}, cr3 {:x}, cr4 {:x})",
                sregs.cs.selector,
                regs.rip,
                mode(&sregs),
                sregs.ss.dpl,
                regs.rflags,
                sregs.cr0,
                sregs.cr3,
                sregs.cr4
            ),
            _ => String::new(),
        };
        request(Some(GuestRequest::InternalError(format!("{text}{place}"))))
    }
}

/// KVM's description of an internal error, in words.
fn internal_error_text(suberror: u32, data: &[u64]) -> String {
    const WITH_BYTES: u64 = 1;
    match (suberror, data) {
        (KVM_INTERNAL_ERROR_EMULATION, [flags, bytes @ ..]) if flags & WITH_BYTES != 0 => {
            let bytes: Vec<u8> = bytes.iter().flat_map(|word| word.to_le_bytes()).collect();
            // the length comes first, an instruction has at most 15 bytes
            let (&length, bytes) = bytes.split_first().unwrap_or((&0, &[]));
            let bytes = bytes.get(..usize::from(length).min(15)).unwrap_or(bytes);
            format!("KVM internal error: cannot emulate the instruction {bytes:02x?}")
        }
        (KVM_INTERNAL_ERROR_EMULATION, _) => {
            "KVM internal error: cannot emulate an instruction".to_owned()
        }
        _ => format!("KVM internal error, suberror {suberror}, data {data:x?}"),
    }
}

/// What kind of code a CPU executes.
fn mode(sregs: &kvm_sregs) -> &'static str {
    const PROTECTION: u64 = 1;
    const LONG_MODE_ACTIVE: u64 = 1 << 10;
    if sregs.cr0 & PROTECTION == 0 {
        "real mode"
    } else if sregs.efer & LONG_MODE_ACTIVE != 0 && sregs.cs.l != 0 {
        "64-bit mode"
    } else if sregs.cs.db != 0 {
        "32-bit mode"
    } else {
        "16-bit mode"
    }
}

fn on_error(error: kvm_ioctls::Error) -> Step {
    match error.errno() {
        EINTR => Step::Leave(Exit::Kicked),
        // a waiting CPU has just got its INIT or SIPI
        EAGAIN => Step::Again,
        errno => {
            let error = std::io::Error::from_raw_os_error(errno);
            request(Some(GuestRequest::InternalError(format!(
                "KVM cannot run a vCPU: {error}"
            ))))
        }
    }
}

fn system_event(kind: u32) -> GuestRequest {
    match kind {
        KVM_SYSTEM_EVENT_SHUTDOWN => GuestRequest::Shutdown { exit_code: None },
        KVM_SYSTEM_EVENT_RESET => GuestRequest::Reset,
        KVM_SYSTEM_EVENT_CRASH => GuestRequest::Panic,
        other => GuestRequest::InternalError(format!("unexpected system event {other} from KVM")),
    }
}

fn request(request: Option<GuestRequest>) -> Step {
    request.map_or(Step::Again, |request| Step::Leave(Exit::Request(request)))
}

impl Core for KvmCore {
    fn attach(&mut self) {
        self.kick = Some(KickGuard::new(&mut self.fd));
    }

    fn executes(&self) -> bool {
        self.executes
    }

    fn detach(&mut self) {
        self.settle();
        self.kick = None;
        // As it was when it was made, it waits for INIT and SIPI, which do the
        // rest; KVM refuses only what it has not made.
        let state = kvm_mp_state {
            mp_state: KVM_MP_STATE_UNINITIALIZED,
        };
        let _ = self.fd.set_mp_state(state);
    }

    fn program_counter(&self) -> Result<u64, AccelError> {
        let regs = self.fd.get_regs();
        let regs = regs.map_err(AccelError::call("read a vCPU's registers"))?;
        Ok(regs.rip)
    }

    fn registers(&self) -> Result<Registers, AccelError> {
        const KERNEL_GS_BASE: u32 = 0xc000_0102;
        let failed = || AccelError::call("read a vCPU's registers");
        let regs = self.fd.get_regs().map_err(failed())?;
        let sregs = self.fd.get_sregs().map_err(failed())?;
        let entry = kvm_msr_entry {
            index: KERNEL_GS_BASE,
            ..Default::default()
        };
        // a CPU without long mode has no such register
        let base = Msrs::from_entries(&[entry]).ok().and_then(|mut msrs| {
            let read = self.fd.get_msrs(&mut msrs).ok()?;
            msrs.as_slice().get(..read)?.first().map(|msr| msr.data)
        });
        let debug = self.fd.get_debug_regs().map_err(failed())?;
        let fpu = self.fd.get_fpu().map_err(failed())?;
        let mut float = Float::from(&fpu);
        self.access().add_extended(&mut float)?;
        Ok(Registers {
            breakpoints: debug.db,
            dr6: debug.dr6,
            dr7: debug.dr7,
            halted: self.halted(),
            float,
            ..(regs, sregs, base.unwrap_or_default()).into()
        })
    }

    fn arm(&mut self) {
        self.fd.set_kvm_immediate_exit(0);
    }

    fn run(&mut self, buses: &Buses) -> Exit {
        loop {
            if let Step::Leave(exit) = self.step(buses) {
                return exit;
            }
        }
    }

    fn settle(&mut self) {
        if self.unsettled {
            self.unsettled = false;
            self.fd.set_kvm_immediate_exit(1);
            // completes the access, then returns EINTR before any instruction
            let _ = self.fd.run();
        }
    }

    fn nmi(&mut self) -> Result<(), AccelError> {
        let state = self
            .fd
            .get_mp_state()
            .map_err(AccelError::call("tell a vCPU's state"))?;
        if matches!(
            state.mp_state,
            KVM_MP_STATE_UNINITIALIZED | KVM_MP_STATE_INIT_RECEIVED
        ) {
            return Ok(()); // a CPU that waits for SIPI has no handler yet
        }
        self.fd.nmi().map_err(AccelError::call("inject an NMI"))
    }

    fn translate(&self, address: u64) -> Result<Option<u64>, AccelError> {
        let found = self
            .fd
            .translate_gva(address)
            .map_err(AccelError::call("translate a guest address"))?;
        Ok((found.valid != 0).then_some(found.physical_address))
    }

    fn halted(&self) -> bool {
        self.fd.get_mp_state().is_ok_and(|state| {
            matches!(
                state.mp_state,
                KVM_MP_STATE_HALTED | KVM_MP_STATE_UNINITIALIZED | KVM_MP_STATE_INIT_RECEIVED
            )
        })
    }

    fn save(&mut self) -> Result<Option<CpuState>, AccelError> {
        self.settle();
        self.access().save(self.executes).map(Some)
    }

    fn check(&self, state: &CpuState) -> Result<(), Invalid> {
        self.access().check(state)
    }

    fn load(&mut self, state: &CpuState) -> Result<(), AccelError> {
        self.settle(); // an access that was under way belongs to what is over
        self.access().load(state)?;
        self.executes = state.executes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn internal_errors_are_told_whatever_the_kernel_adds() {
        let text = internal_error_text;
        let emulation = KVM_INTERNAL_ERROR_EMULATION;
        // length 2, then the bytes of an instruction and what follows
        let bytes = u64::from_le_bytes([2, 0x0f, 0x05, 0x90, 0x90, 0x90, 0x90, 0x90]);
        assert_eq!(
            text(emulation, &[1, bytes, 0]),
            "KVM internal error: cannot emulate the instruction [0f, 05]"
        );
        let bytes = [1, u64::MAX, u64::MAX, u64::MAX, u64::MAX];
        let all = text(emulation, &bytes);
        assert_eq!(all.matches("ff").count(), 15, "{all}");
        for data in [&[][..], &[0], &[0, 7]] {
            let said = text(emulation, data);
            assert_eq!(said, "KVM internal error: cannot emulate an instruction");
        }
        assert!(text(emulation, &[1]).ends_with("instruction []"));
        assert_eq!(
            text(3, &[0x10, 2]),
            "KVM internal error, suberror 3, data [10, 2]"
        );
    }

    #[test]
    fn unknown_system_events_stop_the_guest() {
        assert!(matches!(
            system_event(99),
            GuestRequest::InternalError(text) if text.contains("99")
        ));
    }
}

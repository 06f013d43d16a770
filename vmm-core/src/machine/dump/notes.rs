//! Notes about CPUs: their registers as a debugger wants them, and in full.
//!
//! Layouts: `struct elf_prstatus` of Linux for x86-64 and for i386; the notes named `QEMU` are described by
//! the source of the program `crash` (`qemu.h`).

use crate::accel::{Registers, Segment};

const NT_PRSTATUS: u32 = 1;
/// The type of the notes named `QEMU`, and the version of what is in them.
const CPU_STATE: u32 = 0;
const CPU_STATE_VERSION: u32 = 1;

/// Places in [`Registers::general`].
const RAX: usize = 0;
const RCX: usize = 1;
const RDX: usize = 2;
const RBX: usize = 3;
const RSP: usize = 4;
const RBP: usize = 5;
const RSI: usize = 6;
const RDI: usize = 7;

/// The notes about all CPUs, by index; a debugger sees CPU 0 as process 1.
pub(super) fn of(cpus: &[(u32, Registers)], long_mode: bool) -> Vec<u8> {
    let mut notes = Vec::new();
    for (index, cpu) in cpus {
        let process = index.saturating_add(1);
        let status = match long_mode {
            true => status_64(process, cpu),
            false => status_32(process, cpu),
        };
        note(&mut notes, b"CORE\0", NT_PRSTATUS, &status);
    }
    for (_, cpu) in cpus {
        note(&mut notes, b"QEMU\0", CPU_STATE, &state(cpu));
    }
    notes
}

fn note(notes: &mut Vec<u8>, name: &[u8], kind: u32, description: &[u8]) {
    for word in [length(name), length(description), kind] {
        notes.extend(word.to_le_bytes());
    }
    for bytes in [name, description] {
        notes.extend(bytes);
        notes.resize(notes.len().next_multiple_of(4), 0);
    }
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn status_64(process: u32, cpu: &Registers) -> Vec<u8> {
    let mut status = vec![0; 32];
    status.extend(process.to_le_bytes());
    status.resize(112, 0); // signals, parents, times
    let g = &cpu.general;
    let selector = |segment: Segment| u64::from(segment.selector);
    let registers = [
        g[15],
        g[14],
        g[13],
        g[12],
        g[RBP],
        g[RBX],
        g[11],
        g[10],
        g[9],
        g[8],
        g[RAX],
        g[RCX],
        g[RDX],
        g[RSI],
        g[RDI],
        0, // the number of a system call
        cpu.rip,
        selector(cpu.cs),
        cpu.rflags,
        g[RSP],
        selector(cpu.ss),
        cpu.fs.base,
        cpu.gs.base,
        selector(cpu.ds),
        selector(cpu.es),
        selector(cpu.fs),
        selector(cpu.gs),
    ];
    status.extend(registers.iter().flat_map(|word| word.to_le_bytes()));
    status.resize(336, 0);
    status
}

fn status_32(process: u32, cpu: &Registers) -> Vec<u8> {
    let mut status = vec![0; 24];
    status.extend(process.to_le_bytes());
    status.resize(72, 0);
    let g = cpu.general.map(low);
    let selector = |segment: Segment| u32::from(segment.selector);
    let registers = [
        g[RBX],
        g[RCX],
        g[RDX],
        g[RSI],
        g[RDI],
        g[RBP],
        g[RAX],
        selector(cpu.ds),
        selector(cpu.es),
        selector(cpu.fs),
        selector(cpu.gs),
        0, // the number of a system call
        low(cpu.rip),
        selector(cpu.cs),
        low(cpu.rflags),
        g[RSP],
        selector(cpu.ss),
    ];
    status.extend(registers.iter().flat_map(|word| word.to_le_bytes()));
    status.resize(144, 0);
    status
}

/// The lower half of a register.
fn low(word: u64) -> u32 {
    u32::try_from(word & u64::from(u32::MAX)).unwrap_or_default()
}

/// Everything that is known of a CPU.
fn state(cpu: &Registers) -> Vec<u8> {
    const SIZE: u32 = 440;
    let mut state = [CPU_STATE_VERSION, SIZE].map(u32::to_le_bytes).concat();
    let order = [RAX, RBX, RCX, RDX, RSI, RDI, RSP, RBP].into_iter();
    let words = order.chain(8..16).map(|register| cpu.general[register]);
    let words = words.chain([cpu.rip, cpu.rflags]);
    state.extend(words.flat_map(u64::to_le_bytes));
    for segment in [
        cpu.cs, cpu.ds, cpu.es, cpu.fs, cpu.gs, cpu.ss, cpu.ldt, cpu.tr, cpu.gdt, cpu.idt,
    ] {
        for word in [segment.selector.into(), segment.limit, segment.flags, 0] {
            state.extend(word.to_le_bytes());
        }
        state.extend(segment.base.to_le_bytes());
    }
    for word in [cpu.cr0, 0, cpu.cr2, cpu.cr3, cpu.cr4, cpu.kernel_gs_base] {
        state.extend(word.to_le_bytes());
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_that_debuggers_know() {
        let cpu = Registers::at_reset();
        assert_eq!(status_64(1, &cpu).len(), 336);
        assert_eq!(status_32(1, &cpu).len(), 144);
        assert_eq!(state(&cpu).len(), 440);
        let notes = of(&[(0, cpu.clone()), (5, cpu)], true);
        assert_eq!(notes.len(), 2 * (20 + 336) + 2 * (20 + 440));
    }
}

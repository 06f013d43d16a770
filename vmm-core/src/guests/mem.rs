//! A guest that takes memory modules, and lets them go.

use iced_x86::code_asm as x;

use super::program::{PAGE, PDPT, POWER_VECTOR, Program, Result as Step, TABLE, assemble};
use super::{AssembleError, Guest, PLUG_KEEPS, PLUG_REFUSAL, PLUG_REPORT};

const EVENT_STATUS: u32 = 0x620;
const EVENT_ENABLE: u32 = 0x628;
const MEMORY_EVENT: u32 = 1 << 3;

/// Registers of the memory hot-plug controller.
const SELECTOR: u32 = 0xa00;
const ADDRESS_LOW: u32 = 0xa00;
const ADDRESS_HIGH: u32 = 0xa04;
const OST_EVENT: u32 = 0xa04;
const OST_STATUS: u32 = 0xa08;
const STATUS: u32 = 0xa14;

const INSERTING: u32 = 1 << 1;
const REMOVING: u32 = 1 << 2;
const EJECT: u32 = 1 << 3;

/// Slots that the guest looks at.
const SLOTS: u32 = 4;
/// Page table for what has come.
const PD_PLUGGED: u32 = 0x1_7000;

/// What the guest writes to the first bytes of a module, plus the slot.
pub const MEM_MARK: u32 = 0x600d_ca00;
/// Where it writes the same once more, from the module's beginning.
pub const MEM_MARK_OFFSET: u64 = (2 << 20) - 8;

/// Prints `mem: ready` and takes part in memory hot-plug from then on, for the
/// first four slots: maps each module that comes, writes [`MEM_MARK`] and reads
/// it back, and prints `mem: a module has come`; when one is to go, reports as
/// [`plug`](super::plug) does, ejects it and prints `mem: a module has gone`, or
/// refuses and prints `mem: a module stays`.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn mem() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let handler = p.label();
        p.handlers(&[(POWER_VECTOR, handler)])?;
        p.interrupts(1 << 9)?;
        p.print("mem: ready\n")?;
        p.out8(EVENT_ENABLE, MEMORY_EVENT)?;
        p.idle()?;

        p.handler(handler, |p| {
            p.out8(EVENT_STATUS, MEMORY_EVENT)?;
            for slot in 0..SLOTS {
                look(p, slot)?;
            }
            p.out8(0xa0, 0x20)?;
            p.end_of_interrupt()
        })
    })
}

/// Does what is to be done about one slot.
fn look(p: &mut Program, slot: u32) -> Step {
    let (mut goes, mut stays, mut done) = (p.label(), p.label(), p.label());
    p.out32(SELECTOR, slot)?;
    p.in8(STATUS)?;
    p.asm.test(x::al, REMOVING)?;
    p.asm.jnz(goes)?;
    p.asm.test(x::al, INSERTING)?;
    p.asm.jz(done)?;
    p.out8(STATUS, INSERTING)?;
    take(p, slot, done)?;
    p.asm.jmp(done)?;

    p.asm.set_label(&mut goes)?;
    p.out8(STATUS, REMOVING)?;
    p.asm.cmp(x::dword_ptr(PLUG_KEEPS), 0)?;
    p.asm.jne(stays)?;
    p.out32(OST_EVENT, PLUG_REPORT.0)?;
    p.out32(OST_STATUS, PLUG_REPORT.1)?;
    p.out8(STATUS, EJECT)?;
    p.print("mem: a module has gone\n")?;
    p.asm.jmp(done)?;
    p.asm.set_label(&mut stays)?;
    p.asm.dec(x::dword_ptr(PLUG_KEEPS))?;
    p.out32(OST_EVENT, PLUG_REFUSAL.0)?;
    p.out32(OST_STATUS, PLUG_REFUSAL.1)?;
    p.print("mem: a module stays\n")?;
    p.asm.set_label(&mut done)
}

/// Maps the first pages of the selected module, and uses them.
fn take(p: &mut Program, slot: u32, failed: x::CodeLabel) -> Step {
    p.asm.mov(x::edx, ADDRESS_LOW)?;
    p.asm.in_(x::eax, x::dx)?;
    p.asm.mov(x::r8d, x::eax)?;
    p.asm.mov(x::edx, ADDRESS_HIGH)?;
    p.asm.in_(x::eax, x::dx)?;
    p.asm.shl(x::rax, 32)?;
    p.asm.or(x::r8, x::rax)?;
    p.asm.mov(x::rcx, x::r8)?;
    p.asm.shr(x::rcx, 30)?;
    p.asm.mov(x::eax, PD_PLUGGED | TABLE)?;
    p.asm.mov(x::qword_ptr(x::rcx * 8 + PDPT), x::rax)?;
    p.asm.mov(x::rcx, x::r8)?;
    p.asm.shr(x::rcx, 21)?;
    p.asm.and(x::ecx, 511)?;
    p.asm.mov(x::rax, x::r8)?;
    p.asm.or(x::rax, PAGE as i32)?;
    p.asm.mov(x::qword_ptr(x::rcx * 8 + PD_PLUGGED), x::rax)?;
    for offset in [0, MEM_MARK_OFFSET as u32] {
        p.asm.mov(x::dword_ptr(x::r8 + offset), MEM_MARK + slot)?;
        p.asm.cmp(x::dword_ptr(x::r8 + offset), MEM_MARK + slot)?;
        p.asm.jne(failed)?;
    }
    p.print("mem: a module has come\n")
}

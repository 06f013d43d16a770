//! A guest that takes CPUs, and lets them go.

use iced_x86::code_asm as x;

use super::program::{POWER_VECTOR, Program, Result as Step, assemble};
use super::smp::{APIC, ICR, SPURIOUS, START_PAGE, copy_start};
use super::{AP_COUNT, AssembleError, Guest};

/// Registers of the general-purpose events and of the CPU hot-plug controller.
const EVENT_STATUS: u32 = 0x620;
const EVENT_ENABLE: u32 = 0x628;
const CPU_SELECTOR: u32 = 0xcd8;
const CPU_STATUS: u32 = 0xcdc;
const CPU_COMMAND: u32 = 0xcdd;
const CPU_DATA: u32 = 0xce0;

const CPU_EVENT: u32 = 1 << 2;
const INSERTING: u32 = 1 << 1;
const REMOVING: u32 = 1 << 2;
const EJECT: u32 = 1 << 3;

const ICR_HIGH: u32 = 0x310;
const INIT: u32 = 0x4500;
const START: u32 = 0x4600;

/// What the guest reports when it is asked to let a CPU go: event and status.
pub const PLUG_REPORT: (u32, u32) = (3, 0x84);

/// The same as long as [`PLUG_KEEPS`] is not zero: it is busy.
pub const PLUG_REFUSAL: (u32, u32) = (3, 0x82);

/// u32: how many requests to let a CPU go the guest refuses, with
/// [`PLUG_REFUSAL`]; it counts down.
pub const PLUG_KEEPS: u64 = 0x1_2014;

/// Prints `plug: ready` and takes part in CPU hot-plug from then on: starts
/// each CPU that comes, which adds 1 to [`AP_COUNT`], and prints
/// `plug: a CPU has come`; when a CPU is to go, reports [`PLUG_REPORT`], ejects
/// it and prints `plug: a CPU has gone`, or `plug: a CPU stays`.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn plug() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let handler = p.label();
        p.asm.mov(x::word_ptr(AP_COUNT), 0)?;
        copy_start(p)?;
        p.handlers(&[(POWER_VECTOR, handler)])?;
        p.asm.mov(x::edi, APIC)?;
        p.asm.mov(x::dword_ptr(x::rdi + SPURIOUS), 0x1ff)?; // software enable
        p.interrupts(1 << 9)?;
        p.print("plug: ready\n")?;
        p.out8(EVENT_ENABLE, CPU_EVENT)?;
        p.idle()?;

        p.handler(handler, |p| {
            p.out8(EVENT_STATUS, CPU_EVENT)?;
            p.out32(CPU_SELECTOR, 0)?;
            p.out8(CPU_COMMAND, 0)?; // to the CPU that has an event
            let (mut gone, mut done) = (p.label(), p.label());
            p.in8(CPU_STATUS)?;
            p.asm.test(x::al, INSERTING)?;
            p.asm.jz(gone)?;
            p.out8(CPU_STATUS, INSERTING)?;
            start(p)?;
            p.print("plug: a CPU has come\n")?;
            p.asm.jmp(done)?;

            p.asm.set_label(&mut gone)?;
            p.asm.test(x::al, REMOVING)?;
            p.asm.jz(done)?;
            p.out8(CPU_STATUS, REMOVING)?;
            let mut goes = p.label();
            p.asm.cmp(x::dword_ptr(PLUG_KEEPS), 0)?;
            p.asm.je(goes)?;
            p.asm.dec(x::dword_ptr(PLUG_KEEPS))?;
            report(p, PLUG_REFUSAL)?;
            p.print("plug: a CPU stays\n")?;
            p.asm.jmp(done)?;
            p.asm.set_label(&mut goes)?;
            report(p, PLUG_REPORT)?;
            p.out8(CPU_STATUS, EJECT)?;
            p.print("plug: a CPU has gone\n")?;
            p.asm.set_label(&mut done)?;
            p.out8(0xa0, 0x20)?;
            p.end_of_interrupt()
        })
    })
}

/// Reports on the selected CPU.
fn report(p: &mut Program, (event, status): (u32, u32)) -> Step {
    p.out8(CPU_COMMAND, 1)?;
    p.out32(CPU_DATA, event)?;
    p.out8(CPU_COMMAND, 2)?;
    p.out32(CPU_DATA, status)
}

/// Starts the selected CPU, and waits until it runs.
fn start(p: &mut Program) -> Step {
    p.out8(CPU_COMMAND, 3)?; // the APIC ID
    p.asm.mov(x::edx, CPU_DATA)?;
    p.asm.in_(x::eax, x::dx)?;
    p.asm.shl(x::eax, 24)?;
    p.asm.mov(x::edi, APIC)?;
    p.asm.mov(x::dword_ptr(x::rdi + ICR_HIGH), x::eax)?;
    p.asm.movzx(x::ebx, x::word_ptr(AP_COUNT))?;
    p.asm.mov(x::dword_ptr(x::rdi + ICR), INIT)?;
    let (mut pause, mut wait) = (p.label(), p.label());
    p.asm.mov(x::ecx, 1000)?;
    p.asm.set_label(&mut pause)?; // a port read takes a microsecond or more
    p.in8(0x80)?;
    p.asm.dec(x::ecx)?;
    p.asm.jnz(pause)?;
    p.asm.mov(x::dword_ptr(x::rdi + ICR), START | START_PAGE)?;
    p.asm.set_label(&mut wait)?;
    p.in8(0x80)?;
    p.asm.cmp(x::word_ptr(AP_COUNT), x::bx)?;
    p.asm.je(wait)
}

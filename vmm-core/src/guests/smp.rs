//! A guest with several CPUs.

use iced_x86::code_asm as x;

use super::program::{Program, Result as Step, assemble};
use super::{AP_COUNT, AssembleError, Guest};

/// Where further CPUs start: page 8.
pub(super) const START_PAGE: u32 = 0x08;
pub(super) const APIC: u32 = 0xfee0_0000;
/// Registers of the local APIC: interrupt command, spurious interrupts.
pub(super) const ICR: u32 = 0x300;
pub(super) const SPURIOUS: u32 = 0xf0;
/// Interrupt commands to all CPUs but the sender.
const INIT_OTHERS: u32 = 0x000c_4500;
const START_OTHERS: u32 = 0x000c_4600;

/// Starts all CPUs (their number is in CMOS byte 0x5f); each further one adds
/// 1 to [`AP_COUNT`] and halts. When all have, prints `smp: all CPUs are up`
/// and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn smp() -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.asm.mov(x::word_ptr(AP_COUNT), 0)?;
        copy_start(p)?;

        p.asm.mov(x::edi, APIC)?;
        p.asm.mov(x::dword_ptr(x::rdi + SPURIOUS), 0x1ff)?; // software enable
        p.asm.mov(x::dword_ptr(x::rdi + ICR), INIT_OTHERS)?;
        let mut pause = p.label();
        p.asm.mov(x::ecx, 1000)?;
        p.asm.set_label(&mut pause)?; // a port read takes a microsecond or more
        p.in8(0x80)?;
        p.asm.dec(x::ecx)?;
        p.asm.jnz(pause)?;
        p.asm
            .mov(x::dword_ptr(x::rdi + ICR), START_OTHERS | START_PAGE)?;

        p.out8(0x70, 0x5f)?;
        p.in8(0x71)?;
        p.asm.movzx(x::ecx, x::al)?;
        let mut wait = p.label();
        p.asm.set_label(&mut wait)?;
        p.in8(0x80)?;
        p.asm.cmp(x::word_ptr(AP_COUNT), x::cx)?;
        p.asm.jne(wait)?;
        p.print("smp: all CPUs are up\n")?;
        p.power_off()
    })
}

/// Puts the code that further CPUs start with where they do.
pub(super) fn copy_start(p: &mut Program) -> Step {
    let start = real_mode_start()?;
    let code = p.data(&start);
    p.asm.lea(x::rsi, x::ptr(code))?;
    p.asm.mov(x::edi, START_PAGE << 12)?;
    p.asm
        .mov(x::ecx, u32::try_from(start.len()).unwrap_or(u32::MAX))?;
    p.asm.rep().movsb()
}

fn real_mode_start() -> Step<Vec<u8>> {
    let mut asm = x::CodeAssembler::new(16)?;
    let mut park = asm.create_label();
    asm.cli()?;
    asm.xor(x::ax, x::ax)?;
    asm.mov(x::ds, x::ax)?;
    asm.lock().inc(x::word_ptr(AP_COUNT))?;
    asm.set_label(&mut park)?;
    asm.hlt()?;
    asm.jmp(park)?;
    asm.assemble(u64::from(START_PAGE) << 12)
}

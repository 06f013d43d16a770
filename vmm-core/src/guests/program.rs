//! What the guests are written with: an assembler and a few routines.

use iced_x86::IcedError;
use iced_x86::code_asm as x;

use super::{AssembleError, Guest};
use crate::boot::FLAT_ADDRESS;

pub(super) type Result<T = ()> = std::result::Result<T, IcedError>;

pub(super) const STACK_TOP: u32 = 0x9_0000;
const GDT: u32 = 0x1_0000;
const GDT_POINTER: u32 = 0x1_0040;
const IDT_POINTER: u32 = 0x1_0048;
const IDT: u32 = 0x1_1000;
const CODE_SELECTOR: u32 = 0x08;
const DATA_SELECTOR: u32 = 0x10;

/// Page tables: four levels, the first 16 MiB and the local APIC.
const PML4: u32 = 0x1_3000;
pub(super) const PDPT: u32 = 0x1_4000;
const PD_LOW: u32 = 0x1_5000;
pub(super) const PD_HIGH: u32 = 0x1_6000;
const LOW_PAGES: u32 = 8;
const APIC_PAGE: u32 = 0xfee0_0000;
const PAGE_SHIFT: u32 = 21;
pub(super) const TABLE: u32 = 0x3; // present, writable
pub(super) const PAGE: u32 = 0x83; // a large page
pub(super) const UNCACHED: u32 = 0x18;

const EFER: u32 = 0xc000_0080;

/// Where 64-bit code begins: behind the way into long mode.
const PROLOGUE_SIZE: u32 = 0x140;
/// The same where Linux' boot protocol has it.
pub(super) const ENTRY_64: u32 = 0x200;

pub(super) const COM1: u32 = 0x3f8;

/// Interrupt vectors that the guests use.
pub(super) const NMI_VECTOR: u32 = 2;
pub(super) const TIMER_VECTOR: u32 = 0x20;
pub(super) const SERIAL_VECTOR: u32 = 0x24;
pub(super) const KEYBOARD_VECTOR: u32 = 0x21;
pub(super) const MOUSE_VECTOR: u32 = 0x2c;
pub(super) const CLOCK_VECTOR: u32 = 0x28;
pub(super) const POWER_VECTOR: u32 = 0x29;

/// A program under construction, in 64-bit code. Routines may change `rax`,
/// `rbx`, `rdx` and `rsi`.
pub(super) struct Program {
    pub(super) asm: x::CodeAssembler,
    texts: Vec<(x::CodeLabel, Vec<u8>)>,
    print: x::CodeLabel,
    /// Entries of a virtio device's queue; others than the default are the caller's to fill.
    pub(super) queue_size: u32,
}

/// Assembles what `body` writes.
pub(super) fn assemble(
    body: impl FnOnce(&mut Program) -> Result,
) -> std::result::Result<Guest, AssembleError> {
    assemble_behind(PROLOGUE_SIZE, body)
}

/// The same with the code at `start`, where it can be entered, too.
pub(super) fn assemble_behind(
    start: u32,
    body: impl FnOnce(&mut Program) -> Result,
) -> std::result::Result<Guest, AssembleError> {
    let mut code = prologue(start)?;
    code.resize(start as usize, 0);
    let mut asm = x::CodeAssembler::new(64)?;
    let print = asm.create_label();
    let mut program = Program {
        asm,
        texts: Vec::new(),
        print,
        queue_size: super::virtio::QUEUE_SIZE,
    };
    body(&mut program)?;
    program.finish()?;
    code.extend(program.asm.assemble(FLAT_ADDRESS + u64::from(start))?);
    Ok(Guest { code })
}

/// From the state at start into long mode: segments, page tables, the switch.
fn prologue(start: u32) -> Result<Vec<u8>> {
    let mut asm = x::CodeAssembler::new(32)?;
    asm.cli()?;
    asm.cld()?;
    asm.mov(x::esp, STACK_TOP)?;
    for (slot, descriptor) in [
        (0, 0),
        (1, 0x00af_9a00_0000_ffff),
        (2, 0x00cf_9200_0000_ffff),
    ] {
        store_wide(&mut asm, GDT + slot * 8, descriptor)?;
    }
    pointer(&mut asm, GDT_POINTER, 0x17, GDT)?;
    store_wide(&mut asm, PML4, u64::from(PDPT | TABLE))?;
    store_wide(&mut asm, PDPT, u64::from(PD_LOW | TABLE))?;
    store_wide(
        &mut asm,
        PDPT + (APIC_PAGE >> 30) * 8,
        u64::from(PD_HIGH | TABLE),
    )?;
    let apic_slot = (APIC_PAGE >> PAGE_SHIFT) % 512;
    store_wide(
        &mut asm,
        PD_HIGH + apic_slot * 8,
        u64::from(APIC_PAGE | PAGE | UNCACHED),
    )?;
    asm.mov(x::eax, PAGE)?;
    asm.mov(x::edi, PD_LOW)?;
    let mut next = asm.create_label();
    asm.set_label(&mut next)?;
    asm.mov(x::ptr(x::edi), x::eax)?;
    asm.mov(x::dword_ptr(x::edi + 4), 0)?;
    asm.add(x::edi, 8)?;
    asm.add(x::eax, 1 << PAGE_SHIFT)?;
    asm.cmp(x::edi, PD_LOW + LOW_PAGES * 8)?;
    asm.jb(next)?;

    asm.lgdt(x::ptr(GDT_POINTER))?;
    asm.mov(x::eax, 1 << 5)?; // physical address extension
    asm.mov(x::cr4, x::eax)?;
    asm.mov(x::eax, PML4)?;
    asm.mov(x::cr3, x::eax)?;
    asm.mov(x::ecx, EFER)?;
    asm.mov(x::eax, 1 << 8)?; // long mode enable
    asm.xor(x::edx, x::edx)?;
    asm.wrmsr()?;
    asm.mov(x::eax, 0x8000_0011u32)?; // paging, protection
    asm.mov(x::cr0, x::eax)?;
    asm.mov(x::eax, DATA_SELECTOR)?;
    asm.mov(x::ds, x::eax)?;
    asm.mov(x::es, x::eax)?;
    asm.mov(x::ss, x::eax)?;
    asm.push(CODE_SELECTOR)?;
    asm.push(0x10_0000 + start)?;
    asm.retf()?;
    asm.assemble(FLAT_ADDRESS)
}

impl Program {
    /// The routines and texts behind the body.
    fn finish(&mut self) -> Result {
        let mut print = self.print;
        let (mut wait, mut done) = (self.label(), self.label());
        let asm = &mut self.asm;
        asm.set_label(&mut print)?; // rsi: text that ends with a zero byte
        asm.lodsb()?;
        asm.test(x::al, x::al)?;
        asm.jz(done)?;
        asm.mov(x::bl, x::al)?;
        asm.mov(x::edx, COM1 + 5)?;
        asm.set_label(&mut wait)?;
        asm.in_(x::al, x::dx)?;
        asm.test(x::al, 0x20)?; // the transmitter takes a byte
        asm.jz(wait)?;
        asm.mov(x::edx, COM1)?;
        asm.mov(x::al, x::bl)?;
        asm.out(x::dx, x::al)?;
        asm.jmp(print)?;
        asm.set_label(&mut done)?;
        asm.ret()?;
        for (mut label, bytes) in std::mem::take(&mut self.texts) {
            self.asm.set_label(&mut label)?;
            self.asm.db(&bytes)?;
        }
        Ok(())
    }

    pub(super) fn label(&mut self) -> x::CodeLabel {
        self.asm.create_label()
    }

    /// Bytes behind the code; the label of the first.
    pub(super) fn data(&mut self, bytes: &[u8]) -> x::CodeLabel {
        let label = self.asm.create_label();
        self.texts.push((label, bytes.to_vec()));
        label
    }

    /// Prints `text` on the first serial port.
    pub(super) fn print(&mut self, text: &str) -> Result {
        let label = self.data(&[text.as_bytes(), &[0]].concat());
        self.asm.lea(x::rsi, x::ptr(label))?;
        self.asm.call(self.print)
    }

    /// Prints the text at `rsi`, which ends with a zero byte.
    pub(super) fn print_text(&mut self) -> Result {
        self.asm.call(self.print)
    }

    /// Prints the text at an address, up to a zero byte.
    pub(super) fn print_at(&mut self, address: u32) -> Result {
        self.asm.mov(x::esi, address)?;
        self.print_at_esi()
    }

    /// Prints the text at `esi`, up to a zero byte.
    pub(super) fn print_at_esi(&mut self) -> Result {
        self.asm.call(self.print)
    }

    /// Prints `al` in two hexadecimal digits.
    pub(super) fn print_hex(&mut self) -> Result {
        let digits = self.data(b"0123456789abcdef");
        let buffer = self.data(&[0; 3]);
        self.asm.movzx(x::eax, x::al)?;
        self.asm.mov(x::edx, x::eax)?;
        self.asm.shr(x::eax, 4)?;
        self.asm.and(x::edx, 0xf)?;
        self.asm.lea(x::rsi, x::ptr(digits))?;
        self.asm.mov(x::al, x::byte_ptr(x::rsi + x::rax))?;
        self.asm.mov(x::ah, x::byte_ptr(x::rsi + x::rdx))?;
        self.asm.lea(x::rsi, x::ptr(buffer))?;
        self.asm.mov(x::word_ptr(x::rsi), x::ax)?;
        self.asm.call(self.print)
    }

    pub(super) fn out8(&mut self, port: u32, value: u32) -> Result {
        self.asm.mov(x::eax, value)?;
        self.asm.mov(x::edx, port)?;
        self.asm.out(x::dx, x::al)
    }

    pub(super) fn out16(&mut self, port: u32, value: u32) -> Result {
        self.asm.mov(x::eax, value)?;
        self.asm.mov(x::edx, port)?;
        self.asm.out(x::dx, x::ax)
    }

    pub(super) fn out32(&mut self, port: u32, value: u32) -> Result {
        self.asm.mov(x::eax, value)?;
        self.asm.mov(x::edx, port)?;
        self.asm.out(x::dx, x::eax)
    }

    pub(super) fn in8(&mut self, port: u32) -> Result {
        self.asm.mov(x::edx, port)?;
        self.asm.in_(x::al, x::dx)
    }

    /// Powers off; nothing follows.
    pub(super) fn power_off(&mut self) -> Result {
        self.out16(0x604, 0x2000)?;
        self.park()
    }

    /// Waits for nothing, for ever.
    pub(super) fn park(&mut self) -> Result {
        let mut again = self.label();
        self.asm.cli()?;
        self.asm.set_label(&mut again)?;
        self.asm.hlt()?;
        self.asm.jmp(again)
    }

    /// Waits for interrupts, for ever.
    pub(super) fn idle(&mut self) -> Result {
        let mut again = self.label();
        self.asm.set_label(&mut again)?;
        self.asm.sti()?;
        self.asm.hlt()?;
        self.asm.jmp(again)
    }

    /// Loads an interrupt table with these handlers.
    pub(super) fn handlers(&mut self, handlers: &[(u32, x::CodeLabel)]) -> Result {
        let asm = &mut self.asm;
        for (vector, handler) in handlers {
            let gate = IDT + vector * 16;
            asm.lea(x::rax, x::ptr(*handler))?;
            asm.mov(x::edx, x::eax)?;
            asm.and(x::eax, 0xffff)?;
            asm.or(x::eax, CODE_SELECTOR << 16)?;
            asm.mov(x::dword_ptr(gate), x::eax)?;
            asm.and(x::edx, 0xffff_0000u32)?;
            asm.or(x::edx, 0x8e00)?; // present, interrupt gate
            asm.mov(x::dword_ptr(gate + 4), x::edx)?;
            store(asm, gate + 8, 0)?;
            store(asm, gate + 12, 0)?;
        }
        pointer(asm, IDT_POINTER, 0xfff, IDT)?;
        store(asm, IDT_POINTER + 8, 0)?;
        asm.lidt(x::ptr(IDT_POINTER))
    }

    /// Sets both 8259s up: vectors 0x20 and 0x28, only `lines` unmasked.
    pub(super) fn interrupts(&mut self, lines: u32) -> Result {
        let unmasked = if lines > 0xff { lines | 1 << 2 } else { lines }; // the cascade
        for (port, value) in [
            (0x20, 0x11),
            (0xa0, 0x11),
            (0x21, TIMER_VECTOR),
            (0xa1, TIMER_VECTOR + 8),
            (0x21, 4),
            (0xa1, 2),
            (0x21, 1),
            (0xa1, 1),
            (0x21, !unmasked & 0xff),
            (0xa1, !(unmasked >> 8) & 0xff),
        ] {
            self.out8(port, value)?;
        }
        Ok(())
    }

    /// Acknowledges an interrupt below 8.
    pub(super) fn end_of_interrupt(&mut self) -> Result {
        self.out8(0x20, 0x20)
    }

    /// A handler: `body` with the registers kept that routines may change.
    pub(super) fn handler(
        &mut self,
        mut label: x::CodeLabel,
        body: impl FnOnce(&mut Self) -> Result,
    ) -> Result {
        let kept = [x::rax, x::rbx, x::rdx, x::rsi];
        self.asm.set_label(&mut label)?;
        for register in kept {
            self.asm.push(register)?;
        }
        body(self)?;
        for register in kept.into_iter().rev() {
            self.asm.pop(register)?;
        }
        self.asm.iretq()
    }
}

fn store(asm: &mut x::CodeAssembler, address: u32, value: u32) -> Result {
    asm.mov(x::dword_ptr(address), value)
}

fn store_wide(asm: &mut x::CodeAssembler, address: u32, value: u64) -> Result {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    store(asm, address, u32::from_le_bytes([a, b, c, d]))?;
    store(asm, address + 4, u32::from_le_bytes([e, f, g, h]))
}

/// The operand of `lgdt` and `lidt`, for a table below 4 GiB.
fn pointer(asm: &mut x::CodeAssembler, at: u32, limit: u32, base: u32) -> Result {
    store(asm, at, (base << 16) | limit)?;
    store(asm, at + 4, base >> 16)
}

//! What a CPU's registers hold.

use super::kvm;

/// A CPU's registers between two instructions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Registers {
    /// rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15: in the order of their numbers.
    pub general: [u64; 16],
    /// The address of the next instruction.
    pub rip: u64,
    /// Flags.
    pub rflags: u64,
    /// Code segment.
    pub cs: Segment,
    /// Data segment.
    pub ds: Segment,
    /// Extra segment.
    pub es: Segment,
    /// Further data segment.
    pub fs: Segment,
    /// Further data segment.
    pub gs: Segment,
    /// Stack segment.
    pub ss: Segment,
    /// Local descriptor table.
    pub ldt: Segment,
    /// Task state.
    pub tr: Segment,
    /// Global descriptor table.
    pub gdt: Segment,
    /// Interrupt descriptor table.
    pub idt: Segment,
    /// Modes.
    pub cr0: u64,
    /// The address of the last page fault.
    pub cr2: u64,
    /// The page tables.
    pub cr3: u64,
    /// Features in use.
    pub cr4: u64,
    /// Long mode.
    pub efer: u64,
    /// What `swapgs` brings in.
    pub kernel_gs_base: u64,
    /// Addresses of breakpoints.
    pub breakpoints: [u64; 4],
    /// What breakpoints were met.
    pub dr6: u64,
    /// What breakpoints are for.
    pub dr7: u64,
    /// Whether it waits for an interrupt, or has not been started.
    pub halted: bool,
    /// Floating point, and vectors.
    pub float: Float,
}

/// Registers of floating point, and vectors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Float {
    /// The control word.
    pub control: u16,
    /// The status word.
    pub status: u16,
    /// A bit for each register of the stack that is in use.
    pub tags: u8,
    /// Control and status of vectors.
    pub mxcsr: u32,
    /// Mantissa, and exponent with sign.
    pub stack: [(u64, u16); 8],
    /// Vectors, the lowest part first.
    pub vectors: [[u64; 4]; 16],
    /// Whether they have more than two parts.
    pub has_wide_vectors: bool,
}

/// A segment, or a table that is described like one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Segment {
    /// What was loaded.
    pub selector: u16,
    /// The first linear address.
    pub base: u64,
    /// The last offset, in bytes.
    pub limit: u32,
    /// Attributes as they are in the upper half of a descriptor, bits 8 to 23.
    pub flags: u32,
}

impl Registers {
    const PAGING: u64 = 1 << 31;
    const LONG_MODE_ACTIVE: u64 = 1 << 10;

    /// Those of a CPU that was reset, and has run nothing since.
    #[must_use]
    pub(crate) fn at_reset() -> Self {
        const CODE: u32 = 0x9b00;
        const DATA: u32 = 0x9300;
        let real = |flags| Segment {
            limit: 0xffff,
            flags,
            ..Segment::default()
        };
        Self {
            rip: 0xfff0,
            rflags: 2,
            cs: Segment {
                selector: 0xf000,
                base: 0xffff_0000,
                ..real(CODE)
            },
            ds: real(DATA),
            es: real(DATA),
            fs: real(DATA),
            gs: real(DATA),
            ss: real(DATA),
            ldt: real(0x8200),
            tr: real(0x8b00),
            gdt: real(0),
            idt: real(0),
            cr0: 0x6000_0010,
            dr6: 0xffff_0ff0,
            dr7: 0x400,
            float: Float {
                control: 0x37f,
                mxcsr: 0x1f80,
                ..Float::default()
            },
            ..Self::default()
        }
    }

    /// Whether addresses go through page tables.
    #[must_use]
    pub fn has_paging(&self) -> bool {
        self.cr0 & Self::PAGING != 0
    }

    /// Whether the code is of 64 bits.
    #[must_use]
    pub fn is_64_bit_code(&self) -> bool {
        const LONG: u32 = 1 << 21;
        self.is_long_mode() && self.cs.flags & LONG != 0
    }

    /// Whether the CPU is in long mode, be it in 64-bit code or in older code.
    #[must_use]
    pub fn is_long_mode(&self) -> bool {
        self.efer & Self::LONG_MODE_ACTIVE != 0
    }
}

impl From<(kvm::Regs, kvm::Sregs, u64)> for Registers {
    /// Registers as KVM has them, and the base that `swapgs` brings in.
    fn from((regs, sregs, kernel_gs_base): (kvm::Regs, kvm::Sregs, u64)) -> Self {
        let table = |table: kvm_bindings::kvm_dtable| Segment {
            base: table.base,
            limit: table.limit.into(),
            ..Segment::default()
        };
        Self {
            general: [
                regs.rax, regs.rcx, regs.rdx, regs.rbx, regs.rsp, regs.rbp, regs.rsi, regs.rdi,
                regs.r8, regs.r9, regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
            ],
            rip: regs.rip,
            rflags: regs.rflags,
            cs: sregs.cs.into(),
            ds: sregs.ds.into(),
            es: sregs.es.into(),
            fs: sregs.fs.into(),
            gs: sregs.gs.into(),
            ss: sregs.ss.into(),
            ldt: sregs.ldt.into(),
            tr: sregs.tr.into(),
            gdt: table(sregs.gdt),
            idt: table(sregs.idt),
            cr0: sregs.cr0,
            cr2: sregs.cr2,
            cr3: sregs.cr3,
            cr4: sregs.cr4,
            efer: sregs.efer,
            kernel_gs_base,
            ..Self::default()
        }
    }
}

impl From<&kvm_bindings::kvm_fpu> for Float {
    /// As KVM has them apart from the extended state.
    fn from(fpu: &kvm_bindings::kvm_fpu) -> Self {
        let word = |bytes: &[u8; 16], at: usize| {
            let word = bytes[at..].first_chunk();
            word.map_or(0, |word| u64::from_le_bytes(*word))
        };
        Self {
            control: fpu.fcw,
            status: fpu.fsw,
            tags: fpu.ftwx,
            mxcsr: 0,
            stack: fpu
                .fpr
                .each_ref()
                .map(|one| (word(one, 0), word(one, 8) as u16)),
            vectors: fpu
                .xmm
                .each_ref()
                .map(|one| [word(one, 0), word(one, 8), 0, 0]),
            has_wide_vectors: false,
        }
    }
}

impl From<kvm_bindings::kvm_segment> for Segment {
    fn from(segment: kvm_bindings::kvm_segment) -> Self {
        let bits = [
            (segment.type_, 8),
            (segment.s, 12),
            (segment.dpl, 13),
            (segment.present, 15),
            (segment.avl, 20),
            (segment.l, 21),
            (segment.db, 22),
            (segment.g, 23),
        ];
        // a segment that cannot be used has no attributes
        let bits = bits.iter().filter(|_| segment.unusable == 0);
        Self {
            selector: segment.selector,
            base: segment.base,
            limit: segment.limit,
            flags: bits.fold(0, |flags, &(bit, at)| flags | u32::from(bit) << at),
        }
    }
}

//! What `info registers` shows, in QEMU's layout: a CPU in 64-bit code has longer registers, and more.

use std::fmt::Write;

use super::line::Line;
use super::{Human, Said, Stop, expression};
use crate::accel::{Float, Registers, Segment};

/// General registers in the order of the layout: what is behind `R` or `E`, and the number.
const GENERAL: [(&str, usize); 8] = [
    ("AX", 0),
    ("BX", 3),
    ("CX", 1),
    ("DX", 2),
    ("SI", 6),
    ("DI", 7),
    ("BP", 5),
    ("SP", 4),
];

/// Flags by their bits, in the order of the layout.
const FLAGS: [(u32, char); 7] = [
    (10, 'D'),
    (11, 'O'),
    (7, 'S'),
    (6, 'Z'),
    (4, 'A'),
    (2, 'P'),
    (0, 'C'),
];

/// What descriptors of the system's are, by their type: in long mode, and before it.
const SYSTEM_64: [(u32, &str); 7] = [
    (0, "<hiword>"),
    (2, "LDT"),
    (9, "TSS64-avl"),
    (11, "TSS64-busy"),
    (12, "CallGate64"),
    (14, "IntGate64"),
    (15, "TrapGate64"),
];
const SYSTEM_32: [(u32, &str); 12] = [
    (1, "TSS16-avl"),
    (2, "LDT"),
    (3, "TSS16-busy"),
    (4, "CallGate16"),
    (5, "TaskGate"),
    (6, "IntGate16"),
    (7, "TrapGate16"),
    (9, "TSS32-avl"),
    (11, "TSS32-busy"),
    (12, "CallGate32"),
    (14, "IntGate32"),
    (15, "TrapGate32"),
];

pub(super) fn registers(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [all] = line.flags(['a'])?;
    let mut cpu = i64::from(human.cpu);
    if !line.is_empty() {
        cpu = expression::read_32(human, &mut line)?;
    }
    line.end()?;
    let machine = &human.vmm.machine;
    let present: Vec<u32> = machine.cpus()?.iter().map(|cpu| cpu.index).collect();
    let wanted: Vec<u32> = (present.iter().copied())
        .filter(|index| all || i64::from(*index) == cpu)
        .collect();
    if wanted.is_empty() {
        return Err(Stop::Text(match present.is_empty() {
            true => "No CPU available\n".to_owned(),
            false => format!("CPU#{cpu} not available\n"),
        }));
    }
    let mut text = String::new();
    for index in wanted {
        let _ = writeln!(text, "\nCPU#{index}");
        text += &layout(&machine.registers(index)?);
    }
    Ok(text)
}

fn layout(cpu: &Registers) -> String {
    let mut text = String::new();
    let wide = cpu.is_64_bit_code();
    general(&mut text, cpu, wide);
    for (name, segment) in [
        ("ES", &cpu.es),
        ("CS", &cpu.cs),
        ("SS", &cpu.ss),
        ("DS", &cpu.ds),
        ("FS", &cpu.fs),
        ("GS", &cpu.gs),
        ("LDT", &cpu.ldt),
        ("TR", &cpu.tr),
    ] {
        let Segment {
            selector,
            limit,
            flags,
            ..
        } = segment;
        let base = hex(segment.base, wide);
        // Writing to a string does not fail.
        let _ = write!(
            text,
            "{name:3}={selector:04x} {base} {limit:08x} {flags:08x}"
        );
        let _ = writeln!(text, "{}", descriptor(cpu, segment));
    }
    control(&mut text, cpu);
    float(&mut text, &cpu.float, if wide { 16 } else { 8 });
    text
}

fn hex(value: u64, wide: bool) -> String {
    match wide {
        true => format!("{value:016x}"),
        false => format!("{:08x}", value & 0xffff_ffff),
    }
}

fn general(text: &mut String, cpu: &Registers, wide: bool) {
    let letter = if wide { 'R' } else { 'E' };
    let named = GENERAL
        .iter()
        .map(|&(name, at)| (format!("{letter}{name}"), at));
    let numbered = (8..16).map(|at| (format!("{:3}", format!("R{at}")), at));
    let all = named.chain(numbered).take(if wide { 16 } else { 8 });
    for (place, (name, at)) in all.enumerate() {
        let end = if place % 4 == 3 { '\n' } else { ' ' };
        let _ = write!(text, "{name}={}{end}", hex(cpu.general[at], wide));
    }
    let flags = FLAGS.iter();
    let flags: String = flags
        .map(|&(bit, letter)| {
            if cpu.rflags >> bit & 1 == 1 {
                letter
            } else {
                '-'
            }
        })
        .collect();
    // There is no mode of the system's manager, and the line A20 is up; interrupts are not held back
    // while anybody looks.
    let _ = writeln!(
        text,
        "{letter}IP={} {letter}FL={:08x} [{flags}] CPL={} II=0 A20=1 SMM=0 HLT={}",
        hex(cpu.rip, wide),
        cpu.rflags,
        cpu.ss.flags >> 13 & 3,
        u8::from(cpu.halted)
    );
}

/// What a segment's attributes mean; nothing in real mode, and of segments that are not there.
fn descriptor(cpu: &Registers, segment: &Segment) -> String {
    const PROTECTION: u64 = 1;
    let flags = segment.flags;
    let is = |bit: u32| flags >> bit & 1 == 1;
    if cpu.cr0 & PROTECTION == 0 || !is(15) {
        return String::new();
    }
    let privilege = flags >> 13 & 3;
    let mark = |bit: u32, letter: char| if is(bit) { letter } else { '-' };
    let kind = if !is(12) {
        let names: &[_] = match cpu.is_long_mode() {
            true => &SYSTEM_64,
            false => &SYSTEM_32,
        };
        let kind = flags >> 8 & 0xf;
        let name = names.iter().find(|(number, _)| *number == kind);
        name.map_or("Reserved", |(_, name)| name).to_owned()
    } else if is(11) {
        let code = match (is(21), is(22)) {
            (true, _) => "CS64",
            (false, true) => "CS32",
            (false, false) => "CS16",
        };
        format!("{code} [{}{}{}]", mark(10, 'C'), mark(9, 'R'), mark(8, 'A'))
    } else {
        let data = match is(22) || cpu.is_long_mode() {
            true => "DS  ",
            false => "DS16",
        };
        format!("{data} [{}{}{}]", mark(10, 'E'), mark(9, 'W'), mark(8, 'A'))
    };
    format!(" DPL={privilege} {kind}")
}

fn control(text: &mut String, cpu: &Registers) {
    let long = cpu.is_long_mode();
    for (name, table) in [("GDT", &cpu.gdt), ("IDT", &cpu.idt)] {
        let _ = writeln!(
            text,
            "{name}=     {} {:08x}",
            hex(table.base, long),
            table.limit
        );
    }
    let _ = writeln!(
        text,
        "CR0={:08x} CR2={} CR3={} CR4={:08x}",
        cpu.cr0,
        hex(cpu.cr2, long),
        hex(cpu.cr3, long),
        cpu.cr4
    );
    for (number, address) in cpu.breakpoints.iter().enumerate() {
        let _ = write!(text, "DR{number}={address:016x} ");
    }
    let _ = writeln!(
        text,
        "\nDR6={:016x} DR7={:016x}\nEFER={:016x}",
        cpu.dr6, cpu.dr7, cpu.efer
    );
}

fn float(text: &mut String, float: &Float, vectors: usize) {
    let _ = writeln!(
        text,
        "FCW={:04x} FSW={:04x} [ST={}] FTW={:02x} MXCSR={:08x}",
        float.control,
        float.status,
        float.status >> 11 & 7,
        float.tags,
        float.mxcsr
    );
    let end = |number: usize| if number % 2 == 1 { '\n' } else { ' ' };
    for (number, (mantissa, exponent)) in float.stack.iter().enumerate() {
        let _ = write!(
            text,
            "FPR{number}={mantissa:016x} {exponent:04x}{}",
            end(number)
        );
    }
    for (number, [a, b, c, d]) in float.vectors.iter().take(vectors).enumerate() {
        let _ = match float.has_wide_vectors {
            true => writeln!(text, "YMM{number:02}={d:016x} {c:016x} {b:016x} {a:016x}"),
            false => write!(text, "XMM{number:02}={b:016x} {a:016x}{}", end(number)),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_told_in_words() {
        let cpu = |efer| Registers {
            cr0: 1,
            efer,
            ..Registers::at_reset()
        };
        let (long, narrow) = (cpu(0x500), cpu(0));
        let told = |cpu: &Registers, flags| {
            let segment = Segment {
                flags,
                ..Segment::default()
            };
            descriptor(cpu, &segment)
        };
        assert_eq!(told(&long, 0x00af_9b00), " DPL=0 CS64 [-RA]");
        assert_eq!(told(&narrow, 0x00cf_fb00), " DPL=3 CS32 [-RA]");
        assert_eq!(told(&narrow, 0x00cf_9200), " DPL=0 DS   [-W-]");
        assert_eq!(told(&narrow, 0x0000_9300), " DPL=0 DS16 [-WA]");
        assert_eq!(told(&long, 0x0000_9300), " DPL=0 DS   [-WA]");
        assert_eq!(told(&long, 0x8b00), " DPL=0 TSS64-busy");
        assert_eq!(told(&narrow, 0x8b00), " DPL=0 TSS32-busy");
        assert_eq!(told(&narrow, 0x8200), " DPL=0 LDT");
        assert_eq!(told(&long, 0x8100), " DPL=0 Reserved");
        assert_eq!(told(&long, 0x1300), "");
        assert_eq!(told(&Registers::at_reset(), 0x9b00), "");
    }
}

//! Integer expressions, with registers by name.

use super::line::Line;
use super::{Human, Stop};
use crate::accel::Registers;

/// Brackets nest no deeper.
const MAX_DEPTH: u32 = 64;

/// Reads and computes an expression; arithmetic wraps around.
pub(super) fn read(human: &Human<'_, '_>, line: &mut Line<'_>) -> Result<i64, Stop> {
    sum(human, line, 0)
}

/// One that has to fit into 32 bits.
pub(super) fn read_32(human: &Human<'_, '_>, line: &mut Line<'_>) -> Result<i64, Stop> {
    let command = line.command_name();
    let value = read(human, line)?;
    // That leaves negative ones out, as in QEMU.
    match value >> 32 {
        0 => Ok(value),
        _ => Err(Stop::Usage(format!(
            "'{command}' has failed: integer is for 32-bit values"
        ))),
    }
}

/// The sum of logical terms.
fn sum(human: &Human<'_, '_>, line: &mut Line<'_>, depth: u32) -> Result<i64, Stop> {
    let mut value = logic(human, line, depth)?;
    loop {
        if line.takes('+') {
            value = value.wrapping_add(logic(human, line, depth)?);
        } else if line.takes('-') {
            value = value.wrapping_sub(logic(human, line, depth)?);
        } else {
            return Ok(value);
        }
    }
}

fn logic(human: &Human<'_, '_>, line: &mut Line<'_>, depth: u32) -> Result<i64, Stop> {
    let mut value = product(human, line, depth)?;
    loop {
        if line.takes('&') {
            value &= product(human, line, depth)?;
        } else if line.takes('|') {
            value |= product(human, line, depth)?;
        } else if line.takes('^') {
            value ^= product(human, line, depth)?;
        } else {
            return Ok(value);
        }
    }
}

fn product(human: &Human<'_, '_>, line: &mut Line<'_>, depth: u32) -> Result<i64, Stop> {
    let mut value = operand(human, line, depth)?;
    loop {
        if line.takes('*') {
            value = value.wrapping_mul(operand(human, line, depth)?);
            continue;
        }
        let divides = line.takes('/');
        if !divides && !line.takes('%') {
            return Ok(value);
        }
        let by = operand(human, line, depth)?;
        if by == 0 {
            return Err(Stop::Usage("division by zero".to_owned()));
        }
        value = match divides {
            true => value.wrapping_div(by),
            false => value.wrapping_rem(by),
        };
    }
}

fn operand(human: &Human<'_, '_>, line: &mut Line<'_>, depth: u32) -> Result<i64, Stop> {
    let fault = |text: &str| Err(Stop::Usage(text.to_owned()));
    if depth > MAX_DEPTH {
        return fault("expression is nested too deeply");
    }
    line.skip_blanks();
    match line.peek() {
        None => fault("unexpected end of expression"),
        Some('+') => {
            line.takes('+');
            operand(human, line, depth + 1)
        }
        Some('-') => {
            line.takes('-');
            Ok(operand(human, line, depth + 1)?.wrapping_neg())
        }
        Some('~') => {
            line.takes('~');
            Ok(!operand(human, line, depth + 1)?)
        }
        Some('(') => {
            line.takes('(');
            let value = sum(human, line, depth + 1)?;
            match line.takes(')') {
                true => Ok(value),
                false => fault("')' expected"),
            }
        }
        Some('\'') => {
            line.takes('\'');
            let Some(letter) = line.letter(|_| true) else {
                return fault("character constant expected");
            };
            match line.letter(|letter| letter == '\'') {
                Some(_) => Ok(i64::from(u32::from(letter))),
                None => fault("missing terminating ' character"),
            }
        }
        Some('$') => {
            line.takes('$');
            let mut name = String::new();
            let is_part = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
            while let Some(letter) = line.letter(is_part) {
                name.push(letter);
            }
            let registers = human.vmm.machine.registers(human.cpu)?;
            match register(&registers, &name) {
                Some(value) => Ok(value.cast_signed()),
                None => fault("unknown register"),
            }
        }
        Some('0'..='9') => number(line),
        Some(letter) => fault(&format!("invalid char '{letter}' in expression")),
    }
}

fn number(line: &mut Line<'_>) -> Result<i64, Stop> {
    let mut radix = 10;
    let mut digits = String::from("0");
    if line.letter(|letter| letter == '0').is_some() {
        radix = 8;
        if line
            .letter(|letter| letter.eq_ignore_ascii_case(&'x'))
            .is_some()
        {
            radix = 16;
        }
    }
    while let Some(digit) = line.letter(|letter| letter.is_digit(radix)) {
        digits.push(digit);
    }
    let value = u64::from_str_radix(&digits, radix);
    let value = value.map_err(|_| Stop::Usage("number too large".to_owned()))?;
    Ok(value.cast_signed())
}

/// A register by one of its names.
fn register(registers: &Registers, name: &str) -> Option<u64> {
    const GENERAL: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    let short = name.strip_prefix(['e', 'r']).unwrap_or(name);
    let general = GENERAL.iter().position(|known| *known == short);
    let numbered = name
        .strip_prefix('r')
        .and_then(|number| number.parse().ok());
    if let Some(index) = general.or(numbered.filter(|number| (8..16).contains(number))) {
        return Some(registers.general[index]);
    }
    let segment = |name: &str| {
        Some(match name {
            "cs" => registers.cs,
            "ds" => registers.ds,
            "es" => registers.es,
            "fs" => registers.fs,
            "gs" => registers.gs,
            "ss" => registers.ss,
            _ => return None,
        })
    };
    let (start, part) = name.split_once('.').unwrap_or((name, ""));
    match (segment(start), part) {
        (Some(segment), "") => return Some(segment.selector.into()),
        (Some(segment), "base") => return Some(segment.base),
        (Some(segment), "limit") => return Some(segment.limit.into()),
        _ => {}
    }
    Some(match name {
        "fp" => registers.general[5],
        "eip" | "rip" => registers.rip,
        // The linear address, as QEMU has it.
        "pc" => registers.cs.base.wrapping_add(registers.rip),
        "eflags" | "rflags" => registers.rflags,
        "cr0" => registers.cr0,
        "cr2" => registers.cr2,
        "cr3" => registers.cr3,
        "cr4" => registers.cr4,
        "efer" => registers.efer,
        _ => return None,
    })
}

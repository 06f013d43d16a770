//! Views of memory and of numbers: `x`, `xp`, `sum`, `gva2gpa` and `print`.

use std::fmt::Write;

use super::line::Line;
use super::{Human, Stop, expression};

/// Bytes that are summed at a time.
const PAGE: u64 = 4096;
/// No more than this many bytes are shown at once.
const MAX_BYTES: u64 = 1 << 20;

/// How numbers were shown last: what is not said stays as it was.
#[derive(Debug, Clone, Copy)]
pub(in crate::qmp) struct Format {
    radix: char,
    /// Bytes of a number.
    size: u8,
}

impl Format {
    pub(super) fn size(self) -> u8 {
        self.size
    }
}

impl Default for Format {
    fn default() -> Self {
        Format {
            radix: 'x',
            size: 4,
        }
    }
}

/// Reads `/4xw` or the like: how many, and how.
pub(super) fn format(
    human: &mut Human<'_, '_>,
    line: &mut Line<'_>,
) -> Result<(u64, Format), Stop> {
    let kept = human.vmm.format;
    if !line.takes('/') {
        return Ok((1, kept));
    }
    let mut digits = String::new();
    while let Some(digit) = line.letter(|letter| letter.is_ascii_digit()) {
        digits.push(digit);
    }
    let count = match digits.is_empty() {
        true => 1,
        false => digits.parse().unwrap_or(u64::MAX),
    };
    let mut format = kept;
    while let Some(letter) = line.letter(|letter| "oduxicbhwgl".contains(letter)) {
        match letter {
            'b' => format.size = 1,
            'h' => format.size = 2,
            'w' => format.size = 4,
            'g' | 'l' => format.size = 8,
            radix => format.radix = radix,
        }
    }
    if let Some(letter) = line.peek().filter(|letter| !letter.is_ascii_whitespace()) {
        return Err(Stop::Usage(format!("invalid char in format: '{letter}'")));
    }
    human.vmm.format = format;
    Ok((count, format))
}

/// `print`: the value of an expression.
pub(super) fn print(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Result<String, Stop> {
    let (_, format) = format(human, &mut line)?;
    let value = expression::read(human, &mut line)?;
    line.end()?;
    Ok(match format.radix {
        'o' if value == 0 => "0\n".to_owned(),
        'o' => format!("0{value:o}\n"),
        'x' if value == 0 => "0\n".to_owned(),
        'x' => format!("{value:#x}\n"),
        'u' => format!("{}\n", value.cast_unsigned()),
        'c' => format!("{}\n", character(value)),
        _ => format!("{value}\n"),
    })
}

/// `x`: virtual memory of the CPU.
pub(super) fn of_cpu(human: &mut Human<'_, '_>, line: Line<'_>) -> Result<String, Stop> {
    dump(human, line, true)
}

/// `xp`: physical memory.
pub(super) fn physical(human: &mut Human<'_, '_>, line: Line<'_>) -> Result<String, Stop> {
    dump(human, line, false)
}

/// `sum`: the checksum of BSD's `sum` over physical memory; where there is none, zeroes count.
pub(super) fn sum(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Result<String, Stop> {
    let start = expression::read_32(human, &mut line)?.cast_unsigned();
    let size = expression::read_32(human, &mut line)?.cast_unsigned();
    line.end()?;
    let machine = &human.vmm.machine;
    let mut sum = 0u16;
    let mut at = start;
    let end = start.saturating_add(size);
    while at < end {
        let here = (end - at).min(PAGE - at % PAGE);
        let length = usize::try_from(here).unwrap_or_default();
        let bytes = machine.read_physical(at, length);
        for byte in bytes.unwrap_or_else(|_| vec![0; length]) {
            sum = sum.rotate_right(1).wrapping_add(byte.into());
        }
        at += here;
    }
    Ok(format!("{sum:05}\n"))
}

/// `gva2gpa`: where a virtual address of the CPU is in physical memory.
pub(super) fn place(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Result<String, Stop> {
    let address = expression::read(human, &mut line)?.cast_unsigned();
    line.end()?;
    Ok(match human.vmm.machine.translate(human.cpu, address)? {
        None => "Unmapped\n".to_owned(),
        Some(0) => "gpa: 0\n".to_owned(),
        Some(physical) => format!("gpa: {physical:#x}\n"),
    })
}

fn dump(human: &mut Human<'_, '_>, mut line: Line<'_>, is_virtual: bool) -> Result<String, Stop> {
    let (count, format) = format(human, &mut line)?;
    let address = expression::read(human, &mut line)?.cast_unsigned();
    line.end()?;
    if format.radix == 'i' {
        let text = "Asm output not supported on this arch\n";
        return Err(Stop::Text(text.to_owned()));
    }
    let length = count.saturating_mul(format.size.into());
    if length > MAX_BYTES {
        let text = format!("no more than {MAX_BYTES} bytes are shown at once\n");
        return Err(Stop::Text(text));
    }
    let machine = &human.vmm.machine;
    let mut text = String::new();
    let line_size = if format.size == 1 { 8 } else { 16 };
    let mut at = 0;
    while at < length {
        let here = (length - at).min(line_size);
        let place = address.wrapping_add(at);
        let bytes = usize::try_from(here).unwrap_or_default();
        let bytes = match is_virtual {
            true => machine.read_virtual(human.cpu, place, bytes),
            false => machine.read_physical(place, bytes),
        };
        let _ = write!(text, "{place:016x}:");
        let Ok(bytes) = bytes else {
            text += " Cannot access memory\n";
            break;
        };
        text += &numbers(&bytes, format);
        text.push('\n');
        at += here;
    }
    Ok(text)
}

/// A line of numbers, each behind a blank.
fn numbers(bytes: &[u8], format: Format) -> String {
    let mut text = String::new();
    if format.radix == 'c' {
        for byte in bytes {
            let _ = write!(text, " {}", printed(*byte));
        }
        return text;
    }
    let bits = u32::from(format.size) * 8;
    for number in bytes.chunks(format.size.into()) {
        let mut whole = [0; 8];
        whole[..number.len()].copy_from_slice(number);
        let value = u64::from_le_bytes(whole);
        let signed = (value << (64 - bits)).cast_signed() >> (64 - bits);
        let decimal = (bits * 10).div_ceil(33) as usize;
        // Writing to a string does not fail.
        let _ = match format.radix {
            'o' => {
                let octal = match value {
                    0 => "0".to_owned(),
                    _ => format!("0{value:o}"),
                };
                let width = bits.div_ceil(3) as usize;
                write!(text, " {octal:>width$}")
            }
            'u' => write!(text, " {value:decimal$}"),
            'd' => write!(text, " {signed:decimal$}"),
            _ => {
                let width = (bits / 4) as usize;
                write!(text, " 0x{value:0width$x}")
            }
        };
    }
    text
}

/// The lower half of a number as a character, or what its code would be.
fn character(value: i64) -> String {
    let code = value.cast_unsigned() & u64::from(u32::MAX);
    u8::try_from(code).map_or_else(|_| format!("'\\x{code:02x}'"), printed)
}

/// A byte as a character constant.
fn printed(byte: u8) -> String {
    match byte {
        b'\'' => "'\\''".to_owned(),
        b'\\' => "'\\\\'".to_owned(),
        b'\n' => "'\\n'".to_owned(),
        b'\r' => "'\\r'".to_owned(),
        32..=126 => format!("'{}'", char::from(byte)),
        _ => format!("'\\x{byte:02x}'"),
    }
}

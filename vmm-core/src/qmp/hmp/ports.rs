//! I/O ports as the guest has them: `i` and `o`.

use super::line::Line;
use super::memory::format;
use super::{Human, Said, Stop, expression};

/// An access as a format has it.
struct Access {
    bytes: usize,
    letter: char,
    /// Digits that are shown.
    digits: usize,
}

impl Access {
    fn take(human: &mut Human<'_, '_>, line: &mut Line<'_>) -> Result<Self, Stop> {
        let (_, format) = format(human, line)?;
        let (bytes, letter) = match format.size() {
            2 => (2, 'w'),
            4 => (4, 'l'),
            _ => (1, 'b'), // there is none of eight
        };
        let digits = usize::from(format.size()) * 2;
        Ok(Self {
            bytes,
            letter,
            digits,
        })
    }
}

fn port(human: &Human<'_, '_>, line: &mut Line<'_>) -> Result<u16, Stop> {
    let [low, high, ..] = expression::read_32(human, line)?.to_le_bytes();
    Ok(u16::from_le_bytes([low, high]))
}

/// `i`: reads a port, if need be behind writing an index to it.
pub(super) fn read(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let Access {
        bytes,
        letter,
        digits,
    } = Access::take(human, &mut line)?;
    let mut at = port(human, &mut line)?;
    if line.takes('.') {
        let [index, ..] = expression::read_32(human, &mut line)?.to_le_bytes();
        line.end()?;
        human.vmm.machine.write_port(at, &[index]);
        at = at.wrapping_add(1);
    }
    line.end()?;
    let value = human.vmm.machine.read_port(at, bytes);
    Ok(format!("port{letter}[{at:#06x}] = 0x{value:0digits$x}\n"))
}

/// `o`: writes to a port.
pub(super) fn write(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let access = Access::take(human, &mut line)?;
    let at = port(human, &mut line)?;
    let value = expression::read_32(human, &mut line)?.to_le_bytes();
    line.end()?;
    let bytes = value.get(..access.bytes).unwrap_or_default();
    human.vmm.machine.write_port(at, bytes);
    Ok(String::new())
}

//! Mice: `mouse_move`, `mouse_button` and `mouse_set`.

use qmp_runtime::QmpError;

use super::line::Line;
use super::{Human, Said, Stop, expression};
use crate::devices::{Axis, Button, InputEvent};

/// Buttons by their bits.
const BUTTONS: [(i64, Button); 3] = [(1, Button::Left), (2, Button::Right), (4, Button::Middle)];

/// Nothing is said of events that nobody takes.
fn send(human: &Human<'_, '_>, events: &[InputEvent]) {
    let _ = human.vmm.machine.input(events);
}

pub(super) fn moves(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let [right, down] = [line.needs("string")?, line.needs("string")?];
    let wheel = line.word()?;
    line.end()?;
    let by = |axis, text: &str| InputEvent::Move {
        axis,
        by: leading_number(text),
    };
    send(human, &[by(Axis::X, &right), by(Axis::Y, &down)]);
    let button = match wheel.map_or(0, |text| leading_number(&text)) {
        0 => return Ok(String::new()),
        1.. => Button::WheelUp,
        _ => Button::WheelDown,
    };
    for down in [true, false] {
        send(human, &[InputEvent::Button { button, down }]);
    }
    Ok(String::new())
}

pub(super) fn button(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let wanted = expression::read_32(human, &mut line)?;
    line.end()?;
    let before = std::mem::replace(&mut human.vmm.mouse_buttons, wanted);
    let changes: Vec<_> = BUTTONS
        .into_iter()
        .filter(|(bit, _)| (before ^ wanted) & bit != 0)
        .map(|(bit, button)| InputEvent::Button {
            button,
            down: wanted & bit != 0,
        })
        .collect();
    send(human, &changes);
    Ok(String::new())
}

/// There is one mouse at most, which is the one in use.
pub(super) fn set(human: &mut Human<'_, '_>, mut line: Line<'_>) -> Said {
    let index = expression::read_32(human, &mut line)?;
    line.end()?;
    let mice = human.vmm.machine.mice();
    let is_it = |number: usize| i64::try_from(number) == Ok(index);
    match mice.iter().any(|mouse| is_it(mouse.index)) {
        true => Ok(String::new()),
        false => {
            let text = format!("Mouse at index '{index}' not found");
            Err(Stop::Failed(QmpError::generic(text)))
        }
    }
}

/// The number that a text begins with, as C reads it: with a sign, in hexadecimal or octal; 0 if it begins with none.
fn leading_number(text: &str) -> i64 {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match digits.strip_prefix("0x") {
        Some(rest) => (16, rest),
        None if digits.starts_with('0') => (8, digits),
        None => (10, digits),
    };
    let digits = digits.chars().map_while(|digit| digit.to_digit(radix));
    let number = digits.fold(0i64, |number, digit| {
        number
            .saturating_mul(radix.into())
            .saturating_add(digit.into())
    });
    sign * number
}

#[cfg(test)]
mod tests {
    use super::leading_number;

    #[test]
    fn numbers_are_read_as_c_reads_them() {
        let cases = [
            ("", 0),
            ("a", 0),
            ("12", 12),
            ("-7x", -7),
            ("+0x1fg", 31),
            ("010", 8),
            ("0", 0),
            ("99999999999999999999", i64::MAX),
        ];
        for (text, number) in cases {
            assert_eq!(leading_number(text), number, "{text}");
        }
    }
}

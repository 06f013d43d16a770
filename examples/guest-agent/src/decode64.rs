//! Base64 as the agents that clients know read it: in groups of four, whatever stands behind the last whole
//! group is dropped, and padding may stand in the middle. Clients see by the count what was taken.

use qmp_runtime::QmpError;

/// Decodes a text.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, QmpError> {
    let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
    let mut group = [0u8; 4];
    let mut length = 0;
    for digit in text.bytes().filter(|&byte| byte != b'\n') {
        if value(digit).is_none() {
            let text = "Base64 data contains invalid characters";
            return Err(QmpError::generic(text));
        }
        group[length] = digit;
        length += 1;
        if length == group.len() {
            length = 0;
            let number = group.iter().fold(0u32, |number, &digit| {
                number << 6 | u32::from(value(digit).unwrap_or_default())
            });
            let [_, first, second, third] = number.to_be_bytes();
            bytes.push(first);
            if group[2] != b'=' {
                bytes.push(second);
            }
            if group[3] != b'=' {
                bytes.push(third);
            }
        }
    }
    Ok(bytes)
}

fn value(digit: u8) -> Option<u8> {
    Some(match digit {
        b'A'..=b'Z' => digit - b'A',
        b'a'..=b'z' => digit - b'a' + 26,
        b'0'..=b'9' => digit - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        b'=' => 0,
        _ => return None,
    })
}

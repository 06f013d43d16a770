//! The test exit of ISA machines: a write ends the process with a code.

use super::{Device, GuestRequest};

/// One port; writing `value` powers off with exit code `value * 2 + 1`, so a
/// guest's success can be told from the process's own.
#[derive(Debug, Default)]
pub struct DebugExit;

impl Device for DebugExit {
    fn read(&self, _offset: u64, data: &mut [u8]) {
        data.fill(0);
    }

    fn write(&self, _offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = i32::from(data.first().copied().unwrap_or_default());
        Some(GuestRequest::Shutdown {
            exit_code: Some((value << 1) | 1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn write_shuts_down_with_an_odd_code() {
        for (value, code) in [(0, 1), (1, 3), (0x10, 33)] {
            let expected = GuestRequest::Shutdown {
                exit_code: Some(code),
            };
            assert_eq!(DebugExit.write(0, &[value, 0, 0, 0]), Some(expected));
        }
    }
}

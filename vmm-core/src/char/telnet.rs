//! The little of Telnet (RFC 854) that a raw terminal needs.

const IAC: u8 = 255;

/// Takes commands out of what a Telnet client sends.
#[derive(Debug, Default)]
pub(super) struct Telnet {
    /// Bytes of a command so far.
    command: Vec<u8>,
}

impl Telnet {
    /// The server echoes, does not want to be prompted, and both sides send bytes as they are.
    pub(super) const GREETING: &'static [u8] =
        &[IAC, 251, 1, IAC, 251, 3, IAC, 251, 0, IAC, 253, 0];

    /// Leaves the data in `bytes`. A command may come in pieces.
    pub(super) fn strip(&mut self, bytes: &mut Vec<u8>) {
        bytes.retain(|&byte| match self.command.len() {
            0 if byte != IAC => true,
            0 => {
                self.command.push(byte);
                false
            }
            1 => {
                self.command.clear();
                if matches!(byte, 251..=254) {
                    self.command.extend([IAC, byte]); // an option follows
                }
                byte == IAC // a doubled one is data
            }
            _ => {
                self.command.clear();
                false
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_no_data_wherever_they_are_cut() {
        let sent = [b'a', IAC, 253, 3, b'b', IAC, IAC, IAC, 241, b'c'];
        for at in 0..sent.len() {
            let mut telnet = Telnet::default();
            let (mut left, mut right) = (sent[..at].to_vec(), sent[at..].to_vec());
            telnet.strip(&mut left);
            telnet.strip(&mut right);
            assert_eq!([left, right].concat(), [b'a', b'b', IAC, b'c'], "{at}");
        }
    }
}

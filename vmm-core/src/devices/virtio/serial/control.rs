//! What device and driver say about ports, over queues of their own.

use serde::{Deserialize, Serialize};

/// Bytes of a message, without the name that may follow.
pub(super) const SIZE: usize = 8;

/// What a message is about; the value is mostly whether it is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Event {
    /// The driver is there.
    DeviceReady,
    /// There is a port.
    PortAdd,
    /// There is a port no more.
    PortRemove,
    /// The driver knows the port.
    PortReady,
    /// The port is a console.
    ConsolePort,
    /// The other end has opened or closed the port.
    PortOpen,
    /// The port has a name, which follows.
    PortName,
}

impl Event {
    const ALL: [(Self, u16); 7] = [
        (Self::DeviceReady, 0),
        (Self::PortAdd, 1),
        (Self::PortRemove, 2),
        (Self::PortReady, 3),
        (Self::ConsolePort, 4),
        (Self::PortOpen, 6),
        (Self::PortName, 7),
    ];

    fn number(self) -> u16 {
        let mut all = Self::ALL.iter();
        all.find(|(event, _)| *event == self)
            .map_or(0, |(_, number)| *number)
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Message {
    pub(super) port: u32,
    pub(super) event: Event,
    pub(super) value: u16,
    /// The name of the port, where it is about that.
    pub(super) name: Option<String>,
}

impl Message {
    pub(super) fn new(port: u32, event: Event, value: u16) -> Self {
        Self {
            port,
            event,
            value,
            name: None,
        }
    }

    pub(super) fn name(port: u32, name: &str) -> Self {
        Self {
            name: Some(name.to_owned()),
            ..Self::new(port, Event::PortName, 1)
        }
    }

    /// The message as the driver gets it.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.port.to_le_bytes().to_vec();
        bytes.extend(self.event.number().to_le_bytes());
        bytes.extend(self.value.to_le_bytes());
        if let Some(name) = &self.name {
            bytes.extend(name.as_bytes());
            bytes.push(0);
        }
        bytes
    }

    /// What the driver says; nothing if that is none of what it can say.
    pub(super) fn read(bytes: [u8; SIZE]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h] = bytes;
        let number = u16::from_le_bytes([e, f]);
        let (event, _) = Event::ALL.iter().find(|(_, known)| *known == number)?;
        let port = u32::from_le_bytes([a, b, c, d]);
        Some(Self::new(port, *event, u16::from_le_bytes([g, h])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn message_is_read_as_it_was_written() {
        for (event, _) in Event::ALL {
            let message = Message::new(0x1234_5678, event, 0x9abc);
            let bytes = message.bytes();
            assert_eq!(Message::read(bytes.try_into().unwrap()), Some(message));
        }
        assert_eq!(Message::read([0, 0, 0, 0, 5, 0, 0, 0]), None);
        let named = Message::name(7, "x");
        assert_eq!(named.bytes(), [7, 0, 0, 0, 7, 0, 1, 0, b'x', 0]);
    }
}

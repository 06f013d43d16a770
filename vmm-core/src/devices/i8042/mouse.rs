//! A PS/2 mouse, with a wheel and two more buttons for those who ask for them.

use serde::{Deserialize, Serialize};

use super::queue::Queue;
use crate::devices::{Axis, Button};

const ACK: u8 = 0xfa;

const SCALE_1: u8 = 0xe6;
const SCALE_2: u8 = 0xe7;
const SET_RESOLUTION: u8 = 0xe8;
const STATUS: u8 = 0xe9;
const STREAM: u8 = 0xea;
const POLL: u8 = 0xeb;
const UNWRAP: u8 = 0xec;
const WRAP: u8 = 0xee;
const REMOTE: u8 = 0xf0;
const IDENTIFY: u8 = 0xf2;
const SET_RATE: u8 = 0xf3;
const ENABLE: u8 = 0xf4;
const DISABLE: u8 = 0xf5;
const DEFAULTS: u8 = 0xf6;
const RESET: u8 = 0xff;

const IS_REMOTE: u8 = 1 << 6;
const IS_ENABLED: u8 = 1 << 5;
const IS_SCALED: u8 = 1 << 4;

/// Kinds of mouse, by what they answer to [`IDENTIFY`].
const WITH_WHEEL: u8 = 3;
const WITH_BUTTONS: u8 = 4;
/// Rates that, set one after another, turn the mouse into another kind.
const KNOCKS: [([u8; 3], u8); 2] = [([200, 100, 80], WITH_WHEEL), ([200, 200, 80], WITH_BUTTONS)];

/// The mouse; what it says goes through the controller.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Mouse {
    pub(super) queue: Queue,
    status: u8,
    resolution: u8,
    rate: u8,
    kind: u8,
    wrap: bool,
    /// The command that the next byte belongs to.
    command: Option<u8>,
    /// The last rates that were set.
    rates: [u8; 3],
    buttons: u8,
    /// What has moved and was not told yet: right, up, wheel down, wheel left.
    moved: [i64; 4],
}

impl Mouse {
    /// A byte from the guest.
    pub(super) fn write(&mut self, value: u8) {
        match self.command.take() {
            Some(SET_RATE) => {
                self.rate = value;
                self.rates = [self.rates[1], self.rates[2], value];
                let knock = KNOCKS.iter().find(|(rates, _)| *rates == self.rates);
                if let Some((_, kind)) = knock {
                    self.kind = *kind;
                }
                self.queue.reply(&[ACK]);
            }
            Some(_) => {
                self.resolution = value;
                self.queue.reply(&[ACK]);
            }
            None if self.wrap && value != UNWRAP && value != RESET => self.queue.reply(&[value]),
            None => self.start(value),
        }
    }

    /// The first byte of a command; unknown ones have no answer.
    fn start(&mut self, value: u8) {
        match value {
            SCALE_1 => self.status &= !IS_SCALED,
            SCALE_2 => self.status |= IS_SCALED,
            STREAM => self.status &= !IS_REMOTE,
            REMOTE => self.status |= IS_REMOTE,
            ENABLE => self.status |= IS_ENABLED,
            DISABLE => self.status &= !IS_ENABLED,
            WRAP => self.wrap = true,
            UNWRAP => self.wrap = false,
            SET_RESOLUTION | SET_RATE => self.command = Some(value),
            DEFAULTS => self.defaults(),
            STATUS => {
                let answer = [ACK, self.status, self.resolution, self.rate];
                return self.queue.reply(&answer);
            }
            IDENTIFY => return self.queue.reply(&[ACK, self.kind]),
            POLL => {
                let answer = [&[ACK], &self.packet()[..]].concat();
                return self.queue.reply(&answer);
            }
            RESET => {
                self.defaults();
                self.kind = 0;
                self.wrap = false;
                return self.queue.reply(&[ACK, 0xaa, self.kind]);
            }
            _ => return,
        }
        self.queue.reply(&[ACK]);
    }

    fn defaults(&mut self) {
        self.status = 0;
        self.resolution = 2;
        self.rate = 100;
    }

    /// The mouse moves.
    pub(super) fn moves(&mut self, axis: Axis, by: i64) {
        if self.status & IS_ENABLED != 0 {
            match axis {
                Axis::X => self.moved[0] = self.moved[0].saturating_add(by),
                Axis::Y => self.moved[1] = self.moved[1].saturating_sub(by),
            }
        }
    }

    /// A button goes down or up; wheels are buttons that only go down.
    pub(super) fn button(&mut self, button: Button, down: bool) {
        if self.status & IS_ENABLED == 0 {
            return;
        }
        let bit = match button {
            Button::Left => 1 << 0,
            Button::Right => 1 << 1,
            Button::Middle => 1 << 2,
            Button::Side => 1 << 3,
            Button::Extra => 1 << 4,
            wheel if down => {
                let (axis, by) = match wheel {
                    Button::WheelUp => (2, -1),
                    Button::WheelDown => (2, 1),
                    Button::WheelRight => (3, -1),
                    Button::WheelLeft => (3, 1),
                    _ => return,
                };
                self.moved[axis] += by;
                return;
            }
            _ => return,
        };
        if down {
            self.buttons |= bit;
        } else {
            self.buttons &= !bit;
        }
    }

    /// Tells what has moved as far as there is room; whether a button is down.
    pub(super) fn sync(&mut self) -> bool {
        if self.status & IS_ENABLED == 0 {
            return false;
        }
        let size = if self.kind == 0 { 3 } else { 4 };
        while self.status & IS_REMOTE == 0 && self.queue.has_room(size) {
            let packet = self.packet();
            self.queue.push(&packet);
            if self.moved == [0; 4] {
                break;
            }
        }
        self.buttons != 0
    }

    /// Takes up to `most` of what has moved on an axis.
    fn take(&mut self, axis: usize, most: i64) -> u8 {
        let part = self.moved[axis].clamp(-most, most);
        self.moved[axis] -= part;
        part.to_le_bytes()[0]
    }

    fn packet(&mut self) -> Vec<u8> {
        const NEGATIVE: u8 = 1 << 7;
        let (x, y) = (self.take(0, 127), self.take(1, 127));
        let signs = (x & NEGATIVE) >> 3 | (y & NEGATIVE) >> 2;
        let mut packet = vec![1 << 3 | signs | self.buttons & 7, x, y];
        match self.kind {
            WITH_WHEEL => {
                self.moved[3] = 0;
                packet.push(self.take(2, 127));
            }
            // one wheel at a time
            WITH_BUTTONS if self.moved[2] == 0 && self.moved[3] != 0 => {
                packet.push(1 << 6 | self.take(3, 31) & 0x3f);
            }
            WITH_BUTTONS => {
                let wheel = self.take(2, 7) & 0xf;
                packet.push(wheel | (self.buttons & 0x18) << 1);
            }
            _ => self.moved[2..].fill(0),
        }
        packet
    }
}

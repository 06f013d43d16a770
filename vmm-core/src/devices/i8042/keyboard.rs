//! A PS/2 keyboard.

use serde::{Deserialize, Serialize};

use super::queue::Queue;
use super::scancodes;
use crate::devices::Key;

const ACK: u8 = 0xfa;
const RESEND: u8 = 0xfe;
const ECHO: u8 = 0xee;
const SELF_TEST_PASSED: u8 = 0xaa;

const SET_LEDS: u8 = 0xed;
const SCAN_CODE_SET: u8 = 0xf0;
const IDENTIFY: u8 = 0xf2;
const SET_RATE: u8 = 0xf3;
const ENABLE: u8 = 0xf4;
const RESET_DISABLE: u8 = 0xf5;
const RESET_ENABLE: u8 = 0xf6;
const RESET: u8 = 0xff;

/// Modifier keys that are down.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Modifiers {
    pub(super) shift: [bool; 2],
    pub(super) ctrl: [bool; 2],
    /// Left and right.
    pub(super) alt: [bool; 2],
}

impl Modifiers {
    fn note(&mut self, key: Key, down: bool) {
        let modifier = match key {
            Key::LEFT_SHIFT => &mut self.shift[0],
            Key::RIGHT_SHIFT => &mut self.shift[1],
            Key::LEFT_CTRL => &mut self.ctrl[0],
            Key::RIGHT_CTRL => &mut self.ctrl[1],
            Key::LEFT_ALT => &mut self.alt[0],
            Key::RIGHT_ALT => &mut self.alt[1],
            _ => return,
        };
        *modifier = down;
    }
}

/// The keyboard; what it says goes through the controller.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Keyboard {
    pub(super) queue: Queue,
    /// The controller turns codes of set 2 into those of set 1.
    pub(super) translate: bool,
    scanning: bool,
    set: u8,
    /// The command that the next byte belongs to.
    command: Option<u8>,
    modifiers: Modifiers,
}

impl Default for Keyboard {
    fn default() -> Self {
        Self {
            queue: Queue::default(),
            translate: false,
            scanning: false,
            set: 2,
            command: None,
            modifiers: Modifiers::default(),
        }
    }
}

impl Keyboard {
    /// A byte from the guest.
    pub(super) fn write(&mut self, value: u8) {
        match (self.command.take(), value) {
            (Some(SCAN_CODE_SET), 0) => {
                let set = match (self.translate, self.set) {
                    (true, 1) => 0x43,
                    (true, _) => 0x41,
                    (false, set) => set,
                };
                self.queue.reply(&[ACK, set]);
            }
            (Some(SCAN_CODE_SET), set @ 1..=2) => {
                self.set = set;
                self.queue.reply(&[ACK]);
            }
            (Some(SCAN_CODE_SET), _) => self.queue.reply(&[RESEND]),
            (Some(_), _) => self.queue.reply(&[ACK]),
            (None, _) => self.start(value),
        }
    }

    /// The first byte of a command.
    fn start(&mut self, value: u8) {
        match value {
            SET_LEDS | SCAN_CODE_SET | SET_RATE => {
                self.command = Some(value);
                self.queue.reply(&[ACK]);
            }
            ECHO => self.queue.reply(&[ECHO]),
            IDENTIFY if self.translate => self.queue.reply(&[ACK, 0xab, 0x41]),
            IDENTIFY => self.queue.reply(&[ACK, 0xab, 0x83]),
            ENABLE => {
                self.scanning = true;
                self.queue.reply(&[ACK]);
            }
            RESET_DISABLE => {
                self.restart(false);
                self.queue.reply(&[ACK]);
            }
            RESET_ENABLE => {
                self.restart(true);
                self.queue.reply(&[ACK]);
            }
            RESET => {
                self.restart(true);
                self.queue.reply(&[ACK, SELF_TEST_PASSED]);
            }
            0x00 => self.queue.reply(&[ACK]),
            _ => self.queue.reply(&[RESEND]),
        }
    }

    fn restart(&mut self, scanning: bool) {
        *self = Self {
            translate: self.translate,
            modifiers: self.modifiers,
            scanning,
            ..Self::default()
        };
    }

    /// A key goes down or up; whether the guest hears of it.
    pub(super) fn key(&mut self, key: Key, down: bool) -> bool {
        if !self.scanning {
            return false;
        }
        self.modifiers.note(key, down);
        let mut codes = if self.set == 1 {
            scancodes::set_1(key, down, self.modifiers)
        } else {
            scancodes::set_2(key, down, self.modifiers)
        };
        if self.translate {
            codes = scancodes::translate(&codes);
        }
        // A full queue takes what fits, byte by byte.
        codes.iter().for_each(|&code| self.queue.push(&[code]));
        !codes.is_empty()
    }
}

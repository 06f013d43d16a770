//! The keyboard controller (8042) with a PS/2 keyboard and a PS/2 mouse.
//!
//! Port 0x60 carries data, port 0x64 reads as the status and takes commands.
//! One byte at a time waits at port 0x60: the controller's own answers first,
//! then what the keyboard has to say (interrupt 1), then the mouse
//! (interrupt 12). The controller also has the machine's reset line.

mod keyboard;
mod mouse;
mod queue;
mod scancodes;

use std::sync::{Arc, Mutex};

use serde::{Deserialize, Serialize};

use super::{Device, GuestRequest, InputDevice, InputEvent, InputKind, Inputs};
use crate::accel::IrqLine;
use crate::qom::{Object, QomError, TypeInfo, base};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;
use keyboard::Keyboard;
use mouse::Mouse;

/// The type of it, for `-device`.
pub static I8042: TypeInfo = TypeInfo::new("i8042", &base::ISA_DEVICE)
    .described("Keyboard controller")
    .created_by(|cx| {
        let services = cx.services;
        let line = |number| {
            let line = services.lines.add(number);
            line.map_err(|error| QomError::Refused(error.to_string()))
        };
        let device = KeyboardController::new(line(1)?, line(12)?);
        let pio = &services.buses.pio;
        pio.insert(
            KeyboardController::PORT,
            KeyboardController::PORTS,
            Arc::clone(&device) as _,
        )?;
        device.attach(&services.inputs);
        Ok(device)
    });

const DATA: u64 = 0;
const COMMAND: u64 = 4;

/// Status: a byte waits at port 0x60; it is the mouse's.
const FULL: u8 = 1 << 0;
const FROM_MOUSE: u8 = 1 << 5;
/// Status: the self test has passed; the last write was a command; no lock.
const TESTED: u8 = 1 << 2;
const WAS_COMMAND: u8 = 1 << 3;
const UNLOCKED: u8 = 1 << 4;

/// Mode: interrupts of keyboard and mouse.
const KEYBOARD_IRQ: u8 = 1 << 0;
const MOUSE_IRQ: u8 = 1 << 1;
/// Mode: keyboard and mouse are kept silent.
const KEYBOARD_OFF: u8 = 1 << 4;
const MOUSE_OFF: u8 = 1 << 5;
/// Mode: scan codes are translated to set 1.
const TRANSLATE: u8 = 1 << 6;

/// Output port: 0 resets the machine; address line 20.
const NO_RESET: u8 = 1 << 0;
const A20: u8 = 1 << 1;
const OUTPUT_POWER_ON: u8 = 0xcf;

/// The controller with what is plugged into it.
#[derive(Debug)]
pub struct KeyboardController {
    keyboard_irq: IrqLine,
    mouse_irq: IrqLine,
    state: Mutex<State>,
}

#[derive(Debug, Serialize, Deserialize)]
struct State {
    status: u8,
    mode: u8,
    output: u8,
    /// The command that the next byte of data belongs to.
    command: Option<u8>,
    /// An answer of the controller's own, and whether it passes for the mouse's.
    answer: Option<(u8, bool)>,
    /// What waits at port 0x60, or was last there.
    source: Source,
    last: u8,
    keyboard: Keyboard,
    mouse: Mouse,
    /// The mouse has moved since it last told of it.
    unsynced: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    Controller,
    Keyboard,
    Mouse,
}

impl Default for State {
    fn default() -> Self {
        Self {
            status: WAS_COMMAND | UNLOCKED,
            mode: KEYBOARD_IRQ | MOUSE_IRQ,
            output: OUTPUT_POWER_ON,
            command: None,
            answer: None,
            source: Source::Controller,
            last: 0,
            keyboard: Keyboard::default(),
            mouse: Mouse::default(),
            unsynced: false,
        }
    }
}

impl KeyboardController {
    /// The first port.
    pub const PORT: u64 = 0x60;
    /// Number of ports from there to the last.
    pub const PORTS: u64 = 5;

    /// A controller in power-on state.
    #[must_use]
    pub fn new(keyboard_irq: IrqLine, mouse_irq: IrqLine) -> Arc<Self> {
        Arc::new(Self {
            keyboard_irq,
            mouse_irq,
            state: Mutex::default(),
        })
    }

    /// Lets the user's input go to keyboard and mouse.
    pub fn attach(self: &Arc<Self>, inputs: &Inputs) {
        inputs.add(Arc::new(KeyboardPlug(Arc::clone(self))));
        inputs.add(Arc::new(MousePlug(Arc::clone(self))));
    }

    /// Puts the next byte out, if the place is free, and interrupts.
    fn update(&self, state: &mut State) {
        if state.status & FULL != 0 {
            return; // reading it comes here again
        }
        let Some((source, from_mouse)) = state.next() else {
            return;
        };
        state.source = source;
        state.status |= FULL;
        if from_mouse {
            state.status |= FROM_MOUSE;
            if state.mode & MOUSE_IRQ != 0 {
                self.mouse_irq.pulse();
            }
        } else if state.mode & KEYBOARD_IRQ != 0 && state.mode & KEYBOARD_OFF == 0 {
            self.keyboard_irq.pulse();
        }
    }

    fn read_data(&self) -> u8 {
        let mut state = lock(&self.state);
        if state.status & FULL != 0 {
            state.status &= !(FULL | FROM_MOUSE);
            let byte = match state.source {
                Source::Controller => state.answer.take().map(|(byte, _)| byte),
                Source::Keyboard => state.keyboard.queue.pop(),
                Source::Mouse => state.mouse.queue.pop(),
            };
            state.last = byte.unwrap_or(state.last);
            self.update(&mut state);
        }
        state.last
    }

    fn command(&self, command: u8) -> Option<GuestRequest> {
        let mut state = lock(&self.state);
        let (mode, output) = (state.mode, state.output);
        match command {
            0x20 => state.answer = Some((mode, false)),
            0x60 | 0xd1..=0xd4 => state.command = Some(command),
            0xa7 => state.mode |= MOUSE_OFF,
            0xa8 => state.mode &= !MOUSE_OFF,
            0xa9 | 0xab => state.answer = Some((0, false)), // the lines are fine
            0xaa => {
                state.status |= TESTED;
                state.answer = Some((0x55, false));
            }
            0xad => state.mode |= KEYBOARD_OFF,
            0xae => state.mode &= !KEYBOARD_OFF,
            0xc0 => state.answer = Some((0x80, false)), // no keyboard lock
            0xd0 => state.answer = Some((output, false)),
            0xdd => state.output &= !A20,
            0xdf => state.output |= A20,
            // lets the lines of the output port whose bits are 0 go low for a while
            0xf0..=0xff if command & NO_RESET == 0 => return Some(GuestRequest::Reset),
            _ => {}
        }
        self.update(&mut state);
        None
    }

    fn data(&self, value: u8) -> Option<GuestRequest> {
        let mut state = lock(&self.state);
        match state.command.take() {
            None => {
                state.mode &= !KEYBOARD_OFF;
                state.keyboard.write(value);
            }
            Some(0x60) => {
                state.mode = value;
                state.keyboard.translate = value & TRANSLATE != 0;
            }
            Some(0xd1) => {
                state.output = value;
                if value & NO_RESET == 0 {
                    return Some(GuestRequest::Reset);
                }
            }
            Some(0xd2) => state.answer = Some((value, false)),
            Some(0xd3) => state.answer = Some((value, true)),
            Some(_) => {
                state.mode &= !MOUSE_OFF;
                state.mouse.write(value);
            }
        }
        self.update(&mut state);
        None
    }
}

impl State {
    /// Who speaks next, and whether it passes for the mouse.
    fn next(&self) -> Option<(Source, bool)> {
        if let Some((_, from_mouse)) = self.answer {
            Some((Source::Controller, from_mouse))
        } else if self.mode & KEYBOARD_OFF == 0 && !self.keyboard.queue.is_empty() {
            Some((Source::Keyboard, false))
        } else if self.mode & MOUSE_OFF == 0 && !self.mouse.queue.is_empty() {
            Some((Source::Mouse, true))
        } else {
            None
        }
    }
}

impl Object for KeyboardController {}

impl Device for KeyboardController {
    fn is_bytewise(&self) -> bool {
        true
    }

    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0xff);
        if let Some(first) = data.first_mut() {
            match offset {
                DATA => *first = self.read_data(),
                COMMAND => *first = lock(&self.state).status,
                _ => {}
            }
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let value = *data.first()?;
        match offset {
            DATA => self.data(value),
            COMMAND => self.command(value),
            _ => None,
        }
    }

    fn reset(&self) {
        *lock(&self.state) = State::default();
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

impl Stateful for KeyboardController {
    fn kind(&self) -> &'static str {
        "i8042"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        state::encode(&*lock(&self.state))
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: State = state::decode(bytes)?;
        let queues = [&saved.keyboard.queue, &saved.mouse.queue];
        let are_sane = queues.iter().all(|queue| queue.is_sane());
        state::check(are_sane, "what keyboard and mouse have to say")?;
        Ok(Box::new(move || *lock(&self.state) = saved))
    }
}

/// Where keys arrive.
#[derive(Debug)]
struct KeyboardPlug(Arc<KeyboardController>);

impl InputDevice for KeyboardPlug {
    fn name(&self) -> &'static str {
        "QEMU PS/2 Keyboard"
    }

    fn kinds(&self) -> &'static [InputKind] {
        &[InputKind::Key]
    }

    fn event(&self, event: &InputEvent) -> bool {
        let InputEvent::Key {
            key: Some(key),
            down,
        } = *event
        else {
            return false;
        };
        let mut state = lock(&self.0.state);
        let heard = state.keyboard.key(key, down);
        self.0.update(&mut state);
        heard
    }
}

/// Where movements and buttons arrive.
#[derive(Debug)]
struct MousePlug(Arc<KeyboardController>);

impl InputDevice for MousePlug {
    fn name(&self) -> &'static str {
        "QEMU PS/2 Mouse"
    }

    fn kinds(&self) -> &'static [InputKind] {
        &[InputKind::Button, InputKind::Relative]
    }

    fn event(&self, event: &InputEvent) -> bool {
        let mut state = lock(&self.0.state);
        match *event {
            InputEvent::Move { axis, by } => state.mouse.moves(axis, by),
            InputEvent::Button { button, down } => state.mouse.button(button, down),
            _ => {}
        }
        state.unsynced = true;
        false
    }

    fn sync(&self) -> bool {
        let mut state = lock(&self.0.state);
        let wakes = std::mem::take(&mut state.unsynced) && state.mouse.sync();
        self.0.update(&mut state);
        wakes
    }
}

#[cfg(test)]
mod tests;

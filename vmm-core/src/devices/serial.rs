//! A 16550A serial port between the guest and a character device.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, Weak};

use serde::{Deserialize, Serialize};
use vm_superio::serial::NoEvents;
use vm_superio::{Serial, SerialState};

use qmp_runtime::json::Value;

use super::{Device, GuestRequest};
use crate::accel::IrqLine;
use crate::char::{CharError, Chardev, Frontend, InputSink};
use crate::qom::{Creation, Kind, Object, Property, QomError, TypeInfo, base};
use crate::state::{self, Invalid, Restore, Stateful};
use crate::sync::lock;

/// The type of serial ports, the board's or a user's.
pub static ISA_SERIAL: TypeInfo = TypeInfo::new("isa-serial", &base::ISA_DEVICE)
    .described("A serial port")
    .properties(&[
        Property::new("chardev", Kind::STR).described("ID of a chardev to use as a backend"),
        Property::new("index", Kind::UINT32).default_uint(UNSAID),
        Property::new("iobase", Kind::UINT32).default_uint(UNSAID),
        Property::new("irq", Kind::UINT32).default_uint(UNSAID),
    ])
    .created_by(SerialPort::create);

/// A number that is found out: the first port that is free, its place and its interrupt.
const UNSAID: u64 = u32::MAX as u64;

/// Base port and interrupt of each serial port that a PC can have.
pub(crate) const PLACES: [(u64, u32); 4] = [(0x3f8, 4), (0x2f8, 3), (0x3e8, 4), (0x2e8, 3)];

type Uart = Serial<IrqLine, NoEvents, Output>;

/// Bytes that wait for the guest beyond the chip's own queue. What comes while
/// that many wait is lost, as on a wire without flow control.
const BACKLOG: usize = 64 * 1024;
/// The line status register, and the bit in it that a break sets until it is read.
const LINE_STATUS: u8 = 5;
const BREAK: u8 = 0x10;

/// One port; it holds its character device until it is dropped.
#[derive(Debug)]
pub struct SerialPort {
    state: Arc<Mutex<State>>,
    index: usize,
    base: u64,
    _frontend: Option<Frontend>,
}

struct State {
    uart: Uart,
    backlog: VecDeque<u8>,
    irq: IrqLine,
    chardev: Option<Arc<Chardev>>,
    /// The line was held in the break state, which the guest has not seen.
    broken: bool,
}

impl std::fmt::Debug for State {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("State")
            .field("backlog", &self.backlog.len())
            .field("chardev", &self.chardev)
            .finish_non_exhaustive()
    }
}

/// The guest's output on its way to the character device.
struct Output(Option<Arc<Chardev>>);

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(chardev) = &self.0 {
            // A broken back end loses output; the guest is not to blame.
            let _ = chardev.write(bytes);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl SerialPort {
    /// Number of ports that the chip takes.
    pub const PORTS: u64 = 8;

    /// Port number `index` at `base`, which interrupts through `irq` and talks to `frontend`'s device.
    #[must_use]
    pub fn new(index: usize, base: u64, irq: IrqLine, frontend: Option<Frontend>) -> Self {
        let chardev = frontend.as_ref().map(Frontend::chardev);
        let state = Arc::new(Mutex::new(State {
            uart: Serial::new(irq.clone(), Output(chardev.clone())),
            backlog: VecDeque::new(),
            irq,
            chardev,
            broken: false,
        }));
        if let Some(frontend) = &frontend {
            frontend.accept(input(Arc::downgrade(&state)));
            let state = Arc::downgrade(&state);
            frontend.on_break(move || {
                if let Some(state) = state.upgrade() {
                    lock(&state).receive_break();
                }
            });
        }
        Self {
            state,
            index,
            base,
            _frontend: frontend,
        }
    }

    /// Makes a user's port; the words of errors are QEMU's.
    fn create(cx: &mut Creation<'_>) -> Result<Arc<dyn Object>, QomError> {
        let refuse = |text: String| Err(QomError::Refused(text));
        let said = |name: &str| Some(cx.properties.u64(name)).filter(|&value| value != UNSAID);
        let label = cx.properties.str("chardev");
        let pio = &cx.services.buses.pio;
        let free = |&(base, _): &(u64, u32)| pio.is_free(base, Self::PORTS);
        let index = said("index")
            .map(|index| usize::try_from(index).unwrap_or(usize::MAX))
            .or_else(|| PLACES.iter().position(free))
            .unwrap_or(usize::MAX);
        let Some(&(base, irq)) = PLACES.get(index) else {
            let count = PLACES.len();
            return refuse(format!(
                "Max. supported number of ISA serial ports is {count}."
            ));
        };
        let base = said("iobase").unwrap_or(base);
        let irq = said("irq")
            .and_then(|irq| u32::try_from(irq).ok())
            .unwrap_or(irq);
        let property = "serial.chardev";
        let open = |label: &str| {
            cx.services.chardevs.open(label).map_err(|error| {
                QomError::Refused(match error {
                    CharError::Busy(_) => format!(
                        "Property '{property}' can't take value '{label}': chardev '{label}' is already in use"
                    ),
                    _ => format!("Property '{property}' can't find value '{label}'"),
                })
            })
        };
        let frontend = label.map(open).transpose()?;
        let line = cx.services.lines.add(irq);
        let line = line.map_err(|error| QomError::Refused(error.to_string()))?;
        let port = Arc::new(Self::new(index, base, line, frontend));
        pio.insert(base, Self::PORTS, Arc::clone(&port) as _)?;
        Ok(port)
    }
}

fn input(state: Weak<Mutex<State>>) -> InputSink {
    Arc::new(move |bytes| {
        if let Some(state) = state.upgrade() {
            lock(&state).receive(bytes);
        }
    })
}

impl State {
    /// A break is a zero byte with a mark in the line status.
    fn receive_break(&mut self) {
        self.broken = true;
        self.receive(&[0]);
    }

    fn receive(&mut self, bytes: &[u8]) {
        let room = BACKLOG - self.backlog.len().min(BACKLOG);
        self.backlog.extend(bytes.iter().take(room));
        self.feed();
    }

    /// Moves waiting bytes into the chip, as many as it takes.
    fn feed(&mut self) {
        while !self.backlog.is_empty() && self.uart.fifo_capacity() > 0 {
            let (head, _) = self.backlog.as_slices();
            match self.uart.enqueue_raw_bytes(head) {
                Ok(taken @ 1..) => drop(self.backlog.drain(..taken)),
                _ => return, // in loop-back mode the wire is cut off
            }
        }
    }
}

impl Object for SerialPort {
    fn get(&self, property: &str) -> Option<Value> {
        let state = lock(&self.state);
        match property {
            "chardev" => Some(state.chardev.as_ref()?.label().into()),
            "irq" => Some(state.irq.number().into()),
            "index" => u32::try_from(self.index).ok().map(Into::into),
            "iobase" => Some(self.base.into()),
            _ => None,
        }
    }
}

impl Device for SerialPort {
    fn is_bytewise(&self) -> bool {
        true
    }

    fn read(&self, offset: u64, data: &mut [u8]) {
        data.fill(0);
        let (Ok(offset), Some(first)) = (u8::try_from(offset), data.first_mut()) else {
            return;
        };
        let mut state = lock(&self.state);
        *first = state.uart.read(offset);
        if offset == LINE_STATUS && std::mem::take(&mut state.broken) {
            *first |= BREAK;
        }
        if offset == 0 {
            state.feed();
        }
    }

    fn write(&self, offset: u64, data: &[u8]) -> Option<GuestRequest> {
        let (Ok(offset), Some(&value)) = (u8::try_from(offset), data.first()) else {
            return None;
        };
        // Its only failures are those of the line and of the output: neither fails.
        let _ = lock(&self.state).uart.write(offset, value);
        None
    }

    fn reset(&self) {
        let mut state = lock(&self.state);
        state.uart = Serial::new(state.irq.clone(), Output(state.chardev.clone()));
        state.broken = false;
        state.feed();
    }

    fn stateful(self: Arc<Self>) -> Option<Arc<dyn Stateful>> {
        Some(self)
    }
}

/// What of a port is kept: the registers of the chip in order, what waits in it, and what waits before it.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    registers: [u8; 9],
    fifo: Vec<u8>,
    backlog: VecDeque<u8>,
    broken: bool,
}

/// Bytes that the chip's own queue takes.
const FIFO: usize = 64;

impl Saved {
    fn chip(&self) -> SerialState {
        let [
            low,
            high,
            enable,
            identification,
            line,
            status,
            modem,
            modem_status,
            scratch,
        ] = self.registers;
        SerialState {
            baud_divisor_low: low,
            baud_divisor_high: high,
            interrupt_enable: enable,
            interrupt_identification: identification,
            line_control: line,
            line_status: status,
            modem_control: modem,
            modem_status,
            scratch,
            in_buffer: self.fifo.clone(),
        }
    }
}

impl Stateful for SerialPort {
    fn kind(&self) -> &'static str {
        "isa-serial"
    }

    fn save(&self) -> Result<Vec<u8>, Invalid> {
        let state = lock(&self.state);
        let chip = state.uart.state();
        state::encode(&Saved {
            registers: [
                chip.baud_divisor_low,
                chip.baud_divisor_high,
                chip.interrupt_enable,
                chip.interrupt_identification,
                chip.line_control,
                chip.line_status,
                chip.modem_control,
                chip.modem_status,
                chip.scratch,
            ],
            fifo: chip.in_buffer,
            backlog: state.backlog.clone(),
            broken: state.broken,
        })
    }

    fn load(self: Arc<Self>, bytes: &[u8]) -> Result<Restore, Invalid> {
        let saved: Saved = state::decode(bytes)?;
        state::check(saved.fifo.len() <= FIFO, "the number of bytes in the chip")?;
        state::check(
            saved.backlog.len() <= BACKLOG,
            "the number of bytes that wait",
        )?;
        Ok(Box::new(move || {
            let mut state = lock(&self.state);
            let (irq, output) = (state.irq.clone(), Output(state.chardev.clone()));
            // It refuses nothing that was checked; an interrupt that was pending may come once more.
            if let Ok(uart) = Serial::from_state(&saved.chip(), irq, NoEvents, output) {
                state.uart = uart;
            }
            state.backlog = saved.backlog;
            state.broken = saved.broken;
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::char::{BackendConfig, Registry};

    fn port() -> (SerialPort, Arc<Chardev>) {
        let registry = Registry::new();
        let chardev = registry
            .add("serial0", &BackendConfig::RingBuf { size: 64 })
            .unwrap();
        let frontend = registry.open("serial0").unwrap();
        (
            SerialPort::new(0, 0x3f8, IrqLine::new(4).unwrap(), Some(frontend)),
            chardev,
        )
    }

    fn read(port: &SerialPort, offset: u64) -> u8 {
        let mut data = [0];
        port.read(offset, &mut data);
        data[0]
    }

    #[test]
    fn guest_output_reaches_the_backend() {
        let (port, chardev) = port();
        for byte in b"hi\n" {
            port.write(0, &[*byte]);
        }
        assert_eq!(chardev.backend().ring().unwrap().read(64), b"hi\n");
    }

    #[test]
    fn input_beyond_the_fifo_waits_for_the_guest() {
        let (port, _chardev) = port();
        let sent: Vec<u8> = (0..200).collect();
        lock(&port.state).receive(&sent);
        let mut got = Vec::new();
        while read(&port, 5) & 1 != 0 {
            got.push(read(&port, 0));
        }
        assert_eq!(got, sent);
    }

    #[test]
    fn input_interrupts_when_the_guest_wants_it() {
        let (port, _chardev) = port();
        port.write(1, &[1]); // receiver interrupt
        lock(&port.state).receive(b"x");
        assert!(lock(&port.state).irq.event().read().is_ok());
        assert_eq!(read(&port, 2) & 0xf, 4);
    }

    #[test]
    fn break_is_seen_once_with_a_zero_byte() {
        let (port, chardev) = port();
        chardev.send_break();
        assert_eq!(read(&port, 5) & 0x11, 0x11);
        assert_eq!(read(&port, 5) & 0x11, 0x01);
        assert_eq!(read(&port, 0), 0);
    }

    #[test]
    fn backlog_is_bounded() {
        let (port, _chardev) = port();
        lock(&port.state).receive(&vec![0; 3 * BACKLOG]);
        assert!(lock(&port.state).backlog.len() <= BACKLOG);
    }

    #[test]
    fn reset_forgets_settings_and_what_the_chip_has_of_the_input() {
        let (port, _chardev) = port();
        port.write(7, &[0x5a]);
        let sent: Vec<u8> = (0..200).collect();
        lock(&port.state).receive(&sent);
        port.reset();
        assert_eq!(read(&port, 7), 0);
        let mut got = Vec::new();
        while read(&port, 5) & 1 != 0 {
            got.push(read(&port, 0));
        }
        assert_eq!(got, sent[64..]);
    }
}

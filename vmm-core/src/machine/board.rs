//! The board `q-min`: a small PC without firmware, video, disks and PCI.
//!
//! | ports         | irq | device |
//! |---------------|-----|--------|
//! | 0x060 - 0x064 |     | keyboard controller (reset only) |
//! | 0x070 - 0x071 |     | clock and CMOS memory |
//! | 0x2f8 - 0x2ff | 3   | second serial port |
//! | 0x3f8 - 0x3ff | 4   | first serial port |
//! | 0x501 - 0x504 |     | test exit |
//! | 0x505         |     | panic port |
//! | 0x600 - 0x605 | 9   | power management (ACPI PM1) |
//! | 0xcf9         |     | reset control |
//!
//! With KVM there are two 8259s, an I/O APIC, local APICs and an 8254 timer
//! (irq 0, port 0x61 included) in the kernel.

use std::sync::Arc;

use super::{MachineConfig, MachineError, MachineKind};
use crate::accel::IrqLine;
use crate::char::Registry;
use crate::devices::{
    AcpiPm, Bus, Buses, DebugExit, KeyboardController, PvPanic, ResetControl, Rtc, SerialPort,
};

/// Base port and interrupt of each serial port.
const SERIAL: [(u64, u32); 2] = [(0x3f8, 4), (0x2f8, 3)];
const SCI: u32 = 9;

/// The devices of a machine.
#[derive(Debug)]
pub(super) struct Board {
    pub(super) buses: Arc<Buses>,
    pub(super) lines: Vec<IrqLine>,
    power: Option<Arc<AcpiPm>>,
}

impl Board {
    /// The devices that `config` asks for, in power-on state.
    pub(super) fn new(
        config: &MachineConfig,
        ram_size: u64,
        chardevs: &Registry,
    ) -> Result<Self, MachineError> {
        match config.kind {
            MachineKind::None => Ok(Self {
                buses: Arc::default(),
                lines: Vec::new(),
                power: None,
            }),
            MachineKind::QMin => Self::q_min(config, ram_size, chardevs),
        }
    }

    fn q_min(
        config: &MachineConfig,
        ram_size: u64,
        chardevs: &Registry,
    ) -> Result<Self, MachineError> {
        let mut pio = Bus::default();
        let mut lines = Vec::new();
        let mut line = |number| {
            let line = IrqLine::new(number).map_err(|error| MachineError::Host {
                what: "an event descriptor",
                error,
            })?;
            lines.push(line.clone());
            Ok::<_, MachineError>(line)
        };
        for (index, (base, irq)) in SERIAL.into_iter().enumerate() {
            let frontend = config
                .serial
                .get(index)
                .map(|label| chardevs.open(label))
                .transpose()?;
            let port = SerialPort::new(line(irq)?, frontend);
            pio.insert(base, SerialPort::PORTS, Arc::new(port))?;
        }
        let power = Arc::new(AcpiPm::new(line(SCI)?));
        pio.insert(0x600, AcpiPm::PORTS, Arc::clone(&power) as _)?;
        pio.insert(0x60, 5, Arc::new(KeyboardController))?;
        pio.insert(0x70, Rtc::PORTS, Arc::new(Rtc::new(ram_size, config.cpus)))?;
        pio.insert(0x501, 4, Arc::new(DebugExit))?;
        pio.insert(PvPanic::PORT, 1, Arc::new(PvPanic::default()))?;
        pio.insert(0xcf9, 1, Arc::new(ResetControl::default()))?;
        let buses = Arc::new(Buses {
            pio,
            mmio: Bus::default(),
        });
        Ok(Self {
            buses,
            lines,
            power: Some(power),
        })
    }

    /// How many serial ports there are.
    pub(super) fn serial_ports(kind: MachineKind) -> usize {
        match kind {
            MachineKind::None => 0,
            MachineKind::QMin => SERIAL.len(),
        }
    }

    /// Whether the guest has a register that it can fall asleep by.
    pub(super) fn can_suspend(&self) -> bool {
        self.power.is_some()
    }

    /// Lets the guest know that it should power off.
    pub(super) fn press_power_button(&self) {
        if let Some(power) = &self.power {
            power.press_power_button();
        }
    }
}

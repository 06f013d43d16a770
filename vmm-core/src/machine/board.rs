//! The board `q-min`: a small PC without firmware, video, disks and PCI.
//!
//! | ports         | irq | device |
//! |---------------|-----|--------|
//! | 0x060 - 0x064 | 1   | keyboard controller with keyboard, and mouse (irq 12) |
//! | 0x070 - 0x071 | 8   | clock and CMOS memory |
//! | 0x2f8 - 0x2ff | 3   | second serial port |
//! | 0x3f8 - 0x3ff | 4   | first serial port |
//! | 0x501 - 0x504 |     | test exit |
//! | 0x505         |     | panic port |
//! | 0x600 - 0x605 | 9   | power management (ACPI PM1) |
//! | 0x620 - 0x62f | 9   | general-purpose events (ACPI) |
//! | 0xa00 - 0xa17 |     | memory hot-plug, if there are slots |
//! | 0xcd8 - 0xce3 |     | CPU hot-plug |
//! | 0xcf9         |     | reset control |
//!
//! Eight places for virtio devices follow in memory (see [`virtio`]).
//!
//! With KVM there are two 8259s, an I/O APIC, local APICs and an 8254 timer
//! (irq 0, port 0x61 included) in the kernel.

use std::sync::Arc;

use super::{MachineConfig, MachineError, MachineKind, Services};
use crate::devices::{
    AcpiPm, Cmos, DebugExit, I8042, ISA_SERIAL, KeyboardController, MC146818, PVPANIC, PvPanic,
    ResetControl, Rtc, SERIAL_PLACES, SerialPort, isa, virtio,
};
use crate::qom::{Node, TypeInfo};

/// How many serial ports the board has.
const SERIAL: usize = 2;
pub(super) const SCI: u32 = 9;

/// What the machine itself needs of its devices.
#[derive(Debug)]
pub(super) struct Board {
    power: Option<Arc<AcpiPm>>,
    rtc: Option<(Arc<Rtc>, Arc<Node>)>,
}

impl Board {
    /// Makes the devices that `config` asks for, in power-on state.
    pub(super) fn new(config: &MachineConfig, services: &Services) -> Result<Self, MachineError> {
        match config.kind {
            MachineKind::None => Ok(Self {
                power: None,
                rtc: None,
            }),
            MachineKind::QMin => Self::q_min(config, services),
        }
    }

    fn q_min(config: &MachineConfig, services: &Services) -> Result<Self, MachineError> {
        let pio = &services.buses.pio;
        let line = |number| {
            services
                .lines
                .add(number)
                .map_err(|error| MachineError::Host {
                    what: "an event descriptor",
                    error,
                })
        };
        // what the user makes takes the place of the board's own
        let has = |wanted: &TypeInfo| {
            let mut devices = config.devices.iter();
            devices.any(|device| device.type_name == wanted.name)
        };
        isa::add_bus(&services.tree)?;
        for index in own_serial_ports(config) {
            let (base, irq) = SERIAL_PLACES[index];
            let frontend = config
                .serial
                .get(index)
                .map(|label| services.chardevs.open(label))
                .transpose()?;
            let port = Arc::new(SerialPort::new(index, base, line(irq)?, frontend));
            pio.insert(base, SerialPort::PORTS, Arc::clone(&port) as _)?;
            services.tree.add_unattached(&ISA_SERIAL, port)?;
        }
        let power = Arc::new(AcpiPm::new(line(SCI)?));
        pio.insert(0x600, AcpiPm::PORTS, Arc::clone(&power) as _)?;
        if !has(&I8042) {
            let device = KeyboardController::new(line(1)?, line(12)?);
            let (port, ports) = (KeyboardController::PORT, KeyboardController::PORTS);
            pio.insert(port, ports, Arc::clone(&device) as _)?;
            device.attach(&services.inputs);
            services.tree.add_unattached(&I8042, device)?;
        }
        let (low, all) = (services.ram.low_size(), services.ram.size());
        let cmos = Cmos::new(low, all - low, config.cpus);
        let rtc = Rtc::new(config.rtc, &cmos, line(Rtc::IRQ)?, &services.clocks);
        pio.insert(Rtc::PORT, Rtc::PORTS, Arc::clone(&rtc) as _)?;
        let rtc_node = services
            .tree
            .add_unattached(&MC146818, Arc::clone(&rtc) as _)?;
        pio.insert(0x501, 4, Arc::new(DebugExit))?;
        if !has(&PVPANIC) {
            let port = Arc::new(PvPanic::default());
            pio.insert(PvPanic::PORT, 1, Arc::clone(&port) as _)?;
            services.tree.add_unattached(&PVPANIC, port)?;
        }
        virtio::add_transports(services)?;
        pio.insert(0xcf9, 1, Arc::new(ResetControl::default()))?;
        Ok(Self {
            power: Some(power),
            rtc: Some((rtc, rtc_node)),
        })
    }

    /// How many serial ports there are.
    pub(super) fn serial_ports(kind: MachineKind) -> usize {
        match kind {
            MachineKind::None => 0,
            MachineKind::QMin => SERIAL,
        }
    }

    /// Whether the guest has a register that it can fall asleep by.
    pub(super) fn can_suspend(&self) -> bool {
        self.power.is_some()
    }

    /// The path of the clock.
    pub(super) fn rtc_path(&self) -> Option<String> {
        self.rtc.as_ref().map(|(_, node)| node.path())
    }

    /// Forgets the interrupts of the clock that the guest has missed.
    pub(super) fn reset_rtc_reinjection(&self) {
        if let Some((rtc, _)) = &self.rtc {
            rtc.reset_reinjection();
        }
    }

    /// Lets the guest know that it should power off.
    pub(super) fn press_power_button(&self) {
        if let Some(power) = &self.power {
            power.press_power_button();
        }
    }
}

/// The numbers of the serial ports that are not made by the user: those with a character device of
/// the board's, and of the others what is left.
fn own_serial_ports(config: &MachineConfig) -> Vec<usize> {
    let devices = config.devices.iter();
    let mut theirs: Vec<Option<usize>> = devices
        .filter(|device| device.type_name == ISA_SERIAL.name)
        .map(|device| device.number("index").and_then(|at| at.try_into().ok()))
        .collect();
    theirs.sort_unstable_by_key(Option::is_none); // who says a number gets it
    let mut free: Vec<usize> = (config.serial.len()..SERIAL).collect();
    for index in theirs {
        match index {
            Some(index) => free.retain(|&port| port != index),
            None if !free.is_empty() => drop(free.remove(0)),
            None => {}
        }
    }
    (0..config.serial.len().min(SERIAL)).chain(free).collect()
}

//! Paravirtual devices (virtio 1) over memory-mapped registers.
//!
//! | address                  | irq    | what |
//! |--------------------------|--------|------|
//! | 0xfeb00000 - 0xfeb00fff  | 16 - 23 | eight transports, 512 bytes each |
//!
//! A device is a [`mmio::Backend`] behind a [`mmio::Transport`]: the transport
//! has the registers and the queues, hands out chains of buffers that are
//! checked already, and takes them back. A guest that breaks the rules finds
//! its device in need of a reset; nothing else happens.
//!
//! What takes time is done on a [`worker`]'s thread, never on a vCPU's.

mod balloon;
mod blk;
mod bus;
mod mmio;
mod queue;
mod rng;
mod saved;
mod serial;
#[cfg(test)]
mod tests;
mod worker;

#[cfg(test)]
pub(crate) use bus::slots;
pub(crate) use bus::{Slot, add_transports};
pub use worker::Gate;

/// The types of the devices here.
pub(crate) const TYPES: &[&crate::qom::TypeInfo] = &[
    &bus::VIRTIO_BUS,
    &bus::VIRTIO_MMIO_BUS,
    &bus::VIRTIO_MMIO,
    &bus::VIRTIO_DEVICE,
    &balloon::VIRTIO_BALLOON,
    &blk::VIRTIO_BLK,
    &rng::VIRTIO_RNG,
    &serial::VIRTIO_SERIAL,
    &serial::VIRTIO_SERIAL_BUS,
    &serial::SERIAL_PORT,
    &serial::VIRTSERIALPORT,
    &serial::VIRTCONSOLE,
];

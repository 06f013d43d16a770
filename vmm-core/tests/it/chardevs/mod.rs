//! Character devices: replies beside QEMU's, and guests behind each kind of back end.

mod addresses;
pub(crate) mod beside_qemu;
mod guests;
mod shared;

//! Objects that serve devices and monitors and that the user makes with
//! `-object` or `object-add`.

mod iothread;
mod secret;

pub use iothread::{IoThread, IoThreadInfo};
pub use secret::Secret;

/// The types of this module.
pub(crate) const TYPES: &[&crate::qom::TypeInfo] = &[
    &iothread::EVENT_LOOP_BASE,
    &iothread::IO_THREAD,
    &secret::SECRET_COMMON,
    &secret::SECRET,
];

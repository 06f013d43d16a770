//! Objects that serve devices and monitors and that the user makes with
//! `-object` or `object-add`.

mod iothread;
mod rng;
mod secret;

pub use iothread::{IoThread, IoThreadInfo};
pub use rng::Entropy;
pub(crate) use rng::RNG_BUILTIN;
pub use secret::Secret;

/// The types of this module.
pub(crate) const TYPES: &[&crate::qom::TypeInfo] = &[
    &iothread::EVENT_LOOP_BASE,
    &iothread::IO_THREAD,
    &rng::RNG_BACKEND,
    &rng::RNG_BUILTIN,
    &rng::RNG_RANDOM,
    &secret::SECRET_COMMON,
    &secret::SECRET,
];

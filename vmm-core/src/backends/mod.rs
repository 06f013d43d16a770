//! Objects that serve devices and monitors and that the user makes with
//! `-object` or `object-add`.

mod iothread;
mod memory;
mod memory_advice;
mod rng;
mod secret;

pub use iothread::{IoThread, IoThreadInfo};
pub use memory::{MemoryBackend, MemoryDefaults};
pub use rng::Entropy;
pub(crate) use rng::RNG_BUILTIN;
pub use secret::Secret;

/// The types of this module.
pub(crate) const TYPES: &[&crate::qom::TypeInfo] = &[
    &iothread::EVENT_LOOP_BASE,
    &iothread::IO_THREAD,
    &memory::MEMORY_BACKEND,
    &memory::RAM,
    &memory::FILE,
    &memory::MEMFD,
    &rng::RNG_BACKEND,
    &rng::RNG_BUILTIN,
    &rng::RNG_RANDOM,
    &secret::SECRET_COMMON,
    &secret::SECRET,
];

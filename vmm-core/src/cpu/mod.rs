//! CPU models: what CPUID tells the guest.
//!
//! A [`Model`] is a set of features and a signature. What a guest gets of it is
//! limited by the host: [`CpuConfig::shape`] makes the guest's CPUID leaves of
//! the host's.

pub mod features;
mod leaf;
mod model;

pub use leaf::Leaf;
pub use model::{CpuConfig, CpuConfigError, Expansion, MODELS, Model};

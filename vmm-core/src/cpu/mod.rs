//! CPU models: what CPUID tells the guest.
//!
//! A [`Model`] is a set of features and a signature. What a guest gets of it is
//! limited by the host: [`CpuConfig::shape`] makes the guest's CPUID leaves of
//! the host's.

mod config;
pub mod features;
mod identity;
mod leaf;
mod model;
mod properties;

pub use config::{CpuConfig, CpuConfigError, Expansion};
pub(crate) use features::FEATURE_COUNT;
pub use identity::PropertyKind;
pub use leaf::Leaf;
pub use model::{MODELS, Model};
pub(crate) use properties::with_features;

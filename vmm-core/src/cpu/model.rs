//! Named models.

use super::features::{self, Feature, KVM_FEATURES, WORDS};
use super::{CpuConfigError, Leaf};

/// Where a model's features come from.
#[derive(Debug)]
pub(super) enum Source {
    /// All that the host has.
    Host,
    /// Only what the user adds.
    Nothing,
    /// A list.
    Fixed(&'static Fixed),
}

/// A model that is the same on all hosts.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) family: u32,
    pub(super) model: u32,
    pub(super) stepping: u32,
    /// The last basic and extended function.
    pub(super) level: u32,
    pub(super) xlevel: u32,
    pub(super) text: &'static str,
    pub(super) features: &'static [&'static str],
}

/// A CPU model.
#[derive(Debug)]
pub struct Model {
    /// Its name.
    pub name: &'static str,
    /// The type of its CPUs in the object tree.
    pub type_name: &'static str,
    /// Whether it means the same for ever.
    pub is_static: bool,
    /// Whether it means the same on all hosts.
    pub migration_safe: bool,
    pub(super) source: Source,
}

#[rustfmt::skip]
static QEMU64: Fixed = Fixed {
    family: 15, model: 107, stepping: 1, level: 0xd, xlevel: 0x8000_000a,
    text: "QEMU Virtual CPU version 2.5+",
    features: &[
        "fpu", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr", "pge",
        "mca", "cmov", "pat", "pse36", "clflush", "mmx", "fxsr", "sse", "sse2", "pni", "cx16",
        "hypervisor", "x2apic", "lahf-lm", "svm", "lm", "syscall", "nx",
    ],
};

#[rustfmt::skip]
static KVM64: Fixed = Fixed {
    family: 15, model: 6, stepping: 1, level: 0xd, xlevel: 0x8000_0008,
    text: "Common KVM processor",
    features: &[
        "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "mtrr",
        "pge", "mca", "cmov", "pat", "pse36", "clflush", "mmx", "fxsr", "sse", "sse2", "pni",
        "cx16", "hypervisor", "x2apic", "lm", "syscall", "nx",
    ],
};

#[rustfmt::skip]
static QEMU32: Fixed = Fixed {
    family: 6, model: 6, stepping: 3, level: 4, xlevel: 0x8000_0004,
    text: "QEMU Virtual CPU version 2.5+",
    features: &[
        "fpu", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", "sep", "pge", "cmov",
        "pat", "mmx", "fxsr", "sse", "sse2", "pni", "hypervisor", "x2apic",
    ],
};

/// All models; the first is what the guest gets if nothing is said.
pub static MODELS: &[Model] = &[
    Model {
        name: "host",
        type_name: "host-x86_64-cpu",
        is_static: false,
        migration_safe: false,
        source: Source::Host,
    },
    Model {
        name: "max",
        type_name: "max-x86_64-cpu",
        is_static: false,
        migration_safe: false,
        source: Source::Host,
    },
    Model {
        name: "base",
        type_name: "base-x86_64-cpu",
        is_static: true,
        migration_safe: true,
        source: Source::Nothing,
    },
    Model {
        name: "qemu64",
        type_name: "qemu64-x86_64-cpu",
        is_static: false,
        migration_safe: true,
        source: Source::Fixed(&QEMU64),
    },
    Model {
        name: "kvm64",
        type_name: "kvm64-x86_64-cpu",
        is_static: false,
        migration_safe: true,
        source: Source::Fixed(&KVM64),
    },
    Model {
        name: "qemu32",
        type_name: "qemu32-x86_64-cpu",
        is_static: false,
        migration_safe: true,
        source: Source::Fixed(&QEMU32),
    },
];

impl Model {
    /// The model of this name.
    ///
    /// # Errors
    /// There is none.
    pub fn find(name: &str) -> Result<&'static Self, CpuConfigError> {
        let found = MODELS.iter().find(|model| model.name == name);
        found.ok_or_else(|| CpuConfigError::Model(name.to_owned()))
    }

    /// Whether the model stands for what the host has.
    #[must_use]
    pub fn is_host(&self) -> bool {
        matches!(self.source, Source::Host)
    }

    /// Whether the model has a feature on a host where `host` is the feature's
    /// word.
    pub(super) fn has(&self, feature: Feature, host: u32) -> bool {
        let offered = host & feature.mask != 0;
        match self.source {
            Source::Host => offered,
            Source::Nothing => false,
            // What KVM offers is no part of a processor's model.
            Source::Fixed(_) if WORDS[feature.word].function == KVM_FEATURES => offered,
            Source::Fixed(fixed) => fixed
                .features
                .iter()
                .any(|name| features::find(name) == Some(feature)),
        }
    }

    /// The model's features that `host` lacks.
    #[must_use]
    pub fn unavailable(&self, host: &[Leaf]) -> Vec<&'static str> {
        let words = words(host);
        features::all()
            .filter(|(_, feature)| {
                let offered = words[feature.word];
                self.has(*feature, offered) && offered & feature.mask == 0
            })
            .map(|(name, _)| name)
            .collect()
    }
}

/// The feature words of some leaves, in the order of [`WORDS`].
pub(super) fn words(leaves: &[Leaf]) -> Vec<u32> {
    let word = |known| {
        let found = leaves.iter().find(|leaf: &&Leaf| leaf.holds(known));
        found.map_or(0, |leaf| *leaf.clone().register(known.register))
    };
    WORDS.iter().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_models_name_known_features() {
        for fixed in [&QEMU64, &KVM64, &QEMU32] {
            for name in fixed.features {
                assert!(features::find(name).is_some(), "{name}");
            }
            assert!(fixed.text.len() < 48);
        }
    }
}

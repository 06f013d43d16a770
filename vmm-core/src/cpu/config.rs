//! What a user changes of a model, and what the guest gets.

use super::features::{self, Feature, KVM_FEATURES, KVM_SIGNATURE, PERFORMANCE, WORDS};
use super::identity::{self, Identity, PropertyKind};
use super::model::{Source, words};
use super::{Leaf, MODELS, Model};

/// A `-cpu` argument that means nothing; the words are QEMU's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CpuConfigError {
    /// There is no model of this name.
    #[error("unable to find CPU model '{0}'")]
    Model(String),
    /// There is no feature of this name.
    #[error("Property '{type_name}.{property}' not found")]
    Property {
        /// The type of the model's CPUs.
        type_name: &'static str,
        /// The name.
        property: String,
    },
    /// A feature is either on or off.
    #[error("Parameter '{0}' expects 'on' or 'off'")]
    Value(String),
    /// A property takes numbers.
    #[error("Parameter '{0}' expects uint64")]
    Number(String),
    /// A number or a text that a CPU cannot tell.
    #[error("{0}")]
    Identity(String),
    /// The host lacks what was to be enforced.
    #[error("Host doesn't support requested features: {0}")]
    Unavailable(String),
}

/// A model with a user's changes.
#[derive(Debug, Clone)]
pub struct CpuConfig {
    model: &'static Model,
    changes: Vec<(Feature, bool)>,
    enforce: bool,
    /// The guest is not told that KVM runs it.
    hides_kvm: bool,
    /// The guest has no performance counters.
    lacks_pmu: bool,
    /// Whether features are left out that other hosts cannot go on with.
    migratable: bool,
    identity: Identity,
}

impl PartialEq for CpuConfig {
    fn eq(&self, other: &Self) -> bool {
        self.model.name == other.model.name
            && self.changes == other.changes
            && self.enforce == other.enforce
            && self.hides_kvm == other.hides_kvm
            && self.lacks_pmu == other.lacks_pmu
            && self.migratable == other.migratable
            && self.identity == other.identity
    }
}

impl Eq for CpuConfig {}

impl Default for CpuConfig {
    fn default() -> Self {
        Self::new(&MODELS[0])
    }
}

/// What a model comes to on a host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expansion {
    /// All features that have names: whether the guest gets them.
    pub features: Vec<(&'static str, bool)>,
    /// Family, model and stepping.
    pub signature: (u32, u32, u32),
    /// The last basic and extended function of CPUID.
    pub levels: (u32, u32),
    /// The maker, twelve letters.
    pub vendor: String,
    /// The name that the CPU gives itself.
    pub text: String,
}

impl CpuConfig {
    /// A model as it is.
    #[must_use]
    pub fn new(model: &'static Model) -> Self {
        Self {
            model,
            changes: Vec::new(),
            enforce: false,
            hides_kvm: false,
            lacks_pmu: false,
            migratable: true,
            identity: Identity::default(),
        }
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &'static Model {
        self.model
    }

    /// Reads the argument of `-cpu`: `NAME[,+feature][,-feature][,feature=on]`.
    /// As with QEMU, `+` and `-` count after the others.
    ///
    /// # Errors
    /// A name or a value is unknown.
    pub fn parse(text: &str) -> Result<Self, CpuConfigError> {
        let mut parts = text.split(',');
        let mut config = Self::new(Model::find(parts.next().unwrap_or_default())?);
        let (signed, plain): (Vec<_>, Vec<_>) = parts
            .filter(|part| !part.is_empty())
            .partition(|part| part.starts_with(['+', '-']));
        for part in plain {
            let (name, value) = part.split_once('=').unwrap_or((part, "on"));
            match Self::kind(name) {
                PropertyKind::Switch => {}
                PropertyKind::Number => {
                    let number = value.parse();
                    let number = number.map_err(|_| CpuConfigError::Number(name.to_owned()))?;
                    config.set_number(name, number)?;
                    continue;
                }
                PropertyKind::Text => {
                    config.set_text(name, value)?;
                    continue;
                }
            }
            let on = match value {
                "on" | "yes" | "true" | "y" => true,
                "off" | "no" | "false" | "n" => false,
                _ => {
                    config.set(name, true)?; // one that is not there is the graver fault
                    return Err(CpuConfigError::Value(name.to_owned()));
                }
            };
            config.set(name, on)?;
        }
        for sign in ['+', '-'] {
            for name in signed.iter().filter_map(|part| part.strip_prefix(sign)) {
                config.set(name, sign == '+')?;
            }
        }
        Ok(config)
    }

    /// What kind of value a property takes; those that nobody knows are switches.
    #[must_use]
    pub fn kind(name: &str) -> PropertyKind {
        identity::kind(name).unwrap_or(PropertyKind::Switch)
    }

    /// Sets a property that takes numbers.
    ///
    /// # Errors
    /// The number is too large.
    pub fn set_number(&mut self, name: &str, value: u64) -> Result<(), CpuConfigError> {
        self.identity.set_number(name, value)
    }

    /// Sets a property that takes texts.
    ///
    /// # Errors
    /// The text has the wrong length.
    pub fn set_text(&mut self, name: &str, value: &str) -> Result<(), CpuConfigError> {
        self.identity.set_text(name, value)
    }

    /// Whether features are left out that other hosts cannot go on with; only models that stand
    /// for the host leave any out.
    #[must_use]
    pub fn migratable(&self) -> Option<bool> {
        self.model.is_host().then_some(self.migratable)
    }

    /// Changes a feature, or what becomes of features that the host lacks or that tie the guest to it.
    ///
    /// # Errors
    /// There is no such feature.
    pub fn set(&mut self, name: &str, on: bool) -> Result<(), CpuConfigError> {
        match (features::find(name), name) {
            (Some(feature), _) => self.changes.push((feature, on)),
            (None, "enforce") => self.enforce = on,
            (None, "kvm") => self.hides_kvm = !on,
            (None, "pmu") => self.lacks_pmu = !on,
            (None, "migratable") if self.model.is_host() => self.migratable = on,
            (None, "check") => {} // what is missing is told by query-cpu-model-expansion
            (None, _) => {
                return Err(CpuConfigError::Property {
                    type_name: self.model.type_name,
                    property: name.to_owned(),
                });
            }
        }
        Ok(())
    }

    fn wants(&self, feature: Feature, host: u32) -> bool {
        let change = self
            .changes
            .iter()
            .rev()
            .find(|(known, _)| *known == feature);
        let stays = self.model.is_host() && self.migratable && feature.ties_to_host();
        change.map_or_else(|| !stays && self.model.has(feature, host), |(_, on)| *on)
    }

    /// What is wanted but not on `host`.
    #[must_use]
    pub fn missing(&self, host: &[Leaf]) -> Vec<&'static str> {
        let words = words(host);
        features::all()
            .filter(|(_, feature)| {
                let offered = words[feature.word];
                self.wants(*feature, offered) && offered & feature.mask == 0
            })
            .map(|(name, _)| name)
            .collect()
    }

    /// Refuses a model that is to be had whole but is not on `host`.
    ///
    /// # Errors
    /// The host lacks features, and `enforce` was said.
    pub fn check(&self, host: &[Leaf]) -> Result<(), CpuConfigError> {
        let missing = self.missing(host);
        if self.enforce && !missing.is_empty() {
            return Err(CpuConfigError::Unavailable(missing.join(", ")));
        }
        Ok(())
    }

    /// Makes a leaf of the guest out of one of the host.
    pub fn shape(&self, leaf: &mut Leaf) {
        for (word, known) in WORDS.iter().enumerate() {
            if !leaf.holds(known) {
                continue;
            }
            let host = *leaf.register(known.register);
            let named = known.names.iter().enumerate();
            let mut value = host;
            for (bit, _) in named.filter(|(_, name)| !name.is_empty()) {
                let mask = 1 << bit;
                if !self.wants(Feature { word, mask }, host) {
                    value &= !mask;
                }
            }
            *leaf.register(known.register) = value;
        }
        self.sign(leaf);
    }

    /// Who the CPU says that it is.
    fn sign(&self, leaf: &mut Leaf) {
        let fixed = match self.model.source {
            Source::Fixed(fixed) => Some(fixed),
            Source::Host | Source::Nothing => None,
        };
        // What the host lacks beyond its last function cannot be made up.
        let level = |least: Option<u32>, fixed: Option<u32>, host: u32| match (least, fixed) {
            (least, Some(fixed)) => host.min(fixed.max(least.unwrap_or(0))),
            (Some(least), None) if !self.model.is_host() => host.min(least),
            _ => host,
        };
        let (least, least_extended) = self.identity.levels();
        match leaf.function {
            0 => {
                leaf.eax = level(least, fixed.map(|fixed| fixed.level), leaf.eax);
                self.identity.sign_vendor(leaf);
            }
            0x8000_0000 => {
                leaf.eax = level(least_extended, fixed.map(|fixed| fixed.xlevel), leaf.eax);
                self.identity.sign_vendor(leaf);
            }
            1 | 0x8000_0001 => {
                let given = fixed.map_or_else(
                    || fields(leaf.eax),
                    |fixed| (fixed.family, fixed.model, fixed.stepping),
                );
                let told = self.identity.signature(given);
                if fixed.is_some() || told != given {
                    leaf.eax = signature(told.0, told.1, told.2);
                }
            }
            KVM_SIGNATURE | KVM_FEATURES if self.hides_kvm => leaf.clear(),
            PERFORMANCE if self.lacks_pmu => leaf.clear(),
            0x8000_0002..=0x8000_0004 => {
                let text = self.identity.text().or(fixed.map(|fixed| fixed.text));
                if let Some(text) = text {
                    identity::sign_text(text, leaf);
                }
            }
            _ => {}
        }
    }

    /// What the guest gets on `host`.
    #[must_use]
    pub fn expand(&self, host: &[Leaf]) -> Expansion {
        let shaped: Vec<Leaf> = host
            .iter()
            .map(|leaf| {
                let mut leaf = *leaf;
                self.shape(&mut leaf);
                leaf
            })
            .collect();
        let words = words(&shaped);
        let features = features::all();
        let features = features
            .map(|(name, feature)| (name, words[feature.word] & feature.mask != 0))
            .collect();
        let leaf = |function| {
            let found = shaped.iter().find(|leaf| leaf.function == function);
            found.copied().unwrap_or_default()
        };
        let mut expansion = Expansion {
            features,
            signature: (0, 0, 0),
            levels: (0, 0),
            vendor: String::new(),
            text: String::new(),
        };
        if let Source::Nothing = self.model.source {
            let levels = self.identity.levels();
            expansion.signature = self.identity.signature((0, 0, 0));
            expansion.levels = (levels.0.unwrap_or(0), levels.1.unwrap_or(0));
            expansion.vendor = self.identity.vendor().unwrap_or_default();
            expansion.text = self.identity.text().unwrap_or_default().to_owned();
            return expansion;
        }
        let basic = leaf(0);
        expansion.signature = fields(leaf(1).eax);
        expansion.levels = (basic.eax, leaf(0x8000_0000).eax);
        expansion.vendor = text(&[basic.ebx, basic.edx, basic.ecx]);
        let name = [0x8000_0002, 0x8000_0003, 0x8000_0004].map(leaf);
        expansion.text = text(
            &name
                .map(|leaf| [leaf.eax, leaf.ebx, leaf.ecx, leaf.edx])
                .concat(),
        );
        expansion
    }
}

fn signature(family: u32, model: u32, stepping: u32) -> u32 {
    let base = family.min(0xf);
    (stepping & 0xf)
        | ((model & 0xf) << 4)
        | (base << 8)
        | (((model >> 4) & 0xf) << 16)
        | ((family - base) << 20)
}

/// Family, model and stepping of a signature.
fn fields(signature: u32) -> (u32, u32, u32) {
    let base = (signature >> 8) & 0xf;
    let family = if base == 0xf {
        base + ((signature >> 20) & 0xff)
    } else {
        base
    };
    let low = (signature >> 4) & 0xf;
    (family, low | ((signature >> 12) & 0xf0), signature & 0xf)
}

fn text(words: &[u32]) -> String {
    let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
    let end = bytes.iter().position(|&byte| byte == 0);
    let text = String::from_utf8_lossy(&bytes[..end.unwrap_or(bytes.len())]);
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SSE2: u32 = 1 << 26;
    const AVX: u32 = 1 << 28;
    const CX16: u32 = 1 << 13;

    fn host() -> Vec<Leaf> {
        vec![
            Leaf {
                function: 0,
                eax: 28,
                ebx: u32::from_le_bytes(*b"Auth"),
                edx: u32::from_le_bytes(*b"enti"),
                ecx: u32::from_le_bytes(*b"cAMD"),
                ..Leaf::default()
            },
            Leaf {
                function: 1,
                eax: signature(25, 17, 1),
                ecx: AVX | CX16 | 1 << 31,
                edx: SSE2 | 1,
                ..Leaf::default()
            },
        ]
    }

    fn shaped(text: &str) -> Leaf {
        let mut leaf = host()[1];
        CpuConfig::parse(text).unwrap().shape(&mut leaf);
        leaf
    }

    #[test]
    fn model_and_changes_decide_what_is_left_of_the_host() {
        assert_eq!(shaped("host").ecx, AVX | CX16 | 1 << 31);
        assert_eq!(shaped("host,-avx").ecx, CX16 | 1 << 31);
        assert_eq!(shaped("host,avx=off,+avx").ecx & AVX, AVX);
        assert_eq!(shaped("host,+avx,-avx").ecx & AVX, 0);
        let qemu64 = shaped("qemu64");
        assert_eq!((qemu64.ecx, qemu64.edx), (CX16 | 1 << 31, SSE2 | 1));
        assert_eq!(fields(qemu64.eax), (15, 107, 1));
        assert_eq!(shaped("qemu64,avx=on").ecx & AVX, AVX);
        assert_eq!((shaped("base").ecx, shaped("base").edx), (0, 0));
        assert_eq!(shaped("base,+sse2").edx, SSE2);
        // what the host lacks, nobody gets
        assert_eq!(shaped("host,+ssse3").ecx & 1 << 9, 0);
    }

    #[test]
    fn identity_is_what_the_user_says() {
        let config = CpuConfig::parse(
            "base,family=6,model=85,stepping=4,min-level=13,vendor=GenuineIntel,model-id=Fast",
        )
        .unwrap();
        let expansion = config.expand(&host());
        assert_eq!(expansion.signature, (6, 85, 4));
        assert_eq!(expansion.levels, (13, 0));
        assert_eq!(
            (&*expansion.vendor, &*expansion.text),
            ("GenuineIntel", "Fast")
        );
        let mut first = host()[0];
        config.shape(&mut first);
        assert_eq!(first.eax, 13);
        assert_eq!(text(&[first.ebx, first.edx, first.ecx]), "GenuineIntel");
        let mut second = host()[1];
        config.shape(&mut second);
        assert_eq!(fields(second.eax), (6, 85, 4));
        let mut name = Leaf {
            function: 0x8000_0002,
            ..Leaf::default()
        };
        config.shape(&mut name);
        assert_eq!(text(&[name.eax, name.ebx, name.ecx, name.edx]), "Fast");
        assert_eq!(fields(shaped("host,stepping=2").eax), (25, 17, 2));
        assert_eq!(fields(shaped("qemu64,model=3").eax), (15, 3, 1));
    }

    #[test]
    fn only_what_other_hosts_have_is_migratable() {
        let host = [Leaf {
            function: 0x8000_0007,
            edx: 1 << 8,
            ..Leaf::default()
        }];
        let invtsc = |text: &str| {
            let expansion = CpuConfig::parse(text).unwrap().expand(&host);
            expansion.features.contains(&("invtsc", true))
        };
        assert!(!invtsc("host"));
        assert!(invtsc("host,migratable=off"));
        assert!(invtsc("host,+invtsc"));
        assert_eq!(CpuConfig::parse("host").unwrap().migratable(), Some(true));
        assert_eq!(CpuConfig::parse("qemu64").unwrap().migratable(), None);
    }

    #[test]
    fn what_means_nothing_is_refused_by_name() {
        for (text, expected) in [
            ("nope", "unable to find CPU model 'nope'"),
            ("", "unable to find CPU model ''"),
            (
                "qemu64,+nope",
                "Property 'qemu64-x86_64-cpu.nope' not found",
            ),
            ("host,family=x", "Parameter 'family' expects uint64"),
            ("host,model=256", "parameter 'model' can be at most 255"),
            (
                "host,min-level=4294967296",
                "Parameter 'min-level' expects uint32_t",
            ),
            (
                "host,vendor=me",
                "value of property 'vendor' must consist of exactly 12 characters",
            ),
            (
                "qemu64,migratable=on",
                "Property 'qemu64-x86_64-cpu.migratable' not found",
            ),
            ("host,avx=7", "Parameter 'avx' expects 'on' or 'off'"),
        ] {
            assert_eq!(CpuConfig::parse(text).unwrap_err().to_string(), expected);
        }
        let whole = CpuConfig::parse("host,+ssse3,enforce").unwrap();
        assert_eq!(
            whole.check(&host()).unwrap_err().to_string(),
            "Host doesn't support requested features: ssse3"
        );
        let part = CpuConfig::parse("host,+ssse3").unwrap();
        assert_eq!(part.check(&host()), Ok(()));
    }

    #[test]
    fn guest_is_told_neither_of_kvm_nor_of_counters() {
        for (text, function) in [
            ("host,kvm=off", KVM_SIGNATURE),
            ("host,kvm=off", KVM_FEATURES),
            ("host,pmu=off", PERFORMANCE),
        ] {
            let leaf = |text| {
                let mut leaf = Leaf {
                    function,
                    ebx: 0x4b4d_564b,
                    ..Leaf::default()
                };
                CpuConfig::parse(text).unwrap().shape(&mut leaf);
                leaf
            };
            assert_eq!(leaf(text).ebx, 0, "{text}");
            assert_eq!(leaf("host").ebx, 0x4b4d_564b, "{text}");
        }
    }

    #[test]
    fn expansion_tells_all_of_it() {
        let host = host();
        let expansion = CpuConfig::default().expand(&host);
        assert_eq!(expansion.vendor, "AuthenticAMD");
        assert_eq!(expansion.signature, (25, 17, 1));
        assert_eq!(expansion.levels.0, 28);
        let on: Vec<_> = expansion.features.iter().filter(|(_, on)| *on).collect();
        let names: Vec<_> = on.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["fpu", "sse2", "cx16", "avx", "hypervisor"]);
        let model = Model::find("qemu64").unwrap();
        assert!(model.unavailable(&host).contains(&"pni"));
        assert!(!model.unavailable(&host).contains(&"cx16"));
        assert!(MODELS[0].unavailable(&host).is_empty());
    }
}

//! The names of CPU features, and the CPUID bits that they stand for.
//!
//! The names are QEMU's, which its clients know; the bits are those of the
//! processor manuals (and of KVM's documentation for its own leaf).

/// A register that CPUID answers in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Register {
    /// `eax`.
    Eax,
    /// `ebx`.
    Ebx,
    /// `ecx`.
    Ecx,
    /// `edx`.
    Edx,
}

/// One register of one leaf, full of feature bits.
#[derive(Debug)]
pub struct Word {
    /// The leaf.
    pub function: u32,
    /// The subleaf.
    pub index: u32,
    /// The register.
    pub register: Register,
    /// The name of each bit, the lowest first; empty where there is none.
    pub names: &'static [&'static str],
}

/// The leaf that KVM tells of itself in.
pub const KVM_FEATURES: u32 = 0x4000_0001;
/// Who runs the guest.
pub const KVM_SIGNATURE: u32 = 0x4000_0000;
/// What performance counters there are.
pub const PERFORMANCE: u32 = 0xA;

use Register::{Eax, Ebx, Ecx, Edx};

const fn word(
    function: u32,
    index: u32,
    register: Register,
    names: &'static [&'static str],
) -> Word {
    Word {
        function,
        index,
        register,
        names,
    }
}

/// All words.
#[rustfmt::skip]
pub const WORDS: &[Word] = &[
    word(1, 0, Edx, &[
        "fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce",
        "cx8", "apic", "", "sep", "mtrr", "pge", "mca", "cmov",
        "pat", "pse36", "pn", "clflush", "", "ds", "acpi", "mmx",
        "fxsr", "sse", "sse2", "ss", "ht", "tm", "ia64", "pbe",
    ]),
    word(1, 0, Ecx, &[
        "pni", "pclmulqdq", "dtes64", "monitor", "ds-cpl", "vmx", "smx", "est",
        "tm2", "ssse3", "cid", "", "fma", "cx16", "xtpr", "pdcm",
        "", "pcid", "dca", "sse4.1", "sse4.2", "x2apic", "movbe", "popcnt",
        "tsc-deadline", "aes", "xsave", "", "avx", "f16c", "rdrand", "hypervisor",
    ]),
    word(6, 0, Eax, &["", "", "arat"]),
    word(7, 0, Ebx, &[
        "fsgsbase", "tsc-adjust", "sgx", "bmi1", "hle", "avx2", "fdp-excptn-only", "smep",
        "bmi2", "erms", "invpcid", "rtm", "", "zero-fcs-fds", "mpx", "",
        "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma", "pcommit", "clflushopt",
        "clwb", "intel-pt", "avx512pf", "avx512er", "avx512cd", "sha-ni", "avx512bw", "avx512vl",
    ]),
    word(7, 0, Ecx, &[
        "", "avx512vbmi", "umip", "pku", "", "waitpkg", "avx512vbmi2", "",
        "gfni", "vaes", "vpclmulqdq", "avx512vnni", "avx512bitalg", "", "avx512-vpopcntdq", "",
        "la57", "", "", "", "", "", "rdpid", "",
        "bus-lock-detect", "cldemote", "", "movdiri", "movdir64b", "", "sgxlc", "pks",
    ]),
    word(7, 0, Edx, &[
        "", "", "avx512-4vnniw", "avx512-4fmaps", "fsrm", "", "", "",
        "avx512-vp2intersect", "", "md-clear", "", "", "", "serialize", "",
        "tsx-ldtrk", "", "", "arch-lbr", "", "", "amx-bf16", "avx512-fp16",
        "amx-tile", "amx-int8", "spec-ctrl", "stibp", "flush-l1d", "arch-capabilities",
        "core-capability", "ssbd",
    ]),
    word(7, 1, Eax, &[
        "sha512", "sm3", "sm4", "", "avx-vnni", "avx512-bf16", "", "cmpccxadd",
        "", "", "fzrm", "fsrs", "fsrc", "", "", "",
        "", "fred", "lkgs", "wrmsrns", "", "amx-fp16", "", "avx-ifma",
        "", "", "lam",
    ]),
    word(0xd, 1, Eax, &["xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd"]),
    word(KVM_FEATURES, 0, Eax, &[
        "kvmclock", "kvm-nopiodelay", "kvm-mmu", "", "kvm-asyncpf", "kvm-steal-time",
        "kvm-pv-eoi", "kvm-pv-unhalt", "", "kvm-pv-tlb-flush", "kvm-asyncpf-vmexit",
        "kvm-pv-ipi", "kvm-poll-control", "kvm-pv-sched-yield", "kvm-asyncpf-int",
        "kvm-msi-ext-dest-id", "", "", "", "", "", "", "", "",
        "kvmclock-stable-bit",
    ]),
    word(0x8000_0001, 0, Edx, &[
        "", "", "", "", "", "", "", "",
        "", "", "", "syscall", "", "", "", "",
        "", "", "", "", "nx", "", "mmxext", "",
        "", "fxsr-opt", "pdpe1gb", "rdtscp", "", "lm", "3dnowext", "3dnow",
    ]),
    word(0x8000_0001, 0, Ecx, &[
        "lahf-lm", "cmp-legacy", "svm", "extapic", "cr8legacy", "abm", "sse4a", "misalignsse",
        "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", "", "lwp",
        "fma4", "tce", "", "nodeid-msr", "", "tbm", "topoext", "perfctr-core",
        "perfctr-nb",
    ]),
    word(0x8000_0007, 0, Ebx, &["overflow-recov", "succor"]),
    word(0x8000_0007, 0, Edx, &["", "", "", "", "", "", "", "", "invtsc"]),
    word(0x8000_0008, 0, Ebx, &[
        "clzero", "", "xsaveerptr", "", "", "", "", "",
        "", "wbnoinvd", "", "", "ibpb", "", "ibrs", "amd-stibp",
        "", "stibp-always-on", "", "", "", "", "", "",
        "amd-ssbd", "virt-ssbd", "amd-no-ssb", "", "amd-psfd",
    ]),
    word(0x8000_000a, 0, Edx, &[
        "npt", "lbrv", "svm-lock", "nrip-save", "tsc-scale", "vmcb-clean", "flushbyasid",
        "decodeassists", "", "", "pause-filter", "", "pfthreshold", "avic", "",
        "v-vmsave-vmload", "vgif", "", "", "", "", "", "", "", "", "vnmi", "", "",
        "svme-addr-chk",
    ]),
    word(0x8000_0021, 0, Eax, &[
        "no-nested-data-bp", "", "lfence-always-serializing", "", "", "", "null-sel-clr-base",
        "", "auto-ibrs", "", "", "", "", "", "", "",
        "", "", "", "", "", "", "", "",
        "", "", "", "sbpb", "ibpb-brtype", "srso-no",
    ]),
];

/// Spellings that users know beside those above.
const ALIASES: &[(&str, &str)] = &[
    ("sse3", "pni"),
    ("pclmuldq", "pclmulqdq"),
    ("sse4-1", "sse4.1"),
    ("sse4-2", "sse4.2"),
    ("xd", "nx"),
    ("ffxsr", "fxsr-opt"),
    ("i64", "lm"),
];

/// How many bits have names.
pub(crate) const FEATURE_COUNT: usize = {
    let (mut word, mut count) = (0, 0);
    while word < WORDS.len() {
        let mut bit = 0;
        while bit < WORDS[word].names.len() {
            if !WORDS[word].names[bit].is_empty() {
                count += 1;
            }
            bit += 1;
        }
        word += 1;
    }
    count
};

/// A feature's place: a word, and a bit of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Feature {
    /// Its place in [`WORDS`].
    pub word: usize,
    /// The bit, as a mask.
    pub mask: u32,
}

impl Feature {
    /// Whether a guest that relies on it cannot go on with another host.
    #[must_use]
    pub fn ties_to_host(self) -> bool {
        // Each host's counter (`invtsc`) runs at a speed of its own.
        let word = &WORDS[self.word];
        (word.function, word.register, self.mask) == (0x8000_0007, Edx, 1 << 8)
    }
}

/// All features with their names.
pub fn all() -> impl Iterator<Item = (&'static str, Feature)> {
    WORDS.iter().enumerate().flat_map(|(word, known)| {
        let names = known.names.iter().enumerate();
        names
            .filter(|(_, name)| !name.is_empty())
            .map(move |(bit, name)| {
                let mask = 1 << bit;
                (*name, Feature { word, mask })
            })
    })
}

/// The feature of this name; underscores are as good as dashes.
#[must_use]
pub fn find(name: &str) -> Option<Feature> {
    let name = name.replace('_', "-");
    let alias = ALIASES.iter().find(|(alias, _)| *alias == name);
    let name = alias.map_or(name.as_str(), |(_, name)| name);
    all()
        .find(|(known, _)| *known == name)
        .map(|(_, found)| found)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_their_words() {
        let names: Vec<_> = all().map(|(name, _)| name).collect();
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
        assert!(WORDS.iter().all(|word| word.names.len() <= 32));
    }

    #[test]
    fn well_known_bits_are_where_the_manuals_have_them() {
        for (name, function, register, bit) in [
            ("sse2", 1, Edx, 26),
            ("sse4_2", 1, Ecx, 20),
            ("hypervisor", 1, Ecx, 31),
            ("avx2", 7, Ebx, 5),
            ("rdpid", 7, Ecx, 22),
            ("ssbd", 7, Edx, 31),
            ("lam", 7, Eax, 26),
            ("xsaves", 0xd, Eax, 3),
            ("kvmclock-stable-bit", KVM_FEATURES, Eax, 24),
            ("xd", 0x8000_0001, Edx, 20),
            ("lm", 0x8000_0001, Edx, 29),
            ("topoext", 0x8000_0001, Ecx, 22),
            ("invtsc", 0x8000_0007, Edx, 8),
            ("amd-psfd", 0x8000_0008, Ebx, 28),
            ("vnmi", 0x8000_000a, Edx, 25),
        ] {
            let found = find(name).unwrap();
            let word = &WORDS[found.word];
            assert_eq!(
                (word.function, word.register, found.mask),
                (function, register, 1 << bit),
                "{name}"
            );
        }
        let tied = all().filter(|(_, feature)| feature.ties_to_host());
        assert_eq!(tied.map(|(name, _)| name).collect::<Vec<_>>(), ["invtsc"]);
        assert_eq!(find("nope"), None);
        assert_eq!(find(""), None);
    }
}

//! How CPUs are grouped, and the APIC IDs that follow from it.

/// What a user says about CPUs; what is left out is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SmpConfig {
    /// CPUs at power-on.
    pub cpus: Option<u32>,
    /// CPUs that the machine may have.
    pub max_cpus: Option<u32>,
    /// Sockets.
    pub sockets: Option<u32>,
    /// Dies in a socket.
    pub dies: Option<u32>,
    /// Cores in a die.
    pub cores: Option<u32>,
    /// Threads in a core.
    pub threads: Option<u32>,
}

/// Why CPUs cannot be grouped as asked; the words are QEMU's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// A number is zero.
    #[error("Invalid CPU topology: CPU topology parameters must be greater than zero")]
    Zero,
    /// The groups make another number of CPUs than the machine may have.
    #[error(
        "Invalid CPU topology: product of the hierarchy must match maxcpus: {groups} != maxcpus ({max})"
    )]
    Product {
        /// The groups.
        groups: String,
        /// The number that they should make.
        max: u32,
    },
    /// More CPUs at power-on than the machine may have.
    #[error(
        "Invalid CPU topology: maxcpus must be equal to or greater than smp: {groups} == maxcpus ({max}) < smp_cpus ({cpus})"
    )]
    TooFew {
        /// The groups.
        groups: String,
        /// CPUs that the machine may have.
        max: u32,
        /// CPUs at power-on.
        cpus: u32,
    },
}

/// The CPUs of a machine: a socket has dies, a die cores, a core threads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Topology {
    /// Sockets.
    pub sockets: u32,
    /// Dies in a socket.
    pub dies: u32,
    /// Cores in a die.
    pub cores: u32,
    /// Threads in a core.
    pub threads: u32,
}

/// The place of a CPU; each number counts within the level above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuPlace {
    /// Socket.
    pub socket: u32,
    /// Die.
    pub die: u32,
    /// Core.
    pub core: u32,
    /// Thread.
    pub thread: u32,
}

impl SmpConfig {
    /// The topology, and the number of CPUs at power-on. As in QEMU, cores are
    /// preferred to sockets where the numbers leave a choice.
    ///
    /// # Errors
    /// The numbers contradict each other.
    pub fn resolve(self) -> Result<(Topology, u32), TopologyError> {
        let given = [
            self.cpus,
            self.max_cpus,
            self.sockets,
            self.dies,
            self.cores,
            self.threads,
        ];
        if given.contains(&Some(0)) {
            return Err(TopologyError::Zero);
        }
        let dies = self.dies.unwrap_or(1);
        let (mut sockets, mut cores, mut threads) = (self.sockets, self.cores, self.threads);
        if let Some(max) = self.max_cpus.or(self.cpus) {
            // A quotient of zero fails below, as a product that does not match.
            let share = |parts: &[u32]| {
                let parts = parts.iter().copied();
                let product = parts.fold(1u32, u32::saturating_mul);
                max / product.max(1)
            };
            if cores.is_none() {
                let (sockets, threads) = (sockets.unwrap_or(1), threads.unwrap_or(1));
                cores = Some(share(&[sockets, dies, threads]));
            } else if sockets.is_none() {
                let (cores, threads) = (cores.unwrap_or(1), threads.unwrap_or(1));
                sockets = Some(share(&[dies, cores, threads]));
            } else if threads.is_none() {
                threads = Some(share(&[sockets.unwrap_or(1), dies, cores.unwrap_or(1)]));
            }
        }
        let topology = Topology {
            sockets: sockets.unwrap_or(1),
            dies,
            cores: cores.unwrap_or(1),
            threads: threads.unwrap_or(1),
        };
        let total = topology.count();
        let max = self
            .max_cpus
            .or(self.cpus)
            .unwrap_or(u32::try_from(total).unwrap_or(u32::MAX));
        if total != u64::from(max) {
            let groups = topology.to_string();
            return Err(TopologyError::Product { groups, max });
        }
        let cpus = self.cpus.unwrap_or(max);
        if cpus > max {
            let groups = topology.to_string();
            return Err(TopologyError::TooFew { groups, max, cpus });
        }
        Ok((topology, cpus))
    }
}

impl std::fmt::Display for Topology {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "sockets ({})", self.sockets)?;
        if self.dies > 1 {
            write!(f, " * dies ({})", self.dies)?;
        }
        write!(f, " * cores ({}) * threads ({})", self.cores, self.threads)
    }
}

impl Topology {
    /// One socket with `cpus` cores.
    #[must_use]
    pub fn flat(cpus: u32) -> Self {
        Self {
            sockets: 1,
            dies: 1,
            cores: cpus,
            threads: 1,
        }
    }

    /// CPUs that fit.
    #[must_use]
    pub fn count(&self) -> u64 {
        [self.dies, self.cores, self.threads]
            .into_iter()
            .fold(u64::from(self.sockets), |product, part| {
                product.saturating_mul(part.into())
            })
    }

    /// The place of CPU `index`.
    #[must_use]
    pub fn place(&self, index: u32) -> CpuPlace {
        let (rest, thread) = split(index, self.threads);
        let (rest, core) = split(rest, self.cores);
        let (socket, die) = split(rest, self.dies);
        CpuPlace {
            socket,
            die,
            core,
            thread,
        }
    }

    /// The CPU at `place`, if there is one.
    #[must_use]
    pub fn index(&self, place: CpuPlace) -> Option<u32> {
        let inside = place.socket < self.sockets
            && place.die < self.dies
            && place.core < self.cores
            && place.thread < self.threads;
        inside.then(|| {
            ((place.socket * self.dies + place.die) * self.cores + place.core) * self.threads
                + place.thread
        })
    }

    /// The APIC ID of CPU `index`: its place, each number in as many bits as
    /// its level needs.
    #[must_use]
    pub fn apic_id(&self, index: u32) -> u32 {
        let place = self.place(index);
        let bits = self.bits();
        place.thread
            | place.core.wrapping_shl(bits.core)
            | place.die.wrapping_shl(bits.die)
            | place.socket.wrapping_shl(bits.socket)
    }

    /// Where the numbers of an APIC ID begin.
    #[must_use]
    pub fn bits(&self) -> ApicIdBits {
        let core = width(self.threads);
        let die = core + width(self.cores);
        let socket = die + width(self.dies);
        ApicIdBits { core, die, socket }
    }
}

/// The lowest bit of each number in an APIC ID; the thread begins at bit 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApicIdBits {
    /// Of the core.
    pub core: u32,
    /// Of the die.
    pub die: u32,
    /// Of the socket.
    pub socket: u32,
}

fn split(value: u32, by: u32) -> (u32, u32) {
    let by = by.max(1);
    (value / by, value % by)
}

/// Bits that `count` different numbers take.
fn width(count: u32) -> u32 {
    u32::BITS - count.saturating_sub(1).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> Result<(u32, [u32; 4]), String> {
        let mut config = SmpConfig::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').unwrap();
            let place = match key {
                "cpus" => &mut config.cpus,
                "max" => &mut config.max_cpus,
                "sockets" => &mut config.sockets,
                "dies" => &mut config.dies,
                "cores" => &mut config.cores,
                _ => &mut config.threads,
            };
            *place = Some(value.parse().unwrap());
        }
        let (topology, cpus) = config.resolve().map_err(|error| error.to_string())?;
        let Topology {
            sockets,
            dies,
            cores,
            threads,
        } = topology;
        Ok((cpus, [sockets, dies, cores, threads]))
    }

    #[test]
    fn what_is_left_out_is_computed() {
        for (text, expected) in [
            ("", (1, [1, 1, 1, 1])),
            ("cpus=4", (4, [1, 1, 4, 1])),
            ("cpus=2,max=8", (2, [1, 1, 8, 1])),
            ("cpus=7,max=8,sockets=2", (7, [2, 1, 4, 1])),
            ("cpus=2,max=8,sockets=2,cores=2", (2, [2, 1, 2, 2])),
            ("cpus=8,cores=2", (8, [4, 1, 2, 1])),
            ("cpus=8,threads=2", (8, [1, 1, 4, 2])),
            ("sockets=2,cores=2", (4, [2, 1, 2, 1])),
            ("cpus=8,dies=2,cores=2", (8, [2, 2, 2, 1])),
        ] {
            assert_eq!(resolve(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn contradictions_are_told() {
        let prefix = "Invalid CPU topology: ";
        for (text, expected) in [
            (
                "cpus=0",
                "CPU topology parameters must be greater than zero",
            ),
            (
                "cpus=3,sockets=2,cores=2,threads=1",
                "product of the hierarchy must match maxcpus: sockets (2) * cores (2) * threads (1) != maxcpus (3)",
            ),
            (
                "cpus=8,max=4",
                "maxcpus must be equal to or greater than smp: sockets (1) * cores (4) * threads (1) == maxcpus (4) < smp_cpus (8)",
            ),
            (
                "cpus=2,sockets=4294967295,threads=4294967295",
                "product of the hierarchy must match maxcpus: sockets (4294967295) * cores (0) * threads (4294967295) != maxcpus (2)",
            ),
        ] {
            assert_eq!(resolve(text), Err(format!("{prefix}{expected}")), "{text}");
        }
    }

    #[test]
    fn places_and_indices_are_inverse_and_ids_unique() {
        let topology = Topology {
            sockets: 2,
            dies: 2,
            cores: 3,
            threads: 2,
        };
        let mut ids = std::collections::BTreeSet::new();
        for index in 0..24 {
            assert_eq!(topology.index(topology.place(index)), Some(index));
            assert!(ids.insert(topology.apic_id(index)));
        }
        // thread in bit 0, core in bits 1 and 2, die in bit 3, socket in bit 4
        assert_eq!(topology.apic_id(23), 0b1_1101);
        let outside = CpuPlace {
            socket: 0,
            die: 0,
            core: 3,
            thread: 0,
        };
        assert_eq!(topology.index(outside), None);
    }
}

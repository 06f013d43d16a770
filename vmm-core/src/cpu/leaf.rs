//! A leaf of CPUID, and what one says about a CPU's place.

use super::features::{Register, Word};
use crate::machine::Topology;

/// What CPUID answers for one function and index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Leaf {
    /// The function (`eax` of the question).
    pub function: u32,
    /// The index (`ecx` of the question).
    pub index: u32,
    /// Answer.
    pub eax: u32,
    /// Answer.
    pub ebx: u32,
    /// Answer.
    pub ecx: u32,
    /// Answer.
    pub edx: u32,
}

impl Leaf {
    /// Answers with nothing.
    pub fn clear(&mut self) {
        let (function, index) = (self.function, self.index);
        *self = Leaf {
            function,
            index,
            ..Leaf::default()
        };
    }

    /// A register of the answer.
    pub fn register(&mut self, register: Register) -> &mut u32 {
        match register {
            Register::Eax => &mut self.eax,
            Register::Ebx => &mut self.ebx,
            Register::Ecx => &mut self.ecx,
            Register::Edx => &mut self.edx,
        }
    }

    /// Whether `word` is in this leaf.
    #[must_use]
    pub fn holds(&self, word: &Word) -> bool {
        self.function == word.function && self.index == word.index
    }

    /// Puts the place of CPU `index` into the leaf, where it is one that tells.
    pub fn place(&mut self, topology: &Topology, index: u32) {
        let apic_id = topology.apic_id(index);
        let bits = topology.bits();
        let in_socket = topology.dies * topology.cores * topology.threads;
        match (self.function, self.index) {
            (1, _) => {
                // The number counts APIC IDs, not CPUs: a power of two.
                let ids = 1u32.checked_shl(bits.socket).unwrap_or(0).min(0xff);
                self.ebx = (self.ebx & 0xffff) | (ids << 16) | (apic_id << 24);
                self.edx &= !HYPER_THREADING;
                if in_socket > 1 {
                    self.edx |= HYPER_THREADING;
                }
            }
            (0xb | 0x1f, 0) => {
                self.eax = bits.core;
                self.ebx = topology.threads;
                self.ecx = LEVEL_THREADS << 8;
                self.edx = apic_id;
            }
            (0xb | 0x1f, 1) => {
                self.eax = bits.socket;
                self.ebx = in_socket;
                self.ecx = (LEVEL_CORES << 8) | 1;
                self.edx = apic_id;
            }
            (0xb | 0x1f, level) => {
                (self.eax, self.ebx, self.ecx, self.edx) = (0, 0, level & 0xff, apic_id);
            }
            // AMD's: CPUs in the socket less one, and the bits that they take
            (0x8000_0008, _) => {
                self.ecx = (self.ecx & !0xf0ff)
                    | (in_socket.saturating_sub(1) & 0xff)
                    | ((bits.socket & 0xf) << 12);
            }
            (0x8000_001e, _) => {
                let place = topology.place(index);
                self.eax = apic_id;
                self.ebx = (topology.threads.saturating_sub(1) << 8) | place.core;
                self.ecx = place.socket;
            }
            _ => {}
        }
    }
}

const HYPER_THREADING: u32 = 1 << 28;
const LEVEL_THREADS: u32 = 1;
const LEVEL_CORES: u32 = 2;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_in_every_leaf_that_tells_it() {
        let topology = Topology {
            sockets: 2,
            dies: 1,
            cores: 3,
            threads: 2,
        };
        let told = |function, index| {
            let mut leaf = Leaf {
                function,
                index,
                ..Leaf::default()
            };
            leaf.place(&topology, 11); // the last thread of all
            leaf
        };
        let apic_id = 0b1101; // socket 1, core 2, thread 1
        assert_eq!(told(1, 0).ebx, apic_id << 24 | 8 << 16);
        assert_eq!(told(1, 0).edx, HYPER_THREADING);
        let threads = told(0xb, 0);
        assert_eq!(
            (threads.eax, threads.ebx, threads.ecx, threads.edx),
            (1, 2, 0x100, apic_id)
        );
        let cores = told(0xb, 1);
        assert_eq!(
            (cores.eax, cores.ebx, cores.ecx, cores.edx),
            (3, 6, 0x201, apic_id)
        );
        assert_eq!(told(0xb, 2).ecx, 2);
        assert_eq!(told(0x8000_0008, 0).ecx, 3 << 12 | 5);
        let node = told(0x8000_001e, 0);
        assert_eq!((node.eax, node.ebx, node.ecx), (apic_id, 1 << 8 | 2, 1));
        assert_eq!(told(7, 0).ebx, 0);
    }
}

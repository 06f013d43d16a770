//! Flat binaries: all that no other format claims.

use super::FLAT_ADDRESS;
use super::error::BootProblem;
use super::kernel::{Kernel, Protocol};
use super::pvh;
use crate::machine::GuestRam;

/// How files begin that are certainly no code for the CPU.
const COMPRESSED: [(&[u8], &str); 6] = [
    (b"\x1f\x8b\x08", "gzip"),
    (b"\xfd7zXZ\0", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\x02\x21\x4c\x18", "lz4"),
    (b"\x04\x22\x4d\x18", "lz4"),
];

pub(super) fn load(image: &[u8], ram: &GuestRam) -> Result<Kernel, BootProblem> {
    for (magic, name) in COMPRESSED {
        if image.starts_with(magic) {
            return Err(BootProblem::Compressed(name));
        }
    }
    if image.starts_with(b"MZ") {
        return Err(BootProblem::Efi);
    }
    let size = image.len() as u64;
    ram.write(FLAT_ADDRESS, image)
        .map_err(|_| BootProblem::TooLarge {
            size,
            address: FLAT_ADDRESS,
            ram: ram.size(),
        })?;
    Ok(Kernel {
        address: FLAT_ADDRESS,
        end: FLAT_ADDRESS + size,
        initrd_end: pvh::INITRD_END,
        cmdline_max: pvh::CMDLINE_MAX,
        protocol: Protocol::Pvh,
    })
}

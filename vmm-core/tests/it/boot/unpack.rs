//! The kernel within a bzImage, which says where it has it.

use std::io::Write;
use std::process::{Command, Stdio};

/// What a packed kernel begins with, and what unpacks it.
const PACKERS: [(&[u8], &str, &[&str]); 4] = [
    (&[0x1f, 0x8b], "gzip", &["-dc"]),
    (&[0xfd, b'7', b'z', b'X'], "xz", &["-dc", "--single-stream"]),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd", &["-dcq"]),
    (&[0x02, 0x21, 0x4c, 0x18], "lz4", &["-dcq"]),
];

/// Bytes of the length that stands behind the packed kernel, but for gzip, which has one itself.
const LENGTH: usize = 4;

/// The ELF file within, or nothing (and the reason on stdout).
pub(super) fn vmlinux(bzimage: &[u8]) -> Option<Vec<u8>> {
    let payload = payload(bzimage);
    let packer = PACKERS
        .iter()
        .find(|(magic, ..)| payload.starts_with(magic));
    let Some((_, program, options)) = packer else {
        let magic = payload.get(..4).unwrap_or_default();
        println!("skipped: nothing is known that unpacks a kernel with {magic:02x?} in front");
        return None;
    };
    let mut file = tempfile::tempfile().unwrap();
    let length = payload.len() - if *program == "gzip" { 0 } else { LENGTH };
    file.write_all(&payload[..length]).unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let unpacked = Command::new(program)
        .args(*options)
        .stdin(file)
        .stderr(Stdio::inherit())
        .output();
    let Ok(unpacked) = unpacked else {
        println!("skipped: no {program}, which this kernel is packed with");
        return None;
    };
    assert!(unpacked.status.success(), "{program}: {}", unpacked.status);
    assert!(unpacked.stdout.starts_with(b"\x7fELF"));
    Some(unpacked.stdout)
}

/// Behind the real-mode code, at the offset and with the length that the setup header gives.
fn payload(bzimage: &[u8]) -> &[u8] {
    let word = |at: usize| u32::from_le_bytes(bzimage[at..at + 4].try_into().unwrap()) as usize;
    let start = (usize::from(bzimage[0x1f1]) + 1) * 512 + word(0x248);
    &bzimage[start..start + word(0x24c)]
}

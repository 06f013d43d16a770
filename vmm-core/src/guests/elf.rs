//! The smallest ELF64 files that loaders take: one segment, and a PVH note or none.

const HEADER_SIZE: u64 = 64;
const PROGRAM_HEADER_SIZE: u64 = 56;
const PT_LOAD: u32 = 1;
const PT_NOTE: u32 = 4;
const FLAGS_RWX: u32 = 7;
const XEN_ELFNOTE_PHYS32_ENTRY: u32 = 18;

/// Memory that the segment takes beyond the file's bytes, which loaders zero.
const BSS: u64 = 256;

/// `code` to be loaded to, and started at, `address`.
pub(super) fn with_pvh_note(code: &[u8], address: u64) -> Vec<u8> {
    let note = note(address);
    let note_at = HEADER_SIZE + 2 * PROGRAM_HEADER_SIZE;
    let code_at = note_at + note.len() as u64;
    let size = code.len() as u64;
    let mut file = header(address, 2);
    program_header(
        &mut file,
        PT_NOTE,
        note_at,
        0,
        note.len() as u64,
        note.len() as u64,
    );
    program_header(&mut file, PT_LOAD, code_at, address, size, size + BSS);
    file.extend(note);
    file.extend(code);
    file
}

/// `code` to be loaded to `address` and started at `entry`, without a note.
pub(super) fn without_note(code: &[u8], address: u64, entry: u64) -> Vec<u8> {
    let code_at = HEADER_SIZE + PROGRAM_HEADER_SIZE;
    let size = code.len() as u64;
    let mut file = header(entry, 1);
    program_header(&mut file, PT_LOAD, code_at, address, size, size + BSS);
    file.extend(code);
    file
}

fn header(entry: u64, program_headers: u16) -> Vec<u8> {
    let mut bytes = b"\x7fELF".to_vec();
    bytes.extend([2, 1, 1, 0]); // 64 bits, little-endian, version 1, System V
    bytes.extend([0; 8]);
    bytes.extend(2u16.to_le_bytes()); // executable
    bytes.extend(62u16.to_le_bytes()); // x86-64
    bytes.extend(1u32.to_le_bytes()); // version
    bytes.extend(entry.to_le_bytes());
    bytes.extend(HEADER_SIZE.to_le_bytes()); // program headers follow
    bytes.extend(0u64.to_le_bytes()); // no section headers
    bytes.extend(0u32.to_le_bytes()); // flags
    bytes.extend(64u16.to_le_bytes()); // size of this header
    bytes.extend(56u16.to_le_bytes()); // size of a program header
    bytes.extend(program_headers.to_le_bytes());
    bytes.extend([64, 0, 0, 0, 0, 0]); // section headers: size, none, no names
    bytes
}

fn program_header(
    file: &mut Vec<u8>,
    kind: u32,
    offset: u64,
    address: u64,
    file_size: u64,
    memory_size: u64,
) {
    file.extend(kind.to_le_bytes());
    file.extend(FLAGS_RWX.to_le_bytes());
    for word in [offset, address, address, file_size, memory_size, 4] {
        file.extend(word.to_le_bytes());
    }
}

fn note(entry: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(4u32.to_le_bytes()); // length of the name
    bytes.extend(8u32.to_le_bytes()); // length of the value
    bytes.extend(XEN_ELFNOTE_PHYS32_ENTRY.to_le_bytes());
    bytes.extend(b"Xen\0");
    bytes.extend(entry.to_le_bytes());
    bytes
}

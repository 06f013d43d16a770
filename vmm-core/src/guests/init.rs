//! An initial RAM disk for Linux, with one program.

use iced_x86::code_asm as x;

use super::{AssembleError, elf};

/// Where a file with one program header has its code, in a program's usual place.
const ENTRY: u64 = 0x40_0000 + 120;

/// Linux' numbers of system calls, and of what `reboot` is told.
const WRITE: u32 = 1;
const REBOOT: u32 = 169;
const REBOOT_MAGIC: u32 = 0xfee1_dead;
const REBOOT_MAGIC_2: u32 = 672_274_793;
const POWER_OFF: u32 = 0x4321_fedc;

const EXECUTABLE: usize = 0o100_755;

/// An archive that Linux unpacks as its first file system: `init` prints `text` on the console and
/// powers the machine off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn initramfs(text: &str) -> Result<Vec<u8>, AssembleError> {
    let program = elf::without_note(&init(text)?, ENTRY, ENTRY);
    let mut archive = Vec::new();
    entry(&mut archive, "init", EXECUTABLE, &program);
    entry(&mut archive, "TRAILER!!!", 0, &[]);
    Ok(archive)
}

fn init(text: &str) -> Result<Vec<u8>, AssembleError> {
    let mut asm = x::CodeAssembler::new(64)?;
    let mut message = asm.create_label();
    asm.mov(x::eax, WRITE)?;
    asm.mov(x::edi, 1)?;
    asm.lea(x::rsi, x::ptr(message))?;
    asm.mov(x::rdx, text.len() as u64)?;
    asm.syscall()?;
    asm.mov(x::eax, REBOOT)?;
    asm.mov(x::edi, REBOOT_MAGIC)?;
    asm.mov(x::esi, REBOOT_MAGIC_2)?;
    asm.mov(x::edx, POWER_OFF)?;
    asm.syscall()?;
    let mut stay = asm.create_label();
    asm.set_label(&mut stay)?;
    asm.jmp(stay)?;
    asm.set_label(&mut message)?;
    asm.db(text.as_bytes())?;
    Ok(asm.assemble(ENTRY)?)
}

/// A file in the form that `cpio` calls `newc`: numbers are eight hexadecimal digits, and name and
/// content are filled up to four bytes.
fn entry(archive: &mut Vec<u8>, name: &str, mode: usize, content: &[u8]) {
    let (inode, owner, group, links, time, device) = (0, 0, 0, 1, 0, 0);
    let numbers = [
        inode,
        mode,
        owner,
        group,
        links,
        time,
        content.len(),
        device,
        device,
        device,
        device,
        name.len() + 1,
        0, // no checksum
    ];
    archive.extend(b"070701");
    for number in numbers {
        archive.extend(format!("{number:08x}").bytes());
    }
    archive.extend(name.bytes());
    archive.push(0);
    fill(archive);
    archive.extend(content);
    fill(archive);
}

fn fill(archive: &mut Vec<u8>) {
    archive.resize(archive.len().next_multiple_of(4), 0);
}

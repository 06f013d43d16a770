//! A guest that asks for entropy.

use iced_x86::code_asm as x;

use super::program::assemble;
use super::virtio::{BUFFERS, Buffer, Wait};
use super::{AssembleError, Guest};

const DEVICE_ID: u32 = 4;
const QUEUE: u32 = 0;
/// Bytes that [`rng`] asks for at a time.
pub const RNG_BYTES: u32 = 16;

/// Asks the entropy device for [`RNG_BYTES`] bytes, twice, prints what came in
/// hexadecimal, each in a line behind `rng: `, and powers off.
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn rng(wait: Wait) -> Result<Guest, AssembleError> {
    assemble(|p| {
        p.virtio_find(DEVICE_ID)?;
        p.virtio_start(0, &[QUEUE], wait)?;
        for _ in 0..2 {
            p.virtio_send(QUEUE, &[Buffer::In(BUFFERS, RNG_BYTES)])?;
            p.virtio_wait(QUEUE, wait)?;
            p.print("rng: ")?;
            p.print_bytes(BUFFERS)?;
            p.print("\n")?;
        }
        p.power_off()
    })
}

impl super::program::Program {
    /// Prints `ecx` bytes from `address` on.
    pub(super) fn print_bytes(&mut self, address: u32) -> super::program::Result {
        self.asm.mov(x::edi, address)?;
        self.print_bytes_at_edi()
    }

    /// Prints `ecx` bytes from `edi` on.
    pub(super) fn print_bytes_at_edi(&mut self) -> super::program::Result {
        let (mut next, mut done) = (self.label(), self.label());
        self.asm.set_label(&mut next)?;
        self.asm.test(x::ecx, x::ecx)?;
        self.asm.jz(done)?;
        self.asm.mov(x::al, x::byte_ptr(x::rdi))?;
        self.print_hex()?;
        self.asm.inc(x::edi)?;
        self.asm.dec(x::ecx)?;
        self.asm.jmp(next)?;
        self.asm.set_label(&mut done)
    }
}

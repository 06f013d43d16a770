//! A guest that gives pages back when it is asked to.

use iced_x86::code_asm as x;

use super::program::{Program, Result as Step, assemble};
use super::virtio::{BUFFERS, Buffer, CONFIG, Wait};
use super::{AssembleError, Guest};

const DEVICE_ID: u32 = 5;
const INFLATE: u32 = 0;
const DEFLATE: u32 = 1;
const STATISTICS: u32 = 2;
/// The feature that there is a queue for statistics.
const HAS_STATISTICS: u32 = 1 << 1;
const WAIT: Wait = Wait::Interrupt;

/// The first page that [`balloon`] gives, and how many it has for that.
const FIRST_PAGE: u32 = 0x400;
/// The most pages that [`balloon`] gives, of 4 KiB each.
pub const BALLOON_PAGES: u32 = 2048;
/// Page numbers in a request.
const AT_ONCE: u32 = 256;
const STATISTICS_BUFFER: u32 = BUFFERS + 0x1000;
/// What the guest says of all its memory.
pub const BALLOON_TOTAL: u32 = 0x0123_4567;

/// Writes to [`BALLOON_PAGES`] pages, prints `balloon: ready`, and from then on
/// gives or takes as many as it is asked to. When it has, it prints `balloon: `
/// and how many it gives, in four hexadecimal digits; and `balloon: kept` for
/// each page that it gets back as it was. Its statistics are a number that grows
/// with each request as free memory, and [`BALLOON_TOTAL`].
///
/// # Errors
/// None in practice; see [`AssembleError`].
pub fn balloon() -> Result<Guest, AssembleError> {
    assemble(|p| {
        let (mut main, mut inflate, mut deflate) = (p.label(), p.label(), p.label());
        let (mut same, mut rest) = (p.label(), p.label());
        fill(p)?;
        p.virtio_find(DEVICE_ID)?;
        p.virtio_start(HAS_STATISTICS, &[INFLATE, DEFLATE, STATISTICS], WAIT)?;
        p.asm.xor(x::r13d, x::r13d)?; // pages given
        p.asm.xor(x::r15d, x::r15d)?; // pages given when it was said last
        p.asm.mov(x::r14d, 1)?; // requests for statistics
        send_statistics(p)?;
        p.print("balloon: ready\n")?;

        p.asm.set_label(&mut main)?;
        p.asm.cli()?;
        p.virtio_get(CONFIG)?;
        p.asm.cmp(x::eax, BALLOON_PAGES)?;
        p.asm.jbe(same)?;
        p.asm.mov(x::eax, BALLOON_PAGES)?;
        p.asm.set_label(&mut same)?;
        p.asm.cmp(x::eax, x::r13d)?;
        p.asm.ja(inflate)?;
        p.asm.jb(deflate)?;
        p.asm.cmp(x::r15d, x::r13d)?;
        p.asm.je(rest)?;
        p.asm.mov(x::r15d, x::r13d)?;
        say(p)?;
        p.asm.set_label(&mut rest)?;
        let (mut quiet, sleep) = (p.label(), p.label());
        p.virtio_is_done(STATISTICS, quiet)?;
        p.asm.jmp(sleep)?;
        p.asm.set_label(&mut quiet)?;
        p.asm.inc(x::r14d)?;
        send_statistics(p)?;
        let mut sleep = sleep;
        p.asm.set_label(&mut sleep)?;
        p.asm.sti()?;
        p.asm.hlt()?;
        p.asm.jmp(main)?;

        p.asm.set_label(&mut inflate)?;
        p.asm.sub(x::eax, x::r13d)?;
        p.asm.lea(x::r8d, x::ptr(x::r13 + FIRST_PAGE))?;
        exchange(p, INFLATE)?;
        p.asm.add(x::r13d, x::r9d)?;
        tell_actual(p)?;
        p.asm.jmp(main)?;

        p.asm.set_label(&mut deflate)?;
        p.asm.mov(x::edx, x::r13d)?;
        p.asm.sub(x::edx, x::eax)?;
        p.asm.mov(x::eax, x::edx)?;
        at_most(p)?;
        p.asm.mov(x::r8d, x::r13d)?;
        p.asm.sub(x::r8d, x::eax)?;
        p.asm.add(x::r8d, FIRST_PAGE)?;
        exchange(p, DEFLATE)?;
        check(p)?;
        p.asm.sub(x::r13d, x::r9d)?;
        tell_actual(p)?;
        p.asm.jmp(main)
    })
}

/// Writes to all pages that may be given.
fn fill(p: &mut Program) -> Step {
    let mut next = p.label();
    p.asm.mov(x::edi, FIRST_PAGE << 12)?;
    p.asm.set_label(&mut next)?;
    p.asm.mov(x::dword_ptr(x::rdi), x::edi)?;
    p.asm.add(x::edi, 0x1000)?;
    p.asm.cmp(x::edi, (FIRST_PAGE + BALLOON_PAGES) << 12)?;
    p.asm.jb(next)
}

/// `eax`, or as many as go into a request.
fn at_most(p: &mut Program) -> Step {
    let mut fits = p.label();
    p.asm.cmp(x::eax, AT_ONCE)?;
    p.asm.jbe(fits)?;
    p.asm.mov(x::eax, AT_ONCE)?;
    p.asm.set_label(&mut fits)
}

/// Sends the numbers of up to `eax` pages from `r8d` on; how many is in `r9d`.
fn exchange(p: &mut Program, queue: u32) -> Step {
    let mut next = p.label();
    at_most(p)?;
    p.asm.mov(x::r9d, x::eax)?;
    p.asm.mov(x::ecx, x::eax)?;
    p.asm.mov(x::eax, x::r8d)?;
    p.asm.mov(x::edi, BUFFERS)?;
    p.asm.set_label(&mut next)?;
    p.asm.mov(x::dword_ptr(x::rdi), x::eax)?;
    p.asm.add(x::edi, 4)?;
    p.asm.inc(x::eax)?;
    p.asm.dec(x::ecx)?;
    p.asm.jnz(next)?;
    p.virtio_describe(queue, &[Buffer::Out(BUFFERS, 0)])?;
    p.asm.mov(x::ecx, x::r9d)?;
    p.asm.shl(x::ecx, 2)?;
    p.virtio_length(queue)?;
    p.virtio_submit(queue)?;
    p.virtio_wait(queue, WAIT)
}

/// Looks whether the `r9d` pages from `r8d` on are empty, and fills them.
fn check(p: &mut Program) -> Step {
    let (mut next, mut empty) = (p.label(), p.label());
    p.asm.mov(x::edi, x::r8d)?;
    p.asm.shl(x::edi, 12)?;
    p.asm.mov(x::ecx, x::r9d)?;
    p.asm.set_label(&mut next)?;
    p.asm.cmp(x::dword_ptr(x::rdi), 0)?;
    p.asm.je(empty)?;
    p.print("balloon: kept\n")?;
    p.asm.set_label(&mut empty)?;
    p.asm.mov(x::dword_ptr(x::rdi), x::edi)?;
    p.asm.add(x::edi, 0x1000)?;
    p.asm.dec(x::ecx)?;
    p.asm.jnz(next)
}

fn tell_actual(p: &mut Program) -> Step {
    p.asm.mov(x::dword_ptr(x::r12 + CONFIG + 4), x::r13d)
}

fn say(p: &mut Program) -> Step {
    p.print("balloon: ")?;
    p.asm.mov(x::eax, x::r13d)?;
    p.asm.shr(x::eax, 8)?;
    p.print_hex()?;
    p.asm.mov(x::eax, x::r13d)?;
    p.print_hex()?;
    p.print("\n")
}

fn send_statistics(p: &mut Program) -> Step {
    for (offset, number) in [(0, 4), (10, 5)] {
        let at = STATISTICS_BUFFER + offset;
        p.asm.mov(x::word_ptr(at), number)?;
        match number {
            4 => p.asm.mov(x::dword_ptr(at + 2), x::r14d)?,
            _ => p.asm.mov(x::dword_ptr(at + 2), BALLOON_TOTAL)?,
        }
        p.asm.mov(x::dword_ptr(at + 6), 0)?;
    }
    p.virtio_send(STATISTICS, &[Buffer::Out(STATISTICS_BUFFER, 20)])
}

//! The `unsafe` code of the machine: handing guest memory to KVM, reading
//! unions that KVM fills, and the signal handler that ends a `KVM_RUN`.

use std::cell::Cell;
use std::os::raw::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering, compiler_fence};
use std::thread::JoinHandle;

use kvm_bindings::{
    KVM_MEM_LOG_DIRTY_PAGES, Xsave, kvm_irqchip, kvm_userspace_memory_region, kvm_xsave,
};
use kvm_ioctls::{VcpuFd, VmFd};
use vm_memory::{GuestMemoryRegion, GuestRegionMmap};
use vmm_sys_util::errno;
use vmm_sys_util::signal::{Killable, SIGRTMIN, register_signal_handler, unblock_signal};

/// Maps `region` into `vm` as `slot`, or changes whether writes to it are logged.
pub(super) fn map(
    vm: &VmFd,
    slot: u32,
    region: &GuestRegionMmap<()>,
    logs_writes: bool,
) -> errno::Result<()> {
    let memory = kvm_userspace_memory_region {
        slot,
        flags: match logs_writes {
            true => KVM_MEM_LOG_DIRTY_PAGES,
            false => 0,
        },
        guest_phys_addr: region.start_addr().0,
        memory_size: region.len(),
        userspace_addr: region.as_ptr() as u64,
    };
    // SAFETY: the region is one mapping of exactly that length, and the caller
    // keeps it alive for as long as `vm` or until it is unmapped. Other users
    // reach the same bytes through volatile accesses of vm-memory only.
    unsafe { vm.set_user_memory_region(memory) }
}

/// Takes what is at `slot` out of `vm`.
pub(super) fn unmap(vm: &VmFd, slot: u32) -> errno::Result<()> {
    let nothing = kvm_userspace_memory_region {
        slot,
        ..Default::default()
    };
    // SAFETY: a slot of no size gives the guest nothing.
    unsafe { vm.set_user_memory_region(nothing) }
}

/// Bytes of the extended state that every kernel knows.
pub(super) const XSAVE: usize = size_of::<kvm_xsave>();

/// Room for `size` bytes of extended state, at least [`XSAVE`].
fn xsave_room(size: usize) -> errno::Result<Xsave> {
    let extra = size.saturating_sub(XSAVE).div_ceil(size_of::<u32>());
    Xsave::new(extra).map_err(|_| errno::Error::new(libc::ENOMEM))
}

/// The extended state of `vcpu`, which is of `size` bytes by the word of its VM.
pub(super) fn xsave(vcpu: &VcpuFd, size: usize) -> errno::Result<Vec<u32>> {
    if size <= XSAVE {
        return Ok(vcpu.get_xsave()?.region.to_vec());
    }
    let mut state = xsave_room(size)?;
    // SAFETY: there is room for as much as KVM says that it writes; nothing here enables features later.
    unsafe { vcpu.get_xsave2(&mut state)? };
    let base = state.as_fam_struct_ref().xsave.region;
    Ok([&base[..], state.as_slice()].concat())
}

/// Writes the extended state of `vcpu`, which is of `size` bytes by the word of its VM; what is missing is zero.
pub(super) fn set_xsave(vcpu: &VcpuFd, words: &[u32], size: usize) -> errno::Result<()> {
    let mut state = xsave_room(size)?;
    let (base, extra) = words.split_at(words.len().min(XSAVE / size_of::<u32>()));
    for (to, from) in state.as_mut_slice().iter_mut().zip(extra) {
        *to = *from;
    }
    // SAFETY: the length of the array behind it is left alone.
    let region = unsafe { &mut state.as_mut_fam_struct().xsave.region };
    for (to, from) in region.iter_mut().zip(base) {
        *to = *from;
    }
    // SAFETY: there is as much as KVM says that it reads, whatever is in it.
    unsafe { vcpu.set_xsave2(&state) }
}

/// Sets all mask bits of an 8259 image.
pub(super) fn mask_pic(chip: &mut kvm_irqchip) {
    // Writing a variant is safe; the caller read the image of a PIC, so it is
    // the live one.
    chip.chip.pic.imr = 0xff;
}

/// What the guest moves through a port in the last exit, and the bytes of one
/// element: a string instruction moves several elements in one exit.
pub(super) fn port_access(vcpu: &mut VcpuFd) -> (&mut [u8], usize) {
    let run = vcpu.get_kvm_run();
    // SAFETY: the caller saw KVM_EXIT_IO, so `io` is the live variant; it holds
    // plain integers.
    let io = unsafe { run.__bindgen_anon_1.io };
    let size = usize::from(io.size);
    let start = usize::try_from(io.data_offset).unwrap_or_default();
    let base = ptr::from_mut(run).cast::<u8>();
    // SAFETY: KVM places the data `data_offset` bytes into the mapping that
    // `kvm_run` begins, within it; the borrow of `vcpu` keeps it mapped and
    // keeps others from it.
    let data = unsafe { std::slice::from_raw_parts_mut(base.add(start), size * io.count as usize) };
    (data, size.max(1))
}

/// KVM's description of its last internal error: suberror and up to two of the
/// data words that came with it.
pub(super) fn internal_error(vcpu: &mut VcpuFd) -> (u32, Vec<u64>) {
    // SAFETY: the caller saw KVM_EXIT_INTERNAL_ERROR, so `internal` is the live
    // variant; it holds plain integers.
    let internal = unsafe { vcpu.get_kvm_run().__bindgen_anon_1.internal };
    let words = (internal.ndata as usize).min(internal.data.len()).min(4);
    (internal.suberror, internal.data[..words].to_vec())
}

thread_local! {
    /// `immediate_exit` of the vCPU that this thread runs, or null. Constant
    /// initialiser and no destructor: reading it in a signal handler is sound.
    static IMMEDIATE_EXIT: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

/// Ties kick signals of this thread to one vCPU until it is dropped.
///
/// Declare it before the `VcpuFd` in a struct so that it is dropped first.
#[derive(Debug)]
pub(super) struct KickGuard(());

impl KickGuard {
    /// For the thread that will run `vcpu`, and that drops both.
    pub(super) fn new(vcpu: &mut VcpuFd) -> Self {
        let flag = &raw mut vcpu.get_kvm_run().immediate_exit;
        IMMEDIATE_EXIT.with(|cell| cell.set(flag));
        Self(())
    }
}

impl Drop for KickGuard {
    fn drop(&mut self) {
        IMMEDIATE_EXIT.with(|cell| cell.set(ptr::null_mut()));
    }
}

/// Interrupts the `KVM_RUN` that `thread` is in, or the next one that it
/// starts after its last `arm`.
pub(crate) fn kick<T>(thread: &JoinHandle<T>) {
    // A thread that has ended needs no kick, and no other failure is possible.
    let _ = thread.kill(signal_number());
}

/// Installs the handler once per process.
pub(super) fn install_kick_handler() -> errno::Result<()> {
    static RESULT: OnceLock<errno::Result<()>> = OnceLock::new();
    *RESULT.get_or_init(|| register_signal_handler(signal_number(), on_kick))
}

/// Lets kicks reach this thread, whatever mask it has inherited.
pub(crate) fn accept_kicks() {
    // A valid signal number of the thread's own cannot be refused.
    let _ = unblock_signal(signal_number());
}

fn signal_number() -> c_int {
    SIGRTMIN() + 3
}

/// Runs on the kicked thread, between two of its instructions or inside
/// `KVM_RUN`; `immediate_exit` covers the gap before the next one.
///
/// Generic over the type that the handler's second parameter points to, which
/// only libc names and nobody here reads.
extern "C" fn on_kick<Info>(_signal: c_int, _info: *mut Info, _context: *mut c_void) {
    let flag = IMMEDIATE_EXIT.with(Cell::get);
    if !flag.is_null() {
        // SAFETY: `flag` was set by this very thread and is cleared before the
        // mapping that it points into goes (see `KickGuard`). The kernel and
        // this thread are the only other users of the byte.
        unsafe { AtomicU8::from_ptr(flag) }.store(1, Ordering::Relaxed);
    }
    compiler_fence(Ordering::SeqCst);
}

//! What the threads that work on a guest's input are left with.
//!
//! Everything else answers EPERM: a thread that a guest has taken over gets nowhere with it, and a library that
//! probes for something new does not end a machine.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};

use super::{SandboxError, install};

/// What a thread does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Runs a vCPU, and the devices that it reaches by ports and memory.
    Vcpu,
    /// Serves a device's queues, with files and sockets that are open already.
    Device,
    /// Reads a guest's memory and KVM's log of the writes to it.
    Measure,
}

/// Memory, locks, time, signals, the end of the thread: what every thread does.
const EVERY: &[c_long] = &[
    libc::SYS_brk,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_close,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_getpid,
    libc::SYS_getrandom,
    libc::SYS_gettid,
    libc::SYS_gettimeofday,
    libc::SYS_madvise,
    libc::SYS_membarrier,
    libc::SYS_mmap,
    libc::SYS_mremap,
    libc::SYS_munmap,
    libc::SYS_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_yield,
    libc::SYS_seccomp,
    libc::SYS_set_robust_list,
    libc::SYS_sigaltstack,
    libc::SYS_tgkill,
    // descriptors that are open
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_wait,
    libc::SYS_fcntl,
    libc::SYS_fstat,
    libc::SYS_lseek,
    libc::SYS_newfstatat,
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_shutdown,
    libc::SYS_statx,
    libc::SYS_timerfd_gettime,
    libc::SYS_timerfd_settime,
    libc::SYS_write,
    libc::SYS_writev,
];

const DEVICE: &[c_long] = &[
    libc::SYS_fallocate,
    libc::SYS_fdatasync,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sync_file_range,
];

/// The type byte of an `ioctl` number, and KVM's.
const IOCTL_TYPE: u64 = 0xFF00;
const KVM_TYPE: u64 = 0xAE00;

/// Leaves this thread with what its role needs.
///
/// # Errors
/// The kernel has no seccomp filters, or refuses this one.
pub fn confine_thread(role: Role) -> Result<(), SandboxError> {
    let mut calls: BTreeMap<c_long, Vec<SeccompRule>> =
        EVERY.iter().map(|&call| (call, Vec::new())).collect();
    // No memory that can be executed: no code but the program's own.
    calls.insert(
        libc::SYS_mprotect,
        vec![rule(2, libc::PROT_EXEC as u64, 0)?],
    );
    calls.insert(libc::SYS_mmap, vec![rule(2, libc::PROT_EXEC as u64, 0)?]);
    match role {
        Role::Vcpu | Role::Measure => {
            calls.insert(libc::SYS_ioctl, vec![rule(1, IOCTL_TYPE, KVM_TYPE)?]);
        }
        Role::Device => calls.extend(DEVICE.iter().map(|&call| (call, Vec::new()))),
    }
    let refused = SeccompAction::Errno(libc::EPERM as u32);
    let filter = SeccompFilter::new(calls, refused, SeccompAction::Allow, TargetArch::x86_64);
    install("a thread", filter)
}

/// Matches when the bits `mask` of an argument are `value`.
fn rule(argument: u8, mask: u64, value: u64) -> Result<SeccompRule, SandboxError> {
    let compare = SeccompCmpOp::MaskedEq(mask);
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, compare, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(|error| SandboxError {
            what: "a thread",
            error: error.to_string(),
        })
}

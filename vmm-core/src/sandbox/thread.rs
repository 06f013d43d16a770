//! What the threads that work on a guest's input are left with.
//!
//! Everything else answers EPERM: a thread that a guest has taken over gets nowhere with it, and a library that
//! probes for something new does not end a machine.

use libc::c_long;

use super::program::{Action, Bits, Verdict, Verdicts};
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
    libc::SYS_io_destroy,
    libc::SYS_io_getevents,
    libc::SYS_io_submit,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_preadv2,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_pwritev2,
    libc::SYS_sync_file_range,
];

/// An `ioctl` whose number has KVM's type byte.
const OF_KVM: Bits = Bits {
    argument: 1,
    mask: 0xFF00,
    value: 0xAE00,
};

/// Memory that cannot be executed: no code but the program's own.
const NO_CODE: Bits = Bits {
    argument: 2,
    mask: libc::PROT_EXEC as u32,
    value: 0,
};

const REFUSED: Action = Action::Refuse(libc::EPERM);

/// Leaves this thread with what its role needs.
///
/// # Errors
/// The kernel has no seccomp filters, or refuses this one.
pub fn confine_thread(role: Role) -> Result<(), SandboxError> {
    let allowed = |calls: &[c_long]| {
        let calls = calls.iter();
        Verdicts::from_iter(calls.map(|&call| (call, Verdict::Always(Action::Allow))))
    };
    let mut verdicts = allowed(EVERY);
    verdicts.insert(libc::SYS_mprotect, only(NO_CODE));
    verdicts.insert(libc::SYS_mmap, only(NO_CODE));
    match role {
        Role::Vcpu | Role::Measure => drop(verdicts.insert(libc::SYS_ioctl, only(OF_KVM))),
        Role::Device => verdicts.extend(allowed(DEVICE)),
    }
    install("a thread", &verdicts, REFUSED)
}

/// Allows a call with these bits.
fn only(bits: Bits) -> Verdict {
    Verdict::If {
        bits,
        then: Action::Allow,
        otherwise: REFUSED,
    }
}

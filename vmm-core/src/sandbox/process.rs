//! What the whole process gives up.
//!
//! The groups and their switches are those of QEMU's `-sandbox`. What is given up ends the process when it
//! is called all the same; only what libraries probe for answers with an error.

use libc::c_long;

use super::program::{Action, Bits, Verdict, Verdicts};
use super::{SandboxError, install};

/// Whether a group of system calls stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Access {
    /// It stays.
    Allow,
    /// It goes.
    #[default]
    Deny,
}

/// What the process keeps; the default is nothing that it can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// System calls that newer ones have replaced.
    pub obsolete: Access,
    /// Other users and groups, sessions.
    pub elevate_privileges: Access,
    /// New processes and programs.
    pub spawn: Access,
    /// Priorities and the choice of processors.
    pub resource_control: Access,
}

/// The administration of the machine, other processes, and what gets around filters.
const ALWAYS: &[c_long] = &[
    libc::SYS_acct,
    libc::SYS_add_key,
    libc::SYS_adjtimex,
    libc::SYS_bpf,
    libc::SYS_chroot,
    libc::SYS_clock_adjtime,
    libc::SYS_clock_settime,
    libc::SYS_delete_module,
    libc::SYS_finit_module,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fsopen,
    libc::SYS_fspick,
    libc::SYS_init_module,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_io_uring_setup,
    libc::SYS_ioperm,
    libc::SYS_iopl,
    libc::SYS_kexec_file_load,
    libc::SYS_kexec_load,
    libc::SYS_keyctl,
    libc::SYS_mount,
    libc::SYS_mount_setattr,
    libc::SYS_move_mount,
    libc::SYS_open_by_handle_at,
    libc::SYS_open_tree,
    libc::SYS_perf_event_open,
    libc::SYS_personality,
    libc::SYS_pidfd_getfd,
    libc::SYS_pivot_root,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_ptrace,
    libc::SYS_quotactl,
    libc::SYS_reboot,
    libc::SYS_request_key,
    libc::SYS_setdomainname,
    libc::SYS_sethostname,
    libc::SYS_setns,
    libc::SYS_settimeofday,
    libc::SYS_swapoff,
    libc::SYS_swapon,
    libc::SYS_syslog,
    libc::SYS_umount2,
    libc::SYS_unshare,
    libc::SYS_vhangup,
];

#[cfg(target_arch = "x86_64")]
const OBSOLETE: &[c_long] = &[
    libc::SYS__sysctl,
    libc::SYS_afs_syscall,
    libc::SYS_getpmsg,
    libc::SYS_modify_ldt,
    libc::SYS_nfsservctl,
    libc::SYS_putpmsg,
    libc::SYS_security,
    libc::SYS_sysfs,
    libc::SYS_tuxcall,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_vserver,
];
#[cfg(not(target_arch = "x86_64"))]
const OBSOLETE: &[c_long] = &[libc::SYS_nfsservctl];

const PRIVILEGES: &[c_long] = &[
    libc::SYS_capset,
    libc::SYS_setfsgid,
    libc::SYS_setfsuid,
    libc::SYS_setgid,
    libc::SYS_setgroups,
    libc::SYS_setpgid,
    libc::SYS_setregid,
    libc::SYS_setresgid,
    libc::SYS_setresuid,
    libc::SYS_setreuid,
    libc::SYS_setsid,
    libc::SYS_setuid,
];

#[cfg(target_arch = "x86_64")]
const SPAWN: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_fork,
    libc::SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const SPAWN: &[c_long] = &[libc::SYS_execve, libc::SYS_execveat];

const RESOURCES: &[c_long] = &[
    libc::SYS_ioprio_set,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    libc::SYS_sched_setaffinity,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_setpriority,
];

/// A `clone` that makes a thread.
const A_THREAD: Bits = Bits {
    argument: 0,
    mask: libc::CLONE_THREAD as u32,
    value: libc::CLONE_THREAD as u32,
};

/// Gives up what `sandbox` does not keep, for this thread and all that it starts from now on.
///
/// # Errors
/// The kernel has no seccomp filters, or refuses this one.
pub fn confine_process(sandbox: Sandbox) -> Result<(), SandboxError> {
    let mut verdicts = Verdicts::new();
    for (access, calls, action) in [
        (Access::Deny, ALWAYS, Action::Kill),
        (sandbox.obsolete, OBSOLETE, Action::Kill),
        (sandbox.elevate_privileges, PRIVILEGES, Action::Kill),
        (sandbox.spawn, SPAWN, Action::Kill),
        (
            sandbox.resource_control,
            RESOURCES,
            Action::Refuse(libc::EPERM),
        ),
    ] {
        if access == Access::Deny {
            verdicts.extend(calls.iter().map(|&call| (call, Verdict::Always(action))));
        }
    }
    if sandbox.spawn == Access::Deny {
        let clone = Verdict::If {
            bits: A_THREAD,
            then: Action::Allow,
            otherwise: Action::Kill,
        };
        verdicts.insert(libc::SYS_clone, clone);
        // Its flags are in memory, out of a filter's reach: the C library is sent to the old one.
        let clone3 = Verdict::Always(Action::Refuse(libc::ENOSYS));
        verdicts.insert(libc::SYS_clone3, clone3);
    }
    install("the process", &verdicts, Action::Allow)
}

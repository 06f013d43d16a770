//! Shutting down and suspending.

use std::io;
use std::path::Path;

use qmp_runtime::QmpError;
use rustix::system::RebootCommand;
use tracing::info;

use crate::errors::failed;
use crate::system::System;

/// What asks the guest's programs to end, and then ends the guest.
const SHUTDOWN: &str = "/sbin/shutdown";
const MESSAGE: &str = "hypervisor initiated shutdown";

/// Shuts the guest down; `mode` is `powerdown` if absent.
pub(crate) fn shut_down(system: &dyn System, mode: Option<&str>) -> Result<(), QmpError> {
    // System V's program wants -h with -P and -H; systemd's does not mind.
    let (options, how): (&[&str], _) = match mode {
        None | Some("powerdown") => (&["-h", "-P"], RebootCommand::PowerOff),
        Some("halt") => (&["-h", "-H"], RebootCommand::Halt),
        Some("reboot") => (&["-r"], RebootCommand::Restart),
        Some(_) => {
            let text = "mode is invalid (valid values are: halt|powerdown|reboot";
            return Err(QmpError::generic(text));
        }
    };
    info!("shutdown, mode {}", mode.unwrap_or("powerdown"));
    let arguments = [options, &["+0", MESSAGE]].concat();
    match system.run(Path::new(SHUTDOWN), &arguments) {
        Ok(true) => Ok(()),
        Ok(false) => Err(QmpError::generic(format!("{SHUTDOWN} has failed"))),
        // A guest with little more than this agent in it.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            failed(system.end(how), "failed to shut down")
        }
        failure => failed(failure, "failed to start the shutdown").map(drop),
    }
}

/// A way to sleep: how systemd, pm-utils and the kernel call it.
pub(crate) struct Sleep {
    systemd: &'static str,
    pm_utils: &'static str,
    kernel: Option<&'static str>,
}

pub(crate) const TO_DISK: Sleep = Sleep {
    systemd: "hibernate",
    pm_utils: "/usr/sbin/pm-hibernate",
    kernel: Some("disk"),
};
pub(crate) const TO_RAM: Sleep = Sleep {
    systemd: "suspend",
    pm_utils: "/usr/sbin/pm-suspend",
    kernel: Some("mem"),
};
pub(crate) const HYBRID: Sleep = Sleep {
    systemd: "hybrid-sleep",
    pm_utils: "/usr/sbin/pm-suspend-hybrid",
    kernel: None,
};

/// Puts the guest to sleep, by the first means that works.
pub(crate) fn suspend(system: &dyn System, sleep: &Sleep) -> Result<(), QmpError> {
    info!("suspend: {}", sleep.systemd);
    let succeeds = |program: &str, arguments: &[&str]| {
        // What is not there is as good as what fails.
        system.run(Path::new(program), arguments).unwrap_or(false)
    };
    if succeeds("/usr/bin/systemctl", &[sleep.systemd]) || succeeds(sleep.pm_utils, &[]) {
        return Ok(());
    }
    let states = system.sleep_states().unwrap_or_default();
    match sleep.kernel {
        Some(state) if states.split_whitespace().any(|has| has == state) => {
            failed(system.sleep(state), "failed to suspend")
        }
        _ => Err(QmpError::generic(
            "the requested suspend mode is not supported by the guest",
        )),
    }
}

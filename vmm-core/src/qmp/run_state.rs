//! `run-state.json`: what the machine is doing, and what follows when the guest ends.

use qmp_runtime::{Context, QmpError, ResultExt, handlers};
use qmp_types::qmp::types::{RunState, StatusInfo};
use qmp_types::qmp::{RunStateCommands, commands};

use super::Vmm;

#[handlers]
impl RunStateCommands for Vmm {
    fn query_status(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryStatus,
    ) -> Result<StatusInfo, QmpError> {
        let state = self.machine.run_state();
        let status: RunState = state.as_str().parse().or_generic()?;
        Ok(StatusInfo {
            running: state.is_running(),
            status,
        })
    }

    fn watchdog_set_action(
        &mut self,
        _: &mut Context<'_>,
        args: commands::WatchdogSetAction,
    ) -> Result<(), QmpError> {
        let mut actions = self.machine.actions();
        actions.watchdog = args.action.as_str().parse().or_generic()?;
        self.machine.set_actions(actions);
        Ok(())
    }

    fn set_action(
        &mut self,
        _: &mut Context<'_>,
        args: commands::SetAction,
    ) -> Result<(), QmpError> {
        let mut actions = self.machine.actions();
        if let Some(reboot) = args.reboot {
            actions.reboot = reboot.as_str().parse().or_generic()?;
        }
        if let Some(shutdown) = args.shutdown {
            actions.shutdown = shutdown.as_str().parse().or_generic()?;
        }
        if let Some(panic) = args.panic {
            actions.panic = panic.as_str().parse().or_generic()?;
        }
        if let Some(watchdog) = args.watchdog {
            actions.watchdog = watchdog.as_str().parse().or_generic()?;
        }
        self.machine.set_actions(actions);
        Ok(())
    }
}

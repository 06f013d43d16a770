//! `control.json`: the monitor itself.
//!
//! `qmp_capabilities`, `query-commands` and `query-qmp-schema` are the server's own.

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{VersionInfo, VersionTriple};
use qmp_types::qmp::{ControlCommands, commands};

use super::{PACKAGE, QEMU_VERSION, Vmm};

#[handlers]
impl ControlCommands for Vmm {
    fn query_version(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryVersion,
    ) -> Result<VersionInfo, QmpError> {
        let (major, minor, micro) = QEMU_VERSION;
        let qemu = VersionTriple {
            major: major.into(),
            minor: minor.into(),
            micro: micro.into(),
        };
        Ok(VersionInfo {
            qemu,
            package: PACKAGE.to_owned(),
        })
    }

    fn quit(&mut self, cx: &mut Context<'_>, _: commands::Quit) -> Result<(), QmpError> {
        self.machine.quit()?;
        cx.quit();
        Ok(())
    }
}

//! The handlers: each passes on to the file of its topic.

use std::path::PathBuf;
use std::sync::Arc;

use qmp_runtime::{Context, DuplicateCommand, QmpError, Router, handlers};
use tracing::{debug, warn};

use crate::files::Files;
use crate::freeze::{self, Freezer};
use crate::gate::Gate;
use crate::qga::types::{
    GuestAgentCommandInfo, GuestAgentInfo, GuestFileRead, GuestFileSeek, GuestFileWrite,
    GuestFilesystemTrimResponse, GuestFsfreezeStatus, GuestNetworkInterface,
};
use crate::qga::{self, QgaCommands, commands};
use crate::state::State;
use crate::system::System;
use crate::{network, power};

/// The agent.
pub struct Agent {
    system: Arc<dyn System>,
    gate: Arc<Gate>,
    files: Files,
    state: State,
    hook: Option<PathBuf>,
}

impl std::fmt::Debug for Agent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = f.debug_struct("Agent");
        shown.field("gate", &self.gate).field("files", &self.files);
        shown.finish_non_exhaustive()
    }
}

impl Agent {
    /// An agent that acts on `system`, and lets through what `gate` does. If its last process ended while
    /// file systems were frozen, they count as frozen.
    pub fn new(system: Arc<dyn System>, gate: Arc<Gate>, state: State) -> Self {
        if state.was_frozen() {
            warn!("file systems were left frozen; until guest-fsfreeze-thaw little is permitted");
            gate.set_frozen(true);
        }
        Agent {
            system,
            gate,
            files: Files::new(state.clone()),
            state,
            hook: None,
        }
    }

    /// Has a program run before a freeze, with the argument `freeze`, and after a thaw, with `thaw`.
    #[must_use]
    pub fn hook(self, program: Option<PathBuf>) -> Self {
        Agent {
            hook: program,
            ..self
        }
    }

    /// What a server needs to know of the agent.
    ///
    /// # Errors
    /// None: every command has one handler.
    pub fn router(self) -> Result<Router, DuplicateCommand> {
        let gate = Arc::clone(&self.gate);
        let router = Router::new().mount(self, &[Agent::COMMANDS])?;
        let router = router.schema(qga::INTROSPECTION);
        Ok(router.guard(move |name| {
            let result = gate.check(name);
            debug!(command = name, permitted = result.is_ok());
            result
        }))
    }

    fn freezer(&self) -> Freezer<'_> {
        Freezer {
            system: &*self.system,
            gate: &self.gate,
            state: &self.state,
            hook: self.hook.as_deref(),
        }
    }
}

type Reply<T> = Result<T, QmpError>;

#[handlers]
impl QgaCommands for Agent {
    fn guest_sync_delimited(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::GuestSyncDelimited,
    ) -> Reply<i64> {
        cx.delimit();
        Ok(args.id)
    }

    fn guest_sync(&mut self, _: &mut Context<'_>, args: commands::GuestSync) -> Reply<i64> {
        Ok(args.id)
    }

    fn guest_ping(&mut self, _: &mut Context<'_>, _: commands::GuestPing) -> Reply<()> {
        Ok(())
    }

    fn guest_info(
        &mut self,
        cx: &mut Context<'_>,
        _: commands::GuestInfo,
    ) -> Reply<GuestAgentInfo> {
        let commands = cx.commands().map(|command| {
            let enabled = self.gate.check(command.name).is_ok();
            let name = command.name.to_owned();
            GuestAgentCommandInfo::new(name, enabled, command.success_response)
        });
        let version = env!("CARGO_PKG_VERSION").to_owned();
        Ok(GuestAgentInfo::new(version, commands.collect()))
    }

    fn guest_shutdown(&mut self, _: &mut Context<'_>, args: commands::GuestShutdown) -> Reply<()> {
        power::shut_down(&*self.system, args.mode.as_deref())
    }

    fn guest_file_open(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileOpen,
    ) -> Reply<i64> {
        self.files.open(&args.path, args.mode.as_deref())
    }

    fn guest_file_close(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileClose,
    ) -> Reply<()> {
        self.files.close(args.handle)
    }

    fn guest_file_read(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileRead,
    ) -> Reply<GuestFileRead> {
        self.files.read(args.handle, args.count)
    }

    fn guest_file_write(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileWrite,
    ) -> Reply<GuestFileWrite> {
        self.files.write(args.handle, &args.buf_b64, args.count)
    }

    fn guest_file_seek(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileSeek,
    ) -> Reply<GuestFileSeek> {
        self.files.seek(args.handle, args.offset, &args.whence)
    }

    fn guest_file_flush(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFileFlush,
    ) -> Reply<()> {
        self.files.flush(args.handle)
    }

    fn guest_fsfreeze_status(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestFsfreezeStatus,
    ) -> Reply<GuestFsfreezeStatus> {
        Ok(match self.gate.is_frozen() {
            true => GuestFsfreezeStatus::Frozen,
            false => GuestFsfreezeStatus::Thawed,
        })
    }

    fn guest_fsfreeze_freeze(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestFsfreezeFreeze,
    ) -> Reply<i64> {
        self.freezer().freeze()
    }

    fn guest_fsfreeze_thaw(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestFsfreezeThaw,
    ) -> Reply<i64> {
        self.freezer().thaw()
    }

    fn guest_fstrim(
        &mut self,
        _: &mut Context<'_>,
        args: commands::GuestFstrim,
    ) -> Reply<GuestFilesystemTrimResponse> {
        freeze::trim(&*self.system, args.minimum)
    }

    fn guest_suspend_disk(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestSuspendDisk,
    ) -> Reply<()> {
        power::suspend(&*self.system, &power::TO_DISK)
    }

    fn guest_suspend_ram(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestSuspendRam,
    ) -> Reply<()> {
        power::suspend(&*self.system, &power::TO_RAM)
    }

    fn guest_suspend_hybrid(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestSuspendHybrid,
    ) -> Reply<()> {
        power::suspend(&*self.system, &power::HYBRID)
    }

    fn guest_network_get_interfaces(
        &mut self,
        _: &mut Context<'_>,
        _: commands::GuestNetworkGetInterfaces,
    ) -> Reply<Vec<GuestNetworkInterface>> {
        network::interfaces()
    }
}

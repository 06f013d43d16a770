//! The run state of a machine, and every operation that changes it.
//!
//! One lock covers the state; whoever changes it goes through
//! [`Lifecycle::enter`], and reports it to the observer before the lock is
//! released, so that events come in the order of what they tell.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::acpi;
use super::board::Board;
use super::dirty_rate::DirtyRates;
use super::dump::Dumps;
use super::input::Typing;
use super::ram::regions_of;
use super::vcpus::Vcpus;
use super::{
    Actions, Cause, Finish, GuestRam, MachineConfig, MachineError, MachineEvent, Observer,
    RebootAction, RunState, Services, ShutdownAction,
};
use crate::accel::kvm::{KvmVm, VmParts};
use crate::accel::{AccelError, AccelKind, Core, IdleCore};
use crate::boot::Loader;
use crate::devices::virtio::Slot;
use crate::sync::lock;

/// What guests write to in order to let a little time pass; firmware of PCs shows its progress there.
const DELAY_PORT: u16 = 0x80;

/// Everything of a machine that its threads share.
pub(super) struct Lifecycle {
    pub(super) config: MachineConfig,
    pub(super) ram: GuestRam,
    pub(super) vcpus: Vcpus,
    pub(super) board: Board,
    pub(super) services: Services,
    pub(super) typing: Typing,
    pub(super) dumps: Dumps,
    pub(super) dirty_rates: DirtyRates,
    loader: Option<Loader>,
    pub(super) observer: Arc<dyn Observer>,
    state: Mutex<State>,
    finished: Condvar,
}

/// What the control lock covers.
#[derive(Debug)]
pub(super) struct State {
    pub(super) run: RunState,
    /// A sleeping guest was stopped; continuing puts it back to sleep.
    pub(super) asleep: bool,
    /// The guest wrote to its sleep register and has not been released since.
    pub(super) sleeper: Option<u32>,
    pub(super) actions: Actions,
    pub(super) finish: Option<Finish>,
    /// The VM behind the vCPUs' cores.
    pub(super) vm: Option<KvmVm>,
    /// Cores of CPUs that were unplugged: the kernel has no other for them.
    pub(super) parked: BTreeMap<u32, Box<dyn Core>>,
}

/// The parts that a [`Lifecycle`] is put together from.
pub(super) struct Parts {
    pub(super) config: MachineConfig,
    pub(super) ram: GuestRam,
    pub(super) vcpus: Vcpus,
    pub(super) board: Board,
    pub(super) services: Services,
    pub(super) typing: Typing,
    pub(super) dumps: Dumps,
    pub(super) loader: Option<Loader>,
    pub(super) observer: Arc<dyn Observer>,
    pub(super) vm: Option<KvmVm>,
}

/// The CPUs' insides, and the VM around them where KVM runs them.
pub(super) type Cores = (Option<KvmVm>, Vec<(u32, Box<dyn Core>)>);

/// Puts the image into memory and makes the CPUs `cpus` in power-on state.
pub(super) fn power_on(
    config: &MachineConfig,
    services: &Services,
    loader: Option<&Loader>,
    cpus: &[u32],
) -> Result<Cores, MachineError> {
    let entry = loader
        .map(|loader| {
            let mut places = virtio_places(services);
            let mut announced = String::new();
            if config.virtio_on_cmdline {
                // to be found once, not twice
                announced = places
                    .drain(..)
                    .rev()
                    .map(|slot| slot.announcement())
                    .collect();
            }
            if config.no_acpi {
                return Ok(loader.load_with(&services.ram, acpi::NONE, &announced)?);
            }
            let entry = loader.load_with(&services.ram, acpi::ADDRESS, &announced)?;
            acpi::write(&services.ram, config, cpus, &places)?;
            Ok::<_, MachineError>(entry)
        })
        .transpose()?;
    if config.accel == AccelKind::None || cpus.is_empty() {
        return Ok((None, idle(cpus)));
    }
    let mut memory = services.ram.regions();
    for device in services.device_memory.all() {
        memory.extend(regions_of(device.mmap()));
    }
    // whatever is to be there has been made by now
    let is_deaf = services.buses.pio.is_free(DELAY_PORT.into(), 1);
    let (vm, cores) = KvmVm::new(&VmParts {
        memory: &memory,
        lines: &services.lines.all(),
        doorbells: &services.doorbells.all(),
        deaf_ports: if is_deaf { &[DELAY_PORT] } else { &[] },
        cpus,
        topology: config.cpu_topology(),
        model: config.cpu_model.clone(),
        entry,
    })?;
    let cores = cores.into_iter();
    let cores = cores.map(|(index, core)| (index, Box::new(core) as _));
    Ok((Some(vm), cores.collect()))
}

/// Where virtio devices are.
fn virtio_places(services: &Services) -> Vec<Arc<Slot>> {
    let nodes = services.tree.all_of("virtio-mmio").into_iter();
    let slots = nodes.filter_map(|node| node.downcast::<Slot>());
    slots.filter(|slot| slot.is_occupied()).collect()
}

/// CPUs that run nothing.
fn idle(cpus: &[u32]) -> Vec<(u32, Box<dyn Core>)> {
    let idle = cpus.iter().map(|&index| (index, Box::new(IdleCore) as _));
    idle.collect()
}

impl Lifecycle {
    pub(super) fn new(parts: Parts) -> Self {
        let run = if parts.config.preconfig {
            RunState::Preconfig
        } else {
            RunState::Prelaunch
        };
        let state = State {
            run,
            asleep: false,
            sleeper: None,
            actions: parts.config.actions,
            finish: None,
            vm: parts.vm,
            parked: BTreeMap::new(),
        };
        Self {
            config: parts.config,
            ram: parts.ram,
            vcpus: parts.vcpus,
            board: parts.board,
            services: parts.services,
            typing: parts.typing,
            dumps: parts.dumps,
            dirty_rates: DirtyRates::default(),
            loader: parts.loader,
            observer: parts.observer,
            state: Mutex::new(state),
            finished: Condvar::new(),
        }
    }

    /// The control lock.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The control lock of a machine that is configured and has not ended.
    pub(super) fn operate(&self) -> Result<MutexGuard<'_, State>, MachineError> {
        let state = self.lock();
        if state.finish.is_some() {
            return Err(MachineError::Finished);
        }
        if state.run == RunState::Preconfig {
            return Err(MachineError::Preconfig);
        }
        Ok(state)
    }

    pub(super) fn tell(&self, event: &MachineEvent) {
        self.observer.event(event);
    }

    /// The one place where the run state changes.
    pub(super) fn enter(state: &mut State, to: RunState) -> Result<(), MachineError> {
        let from = state.run;
        if !from.successors().contains(&to) {
            return Err(MachineError::Transition { from, to });
        }
        state.run = to;
        Ok(())
    }

    pub(super) fn exit_preconfig(&self) -> Result<(), MachineError> {
        let mut state = self.lock();
        if state.run != RunState::Preconfig {
            return Err(MachineError::NotPreconfig);
        }
        Self::enter(&mut state, RunState::Prelaunch)?;
        self.launch(&mut state)
    }

    pub(super) fn start(&self) -> Result<(), MachineError> {
        let mut state = self.lock();
        match state.run {
            RunState::Prelaunch if state.finish.is_none() => self.launch(&mut state)?,
            _ => {} // `exit_preconfig` launches, or someone has continued already
        }
        drop(state);
        self.vcpus.await_start()
    }

    fn launch(&self, state: &mut State) -> Result<(), MachineError> {
        if self.config.paused {
            Ok(())
        } else {
            self.resume(state)
        }
    }

    pub(super) fn stop(&self) -> Result<bool, MachineError> {
        let mut state = self.operate()?;
        self.dumps.check_idle()?;
        self.halt(&mut state, RunState::Paused, true)
    }

    /// Stops a live machine in state `to`; with `aloud`, it is an event.
    pub(super) fn halt(
        &self,
        state: &mut State,
        to: RunState,
        aloud: bool,
    ) -> Result<bool, MachineError> {
        if !state.run.is_live() {
            return Ok(false);
        }
        if !state.run.successors().contains(&to) {
            self.rouse(state)?; // a sleeper cannot get there asleep
        }
        let asleep = state.run == RunState::Suspended;
        Self::enter(state, to)?;
        state.asleep = asleep;
        self.vcpus.pause();
        self.services.clocks.pause();
        self.services.gate.close();
        if aloud {
            self.tell(&MachineEvent::Stop);
        }
        Ok(true)
    }

    pub(super) fn cont(&self) -> Result<bool, MachineError> {
        let mut state = self.operate()?;
        self.dumps.check_idle()?;
        if state.run.needs_reset() {
            return Err(MachineError::NeedsReset);
        }
        if state.run.is_live() {
            return Ok(false);
        }
        for drive in self.services.block.drives() {
            drive.clear_error();
        }
        self.resume(&mut state)?;
        Ok(true)
    }

    pub(super) fn resume(&self, state: &mut State) -> Result<(), MachineError> {
        let to = if state.asleep {
            RunState::Suspended
        } else {
            RunState::Running
        };
        Self::enter(state, to)?;
        state.asleep = false;
        self.tell(&MachineEvent::Resume);
        self.services.clocks.resume();
        self.services.gate.open();
        if to.is_running() {
            self.vcpus.resume();
        }
        Ok(())
    }

    /// Lets a guest run on that was stopped for a dump; one that was reset meanwhile starts.
    pub(super) fn go_on_after_dump(&self, state: &mut State, resume: bool) {
        let stands = matches!(state.run, RunState::SaveVm | RunState::Prelaunch);
        if resume && stands && state.finish.is_none() {
            let result = self.resume(state);
            self.report(result);
        }
    }

    pub(super) fn reset(&self, cause: Cause) -> Result<(), MachineError> {
        let mut state = self.operate()?;
        self.reset_or_shut_down(&mut state, cause)
    }

    pub(super) fn reset_or_shut_down(
        &self,
        state: &mut State,
        cause: Cause,
    ) -> Result<(), MachineError> {
        let counts = cause != Cause::SubsystemReset;
        if state.actions.reboot == RebootAction::Shutdown && counts {
            return self.shut_down(state, cause, None);
        }
        self.vcpus.pause();
        let result = self.return_to_power_on(state);
        if cause.is_told() {
            self.tell(&MachineEvent::Reset {
                guest: cause.by_guest(),
                reason: cause,
            });
        }
        if let Err(error) = result {
            return self
                .fail(state, &format!("the machine cannot be reset: {error}"))
                .and(Err(error));
        }
        if state.run.is_running() {
            self.vcpus.resume();
        } else if state.run != RunState::Prelaunch {
            Self::enter(state, RunState::Prelaunch)?;
            self.services.clocks.pause(); // those of a sleeper ran
            self.services.gate.close();
        }
        Ok(())
    }

    /// With all vCPUs at the barrier: devices, memory image, CPUs.
    fn return_to_power_on(&self, state: &mut State) -> Result<(), MachineError> {
        state.asleep = false;
        state.sleeper = None;
        self.services.buses.reset();
        // The lines can serve one VM only, and a core's VM lives as long as it.
        let cpus = self.vcpus.indexes();
        self.vcpus.replace(idle(&cpus));
        state.parked.clear();
        let mut log = None;
        if let Some(mut vm) = state.vm.take() {
            log = Some(vm.end_log());
            vm.retire();
        }
        let (mut vm, cores) = power_on(&self.config, &self.services, self.loader.as_ref(), &cpus)?;
        if let (Some(vm), Some(log)) = (&mut vm, log) {
            vm.continue_log(log)?; // whoever measures does not notice
        }
        self.vcpus.replace(cores);
        state.vm = vm;
        Ok(())
    }

    pub(super) fn powerdown(&self) -> Result<(), MachineError> {
        let _state = self.operate()?;
        self.press_power_button();
        Ok(())
    }

    pub(super) fn press_power_button(&self) {
        self.tell(&MachineEvent::Powerdown);
        self.board.press_power_button();
    }

    pub(super) fn reset_rtc_reinjection(&self) -> Result<(), MachineError> {
        let _state = self.operate()?;
        self.board.reset_rtc_reinjection();
        Ok(())
    }

    /// Whether the guest has a register to sleep by, and can be woken.
    pub(super) fn can_suspend(&self) -> bool {
        self.board.can_suspend() && !self.config.no_acpi
    }

    pub(super) fn wakeup(&self) -> Result<(), MachineError> {
        let mut state = self.operate()?;
        if !self.can_suspend() {
            return Err(MachineError::NeverSuspended);
        }
        if state.run != RunState::Suspended {
            return Err(MachineError::NotSuspended);
        }
        self.rouse(&mut state)?;
        self.vcpus.resume();
        self.tell(&MachineEvent::Wakeup);
        Ok(())
    }

    /// Ends a sleep, if there is one, without letting guest code run yet.
    pub(super) fn rouse(&self, state: &mut State) -> Result<(), MachineError> {
        if state.run == RunState::Suspended {
            Self::enter(state, RunState::Running)?;
            if let Some(cpu) = state.sleeper.take() {
                self.vcpus.release(cpu);
            }
        }
        Ok(())
    }

    pub(super) fn quit(&self) -> Result<(), MachineError> {
        let mut state = self.lock(); // allowed before configuration as well
        if state.finish.is_some() {
            return Err(MachineError::Finished);
        }
        state.actions.shutdown = ShutdownAction::Poweroff;
        self.shut_down(&mut state, Cause::HostQmpQuit, None)
    }

    pub(super) fn shutdown(&self, cause: Cause) -> Result<(), MachineError> {
        let mut state = self.lock();
        if state.finish.is_some() {
            return Err(MachineError::Finished);
        }
        self.shut_down(&mut state, cause, None)
    }

    pub(super) fn shut_down(
        &self,
        state: &mut State,
        cause: Cause,
        exit_code: Option<i32>,
    ) -> Result<(), MachineError> {
        self.tell(&MachineEvent::Shutdown {
            guest: cause.by_guest(),
            reason: cause,
        });
        if state.actions.shutdown == ShutdownAction::Pause {
            return self.halt(state, RunState::Shutdown, true).map(drop);
        }
        self.end(state, cause, exit_code.unwrap_or_default())
    }

    /// Ends the machine, whatever the action for a shutdown is.
    pub(super) fn end(
        &self,
        state: &mut State,
        cause: Cause,
        exit_code: i32,
    ) -> Result<(), MachineError> {
        let halted = self.halt(state, RunState::Shutdown, false).map(drop);
        state.finish = Some(Finish { cause, exit_code });
        self.dumps.cancel();
        self.finished.notify_all();
        halted
    }

    /// Blocks until the machine has ended.
    pub(super) fn wait(&self) -> Finish {
        let mut state = self.lock();
        loop {
            if let Some(finish) = state.finish {
                return finish;
            }
            state = self
                .finished
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// A CPU cannot go on.
    pub(super) fn fail(&self, state: &mut State, text: &str) -> Result<(), MachineError> {
        self.observer.diagnostic(text);
        self.halt(state, RunState::InternalError, true).map(drop)
    }

    /// Stops guest code for the time of `look`, without a change of run state.
    pub(super) fn quiesced<R>(&self, state: &State, look: impl FnOnce() -> R) -> R {
        let running = state.run.is_running();
        if running {
            self.vcpus.pause();
            self.services.gate.close();
        }
        let result = look();
        if running {
            self.services.gate.open();
            self.vcpus.resume();
        }
        result
    }

    pub(super) fn cpu_job<R: Send + 'static>(
        &self,
        cpu: u32,
        job: impl FnOnce(&mut dyn Core) -> Result<R, AccelError> + Send + 'static,
    ) -> Result<R, MachineError> {
        Ok(self.vcpus.on_cpu(cpu, job)??)
    }
}

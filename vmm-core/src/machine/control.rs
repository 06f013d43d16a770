//! What guests ask of the whole machine, and the thread that does it.

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::{self, JoinHandle};

use super::inspect;
use super::lifecycle::{Lifecycle, State};
use super::{
    Actions, Cause, GuestPanicAction, MachineError, MachineEvent, PanicAction, RunState,
    ShutdownAction, WatchdogAction,
};
use crate::devices::{DiskErrorAction, GuestRequest};

/// What the control thread is told.
#[derive(Debug)]
pub(super) enum Message {
    /// A CPU made a request and waits for it to be dealt with.
    Guest {
        cpu: u32,
        /// The CPU's count of resets when it asked.
        life: u64,
        request: GuestRequest,
    },
    /// A device made a request; nobody waits.
    Device(GuestRequest),
    /// The next keys are due to be typed.
    Typing,
    /// End the thread.
    End,
}

/// Starts the thread.
pub(super) fn spawn(
    machine: Arc<Lifecycle>,
    messages: Receiver<Message>,
) -> Result<JoinHandle<()>, MachineError> {
    thread::Builder::new()
        .name("control".to_owned())
        .spawn(move || {
            for message in messages {
                match message {
                    Message::Guest { cpu, life, request } => {
                        machine.guest_request(cpu, life, request);
                    }
                    Message::Device(request) => machine.device_request(request),
                    Message::Typing => machine.type_next(),
                    Message::End => return,
                }
            }
        })
        .map_err(|error| MachineError::Host {
            what: "a control thread",
            error,
        })
}

impl Lifecycle {
    /// Does what CPU `cpu` asked for, and lets it go on where it may.
    fn guest_request(&self, cpu: u32, life: u64, request: GuestRequest) {
        let mut state = self.lock();
        if state.finish.is_some() || !self.vcpus.is_open(cpu, life) {
            return; // a reset or the end came first
        }
        let sleeps = request == GuestRequest::Suspend;
        let result = self.serve(&mut state, request);
        if sleeps && result.is_ok() {
            state.sleeper = Some(cpu);
            return; // waking releases the CPU
        }
        self.report(result);
        self.vcpus.release(cpu);
    }

    /// Does what a device asked for.
    fn device_request(&self, request: GuestRequest) {
        let mut state = self.lock();
        if state.finish.is_none() {
            let result = self.serve(&mut state, request);
            self.report(result);
        }
    }

    pub(super) fn report(&self, result: Result<(), MachineError>) {
        if let Err(error) = result {
            self.observer
                .diagnostic(&format!("a request of the guest failed: {error}"));
        }
    }

    fn serve(&self, state: &mut State, request: GuestRequest) -> Result<(), MachineError> {
        match request {
            GuestRequest::Reset => self.reset_or_shut_down(state, Cause::GuestReset),
            GuestRequest::Shutdown { exit_code } => {
                self.shut_down(state, Cause::GuestShutdown, exit_code)
            }
            GuestRequest::Panic => self.panicked(state),
            GuestRequest::CrashLoaded => {
                self.tell(&MachineEvent::GuestCrashloaded);
                Ok(())
            }
            GuestRequest::PvShutdown => {
                self.tell(&MachineEvent::GuestPvShutdown);
                self.shut_down(state, Cause::GuestShutdown, None)
            }
            GuestRequest::Suspend => self.suspend(state),
            GuestRequest::Watchdog => self.watchdog_expired(state),
            GuestRequest::ClockSet { ahead } => {
                self.tell(&MachineEvent::RtcChange {
                    offset: ahead,
                    path: self.board.rtc_path().unwrap_or_default(),
                });
                Ok(())
            }
            GuestRequest::Ballooned { actual } => {
                self.tell(&MachineEvent::BalloonChange { actual });
                Ok(())
            }
            GuestRequest::PortOpened { id, is_open } => {
                self.tell(&MachineEvent::PortChange { id, is_open });
                Ok(())
            }
            GuestRequest::DiskError(error) => {
                let stops = error.action == DiskErrorAction::Stop;
                self.tell(&MachineEvent::BlockIoError(error));
                match stops {
                    true => self.halt(state, RunState::IoError, true).map(drop),
                    false => Ok(()),
                }
            }
            GuestRequest::Eject(place) => self.eject(state, place),
            GuestRequest::OstReport(place, report) => {
                self.ost_report(place, report);
                Ok(())
            }
            GuestRequest::InternalError(text) => self.fail(state, &text),
        }
    }

    /// What is configured for an expired watchdog.
    fn watchdog_expired(&self, state: &mut State) -> Result<(), MachineError> {
        let action = state.actions.watchdog;
        self.tell(&MachineEvent::Watchdog { action });
        match action {
            WatchdogAction::Reset => self.reset_or_shut_down(state, Cause::GuestReset),
            WatchdogAction::Shutdown => {
                self.press_power_button();
                Ok(())
            }
            WatchdogAction::Poweroff => self.end(state, Cause::None, 0),
            WatchdogAction::Pause => self.halt(state, RunState::Watchdog, true).map(drop),
            WatchdogAction::Debug => {
                self.observer.diagnostic("watchdog: timer fired");
                Ok(())
            }
            WatchdogAction::None => Ok(()),
            WatchdogAction::InjectNmi => inspect::nmi(self),
        }
    }

    fn panicked(&self, state: &mut State) -> Result<(), MachineError> {
        let Actions {
            panic, shutdown, ..
        } = state.actions;
        let action = match (panic, shutdown) {
            (PanicAction::None, _) => GuestPanicAction::Run,
            (PanicAction::Pause, _) | (PanicAction::Shutdown, ShutdownAction::Pause) => {
                GuestPanicAction::Pause
            }
            (PanicAction::Shutdown | PanicAction::ExitFailure, _) => GuestPanicAction::Poweroff,
        };
        self.tell(&MachineEvent::GuestPanicked { action });
        match action {
            GuestPanicAction::Run => Ok(()),
            GuestPanicAction::Pause => self.halt(state, RunState::GuestPanicked, true).map(drop),
            GuestPanicAction::Poweroff => {
                let code = (panic == PanicAction::ExitFailure).then_some(1);
                self.shut_down(state, Cause::GuestPanic, code)
            }
        }
    }

    fn suspend(&self, state: &mut State) -> Result<(), MachineError> {
        if matches!(state.run, RunState::Paused | RunState::SaveVm) {
            // stopped between the guest's write and now: it sleeps once continued
            state.asleep = true;
        } else {
            Self::enter(state, RunState::Suspended)?;
            self.vcpus.pause();
        }
        self.tell(&MachineEvent::Suspend);
        Ok(())
    }
}

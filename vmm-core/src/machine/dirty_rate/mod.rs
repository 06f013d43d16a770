//! How fast the guest writes to its memory.
//!
//! A thread measures for a while, by samples of the memory or by KVM's log of pages that were written to; the guest
//! runs meanwhile, or stands still, as others want it. What devices write counts for samples only.

mod sampling;

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::lifecycle::Lifecycle;
use super::{GuestRam, MachineError};
use crate::accel::kvm::LogUser;
use crate::sandbox::{Role, confine_thread};
use crate::sync::lock;
use sampling::Samples;

const PAGE: u64 = 4096;
const MIB: u64 = 1 << 20;

/// A measurement is under way; the words are QEMU's.
#[derive(Debug, thiserror::Error)]
#[error("the dirty rate is already being measured.")]
pub struct DirtyRateBusy;

/// How to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DirtyRateMode {
    /// By checksums of so many pages in each GiB, before and after.
    Sampling(u64),
    /// By a bitmap of the pages that were written to.
    Bitmap,
}

/// A measurement, the last one of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirtyRate {
    /// How it was or is done.
    pub mode: DirtyRateMode,
    /// When it started, as time since the epoch.
    pub start: Duration,
    /// How long it is to take; at its end, how long it took.
    pub time: Duration,
    /// Whether it is under way.
    pub is_measuring: bool,
    /// MiB per second; none before the end, or where it could not be measured: there is no memory, or KVM refused.
    pub rate: Option<u64>,
}

/// What a machine keeps of its measurements.
#[derive(Debug, Default)]
pub(super) struct DirtyRates {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    last: Option<DirtyRate>,
    thread: Option<JoinHandle<()>>,
    has_ended: bool,
}

impl DirtyRates {
    pub(super) fn last(&self) -> Option<DirtyRate> {
        lock(&self.state).last
    }

    /// Ends what is under way, and all that follow.
    pub(super) fn end(&self) {
        let mut state = lock(&self.state);
        state.has_ended = true;
        let thread = state.thread.take();
        drop(state);
        self.changed.notify_all();
        if let Some(thread) = thread {
            let _ = thread.join(); // its panic was reported when it happened
        }
    }

    /// Waits for so long; false at the end of the machine.
    fn wait(&self, time: Duration) -> bool {
        let state: MutexGuard<'_, State> = lock(&self.state);
        let waited = (self.changed).wait_timeout_while(state, time, |state| !state.has_ended);
        !waited.unwrap_or_else(PoisonError::into_inner).0.has_ended
    }

    /// Whether there is still somebody to measure for.
    fn go_on(&self) -> bool {
        !lock(&self.state).has_ended
    }

    fn finish(&self, measured: Option<(u64, Duration)>) {
        if let Some(last) = &mut lock(&self.state).last {
            last.is_measuring = false;
            last.rate = measured.map(|(rate, _)| rate);
            last.time = measured.map_or(last.time, |(_, time)| time);
        }
    }
}

/// Starts to measure.
pub(super) fn start(
    machine: &Arc<Lifecycle>,
    mode: DirtyRateMode,
    time: Duration,
) -> Result<(), MachineError> {
    let rates = &machine.dirty_rates;
    let mut state = lock(&rates.state);
    if state.last.is_some_and(|last| last.is_measuring) {
        return Err(DirtyRateBusy.into());
    }
    if let Some(before) = state.thread.take() {
        let _ = before.join(); // it has measured, and locks nothing any more
    }
    if mode == DirtyRateMode::Bitmap {
        log_writes(machine, true)?;
    }
    let worker = Arc::clone(machine);
    let thread = thread::Builder::new().name("dirty-rate".to_owned());
    let thread = thread.spawn(move || {
        let measured = measure(&worker, mode, time);
        worker.dirty_rates.finish(measured);
    });
    let thread = thread.map_err(|error| {
        if mode == DirtyRateMode::Bitmap {
            let _ = log_writes(machine, false); // the first error is the one to tell
        }
        MachineError::Host {
            what: "a thread that measures the dirty rate",
            error,
        }
    });
    state.thread = Some(thread?);
    state.last = Some(DirtyRate {
        mode,
        start: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
        time,
        is_measuring: true,
        rate: None,
    });
    Ok(())
}

fn log_writes(machine: &Lifecycle, on: bool) -> Result<(), MachineError> {
    match &mut machine.lock().vm {
        Some(vm) => Ok(vm.log_writes(LogUser::Rate, on)?),
        None => Ok(()),
    }
}

/// The rate, and how long it took.
fn measure(machine: &Lifecycle, mode: DirtyRateMode, time: Duration) -> Option<(u64, Duration)> {
    if machine.config.confined
        && let Err(error) = confine_thread(Role::Measure)
    {
        machine.observer.diagnostic(&error.to_string());
        if mode == DirtyRateMode::Bitmap {
            let _ = log_writes(machine, false);
        }
        return None;
    }
    match mode {
        DirtyRateMode::Sampling(per_gib) => by_samples(machine, per_gib, time),
        DirtyRateMode::Bitmap => by_bitmap(machine, time),
    }
}

fn by_samples(machine: &Lifecycle, per_gib: u64, time: Duration) -> Option<(u64, Duration)> {
    let go_on = || machine.dirty_rates.go_on();
    let samples = Samples::take(&machine.ram, per_gib, &go_on)?;
    let begin = Instant::now();
    if !machine.dirty_rates.wait(time) {
        return None;
    }
    let elapsed = begin.elapsed();
    let bytes = samples.share_of_changed(machine.ram.total(), &go_on)?;
    Some((rate(bytes, elapsed), elapsed))
}

fn by_bitmap(machine: &Lifecycle, time: Duration) -> Option<(u64, Duration)> {
    let begin = Instant::now();
    let went_on = machine.dirty_rates.wait(time);
    let elapsed = begin.elapsed();
    let mut state = machine.lock();
    let Some(vm) = &mut state.vm else {
        return went_on.then_some((0, elapsed)); // nothing runs
    };
    let pages = vm.take_written_pages(LogUser::Rate);
    let stopped = vm.log_writes(LogUser::Rate, false);
    drop(state);
    if !went_on || stopped.is_err() {
        return None;
    }
    Some((rate(pages.ok()? * PAGE, elapsed), elapsed))
}

/// MiB per second.
fn rate(bytes: u64, time: Duration) -> u64 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    (bytes / MIB).saturating_mul(1000) / millis
}

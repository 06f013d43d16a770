//! What a user does with keyboard and mouse, on its way to the guest.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::lifecycle::{Lifecycle, State};
use super::{MachineError, MachineEvent, RunState};
use crate::clock::{ClockKind, Clocks, Timer};
use crate::devices::{InputEvent, Key};
use crate::sync::lock;

const MILLISECOND: u64 = 1_000_000;
/// How long a key is held, in milliseconds, if nothing is said.
const HOLD: u64 = 100;
/// Keys and pauses that may wait; more are dropped.
const CAPACITY: usize = 1024;

/// Keys that go down and up one after another, by the guest's time.
#[derive(Debug)]
pub(super) struct Typing {
    clocks: Clocks,
    timer: Timer,
    steps: Mutex<VecDeque<Step>>,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Key {
        key: Option<Key>,
        down: bool,
    },
    /// That many nanoseconds.
    Pause(u64),
}

impl Typing {
    /// Nothing is typed at first; `due` is called when there is something to do.
    pub(super) fn new(clocks: &Clocks, due: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            clocks: clocks.clone(),
            timer: clocks.timer(ClockKind::Vm, due),
            steps: Mutex::default(),
        }
    }

    fn push(&self, step: Step) {
        let mut steps = lock(&self.steps);
        if steps.len() < CAPACITY {
            steps.push_back(step);
        }
    }

    /// The keys that are due now; the pause behind them begins.
    fn take(&self) -> Vec<InputEvent> {
        let mut steps = lock(&self.steps);
        let mut due = Vec::new();
        while let Some(step) = steps.pop_front() {
            match step {
                Step::Key { key, down } => due.push(InputEvent::Key { key, down }),
                Step::Pause(length) => {
                    // the pause stays in front for as long as it lasts
                    steps.push_front(Step::Pause(0));
                    self.timer.set(self.clocks.now(ClockKind::Vm) + length);
                    break;
                }
            }
        }
        due
    }
}

/// Whether input reaches the guest.
fn listens(state: &State) -> bool {
    matches!(state.run, RunState::Running | RunState::Suspended)
}

impl Lifecycle {
    /// Hands input over that belongs together.
    pub(super) fn input(&self, events: &[InputEvent]) -> Result<(), MachineError> {
        let mut state = self.operate()?;
        if !listens(&state) {
            return Err(MachineError::NotRunning);
        }
        let wakes = self.services.inputs.send(events)?;
        self.wake_by_input(&mut state, wakes)
    }

    fn wake_by_input(&self, state: &mut State, wakes: bool) -> Result<(), MachineError> {
        if wakes && state.run == RunState::Suspended {
            self.rouse(state)?;
            self.vcpus.resume();
            self.tell(&MachineEvent::Wakeup);
        }
        Ok(())
    }

    /// Presses keys one after another and releases them in reverse, with a
    /// pause of `hold` milliseconds behind each.
    pub(super) fn type_keys(
        &self,
        keys: &[Option<Key>],
        hold: Option<u64>,
    ) -> Result<(), MachineError> {
        let mut state = self.operate()?;
        // as with QEMU, no time means the usual
        let hold = hold.filter(|&time| time > 0).unwrap_or(HOLD);
        let pause = hold.saturating_mul(MILLISECOND);
        let pressed = keys.iter().map(|&key| (key, true));
        let released = keys.iter().rev().map(|&key| (key, false));
        let is_first = lock(&self.typing.steps).is_empty();
        for (key, down) in pressed.chain(released) {
            self.typing.push(Step::Key { key, down });
            if listens(&state) {
                self.typing.push(Step::Pause(pause));
            }
        }
        if is_first {
            self.type_due(&mut state);
        }
        Ok(())
    }

    /// Types what is due.
    pub(super) fn type_next(&self) {
        let mut state = self.lock();
        if state.finish.is_none() && listens(&state) {
            // the pause that is over
            let mut steps = lock(&self.typing.steps);
            if let Some(Step::Pause(_)) = steps.front() {
                steps.pop_front();
            }
            drop(steps);
            self.type_due(&mut state);
        }
    }

    fn type_due(&self, state: &mut State) {
        for event in self.typing.take() {
            if !listens(state) {
                continue; // as if nobody had touched the keyboard
            }
            // without a keyboard keys go nowhere
            let wakes = self.services.inputs.send(&[event]).unwrap_or(false);
            let result = self.wake_by_input(state, wakes);
            self.report(result);
        }
    }
}

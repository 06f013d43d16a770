//! The run states of a machine and the moves between them.

/// What the machine as a whole is doing; the names are those of QMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Not configured to the end; shown as `prelaunch`.
    Preconfig,
    /// Configured or reset, never run since.
    Prelaunch,
    /// The guest runs.
    Running,
    /// Stopped on request.
    Paused,
    /// Stopped while its state is written down.
    SaveVm,
    /// Stopped for a debugger.
    Debug,
    /// A CPU cannot go on.
    InternalError,
    /// A device met an error of its medium and waits.
    IoError,
    /// The guest has shut down.
    Shutdown,
    /// The guest sleeps.
    Suspended,
    /// The watchdog stopped it.
    Watchdog,
    /// The guest's kernel panicked.
    GuestPanicked,
}

impl RunState {
    /// Every state.
    pub const ALL: [Self; 12] = [
        Self::Preconfig,
        Self::Prelaunch,
        Self::Running,
        Self::Paused,
        Self::SaveVm,
        Self::Debug,
        Self::InternalError,
        Self::IoError,
        Self::Shutdown,
        Self::Suspended,
        Self::Watchdog,
        Self::GuestPanicked,
    ];

    /// The name that QMP shows.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preconfig | Self::Prelaunch => "prelaunch",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::SaveVm => "save-vm",
            Self::Debug => "debug",
            Self::InternalError => "internal-error",
            Self::IoError => "io-error",
            Self::Shutdown => "shutdown",
            Self::Suspended => "suspended",
            Self::Watchdog => "watchdog",
            Self::GuestPanicked => "guest-panicked",
        }
    }

    /// Whether guest code may run.
    #[must_use]
    pub fn is_running(self) -> bool {
        self == Self::Running
    }

    /// Whether the machine is up: what a stop stops.
    #[must_use]
    pub fn is_live(self) -> bool {
        matches!(self, Self::Running | Self::Suspended)
    }

    /// Whether only a reset leads back to running.
    #[must_use]
    pub fn needs_reset(self) -> bool {
        matches!(self, Self::InternalError | Self::Shutdown)
    }

    /// The states that may follow.
    #[must_use]
    pub fn successors(self) -> &'static [Self] {
        use RunState::*;
        match self {
            Preconfig => &[Prelaunch],
            Prelaunch => &[Running, Suspended],
            Running => &[
                Debug,
                InternalError,
                IoError,
                Paused,
                SaveVm,
                Shutdown,
                Suspended,
                Watchdog,
                GuestPanicked,
            ],
            // a stopped sleeper sleeps on when continued
            Paused => &[Running, Suspended, Prelaunch],
            // QEMU cannot be reset meanwhile: it aborts
            SaveVm => &[Running, Suspended, Prelaunch],
            Suspended => &[Running, Paused, SaveVm, Shutdown, Prelaunch],
            InternalError | Shutdown => &[Paused, Prelaunch],
            Debug => &[Running, Suspended, Prelaunch],
            IoError | Watchdog | GuestPanicked => &[Running, Prelaunch],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_configured_state_is_left_by_a_reset() {
        for state in RunState::ALL {
            let resettable = !matches!(state, RunState::Prelaunch | RunState::Running);
            assert_eq!(
                state.successors().contains(&RunState::Prelaunch),
                resettable,
                "{state:?}"
            );
        }
    }

    #[test]
    fn states_that_need_a_reset_never_lead_to_running() {
        for state in RunState::ALL
            .into_iter()
            .filter(|state| state.needs_reset())
        {
            assert!(
                !state.successors().contains(&RunState::Running),
                "{state:?}"
            );
        }
    }

    #[test]
    fn no_state_follows_itself_and_preconfig_follows_none() {
        for state in RunState::ALL {
            assert!(!state.successors().contains(&state), "{state:?}");
            assert!(
                !state.successors().contains(&RunState::Preconfig),
                "{state:?}"
            );
        }
    }

    /// The moves between these states that QEMU 10.0.2 allows.
    #[test]
    fn moves_are_those_of_qemu() {
        let expected = [
            ("preconfig", "prelaunch"),
            ("prelaunch", "running suspended"),
            (
                "running",
                "debug internal-error io-error paused save-vm shutdown suspended watchdog guest-panicked",
            ),
            ("paused", "running suspended prelaunch"),
            ("save-vm", "running suspended prelaunch"),
            ("debug", "running suspended prelaunch"),
            ("internal-error", "paused prelaunch"),
            ("io-error", "running prelaunch"),
            ("shutdown", "paused prelaunch"),
            ("suspended", "running paused save-vm shutdown prelaunch"),
            ("watchdog", "running prelaunch"),
            ("guest-panicked", "running prelaunch"),
        ];
        for (state, (name, successors)) in RunState::ALL.into_iter().zip(expected) {
            let shown = if state == RunState::Preconfig {
                "preconfig" // shown as prelaunch
            } else {
                state.as_str()
            };
            assert_eq!(shown, name);
            let found: Vec<_> = state
                .successors()
                .iter()
                .map(|next| next.as_str())
                .collect();
            assert_eq!(found.join(" "), successors, "{name}");
        }
    }
}

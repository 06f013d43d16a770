//! `migration.json`: what a machine that stays where it is can say.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    DirtyRateInfo, DirtyRateMeasureMode, DirtyRateStatus, MigrationCapability,
    MigrationCapabilityStatus, MigrationInfo, TimeUnit,
};
use qmp_types::qmp::{MigrationCommands, commands};

use rustix::fs::OFlags;

use super::{Vmm, os_text};
use crate::fdset;
use crate::machine::{DirtyRateBusy, DirtyRateMode, MachineError, StateError};

/// Pages in each GiB that are sampled unless it is said otherwise, and how many can be asked for.
const SAMPLE_PAGES: i64 = 512;
const SAMPLE_PAGES_RANGE: std::ops::RangeInclusive<i64> = 128..=16384;
/// How long a measurement can take, in milliseconds.
const CALC_TIME_RANGE: std::ops::RangeInclusive<i64> = 50..=60_000;

#[handlers]
impl MigrationCommands for Vmm {
    fn query_migrate(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrate,
    ) -> Result<MigrationInfo, QmpError> {
        Ok(MigrationInfo::default()) // none has been started
    }

    fn migrate_cancel(
        &mut self,
        _: &mut Context<'_>,
        _: commands::MigrateCancel,
    ) -> Result<(), QmpError> {
        Ok(()) // nothing is under way, and QEMU says nothing to that
    }

    fn migrate_incoming(
        &mut self,
        _: &mut Context<'_>,
        _: commands::MigrateIncoming,
    ) -> Result<(), QmpError> {
        let text = "'-incoming' was not specified on the command line";
        Err(QmpError::generic(text))
    }

    fn query_migrate_capabilities(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryMigrateCapabilities,
    ) -> Result<Vec<MigrationCapabilityStatus>, QmpError> {
        let events = MigrationCapability::Events;
        let state = self.migration_events;
        Ok(vec![MigrationCapabilityStatus::new(events, state)])
    }

    fn migrate_set_capabilities(
        &mut self,
        _: &mut Context<'_>,
        args: commands::MigrateSetCapabilities,
    ) -> Result<(), QmpError> {
        let mut events = self.migration_events;
        for wanted in args.capabilities {
            match wanted.capability {
                MigrationCapability::Events => events = wanted.state,
                other if wanted.state => {
                    let text = format!("Migration capability '{other}' is not supported");
                    return Err(QmpError::generic(text));
                }
                _ => {} // off it is
            }
        }
        self.migration_events = events;
        Ok(())
    }

    fn calc_dirty_rate(
        &mut self,
        _: &mut Context<'_>,
        args: commands::CalcDirtyRate,
    ) -> Result<(), QmpError> {
        let last = self.machine.dirty_rate();
        if last.is_some_and(|last| last.is_measuring) {
            return Err(QmpError::generic(DirtyRateBusy.to_string()));
        }
        let unit = args.calc_time_unit.unwrap_or(TimeUnit::Second);
        let millis = args.calc_time.saturating_mul(millis_in(&unit));
        if !CALC_TIME_RANGE.contains(&millis) {
            return Err(QmpError::generic(
                "Calculation time is out of range [50ms, 60000ms].",
            ));
        }
        let mode = (args.mode).unwrap_or(DirtyRateMeasureMode::PageSampling);
        let samples = mode == DirtyRateMeasureMode::PageSampling;
        if args.sample_pages.is_some() && !samples {
            return Err(QmpError::generic(
                "sample-pages is used only in page-sampling mode",
            ));
        }
        let pages = args.sample_pages.unwrap_or(SAMPLE_PAGES);
        if !SAMPLE_PAGES_RANGE.contains(&pages) {
            return Err(QmpError::generic(
                "sample-pages is out of range[128, 16384].",
            ));
        }
        let mode = match mode {
            DirtyRateMeasureMode::PageSampling => DirtyRateMode::Sampling(pages.unsigned_abs()),
            DirtyRateMeasureMode::DirtyBitmap => DirtyRateMode::Bitmap,
            _ => {
                return Err(QmpError::generic(
                    "mode dirty-ring is not enabled, use other method instead.",
                ));
            }
        };
        let time = Duration::from_millis(millis.unsigned_abs());
        Ok(self.machine.measure_dirty_rate(mode, time)?)
    }

    fn query_dirty_rate(
        &mut self,
        _: &mut Context<'_>,
        args: commands::QueryDirtyRate,
    ) -> Result<DirtyRateInfo, QmpError> {
        let unit = args.calc_time_unit.unwrap_or(TimeUnit::Second);
        let sampling = DirtyRateMeasureMode::PageSampling;
        let Some(last) = self.machine.dirty_rate() else {
            let none = DirtyRateStatus::Unstarted;
            return Ok(DirtyRateInfo::new(none, 0, 0, unit, 0, sampling));
        };
        let status = match last.is_measuring {
            true => DirtyRateStatus::Measuring,
            false => DirtyRateStatus::Measured,
        };
        let (mode, pages) = match last.mode {
            DirtyRateMode::Sampling(pages) => (sampling, pages),
            // as QEMU has it, which says so at the end only
            DirtyRateMode::Bitmap if last.is_measuring => (
                DirtyRateMeasureMode::DirtyBitmap,
                SAMPLE_PAGES.unsigned_abs(),
            ),
            DirtyRateMode::Bitmap => (DirtyRateMeasureMode::DirtyBitmap, 0),
        };
        let start = i64::try_from(last.start.as_secs()).unwrap_or(i64::MAX);
        let time = i64::try_from(last.time.as_millis()).unwrap_or(i64::MAX) / millis_in(&unit);
        let mut info = DirtyRateInfo::new(status, start, time, unit, pages, mode);
        if !last.is_measuring {
            let rate = last
                .rate
                .map_or(-1, |rate| i64::try_from(rate).unwrap_or(i64::MAX));
            info.dirty_rate = Some(rate);
        }
        Ok(info)
    }

    /// If the guest stands still, its images are left to whoever goes on from the state, until `cont`; not so with `live`
    /// false.
    fn xen_save_devices_state(
        &mut self,
        _: &mut Context<'_>,
        args: commands::XenSaveDevicesState,
    ) -> Result<(), QmpError> {
        let was_live = self.machine.run_state().is_live();
        let state = self.machine.save_state()?;
        self.write_state(&args.filename, &state)?;
        if args.live.unwrap_or(true) && !was_live {
            self.machine.block().inactivate()?;
        }
        Ok(())
    }

    fn xen_load_devices_state(
        &mut self,
        _: &mut Context<'_>,
        args: commands::XenLoadDevicesState,
    ) -> Result<(), QmpError> {
        if self.machine.run_state().is_live() {
            return Err(MachineError::from(StateError::Running).into());
        }
        let state = self.read_state(&args.filename)?;
        self.machine
            .load_state(&state)
            .map_err(|error| match error {
                MachineError::State(StateError::Running) => error.into(),
                other => QmpError::generic(format!("loading Xen device state failed: {other}")),
            })
    }

    fn xen_set_global_dirty_log(
        &mut self,
        _: &mut Context<'_>,
        args: commands::XenSetGlobalDirtyLog,
    ) -> Result<(), QmpError> {
        Ok(self.machine.log_writes(args.enable)?)
    }

    fn x_colo_lost_heartbeat(
        &mut self,
        _: &mut Context<'_>,
        _: commands::XColoLostHeartbeat,
    ) -> Result<(), QmpError> {
        Err(QmpError::generic("VM is not in COLO mode"))
    }
}

/// The most that a file of device state can have, far beyond what devices need.
const STATE_LIMIT: u64 = 64 << 20;

impl Vmm {
    /// Puts `state` into a file. One that cannot be written in full is left empty, which is no state.
    fn write_state(&self, path: &str, state: &[u8]) -> Result<(), QmpError> {
        let mut file = if fdset::is_set(path) {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
            let file = self.fds.sets().duplicate(path, flags);
            file.map_err(|error| QmpError::generic(error.to_string()))?
        } else {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o660);
            let file = options.open(path);
            file.map_err(|error| {
                let text = os_text(&error);
                QmpError::generic(format!("Could not create '{path}': {text}"))
            })?
        };
        file.write_all(state).map_err(|error| {
            let _ = file.set_len(0); // not every file has a length
            let text = os_text(&error);
            QmpError::generic(format!("Could not write '{path}': {text}"))
        })
    }

    fn read_state(&self, path: &str) -> Result<Vec<u8>, QmpError> {
        let file = if fdset::is_set(path) {
            let file = self.fds.sets().duplicate(path, OFlags::RDONLY);
            file.map_err(|error| QmpError::generic(error.to_string()))?
        } else {
            File::open(path).map_err(|error| {
                let text = os_text(&error);
                QmpError::generic(format!("Could not open '{path}': {text}"))
            })?
        };
        let mut state = Vec::new();
        match file.take(STATE_LIMIT + 1).read_to_end(&mut state) {
            Ok(_) if state.len() as u64 <= STATE_LIMIT => Ok(state),
            Ok(_) => Err(QmpError::generic(format!("'{path}' is too large"))),
            Err(error) => {
                let text = os_text(&error);
                Err(QmpError::generic(format!(
                    "Could not read '{path}': {text}"
                )))
            }
        }
    }
}

fn millis_in(unit: &TimeUnit) -> i64 {
    match unit {
        TimeUnit::Millisecond => 1,
        _ => 1000,
    }
}

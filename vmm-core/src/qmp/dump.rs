//! `dump.json`: a guest's memory as a file for debuggers.

use std::fs::{File, OpenOptions};
use std::io::Seek;
use std::os::unix::fs::OpenOptionsExt;

use qmp_runtime::{Context, QmpError, handlers};
use qmp_types::qmp::types::{
    DumpGuestMemoryCapability, DumpGuestMemoryFormat, DumpQueryResult, DumpStatus,
};
use qmp_types::qmp::{DumpCommands, commands};
use rustix::fs::OFlags;

use super::{Vmm, os_text};
use crate::fdset;
use crate::machine::{self, DumpFormat, DumpProgress, DumpRequest};

#[handlers]
impl DumpCommands for Vmm {
    fn dump_guest_memory(
        &mut self,
        cx: &mut Context<'_>,
        args: commands::DumpGuestMemory,
    ) -> Result<(), QmpError> {
        self.machine.check_no_dump()?;
        let format = args.format.unwrap_or(DumpGuestMemoryFormat::Elf);
        let is_filtered = args.paging || args.begin.is_some() || args.length.is_some();
        if !matches!(format, DumpGuestMemoryFormat::Elf) && is_filtered {
            let text = "kdump-compressed format doesn't support paging or filter";
            return Err(QmpError::generic(text));
        }
        let range = match (args.begin, args.length) {
            (None, None) => None,
            // Negative numbers are large ones, as with QEMU; but where the sum of both passes the last address, QEMU
            // writes a file without memory, and there is an error here.
            (Some(begin), Some(length)) => Some((begin.cast_unsigned(), length.cast_unsigned())),
            (Some(_), None) => return Err(missing("length")),
            (None, Some(_)) => return Err(missing("begin")),
        };
        let format = match format {
            DumpGuestMemoryFormat::Elf => DumpFormat::Elf,
            DumpGuestMemoryFormat::KdumpZlib => DumpFormat::Kdump { raw: false },
            DumpGuestMemoryFormat::KdumpRawZlib => DumpFormat::Kdump { raw: true },
            other => {
                // how pages are compressed is what is missing, whatever the file around them
                let format = other.as_str().replace("-raw-", "-");
                return Err(QmpError::generic(format!("{format} is not available now")));
            }
        };
        let mut file = self.dump_file(cx, &args.protocol)?;
        if format == (DumpFormat::Kdump { raw: true }) && file.stream_position().is_err() {
            let text = "kdump-raw formats require a seekable file";
            return Err(QmpError::generic(text));
        }
        let request = DumpRequest {
            file,
            format,
            paging: args.paging,
            range,
        };
        match args.detach {
            Some(true) => self.machine.dump_in_background(request)?,
            _ => self.machine.dump(request)?,
        }
        Ok(())
    }

    fn query_dump(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryDump,
    ) -> Result<DumpQueryResult, QmpError> {
        Ok(result(self.machine.dump_progress()))
    }

    fn query_dump_guest_memory_capability(
        &mut self,
        _: &mut Context<'_>,
        _: commands::QueryDumpGuestMemoryCapability,
    ) -> Result<DumpGuestMemoryCapability, QmpError> {
        let formats = vec![
            DumpGuestMemoryFormat::Elf,
            DumpGuestMemoryFormat::KdumpZlib,
            DumpGuestMemoryFormat::KdumpRawZlib,
        ];
        Ok(DumpGuestMemoryCapability::new(formats))
    }
}

impl Vmm {
    /// Where a dump goes; the words of errors are QEMU's.
    fn dump_file(&mut self, cx: &Context<'_>, protocol: &str) -> Result<File, QmpError> {
        if let Some(name) = protocol.strip_prefix("fd:") {
            return Ok(self.fds.take(cx, name.to_owned())?.into());
        }
        let Some(path) = protocol.strip_prefix("file:") else {
            return Err(QmpError::generic(
                "parameter 'protocol' must start with 'file:' or 'fd:'",
            ));
        };
        if fdset::is_set(path) {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC;
            let file = self.fds.sets().duplicate(path, flags);
            return file.map_err(|error| QmpError::generic(error.to_string()));
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o400);
        options.open(path).map_err(|error| {
            QmpError::generic(format!("Could not create '{path}': {}", os_text(&error)))
        })
    }
}

fn missing(name: &str) -> QmpError {
    QmpError::generic(format!("Parameter '{name}' is missing"))
}

/// How far a dump is, as QMP says it.
pub(super) fn result(progress: DumpProgress) -> DumpQueryResult {
    let count = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
    DumpQueryResult {
        status: match progress.status {
            machine::DumpStatus::None => DumpStatus::None,
            machine::DumpStatus::Active => DumpStatus::Active,
            machine::DumpStatus::Completed => DumpStatus::Completed,
            machine::DumpStatus::Failed => DumpStatus::Failed,
        },
        completed: count(progress.completed),
        total: count(progress.total),
    }
}

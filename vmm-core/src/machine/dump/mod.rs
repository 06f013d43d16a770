//! A guest's memory and registers as a core file, for debuggers.
//!
//! The guest stands still for as long as it takes. In the background, other operations go on meanwhile, but for
//! those that would let it run.

mod elf;
mod kdump;
mod notes;
mod output;
mod pages;
mod paging;

use std::error::Error;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::event::{EventfdFlags, eventfd};
use vm_memory::mmap::MmapRegion;
use vm_memory::{GuestAddress, GuestMemoryBackend, GuestMemoryRegion, VolatileSlice};

use super::lifecycle::Lifecycle;
use super::{GuestRam, MachineError, MachineEvent, RunState};
use crate::accel::Registers;
use crate::sync::lock;
use elf::{Class, Head};
use kdump::Kdump;
use output::Output;
use pages::{Pages, Run};

/// How much memory is written at a time.
const CHUNK: u64 = 4 << 20;

/// Why a dump does not come to be; the words are QEMU's, but for the last.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DumpError {
    /// Another is under way.
    #[error("There is a dump in process, please wait.")]
    Busy,
    /// Nothing was asked for.
    #[error("parameter 'length' expects a non-zero size")]
    Length,
    /// What was asked for is not there.
    #[error("dump: no guest memory to dump")]
    NoMemory,
    /// The file cannot be written.
    #[error("dump: failed to {what}: {}", crate::qmp::os_text(error))]
    Write {
        /// What was tried.
        what: &'static str,
        /// The cause.
        error: io::Error,
    },
    /// The file cannot be written, in a format whose errors are told without their cause.
    #[error("dump: failed to {what}")]
    Part {
        /// What was tried.
        what: &'static str,
        /// The cause.
        error: io::Error,
    },
    /// The machine ended first.
    #[error("dump: the machine has been shut down")]
    Cancelled,
    /// The guest's page tables are longer than any that are meant.
    #[error("dump: the guest's page tables lead to too many others")]
    Tables,
}

/// What is wanted.
#[derive(Debug)]
pub struct DumpRequest {
    /// Where it goes.
    pub file: File,
    /// How it is written.
    pub format: DumpFormat,
    /// Whether virtual addresses are those that the guest's page tables give.
    pub paging: bool,
    /// The first physical address and the number of bytes; everything if absent.
    pub range: Option<(u64, u64)>,
}

/// How a dump is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DumpFormat {
    /// A core file.
    #[default]
    Elf,
    /// What `makedumpfile` writes, its pages compressed by zlib; it is all of memory, at its physical addresses.
    Kdump {
        /// As the program `crash` reads it, into a file with offsets; otherwise in records, for pipes, too.
        raw: bool,
    },
}

/// How far the last dump has got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DumpProgress {
    /// Its stage.
    pub status: DumpStatus,
    /// Bytes of memory that are written.
    pub completed: u64,
    /// Bytes of memory to write.
    pub total: u64,
}

/// The stages of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DumpStatus {
    /// There was none.
    #[default]
    None,
    /// It is under way.
    Active,
    /// It is done.
    Completed,
    /// It has ended early.
    Failed,
}

/// The last dump of a machine, which may be under way.
#[derive(Debug)]
pub(super) struct Dumps {
    progress: Mutex<DumpProgress>,
    cancelled: AtomicBool,
    /// Can be read once all are cancelled.
    wake: OwnedFd,
    /// That of the last one in the background.
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Dumps {
    pub(super) fn new() -> Result<Self, MachineError> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let wake = wake.map_err(|error| MachineError::Host {
            what: "a descriptor for dumps",
            error: error.into(),
        })?;
        Ok(Self {
            progress: Mutex::default(),
            cancelled: AtomicBool::new(false),
            wake,
            thread: Mutex::default(),
        })
    }

    pub(super) fn progress(&self) -> DumpProgress {
        *lock(&self.progress)
    }

    /// Refuses what a dump must not be disturbed by.
    pub(super) fn check_idle(&self) -> Result<(), DumpError> {
        match self.progress().status {
            DumpStatus::Active => Err(DumpError::Busy),
            _ => Ok(()),
        }
    }

    /// Makes the one that is under way end soon, and all that follow, even if nobody takes what they write.
    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes()); // it cannot have been written that often
    }

    /// Waits for the end of the one in the background.
    pub(super) fn join(&self) {
        let thread = lock(&self.thread).take();
        if let Some(thread) = thread {
            let _ = thread.join(); // its panic was reported when it happened
        }
    }

    fn start(&self) -> Result<(), DumpError> {
        let mut progress = lock(&self.progress);
        if progress.status == DumpStatus::Active {
            return Err(DumpError::Busy);
        }
        *progress = DumpProgress {
            status: DumpStatus::Active,
            ..DumpProgress::default()
        };
        Ok(())
    }

    fn end(&self, is_ok: bool) -> DumpProgress {
        let mut progress = lock(&self.progress);
        progress.status = match is_ok {
            true => DumpStatus::Completed,
            false => DumpStatus::Failed,
        };
        *progress
    }
}

/// A dump that is ready to be written.
#[derive(Debug)]
struct Job {
    file: File,
    content: Content,
    /// The memory that follows, by start and length.
    regions: Vec<(u64, u64)>,
    /// The guest ran before.
    resume: bool,
}

/// What precedes the memory.
#[derive(Debug)]
enum Content {
    Elf(Head),
    Kdump(Kdump),
}

/// A range of physical memory and where it is in virtual memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    virt: u64,
    start: u64,
    length: u64,
}

/// Writes a dump, while the caller waits.
pub(super) fn write(machine: &Lifecycle, request: DumpRequest) -> Result<(), MachineError> {
    let job = prepare(machine, request)?;
    Ok(finish(machine, job)?)
}

/// Writes a dump on a thread of its own; an event tells the end.
pub(super) fn write_in_background(
    machine: &Arc<Lifecycle>,
    request: DumpRequest,
) -> Result<(), MachineError> {
    let job = prepare(machine, request)?;
    let resume = job.resume;
    let writer = Arc::clone(machine);
    let thread = thread::Builder::new().name("dump".to_owned());
    let thread = thread.spawn(move || {
        let _ = finish(&writer, job); // the event has the error
    });
    let thread = thread.map_err(|error| {
        let mut state = machine.lock();
        machine.dumps.end(false);
        machine.go_on_after_dump(&mut state, resume);
        MachineError::Host {
            what: "a thread for the dump",
            error,
        }
    })?;
    // the one before it has ended
    *lock(&machine.dumps.thread) = Some(thread);
    Ok(())
}

/// Stops the guest and finds out what is to be written.
fn prepare(machine: &Lifecycle, request: DumpRequest) -> Result<Job, MachineError> {
    let mut state = machine.operate()?;
    machine.dumps.start()?;
    let resume = state.run.is_live();
    let prepared = match resume {
        true => machine.halt(&mut state, RunState::SaveVm, true).map(drop),
        false => Ok(()),
    }
    .and_then(|()| content(machine, &request));
    match prepared {
        Ok((content, regions)) => {
            lock(&machine.dumps.progress).total = regions.iter().map(|(_, length)| length).sum();
            Ok(Job {
                file: request.file,
                content,
                regions,
                resume,
            })
        }
        Err(error) => {
            machine.dumps.end(false);
            machine.go_on_after_dump(&mut state, resume);
            Err(error)
        }
    }
}

fn content(
    machine: &Lifecycle,
    request: &DumpRequest,
) -> Result<(Content, Vec<(u64, u64)>), MachineError> {
    let regions = regions(&machine.ram, request.range)?;
    let cpus: Vec<(u32, Registers)> = (machine.vcpus.indexes().into_iter())
        .map(|index| Ok((index, machine.cpu_job(index, |core| core.registers())?)))
        .collect::<Result<_, MachineError>>()?;
    let (indexes, registers): (Vec<_>, Vec<_>) = cpus.iter().cloned().unzip();
    drop(indexes);
    let long_mode = registers.first().is_some_and(Registers::is_long_mode);
    let notes = notes::of(&cpus, long_mode);
    let class = Class::new(long_mode, machine.ram.ranges());
    if let DumpFormat::Kdump { raw } = request.format {
        let kdump = Kdump::new(&regions, notes, cpus.len(), class.wide, raw);
        return Ok((Content::Kdump(kdump), regions));
    }
    let pieces = match request.paging && registers.iter().any(Registers::has_paging) {
        true => paging::mapped(&machine.ram, &registers)?,
        false => regions
            .iter()
            .map(|&(start, length)| Piece {
                virt: start,
                start,
                length,
            })
            .collect(),
    };
    let head = elf::head(&regions, &pieces, notes, class);
    Ok((Content::Elf(head), regions))
}

/// The memory that there is in a range.
fn regions(ram: &GuestRam, range: Option<(u64, u64)>) -> Result<Vec<(u64, u64)>, DumpError> {
    let (first, length) = range.unwrap_or((0, u64::MAX));
    if length == 0 {
        return Err(DumpError::Length);
    }
    let last = first.saturating_add(length);
    let regions: Vec<_> = ram
        .ranges()
        .filter_map(|(start, length)| {
            let (from, to) = (start.max(first), (start + length).min(last));
            (from < to).then_some((from, to.saturating_sub(from)))
        })
        .collect();
    match regions.is_empty() {
        true => Err(DumpError::NoMemory),
        false => Ok(regions),
    }
}

/// Writes the file, tells so, and lets the guest run on.
fn finish(machine: &Lifecycle, job: Job) -> Result<(), DumpError> {
    let Job {
        file,
        content,
        regions,
        resume,
    } = job;
    let output = Output::new(&file, &machine.dumps.wake);
    let result = match content {
        Content::Elf(head) => save(machine, output, &head, &regions),
        Content::Kdump(kdump) => save_pages(machine, output, &kdump, &regions),
    };
    drop(file); // whoever reads a pipe sees its end before the event
    let mut state = machine.lock();
    machine.tell(&MachineEvent::DumpCompleted {
        progress: machine.dumps.end(result.is_ok()),
        error: result.as_ref().err().map(ToString::to_string),
    });
    let is_cancelled = machine.dumps.cancelled.load(Ordering::Relaxed);
    machine.go_on_after_dump(&mut state, resume && !is_cancelled);
    result
}

fn save(
    machine: &Lifecycle,
    mut output: Output<'_>,
    head: &Head,
    regions: &[(u64, u64)],
) -> Result<(), DumpError> {
    for (what, bytes) in [
        ("write elf header", &head.file),
        ("write elf program headers", &head.programs),
        ("write elf notes", &head.notes),
    ] {
        output.write_all(bytes, what)?;
    }
    let what = "save memory";
    let mut pages = output.is_sparse().then(Pages::new);
    for_each_chunk(machine, regions, what, |region, memory| {
        let runs = match &mut pages {
            Some(pages) => pages.runs(region, memory),
            None => vec![Run {
                length: memory.len(),
                is_zero: false,
            }],
        };
        let mut offset = 0;
        for run in runs {
            match run.is_zero {
                true => output.leave_out(run.length),
                false => {
                    let part = memory.subslice(offset, run.length);
                    let part = part.map_err(|error| gone(what, error))?;
                    output.write_memory(&part, what)?;
                }
            }
            offset += run.length;
        }
        Ok(())
    })?;
    output.finish(what)
}

fn save_pages(
    machine: &Lifecycle,
    mut output: Output<'_>,
    kdump: &Kdump,
    regions: &[(u64, u64)],
) -> Result<(), DumpError> {
    let mut writer = kdump.begin(&mut output, regions)?;
    let mut pages = Pages::new();
    for_each_chunk(machine, regions, "write page data", |region, memory| {
        pages.each(region, memory, |page, is_zero| writer.page(&page, is_zero));
        writer.flush()
    })?;
    writer.finish()
}

/// Takes the memory at `regions` in turn, in pieces, until the dump is cancelled; `what` is done with it.
fn for_each_chunk(
    machine: &Lifecycle,
    regions: &[(u64, u64)],
    what: &'static str,
    mut each: impl FnMut(&MmapRegion<()>, &VolatileSlice<'_>) -> Result<(), DumpError>,
) -> Result<(), DumpError> {
    let (dumps, memory) = (&machine.dumps, machine.ram.memory());
    for &(start, length) in regions {
        let mut done = 0;
        while done < length {
            if dumps.cancelled.load(Ordering::Relaxed) {
                return Err(DumpError::Cancelled);
            }
            let address = start + done;
            // to a border, so that pages stay whole
            let part = (CHUNK - address % CHUNK).min(length - done);
            let (region, offset) = memory
                .to_region_addr(GuestAddress(address))
                .ok_or_else(|| gone(what, "the memory is gone"))?;
            let slice = region.get_slice(offset, usize::try_from(part).unwrap_or(usize::MAX));
            each(region, &slice.map_err(|error| gone(what, error))?)?;
            done += part;
            lock(&dumps.progress).completed += part;
        }
    }
    Ok(())
}

/// Memory that was there when the dump began.
fn gone(what: &'static str, error: impl Into<Box<dyn Error + Send + Sync>>) -> DumpError {
    DumpError::Write {
        what,
        error: io::Error::other(error),
    }
}

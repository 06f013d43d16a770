//! The machine: configuration, run state, memory, vCPU threads, board.
//!
//! Who may touch what: control operations run under one lock, one at a time.
//! vCPU threads never take it; they run guest code, call devices, and hand what
//! the guest asks of the whole machine to the control thread, which takes the
//! lock like any other caller. Before guest state is changed from outside, all
//! vCPU threads stand at a barrier.

mod acpi;
mod balloon;
mod board;
mod config;
mod control;
mod device_memory;
mod dimm;
mod dirty_rate;
mod discard;
mod dump;
mod error;
mod event;
mod examine;
mod global;
mod handle;
mod hotplug;
mod input;
mod inspect;
mod lifecycle;
mod objects;
mod plugging;
mod ram;
mod run_state;
mod saved;
mod services;
mod topology;
mod types;
mod vcpus;

pub(crate) use balloon::Balloon;
pub use balloon::Balloons;
pub use config::{
    Actions, BootConfig, Image, MachineConfig, MachineKind, PanicAction, RebootAction,
    ShutdownAction, UnknownName, WatchdogAction,
};
pub use device_memory::{DeviceMemories, DeviceMemory};
pub use dimm::DimmInfo;
pub(crate) use dimm::PC_DIMM;
pub use dirty_rate::{DirtyRate, DirtyRateBusy, DirtyRateMode};
pub use dump::{DumpError, DumpFormat, DumpProgress, DumpRequest, DumpStatus};
pub use error::{Asked, MachineError};
pub use event::{Cause, GuestPanicAction, MachineEvent, Observer};
pub use global::{Global, GlobalError};
pub use handle::{Finish, Machine};
pub use hotplug::{CpuSlot, OspmStatus};
pub use inspect::{AccelInfo, CpuInfo};
pub(crate) use ram::HOLE_START;
pub use ram::{GuestRam, RamError};
pub use run_state::RunState;
pub use saved::StateError;
pub(crate) use services::Doorbells;
pub use services::{Lines, Running, Services};
pub use topology::{ApicIdBits, CpuPlace, SmpConfig, Topology, TopologyError};
pub(crate) use types::TYPES;

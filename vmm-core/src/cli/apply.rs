//! From options to a machine.

use super::accel::Accelerators;
use super::board::Board;
use super::chardev::Chardev;
use super::given::Given;
use super::ids::Ids;
use super::params::ParamsError;
use super::tls::Credentials;
use super::{Options, UsageError, lists, memory, table};
use crate::cpu::CpuConfig;
use crate::sandbox::Sandbox;

impl From<ParamsError> for UsageError {
    fn from(error: ParamsError) -> Self {
        UsageError(error.0)
    }
}

/// What became of an option.
#[derive(Debug)]
pub(super) enum Taken {
    /// It is another subject's.
    No,
    /// It was applied.
    Yes,
    /// This text is all that is asked for.
    Answer(String),
}

impl From<Option<String>> for Taken {
    fn from(answer: Option<String>) -> Self {
        answer.map_or(Taken::Yes, Taken::Answer)
    }
}

/// The options so far.
#[derive(Debug, Default)]
pub(super) struct Builder {
    pub(super) options: Options,
    board: Board,
    accel: Accelerators,
    ids: Ids,
    pub(super) chardevs: Vec<(String, Chardev)>,
    /// Character device and layout of each `-mon`.
    pub(super) mons: Vec<(String, bool)>,
    /// How many monitors there are that are given by the short form.
    pub(super) short_monitors: usize,
    /// Whether serial ports, and monitors, were spoken of: then there are no others.
    pub(super) names_serial: bool,
    pub(super) names_monitor: bool,
    pub(super) nographic: bool,
    pub(super) nodefaults: bool,
    /// Whether messages name the guest.
    pub(super) names_guest: bool,
    pub(super) credentials: Vec<(String, Credentials)>,
    pub(super) sandbox: Option<Option<Sandbox>>,
}

impl Builder {
    /// Applies one option; a text when that is all that is asked for.
    pub(super) fn apply(&mut self, name: &str, value: &str) -> Result<Option<String>, UsageError> {
        let subjects = [
            Self::help_option,
            Self::board_option,
            Self::run_option,
            Self::object_option,
            Self::character_option,
            Self::process_option,
        ];
        self.ids.claim(name, value)?;
        for take in subjects {
            match take(self, name, value)? {
                Taken::No => {}
                Taken::Yes => return Ok(None),
                Taken::Answer(text) => return Ok(Some(text)),
            }
        }
        match name {
            "display" | "vga" | "vnc" | "net" | "nic" | "parallel" | "gdb" if value != "none" => {
                Err(UsageError::new(format!(
                    "'{value}' is not there; leave the option out or say none"
                )))
            }
            _ => Ok(None), // accepted for QEMU's sake
        }
    }

    /// Takes note of where the latest of what there is came from.
    pub(super) fn note(&mut self, option: &Given) {
        let options = &mut self.options;
        let text = option.to_string();
        options
            .origins
            .note(&text, &options.machine, &self.chardevs);
    }

    fn help_option(&mut self, name: &str, value: &str) -> Result<Taken, UsageError> {
        Ok(match name {
            "help" => Taken::Answer(table::help()),
            "version" => Taken::Answer(format!("vmm {}\n", env!("CARGO_PKG_VERSION"))),
            "boot" if lists::is_wanted(value) => Taken::Answer(lists::group("boot-opts")),
            "cpu" if lists::is_help(value) => Taken::Answer(lists::cpus()),
            _ => Taken::No,
        })
    }

    fn board_option(&mut self, name: &str, value: &str) -> Result<Taken, UsageError> {
        let machine = &mut self.options.machine;
        match name {
            "machine" => return Ok(self.board.machine(value).into()),
            "accel" => return Ok(self.accel.option(value)?.into()),
            "enable-kvm" => self.board.set("accel", "kvm"),
            "smp" => self.board.part("smp", "cpus", value),
            "boot" => self.board.part("boot", "order", value),
            "m" => {
                for (key, value) in memory::parse(value)? {
                    self.board.set(key, &value);
                }
            }
            "kernel" | "append" | "initrd" => self.board.set(name, value),
            "mem-path" => machine.mem_path = Some(value.into()),
            "mem-prealloc" => machine.mem_prealloc = true,
            "cpu" if value.is_empty() => {
                return Err(UsageError::new("-cpu option cannot be empty"));
            }
            "cpu" => {
                let cpu = CpuConfig::parse(value);
                machine.cpu_model = cpu.map_err(|error| UsageError::new(error.to_string()))?;
                self.board.names_model = true;
            }
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
    }

    /// Puts it all together, once every option is known.
    pub(super) fn finish(mut self) -> Result<Options, UsageError> {
        if self.names_guest {
            self.options.messages.guest.clone_from(&self.options.name);
        }
        for (_, credentials) in &self.credentials {
            credentials.check()?;
        }
        self.take_terminal()?;
        self.connect_monitors()?;
        self.connect_serial()?;
        self.check_globals()?;
        self.provide_memory();
        let board = std::mem::take(&mut self.board);
        board.finish(&mut self.options.machine, std::mem::take(&mut self.accel))?;
        self.options.sandbox = self.sandbox.unwrap_or(Some(Sandbox::default()));
        self.options.machine.confined = self.options.sandbox.is_some();
        Ok(self.options)
    }
}

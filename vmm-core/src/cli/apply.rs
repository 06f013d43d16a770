//! From options to a machine.

use std::path::PathBuf;

use qmp_runtime::codec::{self, Unknown};
use qmp_runtime::json::{Map, Style, Value};
use qmp_runtime::server::{Address, Endpoint};

use super::accel::{self, Accelerators};
use super::block;
use super::chardev::{self, Chardev};
use super::memory::{self, DEFAULT_RAM};
use super::params::{Params, ParamsError};
use super::tls::{self, Credentials};
use super::{MonitorConfig, Options, UsageError, audio, process, sandbox, trace};
use super::{lists, smp, table};
use crate::accel::AccelKind;
use crate::char::BackendConfig;
use crate::clock::ClockKind;
use crate::cpu::CpuConfig;
use crate::machine::{BootConfig, Global, Image, MachineKind, SmpConfig};
use crate::qom::{Given, Spec};
use crate::sandbox::Sandbox;

impl From<ParamsError> for UsageError {
    fn from(error: ParamsError) -> Self {
        UsageError(error.0)
    }
}

/// The options so far.
#[derive(Debug, Default)]
pub(super) struct Builder {
    options: Options,
    kind: Option<MachineKind>,
    accel: Accelerators,
    ram: Option<u64>,
    smp: SmpConfig,
    kernel: Option<PathBuf>,
    cmdline: Option<String>,
    initrd: Option<PathBuf>,
    chardevs: Vec<(String, Chardev)>,
    /// Character device and layout of each `-mon`.
    mons: Vec<(String, bool)>,
    /// How many monitors there are that are given by the short form.
    short_monitors: usize,
    /// Whether serial ports, and monitors, were spoken of: then there are no others.
    names_serial: bool,
    names_monitor: bool,
    nographic: bool,
    nodefaults: bool,
    /// Whether messages name the guest.
    names_guest: bool,
    credentials: Vec<(String, Credentials)>,
    sandbox: Option<Option<Sandbox>>,
}

impl Builder {
    /// Applies one option; a text when that is all that is asked for.
    #[expect(clippy::too_many_lines, reason = "a line for each option")]
    pub(super) fn apply(&mut self, name: &str, value: &str) -> Result<Option<String>, UsageError> {
        match name {
            "help" => return Ok(Some(table::help())),
            "version" => return Ok(Some(format!("vmm {}\n", env!("CARGO_PKG_VERSION")))),
            "machine" => return self.machine(value),
            "accel" => return self.accel.option(value),
            "enable-kvm" => self.accel.board("kvm".to_owned()),
            "smp" => self.smp = smp::parse(value)?,
            "m" => {
                let memory = memory::parse(value)?;
                self.ram = Some(memory.size);
                let machine = &mut self.options.machine;
                machine.memory_slots = memory.slots;
                machine.max_ram_size = memory.max.unwrap_or(machine.max_ram_size);
            }
            "mem-path" => self.options.machine.mem_path = Some(value.into()),
            "mem-prealloc" => self.options.machine.mem_prealloc = true,
            "cpu" if matches!(value, "help" | "?") => return Ok(Some(lists::cpus())),
            "cpu" if value.is_empty() => {
                return Err(UsageError::new("-cpu option cannot be empty"));
            }
            "cpu" => {
                let cpu = CpuConfig::parse(value);
                self.options.machine.cpu_model =
                    cpu.map_err(|error| UsageError::new(error.to_string()))?;
            }
            "kernel" => self.kernel = Some(value.into()),
            "append" => self.cmdline = Some(value.to_owned()),
            "initrd" => self.initrd = Some(value.into()),
            "serial" => self.serial(value)?,
            "device" | "object" | "chardev" if lists::is_wanted(value) => {
                return Ok(Some(lists::of(name, value)?));
            }
            "chardev" => self.chardev(value)?,
            "qmp" | "qmp-pretty" => self.qmp(value, name == "qmp-pretty")?,
            "mon" => self.mon(value)?,
            "object" => self.object(value)?,
            "S" => self.options.machine.paused = true,
            "preconfig" => self.options.machine.preconfig = true,
            "no-reboot" => self.action("reboot=shutdown")?,
            "no-shutdown" => self.action("shutdown=pause")?,
            "action" => self.action(value)?,
            "watchdog-action" => self.action(&format!("watchdog={value}"))?,
            "rtc" => self.rtc(value)?,
            "device" => self.device(value)?,
            "blockdev" => self.options.machine.nodes.push(block::blockdev(value)?),
            "drive" => {
                let count = self.options.machine.drives.len();
                let drive = block::drive(value, count)?;
                self.options.machine.drives.push(drive);
            }
            "name" => {
                let mut params = Params::parse(value, Some("guest"));
                self.options.name = params.first().map(str::to_owned);
                // The threads have names anyhow.
                params.take_switch("debug-threads", true)?;
                self.options.process_name = params.take("process");
                params.finish()?;
            }
            "uuid" => self.options.uuid = Some(parse_uuid(value)?),
            "compat" => {
                let policy = value.parse();
                self.options.compat =
                    policy.map_err(|error| UsageError::new(format!("{error}")))?;
            }
            "pidfile" => self.options.pidfile = Some(value.into()),
            "nographic" => self.nographic = true,
            "nodefaults" => self.nodefaults = true,
            "daemonize" => self.options.daemonize = true,
            "overcommit" => self.options.memory_lock = process::overcommit(value)?,
            "msg" => {
                let (timestamp, name) = process::msg(value)?;
                self.options.messages.timestamp = timestamp;
                self.names_guest = name;
            }
            "trace" => return trace::parse(value, &mut self.options),
            "d" => return trace::log_items(value, &mut self.options),
            "D" => self.options.trace_file = Some(value.into()),
            "audiodev" => self.options.audiodevs.push(audio::parse(value)?),
            "global" => self.options.machine.globals.extend(global(value)?),
            "boot" => process::boot(value)?,
            "add-fd" => self.options.fds.push(process::add_fd(value)?),
            "sandbox" => self.sandbox = Some(sandbox::parse(value)?),
            "monitor" => self.monitor(value)?,
            "echr" => self.options.escape = escape(value)?,
            "display" | "vga" | "vnc" | "net" | "nic" | "parallel" | "gdb" if value != "none" => {
                return Err(UsageError::new(format!(
                    "'{value}' is not there; leave the option out or say none"
                )));
            }
            _ => {} // accepted for QEMU's sake
        }
        Ok(None)
    }

    fn machine(&mut self, value: &str) -> Result<Option<String>, UsageError> {
        let mut params = Params::parse(value, Some("type"));
        match params.first() {
            Some("help" | "?") => {
                return Ok(Some("Supported machines are:\nmicrovm              a small PC (alias of q-min)\nnone                 no board at all\nq-min                a small PC (default)\n".into()));
            }
            Some(kind) => {
                let alias = MachineKind::ALL
                    .iter()
                    .find(|known| known.alias() == Some(kind));
                let found = alias.copied().or_else(|| kind.parse().ok());
                self.kind = Some(found.ok_or_else(|| {
                    let all = MachineKind::ALL.iter().map(|known| known.as_str());
                    let all: Vec<&str> = all.collect();
                    UsageError::new(format!(
                        "unsupported machine type: \"{kind}\"; use one of {}",
                        all.join(", ")
                    ))
                })?);
            }
            None => {}
        }
        if let Some(accel) = params.take("accel") {
            self.accel.board(accel);
        }
        let is_told = params.take_switch("auto-kernel-cmdline", true)?;
        let machine = &mut self.options.machine;
        machine.no_acpi |= !acpi(&mut params)?;
        // as with QEMU
        machine.virtio_on_cmdline = is_told && machine.no_acpi;
        let defaults = &mut machine.memory_defaults;
        defaults.merge = params.take_switch("mem-merge", defaults.merge)?;
        defaults.dump = params.take_switch("dump-guest-core", defaults.dump)?;
        if let Some(id) = params.take("memory-backend") {
            self.options.machine.memory_backend = Some(id);
        }
        accel::irqchip(&mut params)?;
        microvm_options(&mut params)?;
        let kind = self.kind.unwrap_or(MachineKind::QMin);
        accel::known(&params, &format!("{}-machine", kind.as_str()))?;
        Ok(None)
    }

    fn serial(&mut self, value: &str) -> Result<(), UsageError> {
        self.names_serial = true;
        if value == "none" {
            return Ok(());
        }
        let label = match value.strip_prefix("chardev:") {
            Some(label) => label.to_owned(),
            None => {
                let label = format!("serial{}", self.options.machine.serial.len());
                self.compat_chardev(&label, value)?;
                if value.starts_with("mon:") {
                    self.options.terminals.push(label.clone());
                }
                label
            }
        };
        self.options.machine.serial.push(label);
        Ok(())
    }

    /// A character device in its short form, which may be to be shared.
    fn compat_chardev(&mut self, label: &str, value: &str) -> Result<(), UsageError> {
        let shared = value.strip_prefix("mon:");
        let mut backend = chardev::short(shared.unwrap_or(value))?;
        if let BackendConfig::Stdio { signal } = &mut backend {
            *signal = shared.is_none(); // all keys are the guest's or the monitor's
        }
        self.declare(label, Chardev::Backend(backend, None), shared.is_some());
        Ok(())
    }

    fn chardev(&mut self, value: &str) -> Result<(), UsageError> {
        let (id, chardev, shared) = chardev::parse(value)?;
        if self.chardevs.iter().any(|(label, _)| *label == id) {
            return Err(UsageError::new(format!("Duplicate ID '{id}' for chardev")));
        }
        self.declare(&id, chardev, shared);
        Ok(())
    }

    /// Keeps a character device; one that is to be shared is behind a multiplexer with its label.
    fn declare(&mut self, label: &str, chardev: Chardev, shared: bool) {
        if !shared {
            self.chardevs.push((label.to_owned(), chardev));
            return;
        }
        let base = format!("{label}-base");
        let mux = BackendConfig::Mux {
            chardev: base.clone(),
        };
        self.chardevs.push((base, chardev));
        self.chardevs
            .push((label.to_owned(), Chardev::Backend(mux, None)));
    }

    fn qmp(&mut self, value: &str, pretty: bool) -> Result<(), UsageError> {
        self.names_monitor = true;
        if value == "none" {
            return Ok(());
        }
        if let Some(id) = value.strip_prefix("chardev:") {
            self.short_monitors += 1;
            self.mons.push((id.to_owned(), pretty));
            return Ok(());
        }
        let names_side = value
            .split(',')
            .any(|option| option == "server" || option.starts_with("server="));
        // As with QEMU, the monitor connects if nothing is said.
        let endpoint: Endpoint = value
            .parse()
            .map_err(|error| UsageError::new(format!("{error}")))?;
        let endpoint = match names_side {
            true => endpoint,
            false => endpoint.server(false),
        };
        let label = self.next_monitor();
        self.options.monitors.push(MonitorConfig {
            label,
            endpoint: endpoint.style(style(pretty)),
        });
        Ok(())
    }

    /// The label of the next monitor's character device, if it is not given.
    fn next_monitor(&mut self) -> String {
        let number = self.short_monitors;
        self.short_monitors += 1;
        format!("compat_monitor{number}")
    }

    /// A human monitor, by the short form of a character device.
    fn monitor(&mut self, value: &str) -> Result<(), UsageError> {
        self.names_monitor = true;
        if value == "none" {
            return Ok(());
        }
        if let Some(label) = value.strip_prefix("chardev:") {
            self.short_monitors += 1;
            self.options.terminals.push(label.to_owned());
            return Ok(());
        }
        let label = self.next_monitor();
        self.compat_chardev(&label, value)?;
        self.options.terminals.push(label);
        Ok(())
    }

    fn mon(&mut self, value: &str) -> Result<(), UsageError> {
        self.names_monitor = true;
        let mut params = Params::parse(value, Some("chardev"));
        let id = params.first().map(str::to_owned);
        let id = id.ok_or_else(|| UsageError::new("Parameter 'chardev' is missing"))?;
        params.take("id");
        let mode = params.take("mode");
        let names_layout = value.split(',').any(|part| part.starts_with("pretty="));
        let pretty = params.take_switch("pretty", false)?;
        params.finish()?;
        match mode.as_deref() {
            Some("control") => {}
            None | Some("readline") if names_layout => {
                return Err(UsageError::new(
                    "'pretty' is not compatible with HMP monitors",
                ));
            }
            None | Some("readline") => {
                self.options.terminals.push(id);
                return Ok(());
            }
            Some(mode) => {
                return Err(UsageError::new(format!(
                    "Parameter 'mode' does not accept value '{mode}'"
                )));
            }
        }
        self.mons.push((id, pretty));
        Ok(())
    }

    fn action(&mut self, value: &str) -> Result<(), UsageError> {
        fn set<T: std::str::FromStr<Err: std::fmt::Display>>(
            place: &mut T,
            params: &mut Params,
            key: &str,
        ) -> Result<(), UsageError> {
            if let Some(value) = params.take(key) {
                *place = value.parse().map_err(|error| {
                    UsageError::new(format!(
                        "Parameter '{key}' does not accept value '{value}': {error}"
                    ))
                })?;
            }
            Ok(())
        }
        let mut params = Params::parse(value, None);
        let actions = &mut self.options.machine.actions;
        set(&mut actions.reboot, &mut params, "reboot")?;
        set(&mut actions.shutdown, &mut params, "shutdown")?;
        set(&mut actions.panic, &mut params, "panic")?;
        set(&mut actions.watchdog, &mut params, "watchdog")?;
        Ok(params.finish()?)
    }

    fn device(&mut self, value: &str) -> Result<(), UsageError> {
        self.options.machine.devices.push(spec(value, "driver")?);
        Ok(())
    }

    fn object(&mut self, value: &str) -> Result<(), UsageError> {
        let object = spec(value, "qom-type")?;
        if object.type_name != "tls-creds-x509" {
            self.options.machine.objects.push(object);
        } else if value.starts_with('{') {
            let text = "tls-creds-x509 is given as key=value, not as JSON";
            return Err(UsageError::new(text));
        } else {
            self.credentials.push(tls::parse(value)?);
        }
        Ok(())
    }

    fn rtc(&mut self, value: &str) -> Result<(), UsageError> {
        let mut params = Params::parse(value, None);
        let rtc = &mut self.options.machine.rtc;
        if let Some(base) = params.take("base") {
            rtc.base = base
                .parse()
                .map_err(|error| UsageError::new(format!("{error}")))?;
        }
        let invalid = |value: &str| UsageError::new(format!("invalid option value '{value}'"));
        if let Some(clock) = params.take("clock") {
            rtc.clock = match clock.as_str() {
                "host" => ClockKind::Host,
                "rt" => ClockKind::Rt,
                "vm" => ClockKind::Vm,
                other => return Err(invalid(other)),
            };
        }
        if let Some(policy) = params.take("driftfix") {
            rtc.slew = match policy.as_str() {
                "none" => false,
                "slew" => true,
                other => return Err(invalid(other)),
            };
        }
        Ok(params.finish()?)
    }

    /// Puts it all together, once every option is known.
    pub(super) fn finish(mut self) -> Result<Options, UsageError> {
        if self.names_guest {
            self.options.messages.guest.clone_from(&self.options.name);
        }
        let lacks = !(self.names_serial && self.names_monitor);
        if self.options.daemonize && self.nographic && !self.nodefaults && lacks {
            let text = "-nographic cannot be used with -daemonize";
            return Err(UsageError::new(text));
        }
        if self.options.daemonize {
            self.check_background()?;
        }
        if self.nographic && !self.nodefaults {
            match (self.names_serial, self.names_monitor) {
                (false, false) => self.serial("mon:stdio")?,
                (false, true) => self.serial("stdio")?,
                (true, false) => self.monitor("stdio")?,
                (true, true) => {}
            }
        }
        self.connect_monitors()?;
        self.connect_serial()?;
        for global in &self.options.machine.globals {
            let checked = global.check(&self.options.machine.devices);
            checked.map_err(|error| UsageError::new(format!("-global: {error}")))?;
        }
        self.options.sandbox = self.sandbox.unwrap_or(Some(Sandbox::default()));
        let accel = self.accel.choose()?;
        let machine = &mut self.options.machine;
        machine.confined = self.options.sandbox.is_some();
        machine.kind = self.kind.unwrap_or(MachineKind::QMin);
        let has_board = machine.kind != MachineKind::None;
        if !has_board {
            machine.serial.clear(); // their character devices are there all the same
        }
        machine.accel = accel.unwrap_or(if has_board {
            AccelKind::Kvm
        } else {
            AccelKind::None
        });
        let takes_default = has_board && machine.memory_backend.is_none();
        let default = if takes_default { DEFAULT_RAM } else { 0 };
        machine.ram_size = self.ram.unwrap_or(default);
        if machine.mem_prealloc {
            let objects = machine.objects.iter_mut();
            for object in objects.filter(|object| object.type_name.starts_with("memory-backend-")) {
                let known = object.properties.iter();
                if !known.clone().any(|(name, _)| name == "prealloc") {
                    let on = ("prealloc".to_owned(), Given::Json(true.into()));
                    object.properties.push(on);
                }
            }
        }
        let (topology, cpus) = self
            .smp
            .resolve()
            .map_err(|error| UsageError::new(format!("-smp: {error}")))?;
        let said = self.smp != SmpConfig::default();
        machine.cpus = if said { cpus } else { u32::from(has_board) };
        if said {
            machine.max_cpus = u32::try_from(topology.count()).unwrap_or(u32::MAX);
            machine.topology = Some(topology);
        }
        match self.kernel {
            Some(kernel) => {
                machine.boot = Some(BootConfig {
                    kernel: Image::File(kernel),
                    cmdline: self.cmdline.unwrap_or_default(),
                    initrd: self.initrd.map(Image::File),
                });
            }
            None if self.cmdline.is_some() => {
                return Err(UsageError::new("-append: needs a kernel: add -kernel FILE"));
            }
            None if self.initrd.is_some() => {
                return Err(UsageError::new("-initrd: needs a kernel: add -kernel FILE"));
            }
            None => {}
        }
        Ok(self.options)
    }

    /// What cannot be had in the background; the words are QEMU's.
    fn check_background(&self) -> Result<(), UsageError> {
        let fail = |text: &str| Err(UsageError::new(text));
        if self.options.machine.preconfig {
            return fail("'preconfig' and 'daemonize' options are mutually exclusive");
        }
        let is_stdio =
            |chardev: &Chardev| matches!(chardev, Chardev::Backend(BackendConfig::Stdio { .. }, _));
        let chardevs = self.chardevs.iter().any(|(_, chardev)| is_stdio(chardev));
        let mut monitors = self.options.monitors.iter();
        if chardevs || monitors.any(|one| matches!(one.endpoint.address(), Address::Stdio)) {
            return fail("cannot use stdio with -daemonize");
        }
        Ok(())
    }

    fn connect_monitors(&mut self) -> Result<(), UsageError> {
        for (id, pretty) in std::mem::take(&mut self.mons) {
            let at = self.chardevs.iter().position(|(label, _)| *label == id);
            let at =
                at.ok_or_else(|| UsageError::new(format!("-mon: chardev \"{id}\" not found")))?;
            let is_bridged = match self.chardevs.get(at) {
                Some((_, Chardev::Backend(backend, _))) => {
                    !matches!(backend, BackendConfig::Stdio { .. })
                }
                _ => false,
            };
            if is_bridged {
                self.options.bridges.push((id, style(pretty)));
                continue;
            }
            let endpoint = match self.chardevs.remove(at).1 {
                Chardev::Socket(endpoint, None, ..) => endpoint,
                Chardev::Socket(endpoint, Some(credentials), ..) => {
                    self.credentials(&credentials)?.protect(endpoint)?
                }
                Chardev::Backend(..) => Endpoint::listen(Address::Stdio),
            };
            self.options.monitors.push(MonitorConfig {
                label: id,
                endpoint: endpoint.style(style(pretty)),
            });
        }
        Ok(())
    }

    fn credentials(&self, id: &str) -> Result<&Credentials, UsageError> {
        let found = self.credentials.iter().find(|(label, _)| label == id);
        found.map(|(_, credentials)| credentials).ok_or_else(|| {
            UsageError::new(format!(
                "-chardev: there is no -object tls-creds-x509,id={id}"
            ))
        })
    }

    fn connect_serial(&mut self) -> Result<(), UsageError> {
        for (label, chardev) in std::mem::take(&mut self.chardevs) {
            match chardev {
                Chardev::Backend(backend, log) => {
                    self.options.chardevs.push((label, backend, log));
                }
                Chardev::Socket(_, None, config, log) => {
                    let backend = BackendConfig::Socket(config);
                    self.options.chardevs.push((label, backend, log));
                }
                Chardev::Socket(_, Some(_), ..) => {
                    return Err(UsageError::new(format!(
                        "-chardev: with TLS the socket '{label}' can serve a monitor only (-mon)"
                    )));
                }
            }
        }
        for label in &self.options.terminals {
            let mut known = self.options.chardevs.iter();
            if !known.any(|(known, ..)| known == label) {
                return Err(UsageError::new(format!(
                    "-mon: chardev \"{label}\" not found"
                )));
            }
        }
        for label in &self.options.machine.serial {
            if !self
                .options
                .chardevs
                .iter()
                .any(|(known, ..)| known == label)
            {
                return Err(UsageError::new(format!(
                    "-serial: there is no character device '{label}'"
                )));
            }
        }
        Ok(())
    }
}

/// Whether there are ACPI tables.
fn acpi(params: &mut Params) -> Result<bool, UsageError> {
    match params.take("acpi").as_deref() {
        Some("auto" | "on" | "yes" | "true" | "y") | None => Ok(true),
        Some("off" | "no" | "false" | "n") => Ok(false),
        Some(other) => Err(UsageError::new(format!(
            "Parameter 'acpi' does not accept value '{other}'"
        ))),
    }
}

/// The switches of QEMU's board of that name. Devices that this board always
/// has, or never has, are asked for or left out in vain: a guest that does
/// without a device does not mind that it is there.
fn microvm_options(params: &mut Params) -> Result<(), UsageError> {
    for (key, has) in [("isa-serial", true), ("graphics", true), ("usb", false)] {
        let wanted = params.take_switch(key, has)?;
        refuse_what_is_not_there(key, wanted && !has)?;
    }
    for (key, has) in [
        ("pit", true),
        ("pic", true),
        ("rtc", true),
        ("pcie", false),
        ("ioapic2", false),
        ("smm", false),
        ("x-option-roms", false),
    ] {
        let wanted = match params.take(key).as_deref() {
            None | Some("auto") => has,
            Some("on" | "yes" | "true" | "y") => true,
            Some("off" | "no" | "false" | "n") => false,
            Some(other) => {
                return Err(UsageError::new(format!(
                    "Parameter '{key}' does not accept value '{other}'"
                )));
            }
        };
        refuse_what_is_not_there(key, wanted && !has)?;
    }
    // There is no migration stream that would have a description.
    params.take_switch("suppress-vmdesc", false)?;
    Ok(())
}

fn refuse_what_is_not_there(key: &str, is_wanted: bool) -> Result<(), UsageError> {
    match is_wanted {
        false => Ok(()),
        true => Err(UsageError::new(format!(
            "{key}=on: this board has no such thing; leave it out or say {key}=off"
        ))),
    }
}

fn style(pretty: bool) -> Style {
    match pretty {
        true => Style::Pretty,
        false => Style::Line,
    }
}

/// A character by its number.
fn escape(text: &str) -> Result<u8, UsageError> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u8::from_str_radix(digits, 16),
        None => text.parse(),
    };
    number.map_err(|_| {
        UsageError::new("Bad argument to echr: say the character's number, such as 0x14 for Ctrl-T")
    })
}

fn parse_uuid(text: &str) -> Result<String, UsageError> {
    let groups: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
    let is_hex = groups
        .iter()
        .all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()));
    if lengths != [8, 4, 4, 4, 12] || !is_hex {
        return Err(UsageError::new(format!(
            "failed to parse UUID string: wrong format: '{text}'; example: 550e8400-e29b-41d4-a716-446655440000"
        )));
    }
    Ok(text.to_ascii_lowercase())
}

/// `DRIVER.PROPERTY=VALUE`, or each of them by name; nothing where the board is like that anyhow.
fn global(value: &str) -> Result<Option<Global>, UsageError> {
    let global = match short_global(value) {
        Some(global) => global,
        None => {
            let mut params = Params::parse(value, None);
            let mut required = |key: &str| {
                let value = params.take(key);
                value.ok_or_else(|| UsageError::new(format!("needs {key}=…")))
            };
            let global = Global {
                driver: required("driver")?,
                property: required("property")?,
                value: required("value")?,
            };
            params.finish()?;
            global
        }
    };
    if (&*global.driver, &*global.property) == ("virtio-mmio", "force-legacy") {
        return match &*global.value {
            "off" | "no" | "false" | "n" => Ok(None),
            _ => Err(UsageError::new(
                "virtio-mmio.force-legacy: there are modern devices alone; say off",
            )),
        };
    }
    Ok(Some(global))
}

fn short_global(value: &str) -> Option<Global> {
    let (driver, rest) = value.split_once('.')?;
    let (property, value) = rest.split_once('=')?;
    let is_short = !driver.contains(['=', ',']);
    is_short.then(|| Global {
        driver: driver.to_owned(),
        property: property.to_owned(),
        value: value.to_owned(),
    })
}

/// Reads what `-device` and `-object` take: `TYPE,key=value` or JSON.
pub(crate) fn spec(value: &str, type_key: &str) -> Result<Spec, UsageError> {
    if value.starts_with('{') {
        let members: Map<String, Value> = codec::from_str(value, Unknown::Refuse)
            .map_err(|error| UsageError::new(error.desc().to_owned()))?;
        let spec = Spec::from_json(members, type_key);
        return spec.map_err(|error| UsageError::new(error.to_string()));
    }
    let mut params = Params::parse(value, Some(type_key));
    let type_name = params.first().map(str::to_owned);
    let type_name =
        type_name.ok_or_else(|| UsageError::new(format!("Parameter '{type_key}' is missing")))?;
    let id = params.take("id");
    let rest = params.take_rest().into_iter();
    let properties = rest.map(|(key, value)| (key, Given::Text(value))).collect();
    Ok(Spec {
        type_name,
        id,
        properties,
    })
}

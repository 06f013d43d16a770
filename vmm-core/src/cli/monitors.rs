//! Character devices, and who uses them: serial ports and monitors.

use qmp_runtime::json::Style;
use qmp_runtime::server::{Address, Endpoint};

use super::apply::{Builder, Taken};
use super::chardev::{self, Chardev};
use super::params::Params;
use super::tls::Credentials;
use super::{MonitorConfig, UsageError};
use crate::char::BackendConfig;

impl Builder {
    pub(super) fn character_option(
        &mut self,
        name: &str,
        value: &str,
    ) -> Result<Taken, UsageError> {
        match name {
            "serial" => self.serial(value)?,
            "chardev" => self.chardev(value)?,
            "qmp" | "qmp-pretty" => self.qmp(value, name == "qmp-pretty")?,
            "mon" => self.mon(value)?,
            "monitor" => self.monitor(value)?,
            "echr" => self.options.escape = escape(value)?,
            "nographic" => self.nographic = true,
            "nodefaults" => self.nodefaults = true,
            _ => return Ok(Taken::No),
        }
        Ok(Taken::Yes)
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

    /// What `-nographic` puts on the terminal, as far as nothing else is said.
    pub(super) fn take_terminal(&mut self) -> Result<(), UsageError> {
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
        Ok(())
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

    pub(super) fn connect_monitors(&mut self) -> Result<(), UsageError> {
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
        let mut others = self.options.machine.objects.iter();
        found.map(|(_, credentials)| credentials).ok_or_else(|| {
            UsageError::new(match others.any(|other| other.id.as_deref() == Some(id)) {
                true => format!("-chardev: Object with id '{id}' is not TLS credentials"),
                false => format!("-chardev: No TLS credentials with id '{id}'"),
            })
        })
    }

    pub(super) fn connect_serial(&mut self) -> Result<(), UsageError> {
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

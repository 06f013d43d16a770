//! QMP monitors as character devices: they are listed and cannot be removed, and nothing else uses them.

use std::io;
use std::sync::{Arc, Mutex};

use qmp_runtime::server::{Address, Endpoint, Monitor, Server};

use crate::char::{Backend, CharError, Frontend, Registry};
use crate::cli::MonitorConfig;
use crate::run::RunError;
use crate::sync::lock;

/// The outer end of a monitor.
#[derive(Debug)]
struct End {
    /// Known once the monitor is open.
    monitor: Mutex<Option<Monitor>>,
    is_stdio: bool,
    is_tcp: bool,
    /// Where it is, in words.
    place: String,
    suffix: &'static str,
}

impl End {
    fn new(endpoint: &Endpoint) -> Self {
        let address = endpoint.address();
        Self {
            monitor: Mutex::default(),
            is_stdio: matches!(address, Address::Stdio),
            is_tcp: matches!(address, Address::Tcp(_)),
            place: match address {
                Address::Tcp(tcp) => format!("tcp:{}:{}", tcp.host, tcp.port),
                Address::Abstract { name, tight: true } => {
                    format!("unix:{name},abstract=on,tight=on")
                }
                other => other.to_string(),
            },
            suffix: if endpoint.listens() { ",server=on" } else { "" },
        }
    }
}

impl Backend for End {
    fn kind(&self) -> &'static str {
        match self.is_stdio {
            true => "stdio",
            false => "socket",
        }
    }

    fn filename(&self) -> String {
        let (place, suffix) = (&self.place, self.suffix);
        let monitor = lock(&self.monitor);
        let monitor = monitor.as_ref();
        match monitor.and_then(Monitor::client) {
            _ if self.is_stdio => place.clone(),
            None => match monitor.and_then(|monitor| monitor.local_addrs().first()) {
                Some(here) => format!("disconnected:tcp:{here}{suffix}"),
                None => format!("disconnected:{place}{suffix}"),
            },
            Some(client) => match client.addresses {
                Some((here, there)) if self.is_tcp => format!("tcp:{here}{suffix} <-> {there}"),
                _ => format!("{place}{suffix}"),
            },
        }
    }

    fn write(&self, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

/// Opens a monitor; its character device is in use for as long as what is returned is there.
pub(crate) fn open(
    server: &Server,
    chardevs: &Registry,
    config: MonitorConfig,
) -> Result<Frontend, RunError> {
    let MonitorConfig { label, endpoint } = config;
    let end = Arc::new(End::new(&endpoint));
    let taken = |error: CharError| RunError::Chardev {
        option: format!("-chardev {label}"),
        error,
    };
    chardevs
        .insert(&label, Arc::<End>::clone(&end))
        .map_err(taken)?;
    let frontend = chardevs.open_monitor(&label).map_err(taken)?;
    let address = endpoint.address().to_string();
    let (waits, listens) = (endpoint.waits(), endpoint.listens());
    let monitor = server.open(endpoint).map_err(|error| RunError::Monitor {
        address,
        error,
        remedy: match listens {
            true => "",
            false => "; for clients to connect here, add server=on",
        },
    })?;
    *lock(&end.monitor) = Some(monitor.clone());
    if waits {
        monitor.wait_for_client();
    }
    Ok(frontend)
}

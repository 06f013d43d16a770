//! A monitor's address and what else is to be known about it.

use std::io;
use std::str::FromStr;
use std::time::Duration;

use super::address::{Address, AddressError, Tcp};
use crate::fd::Channel;
use crate::json::Style;

/// A monitor's address, which side calls the other, and how.
///
/// The text form is QEMU's: `unix:PATH`, `tcp:HOST:PORT`, `vsock:CID:PORT`, `device:PATH` or `stdio`, and options behind:
///
/// | option | meaning |
/// | --- | --- |
/// | `server=on`, `server=off` | clients connect here (as when it is left out), or the monitor connects to them |
/// | `wait=on`, `wait=off` | for [`Endpoint::waits`]; `nowait` is an old word for the second |
/// | `reconnect-ms=N`, `reconnect=N` | where the monitor connects, or for a device that may not be there: after how long it tries again, 0 for never; the second in seconds |
/// | `abstract=on`, `tight=off` | for unix: an abstract name; filled up with zeros |
/// | `mode=0600` | for unix: the permissions of the socket file, as an octal number |
/// | `to=N`, `ipv4=on`, `ipv6=on` | for tcp: ports up to this one are tried; only this kind of address; `=off` for the other kind only |
///
/// A doubled comma is a comma in a path.
#[derive(Debug)]
pub struct Endpoint {
    pub(super) address: Address,
    pub(super) listens: bool,
    pub(super) waits: bool,
    pub(super) reconnect: Option<Duration>,
    pub(super) style: Style,
    pub(super) permissions: Option<u32>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<std::sync::Arc<rustls::ServerConfig>>,
}

impl From<Address> for Endpoint {
    fn from(address: Address) -> Self {
        Endpoint::listen(address)
    }
}

impl Endpoint {
    /// Clients connect here.
    pub fn listen(address: Address) -> Self {
        Endpoint {
            address,
            listens: true,
            waits: true,
            reconnect: None,
            style: Style::Line,
            permissions: None,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }

    /// The monitor connects to a client that listens here; once, unless [`Endpoint::reconnect`] says more.
    pub fn connect(address: Address) -> Self {
        Endpoint {
            listens: false,
            ..Endpoint::listen(address)
        }
    }

    /// Whether clients connect here; otherwise the monitor connects to them.
    #[must_use]
    pub fn server(self, yes: bool) -> Self {
        Endpoint {
            listens: yes,
            ..self
        }
    }

    /// Where the monitor connects, or opens a device: it tries again and again, with this pause, until it
    /// succeeds, and again when the connection has ended or the device has gone.
    #[must_use]
    pub fn reconnect(self, pause: Duration) -> Self {
        Endpoint {
            reconnect: Some(pause),
            ..self
        }
    }

    /// What [`Endpoint::waits`] says.
    #[must_use]
    pub fn wait(self, yes: bool) -> Self {
        Endpoint { waits: yes, ..self }
    }

    /// The layout of the output.
    #[must_use]
    pub fn style(self, style: Style) -> Self {
        Endpoint { style, ..self }
    }

    /// The permissions of a unix socket's file, such as `0o600`, from the moment when it is there; without
    /// this, those that the process's umask leaves.
    #[must_use]
    pub fn permissions(self, mode: u32) -> Self {
        Endpoint {
            permissions: Some(mode),
            ..self
        }
    }

    /// TLS, of which this is the server's end whichever side connects.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn tls(self, config: std::sync::Arc<rustls::ServerConfig>) -> Self {
        Endpoint {
            tls: Some(config),
            ..self
        }
    }

    /// Whether the program is to wait for a first client before it goes on, as `wait` says. The server
    /// itself does not: that is what [`Monitor::wait_for_client`](super::Monitor::wait_for_client) is for.
    pub fn waits(&self) -> bool {
        let is_there_already = matches!(self.address, Address::Stdio | Address::Device(_));
        self.listens && self.waits && !is_there_already
    }

    /// Whether clients connect here; otherwise the monitor connects to them.
    pub fn listens(&self) -> bool {
        self.listens
    }

    /// What is to be done with the channel of a client.
    pub(super) fn wrap(&self) -> impl Fn(Channel) -> io::Result<Channel> + Send + Sync + use<> {
        #[cfg(feature = "tls")]
        let tls = self.tls.clone();
        move |channel| {
            #[cfg(feature = "tls")]
            if let Some(config) = &tls {
                let session = super::TlsSession::new(std::sync::Arc::clone(config))?;
                return Ok(channel.with_tls(session));
            }
            Ok(channel)
        }
    }

    /// The address.
    pub fn address(&self) -> &Address {
        &self.address
    }
}

impl FromStr for Endpoint {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let fault = |what: String| AddressError(format!("'{text}': {what}"));
        let (head, options) = split(text);
        let mut endpoint = Endpoint::listen(parse_head(&head).map_err(fault)?);
        for option in &options {
            let (key, value) = option.split_once('=').unwrap_or((option, "on"));
            endpoint
                .set(key, value)
                .map_err(|what| fault(format!("option '{option}': {what}")))?;
        }
        Ok(endpoint)
    }
}

/// What stands in front of the first comma, and the options behind it.
fn split(text: &str) -> (String, Vec<String>) {
    let mut parts = vec![String::new()];
    let mut pieces = text.split(',').peekable();
    while let Some(piece) = pieces.next() {
        if let Some(part) = parts.last_mut() {
            part.push_str(piece);
            // Nothing between two commas: the two are one that belongs to the text.
            if pieces.next_if(|next| next.is_empty()).is_some() && pieces.peek().is_some() {
                part.push(',');
            } else if pieces.peek().is_some() {
                parts.push(String::new());
            }
        }
    }
    (parts.remove(0), parts)
}

fn parse_head(head: &str) -> Result<Address, String> {
    match head.split_once(':') {
        None if head == "stdio" => Ok(Address::Stdio),
        Some(("unix", path)) if !path.is_empty() => Ok(Address::Unix(path.into())),
        Some(("device", path)) if !path.is_empty() => Ok(Address::Device(path.into())),
        Some(("tcp", address)) => Tcp::parse(address)
            .map(Address::Tcp)
            .ok_or_else(|| "a TCP port is written tcp:HOST:PORT".into()),
        #[cfg(feature = "vsock")]
        Some(("vsock", address)) => address
            .split_once(':')
            .and_then(|(cid, port)| {
                Some(Address::Vsock {
                    cid: cid.parse().ok()?,
                    port: port.parse().ok()?,
                })
            })
            .ok_or_else(|| "two numbers are needed, vsock:CID:PORT".into()),
        #[cfg(not(feature = "vsock"))]
        Some(("vsock", _)) => Err("this program was built without the feature 'vsock'".into()),
        _ => Err(
            "this is none of unix:PATH, tcp:HOST:PORT, vsock:CID:PORT, device:PATH, stdio".into(),
        ),
    }
}

impl Endpoint {
    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match (key, &mut self.address) {
            ("server", _) => self.listens = switch(value)?,
            ("wait", _) => self.waits = switch(value)?,
            ("nowait", _) => self.waits = !switch(value)?,
            // Replies are whole messages, which are never held back.
            ("nodelay" | "delay", Address::Tcp(_)) => drop(switch(value)?),
            ("reconnect-ms", _) => self.reconnect = pause(value, Duration::from_millis)?,
            ("reconnect", _) => self.reconnect = pause(value, Duration::from_secs)?,
            ("abstract", Address::Unix(path)) => {
                if switch(value)? {
                    let name = path.to_string_lossy().into_owned();
                    self.address = Address::Abstract { name, tight: true };
                }
            }
            ("tight", Address::Abstract { tight, .. }) => *tight = switch(value)?,
            ("mode", Address::Unix(_)) => {
                let mode = u32::from_str_radix(value, 8).ok();
                let mode = mode.filter(|&mode| mode <= 0o777);
                self.permissions = Some(mode.ok_or("write permissions as in mode=0600")?);
            }
            ("to", Address::Tcp(tcp)) => {
                let to = value.parse().map_err(|_| "this is no port")?;
                tcp.to = Some(to);
            }
            ("ipv4", Address::Tcp(tcp)) => match switch(value)? {
                true => tcp.ipv6 = false,
                false => tcp.ipv4 = false,
            },
            ("ipv6", Address::Tcp(tcp)) => match switch(value)? {
                true => tcp.ipv4 = false,
                false => tcp.ipv6 = false,
            },
            _ => return Err("there is no such option here".into()),
        }
        Ok(())
    }
}

fn switch(value: &str) -> Result<bool, String> {
    match value {
        "on" | "yes" | "true" => Ok(true),
        "off" | "no" | "false" => Ok(false),
        _ => Err("say on or off".into()),
    }
}

fn pause(value: &str, unit: fn(u64) -> Duration) -> Result<Option<Duration>, String> {
    let number: u32 = value.parse().map_err(|_| "this is no number")?;
    Ok((number > 0).then(|| unit(number.into())))
}
